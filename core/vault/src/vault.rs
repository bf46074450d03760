//! One profile: made, opened, unlocked, locked.
//!
//! Knows in which order keys, files and the database come and go. What is done with an unlocked vault is in `vault/storage.rs`.
//! Invariants: a PIN try is counted on disk before it is made; at every moment of a PIN change the old PIN, the new one, or
//! both open the profile; a locked vault holds no key that comes from the PIN. Start at [`Vault::create`] and [`Vault::unlock`].
//!
//! Locks are taken in the order attempts, open, writer, outbox.

mod storage;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::attempts::Attempts;
use crate::crypto::Secret;
use crate::database::{self, Database, Migration};
use crate::error::{Part, VaultError};
use crate::files::Dir;
use crate::identity::{Identity, MasterKeys, Transport};
use crate::keystore::{KeyStore, TransportPublic};
use crate::outbox::Outbox;
use crate::pin::{KdfParams, Pin, check_strength, normalise};
use crate::profile::{DeviceKeys, ProfileId};
use crate::report::{OpenReport, OutboxReport};
use crate::slot::{Slot, SlotName};

/// What a vault is opened with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Cost of new PIN slots. Old slots keep the cost they were written with.
    pub kdf: KdfParams,
    /// The caller's schema, in rising order. The vault's own tables come first.
    pub migrations: Vec<Migration>,
}

/// One profile's encrypted storage and keys. See the crate's example.
///
/// All methods take `&self` and may be called from any thread. Closures given to a vault must not call it.
pub struct Vault {
    dir: Dir,
    ring: Dir,
    state: Dir,
    profile: ProfileId,
    store: Arc<dyn KeyStore>,
    options: Options,
    device: DeviceKeys,
    transport: Transport,
    attempts: Mutex<Attempts>,
    outbox: Mutex<Outbox>,
    outbox_report: OutboxReport,
    open: RwLock<Option<Open>>,
    /// Held until the vault is dropped.
    _lock: File,
}

/// What is in memory while unlocked.
struct Open {
    keys: MasterKeys,
    identity: Identity,
    /// `None` when it was found damaged and waits for a rebuild.
    database: Option<Database>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("unlocked", &self.is_unlocked()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Makes a profile in `dir` and leaves it unlocked. `pin` is UTF-8, ASCII or Devanagari digits.
    ///
    /// A creation cut short leaves no profile and may be repeated.
    ///
    /// # Errors
    /// [`VaultError::WeakPin`]; [`VaultError::AlreadyOpen`]; [`VaultError::Disk`] of kind `AlreadyExists` when the folder
    /// holds a profile or unsent work; key store and disk errors.
    pub fn create(dir: &Path, pin: &[u8], store: Arc<dyn KeyStore>, options: Options) -> Result<Self, VaultError> {
        Self::create_from(dir, pin, store, options, &Secret::random()?)
    }

    fn create_from(
        dir: &Path,
        pin: &[u8],
        store: Arc<dyn KeyStore>,
        options: Options,
        master: &Secret,
    ) -> Result<Self, VaultError> {
        let pin = normalise(pin)?;
        check_strength(&pin)?;
        let dir = Dir::create(dir)?;
        let lock = dir.lock()?;
        if ProfileId::exists(&dir) || Outbox::holds_records(&dir) {
            return Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists).into());
        }
        dir.clear_temporary()?;
        database::remove(&dir)?;
        let profile = ProfileId::random()?;
        DeviceKeys::create(&dir, &profile, &*store)?;
        let device = DeviceKeys::open(&dir, &profile, &*store)?;
        Attempts::create(&dir, &profile, device.attempts.clone(), &*store)?;
        Slot::write(&dir, &profile, &*store, (SlotName::A, 0), (&pin, options.kdf), master)?;
        let keys = MasterKeys::derive(&profile, master)?;
        Identity::create(&dir, &profile, &keys.identity)?;
        Transport::create(&dir, &profile, &device.transport, &*store)?;
        Outbox::create(&dir, *profile.bytes())?;
        drop(Database::create(&dir, &keys.database, &options.migrations)?);
        // Last: only now is the folder a profile.
        profile.write(&dir)?;
        let vault = Self::open_locked(dir, lock, store, options)?;
        let _nothing_pending = vault.enter(keys)?;
        Ok(vault)
    }

    /// Whether the folder holds a complete profile.
    pub fn exists(dir: &Path) -> bool {
        ProfileId::exists(&Dir::open(dir))
    }

    /// Opens an existing profile, locked. Checks the outbox and cuts a torn tail off; see [`Vault::outbox_report`].
    ///
    /// # Errors
    /// [`VaultError::NotAProfile`], [`VaultError::AlreadyOpen`], [`VaultError::NewerSchema`],
    /// [`VaultError::KeyStore`] with `KeyChanged` for another phone's profile, [`VaultError::Damaged`], disk errors.
    pub fn open(dir: &Path, store: Arc<dyn KeyStore>, options: Options) -> Result<Self, VaultError> {
        let dir = Dir::open(dir);
        if !ProfileId::exists(&dir) {
            return Err(VaultError::NotAProfile);
        }
        let lock = dir.lock()?;
        Self::open_locked(dir, lock, store, options)
    }

    fn open_locked(dir: Dir, lock: File, store: Arc<dyn KeyStore>, options: Options) -> Result<Self, VaultError> {
        let profile = ProfileId::read(&dir)?;
        let device = DeviceKeys::open(&dir, &profile, &*store)?;
        let (ring, state) = (dir.sub("ring")?, dir.sub("state")?);
        for folder in [&dir, &ring, &state] {
            folder.clear_temporary()?;
        }
        let attempts = Attempts::open(&dir, &profile, device.attempts.clone(), &*store)?;
        let transport = Transport::open(&dir, &profile, &device.transport, &*store)?;
        let (outbox, outbox_report) = Outbox::open(&dir, *profile.bytes(), device.outbox.clone())?;
        Ok(Self {
            dir,
            ring,
            state,
            profile,
            store,
            options,
            device,
            transport,
            attempts: Mutex::new(attempts),
            outbox: Mutex::new(outbox),
            outbox_report,
            open: RwLock::new(None),
            _lock: lock,
        })
    }

    /// Unlocks with the PIN. On an unlocked vault it checks the PIN.
    ///
    /// # Errors
    /// [`VaultError::WrongPin`], [`VaultError::LockedOut`]; [`VaultError::WeakPin`] for what cannot be a PIN (not counted);
    /// [`VaultError::Damaged`] of [`Part::Database`]: the keys are in memory, call [`Vault::rebuild`];
    /// [`VaultError::NewerSchema`], [`VaultError::Migration`]; key store and disk errors.
    pub fn unlock(&self, pin: &[u8]) -> Result<OpenReport, VaultError> {
        let pin = normalise(pin)?;
        let tried = self.try_pin(&mut self.attempts(), &pin)?;
        let mut report = self.enter(MasterKeys::derive(&self.profile, &tried.master)?)?;
        report.finished_pin_change = tried.finished;
        Ok(report)
    }

    /// Drops every key that comes from the PIN and closes the database. Waits for closures that are running.
    pub fn lock(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the database is open.
    pub fn is_unlocked(&self) -> bool {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().is_some_and(|open| open.database.is_some())
    }

    /// Replaces the PIN. Needs the old one, locked or not; a wrong one counts as an attempt.
    ///
    /// # Errors
    /// As [`Vault::unlock`]. On a disk error either PIN, or both, may open the profile; the next unlock settles it for the PIN used.
    pub fn change_pin(&self, old: &[u8], new: &[u8]) -> Result<(), VaultError> {
        let (old, new) = (normalise(old)?, normalise(new)?);
        check_strength(&new)?;
        let mut attempts = self.attempts();
        let tried = self.try_pin(&mut attempts, &old)?;
        let next = (tried.slot.other(), tried.generation + 1);
        Slot::write(&self.dir, &self.profile, &*self.store, next, (&new, self.options.kdf), &tried.master)?;
        Slot::remove(&self.dir, &self.profile, &*self.store, tried.slot)?;
        Ok(())
    }

    /// Tries that remain before [`VaultError::LockedOut`].
    pub fn attempts_left(&self) -> u32 {
        self.attempts().left()
    }

    /// The identity keys.
    ///
    /// # Errors
    /// [`VaultError::Locked`].
    pub fn identity(&self) -> Result<Identity, VaultError> {
        self.with_open(|open| Ok(open.identity.clone()))
    }

    /// The key of the MAC that tells apart two changes with one number.
    ///
    /// # Errors
    /// [`VaultError::Locked`].
    pub fn tag_key(&self) -> Result<Secret, VaultError> {
        self.with_open(|open| Ok(open.keys.tag.clone()))
    }

    /// Public half of the key that signs requests. Works while locked.
    ///
    /// # Errors
    /// [`VaultError::KeyStore`].
    pub fn transport_public(&self) -> Result<TransportPublic, VaultError> {
        self.transport.public()
    }

    /// Signs with the transport key. Works while locked.
    ///
    /// # Errors
    /// [`VaultError::KeyStore`].
    pub fn sign_transport(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.transport.sign(&self.profile, &*self.store, message)
    }

    /// What opening the outbox found.
    pub const fn outbox_report(&self) -> &OutboxReport {
        &self.outbox_report
    }

    /// Counts the try, makes it, and finishes an interrupted PIN change in favour of this PIN.
    fn try_pin(&self, attempts: &mut Attempts, pin: &Pin) -> Result<Tried, VaultError> {
        if attempts.left() == 0 {
            return Err(VaultError::LockedOut);
        }
        let slots = self.slots()?;
        attempts.begin(&*self.store)?;
        for slot in &slots {
            // A key store that fails has judged nothing: the try is given back.
            let opened = slot.open(&self.profile, &*self.store, pin);
            let opened = opened.or_else(|error| attempts.give_back(&*self.store).and(Err(error)))?;
            if let Some(master) = opened {
                attempts.succeeded(&*self.store)?;
                let other = slot.name.other();
                let finished = Slot::remove(&self.dir, &self.profile, &*self.store, other)?;
                return Ok(Tried { master, slot: slot.name, generation: slot.generation, finished });
            }
        }
        match attempts.left() {
            0 => Err(VaultError::LockedOut),
            attempts_left => Err(VaultError::WrongPin { attempts_left }),
        }
    }

    /// The readable slots, newest first.
    fn slots(&self) -> Result<Vec<Slot>, VaultError> {
        let mut slots = Vec::new();
        for name in SlotName::ALL {
            match Slot::read(&self.dir, name) {
                Ok(slot) => slots.extend(slot),
                Err(VaultError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.generation));
        if slots.is_empty() { Err(VaultError::Damaged(Part::Slot)) } else { Ok(slots) }
    }

    /// Brings keys into memory and opens the database.
    fn enter(&self, keys: MasterKeys) -> Result<OpenReport, VaultError> {
        let mut guard = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = guard.as_ref().and_then(|open| open.database.as_ref()) {
            return Ok(self.report(database, 0));
        }
        let identity = Identity::read(&self.dir, &self.profile, &keys.identity)?;
        let opened = match Database::open(&self.dir, &keys.database, &self.options.migrations) {
            Ok(opened) => Some(opened),
            Err(VaultError::Damaged(Part::Database)) => None,
            Err(error) => return Err(error),
        };
        let report = opened.as_ref().map(|(database, migrated)| self.report(database, *migrated));
        *guard = Some(Open { keys, identity, database: opened.map(|(database, _)| database) });
        report.ok_or(VaultError::Damaged(Part::Database))
    }

    /// Compares the database's position with the outbox's tail.
    fn report(&self, database: &Database, migrated: u32) -> OpenReport {
        let applied = database.writer().applied();
        let mut outbox = self.outbox();
        let outbox_lost = applied.saturating_sub(outbox.next());
        outbox.skip_to(applied);
        let pending = outbox.places_from(applied).len() as u64;
        OpenReport { pending, outbox_lost, finished_pin_change: false, migrated }
    }

    fn with_open<T>(&self, f: impl FnOnce(&Open) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        f(open.as_ref().ok_or(VaultError::Locked)?)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A PIN that was right.
struct Tried {
    master: Secret,
    slot: SlotName,
    generation: u64,
    finished: bool,
}

#[cfg(feature = "test-master")]
impl Vault {
    /// As [`Vault::create`], with a master key of the caller's choice. For fault laboratories only.
    ///
    /// # Errors
    /// As [`Vault::create`].
    pub fn create_with_master(
        dir: &Path,
        pin: &[u8],
        store: Arc<dyn KeyStore>,
        options: Options,
        master: &Secret,
    ) -> Result<Self, VaultError> {
        Self::create_from(dir, pin, store, options, master)
    }

    /// As [`Vault::unlock`], without a PIN and without Argon2id. For fault laboratories only.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] of [`Part::Identity`] when `master` is another profile's; else as [`Vault::unlock`].
    pub fn unlock_with_master(&self, master: &Secret) -> Result<OpenReport, VaultError> {
        self.enter(MasterKeys::derive(&self.profile, master)?)
    }
}
