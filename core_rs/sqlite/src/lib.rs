// SPDX-License-Identifier: Apache-2.0
//! A connection that runs one statement for many rows.
//!
//! Each row of input is bound and stepped by itself, in order, and what comes back
//! is collected: rows go in and out as one [`Table`] each, so that a caller with
//! an interpreter lets go of it once a batch and not once a row.
//!
//! SQLite is compiled in. Two copies of it in one process must not have the same
//! file open at the same time: closing a file drops the locks of both.

#![forbid(unsafe_code)]

mod connection;
mod table;

pub use connection::{Connection, Done, Error, Kind, Run};
pub use table::{Cell, Row, Table};
