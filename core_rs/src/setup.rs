// SPDX-License-Identifier: Apache-2.0
//! What a vault is opened with.

use kagimori_hsm as hsm;
use pyo3::{PyResult, pyclass, pymethods};

use crate::rows::parse_hash;

/// A canary of the ceremony.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct Canary(pub hsm::Canary);

#[pymethods]
impl Canary {
    #[new]
    #[pyo3(signature = (*, tenant, key_version, blob, challenge, response))]
    fn new(
        tenant: String,
        key_version: u32,
        blob: Vec<u8>,
        challenge: Vec<u8>,
        response: Vec<u8>,
    ) -> Self {
        Self(hsm::Canary { tenant, key_version, blob, challenge, response })
    }
}

/// What of a provider profile concerns seeds.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct Provider(pub hsm::Provider);

#[pymethods]
impl Provider {
    #[new]
    #[pyo3(signature = (*, kwp, wrap_format, oaep_hash, hmac_min_is_hash_length))]
    fn new(
        kwp: u64,
        wrap_format: String,
        oaep_hash: &str,
        hmac_min_is_hash_length: bool,
    ) -> PyResult<Self> {
        let oaep_hash = parse_hash(oaep_hash)?;
        Ok(Self(hsm::Provider { kwp, wrap_format, oaep_hash, hmac_min_is_hash_length }))
    }
}

/// A partition by its label, and its PIN in memory that is wiped.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct Partition(pub hsm::Login);

#[pymethods]
impl Partition {
    #[new]
    #[pyo3(signature = (*, label, pin))]
    fn new(label: String, pin: &str) -> Self {
        Self(hsm::Login { label, pin: hsm::AuthPin::from(pin) })
    }
}
