//! Messages between a device or an admin and the hub (`docs/wire.md` §7, §8).
//!
//! Knows their bytes, signatures and caps. Refuses to know HTTP, disks and clocks. Invariant: what is decoded here is
//! either signed by whom it claims, or its type says that this is still to be checked. Start at [`SyncRequest`].

mod admin;
mod receipt;
mod refusal;
mod reply;
mod request;

pub use admin::{AdminAct, AdminRequest, Append, Appended, decode_list, encode_list};
pub use receipt::{PushReceipt, PushResult, Receipt, StreamReceipt, StreamStatus};
pub use refusal::Refusal;
pub use reply::{News, SyncReply};
pub use request::{Asked, SignedRequest, SyncRequest};

use crate::id::Root;

/// Most bytes of a request's or a reply's body (`docs/wire.md` §9).
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// Most streams in a request (`docs/wire.md` §9).
pub const STREAMS_MAX: usize = 64;

/// Bytes that no segment in wire form and no log entry is shorter than: a root and a signature. Bounds
/// what a hostile count can make a decoder allocate.
const ITEM_BYTES_MIN: usize = Root::LEN + 64;
