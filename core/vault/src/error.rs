//! What a vault refuses, and what to do about it.
//!
//! Knows codes, parts and numbers. Refuses to carry anything a person typed, any path and any key: texts here may be logged.
//! Start at [`VaultError`].

use std::io;

use crate::keystore::KeyStoreError;

/// Why the vault refused. Each variant is something that a shell can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The folder holds no complete profile.
    #[error("this folder holds no profile; create one first")]
    NotAProfile,
    /// Another vault, in this process or another one, has the profile open.
    #[error("the profile is open elsewhere; close it there first")]
    AlreadyOpen,
    /// The keys are not in memory.
    #[error("the vault is locked; unlock it with the PIN")]
    Locked,
    /// The PIN opens no slot.
    #[error("wrong PIN; {attempts_left} attempts left")]
    WrongPin {
        /// Tries that remain before [`VaultError::LockedOut`].
        attempts_left: u32,
    },
    /// Too many wrong PINs. Nothing is lost; the unit's in-charge must help.
    #[error("too many wrong PINs; ask the unit's in-charge to reset the PIN")]
    LockedOut,
    /// The PIN breaks a rule that is public, so saying which one helps nobody else. Does not count as an attempt.
    #[error("choose another PIN: {0}")]
    WeakPin(PinProblem),
    /// A newer app wrote this file.
    #[error("version {found} was written by a newer app (this one reads up to {supported}); update the app")]
    NewerSchema {
        /// Version found on disk.
        found: u32,
        /// Newest version that this build knows.
        supported: u32,
    },
    /// A migration does not fit the database.
    #[error("migration {number} {problem}")]
    Migration {
        /// The migration's number.
        number: u32,
        /// What is wrong with it.
        problem: MigrationProblem,
    },
    /// A file fails its check. For [`Part::Database`] call `rebuild`; other parts say what is gone.
    #[error("the {0} is damaged")]
    Damaged(Part),
    /// The outbox holds saves that the database has not; call `replay` before saving.
    #[error("saves are waiting to be applied; replay them first")]
    ReplayNeeded,
    /// An entry, a name or a value is over its cap.
    #[error("too large to store")]
    TooLarge,
    /// The platform's key store failed.
    #[error("key store: {0}")]
    KeyStore(#[from] KeyStoreError),
    /// The disk failed or is full, see [`VaultError::is_disk_full`].
    #[error("disk: {}", .0.kind())]
    Disk(#[from] io::Error),
    /// `SQLite` refused a statement. Only the code is kept: its message may quote what a person typed.
    #[error("database code {code}")]
    Database {
        /// `SQLite`'s extended result code.
        code: i32,
    },
}

impl VaultError {
    /// Whether freeing space on the phone would help.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Disk(e) if matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge))
    }

    /// The random source or a cipher failed. It does not happen on a healthy system.
    pub(crate) fn crypto() -> Self {
        Self::KeyStore(KeyStoreError::Unavailable)
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error() {
            Some(e) => match e.code {
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(Part::Database),
                ErrorCode::DiskFull => Self::Disk(io::ErrorKind::StorageFull.into()),
                _ => Self::Database { code: e.extended_code },
            },
            None => Self::Database { code: rusqlite::ffi::SQLITE_MISUSE },
        }
    }
}

/// A rule that a PIN breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinProblem {
    /// Fewer than six digits.
    #[error("at least six digits")]
    TooShort,
    /// More than 32 digits.
    #[error("at most 32 digits")]
    TooLong,
    /// Something other than ASCII or Devanagari digits.
    #[error("digits only")]
    NotDigits,
    /// One digit throughout.
    #[error("not the same digit throughout")]
    AllSame,
    /// Each digit one above, or one below, the digit before.
    #[error("no straight run of digits")]
    Run,
}

/// What is wrong with a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MigrationProblem {
    /// Its text differs from the one that was applied.
    #[error("was changed after it had been applied")]
    Changed,
    /// Numbers must start above 0 and rise, and those already applied must stay in the list.
    #[error("is out of order")]
    OutOfOrder,
    /// Its SQL failed; nothing of it was kept.
    #[error("failed and was undone")]
    Failed,
}

/// A part of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// `vault.db` and its write-ahead log.
    #[error("database")]
    Database,
    /// The outbox can take no more saves in this run; open the profile again.
    #[error("outbox")]
    Outbox,
    /// The file `profile`.
    #[error("profile file")]
    Profile,
    /// The file `device`.
    #[error("device file")]
    Device,
    /// The files `slot-a` and `slot-b`.
    #[error("key slot")]
    Slot,
    /// The file `identity`.
    #[error("identity file")]
    Identity,
    /// The file `transport`.
    #[error("transport key file")]
    Transport,
    /// A file in `ring/`.
    #[error("key ring")]
    Ring,
    /// A file in `state/`.
    #[error("state")]
    State,
}
