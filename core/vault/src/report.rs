//! What opening, unlocking and rebuilding found. Numbers and file names of the vault's own only.

/// What [`crate::Vault::unlock`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report may say that saves wait for a replay, or that something was lost"]
pub struct OpenReport {
    /// Saves that the outbox holds and the database has not: call `replay`.
    pub pending: u64,
    /// Saves that the database has and the outbox lost. They are safe in the database, and no longer twice on the phone.
    pub outbox_lost: u64,
    /// An interrupted PIN change was finished in favour of the PIN just used.
    pub finished_pin_change: bool,
    /// Migrations applied just now.
    pub migrated: u32,
}

/// What opening the outbox found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxReport {
    /// Good records.
    pub records: u64,
    /// Bytes of a torn tail that were cut off: a save that was never acknowledged, or a damaged last record.
    pub torn_bytes: u64,
    /// The file in the profile's folder that keeps them.
    pub torn_file: Option<String>,
    /// Damage in the middle, with good records after it.
    pub damage: Vec<Damage>,
    /// There was no outbox file; an empty one was made.
    pub missing: bool,
}

/// A damaged stretch of the outbox. It stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes; 0 when records are gone without a trace.
    pub bytes: u64,
    /// Records that lay there.
    pub records_lost: u64,
}

/// What [`crate::Vault::rebuild`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report may say that something was lost"]
pub struct RebuildReport {
    /// Saves applied to the new database.
    pub restored_records: u64,
    /// Saves that the outbox could not give back.
    pub lost_records: u64,
    /// Files in the profile's folder that keep the damaged database.
    pub set_aside: Vec<String>,
}
