// SPDX-License-Identifier: Apache-2.0
//! What a connection does with statements, their rows, and what is in its way.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kagimori_sqlite::{Cell, Connection, Error, Kind, Run, Table};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_millis(20);

struct Place {
    _kept: TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let kept = TempDir::new().unwrap();
        let file = kept.path().join("a.db");
        std::fs::File::create(&file).unwrap();
        let place = Self { _kept: kept, file };
        run(&mut place.open(), "PRAGMA journal_mode = WAL").unwrap();
        run(&mut place.open(), "CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER, o BLOB)").unwrap();
        place
    }

    fn open(&self) -> Connection {
        open(&self.file).unwrap()
    }
}

fn open(file: &Path) -> Result<Connection, Error> {
    Connection::open(file, PATIENCE)
}

fn table(rows: &[&[Cell<'_>]]) -> Table {
    let mut table = Table::new(rows.first().map_or(0, |row| row.len()));
    rows.iter().copied().flatten().for_each(|cell| table.push(*cell));
    table
}

fn asked(statement: &str, reread: Option<&str>, rows: &[&[Cell<'_>]], common: &[Cell<'_>]) -> Run {
    Run {
        statement: statement.to_owned(),
        reread: reread.map(str::to_owned),
        rows: (!rows.is_empty()).then(|| Arc::new(table(rows))),
        common: table(&[common]),
        hoped_for: None,
    }
}

fn run(connection: &mut Connection, statement: &str) -> Result<Table, Error> {
    connection.run(&asked(statement, None, &[], &[]))
}

fn shown(table: &Table) -> Vec<Vec<Cell<'_>>> {
    table.rows().map(|row| row.cells().collect()).collect()
}

#[test]
fn a_statement_runs_for_each_row_in_order_with_what_is_common() {
    let place = Place::new();
    let mut connection = place.open();
    let rows: &[&[Cell<'_>]] =
        &[&[Cell::Text("b"), Cell::Blob(b"\0\xff")], &[Cell::Text("鍵"), Cell::Null]];
    connection
        .run(&asked("INSERT INTO t VALUES (?1, ?3, ?2)", None, rows, &[Cell::Integer(7)]))
        .unwrap();
    let all = run(&mut connection, "SELECT k, n, o FROM t ORDER BY rowid").unwrap();
    assert_eq!(
        shown(&all),
        [
            vec![Cell::Text("b"), Cell::Integer(7), Cell::Blob(b"\0\xff")],
            vec![Cell::Text("鍵"), Cell::Integer(7), Cell::Null],
        ]
    );
}

#[test]
fn rows_are_read_again_only_where_the_statement_changed_one() {
    let place = Place::new();
    let mut connection = place.open();
    run(&mut connection, "INSERT INTO t VALUES ('a', 1, NULL), ('c', 3, NULL)").unwrap();
    let rows: &[&[Cell<'_>]] = &[&[Cell::Text("a")], &[Cell::Text("b")], &[Cell::Text("c")]];
    let given = connection.run(&asked(
        "UPDATE t SET n = n + 10 WHERE k = ?1 AND n < ?2",
        Some("SELECT k, n FROM t WHERE k = ?1"),
        rows,
        &[Cell::Integer(3)],
    ));
    assert_eq!(shown(&given.unwrap()), [vec![Cell::Text("a"), Cell::Integer(11)]]);
}

#[test]
fn a_batch_may_be_wider_than_a_statement() {
    let place = Place::new();
    let mut connection = place.open();
    let rows: &[&[Cell<'_>]] = &[&[Cell::Text("a"), Cell::Integer(1), Cell::Null]];
    connection.run(&asked("INSERT INTO t (k) VALUES (?1)", None, rows, &[])).unwrap();
    assert_eq!(run(&mut connection, "SELECT k FROM t").unwrap().len(), 1);
}

#[test]
fn the_time_of_a_transaction_stands_still_and_has_the_last_number() {
    let place = Place::new();
    let mut connection = place.open();
    let now = connection.transact(&[], false).unwrap().unwrap().now;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(i128::from(now).abs_diff(clock.as_micros().cast_signed()) < 60_000_000);
    std::thread::sleep(Duration::from_millis(5));
    let asked = asked("SELECT ?2, ?1", None, &[], &[Cell::Text("x")]);
    let later = connection.transact(&[asked], false).unwrap().unwrap();
    assert_eq!(later.now, now);
    assert_eq!(shown(&later.given[0]), [vec![Cell::Integer(now), Cell::Text("x")]]);
}

fn insert(key: &str) -> Run {
    asked("INSERT INTO t (k) VALUES (?1)", None, &[], &[Cell::Text(key)])
}

fn keys(place: &Place) -> usize {
    run(&mut place.open(), "SELECT * FROM t").unwrap().len()
}

#[test]
fn a_transaction_takes_several_calls_and_ends_with_the_last() {
    let place = Place::new();
    let mut connection = place.open();
    connection.transact(&[insert("a"), insert("b")], false).unwrap();
    assert_eq!(keys(&place), 0);
    connection.transact(&[insert("c")], true).unwrap();
    assert_eq!(keys(&place), 3);
    connection.transact(&[insert("d")], true).unwrap();
    assert_eq!(keys(&place), 4);
}

#[test]
fn a_statement_that_gives_less_than_was_hoped_for_undoes_the_transaction() {
    let place = Place::new();
    let mut connection = place.open();
    let all = |rows| Run { hoped_for: Some(rows), ..asked("SELECT k FROM t", None, &[], &[]) };
    let mut hoped =
        |key, rows| connection.transact(&[insert(key), all(rows)], true).unwrap().is_some();
    assert!(hoped("a", 1));
    assert!(!hoped("b", 3));
    assert_eq!(keys(&place), 1);
    assert!(hoped("c", 2));
    assert_eq!(keys(&place), 2);
}

#[test]
fn an_error_undoes_the_whole_transaction() {
    let place = Place::new();
    let mut connection = place.open();
    connection.transact(&[insert("a")], false).unwrap();
    assert_eq!(connection.transact(&[insert("a")], true).err().unwrap().kind, Kind::Constraint);
    connection.transact(&[insert("b")], true).unwrap();
    assert_eq!(keys(&place), 1);
}

#[test]
fn a_transaction_never_joins_one_that_was_left_open() {
    let place = Place::new();
    let mut connection = place.open();
    run(&mut connection, "BEGIN IMMEDIATE").unwrap();
    run(&mut connection, "INSERT INTO t (k) VALUES ('left')").unwrap();
    assert!(connection.transact(&[insert("a")], true).is_err());
    connection.transact(&[insert("b")], true).unwrap();
    assert_eq!(keys(&place), 1);
}

#[test]
fn what_was_begun_can_be_undone() {
    let place = Place::new();
    let mut connection = place.open();
    connection.transact(&[insert("a")], false).unwrap();
    connection.undo();
    connection.undo();
    connection.transact(&[insert("b")], true).unwrap();
    assert_eq!(keys(&place), 1);
}

#[test]
fn a_commit_that_fails_is_told_apart() {
    let place = Place::new();
    let mut connection = place.open();
    run(&mut connection, "PRAGMA foreign_keys = ON").unwrap();
    let child = "CREATE TABLE c (k TEXT REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)";
    run(&mut connection, child).unwrap();
    let orphan = asked("INSERT INTO c VALUES ('none')", None, &[], &[]);
    assert_eq!(connection.transact(&[orphan], true).err().unwrap().kind, Kind::Commit);
    connection.transact(&[insert("a")], true).unwrap();
    assert_eq!(keys(&place), 1);
}

#[test]
fn what_is_in_the_way_is_told_apart() {
    let place = Place::new();
    let (mut first, mut second) = (place.open(), place.open());
    first.transact(&[], false).unwrap();
    assert_eq!(second.transact(&[], false).err().unwrap().kind, Kind::Busy);
    run(&mut first, "INSERT INTO t VALUES ('a', 1, NULL)").unwrap();
    let twice = run(&mut first, "INSERT INTO t VALUES ('a', 1, NULL)").err().unwrap();
    assert_eq!(
        (twice.kind, twice.message.as_str()),
        (Kind::Constraint, "UNIQUE constraint failed: t.k")
    );
    let missing = run(&mut first, "SELECT * FROM absent").err().unwrap();
    assert_eq!((missing.kind, missing.message.as_str()), (Kind::Failure, "no such table: absent"));
}

#[test]
fn a_connection_that_is_dropped_undoes_what_was_not_committed() {
    let place = Place::new();
    let mut connection = place.open();
    connection.transact(&[insert("a")], false).unwrap();
    drop(connection);
    assert_eq!(keys(&place), 0);
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let kept = TempDir::new().unwrap();
    assert_eq!(open(&kept.path().join("none.db")).err().unwrap().kind, Kind::Failure);
    assert_eq!(std::fs::read_dir(kept.path()).unwrap().count(), 0);
}

#[test]
fn a_fraction_is_none_of_our_values() {
    let place = Place::new();
    let mut connection = place.open();
    assert_eq!(run(&mut connection, "SELECT 1.5").err().unwrap().kind, Kind::Failure);
}
