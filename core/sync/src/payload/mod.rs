//! The payload of a segment: ops as bytes and back (`docs/wire.md` §5), compressed and padded (§4).
//!
//! Knows the bytes and their caps. Refuses to know schemas (the form of a change tells how to read it), keys and headers.
//! Invariant: for ops that pass [`Op::check`](crate::op::Op::check), `decode(encode(ops)) = ops`, and hostile bytes give a typed error within
//! bounded memory. Start at [`encode`] and [`decode`].

mod pack;
mod read;
pub mod text;
mod write;

pub(crate) use pack::ZSTD;
pub use pack::{pack, pad, padme, unpack, unpad};
pub use read::decode;
pub use write::{encode, standalone, tag_input};

use crate::id::{DeviceId, Generation};
use crate::op::{CHANGES_MAX, TEXT_BYTES_MAX};

/// Most ops in a segment (`docs/wire.md` §9).
pub const OPS_MAX: usize = 4096;
/// Most bytes of a payload (`docs/wire.md` §9).
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// Most changes, row ids, set members and op references together in a segment (`docs/wire.md` §9).
pub const ITEMS_MAX: usize = 1 << 18;

/// Most origins, and most schemas, in a segment (`docs/wire.md` §9).
const TABLE_MAX: usize = 1024;
/// Most routes of an op.
const ROUTES_MAX: usize = 64;
/// Bytes of the shortest op reference: origin, counter, tag.
const REFERENCE_BYTES_MIN: usize = 6;

mod flag {
    pub(super) const CREATES: u8 = 1;
    pub(super) const RECORD_FOLLOWS: u8 = 2;
    pub(super) const OTHER_ORIGIN: u8 = 4;
    pub(super) const ANCHORED: u8 = 8;
    pub(super) const ROUTES: u8 = 16;
    pub(super) const KNOWN: u8 = 31;
}

mod form {
    pub(super) const CLEARED: u64 = 0;
    pub(super) const INT: u64 = 1;
    pub(super) const TEXT: u64 = 2;
    pub(super) const RAW: u64 = 3;
    pub(super) const DELTA: u64 = 4;
    pub(super) const INSTANT: u64 = 5;
    /// A key is a field difference times this, plus the form.
    pub(super) const COUNT: u64 = 8;
}

/// Where ops were numbered: a device and its generation.
type Origin = (DeviceId, Generation);
