//! Numbered migrations, one transaction each, checked by hash.
//!
//! Invariant: what was applied is what the list says, in its order, or the database is refused unchanged.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::crypto::sha256;
use crate::error::{MigrationProblem, VaultError};

/// One step of the caller's schema. Numbers start above 0 and rise; a step is never changed once released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number.
    pub number: u32,
    /// A name, for people who look into the table `migrations`.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The vault's own tables.
const OWN: Migration = Migration {
    number: 0,
    name: "vault",
    sql: "CREATE TABLE vault_meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
          INSERT INTO vault_meta VALUES ('applied', 0), ('warmed', 0);",
};

const LIST: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL) STRICT";

/// Brings the database to the newest migration and gives the number of steps applied.
pub(super) fn run(connection: &mut Connection, migrations: &[Migration]) -> Result<u32, VaultError> {
    let mut last = OWN.number;
    for migration in migrations {
        if migration.number <= last {
            return Err(problem(migration.number, MigrationProblem::OutOfOrder));
        }
        last = migration.number;
    }
    let has_list = connection.table_exists(None, "migrations")?;
    if has_list {
        check(connection, migrations, last)?;
    } else {
        connection.execute_batch(LIST)?;
    }
    let mut applied = 0;
    for migration in std::iter::once(&OWN).chain(migrations) {
        applied += u32::from(apply(connection, migration)?);
    }
    Ok(applied)
}

/// Refuses a newer file, and one that was made by other steps.
fn check(connection: &Connection, migrations: &[Migration], supported: u32) -> Result<(), VaultError> {
    let newest: Option<i64> = connection.query_row("SELECT max(number) FROM migrations", [], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(()) };
    let found = u32::try_from(newest).unwrap_or(u32::MAX);
    if found > supported {
        return Err(VaultError::NewerSchema { found, supported });
    }
    let mut known = 0_i64;
    for migration in std::iter::once(&OWN).chain(migrations).take_while(|m| m.number <= found) {
        match checksum_of(connection, migration.number)? {
            None => return Err(problem(migration.number, MigrationProblem::OutOfOrder)),
            Some(sum) if sum != sha256(&[migration.sql.as_bytes()]) => {
                return Err(problem(migration.number, MigrationProblem::Changed));
            }
            Some(_) => known += 1,
        }
    }
    let recorded: i64 = connection.query_row("SELECT count(*) FROM migrations", [], |row| row.get(0))?;
    if recorded == known { Ok(()) } else { Err(problem(found, MigrationProblem::OutOfOrder)) }
}

/// Applies one step unless it is in already.
fn apply(connection: &mut Connection, migration: &Migration) -> Result<bool, VaultError> {
    if checksum_of(connection, migration.number)?.is_some() {
        return Ok(false);
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(migration.sql).map_err(|e| match VaultError::from(e) {
        VaultError::Database { .. } => problem(migration.number, MigrationProblem::Failed),
        other => other,
    })?;
    tx.execute(
        "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
        (migration.number, migration.name, sha256(&[migration.sql.as_bytes()])),
    )?;
    tx.commit()?;
    Ok(true)
}

fn checksum_of(connection: &Connection, number: u32) -> Result<Option<[u8; 32]>, VaultError> {
    let sum = connection.query_row("SELECT checksum FROM migrations WHERE number = ?1", [number], |row| row.get(0));
    Ok(sum.optional()?)
}

const fn problem(number: u32, problem: MigrationProblem) -> VaultError {
    VaultError::Migration { number, problem }
}
