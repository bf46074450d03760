//! The `SQLCipher` database: connections, pragmas, migrations and the outbox position that it has applied.
//!
//! Knows SQL connections and the vault's own two tables. Knows no caller's table. Invariant: a commit is on disk when it
//! returns (WAL, `synchronous=FULL`), and costs one sync: checkpoints and the write-ahead log's header are never paid for by a
//! save (see [`Database::tidy`]). Start at [`Database::open`].

mod migrate;

pub use migrate::Migration;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use crate::crypto::{Secret, hex};
use crate::error::{Part, VaultError};
use crate::files::Dir;

pub(crate) const FILE: &str = "vault.db";
/// The write-ahead log and its index lie beside the database. They go aside first: an old log must never meet a new database.
const FILES: [&str; 3] = ["vault.db-wal", "vault.db-shm", FILE];

/// Pages in the write-ahead log above which [`Database::tidy`] moves them into the database.
const TIDY_PAGES: i64 = 100;
/// `SQLite`'s own limit, for a run that never tidies.
const AUTO_CHECKPOINT_PAGES: u32 = 1000;
const IDLE_READERS: usize = 3;
const BUSY: Duration = Duration::from_secs(5);

/// An open database: one writer, and readers that cannot write.
pub(crate) struct Database {
    writer: Mutex<Writer>,
    readers: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
    key: Secret,
}

/// The writing connection and how far it has applied the outbox.
pub(crate) struct Writer {
    connection: Connection,
    /// Index of the first record not applied.
    applied: u64,
}

impl Database {
    /// Makes an empty database, for a new profile or a rebuild.
    pub(crate) fn create(dir: &Dir, key: &Secret, migrations: &[Migration]) -> Result<Self, VaultError> {
        let opened = Self::connect(dir, key, migrations)?.0;
        dir.sync()?;
        Ok(opened)
    }

    /// Opens the database; a missing or empty file is damage. Gives the number of migrations applied.
    pub(crate) fn open(dir: &Dir, key: &Secret, migrations: &[Migration]) -> Result<(Self, u32), VaultError> {
        match dir.join(FILE).metadata() {
            Ok(meta) if meta.len() > 0 => Self::connect(dir, key, migrations),
            _ => Err(VaultError::Damaged(Part::Database)),
        }
    }

    fn connect(dir: &Dir, key: &Secret, migrations: &[Migration]) -> Result<(Self, u32), VaultError> {
        let path = dir.join(FILE);
        let mut connection = connect(&path, key, false)?;
        let migrated = migrate::run(&mut connection, migrations)?;
        let applied: i64 =
            connection.query_row("SELECT value FROM vault_meta WHERE name = 'applied'", [], |row| row.get(0))?;
        let applied = u64::try_from(applied).map_err(|_| VaultError::Damaged(Part::Database))?;
        let writer = Mutex::new(Writer { connection, applied });
        let database = Self { writer, readers: Mutex::default(), path, key: key.clone() };
        warm(&database.writer().connection)?;
        Ok((database, migrated))
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on a consistent view that cannot write.
    pub(crate) fn read<T, E: From<VaultError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.readers().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, &self.key, true)?,
        };
        let result = {
            let view = connection.unchecked_transaction().map_err(VaultError::from)?;
            f(&view)
        };
        let mut readers = self.readers();
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        result
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves a grown write-ahead log into the database, outside any save.
    pub(crate) fn tidy(&self) -> Result<(), VaultError> {
        let writer = self.writer();
        let pages: i64 = writer.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
        if pages >= TIDY_PAGES {
            writer.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            warm(&writer.connection)?;
        }
        Ok(())
    }

    /// Empties the write-ahead log into the database and checks every page's MAC.
    pub(crate) fn checkpoint(&self) -> Result<(), VaultError> {
        let writer = self.writer();
        let busy: i64 = writer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(VaultError::Database { code: rusqlite::ffi::SQLITE_BUSY });
        }
        let mut check = writer.connection.prepare("PRAGMA cipher_integrity_check")?;
        // Without a key there are no MACs, and SQLCipher says so in a row.
        let faulty = check.query([])?.next()?.is_some() && has_key();
        drop(check);
        if faulty {
            return Err(VaultError::Damaged(Part::Database));
        }
        warm(&writer.connection)
    }
}

impl Writer {
    /// Index of the first record not applied.
    pub(crate) const fn applied(&self) -> u64 {
        self.applied
    }

    /// Runs `f` in a transaction, which rolls back when `f` fails. When `f` also gives a number, the same transaction notes that
    /// every record below it is in.
    pub(crate) fn apply<T, E: From<VaultError>>(
        &mut self,
        f: impl FnOnce(&Transaction<'_>) -> Result<(T, Option<u64>), E>,
    ) -> Result<T, E> {
        let begin = TransactionBehavior::Immediate;
        let tx = self.connection.transaction_with_behavior(begin).map_err(VaultError::from)?;
        let (value, applied) = f(&tx)?;
        if let Some(applied) = applied {
            set_applied(&tx, applied)?;
        }
        tx.commit().map_err(VaultError::from)?;
        self.applied = applied.unwrap_or(self.applied);
        Ok(value)
    }
}

fn set_applied(tx: &Transaction<'_>, applied: u64) -> Result<(), VaultError> {
    let applied = i64::try_from(applied).map_err(|_| VaultError::TooLarge)?;
    tx.execute("UPDATE vault_meta SET value = ?1 WHERE name = 'applied'", [applied])?;
    Ok(())
}

/// Moves the database and its log aside, so that a new one can be made.
pub(crate) fn set_aside(dir: &Dir) -> Result<Vec<String>, VaultError> {
    let mut aside = Vec::new();
    for file in FILES {
        aside.extend(dir.set_aside(file, &format!("{file}.damaged"))?);
    }
    Ok(aside)
}

/// Removes what a creation cut short left.
pub(crate) fn remove(dir: &Dir) -> Result<(), VaultError> {
    FILES.iter().try_for_each(|file| dir.remove(file))
}

/// The first commit after the log starts anew syncs the log's header too. This pays for it outside a save.
fn warm(connection: &Connection) -> Result<(), VaultError> {
    connection.execute("UPDATE vault_meta SET value = value + 1 WHERE name = 'warmed'", [])?;
    Ok(())
}

/// Whether databases are encrypted: always, but in the canary's counter-proof.
fn has_key() -> bool {
    #[cfg(feature = "canary-unsealed")]
    return !crate::keystore::canary::is_stopped();
    #[cfg(not(feature = "canary-unsealed"))]
    return true;
}

fn connect(path: &Path, key: &Secret, reader: bool) -> Result<Connection, VaultError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let flags = if reader { flags } else { flags | OpenFlags::SQLITE_OPEN_CREATE };
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // SQLCipher logs to standard error by itself, and may quote page numbers and paths.
    connection.execute_batch("PRAGMA cipher_log_level = NONE; PRAGMA cipher_memory_security = OFF")?;
    if has_key() {
        give_key(&connection, key)?;
    }
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {AUTO_CHECKPOINT_PAGES};
         PRAGMA cache_size = -16384; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
    ))?;
    if reader {
        connection.execute_batch("PRAGMA query_only = ON")?;
    }
    Ok(connection)
}

/// A raw key: nothing is derived from it. The statement is wiped.
fn give_key(connection: &Connection, key: &Secret) -> Result<(), VaultError> {
    let hex = Zeroizing::new(hex(key.as_bytes()));
    let mut statement = Zeroizing::new(String::with_capacity(96));
    for part in ["PRAGMA key = \"x'", &hex, "'\""] {
        statement.push_str(part);
    }
    Ok(connection.execute_batch(&statement)?)
}
