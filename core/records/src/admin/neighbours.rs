//! Units of other districts: their admins hand the logs over, so that a post there can become a member of a stream here.
//!
//! Knows entries. Refuses to write into such a log: only an admin of the unit's own district can. Invariant: a log that is
//! taken was verified under the same authority, and what is held of it never changes, it only grows. Start at
//! [`Admin::take_unit`].

use samanvay_sync::bytes::Malformed;
use samanvay_sync::id::{LogId, UnitId};
use samanvay_sync::log::{Body, Entry};

use super::AdminError;
use super::district::Admin;

impl Admin {
    /// The log of a unit, for an admin of another district. It holds names of posts and public keys, no secret.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if the unit is not in this admin's file.
    pub fn unit_log(&self, unit: UnitId) -> Result<Vec<Vec<u8>>, AdminError> {
        let log = self.state.logs.get(&LogId(unit.0)).filter(|_| self.state.units.contains_key(&unit));
        let log = log.ok_or(AdminError::Unknown("unit"))?;
        Ok(log.entries.iter().map(|entry| entry.encode().to_vec()).collect())
    }

    /// Takes the log of another district's unit; again when it has grown: this admin's streams then follow it. Its own
    /// admin must have published it before this admin publishes.
    ///
    /// # Errors
    /// [`AdminError::Sync`] if it does not verify or differs from what is held; [`AdminError::KeyFile`] if the disk refused.
    pub fn take_unit(&mut self, log: &[Vec<u8>]) -> Result<UnitId, AdminError> {
        let entries = log.iter().map(|bytes| Entry::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        let genesis = entries.first().filter(|entry| matches!(entry.body(), Body::UnitGenesis { .. }));
        let id = genesis.ok_or(Malformed("not a unit's log"))?.log();
        self.change(|work| {
            let held = work.state.logs.get(&id).map_or(&[][..], |log| &log.entries);
            let same = entries.iter().zip(held).all(|(theirs, ours)| theirs.hash() == ours.hash());
            if !same || entries.iter().any(|entry| entry.log() != id) {
                return Err(Malformed("this log is not the one held").into());
            }
            let known = held.len();
            for entry in entries.into_iter().skip(known) {
                work.state.take(entry)?;
            }
            if let Some(log) = work.state.logs.get_mut(&id) {
                log.at_hub = log.entries.len(); // its own admin publishes it
            }
            work.settle_unit(UnitId(id.0))?;
            Ok(UnitId(id.0))
        })
    }
}
