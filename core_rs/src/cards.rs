// SPDX-License-Identifier: Apache-2.0
//! Grid cards: what is drawn for printing, and what is asked of one.

use std::str;

use kagimori_hsm::{CellsAsked, DrawnCard};
use kagimori_otp::{Cell, PLACES};
use pyo3::{
    Py, PyResult, Python, exceptions::PyValueError, pybacked::PyBackedStr, types::PyString,
};

use crate::delivery::Sealed;

/// The errors quote nothing that was typed.
pub fn asked(first: u64, second: u64, cells: &(PyBackedStr, PyBackedStr)) -> PyResult<CellsAsked> {
    if first >= second || second >= PLACES as u64 {
        return Err(PyValueError::new_err("two places of 0 to 7, the first before the second"));
    }
    let parse = |text: &PyBackedStr| {
        Cell::parse(text).ok_or_else(|| PyValueError::new_err("a cell is four ASCII digits"))
    };
    Ok(CellsAsked { places: [first, second], cells: [parse(&cells.0)?, parse(&cells.1)?] })
}

/// A card's seed, and its cells as Python has them: these are wiped by nobody. What the
/// core held of them is, when it is let go here.
pub fn drawn(py: Python<'_>, card: DrawnCard) -> (Sealed, Vec<Py<PyString>>) {
    let DrawnCard { sealed, cells } = card;
    let text = |cell: &Cell| {
        let digits = str::from_utf8(cell.as_bytes()).expect("digits are ASCII");
        PyString::new(py, digits).unbind()
    };
    (Sealed::new(py, sealed), cells.iter().map(text).collect())
}
