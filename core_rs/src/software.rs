// SPDX-License-Identifier: Apache-2.0
//! Functions that need no HSM.

use kagimori_hsm as hsm;
use kagimori_otp::{
    SoftwareMac, hotp as code_of,
    ocra::{DataInput, Inputs},
};
use pyo3::{PyResult, pyfunction};

use crate::{
    job::{parse_suite, unfit},
    rows::{parse_digits, parse_hash},
};

/// Return the RFC 4226 code of a key that is no secret: for tests and benches.
#[pyfunction]
#[pyo3(signature = (key, counter, digits, hash))]
pub fn hotp(key: &[u8], counter: u64, digits: u8, hash: &str) -> PyResult<String> {
    let digits = parse_digits(digits)?;
    let mut mac = SoftwareMac::new(parse_hash(hash)?, key);
    let Ok(code) = code_of(&mut mac, counter, digits);
    Ok(code.as_bytes().iter().map(|digit| char::from(*digit)).collect())
}

/// Return the RFC 6287 response of a key that is no secret: for tests and benches.
#[pyfunction]
#[pyo3(signature = (
    key, suite, question, *, own_question = None, counter = None, password_hash = None,
    session = None, time_step = None
))]
#[expect(clippy::too_many_arguments, reason = "a suite has that many inputs, all named")]
pub fn ocra(
    key: &[u8],
    suite: &str,
    question: &str,
    own_question: Option<&str>,
    counter: Option<u64>,
    password_hash: Option<&[u8]>,
    session: Option<&[u8]>,
    time_step: Option<u64>,
) -> PyResult<String> {
    let suite = parse_suite(suite)?;
    let inputs = Inputs { counter, question, own_question, password_hash, session, time_step };
    let input = DataInput::new(&suite, &inputs).map_err(unfit)?;
    let Ok(response) = input.respond(&mut SoftwareMac::new(suite.hash(), key));
    let mut text = String::new();
    response.write_to(&mut text).expect("a string takes all that is written");
    Ok(text)
}

/// Switch core dumps off for this process and forbid its memory to be read.
#[pyfunction]
pub fn harden() -> PyResult<()> {
    Ok(hsm::harden()?)
}
