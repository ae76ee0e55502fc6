// SPDX-License-Identifier: Apache-2.0
//! The serving process's door to the HSM.

use std::{sync::Arc, time::Duration};

use kagimori_hsm as hsm;
use pyo3::{
    IntoPyObjectExt, Py, PyAny, PyRef, PyResult, Python,
    exceptions::PyValueError,
    pybacked::{PyBackedBytes, PyBackedStr},
    pyclass, pymethods,
    types::PyBytes,
};
use threadpool::ThreadPool;

use crate::{
    bell::Bell,
    cards,
    delivery::{self, DeliveryKeys, Sealed, Seed},
    errors::exception,
    job::{SearchAnswer, SearchJob},
    rows::{TokenRow, parse_hash},
    setup::{Canary, Partition, Provider},
};

/// What is waited for at the same time.
const WAITERS: usize = 8;

/// One line of the self-test.
#[pyclass(frozen, get_all, module = "kagimori.core._core")]
pub struct Finding {
    subject: String,
    attempt: String,
    wanted: String,
    got: String,
    passed: bool,
}

/// The serving process's door to the HSM.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct Vault {
    opened: Arc<hsm::Vault>,
    waiters: ThreadPool,
}

#[pymethods]
impl Vault {
    #[staticmethod]
    #[pyo3(signature = (
        *, module, partition, policy, provider, canaries, sessions, cache_entries, cache_seconds
    ))]
    #[expect(clippy::too_many_arguments, reason = "a vault is opened with named settings")]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn open(
        py: Python<'_>,
        module: String,
        partition: PyRef<'_, Partition>,
        policy: String,
        provider: PyRef<'_, Provider>,
        canaries: Vec<PyRef<'_, Canary>>,
        sessions: usize,
        cache_entries: usize,
        cache_seconds: f64,
    ) -> PyResult<Self> {
        let settings = hsm::Settings {
            module,
            login: partition.0.clone(),
            policy,
            provider: provider.0.clone(),
            canaries: canaries.iter().map(|canary| canary.0.clone()).collect(),
            sessions,
            cache_entries,
            cache_lifetime: seconds(cache_seconds)?,
        };
        let opened = Arc::new(detached(py, || hsm::Vault::open(settings))?);
        Ok(Self { opened, waiters: ThreadPool::with_name("hsm-wait".to_owned(), WAITERS) })
    }

    /// Try what must be refused and what must work, leaving no trace.
    fn self_test(&self, py: Python<'_>) -> PyResult<Vec<Finding>> {
        let findings = detached(py, || self.opened.self_test())?;
        Ok(findings.into_iter().map(Finding::from).collect())
    }

    /// Search each window; answers are in order, one per job.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn search(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        jobs: Vec<PyRef<'_, SearchJob>>,
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let jobs: Vec<hsm::Job> = jobs.into_iter().map(|job| job.0.clone()).collect();
        let work = move |vault: &hsm::Vault| vault.search(jobs, patience);
        self.begin(&bell, future, work, |py, answers| {
            let answers = answers.into_iter().map(|answer| SearchAnswer::new(py, answer));
            answers.collect::<PyResult<Vec<_>>>()?.into_py_any(py)
        });
        Ok(())
    }

    /// Return whether both cells stand on the card at their places.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    #[expect(clippy::too_many_arguments, reason = "two places are asked for at once")]
    fn cells_match(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        row: PyRef<'_, TokenRow>,
        first: u64,
        second: u64,
        cells: (PyBackedStr, PyBackedStr),
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let asked = cards::asked(first, second, &cells)?;
        let row = Arc::clone(&row.0);
        let work = move |vault: &hsm::Vault| vault.cells_match(row, asked, patience);
        self.begin(&bell, future, work, |py, answer| answer.into_py_any(py));
        Ok(())
    }

    /// Open and use a canary.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn ping(&self, bell: PyRef<'_, Bell>, future: Py<PyAny>, timeout_seconds: f64) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let work = move |vault: &hsm::Vault| vault.ping(patience);
        self.begin(&bell, future, work, |py, ()| Ok(py.None()));
        Ok(())
    }

    /// Return the MACs of the rows, in order.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn row_macs(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        rows: Vec<PyRef<'_, TokenRow>>,
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let rows: Vec<_> = rows.into_iter().map(|row| Arc::clone(&row.0)).collect();
        let work = move |vault: &hsm::Vault| vault.row_macs(rows, patience);
        self.begin(&bell, future, work, |py, macs| {
            let macs: Vec<_> = macs.iter().map(|mac| PyBytes::new(py, mac)).collect();
            macs.into_py_any(py)
        });
        Ok(())
    }

    /// Return the HMAC of an activation password, and the version of its key.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn password_mac(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        tenant: String,
        message: &[u8],
        key_version: Option<u32>,
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let message = hsm::Zeroizing::new(message.to_vec());
        let work =
            move |vault: &hsm::Vault| vault.password_mac(tenant, &message, key_version, patience);
        self.begin(&bell, future, work, |py, (mac, version)| {
            (PyBytes::new(py, &mac), version).into_py_any(py)
        });
        Ok(())
    }

    /// Move phones' seeds from their envelopes under the wrapping key, all or none.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    #[expect(clippy::too_many_arguments, reason = "envelopes have that many facts")]
    fn seal_envelopes(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        tenant: String,
        key_version: u32,
        envelopes: Vec<PyBackedBytes>,
        r#use: &str,
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let hash = parse_hash(r#use)?;
        let octets = envelopes.iter().map(|envelope| envelope.to_vec()).collect();
        let asked = hsm::Envelopes { tenant, key_version, octets, hash };
        let work = move |vault: &hsm::Vault| vault.seal_envelopes(asked, patience);
        self.begin(&bell, future, work, |py, sealed| {
            let sealed: Vec<_> = sealed.into_iter().map(|one| Sealed::new(py, one)).collect();
            sealed.into_py_any(py)
        });
        Ok(())
    }

    /// Take over what of a vendor's delivery opens inside the HSM.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed classes over by value")]
    fn seal_delivered(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        keys: PyRef<'_, DeliveryKeys>,
        tenant: String,
        seeds: Vec<Seed>,
        timeout_seconds: f64,
    ) -> PyResult<()> {
        let patience = seconds(timeout_seconds)?;
        let (keys, seeds) = (Arc::clone(&keys.0), delivery::seeds(seeds)?);
        let asked = hsm::Delivered { keys, tenant, seeds };
        let work = move |vault: &hsm::Vault| vault.seal_delivered(asked, patience);
        self.begin(&bell, future, work, delivery::verdicts);
        Ok(())
    }

    /// Return the MAC of the row; the MAC it holds is not looked at.
    fn row_mac<'py>(
        &self,
        py: Python<'py>,
        row: &TokenRow,
        timeout_seconds: f64,
    ) -> PyResult<pyo3::Bound<'py, PyBytes>> {
        let patience = seconds(timeout_seconds)?;
        let mac = detached(py, || self.opened.row_mac(&row.0, patience))?;
        Ok(PyBytes::new(py, &mac))
    }

    /// Return HMAC-SHA256 under the tenant's digest key.
    fn fingerprint<'py>(
        &self,
        py: Python<'py>,
        tenant: &str,
        message: &[u8],
    ) -> PyResult<pyo3::Bound<'py, PyBytes>> {
        let digest = self.opened.fingerprint(tenant, message).map_err(exception)?;
        Ok(PyBytes::new(py, &digest))
    }

    /// Return whether a call hangs that somebody has waited for in vain.
    fn is_hung(&self, py: Python<'_>) -> bool {
        py.detach(|| self.opened.is_hung())
    }

    /// Return the module's maker and version, and the key versions by tenant.
    fn status(&self, py: Python<'_>) -> PyResult<hsm::Status> {
        detached(py, || self.opened.status())
    }

    /// Return hits, misses and entries of the handle caches.
    fn cache_counts(&self, py: Python<'_>) -> PyResult<hsm::CacheCounts> {
        detached(py, || self.opened.cache_counts())
    }

    /// Return how many seeds were opened, canaries included.
    fn opened(&self, py: Python<'_>) -> PyResult<u64> {
        detached(py, || self.opened.opened())
    }

    /// Wait for calls under way, close every session and finalise the module.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.opened.close());
    }
}

impl Vault {
    /// Works on a thread that waits for the HSM; the loop makes the future's result.
    fn begin<T: Send + 'static>(
        &self,
        bell: &Bell,
        future: Py<PyAny>,
        work: impl FnOnce(&hsm::Vault) -> Result<T, hsm::Error> + Send + 'static,
        result: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) {
        let (promise, vault) = (bell.promise(future), Arc::clone(&self.opened));
        self.waiters.execute(move || {
            let outcome = work(&vault);
            promise.keep(move |py| result(py, outcome.map_err(exception)?));
        });
    }
}

impl From<hsm::Finding> for Finding {
    fn from(finding: hsm::Finding) -> Self {
        let hsm::Finding { subject, attempt, wanted, got, passed } = finding;
        Self { subject, attempt, wanted, got, passed }
    }
}

/// Works with the interpreter let go: the one way to the HSM.
pub fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, hsm::Error> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(exception)
}

fn seconds(number: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(number)
        .map_err(|_| PyValueError::new_err(format!("not a number of seconds: {number}")))
}
