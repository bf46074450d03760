//! The wire form: a segment without what both sides of a connection know, and with its codes in one byte (`docs/wire.md`
//! §4).
//!
//! Knows which parts may be left out. Refuses to guess them: the caller says what it knows. Invariant: a completed form is
//! the canonical segment, byte for byte, or its signature does not fit. Start at [`WireForm::decode`].

use crate::bytes::{Reader, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Generation, Hash, Root, StreamId};
use crate::keys::Signature;
use crate::payload::ZSTD;

use super::{Header, OPEN, SEALED, SEGMENT_BYTES_MAX, Segment, check_size};

const AUTHOR: u8 = 1;
const GENERATION: u8 = 2;
const PREV: u8 = 4;
const UNSEALED: u8 = 8;
const PACKED: u8 = 16;
const DICTIONARY: u8 = 32;
const ALL: u8 = AUTHOR | GENERATION | PREV | UNSEALED | PACKED | DICTIONARY;

/// What the receiver knows beside the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The author.
    pub author: Option<DeviceId>,
    /// The author's generation.
    pub generation: Option<Generation>,
    /// Hash of the segment that ends right before this one.
    pub prev: Option<Hash>,
}

/// A segment as it travels, its left out parts still missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireForm {
    author: Option<DeviceId>,
    generation: Option<Generation>,
    prev: Option<Hash>,
    /// The header as far as known: missing parts are zero.
    header: Header,
    root: Root,
    body: Vec<u8>,
    signature: Signature,
}

impl WireForm {
    /// Reads a wire form.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], or [`SyncError::Newer`] for a flag that this version does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        check_size(bytes.len())?;
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        if flags & !ALL != 0 {
            return Err(SyncError::Newer);
        }
        let author = if flags & AUTHOR != 0 { Some(DeviceId(reader.array()?)) } else { None };
        let generation = if flags & GENERATION != 0 { Some(Generation(reader.array()?)) } else { None };
        let mut header = Header {
            suite: if flags & UNSEALED != 0 { OPEN } else { SEALED },
            codec: if flags & PACKED != 0 { ZSTD } else { 0 },
            author: author.unwrap_or_default(),
            generation: generation.unwrap_or_default(),
            ..Header::default()
        };
        header.read_numbers(&mut reader)?;
        if flags & DICTIONARY != 0 {
            header.dictionary = reader.varint()?;
            if header.dictionary == 0 {
                return Err(Malformed("no dictionary, and yet it follows").into());
            }
        }
        let prev = if flags & PREV != 0 { Some(Hash(reader.array()?)) } else { None };
        header.prev = prev.unwrap_or_default();
        header.check()?;
        let root = Root(reader.array()?);
        let body = reader.bytes(SEGMENT_BYTES_MAX)?.to_vec();
        let form = Self { author, generation, prev, header, root, body, signature: reader.array()? };
        reader.end()?;
        Ok(form)
    }

    /// Number of the first op: with it the receiver finds the segment before, if [`WireForm::needs_prev`].
    pub fn first(&self) -> u64 {
        self.header.first
    }

    /// The author, if it travels with the segment.
    pub fn author(&self) -> Option<DeviceId> {
        self.author
    }

    /// The generation, if it travels with the segment.
    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Whether the hash of the segment before was left out and must be known.
    pub fn needs_prev(&self) -> bool {
        self.prev.is_none() && self.header.first > 0
    }

    /// The whole segment. What travels with it goes before what is known.
    ///
    /// # Errors
    /// [`SyncError::Malformed`] if something is neither known nor there, or the whole is too large.
    pub fn complete(self, stream: StreamId, known: &Known) -> Result<Segment> {
        let missing = Malformed("part of a segment is missing");
        let author = self.author.or(known.author).ok_or(missing)?;
        let generation = self.generation.or(known.generation).ok_or(missing)?;
        let first = self.header.first == 0;
        let prev = if first { Hash::default() } else { self.prev.or(known.prev).ok_or(missing)? };
        let header = Header { stream, author, generation, prev, ..self.header };
        let segment = Segment { header, root: self.root, body: self.body, signature: self.signature };
        segment.check_size()?;
        Ok(segment)
    }
}

impl Segment {
    /// The wire form for a receiver that knows the stream and `known`. What differs from it travels along.
    ///
    /// # Errors
    /// [`SyncError::Newer`] for a suite or a codec that the wire form has no flag for.
    pub fn to_wire(&self, known: &Known) -> Result<Vec<u8>> {
        let header = &self.header;
        if header.suite > SEALED || header.codec & !ZSTD != 0 {
            return Err(SyncError::Newer);
        }
        let author = known.author != Some(header.author);
        let generation = known.generation != Some(header.generation);
        let prev = known.prev != Some(header.prev);
        let mut out = Writer::new();
        let flag = |on, bit| if on { bit } else { 0 };
        let context = flag(author, AUTHOR) | flag(generation, GENERATION) | flag(prev, PREV);
        let codes = flag(header.suite == OPEN, UNSEALED) | flag(header.codec != 0, PACKED);
        out.u8(context | codes | flag(header.dictionary != 0, DICTIONARY));
        if author {
            out.raw(header.author);
        }
        if generation {
            out.raw(header.generation);
        }
        header.write_numbers(&mut out);
        if header.dictionary != 0 {
            out.varint(header.dictionary);
        }
        if prev {
            out.raw(header.prev);
        }
        out.raw(self.root).bytes(&self.body).raw(self.signature);
        Ok(out.finish())
    }
}
