//! The names of things: fixed-size opaque ids and the op id.
//!
//! Knows sizes only. Ids are random or hashes and carry no meaning; none of them tells a place, a person or a time.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $size;

            /// The id in lower-case hex.
            pub fn hex(&self) -> String {
                crate::bytes::hex(&self.0)
            }

            /// Reads the id from lower- or upper-case hex; `None` for anything else.
            pub fn from_hex(text: &str) -> Option<Self> {
                crate::bytes::unhex(text)?.try_into().ok().map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.hex())
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}

id!(
    /// A stream: an append-only log of segments with members and a clearance.
    StreamId, 16
);
id!(
    /// Names a stream between a device and its hub: the first 8 bytes of its id. Another stream may have the same; whoever
    /// resolves a handle says among which streams.
    StreamHandle, 8
);
id!(
    /// A unit: a police station, an NGO, a department office.
    UnitId, 16
);
id!(
    /// A post: a role in a unit. Rights belong to posts.
    PostId, 16
);
id!(
    /// A device: one profile on one phone; derived from its public keys (`docs/wire.md` §2).
    DeviceId, 16
);
id!(
    /// A record: one session, report, case, meeting.
    RecordId, 16
);
id!(
    /// A row of a repeat, unique within its record.
    RowId, 8
);
id!(
    /// One life of a device's chains; a new one after every restore or fork.
    Generation, 8
);
id!(
    /// One life of a hub's database; a new one after every restore from a backup.
    Incarnation, 8
);
id!(
    /// Names a schema: the first 8 bytes of its hash.
    SchemaId, 8
);
id!(
    /// A SHA-256 hash.
    Hash, 32
);

id!(
    /// The root of a segment's Merkle tree: the first 16 bytes of the hash on top.
    Root, 16
);

impl StreamId {
    /// The handle of the stream.
    pub fn handle(&self) -> StreamHandle {
        StreamHandle(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl Hash {
    /// The first `N` bytes, zeros if the hash has fewer.
    pub(crate) fn prefix<const N: usize>(&self) -> [u8; N] {
        self.0.first_chunk().copied().unwrap_or([0; N])
    }
}

impl From<StreamId> for LogId {
    fn from(id: StreamId) -> Self {
        Self(id.0)
    }
}

impl From<UnitId> for LogId {
    fn from(id: UnitId) -> Self {
        Self(id.0)
    }
}

id!(
    /// A membership log: its unit's or its stream's id.
    LogId, 16
);

/// Names one op: device, generation, counter and tag (`docs/wire.md` §5). The same in all projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// The device that wrote the op.
    pub device: DeviceId,
    /// The device's generation at that time.
    pub generation: Generation,
    /// Number of the op in (device, generation), over all streams, from 0.
    pub counter: u64,
    /// Tells apart two ops with one counter.
    pub tag: [u8; 4],
}
