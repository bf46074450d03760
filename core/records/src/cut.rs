//! The cut: what has not left the phone is packed into larger segments before it does. A larger one stands at the present end
//! of its stream's log, so it is made only if the post may still write there and the stream admits what it did.
//!
//! Knows frames and chains; sends nothing. Invariant: the entries it returns name every frame exactly once, as it is or
//! inside a segment with the same numbers, so after the caller has saved them nothing unpublished is left. Start at [`cut`].

use std::collections::BTreeMap;

use rusqlite::Connection;
use samanvay_sync::id::{Generation, StreamId};
use samanvay_sync::keys::{DeviceKeys, Random};
use samanvay_sync::log::StreamLog;
use samanvay_sync::op::Op;
use samanvay_sync::segment::{Place, Sealing, Segment, seal};

use crate::entries::Entry;
use crate::error::Result;
use crate::membership::Membership;
use crate::segments::{self, State, Stored};
use crate::store;

/// Most ops in a cut segment: a connection that breaks loses at most one segment's worth.
const OPS: usize = 512;
/// Most bytes of frames that go into one cut segment; a frame is larger than what it adds.
const BYTES: usize = 256 << 10;

/// Entries that publish every unpublished frame: a lone one as it is, several of one chain as larger segments.
pub(crate) fn cut(
    c: &Connection,
    keys: &DeviceKeys,
    membership: &Membership,
    random: &mut dyn Random,
) -> Result<Vec<Entry>> {
    let mut chains: BTreeMap<(StreamId, Generation), Vec<Stored>> = BTreeMap::new();
    for frame in segments::in_state(c, State::Frame)? {
        chains.entry((frame.segment.stream, frame.segment.generation)).or_default().push(frame);
    }
    let mut entries = Vec::new();
    for ((stream, generation), frames) in chains {
        let Some(first) = frames.first().map(|frame| Segment::decode(&frame.bytes)).transpose()? else { continue };
        // A cut before this one may have taken the place of the frame that this one names.
        let prev = segments::ending_at(c, stream, keys.device_id(), generation, first.header.first)?;
        let prev = prev.unwrap_or(first.header.prev);
        let lone = frames.len() == 1 && prev == first.header.prev;
        let sealing = membership.stream(stream).and_then(|s| Some((s, Sealing::now(&s.log)?)));
        let sealing = sealing.filter(|_| membership.rights(stream).writes());
        let sealing = match sealing {
            Some((held, sealing)) if alike(&held.log, &frames)? => Some((held, sealing)),
            _ => None,
        };
        let ops = if lone { None } else { ops(c, stream, generation, &frames)? };
        let (Some((held, sealing)), Some(ops)) = (sealing, ops) else {
            entries.extend(frames.iter().map(as_it_is));
            continue;
        };
        let mut place = Place {
            stream,
            author: keys.device_id(),
            generation,
            first: first.header.first,
            prev,
            position: held.log.len(),
        };
        for part in parts(ops, &frames) {
            let segment = seal(&part, &place, &sealing, &keys.sign, random)?;
            place.first = segment.header.next();
            place.prev = segment.hash();
            entries.push(Entry::Cut(segment.encode()));
        }
    }
    Ok(entries)
}

/// The entry that publishes a frame.
pub(crate) fn as_it_is(frame: &Stored) -> Entry {
    let segments::Segment { stream, generation, first, hash, .. } = frame.segment;
    Entry::Published { stream, generation, first, hash }
}

/// Whether the stream admits now what it admitted when these frames were made: their ops are the parts for that clearance.
fn alike(log: &StreamLog, frames: &[Stored]) -> Result<bool> {
    let now = log.clearance_at(log.len());
    for frame in frames {
        if log.clearance_at(Segment::decode(&frame.bytes)?.header.position) != now {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The ops of these frames, in order; `None` if one is not held (a stream that cannot be read, after a rebuild), or if the
/// numbers have a hole.
fn ops(c: &Connection, stream: StreamId, generation: Generation, frames: &[Stored]) -> Result<Option<Vec<Op>>> {
    let mut ops = Vec::with_capacity(frames.len());
    let mut next = None;
    for frame in frames {
        let range = frame.segment.range();
        if next.is_some_and(|next| next != range.start) {
            return Ok(None);
        }
        next = Some(range.end);
        for own in store::own_ops(c, stream, generation, range)? {
            ops.extend(store::op(c, own.record, &own.op, stream)?.map(|held| held.op));
        }
    }
    Ok((ops.len() == frames.len()).then_some(ops))
}

/// Splits ops into segments by number and size.
fn parts(ops: Vec<Op>, frames: &[Stored]) -> Vec<Vec<Op>> {
    let mut parts: Vec<Vec<Op>> = Vec::new();
    let mut room = 0;
    for (op, frame) in ops.into_iter().zip(frames) {
        let size = frame.bytes.len();
        if let Some(part) = parts.last_mut().filter(|part| part.len() < OPS && size <= room) {
            room -= size;
            part.push(op);
        } else {
            room = BYTES.saturating_sub(size);
            parts.push(vec![op]);
        }
    }
    parts
}
