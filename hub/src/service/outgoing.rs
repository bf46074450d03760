//! What a reply to `POST /v1/sync` brings back: log entries and segments, as far as a reply goes.
//!
//! Knows what a device may be sent, in which order, and when to ask it to come again. Invariant: nothing leaves here for a
//! stream in which the device has no rights, and no segment for one in which it does not read; *more* is said only if the
//! next request, which names what this reply brought, gets further. Start at [`Outgoing::named`].

use std::collections::{BTreeMap, BTreeSet};

use samanvay_sync::id::{DeviceId, Generation, LogId, StreamId, UnitId};
use samanvay_sync::log::{Body, Entry, Rights, StreamLog};
use samanvay_sync::segment::{Known, Segment};
use samanvay_sync::wire::{Asked, News, PushReceipt, StreamReceipt, StreamStatus, SyncRequest};

use crate::log::Line;
use crate::members::Members;
use crate::store::{ChainKey, Pulled};

use super::progress::Progress;
use super::{Result, Service};

/// Most bytes of segments in a reply, whatever the budget.
const SEGMENTS: usize = 2 << 20;
/// Most bytes of log entries in a reply.
const ENTRIES: usize = 1 << 20;
/// Most streams that a reply brings something for (`docs/wire.md` §9).
const NEWS: usize = 4096;

/// The last part of a reply, being put together.
pub(super) struct Outgoing<'a> {
    service: &'a Service,
    members: &'a Members,
    device: DeviceId,
    generation: Generation,
    /// What this request pushed: the device holds it.
    own: BTreeSet<(StreamId, u64)>,
    budget: usize,
    any_sent: bool,
    entry_budget: usize,
    pub(super) news: Vec<News>,
    pub(super) more: bool,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        service: &'a Service,
        members: &'a Members,
        request: &SyncRequest,
        streams: &[Option<StreamId>],
        pushes: &[Vec<PushReceipt>],
    ) -> Self {
        let own = streams.iter().zip(pushes).filter_map(|(stream, pushes)| Some(((*stream)?, pushes)));
        let own = own.flat_map(|(stream, pushes)| pushes.iter().map(move |push| (stream, push.position)));
        Self {
            service,
            members,
            device: request.device,
            generation: request.generation,
            own: own.collect(),
            // With nothing at all no request would ever get further.
            budget: usize::try_from(request.budget).unwrap_or(SEGMENTS).clamp(1, SEGMENTS),
            any_sent: false,
            entry_budget: ENTRIES,
            news: Vec::new(),
            more: false,
        }
    }

    /// A stream that the request names, if there is one: its receipt, and what is new in it.
    pub(super) fn named(
        &mut self,
        asked: &Asked,
        stream: Option<StreamId>,
        pushes: Vec<PushReceipt>,
    ) -> Result<StreamReceipt> {
        let mut receipt =
            StreamReceipt { stream: asked.stream, status: StreamStatus::Unknown, head: 0, next: 0, pushes };
        let Some(log) = stream.and_then(|stream| self.members.stream(&stream)) else { return Ok(receipt) };
        let stream = log.id();
        let rights = self.members.rights(&stream, &self.device);
        if rights == Rights::NONE {
            receipt.status = StreamStatus::NotMember;
            return Ok(receipt);
        }
        let mut news = News { stream, ..News::default() };
        let has_all = self.entries(log, asked.log, &mut news)?;
        self.more |= !has_all;
        let wanted = has_all && asked.segments && rights.reads();
        receipt.head = self.segments(log, asked, wanted, &mut news)?;
        if !news.entries.is_empty() || !news.segments.is_empty() {
            self.news.push(news);
        }
        let chain = ChainKey { stream, device: self.device, generation: self.generation };
        receipt.next = self.service.store().chain(chain)?.next;
        receipt.status = StreamStatus::Ok;
        Ok(receipt)
    }

    /// Streams that the device belongs to and did not name: their logs, as far as there is room.
    pub(super) fn unnamed(&mut self, named: &[Option<StreamId>]) -> Result<()> {
        let is_first = named.is_empty();
        let named: BTreeSet<StreamId> = named.iter().flatten().copied().collect();
        for stream in self.members.streams_of(&self.device).difference(&named) {
            let Some(log) = self.members.stream(stream).filter(|_| self.news.len() < NEWS) else { continue };
            let mut news = News { stream: *stream, ..News::default() };
            let has_all = self.entries(log, 0, &mut news)?;
            // At first contact the device can name its streams now and ask for segments. Who names some and leaves others
            // out is not told to ask again: it would hear the same for ever.
            self.more |= is_first && (!has_all || !news.entries.is_empty());
            if !news.entries.is_empty() {
                self.news.push(news);
            }
        }
        Ok(())
    }

    /// Entries of a stream's log from `from`, each `unit at` entry after those of the unit's log that it needs. Whether
    /// the device then holds the whole log.
    fn entries(&mut self, log: &StreamLog, from: u64, news: &mut News) -> Result<bool> {
        if from >= log.len() {
            return Ok(true);
        }
        let store = self.service.store();
        let mut unit_lengths = BTreeMap::new();
        // Earlier `unit at` entries say which part of each unit's log the device holds already.
        for (index, bytes) in (0u64..).zip(store.log(LogId::from(log.id()), 0)?) {
            let mut group = Vec::new();
            if let Some((unit, length)) = unit_at(&bytes) {
                let held = unit_lengths.insert(unit, length).unwrap_or(0);
                if index >= from {
                    let count = usize::try_from(length.saturating_sub(held)).unwrap_or(usize::MAX);
                    group.extend(store.log(LogId::from(unit), held)?.into_iter().take(count));
                }
            }
            if index < from {
                continue;
            }
            group.push(bytes);
            if size(&group) > ENTRIES && self.entry_budget == ENTRIES {
                return Ok(self.part(log.id(), index, group, news));
            }
            if size(&group) > self.entry_budget {
                return Ok(false);
            }
            self.entry_budget -= size(&group);
            news.entries.append(&mut group);
        }
        Ok(true)
    }

    /// Sends a part of what is too large for one reply: entries of a unit's log go ahead, the `unit at` entry comes last.
    /// What went ahead is remembered until it has come; if a reply was lost, the next round begins anew.
    fn part(&mut self, stream: StreamId, index: u64, group: Vec<Vec<u8>>, news: &mut News) -> bool {
        let memory = &self.service.progress;
        let mut progress = memory.get(self.device, stream);
        let sent = progress.ahead.filter(|(of, _)| *of == index).map_or(0, |(_, sent)| sent);
        let mut next = sent;
        let mut rest = group.into_iter().skip(usize::try_from(sent).unwrap_or(usize::MAX)).peekable();
        while let Some(bytes) = rest.next_if(|bytes| size(std::slice::from_ref(bytes)) <= self.entry_budget) {
            self.entry_budget -= size(std::slice::from_ref(&bytes));
            news.entries.push(bytes);
            next += 1;
        }
        progress.ahead = rest.peek().is_some().then_some((index, next));
        memory.put(self.device, stream, progress);
        false
    }

    /// Segments that the device lacks, as far as the budget goes, if they are wanted; gives the stream's head.
    fn segments(&mut self, log: &StreamLog, asked: &Asked, wanted: bool, news: &mut News) -> Result<u64> {
        let stream = log.id();
        let (cursor, pulled) = self.pull(log, asked, wanted)?;
        let mut last = cursor;
        for (position, body) in pulled.segments {
            // What is stored was a wire form before it was stored.
            if !self.own.contains(&(stream, position))
                && let Ok(wire) = Segment::decode(&body).and_then(|segment| segment.to_wire(&Known::default()))
            {
                // One segment always goes, or a large one could never be fetched.
                if wire.len() > self.budget && self.any_sent {
                    break;
                }
                self.budget = self.budget.saturating_sub(wire.len());
                self.any_sent = true;
                news.segments.push((position, wire));
            }
            last = position;
        }
        self.more |= wanted && last < pulled.head;
        if wanted && asked.log > log.len() {
            let memory = &self.service.progress;
            let progress = memory.get(self.device, stream);
            memory.put(self.device, stream, Progress { replayed: Some(last), ..progress });
        }
        Ok(pulled.head)
    }

    /// Segments after the device's cursor. A device that holds more than the hub shows that the hub came back from an older
    /// backup: positions no longer mean what they meant, and the stream is given anew.
    fn pull(&self, log: &StreamLog, asked: &Asked, wanted: bool) -> Result<(u64, Pulled)> {
        let stream = log.id();
        let alarm =
            || Line::new("rollback").id("stream", &stream.0).id("device", &self.device.0).to(self.service.log());
        let budget = if wanted { self.budget } else { 0 };
        let mut cursor = asked.cursor.min(i64::MAX.cast_unsigned());
        if asked.log > log.len() {
            let replayed = self.service.progress.get(self.device, stream).replayed;
            if replayed.is_none() {
                alarm();
            }
            // Once only: the log stays shorter until an admin has appended what is lost.
            cursor = cursor.min(replayed.unwrap_or(0));
        }
        let pulled = self.service.store().pull(stream, cursor, budget)?;
        if cursor <= pulled.head {
            return Ok((cursor, pulled));
        }
        alarm();
        Ok((0, self.service.store().pull(stream, 0, budget)?))
    }
}

/// Bytes of entries in a reply.
fn size(entries: &[Vec<u8>]) -> usize {
    entries.iter().map(|entry| entry.len() + 3).sum()
}

/// The unit and length that an entry names, if it is a `unit at`.
fn unit_at(entry: &[u8]) -> Option<(UnitId, u64)> {
    match Entry::decode(entry).ok()?.body() {
        Body::UnitAt { unit, length, .. } => Some((*unit, *length)),
        _ => None,
    }
}
