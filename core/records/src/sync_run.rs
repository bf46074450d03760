//! A sync: rounds of one request and one reply until nothing is left to say.
//!
//! Knows what goes into a request and when to stop; [`crate::apply`] takes what comes back. Invariant: whatever leaves the
//! phone is recorded as published first, and a round is applied whole or not at all, so dropping the future at any point
//! loses nothing. Start at [`Run::prepare`].

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;
use samanvay_sync::id::{Generation, Hash, StreamId};
use samanvay_sync::segment::{Known, Segment};
use samanvay_sync::wire::{Asked, STREAMS_MAX, SyncRequest};

use crate::entries::Entry;
use crate::error::Result;
use crate::membership::Membership;
use crate::remote::Line;
use crate::segments::{self, State};
use crate::store;

/// Most bytes of segments in one request.
const PUSH_BYTES_MAX: usize = 3 << 20;

/// How to sync.
#[derive(Clone)]
pub struct SyncOptions {
    /// Most bytes of segments in one reply, and about as many in one request: what a cut connection can lose.
    pub budget: u64,
    /// Told after every round.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for SyncOptions {
    /// 256 KiB, nobody told.
    fn default() -> Self {
        Self { budget: 256 << 10, progress: None }
    }
}

/// How far a sync has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Progress {
    /// Rounds so far.
    pub rounds: u32,
    /// Own changes that the hub has confirmed.
    pub sent_ops: u64,
    /// Changes received.
    pub received_ops: u64,
    /// Bytes of requests.
    pub bytes_up: u64,
    /// Bytes of replies.
    pub bytes_down: u64,
}

/// A segment that the hub did not take. It stays on the phone and is offered again at the next sync; one that is `quarantined`
/// is kept at the hub for review, because the post's rights had ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct RefusedSegment {
    /// Name of its stream.
    pub stream: String,
    /// Changes in it.
    pub ops: u64,
    /// A fixed word: `not_writer`, `bad_signature`, `gap`, `fork`, `wrong_epoch`, `ahead`, `not_admitted`, `malformed`,
    /// `too_large`, `quarantined`.
    pub reason: String,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SyncReport {
    /// Own changes for which the hub's receipt is held now: ops, however many streams they went to.
    pub sent_ops: u64,
    /// Own segments for which the receipt is held now.
    pub sent_segments: u64,
    /// Changes received and read: ops, counted once for each stream that brought them.
    pub received_ops: u64,
    /// Segments received.
    pub received_segments: u64,
    /// Membership log entries received.
    pub log_entries: u64,
    /// Bytes of requests, without HTTP and TLS.
    pub bytes_up: u64,
    /// Bytes of replies, likewise.
    pub bytes_down: u64,
    /// Requests.
    pub rounds: u32,
    /// What the hub did not take.
    pub refused: Vec<RefusedSegment>,
    /// Received segments that cannot be read yet, or were refused, with the reason word.
    pub kept_aside: Vec<String>,
    /// A fork was found: this profile was copied or restored; it goes on in a new generation.
    pub forked: bool,
}

impl SyncReport {
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            rounds: self.rounds,
            sent_ops: self.sent_ops,
            received_ops: self.received_ops,
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
        }
    }
}

/// An own segment in a request.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    pub(crate) segment: segments::Segment,
}

/// A request and what it holds.
pub(crate) struct Prepared {
    pub(crate) request: SyncRequest,
    /// The streams that it names, in its order.
    pub(crate) streams: Vec<StreamId>,
    pub(crate) pushed: Vec<Pushed>,
}

/// What one sync remembers between its rounds.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) report: SyncReport,
    /// Ops confirmed so far, so that one op in several streams counts once.
    pub(crate) confirmed: HashSet<[u8; store::OP_KEY]>,
    /// Chains that the hub stopped in this run.
    pub(crate) stopped: HashSet<(StreamId, Generation)>,
    /// Segments cut in this run that have not left yet: the hub's chain ends right before them.
    fresh: HashSet<Hash>,
    asked: HashSet<StreamId>,
    /// Whether the last reply showed that the hub lacks what it had confirmed.
    pub(crate) reopened: bool,
    /// Whether the hub was found restored in this run.
    pub(crate) restored: bool,
    stale: bool,
}

impl Run {
    /// Notes what a cut published.
    pub(crate) fn publish(&mut self, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            match entry {
                Entry::Cut(bytes) => drop(self.fresh.insert(Segment::decode(bytes)?.hash())),
                Entry::Published { hash, .. } => drop(self.fresh.insert(*hash)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a stale number may be mended and the request repeated: once in a run.
    pub(crate) fn may_renumber(&mut self) -> bool {
        !std::mem::replace(&mut self.stale, true)
    }

    /// The next request, its number still that of the last one.
    pub(crate) fn prepare(
        &mut self,
        c: &Connection,
        membership: &Membership,
        line: &Line,
        budget: u64,
        device: samanvay_sync::id::DeviceId,
    ) -> Result<Prepared> {
        let mut room = usize::try_from(budget).unwrap_or(PUSH_BYTES_MAX).min(PUSH_BYTES_MAX);
        let mut pushes: HashMap<StreamId, Vec<(Vec<u8>, Pushed)>> = HashMap::new();
        segments::each(c, State::Published, |stored| {
            let of = stored.segment;
            if self.stopped.contains(&(of.stream, of.generation)) {
                return Ok(ControlFlow::Continue(()));
            }
            let segment = Segment::decode(&stored.bytes)?;
            // Only what has never left may lean on the hub's chain ending right before it.
            let prev = self.fresh.contains(&of.hash).then_some(segment.header.prev);
            let known = Known { author: Some(device), generation: Some(line.generation), prev };
            let wire = segment.to_wire(&known)?;
            if wire.len() > room && !pushes.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            room = room.saturating_sub(wire.len());
            pushes.entry(of.stream).or_default().push((wire, Pushed { segment: of }));
            Ok(ControlFlow::Continue(()))
        })?;
        let mut streams: Vec<StreamId> = membership
            .streams()
            .map(|(id, _)| id)
            .filter(|id| pushes.contains_key(id) || membership.rights(*id).bits() != 0)
            .collect();
        streams.sort_by_key(|id| (!pushes.contains_key(id), self.asked.contains(id), *id));
        streams.truncate(STREAMS_MAX);
        // A handle tells streams apart only as far as a request goes.
        let mut handles = HashSet::new();
        streams.retain(|id| handles.insert(id.handle()));
        let (mut asked, mut sent) = (Vec::new(), Vec::new());
        for &id in &streams {
            self.asked.insert(id);
            let (wires, held): (Vec<_>, Vec<_>) = pushes.remove(&id).unwrap_or_default().into_iter().unzip();
            sent.extend(held);
            asked.push(Asked {
                stream: id.handle(),
                segments: membership.rights(id).reads(),
                cursor: store::cursor(c, id)?,
                log: membership.stream(id).map_or(0, |stream| stream.log.len()),
                pushes: wires,
            });
        }
        for one in &sent {
            self.fresh.remove(&one.segment.hash);
        }
        let request = SyncRequest { device, generation: line.generation, number: line.number, budget, streams: asked };
        Ok(Prepared { request, streams, pushed: sent })
    }

    /// Whether streams have come to light that were never named to the hub: their segments have not been asked for.
    pub(crate) fn first_names(&self, membership: &Membership) -> bool {
        membership.streams().any(|(id, _)| membership.rights(id).reads() && !self.asked.contains(&id))
    }

    /// Whether own segments wait that nobody stopped in this run.
    pub(crate) fn has_more(&self, c: &Connection) -> Result<bool> {
        Ok(segments::unsent_chains(c)?.iter().any(|chain| !self.stopped.contains(chain)))
    }
}
