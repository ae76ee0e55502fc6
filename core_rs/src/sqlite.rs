// SPDX-License-Identifier: Apache-2.0
//! The door to an SQLite file.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kagimori_sqlite::{Cell, Connection, Done, Error, Run, Table};
use pyo3::{
    Bound, IntoPyObjectExt, Py, PyAny, PyErr, PyRef, PyResult, Python, create_exception,
    exceptions::{PyException, PyTypeError, PyValueError},
    pyclass, pymethods,
    types::{
        PyAnyMethods, PyBytes, PyBytesMethods, PyInt, PyList, PyListMethods, PyString,
        PyStringMethods, PyTuple, PyTupleMethods,
    },
};
use threadpool::ThreadPool;

use crate::bell::Bell;

create_exception!(
    kagimori.core._core,
    SqliteError,
    PyException,
    "SQLite refused: (message, kind)."
);

/// One connection to an SQLite file, and the thread that works on it.
#[pyclass(frozen, module = "kagimori.core._core")]
pub struct SqliteConnection {
    opened: Arc<Mutex<Option<Connection>>>,
    thread: ThreadPool,
}

#[pymethods]
impl SqliteConnection {
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands a path over by value")]
    fn open(py: Python<'_>, file: PathBuf, patience_seconds: f64) -> PyResult<Self> {
        let patience = Duration::try_from_secs_f64(patience_seconds)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let opened = py.detach(|| Connection::open(&file, patience)).map_err(exception)?;
        Ok(Self {
            opened: Arc::new(Mutex::new(Some(opened))),
            thread: ThreadPool::with_name("sqlite".to_owned(), 1),
        })
    }

    /// Run a statement that takes no batch, outside any transaction, and wait for it.
    #[pyo3(signature = (statement, values = None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        statement: String,
        values: Option<Bound<'py, PyTuple>>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let common = values.unwrap_or_else(|| PyTuple::empty(py));
        let [run] = &runs_of(&[(statement, None, None, common, None)])?[..] else { unreachable!() };
        let given = py.detach(|| with(&self.opened, |connection| connection.run(run)));
        rows_of(py, &given.map_err(exception)?)
    }

    /// Run statements in turn in the transaction, each for all rows of its batch.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 hands borrowed values over so")]
    fn transact(
        &self,
        bell: PyRef<'_, Bell>,
        future: Py<PyAny>,
        asked: Vec<Asked<'_>>,
        last: bool,
    ) -> PyResult<()> {
        let runs = runs_of(&asked)?;
        let (promise, opened) = (bell.promise(future), Arc::clone(&self.opened));
        self.thread.execute(move || {
            let done = with(&opened, |connection| connection.transact(&runs, last));
            if done.as_ref().is_err_and(|error| error.kind.is_last()) {
                // Nothing that was asked already may be built on what failed.
                close(&opened);
            }
            promise.keep(move |py| match done.map_err(exception)? {
                Some(Done { now, given }) => (now, tables_of(py, &given)?).into_py_any(py),
                None => Ok(py.None()),
            });
        });
        Ok(())
    }

    /// Undo the transaction, if one is open, when what was asked before is done.
    fn undo(&self) {
        let opened = Arc::clone(&self.opened);
        self.thread.execute(move || {
            // There is nothing to undo on a connection that was closed.
            drop(with(&opened, |connection| {
                connection.undo();
                Ok(())
            }));
        });
    }

    /// Close the file when what was asked before is done.
    fn retire(&self) {
        let opened = Arc::clone(&self.opened);
        self.thread.execute(move || close(&opened));
    }

    /// Close the file; what is run afterwards fails.
    fn close(&self, py: Python<'_>) {
        py.detach(|| close(&self.opened));
    }
}

fn close(opened: &Mutex<Option<Connection>>) {
    drop(opened.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn with<T>(
    opened: &Mutex<Option<Connection>>,
    work: impl FnOnce(&mut Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    // After a panic in the middle of something it is not known where the connection is.
    let mut guard = opened.lock().map_err(|_| Error::closed())?;
    work(guard.as_mut().ok_or_else(Error::closed)?)
}

/// A statement, what rereads its rows, its batch, the values that are common to all,
/// and how many rows must come back.
type Asked<'py> =
    (String, Option<String>, Option<Bound<'py, PyList>>, Bound<'py, PyTuple>, Option<usize>);

fn runs_of(asked: &[Asked<'_>]) -> PyResult<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::with_capacity(asked.len());
    for (place, (statement, reread, batch, common, hoped_for)) in asked.iter().enumerate() {
        let rows = match batch {
            None => None,
            // Statements that follow each other often take the same rows.
            Some(batch) => match place.checked_sub(1).map(|before| &asked[before].2) {
                Some(Some(same)) if same.is(batch) => runs[place - 1].rows.clone(),
                _ => Some(Arc::new(table_of(batch)?)),
            },
        };
        let mut values = Table::new(common.len());
        push_row(&mut values, common)?;
        runs.push(Run {
            statement: statement.clone(),
            reread: reread.clone(),
            rows,
            common: values,
            hoped_for: *hoped_for,
        });
    }
    Ok(runs)
}

fn table_of(batch: &Bound<'_, PyList>) -> PyResult<Table> {
    let mut table = Table::default();
    for (place, row) in batch.iter().enumerate() {
        let row = row.cast::<PyTuple>()?;
        if place == 0 {
            table = Table::new(row.len());
        } else if row.len() != table.width() {
            return Err(PyValueError::new_err("rows must be of one width"));
        }
        push_row(&mut table, row)?;
    }
    Ok(table)
}

fn push_row(table: &mut Table, row: &Bound<'_, PyTuple>) -> PyResult<()> {
    row.iter_borrowed().try_for_each(|value| push(table, &value))
}

fn push(table: &mut Table, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = value.cast::<PyString>() {
        table.push(Cell::Text(text.to_str()?));
    } else if let Ok(number) = value.cast::<PyInt>() {
        table.push(Cell::Integer(number.extract()?));
    } else if value.is_none() {
        table.push(Cell::Null);
    } else if let Ok(octets) = value.cast::<PyBytes>() {
        table.push(Cell::Blob(octets.as_bytes()));
    } else {
        // Not which value: it may be a customer's.
        return Err(PyTypeError::new_err("a value must be str, int, bytes or None"));
    }
    Ok(())
}

fn tables_of<'py>(py: Python<'py>, given: &[Table]) -> PyResult<Vec<Vec<Bound<'py, PyTuple>>>> {
    given.iter().map(|table| rows_of(py, table)).collect()
}

fn rows_of<'py>(py: Python<'py>, table: &Table) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    let values = |cell| -> Py<PyAny> {
        match cell {
            Cell::Null => py.None(),
            Cell::Integer(number) => PyInt::new(py, number).into_any().unbind(),
            Cell::Text(text) => PyString::new(py, text).into_any().unbind(),
            Cell::Blob(octets) => PyBytes::new(py, octets).into_any().unbind(),
        }
    };
    let tuple = |row: Vec<Py<PyAny>>| PyTuple::new(py, row);
    table.rows().map(|row| tuple(row.cells().map(values).collect())).collect()
}

fn exception(error: Error) -> PyErr {
    SqliteError::new_err((error.message, error.kind.word()))
}
