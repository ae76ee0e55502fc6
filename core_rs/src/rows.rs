// SPDX-License-Identifier: Apache-2.0
//! A token's row.

use std::sync::Arc;

use kagimori_hsm::{Identity, Row};
use kagimori_otp::{Digits, Hash};
use pyo3::{PyResult, exceptions::PyValueError, pyclass, pymethods};

/// What a row MAC covers, and the MAC.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct TokenRow(pub Arc<Row>);

#[pymethods]
impl TokenRow {
    #[new]
    #[pyo3(signature = (
        tenant, token_id, serial, subscriber, kind, purpose, factor, hash, digits, period, t0,
        custody, seed_length, key_version, wrap_format, blob, mac
    ))]
    #[expect(clippy::too_many_arguments, reason = "a row has that many fields, all named")]
    fn new(
        tenant: &str,
        token_id: &str,
        serial: &str,
        subscriber: &str,
        kind: &str,
        purpose: &str,
        factor: &str,
        hash: &str,
        digits: u8,
        period: u32,
        t0: i64,
        custody: &str,
        seed_length: u32,
        key_version: u32,
        wrap_format: &str,
        blob: &[u8],
        mac: &[u8],
    ) -> PyResult<Self> {
        if !matches!(factor, "TIME" | "EVENT") {
            return Err(unknown("factor", factor));
        }
        let hash = parse_hash(hash)?;
        let digits = parse_digits(digits)?;
        let identity = Identity {
            tenant,
            token_id,
            serial,
            subscriber,
            kind,
            purpose,
            factor,
            hash,
            digits,
            period,
            t0,
            custody,
            seed_length,
            key_version,
            wrap_format,
            blob,
        };
        Ok(Self(Arc::new(Row::new(&identity, mac))))
    }
}

pub fn parse_hash(word: &str) -> PyResult<Hash> {
    match word {
        "SHA1" => Ok(Hash::Sha1),
        "SHA256" => Ok(Hash::Sha256),
        "SHA512" => Ok(Hash::Sha512),
        other => Err(unknown("hash", other)),
    }
}

pub fn parse_digits(count: u8) -> PyResult<Digits> {
    Digits::new(count).ok_or_else(|| unknown("number of digits", &count.to_string()))
}

fn unknown(what: &str, word: &str) -> pyo3::PyErr {
    PyValueError::new_err(format!("unknown {what}: {word}"))
}
