//! Values of `SQLite` files: a text that lies across pages is whole here.
//!
//! Knows `SQLite` without a key. Refuses to touch the file: it reads a copy, with its log if there is one. Start at [`values`].

use std::fs;
use std::io::Read as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::error::{Result, reading};

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Gives every text and blob of a `SQLite` file with its table and column; nothing for other files.
pub(super) fn values(path: &Path, take: &mut dyn FnMut(&str, &[u8])) -> Result<()> {
    let mut first = Vec::new();
    let file = fs::File::open(path).map_err(reading(path))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut first).map_err(reading(path))?;
    if first != MAGIC {
        return Ok(());
    }
    let scratch = tempfile::tempdir().map_err(reading(path))?;
    let copy = scratch.path().join("copy");
    fs::copy(path, &copy).map_err(reading(path))?;
    let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if log.exists() {
        fs::copy(&log, scratch.path().join("copy-wal")).map_err(reading(&log))?;
    }
    let db = Connection::open(&copy)?;
    let tables: Vec<String> = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for table in tables {
        let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns: Vec<String> = statement.column_names().map(|c| format!("{table}.{c}")).collect();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (index, column) in columns.iter().enumerate() {
                if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(index)? {
                    take(column, bytes);
                }
            }
        }
    }
    Ok(())
}
