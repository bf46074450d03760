//! What a district admin's key file holds, and its bytes.
//!
//! Knows the admin's seed and card, the logs it writes, the private halves of the epochs it made, and the invites it gave.
//! Refuses to know files and networks. Invariant: every log in it has been verified entry by entry, also after reading the
//! file back. Start at [`State`].

use std::collections::BTreeMap;

use samanvay_sync::SyncError;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::{DeviceId, LogId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, BoxKey, Public, SignKey};
use samanvay_sync::log::{Body, Entry, StreamLog, UnitLog};
use zeroize::Zeroizing;

use super::AdminError;

const VERSION: u8 = 1;
const LOGS_MAX: usize = 100_000;
const CARD_BYTES_MAX: usize = 16 << 10;
const ENTRY_BYTES_MAX: usize = 64 << 10;

/// A log and how much of it the hub is known to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    pub(super) entries: Vec<Entry>,
    pub(super) at_hub: usize,
}

/// Everything an admin knows.
#[derive(Clone)]
pub(super) struct State {
    pub(super) seed: Zeroizing<[u8; 32]>,
    pub(super) authority: Public,
    pub(super) recovery: Public,
    pub(super) card: Option<AdminCard>,
    pub(super) logs: BTreeMap<LogId, Published>,
    pub(super) units: BTreeMap<UnitId, UnitLog>,
    pub(super) streams: BTreeMap<StreamId, StreamLog>,
    /// Private half of each stream's newest epoch. Older ones open by it.
    pub(super) epochs: BTreeMap<StreamId, BoxKey>,
    /// Public parts of the invites given, and whether each was taken up.
    pub(super) invites: Vec<(Vec<u8>, bool)>,
}

impl State {
    /// The state of an admin that is not yet certified.
    pub(super) fn new(seed: Zeroizing<[u8; 32]>, authority: Public, recovery: Public) -> Self {
        Self {
            seed,
            authority,
            recovery,
            card: None,
            logs: BTreeMap::new(),
            units: BTreeMap::new(),
            streams: BTreeMap::new(),
            epochs: BTreeMap::new(),
            invites: Vec::new(),
        }
    }

    /// The admin's signing key.
    pub(super) fn key(&self) -> Result<SignKey, SyncError> {
        SignKey::from_seed(&self.seed)
    }

    /// Devices that read a stream now.
    pub(super) fn readers(&self, stream: StreamId) -> Result<Vec<DeviceId>, AdminError> {
        let log = self.streams.get(&stream).ok_or(AdminError::Unknown("stream"))?;
        Ok(log.readers_at(log.len()).into_keys().collect())
    }

    /// Checks an entry and takes it into its log.
    pub(super) fn take(&mut self, entry: Entry) -> Result<(), SyncError> {
        let id = entry.log();
        let is_unit = match entry.body() {
            Body::UnitGenesis { .. } => true,
            Body::StreamGenesis { .. } => false,
            _ => self.units.contains_key(&UnitId(id.0)),
        };
        if is_unit {
            let unit = UnitId(id.0);
            let mut log = self.units.remove(&unit).unwrap_or_else(|| UnitLog::new(unit, self.authority));
            let taken = log.append(&entry);
            if !log.is_empty() {
                self.units.insert(unit, log);
            }
            taken?;
        } else {
            let stream = StreamId(id.0);
            let mut log = self.streams.remove(&stream).unwrap_or_else(|| StreamLog::new(stream, self.authority));
            let taken = log.append(&entry, &self.units);
            if !log.is_empty() {
                self.streams.insert(stream, log);
            }
            taken?;
        }
        self.logs.entry(id).or_default().entries.push(entry);
        Ok(())
    }

    /// Takes the hub's version of a log in place of the one held.
    pub(super) fn replace(&mut self, id: LogId, entries: Vec<Entry>) -> Result<(), SyncError> {
        self.logs.remove(&id);
        self.units.remove(&UnitId(id.0));
        self.streams.remove(&StreamId(id.0));
        entries.into_iter().try_for_each(|entry| self.take(entry))
    }

    /// The bytes to be sealed.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(*self.seed).raw(self.authority).raw(self.recovery);
        out.bytes(self.card.as_ref().map(AdminCard::encode).unwrap_or_default());
        // Units first: a stream's entries are verified against them when the file is read back.
        let (units, streams): (Vec<_>, Vec<_>) =
            self.logs.iter().partition(|(id, _)| self.units.contains_key(&UnitId(id.0)));
        out.count(units.len() + streams.len());
        for (_, log) in units.into_iter().chain(streams) {
            out.count(log.at_hub).count(log.entries.len());
            log.entries.iter().for_each(|entry| {
                out.bytes(entry.encode());
            });
        }
        out.count(self.epochs.len());
        for (stream, key) in &self.epochs {
            out.raw(stream).raw(*key.to_bytes());
        }
        out.count(self.invites.len());
        for (invite, used) in &self.invites {
            out.bytes(invite).u8(u8::from(*used));
        }
        Zeroizing::new(out.finish())
    }

    /// Reads the bytes back, verifying every entry again.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, SyncError> {
        let mut from = Reader::new(bytes);
        if from.u8()? != VERSION {
            return Err(SyncError::Newer);
        }
        let seed = Zeroizing::new(from.array()?);
        let mut state = Self::new(seed, from.array()?, from.array()?);
        let card = from.bytes(CARD_BYTES_MAX)?;
        state.card = if card.is_empty() { None } else { Some(AdminCard::decode(card)?) };
        for _ in 0..from.count(2, LOGS_MAX)? {
            let at_hub = usize::try_from(from.varint()?).unwrap_or(0);
            let mut id = None;
            for _ in 0..from.count(1, LOGS_MAX)? {
                let entry = Entry::decode(from.bytes(ENTRY_BYTES_MAX)?)?;
                id = Some(entry.log());
                state.take(entry)?;
            }
            if let Some(log) = id.and_then(|id| state.logs.get_mut(&id)) {
                log.at_hub = at_hub.min(log.entries.len());
            }
        }
        for _ in 0..from.count(48, LOGS_MAX)? {
            let stream = StreamId(from.array()?);
            state.epochs.insert(stream, BoxKey::from_bytes(&Zeroizing::new(from.array()?))?);
        }
        for _ in 0..from.count(2, LOGS_MAX)? {
            let invite = from.bytes(CARD_BYTES_MAX)?.to_vec();
            state.invites.push((invite, from.u8()? != 0));
        }
        from.end()?;
        Ok(state)
    }
}
