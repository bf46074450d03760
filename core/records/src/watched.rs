//! The vault, watched for a damaged database.
//!
//! Knows one flag beside the database. Refuses to know what is read and written. Invariant: once a call has met a damaged
//! page the flag is on disk, and the next unlock makes the database anew from the outbox. Start at [`Watched`].

use std::ops::Deref;

use rusqlite::{Connection, Transaction};
use samanvay_vault::error::Part;
use samanvay_vault::{Entry, Vault, VaultError};

use crate::error::{RecordsError, Result};

/// Name of the flag in the vault's state; its value means nothing.
const FLAG: &str = "damaged";

/// A vault whose damage is remembered. What is not about the database is the vault's own.
pub(crate) struct Watched(pub(crate) Vault);

impl Deref for Watched {
    type Target = Vault;

    fn deref(&self) -> &Vault {
        &self.0
    }
}

impl Watched {
    pub(crate) fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.seen(self.0.read(f))
    }

    pub(crate) fn write<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.seen(self.0.write(f))
    }

    pub(crate) fn save<T>(&self, entries: &[Entry], f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.seen(self.0.save(entries, f))
    }

    /// Moves the write-ahead log into the database and looks at every page.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.seen(self.0.checkpoint().map_err(RecordsError::from))
    }

    /// Whether a call has met damage since the last rebuild.
    pub(crate) fn is_flagged(&self) -> Result<bool> {
        match self.0.state_get(FLAG) {
            Err(VaultError::Damaged(_) | VaultError::NewerSchema { .. }) => Ok(true),
            other => Ok(other?.is_some()),
        }
    }

    /// The database is a new one.
    pub(crate) fn unflag(&self) -> Result<()> {
        Ok(self.0.state_remove(FLAG)?)
    }

    fn seen<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(RecordsError::Vault(VaultError::Damaged(Part::Database))) = &result {
            // The damage itself is what the caller hears of; a flag that cannot be written now is written at the next call.
            self.0.state_put(FLAG, &[1]).ok();
        }
        result
    }
}
