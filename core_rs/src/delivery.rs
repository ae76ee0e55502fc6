// SPDX-License-Identifier: Apache-2.0
//! A vendor's delivery: how it is encrypted, its seeds, and what comes of them.

use std::sync::Arc;

use kagimori_hsm as hsm;
use pyo3::{
    IntoPyObjectExt, Py, PyAny, PyResult, Python, pybacked::PyBackedBytes, pyclass, pymethods,
    types::PyBytes,
};

use crate::{rows::parse_hash, vault::detached};

/// (MAC algorithm, algorithm of the MAC key, encrypted MAC key).
type Mac = (String, String, Vec<u8>);

/// (algorithm, ciphertext, MAC, hash of the codes).
pub type Seed = (String, PyBackedBytes, Option<PyBackedBytes>, String);

/// How a vendor's file is encrypted.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct DeliveryKeys(pub Arc<hsm::DeliveryKeys>);

/// A seed under a tenant's wrapping key.
#[pyclass(frozen, get_all, module = "kagimori.core._core")]
pub struct Sealed {
    blob: Py<PyBytes>,
    wrap_format: String,
    key_version: u32,
    length: usize,
    custody: &'static str,
}

impl Sealed {
    pub fn new(py: Python<'_>, sealed: hsm::Sealed) -> Self {
        Self {
            blob: PyBytes::new(py, &sealed.blob).unbind(),
            wrap_format: sealed.wrap_format,
            key_version: sealed.key_version,
            length: sealed.length,
            custody: sealed.custody.word(),
        }
    }
}

#[pymethods]
impl DeliveryKeys {
    /// Keys that the vendor and the administrators agreed on.
    #[staticmethod]
    #[pyo3(signature = (*, vendor, mac))]
    fn pre_shared(vendor: String, mac: Option<Mac>) -> Self {
        Self(Arc::new(hsm::DeliveryKeys::pre_shared(vendor, mac.map(method))))
    }

    /// A key that PBKDF2 makes of a password, here and now.
    #[staticmethod]
    #[pyo3(signature = (*, password, salt, iterations, length, prf, mac))]
    fn password(
        py: Python<'_>,
        password: &str,
        salt: &[u8],
        iterations: u32,
        length: usize,
        prf: &str,
        mac: Option<Mac>,
    ) -> PyResult<Self> {
        let how = hsm::Pbkdf2 { salt, iterations, length, prf: parse_hash(prf)? };
        let mac = mac.map(method);
        let keys = detached(py, || hsm::DeliveryKeys::password(password.as_bytes(), &how, mac))?;
        Ok(Self(Arc::new(keys)))
    }

    /// Seeds that are encrypted to the vendor's RSA key in the HSM.
    #[staticmethod]
    #[pyo3(signature = (*, vendor, mac))]
    fn rsa(vendor: String, mac: Option<Mac>) -> Self {
        Self(Arc::new(hsm::DeliveryKeys::rsa(vendor, mac.map(method))))
    }

    /// An AES key of the file's own, encrypted to an RSA key in the HSM.
    #[staticmethod]
    #[pyo3(signature = (*, vendor, algorithm, ciphertext, mac))]
    fn one_time(vendor: String, algorithm: String, ciphertext: Vec<u8>, mac: Option<Mac>) -> Self {
        let mac = mac.map(method);
        Self(Arc::new(hsm::DeliveryKeys::one_time(vendor, algorithm, ciphertext, mac)))
    }

    /// No encryption at all.
    #[staticmethod]
    fn clear() -> Self {
        Self(Arc::new(hsm::DeliveryKeys::clear()))
    }
}

pub fn seeds(given: Vec<Seed>) -> PyResult<Vec<hsm::EncryptedSeed>> {
    given.into_iter().map(seed).collect()
}

fn seed((algorithm, ciphertext, mac, r#use): Seed) -> PyResult<hsm::EncryptedSeed> {
    Ok(hsm::EncryptedSeed {
        algorithm,
        ciphertext: hsm::Zeroizing::new(ciphertext.to_vec()),
        mac: mac.map(|mac| mac.to_vec()),
        hash: parse_hash(&r#use)?,
    })
}

/// A sealed seed, or (reason, detail), for each.
pub fn verdicts(py: Python<'_>, verdicts: Vec<hsm::Verdict>) -> PyResult<Py<PyAny>> {
    let verdicts = verdicts.into_iter().map(|verdict| match verdict {
        Ok(sealed) => Sealed::new(py, sealed).into_py_any(py),
        Err(hsm::Refusal(trouble, detail)) => (trouble.word(), detail).into_py_any(py),
    });
    verdicts.collect::<PyResult<Vec<_>>>()?.into_py_any(py)
}

fn method((algorithm, key_algorithm, key_ciphertext): Mac) -> hsm::MacMethod {
    hsm::MacMethod { algorithm, key_algorithm, key_ciphertext }
}
