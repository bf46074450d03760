//! Segments: the unit of push, storage, pull, file and audit (`docs/wire.md` §4).
//!
//! Knows a segment's bytes and its wire form. What may be believed is judged in [`check`], what it says is opened in
//! [`unseal`]. Invariant: the header is the AAD of the sealed body and under the signature with everything else, so no byte
//! of a segment changes unseen. Start at [`seal`] and [`Segment::decode`].

pub mod merkle;
mod seal;
#[cfg(feature = "canary-unsealed")]
mod unsealed;
mod wireform;

pub use seal::{Opened, Place, Sealing, check, open, seal, unseal};
pub use wireform::{Known, WireForm};

use crate::bytes::{Reader, Writer};
use crate::error::{Malformed, Result};
use crate::id::{DeviceId, Generation, Hash, Root, StreamId};
use crate::keys::{Signature, sha256};
use crate::payload::OPS_MAX;

/// Most bytes of a segment (`docs/wire.md` §9).
pub const SEGMENT_BYTES_MAX: usize = 1 << 20;
/// Suite of a sealed segment.
pub const SEALED: u8 = 1;
/// Suite of a segment of an open stream: signed, not sealed.
pub const OPEN: u8 = 0;

const CONTEXT: &str = "samanvay segment v1";

/// The clear part of a segment, all of it authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// How the body is sealed: [`SEALED`] or [`OPEN`]; others belong to a newer version.
    pub suite: u8,
    /// The stream.
    pub stream: StreamId,
    /// The device that wrote and signed it.
    pub author: DeviceId,
    /// The author's generation.
    pub generation: Generation,
    /// Number of the first op in (author, stream, generation), from 0.
    pub first: u64,
    /// Ops in the segment, at least 1.
    pub count: u64,
    /// Epoch that it is sealed to; 0 in an open stream.
    pub epoch: u64,
    /// Length of the stream's log that the author saw.
    pub position: u64,
    /// Bit 0: the payload is compressed.
    pub codec: u8,
    /// Dictionary of the compression; 0 for none.
    pub dictionary: u64,
    /// Hash of the segment that ends at `first` − 1 in the chain; zero when `first` is 0.
    pub prev: Hash,
}

impl Header {
    /// Number of the op after the last of this segment.
    pub fn next(&self) -> u64 {
        self.first.saturating_add(self.count)
    }

    /// The header's bytes: the AAD of the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(self.suite).raw(self.stream).raw(self.author).raw(self.generation);
        self.write_numbers(&mut out);
        out.u8(self.codec).varint(self.dictionary).raw(self.prev);
        out.finish()
    }

    /// Writes the numbers that follow the generation in every form of a segment.
    fn write_numbers(&self, out: &mut Writer) {
        out.varint(self.first).varint(self.count).varint(self.epoch).varint(self.position);
    }

    fn read_numbers(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        (self.first, self.count) = (reader.varint()?, reader.varint()?);
        (self.epoch, self.position) = (reader.varint()?, reader.varint()?);
        Ok(())
    }

    /// Checks what needs no log.
    fn check(&self) -> Result<()> {
        if self.count == 0 || self.count > OPS_MAX as u64 || self.first.checked_add(self.count).is_none() {
            return Err(Malformed("number of ops in a segment").into());
        }
        if self.first == 0 && self.prev != Hash::default() {
            return Err(Malformed("the first segment of a chain names none before it").into());
        }
        if self.suite <= SEALED && (self.suite == OPEN) != (self.epoch == 0) {
            return Err(Malformed("suite and epoch do not fit").into());
        }
        Ok(())
    }
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The clear part.
    pub header: Header,
    /// Merkle root over the salted ops.
    pub root: Root,
    /// The sealed box, or in an open stream the packed payload.
    pub body: Vec<u8>,
    /// By the author's identity key over all bytes before.
    pub signature: Signature,
}

impl Segment {
    /// Canonical bytes: what is hashed, signed, stored and carried in files.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads canonical bytes. Nothing is believed yet; see [`check`].
    ///
    /// # Errors
    /// [`crate::SyncError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        check_size(bytes.len())?;
        let mut reader = Reader::new(bytes);
        let mut header = Header {
            suite: reader.u8()?,
            stream: StreamId(reader.array()?),
            author: DeviceId(reader.array()?),
            generation: Generation(reader.array()?),
            ..Header::default()
        };
        header.read_numbers(&mut reader)?;
        (header.codec, header.dictionary) = (reader.u8()?, reader.varint()?);
        header.prev = Hash(reader.array()?);
        header.check()?;
        let root = Root(reader.array()?);
        let body = reader.bytes(SEGMENT_BYTES_MAX)?.to_vec();
        let segment = Self { header, root, body, signature: reader.array()? };
        reader.end()?;
        Ok(segment)
    }

    /// SHA-256 of the canonical bytes.
    pub fn hash(&self) -> Hash {
        sha256(&[&self.encode()])
    }

    /// Checks the size of the canonical bytes.
    fn check_size(&self) -> Result<()> {
        check_size(self.signed().len() + self.signature.len())
    }

    /// What the signature covers.
    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(self.header.encode()).raw(self.root).bytes(&self.body);
        out.finish()
    }
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes > SEGMENT_BYTES_MAX { Err(Malformed("segment too large").into()) } else { Ok(()) }
}
