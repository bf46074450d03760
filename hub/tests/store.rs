//! The engines against the conformance suite.

use samanvay_hub::store::sqlite::Sqlite;
use samanvay_hub::store::{StoreError, suite};

#[test]
fn sqlite_keeps_every_promise_of_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.sqlite");
    suite::check(|| Sqlite::open(&path)).unwrap();
}

#[test]
fn sqlite_file_of_a_newer_hub_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.sqlite");
    drop(Sqlite::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Newer { found: 99 })));
}

#[test]
fn file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.sqlite");
    std::fs::write(&path, [0x5a; 4096]).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::Engine(_))));
}
