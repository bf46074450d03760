//! Sending while locked: own segments go up as they are, frame by frame; nothing is opened and nothing is fetched.
//!
//! Knows the outbox and the vault's `state`, both readable without the PIN. Invariant: what is offered is noted before it
//! leaves, under the gate, and the notes are absorbed before anything is cut. Start at [`Profile::sync_frames_locked`].

use std::collections::{BTreeMap, HashMap, HashSet};

use samanvay_sync::SyncError;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::{DeviceId, Generation, Hash, StreamId};
use samanvay_sync::segment::{Known, Segment};
use samanvay_sync::wire::{Asked, Receipt, STREAMS_MAX, SyncReply, SyncRequest};
use samanvay_vault::outbox::Position;
use samanvay_vault::{Vault, VaultError};

use crate::cut;
use crate::entries::Entry;
use crate::error::{RecordsError, Result};
use crate::profile::{Open, Profile};
use crate::remote::{self, Hub, Line};
use crate::segments::{self, State};

const NOTES: &str = "locked";
const SETTLED: &str = "settled";
const VERSION: u8 = 1;
const NOTES_MAX: usize = 1 << 20;
/// Most bytes of segments in one request.
const PUSH_BYTES: usize = 256 << 10;

/// What was done while locked, as outbox entries to be saved at unlock. Bytes: version 1 ‖ n × (kind u8 ‖ bytes).
#[derive(Default)]
struct Notes {
    entries: Vec<Entry>,
}

impl Notes {
    /// Notes segments that are about to leave; `false` if all of them had left before.
    fn add<'a>(&mut self, segments: impl Iterator<Item = &'a Segment>) -> bool {
        let known: HashSet<Hash> = self.entries.iter().filter_map(published).collect();
        let before = self.entries.len();
        for segment in segments {
            let (header, hash) = (&segment.header, segment.hash());
            if !known.contains(&hash) {
                let (stream, generation, first) = (header.stream, header.generation, header.first);
                self.entries.push(Entry::Published { stream, generation, first, hash });
            }
        }
        self.entries.len() > before
    }

    fn get(vault: &Vault) -> Result<Self> {
        let Some(bytes) = vault.state_get(NOTES)? else { return Ok(Self::default()) };
        let mut reader = Reader::new(&bytes);
        if reader.u8()? != VERSION {
            return Err(SyncError::Newer.into());
        }
        let n = reader.count(2, NOTES_MAX)?;
        let entries = (0..n)
            .map(|_| {
                let kind = reader.u8()?;
                Entry::decode(kind, reader.bytes(NOTES_MAX)?)
            })
            .collect::<Result<_>>()?;
        Ok(Self { entries })
    }

    fn put(&self, vault: &Vault) -> Result<()> {
        let mut out = Writer::new();
        out.u8(VERSION).count(self.entries.len());
        for entry in &self.entries {
            let (kind, body) = entry.encode();
            out.u8(kind).bytes(body);
        }
        Ok(vault.state_put(NOTES, out.as_slice())?)
    }
}

fn published(entry: &Entry) -> Option<Hash> {
    if let Entry::Published { hash, .. } = entry { Some(*hash) } else { None }
}

/// What the outbox says has no receipt yet: segments by chain and first number, each with its place in the outbox.
#[derive(Default)]
struct Unsent {
    chains: BTreeMap<Chain, BTreeMap<u64, (Position, Segment)>>,
    places: HashMap<Hash, (Chain, u64)>,
}

type Chain = (StreamId, Generation);

impl Unsent {
    /// Reads the outbox from the record on below which everything had its receipt the last time.
    fn read(vault: &Vault, notes: &Notes) -> Result<Self> {
        let settled = settled(vault)?;
        let mut unsent = Self::default();
        let mut next = settled;
        for record in vault.outbox_entries(Position(settled))? {
            let record = record?;
            next = record.position.0.saturating_add(1);
            for entry in record.entries {
                unsent.take(record.position, Entry::decode(entry.kind, &entry.bytes)?)?;
            }
        }
        for entry in &notes.entries {
            unsent.take(Position(next), entry.clone())?;
        }
        let oldest = unsent.chains.values().flat_map(BTreeMap::values).map(|(position, _)| position.0).min();
        let now_settled = oldest.unwrap_or(next);
        if now_settled != settled {
            vault.state_put(SETTLED, &now_settled.to_le_bytes())?;
        }
        Ok(unsent)
    }

    fn take(&mut self, position: Position, entry: Entry) -> Result<()> {
        match entry {
            Entry::Frame(bytes) | Entry::Cut(bytes) => {
                let segment = Segment::decode(&bytes)?;
                let (first, next) = (segment.header.first, segment.header.next());
                let id = (segment.header.stream, segment.header.generation);
                let chain = self.chains.entry(id).or_default();
                chain.retain(|at, _| *at < first || *at >= next);
                self.places.insert(segment.hash(), (id, first));
                chain.insert(first, (position, segment));
            }
            Entry::Receipt(bytes) => {
                let receipt = Receipt::decode(&bytes)?;
                let pushes = receipt.streams.iter().flat_map(|stream| &stream.pushes);
                for push in pushes.filter(|push| push.result.is_held()) {
                    self.sent(&push.hash);
                }
            }
            Entry::Dropped { stream, generation, first } => {
                if let Some(chain) = self.chains.get_mut(&(stream, generation)) {
                    chain.retain(|at, _| *at < first);
                }
            }
            Entry::Published { .. } | Entry::Generation(_) | Entry::Draft(_) | Entry::DraftEnd(_) => {}
        }
        Ok(())
    }

    fn sent(&mut self, hash: &Hash) {
        let Some((id, first)) = self.places.remove(hash) else { return };
        if let Some(chain) = self.chains.get_mut(&id)
            && chain.get(&first).is_some_and(|(_, segment)| segment.hash() == *hash)
        {
            chain.remove(&first);
        }
    }
}

/// Index of the outbox record below which every segment had its receipt. Bytes: u64 little-endian.
fn settled(vault: &Vault) -> Result<u64> {
    let bytes = remote::whole(vault.state_get(SETTLED))?;
    Ok(bytes.and_then(|bytes| bytes.as_slice().try_into().ok()).map_or(0, u64::from_le_bytes))
}

/// What sending while locked did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct LockedReport {
    /// Own segments for which the receipt is held now.
    pub sent_segments: u64,
    /// Own segments that the hub did not take, or that did not fit this time.
    pub left: u64,
    /// Bytes of the requests.
    pub bytes_up: u64,
}

impl Profile {
    /// Sends unsent segments as they are, with the transport key alone. Works while locked, and stops when the profile is
    /// unlocked: then `sync` sends.
    ///
    /// # Errors
    /// As [`Profile::sync`].
    pub async fn sync_frames_locked(&self) -> Result<LockedReport> {
        let _running = self.begin_sync().ok_or(RecordsError::Busy)?;
        let vault = &self.inner.vault;
        let hub = Hub::needed(vault)?;
        let device = remote::device(vault)?.ok_or(RecordsError::NotEnrolled)?;
        let client = self.client(&hub)?;
        let mut report = LockedReport::default();
        loop {
            let Some((request, pushed)) = self.offer(device)? else { return Ok(report) };
            let bytes = remote::sign(vault, &request)?;
            report.bytes_up += bytes.len() as u64;
            let reply = client.sync(bytes).await?;
            let hashes: Vec<Hash> = pushed.iter().map(Segment::hash).collect();
            let reply = SyncReply::decode(&reply, &request, &hashes, &hub.public)?;
            let results = reply.receipt.streams.iter().flat_map(|stream| &stream.pushes);
            let sent = results.filter(|push| push.result.is_held()).count();
            if sent > 0 {
                let _gate = self.gate();
                let mut notes = Notes::get(vault)?;
                notes.entries.push(Entry::Receipt(reply.receipt.encode()));
                notes.put(vault)?;
            }
            report.sent_segments += sent as u64;
            if sent == 0 {
                report.left = pushed.len() as u64;
                return Ok(report);
            }
        }
    }

    /// The next request, and the segments in it; `None` if nothing is unsent, or the profile is unlocked by now. What it
    /// offers is noted before this returns: once, however often it is offered.
    fn offer(&self, device: DeviceId) -> Result<Option<(SyncRequest, Vec<Segment>)>> {
        let _gate = self.gate();
        if self.is_unlocked() {
            return Ok(None);
        }
        let vault = &self.inner.vault;
        let mut notes = Notes::get(vault)?;
        let streams = choose(Unsent::read(vault, &notes)?);
        if streams.is_empty() {
            return Ok(None);
        }
        let mut line = Line::get(vault)?;
        line.number = line.number.saturating_add(1);
        line.put(vault)?;
        if notes.add(streams.values().flatten()) {
            notes.put(vault)?;
        }
        let lengths = remote::lengths(vault)?;
        let known = Known { author: Some(device), generation: Some(line.generation), prev: None };
        let ask = |(stream, segments): (&StreamId, &Vec<Segment>)| -> Result<Asked> {
            let wires = segments.iter().map(|segment| segment.to_wire(&known));
            Ok(Asked {
                stream: stream.handle(),
                segments: false,
                cursor: 0,
                log: lengths.get(stream).copied().unwrap_or(0),
                pushes: wires.collect::<samanvay_sync::Result<_>>()?,
            })
        };
        let request = SyncRequest {
            device,
            generation: line.generation,
            number: line.number,
            budget: 0,
            streams: streams.iter().map(ask).collect::<Result<_>>()?,
        };
        Ok(Some((request, streams.into_values().flatten().collect())))
    }
}

/// As many unsent segments as one request holds, each chain's in its order.
fn choose(unsent: Unsent) -> BTreeMap<StreamId, Vec<Segment>> {
    let mut streams: BTreeMap<StreamId, Vec<Segment>> = BTreeMap::new();
    let mut room = PUSH_BYTES;
    for ((stream, _), chain) in unsent.chains {
        for (_, segment) in chain.into_values() {
            let size = segment.body.len() + 256;
            // A handle tells streams apart only as far as a request goes.
            let named = |held: &StreamId| *held != stream && held.handle() == stream.handle();
            let fits = streams.contains_key(&stream) || streams.len() < STREAMS_MAX && !streams.keys().any(named);
            if (size > room && !streams.is_empty()) || !fits {
                break;
            }
            room = room.saturating_sub(size);
            streams.entry(stream).or_default().push(segment);
        }
    }
    streams
}

/// Brings what was done while locked into outbox and database; the caller holds the gate. If the notes cannot be read, any
/// frame may have left the phone: none is cut any more.
pub(crate) fn absorb(profile: &Profile, open: &Open) -> Result<()> {
    let vault = &profile.inner.vault;
    let entries = match Notes::get(vault) {
        Ok(notes) => notes.entries,
        Err(RecordsError::Sync(_) | RecordsError::Vault(VaultError::Damaged(_) | VaultError::NewerSchema { .. })) => {
            vault.read(|c| segments::in_state(c, State::Frame))?.iter().map(cut::as_it_is).collect()
        }
        Err(error) => return Err(error),
    };
    profile.save_parts(open, &entries)?;
    // Only now: what was brought in twice is brought in once.
    Ok(vault.state_remove(NOTES)?)
}
