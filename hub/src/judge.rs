//! Judges pushed segments before anything is stored.
//!
//! Knows the checks of `docs/wire.md` §4 and §7 and, in open streams, what class A admits. Refuses to store and to decide
//! between two pushes of one chain; the store does that inside its transaction. Invariant: a segment that gets through is
//! canonical, signed by its author, within the author's rights at its position and, in an open stream, holds nothing above
//! class A; if the author's rights have ended since, it is marked for review. Start at [`Judge::segment`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use samanvay_sync::SyncError;
use samanvay_sync::id::{DeviceId, Generation, Hash, SchemaId, StreamId};
use samanvay_sync::log::{EpochKeys, StreamLog};
use samanvay_sync::op::{Change, Op, Write};
use samanvay_sync::schema::stray_fields;
use samanvay_sync::schema::value::{Typed, read};
use samanvay_sync::schema::{Clearance, FieldKind, Schema};
use samanvay_sync::segment::{self, Known, SEGMENT_BYTES_MAX, Segment, WireForm};
use samanvay_sync::wire::PushResult;

use crate::members::Members;
use crate::store::{Chain, ChainKey, NewSegment, Result, Store};

/// Judges the segments of one request, in order.
pub(crate) struct Judge<'a> {
    pub(crate) members: &'a Members,
    pub(crate) store: &'a dyn Store,
    pub(crate) schemas: &'a HashMap<SchemaId, Schema>,
    pub(crate) device: DeviceId,
    pub(crate) generation: Generation,
    /// Chains as they will stand once the segments judged so far are stored.
    chains: HashMap<ChainKey, Grown>,
}

/// A chain with this request's segments.
#[derive(Default)]
struct Grown {
    chain: Chain,
    /// Hashes of this request's segments, by the number after their last op.
    ends: HashMap<u64, Hash>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        members: &'a Members,
        store: &'a dyn Store,
        schemas: &'a HashMap<SchemaId, Schema>,
        device: DeviceId,
        generation: Generation,
    ) -> Self {
        Self { members, store, schemas, device, generation, chains: HashMap::new() }
    }

    /// The segment to store, or why it is refused.
    pub(crate) fn segment(
        &mut self,
        stream: StreamId,
        wire: &[u8],
    ) -> Result<std::result::Result<NewSegment, PushResult>> {
        let Some(log) = self.members.stream(&stream) else { return Ok(Err(PushResult::NotWriter)) };
        if wire.len() > SEGMENT_BYTES_MAX {
            return Ok(Err(PushResult::TooLarge));
        }
        let Ok(form) = WireForm::decode(wire) else { return Ok(Err(PushResult::Malformed)) };
        if form.author().is_some_and(|author| author != self.device) {
            return Ok(Err(PushResult::NotWriter)); // nobody carries for others yet
        }
        let generation = form.generation().unwrap_or(self.generation);
        let key = ChainKey { stream, device: self.device, generation };
        let prev = self.before(key, form.first())?;
        if form.needs_prev() && prev.is_none() {
            return Ok(Err(PushResult::Gap)); // without the hash before it the segment cannot even be verified
        }
        let known = Known { author: Some(self.device), generation: Some(generation), prev };
        // All parts are known, so that only the whole can be too large.
        let Ok(segment) = form.complete(stream, &known) else { return Ok(Err(PushResult::TooLarge)) };
        if let Err(refused) = self.believe(&segment, log) {
            return Ok(Err(refused));
        }
        // It could be written when its author says it was. Whether that is so nobody can tell once the rights have ended.
        let review = !self.members.rights(&stream, &self.device).writes();
        Ok(Ok(self.take(key, &segment, review)))
    }

    /// The hash of what ends just before `first` in a chain, if it is held or in this request.
    fn before(&mut self, key: ChainKey, first: u64) -> Result<Option<Hash>> {
        let grown = match self.chains.entry(key) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(empty) => empty.insert(Grown { chain: self.store.chain(key)?, ends: HashMap::new() }),
        };
        if first == grown.chain.next {
            return Ok(Some(grown.chain.head));
        }
        match grown.ends.get(&first) {
            Some(hash) => Ok(Some(*hash)),
            None if first < grown.chain.next => self.store.before(key, first),
            None => Ok(None),
        }
    }

    fn believe(&self, segment: &Segment, log: &StreamLog) -> std::result::Result<(), PushResult> {
        if i64::try_from(segment.header.next()).is_err() {
            return Err(PushResult::Malformed);
        }
        segment::check(segment, log).map_err(|error| refusal(&error))?;
        if !log.is_open() {
            return Ok(());
        }
        let ops = segment::open(segment, &EpochKeys::new()).map_err(|error| refusal(&error))?;
        let stream = segment.header.stream;
        let admitted =
            ops.iter().all(|op| self.schemas.get(&op.schema).is_some_and(|schema| admits(op, schema, stream)));
        if admitted { Ok(()) } else { Err(PushResult::NotAdmitted) }
    }

    fn take(&mut self, key: ChainKey, segment: &Segment, review: bool) -> NewSegment {
        let (body, header) = (segment.encode(), &segment.header);
        let hash = segment.hash();
        let grown = self.chains.entry(key).or_default();
        if header.first == grown.chain.next && header.prev == grown.chain.head {
            grown.chain = Chain { next: header.next(), head: hash };
            grown.ends.insert(header.next(), hash);
        }
        NewSegment { chain: key, first: header.first, count: header.count, prev: header.prev, hash, body, review }
    }
}

/// The ops of a stored segment of an open stream; `None` if the bytes do not hold any.
pub(crate) fn open_ops(body: &[u8]) -> Option<Vec<Op>> {
    let segment = Segment::decode(body).ok()?;
    segment::open(&segment, &EpochKeys::new()).ok()
}

/// Whether an open stream may hold this op: every field is of class A and under its own rows, every value is of its field's
/// kind and in its field's list, so that no free text travels as a number, choice or row, and no route tells where else the
/// record lives.
fn admits(op: &Op, schema: &Schema, stream: StreamId) -> bool {
    stray_fields(op, schema, Clearance::OPEN).is_empty()
        && op.changes.iter().all(|change| fits(change, schema))
        && op.routes.iter().all(|route| route.stream == stream)
}

fn fits(change: &Change, schema: &Schema) -> bool {
    let Some(field) = schema.field(change.field) else { return false };
    let own_row = usize::from(field.kind == FieldKind::Repeat);
    if change.rows.len() != schema.repeats_around(field.id).len() + own_row {
        return false;
    }
    match &change.write {
        Write::Clear => true,
        Write::Delta { adds, removes } => {
            let mut codes = adds.iter().chain(removes.iter().map(|(code, _)| code));
            field.kind == FieldKind::Choices && codes.all(|code| field.choice(*code).is_some())
        }
        Write::Set(value) => match read(field, value) {
            Some(Typed::Choice(choice)) => field.choices.contains(&choice),
            typed => typed.is_some(),
        },
    }
}

fn refusal(error: &SyncError) -> PushResult {
    match error {
        SyncError::LogBehind { .. } => PushResult::Ahead,
        SyncError::NotEntitled { .. } => PushResult::NotWriter,
        SyncError::WrongEpoch { .. } => PushResult::WrongEpoch,
        SyncError::BadSignature => PushResult::BadSignature,
        SyncError::NotAdmitted { .. } => PushResult::NotAdmitted,
        _ => PushResult::Malformed,
    }
}
