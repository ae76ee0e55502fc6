// SPDX-License-Identifier: Apache-2.0
//! Functions that need no HSM.

use kagimori_hsm as hsm;
use kagimori_otp::{SoftwareMac, hotp as code_of};
use pyo3::{PyResult, pyfunction};

use crate::rows::{parse_digits, parse_hash};

/// Return the RFC 4226 code of a key that is no secret: for tests and benches.
#[pyfunction]
#[pyo3(signature = (key, counter, digits, hash))]
pub fn hotp(key: &[u8], counter: u64, digits: u8, hash: &str) -> PyResult<String> {
    let digits = parse_digits(digits)?;
    let mut mac = SoftwareMac::new(parse_hash(hash)?, key);
    let Ok(code) = code_of(&mut mac, counter, digits);
    Ok(code.as_bytes().iter().map(|digit| char::from(*digit)).collect())
}

/// Switch core dumps off for this process and forbid its memory to be read.
#[pyfunction]
pub fn harden() -> PyResult<()> {
    Ok(hsm::harden()?)
}
