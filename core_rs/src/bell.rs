// SPDX-License-Identifier: Apache-2.0
//! How an event loop hears that a thread of ours is done.
//!
//! Such a thread never takes the interpreter: on a busy server it would wait for
//! it longer than most of its work takes, and the event loop would lose it
//! meanwhile. It leaves what the work came to, rings, and the loop collects.

use std::{
    io::{self, Read, Write},
    mem,
    os::{fd::AsRawFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};

use pyo3::{
    Py, PyAny, PyResult, Python, exceptions::PyRuntimeError, pyclass, pymethods,
    types::PyAnyMethods,
};

/// An event loop's bell.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct Bell {
    rope: Arc<Rope>,
    listening: UnixStream,
}

/// Makes a future's result in the interpreter.
type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

struct Rope {
    ended: Mutex<Vec<Ended>>,
    ringing: UnixStream,
}

struct Ended {
    future: Py<PyAny>,
    outcome: Outcome,
}

/// A future that will get a result. If this is dropped before, it fails.
pub struct Promise {
    rope: Arc<Rope>,
    future: Option<Py<PyAny>>,
}

#[pymethods]
impl Bell {
    #[new]
    fn new() -> io::Result<Self> {
        let (ringing, listening) = UnixStream::pair()?;
        ringing.set_nonblocking(true)?;
        listening.set_nonblocking(true)?;
        Ok(Self { rope: Arc::new(Rope { ended: Mutex::default(), ringing }), listening })
    }

    /// Return what becomes readable when the bell rings.
    fn fileno(&self) -> i32 {
        self.listening.as_raw_fd()
    }

    /// Give futures their results, and silence the bell.
    fn collect(&self, py: Python<'_>) -> PyResult<()> {
        self.silence()?;
        let ended = mem::take(&mut *self.rope.ended.lock().unwrap_or_else(PoisonError::into_inner));
        ended.into_iter().try_for_each(|ended| ended.tell(py))
    }
}

impl Bell {
    pub fn promise(&self, future: Py<PyAny>) -> Promise {
        Promise { rope: Arc::clone(&self.rope), future: Some(future) }
    }

    /// Before what has ended is taken: whatever ends later rings again.
    fn silence(&self) -> io::Result<()> {
        match (&self.listening).read(&mut [0; 64]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl Promise {
    /// Ends the future with a result that is made when the loop collects it.
    pub fn keep(mut self, result: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) {
        self.end(Box::new(result));
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(future) = self.future.take() {
            self.rope.ring(Ended { future, outcome });
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let died = || PyRuntimeError::new_err("a thread of the extension died of a bug");
        self.end(Box::new(move |_| Err(died())));
    }
}

impl Rope {
    fn ring(&self, one: Ended) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(one);
        if ended.len() == 1 {
            // It fails where nobody listens any more, or where it rings already.
            drop((&self.ringing).write(&[1]));
        }
    }
}

impl Ended {
    /// A future that was cancelled meanwhile is told nothing.
    fn tell(self, py: Python<'_>) -> PyResult<()> {
        let future = self.future.bind(py);
        if future.call_method0("done")?.extract()? {
            return Ok(());
        }
        match (self.outcome)(py) {
            Ok(result) => future.call_method1("set_result", (result,)),
            Err(error) => future.call_method1("set_exception", (error,)),
        }
        .map(drop)
    }
}
