//! A district's admin: makes units, posts and streams, and says who holds which post.
//!
//! Knows the key file and the rules by which one change entails others: a new reader gets a wrap, a removal starts a new
//! epoch. Refuses to know the network ([`super::publish`] does). Invariant: a change is on disk whole before it is
//! returned, or did not happen. Start at [`Admin::add_stream`] and [`Admin::set_member`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use samanvay_sync::id::{DeviceId, LogId, PostId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, Card, Public, SignKey, SystemRandom, draw};
use samanvay_sync::log::{Body, PostRole, Purpose, RemoveReason, Rights, StreamInfo, UnitKind, UnitLog};
use samanvay_sync::schema::Clearance;
use samanvay_vault::KdfParams;
use samanvay_vault::keystore::KeyFile;

use super::AdminError;
use super::state::State;
use crate::env::Clock;

const KIND: &str = "admin";

/// A district admin's key file, opened.
pub struct Admin {
    path: PathBuf,
    file: KeyFile,
    clock: Arc<dyn Clock>,
    pub(super) state: State,
}

impl Admin {
    /// Makes an admin's key and file. The authority must certify it before it can do anything.
    ///
    /// # Errors
    /// [`AdminError::KeyFile`]: the passphrase is weak, a file is there, or the disk refused.
    pub fn create(
        path: &Path,
        passphrase: &str,
        cost: KdfParams,
        authority: Public,
        recovery: Public,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AdminError> {
        let (_, seed) = SignKey::generate(&mut SystemRandom::new())?;
        let state = State::new(seed, authority, recovery);
        let file = KeyFile::create(path, KIND, passphrase, cost, &state.encode())?;
        Ok(Self { path: path.to_owned(), file, clock, state })
    }

    /// Opens an admin's file.
    ///
    /// # Errors
    /// [`AdminError::KeyFile`]: not such a file, another passphrase. [`AdminError::Sync`] if its logs do not verify.
    pub fn open(path: &Path, passphrase: &str, clock: Arc<dyn Clock>) -> Result<Self, AdminError> {
        let (file, body) = KeyFile::open(path, KIND, passphrase)?;
        Ok(Self { path: path.to_owned(), file, clock, state: State::decode(&body)? })
    }

    /// The admin's public key, for the authority to certify.
    ///
    /// # Errors
    /// [`AdminError::Sync`] if the seed is no key.
    pub fn public(&self) -> Result<Public, AdminError> {
        Ok(self.state.key()?.public())
    }

    /// Takes the authority's certificate.
    ///
    /// # Errors
    /// [`AdminError::NotForThisAdmin`] if it is for another key or by another authority.
    pub fn accept_card(&mut self, card: &AdminCard) -> Result<(), AdminError> {
        if *card.admin() != self.public()? || card.verify(&self.state.authority).is_err() {
            return Err(AdminError::NotForThisAdmin);
        }
        self.change(|work| {
            work.state.card = Some(card.clone());
            Ok(())
        })
    }

    /// Makes a unit of the admin's district.
    ///
    /// # Errors
    /// [`AdminError::NotCertified`]; [`AdminError::KeyFile`] if the disk refused.
    pub fn add_unit(&mut self, kind: UnitKind, name: &str) -> Result<UnitId, AdminError> {
        self.change(|work| {
            let unit = UnitId(work.random()?);
            let card = work.card()?;
            work.append(unit.into(), Body::unit_genesis(&card, card.district(), kind, name))?;
            Ok(unit)
        })
    }

    /// Makes a post in a unit.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if the unit is not this admin's; [`AdminError::KeyFile`] if the disk refused.
    pub fn add_post(&mut self, unit: UnitId, role: PostRole, name: &str) -> Result<PostId, AdminError> {
        self.change(|work| {
            work.unit(unit)?;
            let post = PostId(work.random()?);
            work.append(unit.into(), Body::post(post, role, name))?;
            Ok(post)
        })
    }

    /// Makes a stream of the admin's district; a sealed one gets its first epoch at once, so that it can be written to.
    ///
    /// # Errors
    /// [`AdminError::NotCertified`]; [`AdminError::KeyFile`] if the disk refused.
    pub fn add_stream(&mut self, purpose: Purpose, clearance: Clearance, name: &str) -> Result<StreamId, AdminError> {
        self.change(|work| {
            let stream = StreamId(work.random()?);
            let card = work.card()?;
            let recovery = work.state.recovery;
            let genesis = Body::stream_genesis(&card, card.district(), purpose, clearance, name, recovery);
            work.append(stream.into(), genesis)?;
            if purpose != Purpose::Open {
                work.start_epoch(stream)?;
            }
            Ok(stream)
        })
    }

    /// Gives a post its rights in a stream, in place of earlier ones. Taking reading away starts a new epoch.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if unit, post or stream are not this admin's; [`AdminError::KeyFile`] if the disk refused.
    pub fn set_member(
        &mut self,
        stream: StreamId,
        unit: UnitId,
        post: PostId,
        rights: Rights,
    ) -> Result<(), AdminError> {
        self.change(|work| {
            if !work.unit(unit)?.posts().any(|(id, _)| id == post) {
                return Err(AdminError::Unknown("post"));
            }
            let unit_at = Body::unit_at(work.unit(unit)?);
            if !work.stream(stream)?.units().any(|(id, _)| id == unit) {
                work.append(stream.into(), unit_at)?;
            }
            let readers = work.state.readers(stream)?;
            work.append(stream.into(), Body::Member { unit, post, rights })?;
            work.settle(stream, &readers)
        })
    }

    /// Binds a device to a post and gives it the keys that the post's streams need.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if the unit or post is not this admin's; [`AdminError::KeyFile`] if the disk refused.
    pub fn bind(&mut self, unit: UnitId, post: PostId, card: &Card) -> Result<DeviceId, AdminError> {
        self.change(|work| work.bind(unit, post, card))
    }

    /// Takes a device off its post everywhere and starts a new epoch in each stream that it read.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if no unit of this admin binds it; [`AdminError::KeyFile`] if the disk refused.
    pub fn remove_device(&mut self, device: DeviceId, reason: RemoveReason) -> Result<(), AdminError> {
        self.change(|work| {
            let bound: Vec<UnitId> = work
                .state
                .units
                .values()
                .filter(|unit| unit.bound(&device, unit.len()).is_some())
                .map(UnitLog::id)
                .collect();
            if bound.is_empty() {
                return Err(AdminError::Unknown("device"));
            }
            for unit in bound {
                work.append(unit.into(), Body::Remove { device, reason })?;
                work.settle_unit(unit)?;
            }
            Ok(())
        })
    }

    /// The units made so far, with their logs.
    pub fn units(&self) -> impl Iterator<Item = &UnitLog> {
        self.state.units.values()
    }

    /// The streams made so far.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, &StreamInfo)> {
        self.state.streams.iter().filter_map(|(id, log)| Some((*id, log.info()?)))
    }

    /// Devices that read a stream now.
    ///
    /// # Errors
    /// [`AdminError::Unknown`] if the stream is not this admin's.
    pub fn readers(&self, stream: StreamId) -> Result<Vec<DeviceId>, AdminError> {
        self.state.readers(stream)
    }

    /// Number of a stream's newest epoch; `None` for open streams and other admins' streams.
    pub fn newest_epoch(&self, stream: StreamId) -> Option<u64> {
        Some(self.state.streams.get(&stream)?.newest_epoch()?.0)
    }

    /// Applies a change to a copy and keeps it only when it is on disk.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Work) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let time = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        let mut work = Work { state: self.state.clone(), time, random: SystemRandom::new() };
        let out = change(&mut work)?;
        self.file.replace(&self.path, &work.state.encode())?;
        self.state = work.state;
        Ok(out)
    }

    /// Unix seconds by the admin's own clock.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.now().seconds()).unwrap_or(0)
    }
}

/// A change in the making.
pub(super) struct Work {
    pub(super) state: State,
    pub(super) time: u64,
    pub(super) random: SystemRandom,
}

impl Work {
    pub(super) fn random<const N: usize>(&mut self) -> Result<[u8; N], AdminError> {
        Ok(draw(&mut self.random)?)
    }

    pub(super) fn card(&self) -> Result<AdminCard, AdminError> {
        self.state.card.clone().ok_or(AdminError::NotCertified)
    }

    pub(super) fn unit(&self, unit: UnitId) -> Result<&UnitLog, AdminError> {
        self.state.units.get(&unit).ok_or(AdminError::Unknown("unit"))
    }

    fn stream(&self, stream: StreamId) -> Result<&samanvay_sync::log::StreamLog, AdminError> {
        self.state.streams.get(&stream).ok_or(AdminError::Unknown("stream"))
    }

    /// Signs the next entry of a log and takes it.
    fn append(&mut self, log: LogId, body: Body) -> Result<(), AdminError> {
        let key = self.state.key()?;
        let (unit, stream) = (UnitId(log.0), StreamId(log.0));
        let entry = if let Some(held) = self.state.units.get(&unit) {
            held.draft(self.time, body, &[&key])?
        } else if let Some(held) = self.state.streams.get(&stream) {
            held.draft(self.time, body, &[&key])?
        } else {
            UnitLog::new(unit, self.state.authority).draft(self.time, body, &[&key])?
        };
        self.state.take(entry)?;
        Ok(())
    }

    pub(super) fn bind(&mut self, unit: UnitId, post: PostId, card: &Card) -> Result<DeviceId, AdminError> {
        if !self.unit(unit)?.posts().any(|(id, _)| id == post) {
            return Err(AdminError::Unknown("post"));
        }
        self.append(unit.into(), Body::Bind { post, card: card.clone() })?;
        self.settle_unit(unit)?;
        Ok(card.device_id())
    }

    /// Lets every stream that names the unit follow its log.
    pub(super) fn settle_unit(&mut self, unit: UnitId) -> Result<(), AdminError> {
        let named = |log: &&samanvay_sync::log::StreamLog| log.units().any(|(id, _)| id == unit);
        let streams: Vec<StreamId> =
            self.state.streams.values().filter(named).map(samanvay_sync::log::StreamLog::id).collect();
        for stream in streams {
            let readers = self.state.readers(stream)?;
            self.settle(stream, &readers)?;
        }
        Ok(())
    }

    /// Brings a stream up to date: what units have become, a new epoch if someone who read no longer does, and a wrap for
    /// every reader without one.
    fn settle(&mut self, stream: StreamId, readers_before: &[DeviceId]) -> Result<(), AdminError> {
        for unit in self.stream(stream)?.units_behind(self.state.units.values()) {
            let body = Body::unit_at(self.unit(unit)?);
            self.append(stream.into(), body)?;
        }
        if self.stream(stream)?.is_open() {
            return Ok(());
        }
        let readers = self.state.readers(stream)?;
        if readers_before.iter().any(|device| !readers.contains(device)) {
            return self.start_epoch(stream);
        }
        for device in self.stream(stream)?.readers_without_box() {
            let key = self.state.epochs.get(&stream).ok_or(AdminError::Unknown("epoch key"))?.clone();
            let log = self.state.streams.get(&stream).ok_or(AdminError::Unknown("stream"))?;
            let (epoch, _) = log.newest_epoch().ok_or(AdminError::Unknown("epoch"))?;
            let body = log.wrap(device, epoch, &key, &mut self.random)?;
            self.append(stream.into(), body)?;
        }
        Ok(())
    }

    fn start_epoch(&mut self, stream: StreamId) -> Result<(), AdminError> {
        let log = self.state.streams.get(&stream).ok_or(AdminError::Unknown("stream"))?;
        let (body, key) = log.new_epoch(self.state.epochs.get(&stream), &mut self.random)?;
        self.append(stream.into(), body)?;
        self.state.epochs.insert(stream, key);
        Ok(())
    }
}
