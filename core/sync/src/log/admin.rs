//! What an admin writes into a stream's log: bodies that need keys or the state of the log.
//!
//! Knows how a new epoch and a wrap are sealed. Refuses to append: [`StreamLog::draft`] signs, the hub decides. Invariant:
//! what is made here would be accepted at the log's present length. Start at [`StreamLog::new_epoch`].

use crate::error::{Result, SyncError};
use crate::id::{DeviceId, UnitId};
use crate::keys::{AdminCard, BoxKey, Public, Random, nfc};
use crate::schema::Clearance;

use super::body::{Body, Epoch, Purpose};
use super::epochs::{seal_key, seal_previous};
use super::stream::StreamLog;
use super::unit::UnitLog;

impl Body {
    /// Starts a stream's log. An open stream (purpose 3) has clearance A whatever is given.
    pub fn stream_genesis(
        admin: &AdminCard,
        district: u32,
        purpose: Purpose,
        clearance: Clearance,
        name: &str,
        recovery: Public,
    ) -> Self {
        let clearance = if purpose == Purpose::Open { Clearance::OPEN } else { clearance };
        Self::StreamGenesis { admin: admin.clone(), district, clearance, purpose, name: nfc(name), recovery }
    }

    /// Lets all of a unit's log count that is held here.
    pub fn unit_at(unit: &UnitLog) -> Self {
        Self::UnitAt { unit: unit.id(), length: unit.len(), head: unit.head() }
    }
}

impl StreamLog {
    /// A new epoch: its entry's body and its private half, sealed to all present readers, to recovery, and sealing the
    /// epoch before. `previous` is that epoch's private half.
    ///
    /// # Errors
    /// [`SyncError::BadEntry`] if the stream is open or empty, or `previous` is not the newest epoch's key;
    /// [`SyncError::NoRandomness`].
    pub fn new_epoch(&self, previous: Option<&BoxKey>, random: &mut dyn Random) -> Result<(Body, BoxKey)> {
        let refuse = |why| SyncError::BadEntry { index: self.len(), why };
        let info = self.info().filter(|_| !self.is_open()).ok_or_else(|| refuse("an open stream has no epochs"))?;
        let key = BoxKey::generate(random)?;
        let stream = self.id();
        let (number, previous) = match (self.newest_epoch(), previous) {
            (None, None) => (1, None),
            (Some((last, public)), Some(before)) if before.public() == public => {
                (last + 1, Some(seal_previous(&stream, last, before, &key.public(), random)?))
            }
            _ => return Err(refuse("the newest epoch's private half is needed")),
        };
        let recovery = seal_key(&stream, number, &key, &info.recovery, &[0; 16], random)?;
        let mut boxes = Vec::new();
        for (device, card) in self.readers_at(self.len()) {
            boxes.push((device, seal_key(&stream, number, &key, card.boxk(), &device.0, random)?));
        }
        let epoch = Epoch { number, public: key.public(), previous, recovery, boxes };
        Ok((Body::Epoch(Box::new(epoch)), key))
    }

    /// A wrap of an epoch's private half for one more reader. One of the newest epoch opens all history.
    ///
    /// # Errors
    /// [`SyncError::BadEntry`] if the device does not read, or the key is not the epoch's; [`SyncError::NoRandomness`].
    pub fn wrap(&self, device: DeviceId, epoch: u64, key: &BoxKey, random: &mut dyn Random) -> Result<Body> {
        let refuse = |why| SyncError::BadEntry { index: self.len(), why };
        let readers = self.readers_at(self.len());
        let card = readers.get(&device).ok_or_else(|| refuse("box for a device that does not read"))?;
        if self.epochs.public(epoch) != Some(key.public()) {
            return Err(refuse("not the private half of that epoch"));
        }
        let sealed = seal_key(&self.id(), epoch, key, card.boxk(), &device.0, random)?;
        Ok(Body::Wrap { epoch, device, sealed })
    }

    /// Readers that none of the newest epoch's boxes is for, so that a wrap is due.
    pub fn readers_without_box(&self) -> Vec<DeviceId> {
        let readers = self.readers_at(self.len()).into_keys();
        readers.filter(|device| !self.epochs.newest_has(device)).collect()
    }

    /// Units whose held log has grown past what counts here, so that a `unit at` entry is due.
    pub fn units_behind<'a>(&self, units: impl Iterator<Item = &'a UnitLog>) -> Vec<UnitId> {
        let counted: std::collections::BTreeMap<_, _> = self.units().collect();
        units.filter(|unit| counted.get(&unit.id()).is_some_and(|n| *n < unit.len())).map(UnitLog::id).collect()
    }
}
