//! The membership logs that this profile holds, verified, and what they say about it.
//!
//! Knows logs, epoch keys and this device's rights; knows no record and no network. Invariant: a log here has been checked
//! from its genesis on under the pinned authority, and what lies in the ring is what is in memory. Start at
//! [`Membership::load`] and [`Membership::extend`].

use std::collections::{BTreeMap, BTreeSet};

use samanvay_sync::SyncError;
use samanvay_sync::bytes::Malformed;
use samanvay_sync::bytes::{Reader, Writer, hex};
use samanvay_sync::id::{DeviceId, LogId, StreamId, UnitId};
use samanvay_sync::keys::{BoxKey, Public};
use samanvay_sync::log::{
    Appended, Body, ENTRY_BYTES_MAX, Entry, EpochKeys, Purpose, Rights, StreamLog, UnitInfo, UnitLog,
};
use samanvay_sync::schema::Clearance;
use samanvay_vault::Vault;

use crate::error::Result;
use crate::invited::Invited;
use crate::route::Candidate;
use crate::text::{self, Lang};

const RING_PREFIX: &str = "log-";
const RING_VERSION: u8 = 1;
/// Most entries of one log that are kept.
const ENTRIES_MAX: usize = 1 << 20;

/// A stream's log and what this device opens with it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) log: StreamLog,
    pub(crate) keys: EpochKeys,
}

/// All logs of one profile.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    device: DeviceId,
    authority: Public,
    boxk: BoxKey,
    units: BTreeMap<UnitId, UnitLog>,
    streams: BTreeMap<StreamId, Stream>,
    bytes: BTreeMap<LogId, Vec<Vec<u8>>>,
    invited: Vec<Invited>,
}

/// What new entries did.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    /// Logs that have grown.
    pub(crate) grown: BTreeSet<LogId>,
    /// Entries taken.
    pub(crate) taken: u64,
    /// The first refusal of each log; nothing after it was taken from that log.
    pub(crate) refused: BTreeMap<LogId, SyncError>,
}

impl Membership {
    /// No logs yet.
    pub(crate) fn new(device: DeviceId, boxk: BoxKey, authority: Public) -> Self {
        let (units, streams, bytes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { device, authority, boxk, units, streams, bytes, invited: Vec::new() }
    }

    /// All logs in the vault's ring, verified again. A log whose file does not hold what this app wrote is not held: the hub
    /// sends a stream that is not named to it from the first entry on.
    ///
    /// # Errors
    /// The vault is locked, or the disk refuses.
    pub(crate) fn load(vault: &Vault, device: DeviceId, boxk: BoxKey, authority: Public) -> Result<Self> {
        let mut membership = Self::new(device, boxk, authority);
        membership.invited = Invited::all(vault)?;
        let mut streams = Vec::new();
        for name in vault.ring_names()? {
            if !name.starts_with(RING_PREFIX) {
                continue;
            }
            let Some(file) = vault.ring_get(&name)? else { continue };
            let Ok(entries) = read_file(&file) else { continue };
            let genesis = entries.first().map(|bytes| Entry::decode(bytes));
            match genesis.as_ref().and_then(|entry| entry.as_ref().ok()).map(Entry::body) {
                Some(Body::UnitGenesis { .. }) => drop(membership.extend(&entries)),
                _ => streams.push(entries),
            }
        }
        for entries in streams {
            drop(membership.extend(&entries));
        }
        Ok(membership)
    }

    /// Takes new entries, of any logs, each log's in its order, a unit's before the stream's that names it. A log whose
    /// entry is refused stays as it is; the others go on.
    pub(crate) fn extend(&mut self, entries: &[Vec<u8>]) -> Extended {
        let mut done = Extended::default();
        for bytes in entries {
            match Entry::decode(bytes) {
                Ok(entry) if done.refused.contains_key(&entry.log()) => {}
                Ok(entry) => match self.append(&entry) {
                    Ok(Appended::New) => {
                        self.bytes.entry(entry.log()).or_default().push(bytes.clone());
                        done.grown.insert(entry.log());
                        done.taken += 1;
                    }
                    Ok(Appended::Held) => {}
                    Err(error) => drop(done.refused.insert(entry.log(), error)),
                },
                Err(error) => drop(done.refused.insert(LogId::default(), error)),
            }
        }
        for log in &done.grown {
            if let Some(stream) = self.streams.get_mut(&StreamId(log.0)) {
                stream.keys = stream.log.epoch_keys(&self.boxk, &self.device);
            }
        }
        done
    }

    fn append(&mut self, entry: &Entry) -> samanvay_sync::Result<Appended> {
        let id = entry.log();
        if let Some(unit) = self.units.get_mut(&UnitId(id.0)) {
            return unit.append(entry);
        }
        if let Some(stream) = self.streams.get_mut(&StreamId(id.0)) {
            return stream.log.append(entry, &self.units);
        }
        if matches!(entry.body(), Body::UnitGenesis { .. }) {
            let mut log = UnitLog::new(UnitId(id.0), self.authority);
            let appended = log.append(entry)?;
            self.units.insert(UnitId(id.0), log);
            return Ok(appended);
        }
        let mut log = StreamLog::new(StreamId(id.0), self.authority);
        let appended = log.append(entry, &self.units)?;
        self.streams.insert(StreamId(id.0), Stream { log, keys: EpochKeys::new() });
        Ok(appended)
    }

    /// Writes grown logs into the ring.
    ///
    /// # Errors
    /// The vault refuses.
    pub(crate) fn store(&self, vault: &Vault, grown: &BTreeSet<LogId>) -> Result<()> {
        for log in grown {
            let Some(entries) = self.bytes.get(log) else { continue };
            let mut file = Writer::new();
            file.u8(RING_VERSION).count(entries.len());
            for entry in entries {
                file.bytes(entry);
            }
            vault.ring_put(&format!("{RING_PREFIX}{}", hex(&log.0)), &file.finish())?;
        }
        Ok(())
    }

    pub(crate) fn stream(&self, id: StreamId) -> Option<&Stream> {
        self.streams.get(&id)
    }

    /// Streams of which this device is, or was, told.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (StreamId, &Stream)> {
        self.streams.iter().map(|(id, stream)| (*id, stream))
    }

    /// What this device may do in a stream now.
    pub(crate) fn rights(&self, id: StreamId) -> Rights {
        self.streams.get(&id).map_or(Rights::NONE, |s| s.log.rights(&self.device, s.log.len()))
    }

    pub(crate) fn clearance(&self, id: StreamId) -> Option<Clearance> {
        let log = &self.streams.get(&id)?.log;
        log.clearance_at(log.len())
    }

    /// Notes an answered invite.
    pub(crate) fn invite(&mut self, invited: Invited) {
        if !self.invited.contains(&invited) {
            self.invited.push(invited);
        }
    }

    /// What a stream was made for.
    pub(crate) fn purpose(&self, id: StreamId) -> Option<Purpose> {
        Some(self.streams.get(&id)?.log.info()?.purpose)
    }

    /// The streams as routing sees them.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        self.streams()
            .filter_map(|(id, stream)| {
                let info = stream.log.info()?;
                let rights = self.rights(id);
                Some(Candidate {
                    id,
                    purpose: info.purpose,
                    district: info.district,
                    clearance: self.clearance(id)?,
                    reads: rights.reads(),
                    writes: rights.writes(),
                    keeps: self.keeps(&stream.log, info.district),
                })
            })
            .collect()
    }

    /// Whether new records may have this stream as their home: it is of the district of a unit that this profile was invited
    /// into, and that unit's post reads and writes it. Any admin in the state can bind any device, and make it a member of
    /// any stream of theirs; that must not draw records there.
    fn keeps(&self, log: &StreamLog, district: u32) -> bool {
        log.memberships(&self.device, log.len()).any(|member| {
            let own = self.own_units().any(|(unit, info)| unit == member.unit && info.district == district);
            own && member.rights.reads() && member.rights.writes()
        })
    }

    /// The units that this profile was invited into by an admin of their district, and that bind its device now; in the order
    /// of the invites.
    fn own_units(&self) -> impl Iterator<Item = (UnitId, &UnitInfo)> {
        self.invited.iter().filter_map(|invited| {
            let log = self.units.get(&invited.unit)?;
            let _ = log.bound(&self.device, log.len())?;
            let info = log.info().filter(|info| invited.district == 0 || invited.district == info.district)?;
            Some((invited.unit, info))
        })
    }

    /// LGD code of the own unit's district, 0 if none; of several units the one whose invite was answered first.
    pub(crate) fn own_district(&self) -> u32 {
        self.own_units().next().map_or(0, |(_, info)| info.district)
    }

    /// Post and unit that a device holds, or held last; in the own district, if it does there.
    pub(crate) fn author(&self, device: &DeviceId, lang: Lang) -> String {
        let district = self.own_district();
        let labels = self.units.values().filter_map(|log| {
            let (post, _) = (0..=log.len()).rev().find_map(|length| log.bound(device, length))?;
            let (_, post) = log.posts().find(|(id, _)| *id == post)?;
            let info = log.info()?;
            Some((info.district != district, format!("{}, {}", post.name, info.name)))
        });
        let label = labels.min_by_key(|(foreign, _)| *foreign).map(|(_, label)| label);
        label.unwrap_or_else(|| text::unknown_author(lang).to_owned())
    }

    /// What a stream is called.
    pub(crate) fn stream_name(&self, id: StreamId) -> String {
        let info = self.streams.get(&id).and_then(|stream| stream.log.info());
        info.map_or_else(String::new, |info| info.name.clone())
    }
}

fn read_file(file: &[u8]) -> samanvay_sync::Result<Vec<Vec<u8>>> {
    let mut reader = Reader::new(file);
    if reader.u8()? != RING_VERSION {
        return Err(SyncError::Newer);
    }
    let n = reader.count(1, ENTRIES_MAX)?;
    let entries: samanvay_sync::Result<Vec<_>> =
        (0..n).map(|_| reader.bytes(ENTRY_BYTES_MAX).map(<[u8]>::to_vec)).collect();
    if !reader.rest().is_empty() {
        return Err(Malformed("membership file has bytes left over").into());
    }
    entries
}
