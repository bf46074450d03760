//! Sealing, judging and opening segments (`docs/wire.md` §4).
//!
//! Knows how ops become a signed segment and back. Refuses to know chains: the caller says which number comes next and which
//! hash stands before. Invariant: what [`open`] returns hashes to the signed root. Start at [`seal`], [`check`], [`open`].

use zeroize::Zeroizing;

use crate::bytes::Writer;
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Generation, Hash, Root, StreamId};
use crate::keys::{Card, Public, Random, SignKey, verify};
use crate::log::{EpochKeys, StreamLog};
use crate::op::Op;
use crate::payload;

#[cfg(feature = "canary-unsealed")]
use super::unsealed::{NewSeal, OpenSeal};
#[cfg(not(feature = "canary-unsealed"))]
use crate::keys::{NewSeal, OpenSeal};
use crate::payload::pack;

use super::{CONTEXT, Header, OPEN, SEALED, Segment, merkle};

const SALTS: &[u8] = b"samanvay salts v1";

/// Where a segment goes: its stream, its author's chain, and the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub stream: StreamId,
    /// The device that writes.
    pub author: DeviceId,
    /// Its generation.
    pub generation: Generation,
    /// The chain's next number.
    pub first: u64,
    /// Hash of the chain's last segment; zero if `first` is 0.
    pub prev: Hash,
    /// Length of the stream's log that the author holds.
    pub position: u64,
}

/// What a segment is sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// An epoch of a sealed stream: its number and public half.
    Epoch(u64, Public),
    /// An open stream: signed, not sealed.
    Open,
}

impl Sealing {
    /// What a segment written now into this stream is sealed to; `None` for a sealed stream without an epoch yet.
    pub fn now(log: &StreamLog) -> Option<Self> {
        if log.is_open() {
            return Some(Self::Open);
        }
        log.newest_epoch().map(|(number, public)| Self::Epoch(number, public))
    }
}

/// Packs, seals and signs ops as one segment.
///
/// # Errors
/// [`SyncError::Malformed`] if the ops pass a cap; [`SyncError::NoRandomness`]; [`SyncError::SealBroken`] if the epoch's
/// public half is no usable key.
pub fn seal(ops: &[Op], place: &Place, sealing: &Sealing, key: &SignKey, random: &mut dyn Random) -> Result<Segment> {
    let (suite, epoch) = match sealing {
        Sealing::Epoch(number, _) => (SEALED, *number),
        Sealing::Open => (OPEN, 0),
    };
    let payload = Zeroizing::new(payload::encode(ops, place.author, place.generation)?);
    let (codec, packed) = pack(&payload);
    let Place { stream, author, generation, first, prev, position } = *place;
    let count = ops.len() as u64;
    let header =
        Header { suite, stream, author, generation, first, count, epoch, position, codec, dictionary: 0, prev };
    header.check()?;
    let (root, body) = match sealing {
        Sealing::Open => (root(&leaves(ops, &header, None)?.1)?, packed),
        Sealing::Epoch(_, public) => {
            let context = NewSeal::new(public, &info(&header), random)?;
            let root = root(&leaves(ops, &header, Some(&*context.export(SALTS)?))?.1)?;
            let padded = Zeroizing::new(payload::pad(packed));
            (root, context.seal(&header.encode(), &padded)?)
        }
    };
    let mut segment = Segment { header, root, body, signature: [0; 64] };
    segment.check_size()?;
    segment.signature = key.sign(CONTEXT, &segment.signed());
    Ok(segment)
}

/// Judges whether a segment may be believed: its author was bound and a writer at the position it names, its epoch was the
/// newest there, and its signature is by the card bound there. Returns that card.
///
/// # Errors
/// [`SyncError::LogBehind`] to judge again once the log has grown; [`SyncError::NotEntitled`], [`SyncError::WrongEpoch`],
/// [`SyncError::BadSignature`], [`SyncError::Malformed`] for good; [`SyncError::Newer`] for an unknown suite.
pub fn check<'a>(segment: &Segment, log: &'a StreamLog) -> Result<&'a Card> {
    let Header { suite, stream, author, position, epoch, .. } = segment.header;
    if stream != log.id() {
        return Err(Malformed("segment of another stream").into());
    }
    if suite > SEALED {
        return Err(SyncError::Newer);
    }
    if position > log.len() {
        return Err(SyncError::LogBehind { position });
    }
    let not_entitled = SyncError::NotEntitled { position };
    let card = log.card(&author, position).ok_or_else(|| not_entitled.clone())?;
    if !log.rights(&author, position).writes() {
        return Err(not_entitled);
    }
    if (suite == OPEN) != log.is_open() {
        return Err(Malformed("suite does not fit the stream").into());
    }
    if epoch != log.epoch_at(position) || (epoch == 0) != log.is_open() {
        return Err(SyncError::WrongEpoch { epoch });
    }
    verify(card.sign(), CONTEXT, &segment.signed(), &segment.signature)?;
    Ok(card)
}

/// A segment's ops, with what shows each of them to a court.
#[derive(Debug)]
pub struct Opened {
    /// The ops, in order.
    pub ops: Vec<Op>,
    /// The salt of each op's leaf; empty in an open stream.
    pub salts: Vec<Vec<u8>>,
    /// The leaf of each op.
    pub leaves: Vec<Hash>,
}

/// Opens a segment that [`check`] accepted and returns its ops.
///
/// # Errors
/// As [`unseal`].
pub fn open(segment: &Segment, keys: &EpochKeys) -> Result<Vec<Op>> {
    unseal(segment, keys).map(|opened| opened.ops)
}

/// Opens a segment and recomputes its Merkle tree.
///
/// # Errors
/// [`SyncError::SealBroken`] without the epoch's key or after a change; [`SyncError::RootMismatch`];
/// [`SyncError::Malformed`]; [`SyncError::Newer`] for an unknown suite, codec, dictionary or content.
pub fn unseal(segment: &Segment, keys: &EpochKeys) -> Result<Opened> {
    let header = &segment.header;
    if header.dictionary != 0 || header.suite > SEALED {
        return Err(SyncError::Newer);
    }
    let (secret, payload) = if header.suite == OPEN {
        (None, payload::unpack(header.codec, &segment.body)?)
    } else {
        let key = keys.get(header.epoch).ok_or(SyncError::SealBroken)?;
        let (encapsulated, ciphertext) = segment.body.split_first_chunk().ok_or(SyncError::SealBroken)?;
        let context = OpenSeal::new(key, &info(header), encapsulated)?;
        let secret = context.export(SALTS)?;
        let padded = context.open(&header.encode(), ciphertext)?;
        (Some(secret), payload::unpack(header.codec, payload::unpad(&padded)?)?)
    };
    let payload = Zeroizing::new(payload);
    let count = usize::try_from(header.count).map_err(|_| Malformed("number of ops in a segment"))?;
    let ops = payload::decode(&payload, header.author, header.generation, count)?;
    let (salts, leaves) = leaves(&ops, header, secret.as_deref())?;
    if root(&leaves)? != segment.root {
        return Err(SyncError::RootMismatch);
    }
    Ok(Opened { ops, salts, leaves })
}

/// Salts and leaves of the ops. Without a secret the salts are empty.
fn leaves(ops: &[Op], header: &Header, secret: Option<&[u8; 32]>) -> Result<(Vec<Vec<u8>>, Vec<Hash>)> {
    let key = secret.map(|secret| ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret));
    let mut salts = Vec::with_capacity(ops.len());
    let mut leaves = Vec::with_capacity(ops.len());
    for (index, op) in (0u64..).zip(ops) {
        let salt = key.as_ref().map_or_else(Vec::new, |key| {
            let mut number = Writer::new();
            number.varint(index);
            let mac = ring::hmac::sign(key, number.as_slice());
            mac.as_ref().iter().take(16).copied().collect()
        });
        let standalone = Zeroizing::new(payload::standalone(op, header.author, header.generation)?);
        leaves.push(merkle::leaf(&salt, &standalone));
        salts.push(salt);
    }
    Ok((salts, leaves))
}

fn root(leaves: &[Hash]) -> Result<Root> {
    merkle::root(leaves).ok_or_else(|| Malformed("number of ops in a segment").into())
}

fn info(header: &Header) -> Vec<u8> {
    let mut info = Writer::new();
    info.raw(b"samanvay segment v1\0").u8(header.suite).raw(header.stream).varint(header.epoch);
    info.finish()
}
