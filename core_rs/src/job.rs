// SPDX-License-Identifier: Apache-2.0
//! What is asked of a search, and what it answers.

use std::sync::Arc;

use kagimori_hsm::{Answer, Job};
use kagimori_otp::{Code, Window};
use pyo3::{
    IntoPyObject, Py, PyAny, PyRef, PyResult, Python, exceptions::PyValueError, pyclass, pymethods,
};

use crate::{errors::exception, rows::TokenRow};

/// One window to search.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct SearchJob(pub Job);

#[pymethods]
impl SearchJob {
    #[new]
    #[pyo3(signature = (row, first, predicted, last, spent, code, second = None))]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands a borrowed row over by value")]
    fn new(
        row: PyRef<'_, TokenRow>,
        first: u64,
        predicted: u64,
        last: u64,
        spent: Option<u64>,
        code: &str,
        second: Option<&str>,
    ) -> PyResult<Self> {
        let window = Window::new(first, predicted, last, spent)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let code = parse_code(code)?;
        let second = second.map(parse_code).transpose()?;
        Ok(Self(Job { row: Arc::clone(&row.0), window, code, second }))
    }
}

fn parse_code(text: &str) -> PyResult<Code> {
    Code::parse(text).ok_or_else(|| PyValueError::new_err("a code is six to ten ASCII digits"))
}

/// A search that was broken off.
#[pyclass(frozen, get_all, module = "kagimori.core._core")]
pub struct SearchFailure {
    error: Py<PyAny>,
    evaluated: u32,
}

/// The step that has the code, None, or a [`SearchFailure`]: nearly every search
/// succeeds, and costs no object of its own.
#[derive(IntoPyObject)]
pub enum SearchAnswer {
    Step(Option<u64>),
    Failure(Py<SearchFailure>),
}

impl SearchAnswer {
    pub fn new(py: Python<'_>, answer: Answer) -> PyResult<Self> {
        let Answer { step, error, evaluated } = answer;
        let Some(error) = error else { return Ok(Self::Step(step)) };
        let error = exception(error).into_value(py).into_any();
        Ok(Self::Failure(Py::new(py, SearchFailure { error, evaluated })?))
    }
}
