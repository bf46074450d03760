//! What this crate writes into the vault's outbox, and reads back when the database is rebuilt.
//!
//! Knows the bytes of each entry; knows no database and opens nothing sealed. Invariant: every own change of state that
//! must outlive the database is one of these entries, so replaying them in order gives the same state. Start at [`Entry`].

use samanvay_sync::SyncError;
use samanvay_sync::bytes::Malformed;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::{Generation, Hash, StreamId};

use crate::error::Result;

/// Largest entry: a segment of the wire's cap and its frame.
const MAX: usize = 4 << 20;

/// Number of a draft: random, means nothing.
pub(crate) type DraftId = [u8; 8];

/// One entry of the outbox. Kind byte, then the body described at each variant, in the primitives of `docs/wire.md` §1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Kind 1: a one-save segment, canonical bytes.
    Frame(Vec<u8>),
    /// Kind 2: a segment, canonical bytes, that takes the place of the frames with its numbers and counts as published.
    Cut(Vec<u8>),
    /// Kind 3: stream ‖ generation ‖ first ‖ hash: this frame is about to leave the phone as it is.
    Published { stream: StreamId, generation: Generation, first: u64, hash: Hash },
    /// Kind 4: a receipt as kept (`docs/wire.md` §7).
    Receipt(Vec<u8>),
    /// Kind 5: the generation that saves use from here on.
    Generation(Generation),
    /// Kind 6: stream ‖ generation ‖ first: own segments from this number on are given up after a fork; their ops follow
    /// in new frames.
    Dropped { stream: StreamId, generation: Generation, first: u64 },
    /// Kind 7: a step of a draft, sealed to the profile's own box key.
    Draft(Vec<u8>),
    /// Kind 8: a draft that was finished or discarded.
    DraftEnd(DraftId),
}

impl Entry {
    /// Kind byte and body, as the vault takes them.
    pub(crate) fn encode(&self) -> (u8, Vec<u8>) {
        let mut out = Writer::new();
        let kind = match self {
            Self::Frame(_) => 1,
            Self::Cut(_) => 2,
            Self::Published { .. } => 3,
            Self::Receipt(_) => 4,
            Self::Generation(_) => 5,
            Self::Dropped { .. } => 6,
            Self::Draft(_) => 7,
            Self::DraftEnd(_) => 8,
        };
        match self {
            Self::Frame(bytes) | Self::Cut(bytes) | Self::Receipt(bytes) | Self::Draft(bytes) => out.raw(bytes),
            Self::Published { stream, generation, first, hash } => {
                out.raw(stream).raw(generation).varint(*first).raw(hash)
            }
            Self::Dropped { stream, generation, first } => out.raw(stream).raw(generation).varint(*first),
            Self::Generation(generation) => out.raw(generation),
            Self::DraftEnd(draft) => out.raw(draft),
        };
        (kind, out.finish())
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Frame(bytes) | Self::Cut(bytes) | Self::Receipt(bytes) | Self::Draft(bytes) => bytes.len() + 16,
            _ => 80,
        }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`SyncError::Newer`] for an unknown kind, [`SyncError::Malformed`] for a body of another shape.
    pub(crate) fn decode(kind: u8, body: &[u8]) -> Result<Self> {
        if body.len() > MAX {
            return Err(SyncError::from(Malformed("outbox entry too large")).into());
        }
        let mut reader = Reader::new(body);
        let entry = match kind {
            1 => return Ok(Self::Frame(body.to_vec())),
            2 => return Ok(Self::Cut(body.to_vec())),
            3 => Self::Published {
                stream: StreamId(reader.array()?),
                generation: Generation(reader.array()?),
                first: reader.varint()?,
                hash: Hash(reader.array()?),
            },
            4 => return Ok(Self::Receipt(body.to_vec())),
            5 => Self::Generation(Generation(reader.array()?)),
            6 => Self::Dropped {
                stream: StreamId(reader.array()?),
                generation: Generation(reader.array()?),
                first: reader.varint()?,
            },
            7 => return Ok(Self::Draft(body.to_vec())),
            8 => Self::DraftEnd(reader.array()?),
            _ => return Err(SyncError::Newer.into()),
        };
        reader.end()?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_comes_back_and_nothing_else_is_read() {
        let entries = [
            Entry::Frame(vec![1, 2]),
            Entry::Cut(vec![3]),
            Entry::Published {
                stream: StreamId([1; 16]),
                generation: Generation([2; 8]),
                first: 300,
                hash: Hash([3; 32]),
            },
            Entry::Receipt(vec![4]),
            Entry::Generation(Generation([5; 8])),
            Entry::Dropped { stream: StreamId([1; 16]), generation: Generation([2; 8]), first: 7 },
            Entry::Draft(vec![6]),
            Entry::DraftEnd([7; 8]),
        ];
        for entry in entries {
            let (kind, body) = entry.encode();
            assert_eq!(Entry::decode(kind, &body).unwrap(), entry);
            if matches!(
                entry,
                Entry::Published { .. } | Entry::Generation(_) | Entry::Dropped { .. } | Entry::DraftEnd(_)
            ) {
                assert!(Entry::decode(kind, &body[..body.len() - 1]).is_err());
                assert!(Entry::decode(kind, &[body.as_slice(), &[0]].concat()).is_err());
            }
        }
        assert!(Entry::decode(9, &[]).is_err());
    }
}
