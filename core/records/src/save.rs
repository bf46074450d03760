//! Saving: from changes to signed frames in the outbox and rows in the database, in one step.
//!
//! Knows ops, projections and chains. Refuses to know forms and the network. Invariant: a saver's
//! entries and rows go into one vault save, so every frame is in the outbox and the database agrees, or neither has anything. Start at [`Saver`].

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _};
use ring::hmac;
use rusqlite::{Connection, Transaction};
use samanvay_sync::id::{Generation, OpId, RecordId, StreamId};
use samanvay_sync::keys::{DeviceKeys, Random};
use samanvay_sync::log::StreamLog;
use samanvay_sync::op::{Change, Op, Role, Route};
use samanvay_sync::payload;
use samanvay_sync::schema::project;
use samanvay_sync::segment::{Place, Sealing, Segment, seal};

use crate::entries::Entry;
use crate::error::{NotAllowed, RecordsError, Result};
use crate::journal::Journal;
use crate::kinds::{self, Kind};
use crate::membership::Membership;
use crate::store::{self, Chain};

/// Begins the input of the MAC that makes a fact's generation. No tag's input is equal: one that begins with this byte names
/// 115 origins and is longer.
const APART: &[u8] = b"samanvay open fact v1\0";

/// A change to be saved, before it has a number.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) kind: &'static Kind,
    pub(crate) record: RecordId,
    pub(crate) creates: bool,
    pub(crate) changes: Vec<Change>,
    /// Streams that the op goes to.
    pub(crate) routes: Vec<Route>,
    /// Whether the op says where its record goes: when it creates one that has a home.
    pub(crate) says_routes: bool,
}

/// Frames of a save with the op in each, ready for the outbox.
pub(crate) struct Saver<'a> {
    keys: &'a DeviceKeys,
    tag_key: hmac::Key,
    membership: &'a Membership,
    generation: Generation,
    counter: u64,
    chains: HashMap<(StreamId, Generation), Chain>,
    frames: Vec<(Segment, Op)>,
}

impl<'a> Saver<'a> {
    /// A saver at the end of the database's present chains. Only one may be alive at a time.
    pub(crate) fn new(
        c: &Connection,
        keys: &'a DeviceKeys,
        tag_key: &hmac::Key,
        membership: &'a Membership,
    ) -> Result<Self> {
        Ok(Self::at(keys, tag_key, membership, store::generation(c)?, store::counter(c)?))
    }

    /// A saver of a generation whose next op has the number `counter`.
    pub(crate) fn at(
        keys: &'a DeviceKeys,
        tag_key: &hmac::Key,
        membership: &'a Membership,
        generation: Generation,
        counter: u64,
    ) -> Self {
        Self {
            keys,
            tag_key: tag_key.clone(),
            membership,
            generation,
            counter,
            chains: HashMap::new(),
            frames: Vec::new(),
        }
    }

    /// Makes the op and a frame of it for each stream it goes to.
    ///
    /// # Errors
    /// [`NotAllowed::NotHome`] if this device may not write the home stream now.
    pub(crate) fn add(&mut self, c: &Connection, draft: Draft, seconds: i64, random: &mut dyn Random) -> Result<OpId> {
        let routes = draft.routes;
        let (generation, counter, seconds) = if draft.kind.rule().app_only {
            let generation = self.apart(draft.record);
            // It has one chain, so an op's number in the generation is its number there.
            let stream = routes.first().ok_or(RecordsError::Internal("an open fact without a stream"))?.stream;
            (generation, self.chain(c, stream, generation)?.next, month_of(seconds))
        } else {
            (self.generation, self.counter, seconds)
        };
        let mut op = Op {
            id: OpId { device: self.keys.device_id(), generation, counter, tag: [0; 4] },
            record: draft.record,
            schema: draft.kind.schema().id(),
            creates: draft.creates,
            anchored: false,
            seconds,
            routes: if draft.says_routes { routes.clone() } else { Vec::new() },
            changes: draft.changes,
        };
        op.sort();
        op.check()?;
        op.id.tag = self.tag(&op)?;
        if generation == self.generation {
            self.counter += 1;
        }
        // The home frame stands first: a rebuild reads it to know what the others held.
        let mut framed: Vec<Route> = routes.into_iter().filter(|route| route.role != Role::Alias).collect();
        framed.sort_by_key(|route| route.role != Role::Home);
        for route in framed {
            let made = self.frame(c, &op, draft.kind, route, random)?;
            if !made && route.role == Role::Home {
                return Err(NotAllowed::NotHome.into());
            }
        }
        Ok(op.id)
    }

    /// The op in the stream's chain; `false` if this device may not write there, or the stream has no key yet.
    fn frame(&mut self, c: &Connection, op: &Op, kind: &Kind, route: Route, random: &mut dyn Random) -> Result<bool> {
        let id = route.stream;
        let (Some(stream), Some(clearance)) = (self.membership.stream(id), self.membership.clearance(id)) else {
            return Ok(false);
        };
        let Some(sealing) = Sealing::now(&stream.log).filter(|_| self.membership.rights(id).writes()) else {
            return Ok(false);
        };
        if let Some(part) = project(op, kind.schema(), clearance, route.role == Role::Home) {
            self.seal_next(c, &stream.log, &sealing, part, random)?;
        }
        Ok(true)
    }

    /// Seals an op at the next place of the stream's chain.
    fn seal_next(
        &mut self,
        c: &Connection,
        log: &StreamLog,
        sealing: &Sealing,
        op: Op,
        random: &mut dyn Random,
    ) -> Result<()> {
        let stream = log.id();
        let is_apart = kinds::of_schema(op.schema).is_some_and(|kind| kind.rule().app_only);
        let generation = if is_apart { self.apart(op.record) } else { self.generation };
        let chain = self.chain(c, stream, generation)?;
        let place = Place {
            stream,
            author: op.id.device,
            generation,
            first: chain.next,
            prev: chain.head,
            position: log.len(),
        };
        let segment = seal(std::slice::from_ref(&op), &place, sealing, &self.keys.sign, random)?;
        self.chains.insert((stream, generation), Chain { next: segment.header.next(), head: segment.hash() });
        self.frames.push((segment, op));
        Ok(())
    }

    /// The end of a chain, with what this saver has added to it.
    fn chain(&self, c: &Connection, stream: StreamId, generation: Generation) -> Result<Chain> {
        self.chains.get(&(stream, generation)).map_or_else(|| store::chain(c, stream, generation), |chain| Ok(*chain))
    }

    /// The generation of one open fact on this device (ADR 0006): nobody without the tag key can tell which of the device's
    /// generations, and which facts, belong together. A new generation of the device gives new ones.
    fn apart(&self, fact: RecordId) -> Generation {
        let mac = hmac::sign(&self.tag_key, &[APART, &self.generation.0, &fact.0].concat());
        Generation(mac.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// First four bytes of HMAC-SHA256 over the whole op with a zero tag (`docs/wire.md` §5).
    fn tag(&self, op: &Op) -> Result<[u8; 4]> {
        let input = payload::tag_input(op)?;
        let mac = hmac::sign(&self.tag_key, &input);
        mac.as_ref().first_chunk::<4>().copied().ok_or(RecordsError::Internal("a MAC is shorter than four bytes"))
    }

    /// Entries for the outbox, in the order in which a replay needs them.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.frames.iter().map(|(segment, _)| Entry::Frame(segment.encode())).collect()
    }

    /// The rows that belong to [`Saver::entries`].
    pub(crate) fn write(&self, tx: &Transaction<'_>, journal: &mut Journal<'_>) -> Result<()> {
        self.frames.iter().try_for_each(|(segment, op)| journal.frame(tx, segment, Some(op)))
    }

    /// Frames ops of a chain that was given up again: the same ops, ids and all, at new places of this saver's chain.
    ///
    /// # Errors
    /// [`NotAllowed::NotHome`] if the stream takes nothing from this device now.
    pub(crate) fn reframe(
        &mut self,
        c: &Connection,
        stream: StreamId,
        ops: Vec<Op>,
        random: &mut dyn Random,
    ) -> Result<()> {
        let held = self.membership.stream(stream).ok_or(RecordsError::NotFound("stream"))?;
        let sealing = Sealing::now(&held.log).ok_or(NotAllowed::NotHome)?;
        ops.into_iter().try_for_each(|op| self.seal_next(c, &held.log, &sealing, op, random))
    }
}

/// The first second of the month, in UTC. An open fact's time tells no more than that.
fn month_of(seconds: i64) -> i64 {
    let day = DateTime::from_timestamp(seconds, 0).map(|time| time.date_naive());
    let first = day.and_then(|day| day.with_day(1)).and_then(|day| day.and_hms_opt(0, 0, 0));
    first.map_or(0, |first| first.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_its_first_day() {
        // 2026-11-25 and 2026-12-01, the last second before it included.
        assert_eq!(month_of(1_795_593_600), 1_793_491_200);
        assert_eq!(month_of(1_796_083_199), 1_793_491_200);
        assert_eq!(month_of(1_796_083_200), 1_796_083_200);
        assert_eq!(month_of(i64::MAX), 0);
    }
}
