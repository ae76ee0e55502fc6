// SPDX-License-Identifier: Apache-2.0
//! What is asked of a search, and what it answers.

use std::sync::Arc;

use kagimori_hsm::{Answer, Asked, Job};
use kagimori_otp::{Code, Window, ocra};
use pyo3::{
    IntoPyObject, Py, PyAny, PyErr, PyRef, PyResult, Python, exceptions::PyValueError, pyclass,
    pymethods,
};

use crate::{errors::exception, rows::TokenRow};

/// One window to search, or one signature to check.
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
        let asked = Asked::Code { window, code, second };
        Ok(Self(Job { row: Arc::clone(&row.0), asked }))
    }

    /// Ask whether `code` is the row's response to `question`.
    #[staticmethod]
    #[pyo3(signature = (
        row, suite, question, code, steps, *,
        own_question = None, counter = None, password_hash = None, session = None
    ))]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands a borrowed row over by value")]
    #[expect(clippy::too_many_arguments, reason = "a suite has that many inputs, all named")]
    fn signature(
        row: PyRef<'_, TokenRow>,
        suite: &str,
        question: &str,
        code: &str,
        steps: Option<(u64, u64, u64)>,
        own_question: Option<&str>,
        counter: Option<u64>,
        password_hash: Option<&[u8]>,
        session: Option<&[u8]>,
    ) -> PyResult<Self> {
        let suite = parse_suite(suite)?;
        let inputs = ocra::Inputs {
            counter,
            question,
            own_question,
            password_hash,
            session,
            time_step: None,
        };
        let check = ocra::Check::new(&suite, inputs, steps, code).map_err(unfit)?;
        let asked = Asked::Signature(Arc::new(check));
        Ok(Self(Job { row: Arc::clone(&row.0), asked }))
    }
}

fn parse_code(text: &str) -> PyResult<Code> {
    Code::parse(text).ok_or_else(|| PyValueError::new_err("a code is six to ten ASCII digits"))
}

pub fn parse_suite(text: &str) -> PyResult<ocra::Suite> {
    ocra::Suite::parse(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// What is wrong with an input; it is not quoted.
pub fn unfit(error: ocra::InputError) -> PyErr {
    PyValueError::new_err(error.to_string())
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
