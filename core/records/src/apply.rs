//! Taking in a reply: receipts for what was sent, logs, segments.
//!
//! Knows what each part of a reply means for the tables; judges segments by the logs held, never by local state. Invariant:
//! [`Digest::write`] runs in one transaction: a reply is applied whole or not at all. Start at [`Digest`].

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;
use samanvay_sync::SyncError;
use samanvay_sync::id::{Generation, Incarnation, StreamId};
use samanvay_sync::op::Op;
use samanvay_sync::schema::stray_fields;
use samanvay_sync::segment::{Known, Segment, WireForm, check, open};
use samanvay_sync::wire::{PushResult, StreamReceipt, StreamStatus, SyncReply};

use crate::entries::Entry;
use crate::error::Result;
use crate::journal::{Journal, describe};
use crate::kinds;
use crate::membership::Membership;
use crate::remote::Line;
use crate::segments::{self, State};
use crate::store::{self, Chain, OwnOp};
use crate::sync_run::{Prepared, RefusedSegment, Run};

/// Applies one reply.
pub(crate) struct Digest<'a, 'j> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) reply: &'a SyncReply,
    /// Whether logs grew with this reply: what waited for them is judged again.
    pub(crate) grown: bool,
    pub(crate) line: &'a Line,
    pub(crate) intake: Intake<'a, 'j>,
    pub(crate) run: &'a mut Run,
    /// Chains that forked, each with the first number that is not the hub's.
    pub(crate) forks: BTreeMap<(StreamId, Generation), u64>,
}

impl<'a> Digest<'a, '_> {
    /// The receipt as an outbox entry, if it confirms anything.
    pub(crate) fn entry(&self) -> Option<Entry> {
        let pushes = self.reply.receipt.streams.iter().flat_map(|stream| &stream.pushes);
        let confirms = pushes.into_iter().any(|push| push.result.is_held());
        confirms.then(|| Entry::Receipt(self.reply.receipt.encode()))
    }

    /// Writes everything that the reply says.
    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> Result<()> {
        self.confirmed(tx)?;
        if let Some(entry) = self.entry() {
            self.intake.journal.apply(tx, &entry)?;
        }
        let gaps = self.refused(tx)?;
        let restored = self.restored(tx)?;
        if restored {
            store::forget_cursors(tx)?;
            segments::reopen_other_generations(tx, self.intake.journal.device, self.line.generation)?;
            self.run.restored = true;
            self.run.reopened = true;
        }
        store::set_fact(tx, "incarnation", &self.reply.receipt.incarnation.0)?;
        for (id, stream) in self.streams() {
            let code = match stream.status {
                StreamStatus::Ok => 0,
                StreamStatus::Unknown => 1,
                StreamStatus::NotMember => 2,
            };
            store::set_cursor(tx, id, store::cursor(tx, id)?, code)?;
            if gaps.contains(&id) {
                self.fill(tx, id, stream.next)?;
            }
        }
        for news in &self.reply.news {
            for (position, wire) in &news.segments {
                self.segment(tx, news.stream, *position, wire)?;
            }
        }
        self.pass_own(tx)?;
        if !self.reply.more && !restored {
            self.reach_heads(tx)?;
        }
        if self.grown {
            self.intake.waiting(tx)?;
        }
        self.run.report.received_ops += self.intake.received_ops;
        Ok(())
    }

    /// The streams of the request, each with what the hub says of it.
    fn streams(&self) -> impl Iterator<Item = (StreamId, &'a StreamReceipt)> + use<'a> {
        self.prepared.streams.iter().copied().zip(&self.reply.receipt.streams)
    }

    /// Counts ops that get their first receipt now.
    fn confirmed(&mut self, tx: &Transaction<'_>) -> Result<()> {
        for (id, stream) in self.streams() {
            for push in stream.pushes.iter().filter(|push| push.result.is_held()) {
                let Some(own) = segments::own_by_hash(tx, stream.stream, self.intake.journal.device, push.hash)? else {
                    continue;
                };
                for op in store::own_ops(tx, id, own.generation, own.range())? {
                    self.run.confirmed.insert(store::op_key(&op.op));
                    self.intake.journal.touched.insert(op.record);
                }
                self.run.report.sent_segments += 1;
            }
        }
        self.run.report.sent_ops = self.run.confirmed.len() as u64;
        Ok(())
    }

    /// Notes what the hub did not take, and stops those chains for this run. Gives the streams whose present chain has a gap.
    fn refused(&mut self, tx: &Transaction<'_>) -> Result<BTreeSet<StreamId>> {
        let mut gaps = BTreeSet::new();
        let receipts = self.reply.receipt.streams.iter();
        let results = receipts.flat_map(|stream| stream.pushes.iter().map(move |push| (stream, push)));
        for (pushed, (stream, push)) in self.prepared.pushed.iter().zip(results) {
            let of = &pushed.segment;
            let chain = (of.stream, of.generation);
            if push.result == PushResult::Quarantined {
                segments::set_state(tx, of, State::Quarantined, None)?;
                store::set_sent(tx, of.stream, of.generation, of.range(), true)?;
            }
            // Behind one that was refused, the rest of a chain is a gap by itself.
            if push.result.is_held() || self.run.stopped.contains(&chain) {
                continue;
            }
            match push.result {
                PushResult::Gap if of.generation == self.line.generation && of.first != stream.next => {
                    gaps.insert(of.stream);
                    continue;
                }
                PushResult::Gap => {
                    if self.reopened_before(tx, of)? {
                        continue;
                    }
                    // Nothing held can fill it, or what the hub holds there is not what this chain says.
                    self.run.stopped.insert(chain);
                    self.forks.entry(chain).or_insert(of.first);
                    continue;
                }
                PushResult::Fork => drop(self.forks.entry(chain).or_insert(of.first)),
                _ => {}
            }
            self.run.stopped.insert(chain);
            self.run.report.refused.push(RefusedSegment {
                stream: self.intake.membership.stream_name(of.stream),
                ops: of.count,
                reason: word(push.result).to_owned(),
            });
        }
        Ok(gaps)
    }

    /// Opens a chain of an earlier generation again from its start, if what stands before this segment is held. Of such a
    /// chain the hub does not say how much it has.
    fn reopened_before(&mut self, tx: &Transaction<'_>, of: &segments::Segment) -> Result<bool> {
        let (stream, device, generation) = (of.stream, self.intake.journal.device, of.generation);
        if generation == self.line.generation
            || segments::ending_at(tx, stream, device, generation, of.first)?.is_none()
        {
            return Ok(false);
        }
        let mut reopened = 0;
        for state in [State::Receipted, State::Quarantined] {
            reopened += segments::reopen_from(tx, stream, device, generation, 0, state)?;
        }
        self.run.reopened |= reopened > 0;
        Ok(reopened > 0)
    }

    /// Whether the hub is not what it was: it says so, or it lacks what it had given or confirmed. What it lacks of the
    /// present chains is opened again.
    fn restored(&mut self, tx: &Transaction<'_>) -> Result<bool> {
        let before = store::fact(tx, "incarnation")?.map_or(self.line.incarnation, Incarnation);
        let mut restored = before != Incarnation::default() && before != self.reply.receipt.incarnation;
        let (device, generation) = (self.intake.journal.device, self.line.generation);
        for (id, stream) in self.streams().filter(|(_, stream)| stream.status == StreamStatus::Ok) {
            restored |= stream.head < store::cursor(tx, id)?;
            let lacks = segments::reopen_from(tx, id, device, generation, stream.next, State::Receipted)? > 0;
            self.run.reopened |= lacks;
            restored |= lacks;
        }
        // Once in a run: a hub that is never the same is read as it is.
        Ok(restored && !self.run.restored)
    }

    /// A gap in the present chain: what was kept aside at the hub is offered again; if nothing held can fill it, the chain
    /// cannot go on.
    fn fill(&mut self, tx: &Transaction<'_>, id: StreamId, next: u64) -> Result<()> {
        let (device, generation) = (self.intake.journal.device, self.line.generation);
        if segments::own_at(tx, id, device, generation, next)?.is_none() {
            self.run.stopped.insert((id, generation));
            self.forks.entry((id, generation)).or_insert(next);
        } else if segments::reopen_from(tx, id, device, generation, next, State::Quarantined)? > 0 {
            self.run.reopened = true;
        }
        Ok(())
    }

    /// Takes one received segment, and moves the cursor past it whatever it is.
    fn segment(&mut self, tx: &Transaction<'_>, stream: StreamId, position: u64, wire: &[u8]) -> Result<()> {
        let complete = WireForm::decode(wire).and_then(|form| form.complete(stream, &Known::default()));
        match complete {
            Ok(segment) => self.complete(tx, &segment, position)?,
            Err(error) => self.run.report.kept_aside.push(reason(&error).to_owned()),
        }
        let cursor = store::cursor(tx, stream)?.max(position);
        store::set_cursor(tx, stream, cursor, 0)
    }

    /// Moves cursors past what this request pushed, where nothing lies between: it is held, so it need not come back.
    fn pass_own(&self, tx: &Transaction<'_>) -> Result<()> {
        for (id, stream) in self.streams() {
            for push in stream.pushes.iter().filter(|push| push.result.is_held()) {
                let cursor = store::cursor(tx, id)?;
                if push.position == cursor.saturating_add(1) {
                    store::set_cursor(tx, id, push.position, 0)?;
                }
            }
        }
        Ok(())
    }

    /// With nothing more to come, everything up to the head of the streams that were read is held.
    fn reach_heads(&self, tx: &Transaction<'_>) -> Result<()> {
        for (asked, (id, stream)) in self.prepared.request.streams.iter().zip(self.streams()) {
            let reads = asked.segments && self.intake.membership.rights(id).reads();
            if reads && stream.status == StreamStatus::Ok {
                store::set_cursor(tx, id, store::cursor(tx, id)?.max(stream.head), 0)?;
            }
        }
        Ok(())
    }

    fn complete(&mut self, tx: &Transaction<'_>, segment: &Segment, position: u64) -> Result<()> {
        let of = describe(segment);
        if segments::is_held(tx, &of)? {
            return segments::set_position(tx, &of, position);
        }
        self.run.report.received_segments += 1;
        let (state, why) = match self.intake.read(segment) {
            Ok(ops) => {
                self.intake.take(tx, segment, &ops)?;
                (if of.author == self.intake.journal.device { State::Receipted } else { State::Read }, None)
            }
            Err(error) => (kept_as(&error), Some(reason(&error))),
        };
        self.run.report.kept_aside.extend(why.map(str::to_owned));
        segments::put(tx, &of, state, why, self.intake.journal.now, &segment.encode())?;
        segments::set_position(tx, &of, position)
    }
}

/// Reads segments and keeps their ops.
pub(crate) struct Intake<'a, 'j> {
    pub(crate) membership: &'a Membership,
    pub(crate) journal: &'a mut Journal<'j>,
    /// Ops read so far.
    pub(crate) received_ops: u64,
}

impl Intake<'_, '_> {
    /// Judges and opens a segment.
    fn read(&self, segment: &Segment) -> samanvay_sync::Result<Vec<Op>> {
        let position = segment.header.position;
        let stream = self.membership.stream(segment.header.stream).ok_or(SyncError::LogBehind { position })?;
        check(segment, &stream.log)?;
        let epoch = segment.header.epoch;
        if epoch > 0 && stream.keys.get(epoch).is_none() {
            return Err(SyncError::LogBehind { position });
        }
        let ops = open(segment, &stream.keys)?;
        match ops.iter().find(|op| kinds::of_schema(op.schema).is_none()) {
            Some(op) => Err(SyncError::UnknownSchema(op.schema.hex())),
            None => Ok(ops),
        }
    }

    /// Keeps the ops of a segment that was read.
    fn take(&mut self, tx: &Transaction<'_>, segment: &Segment, ops: &[Op]) -> Result<()> {
        let header = &segment.header;
        let stream = self.membership.stream(header.stream);
        let clearance = stream.and_then(|stream| stream.log.clearance_at(header.position));
        for (seq, op) in (header.first..).zip(ops) {
            let hidden = match (kinds::schema(op.schema), clearance) {
                (Some(schema), Some(clearance)) => stray_fields(op, schema, clearance),
                _ => Vec::new(),
            };
            self.journal.op(tx, op, header.stream, hidden)?;
            if header.author == self.journal.device {
                let own = OwnOp { seq, record: op.record, op: op.id };
                store::put_own(tx, header.stream, header.generation, &own, true)?;
            }
        }
        self.received_ops += ops.len() as u64;
        if header.author == self.journal.device {
            let chain = store::chain(tx, header.stream, header.generation)?;
            if chain.next < header.next() {
                let end = Chain { next: header.next(), head: segment.hash() };
                store::set_chain(tx, header.stream, header.generation, end)?;
            }
        }
        Ok(())
    }

    /// Judges again what waited for a longer log or a newer app, and reads own segments that came back without their keys.
    pub(crate) fn waiting(&mut self, tx: &Transaction<'_>) -> Result<()> {
        for stored in segments::in_state(tx, State::Waiting)? {
            self.again(tx, &stored)?;
        }
        for (stored, sent) in segments::unread_own(tx, self.journal.device)? {
            self.own(tx, &Segment::decode(&stored.bytes)?, sent)?;
        }
        Ok(())
    }

    fn own(&mut self, tx: &Transaction<'_>, segment: &Segment, sent: bool) -> Result<()> {
        let Ok(ops) = self.read(segment) else { return Ok(()) };
        let header = &segment.header;
        for (seq, op) in (header.first..).zip(&ops) {
            self.journal.op(tx, op, header.stream, Vec::new())?;
            let own = OwnOp { seq, record: op.record, op: op.id };
            store::put_own(tx, header.stream, header.generation, &own, sent)?;
        }
        Ok(())
    }

    fn again(&mut self, tx: &Transaction<'_>, stored: &segments::Stored) -> Result<()> {
        let segment = Segment::decode(&stored.bytes)?;
        match self.read(&segment) {
            Ok(ops) => {
                self.take(tx, &segment, &ops)?;
                let own = stored.segment.author == self.journal.device;
                segments::set_state(tx, &stored.segment, if own { State::Receipted } else { State::Read }, None)
            }
            Err(error) => segments::set_state(tx, &stored.segment, kept_as(&error), Some(reason(&error))),
        }
    }
}

/// What may become readable waits; what breaks a rule never will.
fn kept_as(error: &SyncError) -> State {
    match error {
        SyncError::LogBehind { .. } | SyncError::UnitBehind { .. } | SyncError::Newer | SyncError::UnknownSchema(_) => {
            State::Waiting
        }
        _ => State::Bad,
    }
}

fn reason(error: &SyncError) -> &'static str {
    match error {
        SyncError::LogBehind { .. } | SyncError::UnitBehind { .. } => "log_behind",
        SyncError::Newer => "newer",
        SyncError::UnknownSchema(_) => "unknown_form",
        SyncError::BadSignature => "bad_signature",
        SyncError::NotEntitled { .. } => "not_entitled",
        SyncError::WrongEpoch { .. } => "wrong_epoch",
        SyncError::SealBroken => "seal_broken",
        SyncError::RootMismatch => "root_mismatch",
        _ => "malformed",
    }
}

fn word(result: PushResult) -> &'static str {
    match result {
        PushResult::Accepted => "accepted",
        PushResult::Held => "held",
        PushResult::NotWriter => "not_writer",
        PushResult::BadSignature => "bad_signature",
        PushResult::Gap => "gap",
        PushResult::Fork => "fork",
        PushResult::WrongEpoch => "wrong_epoch",
        PushResult::Ahead => "ahead",
        PushResult::NotAdmitted => "not_admitted",
        PushResult::Malformed => "malformed",
        PushResult::TooLarge => "too_large",
        PushResult::Quarantined => "quarantined",
    }
}
