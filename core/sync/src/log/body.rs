//! What an entry of a membership log can say: the kinds of `docs/wire.md` §3.
//!
//! Knows the bytes of each kind. Refuses to judge: an admin card in a body is not yet certified, a device card's own
//! signature is. Invariant: a kind, or a code in a kind, that this version does not know is kept as [`Body::Unknown`],
//! byte for byte. Start at [`Body`].

use crate::bytes::{Reader, Writer};
use crate::codes::codes;
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Hash, PostId, UnitId};
use crate::keys::{AdminCard, Card, Public, SealedKey, district};
use crate::schema::Clearance;

use super::entry::ENTRY_BYTES_MAX;

/// Most bytes of a name.
const NAME_MAX: usize = ENTRY_BYTES_MAX;

codes!(
    /// What a unit is.
    UnitKind {
        /// A police station.
        PoliceStation = 1,
        /// A non-governmental organisation.
        Ngo = 2,
        /// A department's office.
        Department = 3,
        /// A supervisor's office.
        Supervisor = 4,
    }
);
codes!(
    /// What the holder of a post does. Rights come from `member` entries, not from this.
    PostRole {
        /// Works in the field.
        FieldWorker = 1,
        /// Is in charge of the unit.
        InCharge = 2,
        /// Supervises units.
        Supervisor = 3,
        /// Nodal officer of a department.
        NodalOfficer = 4,
    }
);
codes!(
    /// What a stream is for.
    Purpose {
        /// A unit's own work.
        Unit = 1,
        /// Roll-up of a district.
        RollUp = 2,
        /// Open facts: clearance exactly A, signed and not sealed.
        Open = 3,
        /// Coordination between units.
        Coordination = 4,
        /// A post's inbox.
        Inbox = 5,
    }
);
codes!(
    /// Why a device was removed.
    RemoveReason {
        /// Its holder left the post.
        Left = 1,
        /// It is lost.
        Lost = 2,
        /// Another device took its place.
        Replaced = 3,
    }
);

/// What a post may do in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rights(u8);

impl Rights {
    /// Nothing: not a member.
    pub const NONE: Self = Self(0);
    /// Reads only.
    pub const READER: Self = Self(1);
    /// Writes only.
    pub const WRITER: Self = Self(2);
    /// Reads and writes.
    pub const BOTH: Self = Self(3);

    /// Whether it reads.
    pub fn reads(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether it writes.
    pub fn writes(self) -> bool {
        self.0 & 2 != 0
    }

    /// The byte on the wire.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// What either gives.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn from_bits(bits: u8) -> Result<Self> {
        if bits > 3 { Err(SyncError::Newer) } else { Ok(Self(bits)) }
    }
}

/// A new epoch of a stream's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// 1, 2, …
    pub number: u64,
    /// Seals what is written in this epoch.
    pub public: Public,
    /// The private half of the epoch before, sealed to this one; absent in epoch 1.
    pub previous: Option<SealedKey>,
    /// The private half, sealed to the stream's recovery key.
    pub recovery: SealedKey,
    /// The private half, sealed to each reading device.
    pub boxes: Vec<(DeviceId, SealedKey)>,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Starts a unit's log.
    UnitGenesis {
        /// The first admin.
        admin: AdminCard,
        /// LGD code.
        district: u32,
        /// What the unit is.
        kind: UnitKind,
        /// As shown.
        name: String,
    },
    /// Starts a stream's log.
    StreamGenesis {
        /// The first admin.
        admin: AdminCard,
        /// LGD code; 0 for a stream of the whole state.
        district: u32,
        /// What may go into the stream.
        clearance: Clearance,
        /// What the stream is for.
        purpose: Purpose,
        /// As shown.
        name: String,
        /// Recovery key that every epoch is sealed to.
        recovery: Public,
    },
    /// Adds an admin.
    AdminAdd(AdminCard),
    /// Makes a post, or renames it.
    Post {
        /// The post.
        post: PostId,
        /// What its holder does.
        role: PostRole,
        /// As shown.
        name: String,
    },
    /// Binds a device to a post.
    Bind {
        /// The post.
        post: PostId,
        /// The device's card, its own signature checked.
        card: Card,
    },
    /// Takes a device off its post.
    Remove {
        /// The device.
        device: DeviceId,
        /// Why.
        reason: RemoveReason,
    },
    /// Fixes how much of a unit's log counts from here on.
    UnitAt {
        /// The unit.
        unit: UnitId,
        /// Entries that count.
        length: u64,
        /// Hash of the last of them.
        head: Hash,
    },
    /// Gives a post its rights, in place of earlier ones.
    Member {
        /// The unit of the post.
        unit: UnitId,
        /// The post.
        post: PostId,
        /// Its rights from here on.
        rights: Rights,
    },
    /// Starts an epoch.
    Epoch(Box<Epoch>),
    /// Gives one more device an epoch's private half.
    Wrap {
        /// The epoch.
        epoch: u64,
        /// The device.
        device: DeviceId,
        /// The private half, sealed to the device.
        sealed: SealedKey,
    },
    /// Changes the stream's clearance.
    Clearance(Clearance),
    /// Something of a newer version, kept as it is.
    Unknown {
        /// The kind's number.
        kind: u8,
        /// Its bytes.
        body: Vec<u8>,
    },
}

impl Body {
    /// The kind's number.
    pub fn kind(&self) -> u8 {
        match self {
            Self::UnitGenesis { .. } => 1,
            Self::StreamGenesis { .. } => 2,
            Self::AdminAdd(_) => 3,
            Self::Post { .. } => 4,
            Self::Bind { .. } => 5,
            Self::Remove { .. } => 6,
            Self::UnitAt { .. } => 7,
            Self::Member { .. } => 8,
            Self::Epoch(_) => 9,
            Self::Wrap { .. } => 10,
            Self::Clearance(_) => 11,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The body's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Self::UnitGenesis { admin, district, kind, name } => {
                out.bytes(admin.encode()).varint((*district).into()).u8(kind.code()).text(name)
            }
            Self::StreamGenesis { admin, district, clearance, purpose, name, recovery } => out
                .bytes(admin.encode())
                .varint((*district).into())
                .u8(clearance.bits())
                .u8(purpose.code())
                .text(name)
                .raw(recovery),
            Self::AdminAdd(card) => out.bytes(card.encode()),
            Self::Post { post, role, name } => out.raw(post).u8(role.code()).text(name),
            Self::Bind { post, card } => out.raw(post).bytes(card.encode()),
            Self::Remove { device, reason } => out.raw(device).u8(reason.code()),
            Self::UnitAt { unit, length, head } => out.raw(unit).varint(*length).raw(head),
            Self::Member { unit, post, rights } => out.raw(unit).raw(post).u8(rights.bits()),
            Self::Epoch(epoch) => epoch.write(&mut out),
            Self::Wrap { epoch, device, sealed } => out.varint(*epoch).raw(device).raw(sealed),
            Self::Clearance(clearance) => out.u8(clearance.bits()),
            Self::Unknown { body, .. } => out.raw(body),
        };
        out.finish()
    }

    /// Reads a body. What a newer version wrote becomes [`Body::Unknown`].
    pub(super) fn decode(kind: u8, bytes: &[u8]) -> Result<Self> {
        match Self::decode_known(kind, bytes) {
            Err(SyncError::Newer) => Ok(Self::Unknown { kind, body: bytes.to_vec() }),
            other => other,
        }
    }

    fn decode_known(kind: u8, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let body = match kind {
            1 => Self::UnitGenesis {
                admin: AdminCard::decode(reader.bytes(ENTRY_BYTES_MAX)?)?,
                district: district(&mut reader)?,
                kind: UnitKind::from_code(reader.u8()?)?,
                name: reader.text(NAME_MAX)?.to_owned(),
            },
            2 => Self::StreamGenesis {
                admin: AdminCard::decode(reader.bytes(ENTRY_BYTES_MAX)?)?,
                district: district(&mut reader)?,
                clearance: Clearance::from_bits(reader.u8()?)?,
                purpose: Purpose::from_code(reader.u8()?)?,
                name: reader.text(NAME_MAX)?.to_owned(),
                recovery: reader.array()?,
            },
            3 => Self::AdminAdd(AdminCard::decode(reader.bytes(ENTRY_BYTES_MAX)?)?),
            4 => Self::Post {
                post: PostId(reader.array()?),
                role: PostRole::from_code(reader.u8()?)?,
                name: reader.text(NAME_MAX)?.to_owned(),
            },
            5 => Self::Bind { post: PostId(reader.array()?), card: Card::decode(reader.bytes(ENTRY_BYTES_MAX)?)? },
            6 => Self::Remove { device: DeviceId(reader.array()?), reason: RemoveReason::from_code(reader.u8()?)? },
            7 => Self::UnitAt { unit: UnitId(reader.array()?), length: reader.varint()?, head: Hash(reader.array()?) },
            8 => Self::Member {
                unit: UnitId(reader.array()?),
                post: PostId(reader.array()?),
                rights: Rights::from_bits(reader.u8()?)?,
            },
            9 => Self::Epoch(Box::new(Epoch::read(&mut reader)?)),
            10 => Self::Wrap { epoch: reader.varint()?, device: DeviceId(reader.array()?), sealed: reader.array()? },
            11 => Self::Clearance(Clearance::from_bits(reader.u8()?)?),
            _ => return Err(SyncError::Newer),
        };
        reader.end()?;
        Ok(body)
    }
}

impl Epoch {
    fn write<'a>(&self, out: &'a mut Writer) -> &'a mut Writer {
        out.varint(self.number).raw(self.public);
        out.bytes(self.previous.as_ref().map_or(&[][..], |sealed| sealed));
        out.bytes(self.recovery).count(self.boxes.len());
        for (device, sealed) in &self.boxes {
            out.raw(device).raw(sealed);
        }
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let number = reader.varint()?;
        let public = reader.array()?;
        let previous = match reader.bytes(80)? {
            [] => None,
            sealed => Some(sealed_key(sealed)?),
        };
        let recovery = sealed_key(reader.bytes(80)?)?;
        let count = reader.count(DeviceId::LEN + 80, ENTRY_BYTES_MAX)?;
        let mut boxes = Vec::with_capacity(count);
        for _ in 0..count {
            boxes.push((DeviceId(reader.array()?), reader.array()?));
        }
        Ok(Self { number, public, previous, recovery, boxes })
    }
}

fn sealed_key(bytes: &[u8]) -> Result<SealedKey> {
    bytes.try_into().map_err(|_| Malformed("box of a key has 80 bytes").into())
}
