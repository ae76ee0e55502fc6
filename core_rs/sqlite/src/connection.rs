// SPDX-License-Identifier: Apache-2.0
//! The connection, and what can go wrong with it.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use rusqlite::{CachedStatement, ErrorCode, OpenFlags, types::ValueRef};

use crate::table::{Cell, Row, Table};

const STATEMENTS: usize = 64;

// Milliseconds are what SQLite's clock has; rounding undoes the day fraction's.
const NOW: &str = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000";

/// One connection to an existing file.
pub struct Connection {
    opened: rusqlite::Connection,
    /// The time of the transaction, microseconds since 1970 UTC.
    now: i64,
    /// Whether the next statements belong to a transaction that was begun here.
    under_way: bool,
}

/// A statement, and what goes into it.
pub struct Run {
    /// A row's values are `?1`, `?2` and so on; `common` values follow in numbering,
    /// and then the transaction's time.
    pub statement: String,
    /// What reads the rows that come back, after each row that was changed.
    pub reread: Option<String>,
    /// It is run for each of these, in order; once where there is `None`.
    pub rows: Option<Arc<Table>>,
    /// One row of values, the same for all.
    pub common: Table,
    /// How many rows must come back.
    pub hoped_for: Option<usize>,
}

/// What a call has done in its transaction.
pub struct Done {
    /// When the transaction began by SQLite's clock, microseconds since 1970 UTC.
    pub now: i64,
    /// The rows of each statement.
    pub given: Vec<Table>,
}

/// What SQLite refused.
#[derive(Debug)]
pub struct Error {
    /// Its words. They name tables and columns and quote no value.
    pub message: String,
    /// What it comes to.
    pub kind: Kind,
}

/// What an error comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another connection is in the way: the same may succeed later.
    Busy,
    /// A constraint would be broken.
    Constraint,
    /// The commit itself failed: it is not known whether it happened.
    Commit,
    /// Anything else.
    Failure,
}

impl Kind {
    /// Returns whether the file must be opened anew: what the connection knows of it
    /// may not be what is on the disk.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Commit | Self::Failure)
    }

    /// Returns its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Constraint => "constraint",
            Self::Commit => "commit",
            Self::Failure => "failure",
        }
    }
}

impl Connection {
    /// Opens `file`, which must exist; waits for others' transactions up to `patience`.
    pub fn open(file: &Path, patience: Duration) -> Result<Self, Error> {
        // Whoever shares a connection between threads takes turns, as `&mut` says.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(patience)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self { opened: connection, now: 0, under_way: false })
    }

    /// Runs statements in a write transaction, which begins with the first call and
    /// ends with the `last`.
    ///
    /// An error undoes the whole transaction, if it can be undone. So does a
    /// statement that does not give what was hoped for: then there is `None`.
    pub fn transact(&mut self, runs: &[Run], last: bool) -> Result<Option<Done>, Error> {
        let done = self.attempt(runs, last);
        if !matches!(done, Ok(Some(_))) {
            self.undo();
        }
        done
    }

    /// Undoes the transaction, if one is open.
    pub fn undo(&mut self) {
        self.under_way = false;
        if !self.opened.is_autocommit() {
            // Where this fails the transaction stays open, and the next one cannot begin.
            drop(self.opened.execute_batch("ROLLBACK"));
        }
    }

    fn attempt(&mut self, runs: &[Run], last: bool) -> Result<Option<Done>, Error> {
        if !self.under_way {
            self.begin()?;
            self.under_way = true;
        }
        let mut given = Vec::with_capacity(runs.len());
        for run in runs {
            let table = self.run(run)?;
            if run.hoped_for.is_some_and(|rows| rows != table.len()) {
                return Ok(None);
            }
            given.push(table);
        }
        if last {
            self.commit()?;
            self.under_way = false;
        }
        Ok(Some(Done { now: self.now, given }))
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.opened.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.now = self.opened.prepare_cached(NOW)?.query_row([], |row| row.get(0))?;
        Ok(())
    }

    fn commit(&self) -> Result<(), Error> {
        let commit = || self.opened.prepare_cached("COMMIT")?.execute([]);
        commit().map(drop).map_err(|error| Error { kind: Kind::Commit, ..error.into() })
    }

    /// Runs a statement and returns all rows that come back.
    pub fn run(&mut self, run: &Run) -> Result<Table, Error> {
        let mut write = Bound::prepare(self, &run.statement, run)?;
        let Some(reread) = &run.reread else {
            let mut output = write.output();
            run.each(|row| write.step(row, &mut output))?;
            return Ok(output);
        };
        let mut read = Bound::prepare(self, reread, run)?;
        let (mut nothing, mut output) = (write.output(), read.output());
        run.each(|row| {
            write.step(row, &mut nothing)?;
            // Of the statement that was just run: nothing else runs on this connection.
            if self.opened.changes() > 0 { read.step(row, &mut output) } else { Ok(()) }
        })?;
        Ok(output)
    }
}

impl Run {
    fn each(
        &self,
        mut step: impl FnMut(Option<Row<'_>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &self.rows {
            None => step(None),
            Some(rows) => (0..rows.len()).try_for_each(|number| step(Some(rows.row(number)))),
        }
    }
}

/// A prepared statement to which the common values are bound.
struct Bound<'c>(CachedStatement<'c>);

impl<'c> Bound<'c> {
    fn prepare(connection: &'c Connection, statement: &str, run: &Run) -> Result<Self, Error> {
        let mut prepared = connection.opened.prepare_cached(statement)?;
        let taken = prepared.parameter_count();
        let width = run.rows.as_ref().map_or(0, |rows| rows.width());
        let now = std::iter::once(Cell::Integer(connection.now));
        let common = run.common.rows().flat_map(|row| row.cells()).chain(now);
        for (index, cell) in common.enumerate().filter(|(index, _)| width + index < taken) {
            prepared.raw_bind_parameter(width + index + 1, cell)?;
        }
        Ok(Self(prepared))
    }

    fn output(&self) -> Table {
        Table::new(self.0.column_count())
    }

    /// Steps to the end: a statement that is left half-read keeps a commit from happening.
    fn step(&mut self, row: Option<Row<'_>>, output: &mut Table) -> Result<(), Error> {
        // A batch may have columns for another statement behind those of this one.
        let taken = self.0.parameter_count();
        for (index, cell) in row.iter().flat_map(Row::cells).take(taken).enumerate() {
            self.0.raw_bind_parameter(index + 1, cell)?;
        }
        let width = output.width();
        let mut rows = self.0.raw_query();
        while let Some(row) = rows.next()? {
            for column in 0..width {
                output.push(cell_of(row.get_ref(column)?)?);
            }
        }
        Ok(())
    }
}

fn cell_of(value: ValueRef<'_>) -> Result<Cell<'_>, Error> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Text(text) => Cell::Text(text_of(text)?),
        ValueRef::Blob(octets) => Cell::Blob(octets),
        ValueRef::Real(_) => return Err(Error::of_ours("a column holds a fraction")),
    })
}

fn text_of(octets: &[u8]) -> Result<&str, Error> {
    str::from_utf8(octets).map_err(|_| Error::of_ours("a column holds text that is not UTF-8"))
}

impl Error {
    /// The connection was closed before.
    #[must_use]
    pub fn closed() -> Self {
        Self::of_ours("the connection is closed")
    }

    fn of_ours(message: &str) -> Self {
        Self { message: message.to_owned(), kind: Kind::Failure }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => Kind::Busy,
            Some(ErrorCode::ConstraintViolation) => Kind::Constraint,
            _ => Kind::Failure,
        };
        let message = match error {
            rusqlite::Error::SqliteFailure(_, Some(words)) => words,
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            other => other.to_string(),
        };
        Self { message, kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
