//! What each outbox entry does to the database: the same code when it is written and when it is replayed.
//!
//! Knows entries and tables; seals nothing, sends nothing. Invariant: own chains, own ops, generations, receipts and drafts
//! change here and nowhere else, so a database made anew from the outbox is the database that was lost. Start at
//! [`Journal::apply`].

use std::collections::BTreeSet;

use rusqlite::Transaction;
use samanvay_sync::SyncError;
use samanvay_sync::id::{DeviceId, Generation, Hash, RecordId, StreamHandle, StreamId};
use samanvay_sync::op::Op;
use samanvay_sync::schema::project;
use samanvay_sync::segment::{self, Segment};
use samanvay_sync::wire::Receipt;
use samanvay_vault::VaultError;

use crate::drafts;
use crate::entries::Entry;
use crate::error::{RecordsError, Result};
use crate::kinds;
use crate::membership::Membership;
use crate::segments::{self, State};
use crate::store::{self, Chain, Held, OwnOp};

/// Applies entries on behalf of one device.
pub(crate) struct Journal<'a> {
    pub(crate) device: DeviceId,
    pub(crate) membership: &'a Membership,
    /// Opens draft entries.
    pub(crate) drafts: &'a drafts::Sealer,
    /// Unix seconds noted with new segments.
    pub(crate) now: i64,
    /// Records whose ops changed: their summaries are to be made anew.
    pub(crate) touched: BTreeSet<RecordId>,
    /// Whether a replay met an entry that has no place in the database.
    pub(crate) lost: bool,
}

impl<'a> Journal<'a> {
    pub(crate) fn new(device: DeviceId, membership: &'a Membership, drafts: &'a drafts::Sealer, now: i64) -> Self {
        Self { device, membership, drafts, now, touched: BTreeSet::new(), lost: false }
    }

    /// Replays the entries of one save. One that cannot be applied leaves nothing and is noted as lost; the rest goes on.
    ///
    /// # Errors
    /// The disk or the database refuses, or a newer app wrote the entry.
    pub(crate) fn replay(&mut self, tx: &Transaction<'_>, entries: &[samanvay_vault::Entry]) -> Result<()> {
        let mut whole = None;
        for entry in entries {
            tx.execute_batch("SAVEPOINT entry")?;
            match self.again(tx, entry, &mut whole) {
                Ok(()) => {}
                Err(error) if stops(&error) => return Err(error),
                Err(_) => {
                    tx.execute_batch("ROLLBACK TO entry")?;
                    self.lost = true;
                }
            }
            tx.execute_batch("RELEASE entry")?;
        }
        Ok(())
    }

    fn again(&mut self, tx: &Transaction<'_>, entry: &samanvay_vault::Entry, whole: &mut Option<Op>) -> Result<()> {
        let entry = Entry::decode(entry.kind, &entry.bytes)?;
        let Entry::Frame(bytes) = &entry else { return self.apply(tx, &entry) };
        let segment = Segment::decode(bytes)?;
        let op = self.op_of(&segment, whole.as_ref());
        if op.as_ref().is_some_and(|op| !op.routes.is_empty()) || whole.is_none() {
            whole.clone_from(&op);
        }
        self.frame(tx, &segment, op.as_ref())
    }

    /// The op in a frame: read with the stream's keys, or, in a stream that this device only writes, projected again from
    /// the whole op of the same save.
    fn op_of(&self, frame: &Segment, whole: Option<&Op>) -> Option<Op> {
        let stream = self.membership.stream(frame.header.stream)?;
        if let Ok(mut ops) = segment::open(frame, &stream.keys) {
            return ops.pop();
        }
        let whole = whole?;
        let schema = kinds::schema(whole.schema)?;
        project(whole, schema, stream.log.clearance_at(frame.header.position)?, false)
    }

    /// Applies an entry that is no frame.
    pub(crate) fn apply(&mut self, tx: &Transaction<'_>, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Frame(bytes) => self.frame(tx, &Segment::decode(bytes)?, None),
            Entry::Cut(bytes) => self.cut(tx, &Segment::decode(bytes)?),
            Entry::Published { stream, generation, first, hash } => {
                let found = segments::own_at(tx, *stream, self.device, *generation, *first)?;
                match found {
                    Some(own) if own.segment.hash == *hash => segments::publish(tx, &own.segment),
                    _ => Ok(()),
                }
            }
            Entry::Receipt(bytes) => self.receipt(tx, &Receipt::decode(bytes)?),
            Entry::Generation(generation) => {
                store::set_fact(tx, "generation", &generation.0)?;
                store::set_fact(tx, "counter", &0u64.to_be_bytes())
            }
            Entry::Dropped { stream, generation, first } => self.dropped(tx, *stream, *generation, *first),
            Entry::Draft(sealed) => self.drafts.apply(tx, sealed),
            // Its beginning may be what the outbox lost.
            Entry::DraftEnd(draft) => match drafts::remove(tx, *draft) {
                Err(RecordsError::NotFound(_)) => Ok(()),
                other => other,
            },
        }
    }

    /// Takes a new frame into its chain. Without its op (a stream that cannot be read after a rebuild) it can be sent as
    /// it is, and not cut.
    pub(crate) fn frame(&mut self, tx: &Transaction<'_>, frame: &Segment, op: Option<&Op>) -> Result<()> {
        let own = describe(frame);
        let header = &frame.header;
        segments::put(tx, &own, State::Frame, None, self.now, &frame.encode())?;
        store::set_chain(tx, header.stream, header.generation, Chain { next: header.next(), head: own.hash })?;
        if let Some(op) = op {
            let place = OwnOp { seq: header.first, record: op.record, op: op.id };
            store::put_own(tx, header.stream, header.generation, &place, false)?;
            self.op(tx, op, header.stream, Vec::new())?;
        }
        Ok(())
    }

    /// Keeps a copy of an op, and the counter above it if it is of the present generation.
    pub(crate) fn op(&mut self, tx: &Transaction<'_>, op: &Op, stream: StreamId, hidden: Vec<u32>) -> Result<()> {
        store::put_op(tx, &Held { op: op.clone(), stream, hidden })?;
        self.touched.insert(op.record);
        if op.id.device == self.device && store::fact(tx, "generation")? == Some(op.id.generation.0) {
            let next = store::counter(tx)?.max(op.id.counter.saturating_add(1));
            store::set_fact(tx, "counter", &next.to_be_bytes())?;
        }
        Ok(())
    }

    fn cut(&mut self, tx: &Transaction<'_>, cut: &Segment) -> Result<()> {
        let own = describe(cut);
        let header = &cut.header;
        segments::remove_frames(tx, &own)?;
        segments::put(tx, &own, State::Published, None, self.now, &cut.encode())?;
        let chain = store::chain(tx, header.stream, header.generation)?;
        if chain.next == header.next() {
            store::set_chain(tx, header.stream, header.generation, Chain { head: own.hash, ..chain })?;
        }
        Ok(())
    }

    fn receipt(&mut self, tx: &Transaction<'_>, receipt: &Receipt) -> Result<()> {
        for stream in &receipt.streams {
            for pushed in &stream.pushes {
                if pushed.result.is_held() {
                    self.sent(tx, stream.stream, pushed.hash, pushed.position)?;
                }
            }
        }
        store::put_receipt(tx, receipt.number, &receipt.encode())
    }

    fn sent(&mut self, tx: &Transaction<'_>, stream: StreamHandle, hash: Hash, position: u64) -> Result<()> {
        let Some(own) = segments::own_by_hash(tx, stream, self.device, hash)? else { return Ok(()) };
        segments::set_state(tx, &own, State::Receipted, None)?;
        segments::set_position(tx, &own, position)?;
        store::set_sent(tx, own.stream, own.generation, own.range(), true)
    }

    fn dropped(&mut self, tx: &Transaction<'_>, stream: StreamId, generation: Generation, first: u64) -> Result<()> {
        segments::drop_from(tx, stream, self.device, generation, first)?;
        // Their ops follow in new frames; these places of the old chain count no more.
        store::remove_own(tx, stream, generation, first)
    }
}

/// Whether an error says that going on would lose more than the entry at hand.
fn stops(error: &RecordsError) -> bool {
    const CONSTRAINT: i32 = 19;
    match error {
        RecordsError::Vault(VaultError::Database { code }) => code & 0xff != CONSTRAINT,
        RecordsError::Sync(error) => matches!(error, SyncError::Newer),
        RecordsError::NotFound(_) | RecordsError::Internal(_) => false,
        _ => true,
    }
}

/// A segment as the table describes it.
pub(crate) fn describe(segment: &Segment) -> segments::Segment {
    let header = &segment.header;
    segments::Segment {
        stream: header.stream,
        author: header.author,
        generation: header.generation,
        first: header.first,
        count: header.count,
        hash: segment.hash(),
    }
}
