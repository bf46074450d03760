//! All membership logs the hub holds, verified, in memory, with the indexes that a request needs.
//!
//! Knows who may do what, by the same rules as every phone. Refuses to write: a grown log is stored first and put here
//! after. Invariant: what stands here has passed every check of `docs/wire.md` §3 under the hub's authority. Start at
//! [`Members::load`] and [`Members::grow`].

mod glimpse;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use samanvay_sync::SyncError;
use samanvay_sync::id::{DeviceId, Hash, LogId, PostId, StreamHandle, StreamId, UnitId};
use samanvay_sync::keys::{Card, Public, sha256};
use samanvay_sync::log::{Appended, Body, Entry, Rights, StreamLog, UnitLog};

use crate::store::{self, Store};
use glimpse::Glimpse;

/// The logs and their indexes.
#[derive(Debug, Default)]
pub(crate) struct Members {
    units: HashMap<UnitId, UnitLog>,
    streams: HashMap<StreamId, StreamLog>,
    /// Streams by their handles.
    handles: HashMap<StreamHandle, BTreeSet<StreamId>>,
    /// Streams whose logs name a unit.
    naming: HashMap<UnitId, BTreeSet<StreamId>>,
    /// Units that ever bound a device, each with the last card.
    binders: HashMap<DeviceId, BTreeMap<UnitId, Card>>,
}

/// A log with entries added, not yet put in its place.
#[derive(Debug)]
pub(crate) enum Grown {
    Unit { log: UnitLog, bound: Vec<(PostId, Card)> },
    Stream(StreamLog),
}

/// What the logs say of a device.
#[derive(Debug)]
pub(crate) enum Standing<'a> {
    /// No log has ever bound it.
    Unknown,
    /// Every unit that bound it has removed it. The last cards it was bound by.
    Removed(Vec<&'a Card>),
    /// The cards it is bound by now.
    Bound(Vec<&'a Card>),
}

/// An entry that breaks a rule.
#[derive(Debug)]
pub(crate) struct BadEntry {
    /// Where it should stand.
    pub(crate) index: u64,
    pub(crate) error: SyncError,
}

/// Why stored logs cannot be used.
#[derive(Debug)]
pub(crate) enum LoadError {
    Store(store::StoreError),
    Entry(SyncError),
}

impl Members {
    /// Reads and verifies every log of the store.
    pub(crate) fn load(store: &dyn Store, authority: Option<&Public>) -> Result<Self, LoadError> {
        let mut members = Self::default();
        let mut streams = Vec::new();
        for log in store.logs().map_err(LoadError::Store)? {
            let entries = store.log(log, 0).map_err(LoadError::Store)?;
            let first = entries.first().and_then(|bytes| Glimpse::read(bytes).ok());
            if first.is_some_and(|first| first.is_unit_genesis()) {
                members.put(members.grow(authority, log, &entries).map_err(|bad| LoadError::Entry(bad.error))?);
            } else {
                streams.push((log, entries));
            }
        }
        // Streams name units, never the other way round.
        for (log, entries) in streams {
            members.put(members.grow(authority, log, &entries).map_err(|bad| LoadError::Entry(bad.error))?);
        }
        Ok(members)
    }

    /// Number of entries of a log, 0 if it is unknown.
    pub(crate) fn len(&self, log: LogId) -> u64 {
        let unit = self.units.get(&UnitId(log.0)).map(UnitLog::len);
        unit.or_else(|| self.streams.get(&StreamId(log.0)).map(StreamLog::len)).unwrap_or(0)
    }

    /// The district of a log; `None` if it is unknown.
    pub(crate) fn district(&self, log: LogId) -> Option<u32> {
        let unit = self.units.get(&UnitId(log.0)).and_then(UnitLog::info).map(|info| info.district);
        unit.or_else(|| self.streams.get(&StreamId(log.0)).map(StreamLog::district))
    }

    /// The stream that a device means by a handle: one in which it has rights, else one that knows a unit of it, else any.
    pub(crate) fn resolve(&self, device: &DeviceId, handle: StreamHandle) -> Option<StreamId> {
        let knows = |stream: &StreamId| {
            let mut units = self.binders.get(device).into_iter().flat_map(BTreeMap::keys);
            units.any(|unit| self.naming.get(unit).is_some_and(|streams| streams.contains(stream)))
        };
        let named = self.handles.get(&handle).into_iter().flatten();
        named.copied().min_by_key(|stream| (self.rights(stream, device) == Rights::NONE, !knows(stream), *stream))
    }

    pub(crate) fn stream(&self, id: &StreamId) -> Option<&StreamLog> {
        self.streams.get(id)
    }

    /// Streams that are signed and not sealed.
    pub(crate) fn open_streams(&self) -> impl Iterator<Item = &StreamLog> {
        self.streams.values().filter(|log| log.is_open())
    }

    /// Whether a unit has the device of this card bound to this post now, by this card.
    pub(crate) fn is_bound(&self, unit: &UnitId, post: &PostId, card: &Card) -> bool {
        let log = self.units.get(unit);
        log.and_then(|log| log.bound(&card.device_id(), log.len())).is_some_and(|held| held == (*post, card))
    }

    pub(crate) fn standing(&self, device: &DeviceId) -> Standing<'_> {
        let Some(units) = self.binders.get(device) else { return Standing::Unknown };
        let logs = units.keys().filter_map(|unit| self.units.get(unit));
        let cards: Vec<&Card> = logs.filter_map(|log| log.bound(device, log.len())).map(|(_, card)| card).collect();
        if cards.is_empty() { Standing::Removed(units.values().collect()) } else { Standing::Bound(cards) }
    }

    /// Streams in which a device has rights now, by id.
    pub(crate) fn streams_of(&self, device: &DeviceId) -> BTreeSet<StreamId> {
        let units = self.binders.get(device).into_iter().flat_map(BTreeMap::keys);
        let named = units.filter_map(|unit| self.naming.get(unit)).flatten();
        named.filter(|stream| self.rights(stream, device) != Rights::NONE).copied().collect()
    }

    /// What a device may do in a stream now. A unit that has removed it gives it nothing, even where the stream's log does
    /// not say so yet.
    pub(crate) fn rights(&self, stream: &StreamId, device: &DeviceId) -> Rights {
        let Some(log) = self.streams.get(stream) else { return Rights::NONE };
        let through = log.memberships(device, log.len()).filter(|member| self.holds(&member.unit, device));
        through.fold(Rights::NONE, |sum, member| sum.or(member.rights))
    }

    fn holds(&self, unit: &UnitId, device: &DeviceId) -> bool {
        self.units.get(unit).is_some_and(|log| log.bound(device, log.len()).is_some())
    }

    /// Whether one unit that counts in the stream has bound both devices, at whatever time.
    pub(crate) fn share_a_unit(&self, stream: &StreamId, one: &DeviceId, other: &DeviceId) -> bool {
        let (Some(log), Some(ones), Some(others)) =
            (self.streams.get(stream), self.binders.get(one), self.binders.get(other))
        else {
            return false;
        };
        log.units().any(|(unit, _)| ones.contains_key(&unit) && others.contains_key(&unit))
    }

    /// The log with `entries` appended, judged one by one up to the first bad one. The log here stays as it is, and is not
    /// even copied for an entry that shows from outside that it is none of it.
    pub(crate) fn grow(&self, authority: Option<&Public>, log: LogId, entries: &[Vec<u8>]) -> Result<Grown, BadEntry> {
        let at = |index| move |error| BadEntry { index, error };
        let unset = SyncError::BadEntry { index: 0, why: "the hub has no authority yet" };
        let authority = authority.ok_or(unset).map_err(at(self.len(log)))?;
        let mut grown = self.copy(authority, log, entries).map_err(at(self.len(log)))?;
        for bytes in entries {
            let index = grown.len();
            grown.take(bytes, authority, &self.units).map_err(at(index))?;
        }
        Ok(grown)
    }

    fn copy(&self, authority: &Public, log: LogId, entries: &[Vec<u8>]) -> Result<Grown, SyncError> {
        let none = SyncError::BadEntry { index: self.len(log), why: "no entry" };
        let first = Glimpse::read(entries.first().ok_or(none)?)?;
        let (unit, stream) = (self.units.get(&UnitId(log.0)), self.streams.get(&StreamId(log.0)));
        first.vet(self.len(log), authority, |key| {
            unit.is_some_and(|log| log.is_admin(key)) || stream.is_some_and(|log| log.is_admin(key))
        })?;
        Ok(match (unit, stream) {
            (Some(held), _) => Grown::Unit { log: held.clone(), bound: Vec::new() },
            (_, Some(held)) => Grown::Stream(held.clone()),
            _ if first.is_unit_genesis() => {
                Grown::Unit { log: UnitLog::new(UnitId(log.0), *authority), bound: Vec::new() }
            }
            _ => Grown::Stream(StreamLog::new(StreamId(log.0), *authority)),
        })
    }

    /// Puts a grown log in its place, once it is stored.
    pub(crate) fn put(&mut self, grown: Grown) {
        match grown {
            Grown::Unit { log, bound } => {
                for (_, card) in bound {
                    self.binders.entry(card.device_id()).or_default().insert(log.id(), card);
                }
                self.units.insert(log.id(), log);
            }
            Grown::Stream(log) => {
                for (unit, _) in log.units() {
                    self.naming.entry(unit).or_default().insert(log.id());
                }
                self.handles.entry(log.id().handle()).or_default().insert(log.id());
                self.streams.insert(log.id(), log);
            }
        }
    }
}

impl Grown {
    /// What the new entries bind: unit, post and the SHA-256 of the card.
    pub(crate) fn bound(&self) -> Vec<(UnitId, PostId, Hash)> {
        match self {
            Self::Unit { log, bound } => {
                bound.iter().map(|(post, card)| (log.id(), *post, sha256(&[&card.encode()]))).collect()
            }
            Self::Stream(_) => Vec::new(),
        }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Unit { log, .. } => log.len(),
            Self::Stream(log) => log.len(),
        }
    }

    /// Takes one more entry. Errors name the place where it should stand.
    fn take(&mut self, bytes: &[u8], authority: &Public, units: &HashMap<UnitId, UnitLog>) -> Result<(), SyncError> {
        Glimpse::read(bytes)?.vet(self.len(), authority, |key| match &*self {
            Self::Unit { log, .. } => log.is_admin(key),
            Self::Stream(log) => log.is_admin(key),
        })?;
        let entry = Entry::decode(bytes)?;
        let taken = match self {
            Self::Unit { log, bound } => {
                let taken = log.append(&entry)?;
                if let Body::Bind { post, card } = entry.body() {
                    bound.push((*post, card.clone()));
                }
                taken
            }
            Self::Stream(log) => log.append(&entry, units)?,
        };
        match taken {
            Appended::New => Ok(()),
            Appended::Held => Err(SyncError::BadEntry { index: entry.index(), why: "held already" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samanvay_sync::bytes::Writer;
    use samanvay_sync::keys::{AdminCard, SignKey};
    use samanvay_sync::log::UnitKind;

    /// A `device bind` whose card nobody signed, signed by `key`.
    fn bind_of_forged_card(log: &UnitLog, key: &SignKey) -> Vec<u8> {
        let mut card = Writer::new();
        card.raw([7; 64]).u8(1).raw([7; 32]).raw([7; 64]);
        let mut body = Writer::new();
        body.raw([3; 16]).bytes(card.finish());
        let mut entry = Writer::new();
        entry.u8(1).raw(log.id().0).varint(log.len()).raw(log.head()).varint(1_795_600_000).u8(5).bytes(body.finish());
        let signature = key.sign("samanvay log v1", entry.as_slice());
        entry.count(1).raw(key.public()).raw(signature);
        entry.finish()
    }

    #[test]
    fn cards_are_looked_at_only_if_an_admin_signed() {
        let [authority, admin, stranger] = [1, 2, 3].map(|seed| SignKey::from_seed(&[seed; 32]).unwrap());
        let public = authority.public();
        let card = AdminCard::issue(&authority, admin.public(), 394, "ज़िला कार्यालय बैतूल");
        let mut log = UnitLog::new(UnitId([5; 16]), public);
        let genesis = log.draft(0, Body::unit_genesis(&card, 394, UnitKind::PoliceStation, "थाना सारणी"), &[&admin]);
        let genesis = genesis.unwrap();
        let mut members = Members::default();
        let grown = members.grow(Some(&public), LogId::from(log.id()), &[genesis.encode().to_vec()]);
        members.put(grown.unwrap());
        log.append(&genesis).unwrap();
        let why = |members: &Members, log: LogId, entry| members.grow(Some(&public), log, &[entry]).unwrap_err().error;
        let id = LogId::from(log.id());
        assert_eq!(why(&members, id, bind_of_forged_card(&log, &admin)), SyncError::BadSignature, "of the card");
        let not_ours = SyncError::BadEntry { index: 1, why: "signer is no admin of this log" };
        assert_eq!(why(&members, id, bind_of_forged_card(&log, &stranger)), not_ours);

        let own_card = AdminCard::issue(&stranger, stranger.public(), 394, "नकली कार्यालय");
        let other = UnitLog::new(UnitId([6; 16]), public);
        let forged = Body::unit_genesis(&own_card, 394, UnitKind::PoliceStation, "थाना");
        let forged = other.draft(0, forged, &[&stranger]).unwrap().encode().to_vec();
        let uncertified = SyncError::BadEntry { index: 0, why: "signer is no admin of this log" };
        assert_eq!(why(&members, LogId::from(other.id()), forged), uncertified);
    }
}
