//! What the hub keeps, behind one trait with two engines in mind.
//!
//! Knows canonical segment bytes, log entries, chains, request numbers and enrolments as opaque rows; refuses to know
//! signatures, rights and schemas (`service` judges those before it stores). Invariant: what a call reported as stored
//! is on the disk, positions of a stream are 1, 2, 3 … without holes, a chain never branches, and what is kept aside is
//! bounded. Start at [`Store`];
//! an engine is sound if [`suite::check`] passes on it.

pub mod sqlite;
pub mod suite;

use samanvay_sync::id::{DeviceId, Generation, Hash, Incarnation, LogId, PostId, StreamId, UnitId};

/// Why the store could not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed: disk full, damaged file, lock. Nothing of the call is stored.
    #[error("the store failed: {0}")]
    Engine(String),
    /// The file was written by a newer hub. Install that version again.
    #[error("the store was written by a newer hub (layout {found}); install that version")]
    Newer {
        /// The layout number found.
        found: i64,
    },
    /// A number is larger than the store can hold.
    #[error("number out of range")]
    OutOfRange,
}

impl StoreError {
    /// The kind of failure in one word, for logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Engine(_) => "store_failed",
            Self::Newer { .. } => "store_newer",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// Result with [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;

/// Most forks kept of one chain.
pub const FORKS_MAX: u64 = 16;
/// Most segments of one device kept for review.
pub const QUARANTINE_MAX: u64 = 256;
/// Most bytes of segments of one device kept for review.
pub const QUARANTINE_BYTES_MAX: u64 = 32 << 20;
/// Most enrolments listed at once.
pub const ENROLMENTS_MAX: u64 = 1024;

/// One author's chain in one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainKey {
    /// The stream.
    pub stream: StreamId,
    /// The author.
    pub device: DeviceId,
    /// The author's generation.
    pub generation: Generation,
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The number that its next op must have.
    pub next: u64,
    /// Hash of its last segment; zeros for an empty chain.
    pub head: Hash,
}

/// A segment that was judged and may be stored.
#[derive(Clone, Debug)]
pub struct NewSegment {
    /// Its chain.
    pub chain: ChainKey,
    /// Number of its first op.
    pub first: u64,
    /// Number of ops.
    pub count: u64,
    /// Hash of the segment before it in the chain.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
    /// Its canonical bytes.
    pub body: Vec<u8>,
    /// Whether it is to be kept for review and not in the stream, unless the stream holds it already.
    pub review: bool,
}

/// What one request writes, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Push {
    /// The requester.
    pub device: DeviceId,
    /// The request's number; must be above every number seen from this device.
    pub number: u64,
    /// Hub time, unix milliseconds.
    pub received: u64,
    /// The segments, in the request's order.
    pub segments: Vec<NewSegment>,
}

/// Outcome of [`Store::push`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The number was not above `last`; nothing was written.
    Stale {
        /// The last number seen.
        last: u64,
    },
    /// Written; one outcome a segment.
    Stored(Vec<Placed>),
}

/// Outcome for one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Stored at this position.
    Accepted(u64),
    /// Held already, byte for byte, at this position.
    Held(u64),
    /// Its chain does not reach it, or it follows another segment. Not kept.
    Gap,
    /// It overlaps other bytes of its chain. Kept aside, unless [`FORKS_MAX`] of the chain are.
    Fork,
    /// Kept for review.
    Quarantined,
    /// It was to be kept for review, and there is no more room for its author. Not kept.
    Full,
}

/// Segments of a stream after a position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Newest position of the stream; 0 if it is empty.
    pub head: u64,
    /// Position and canonical bytes, rising.
    pub segments: Vec<(u64, Vec<u8>)>,
}

/// Outcome of [`Store::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The log has this length now.
    Length(u64),
    /// The log had another length, this one; nothing was written.
    Moved(u64),
}

/// An enrolment as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Id of the invite.
    pub invite: [u8; 16],
    /// The unit that invites.
    pub unit: UnitId,
    /// The post offered.
    pub post: PostId,
    /// District of the unit.
    pub district: u64,
    /// SHA-256 of the card of the device that enrols.
    pub card: Hash,
    /// The whole message.
    pub message: Vec<u8>,
}

/// Outcome of [`Store::enrol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// Stored now.
    New,
    /// The same card had used this invite already; nothing changed.
    Again,
    /// Another card has used the invite.
    Used,
}

/// A place to keep what the hub was given. Calls block; the hub makes them off its network threads.
pub trait Store: Send + Sync + 'static {
    /// The 8 random bytes that name this life of the store. New after a restore.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn incarnation(&self) -> Result<Incarnation>;

    /// Begins a new life: another incarnation, which it returns.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn renew(&self) -> Result<Incarnation>;

    /// Ids of all membership logs held.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn logs(&self) -> Result<Vec<LogId>>;

    /// Entries of a log from index `from`, in order. Empty for an unknown log.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn log(&self, log: LogId, from: u64) -> Result<Vec<Vec<u8>>>;

    /// Appends entries if the log has exactly `length` of them.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn append(&self, log: LogId, length: u64, entries: &[Vec<u8>]) -> Result<Appended>;

    /// Where a chain stands.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn chain(&self, chain: ChainKey) -> Result<Chain>;

    /// Hash of the segment that ends just before number `first` of a chain; `None` if no segment held ends there.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn before(&self, chain: ChainKey, first: u64) -> Result<Option<Hash>>;

    /// Judges number and chains and stores what fits, in one durable step.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails; then nothing of the push is stored.
    fn push(&self, push: Push) -> Result<Pushed>;

    /// Segments of a stream after position `after`, whole ones, until `budget` bytes are passed or the stream ends.
    /// A budget of 0 asks for the head alone.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn pull(&self, stream: StreamId, after: u64, budget: usize) -> Result<Pulled>;

    /// Keeps an enrolment; an invite is good for one card.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn enrol(&self, enrolment: Enrolment) -> Result<Enrolled>;

    /// Marks enrolments as done: the unit has bound this card to this post.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn settle(&self, unit: UnitId, post: PostId, card: Hash) -> Result<()>;

    /// Enrolments that are not done, of units of a district, or of all with `None`: the newest [`ENROLMENTS_MAX`], newest
    /// first.
    ///
    /// # Errors
    /// [`StoreError`] if the engine fails.
    fn enrolments(&self, district: Option<u64>) -> Result<Vec<Enrolment>>;
}
