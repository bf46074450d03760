//! What is done with a vault: save, read, write, replay, rebuild, and the sealed folders.
//!
//! Invariant: a save is one outbox record and one database transaction. It is acknowledged when both are on disk: two syncs.

use std::borrow::Cow;
use std::sync::PoisonError;

use rusqlite::{Connection, Transaction};
use zeroize::Zeroizing;

use super::{Open, Vault};
use crate::database::{self, Database};
use crate::error::{Part, VaultError};
use crate::outbox::{Entry, Position, Records};
use crate::report::RebuildReport;
use crate::sealed::SealedFolder;

/// Records in one transaction of a rebuild, whose crash costs only time.
const REBUILD_BATCH: usize = 256;

impl Vault {
    /// Saves: `f` changes the database, `entries` go into the outbox as one record. When this returns `Ok`, both are on disk.
    ///
    /// `f` runs first; when it or the outbox fails, nothing is kept. When the commit itself fails, the record is cut off again;
    /// if a power cut comes just then, the save may come back whole at the next replay, never in part.
    ///
    /// # Errors
    /// `f`'s own; [`VaultError::Locked`], [`VaultError::ReplayNeeded`], [`VaultError::TooLarge`], [`VaultError::Damaged`], disk errors.
    pub fn save<T, E: From<VaultError>>(
        &self,
        entries: &[Entry],
        f: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with_database(|database| self.save_in(database, |tx| Ok((f(tx)?, Cow::Borrowed(entries)))))
    }

    /// As [`Vault::save`], where `f` makes the entries from what it sees in the transaction. No entries: no outbox record.
    ///
    /// # Errors
    /// As [`Vault::save`].
    pub fn save_with<T, E: From<VaultError>>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<(T, Vec<Entry>), E>,
    ) -> Result<T, E> {
        self.with_database(|database| {
            self.save_in(database, |tx| f(tx).map(|(value, entries)| (value, entries.into())))
        })
    }

    fn save_in<'a, T, E: From<VaultError>>(
        &self,
        database: &Database,
        f: impl FnOnce(&Transaction<'_>) -> Result<(T, Cow<'a, [Entry]>), E>,
    ) -> Result<T, E> {
        let mut writer = database.writer();
        if self.outbox().has_from(writer.applied()) {
            return Err(VaultError::ReplayNeeded.into());
        }
        let mut appended = None;
        let result = writer.apply(|tx| {
            let (value, entries) = f(tx)?;
            if entries.is_empty() {
                return Ok((value, None));
            }
            let (Position(index), undo) = self.outbox().append(&entries)?;
            appended = Some(undo);
            Ok((value, Some(index + 1)))
        });
        if result.is_err()
            && let Some(undo) = appended
        {
            self.outbox().undo(undo);
        }
        result
    }

    /// Changes the database without an outbox record, for what can be fetched again. On disk when it returns.
    ///
    /// # Errors
    /// `f`'s own; [`VaultError::Locked`], [`VaultError::Damaged`], disk errors.
    pub fn write<T, E: From<VaultError>>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        self.with_database(|database| {
            let value = database.writer().apply(|tx| f(tx).map(|value| (value, None)))?;
            // The change is on disk whether or not this moves it on; the next write or checkpoint tries again.
            database.tidy().ok();
            Ok(value)
        })
    }

    /// Reads one consistent state of the database. Writing through it fails.
    ///
    /// # Errors
    /// `f`'s own; [`VaultError::Locked`], [`VaultError::Damaged`].
    pub fn read<T, E: From<VaultError>>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        self.with_database(|database| database.read(f))
    }

    /// Number of saves that the outbox holds and the database has not.
    ///
    /// # Errors
    /// [`VaultError::Locked`], [`VaultError::Damaged`].
    pub fn pending(&self) -> Result<u64, VaultError> {
        self.with_database(|database| {
            let applied = database.writer().applied();
            Ok(self.outbox().places_from(applied).len() as u64)
        })
    }

    /// Gives pending saves to `f` in order, each in a transaction of its own, and returns their number.
    ///
    /// # Errors
    /// `f`'s own, which stops at that save; [`VaultError::Locked`], [`VaultError::Damaged`], disk errors.
    pub fn replay<E: From<VaultError>>(
        &self,
        f: impl FnMut(&Transaction<'_>, Position, &[Entry]) -> Result<(), E>,
    ) -> Result<u64, E> {
        self.with_database(|database| self.replay_in(database, 1, f))
    }

    fn replay_in<E: From<VaultError>>(
        &self,
        database: &Database,
        batch: usize,
        mut f: impl FnMut(&Transaction<'_>, Position, &[Entry]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut writer = database.writer();
        let mut records = self.outbox().records(writer.applied())?;
        let mut total = 0;
        loop {
            let batch = records.by_ref().take(batch).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = batch.last() else { return Ok(total) };
            let applied = Some(last.position.0 + 1);
            writer.apply(|tx| {
                batch.iter().try_for_each(|record| f(tx, record.position, &record.entries))?;
                Ok::<_, E>(((), applied))
            })?;
            total += batch.len() as u64;
        }
    }

    /// Sets the database aside, makes a new one and replays the whole outbox into it. For a damaged database; call it after
    /// [`Vault::unlock`], [`Vault::read`] or [`Vault::checkpoint`] said [`Part::Database`].
    ///
    /// # Errors
    /// [`VaultError::Locked`]; `f`'s own, after which the rest is pending and [`Vault::replay`] goes on; disk errors.
    pub fn rebuild<E: From<VaultError>>(
        &self,
        f: impl FnMut(&Transaction<'_>, Position, &[Entry]) -> Result<(), E>,
    ) -> Result<RebuildReport, E> {
        let mut guard = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let open = guard.as_mut().ok_or(VaultError::Locked)?;
        open.database = None;
        let set_aside = database::set_aside(&self.dir)?;
        let fresh = Database::create(&self.dir, &open.keys.database, &self.options.migrations)?;
        let database = open.database.insert(fresh);
        let restored_records = self.replay_in(database, REBUILD_BATCH, f)?;
        let lost_records = self.outbox().next().saturating_sub(restored_records);
        Ok(RebuildReport { restored_records, lost_records, set_aside })
    }

    /// Moves the write-ahead log into the database and checks every page. Call it when the app goes to the background.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] of [`Part::Database`]: call [`Vault::rebuild`]. [`VaultError::Database`] with `SQLite`'s busy code
    /// while a read runs. [`VaultError::Locked`].
    pub fn checkpoint(&self) -> Result<(), VaultError> {
        self.with_database(Database::checkpoint)
    }

    /// Records of the outbox from `from` on. Works while locked.
    ///
    /// # Errors
    /// Disk errors.
    pub fn outbox_entries(&self, from: Position) -> Result<Records, VaultError> {
        self.outbox().records(from.0)
    }

    /// Keeps a value in the key ring, sealed by the master key, outside the database. On disk when it returns.
    ///
    /// # Errors
    /// [`VaultError::Locked`]; [`VaultError::TooLarge`] for a name over 255 bytes or a value over 16 MiB; disk errors.
    pub fn ring_put(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        self.with_ring(|ring| ring.put(name, value))
    }

    /// A value of the key ring.
    ///
    /// # Errors
    /// [`VaultError::Locked`]; [`VaultError::Damaged`] of [`Part::Ring`]; disk errors.
    pub fn ring_get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.with_ring(|ring| ring.get(name))
    }

    /// Removes a value from the key ring.
    ///
    /// # Errors
    /// [`VaultError::Locked`]; disk errors.
    pub fn ring_remove(&self, name: &str) -> Result<(), VaultError> {
        self.with_ring(|ring| ring.remove(name))
    }

    /// Names in the key ring, sorted. Files that cannot be read are moved aside.
    ///
    /// # Errors
    /// [`VaultError::Locked`]; disk errors.
    pub fn ring_names(&self) -> Result<Vec<String>, VaultError> {
        self.with_ring(|ring| ring.names())
    }

    /// Keeps a value that must be readable while locked, sealed by the device key. On disk when it returns.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`] for a name over 255 bytes or a value over 16 MiB; disk errors.
    pub fn state_put(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        self.state().put(name, value)
    }

    /// A value kept by [`Vault::state_put`].
    ///
    /// # Errors
    /// [`VaultError::Damaged`] of [`Part::State`]; disk errors.
    pub fn state_get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        self.state().get(name)
    }

    /// Removes a value kept by [`Vault::state_put`].
    ///
    /// # Errors
    /// Disk errors.
    pub fn state_remove(&self, name: &str) -> Result<(), VaultError> {
        self.state().remove(name)
    }

    /// Syncs that the vault itself asked of the disk since it was opened. `SQLite`'s own (one a commit) are not among them.
    pub fn sync_count(&self) -> u64 {
        self.dir.sync_count()
    }

    fn state(&self) -> SealedFolder<'_> {
        SealedFolder { dir: &self.state, profile: &self.profile, key: &self.device.state, part: Part::State }
    }

    fn with_ring<T>(&self, f: impl FnOnce(SealedFolder<'_>) -> Result<T, VaultError>) -> Result<T, VaultError> {
        self.with_open(|open| {
            f(SealedFolder { dir: &self.ring, profile: &self.profile, key: &open.keys.ring, part: Part::Ring })
        })
    }

    fn with_database<T, E: From<VaultError>>(&self, f: impl FnOnce(&Database) -> Result<T, E>) -> Result<T, E> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Open { database, .. } = open.as_ref().ok_or(VaultError::Locked)?;
        f(database.as_ref().ok_or(VaultError::Damaged(Part::Database))?)
    }
}
