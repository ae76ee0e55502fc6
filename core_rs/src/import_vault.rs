// SPDX-License-Identifier: Apache-2.0
//! The importing process's door to the HSM.

use kagimori_hsm as hsm;
use pyo3::{Py, PyRef, PyResult, Python, pyclass, pymethods, types::PyBytes};

use crate::{
    errors::exception,
    rows::{TokenRow, parse_hash},
    setup::{Canary, Partition, Provider},
    vault::detached,
};

/// A seed under a tenant's wrapping key.
#[pyclass(frozen, get_all, module = "kagimori.core._core")]
pub struct Sealed {
    blob: Py<PyBytes>,
    wrap_format: String,
    key_version: u32,
    length: usize,
    custody: &'static str,
}

/// The importing process's door: vendors' seeds in, sealed seeds out.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct ImportVault(hsm::ImportVault);

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
impl ImportVault {
    #[staticmethod]
    #[pyo3(signature = (
        *, module, serving, importing, policy, provider, canaries, allow_host_transient
    ))]
    #[expect(clippy::too_many_arguments, reason = "a vault is opened with named settings")]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn open(
        py: Python<'_>,
        module: String,
        serving: PyRef<'_, Partition>,
        importing: Option<PyRef<'_, Partition>>,
        policy: String,
        provider: PyRef<'_, Provider>,
        canaries: Vec<PyRef<'_, Canary>>,
        allow_host_transient: bool,
    ) -> PyResult<Self> {
        let settings = hsm::ImportSettings {
            module,
            serving: serving.0.clone(),
            importing: importing.map(|partition| partition.0.clone()),
            policy,
            provider: provider.0.clone(),
            canaries: canaries.iter().map(|canary| canary.0.clone()).collect(),
            allow_host_transient,
        };
        Ok(Self(detached(py, || hsm::ImportVault::open(settings))?))
    }

    /// Check the MAC, then open and reseal.
    #[pyo3(signature = (
        *, vendor, algorithm, ciphertext, mac, mac_algorithm, mac_key_algorithm,
        mac_key_ciphertext, tenant, r#use
    ))]
    #[expect(clippy::too_many_arguments, reason = "a PSKC seed has that many parts, all named")]
    fn seal(
        &self,
        py: Python<'_>,
        vendor: &str,
        algorithm: &str,
        ciphertext: &[u8],
        mac: Option<&[u8]>,
        mac_algorithm: Option<&str>,
        mac_key_algorithm: Option<&str>,
        mac_key_ciphertext: Option<&[u8]>,
        tenant: &str,
        r#use: &str,
    ) -> PyResult<Sealed> {
        let hash = parse_hash(r#use)?;
        let mac_method = mac_method(mac_algorithm, mac_key_algorithm, mac_key_ciphertext);
        let seed = hsm::EncryptedSeed { vendor, algorithm, ciphertext, mac, mac_method, hash };
        Ok(Sealed::new(py, detached(py, || self.0.seal(&seed, tenant))?))
    }

    /// Return the MAC of the row; the MAC it holds is not looked at.
    fn row_mac<'py>(&self, py: Python<'py>, row: &TokenRow) -> PyResult<pyo3::Bound<'py, PyBytes>> {
        let mac = detached(py, || self.0.row_mac(&row.0))?;
        Ok(PyBytes::new(py, &mac))
    }

    /// Return HMAC-SHA256 under the tenant's digest key.
    fn fingerprint<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        message: &[u8],
    ) -> PyResult<pyo3::Bound<'py, PyBytes>> {
        let digest = self.0.fingerprint(tenant, message).map_err(exception)?;
        Ok(PyBytes::new(py, &digest))
    }

    /// Close every session and finalise the module.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

/// A MAC method is whole or it is none: half of one checks nothing.
fn mac_method<'f>(
    algorithm: Option<&'f str>,
    key_algorithm: Option<&'f str>,
    key_ciphertext: Option<&'f [u8]>,
) -> Option<hsm::MacMethod<'f>> {
    Some(hsm::MacMethod {
        algorithm: algorithm?,
        key_algorithm: key_algorithm?,
        key_ciphertext: key_ciphertext?,
    })
}
