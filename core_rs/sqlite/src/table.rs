// SPDX-License-Identifier: Apache-2.0
//! Rows of values in two allocations, whatever their number.

use std::ops::Range;

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};

/// Rows of the same width.
#[derive(Default)]
pub struct Table {
    width: usize,
    cells: Vec<Place>,
    octets: Vec<u8>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'t> {
    /// SQL's NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// Text in UTF-8.
    Text(&'t str),
    /// Octets.
    Blob(&'t [u8]),
}

enum Place {
    Null,
    Integer(i64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

/// One row of a table.
#[derive(Clone, Copy)]
pub struct Row<'t> {
    table: &'t Table,
    places: &'t [Place],
}

impl<'t> Row<'t> {
    /// Returns the row's values.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'t>> + use<'t> {
        let table = self.table;
        self.places.iter().map(|place| table.cell(place))
    }
}

impl Table {
    /// Returns no rows of `width` values.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Appends a value. `width` of them are a row.
    pub fn push(&mut self, cell: Cell<'_>) {
        let place = match cell {
            Cell::Null => Place::Null,
            Cell::Integer(number) => Place::Integer(number),
            Cell::Text(text) => Place::Text(self.keep(text.as_bytes())),
            Cell::Blob(octets) => Place::Blob(self.keep(octets)),
        };
        self.cells.push(place);
    }

    /// Returns how many values a row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows. Rows without values are none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or_default()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a row by its number, from 0.
    #[must_use]
    pub fn row(&self, number: usize) -> Row<'_> {
        let begin = number * self.width;
        Row { table: self, places: &self.cells[begin..begin + self.width] }
    }

    /// Returns all rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|number| self.row(number))
    }

    fn keep(&mut self, octets: &[u8]) -> Range<usize> {
        let begin = self.octets.len();
        self.octets.extend_from_slice(octets);
        begin..self.octets.len()
    }

    fn cell(&self, place: &Place) -> Cell<'_> {
        match place {
            Place::Null => Cell::Null,
            Place::Integer(number) => Cell::Integer(*number),
            Place::Text(range) => {
                Cell::Text(str::from_utf8(&self.octets[range.clone()]).expect("it was text"))
            }
            Place::Blob(range) => Cell::Blob(&self.octets[range.clone()]),
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(octets) => ValueRef::Blob(octets),
        }))
    }
}
