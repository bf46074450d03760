//! Membership logs: who may read and write, at which position (`docs/wire.md` §3).
//!
//! Knows entries, units and streams. Refuses to fetch: whoever holds the entries appends them in order. Invariant: a log
//! that took an entry has checked its chain, its signatures and its right to stand there, so every device that holds the
//! same entries judges alike. Start at [`UnitLog`] and [`StreamLog`]; admins make entries with their `draft`.

mod admin;
mod body;
mod chain;
mod entry;
mod epochs;
mod stream;
mod unit;

pub use body::{Body, Epoch, PostRole, Purpose, RemoveReason, Rights, UnitKind};
pub use chain::Appended;
pub use entry::{ENTRY_BYTES_MAX, Entry};
pub use epochs::EpochKeys;
pub use stream::{MemberDevice, StreamInfo, StreamLog, UnitLogs};
pub use unit::{Post, UnitInfo, UnitLog};
