// SPDX-License-Identifier: Apache-2.0
//! The importing process's door to the HSM.

use std::sync::Arc;

use kagimori_hsm as hsm;
use pyo3::{
    Py, PyAny, PyRef, PyResult, Python, pyclass, pymethods,
    types::{PyBytes, PyString},
};

use crate::{
    cards,
    delivery::{self, DeliveryKeys, Sealed, Seed},
    errors::exception,
    rows::TokenRow,
    setup::{Canary, Partition, Provider},
    vault::detached,
};

/// The importing process's door: vendors' seeds in, sealed seeds out.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct ImportVault(hsm::ImportVault);

#[pymethods]
impl ImportVault {
    #[staticmethod]
    #[pyo3(signature = (
        *, module, serving, importing, policy, provider, canaries, allow_host_transient,
        allow_clear_text
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
        allow_clear_text: bool,
    ) -> PyResult<Self> {
        let settings = hsm::ImportSettings {
            module,
            serving: serving.0.clone(),
            importing: importing.map(|partition| partition.0.clone()),
            policy,
            provider: provider.0.clone(),
            canaries: canaries.iter().map(|canary| canary.0.clone()).collect(),
            allow_host_transient,
            allow_clear_text,
        };
        Ok(Self(detached(py, || hsm::ImportVault::open(settings))?))
    }

    /// Check each MAC, then open and reseal.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn seal(
        &self,
        py: Python<'_>,
        keys: PyRef<'_, DeliveryKeys>,
        tenant: &str,
        seeds: Vec<Seed>,
    ) -> PyResult<Py<PyAny>> {
        let (keys, seeds) = (Arc::clone(&keys.0), delivery::seeds(seeds)?);
        let sealed = detached(py, || self.0.seal(&keys, tenant, &seeds))?;
        delivery::verdicts(py, sealed)
    }

    /// Draw seeds of grid cards in the HSM, and what the cards show.
    fn draw_cards(
        &self,
        py: Python<'_>,
        tenant: &str,
        count: usize,
    ) -> PyResult<Vec<(Sealed, Vec<Py<PyString>>)>> {
        let drawn = detached(py, || self.0.draw_cards(tenant, count))?;
        Ok(drawn.into_iter().map(|card| cards::drawn(py, card)).collect())
    }

    /// Return the MACs of the rows, in order; those that they hold are not looked at.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn row_macs<'py>(
        &self,
        py: Python<'py>,
        rows: Vec<PyRef<'_, TokenRow>>,
    ) -> PyResult<Vec<pyo3::Bound<'py, PyBytes>>> {
        let rows: Vec<_> = rows.iter().map(|row| Arc::clone(&row.0)).collect();
        let macs = detached(py, || self.0.row_macs(&rows))?;
        Ok(macs.iter().map(|mac| PyBytes::new(py, mac)).collect())
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
