//! Why bytes or claims were refused. No variant ever holds content.

/// The bytes do not follow `docs/wire.md`. The text is a fixed phrase and holds nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub &'static str);

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The bytes do not follow `docs/wire.md`. Keep them aside; ask the sender again.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A signature does not match its key and bytes.
    #[error("signature does not match")]
    BadSignature,
    /// The box opens with none of the keys given, or its header was changed.
    #[error("sealed box does not open with this key and header")]
    SealBroken,
    /// The Merkle root does not match the ops.
    #[error("Merkle root does not match the ops")]
    RootMismatch,
    /// Written by a version of the app that this one does not know. Update, then read again; nothing is lost.
    #[error("written by a newer version; update the app")]
    Newer,
    /// The schema is not held. Fetch the form pack, then decode again.
    #[error("schema {0} is not held")]
    UnknownSchema(String),
    /// A membership log entry breaks a rule. `index` is the entry's place.
    #[error("log entry {index} refused: {why}")]
    BadEntry {
        /// Place of the entry in its log.
        index: u64,
        /// The rule, as a fixed phrase.
        why: &'static str,
    },
    /// The log held is shorter than the position that is named. Fetch the log, then judge again.
    #[error("membership log is shorter than position {position}")]
    LogBehind {
        /// The position named.
        position: u64,
    },
    /// A stream's log names more of a unit's log than is held. Fetch the unit's log to that length, then judge again.
    #[error("log of unit {unit} is needed to length {length}")]
    UnitBehind {
        /// The unit, in hex.
        unit: String,
        /// The length needed.
        length: u64,
    },
    /// The author may not do this at the position named.
    #[error("author may not write here at position {position}")]
    NotEntitled {
        /// The position named.
        position: u64,
    },
    /// The segment names an epoch that is not the newest at its position.
    #[error("epoch {epoch} is not the newest at that position")]
    WrongEpoch {
        /// The epoch named.
        epoch: u64,
    },
    /// The system gave no random bytes. Nothing was made; try again.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// A field above the stream's clearance. `field` is its number.
    #[error("field {field} is above the stream's clearance")]
    NotAdmitted {
        /// Number of the field.
        field: u32,
    },
}

/// Result with [`SyncError`].
pub type Result<T> = std::result::Result<T, SyncError>;
