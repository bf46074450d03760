//! One profile: locked, unlocked, and everything that hangs on that.
//!
//! Knows the vault's life and what is in memory while it is unlocked. What is done with it is in `saving`, `views` and
//! `syncing`. Invariant: what is in [`Open`] exists only while the vault is unlocked, and one thread at a time saves or
//! applies a reply (`gate`). Start at [`Profile::unlock`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ring::hmac;
use samanvay_sync::client::Client;
use samanvay_sync::id::{DeviceId, Generation, Incarnation, StreamId};
use samanvay_sync::keys::{BoxKey, DeviceKeys, SignKey, SystemRandom, draw};
use samanvay_vault::error::Part;
use samanvay_vault::{Vault, VaultError};

use crate::apply::Intake;
use crate::drafts::Sealer;
use crate::entries::Entry;
use crate::env::{Env, Moment};
use crate::error::{RecordsError, Result};
use crate::journal::Journal;
use crate::locked;
use crate::membership::Membership;
use crate::observer::{Changed, Observer, Observers, Subscription};
use crate::remote::{self, Hub, Line};
use crate::segments;
use crate::store;
use crate::summary;
use crate::text::{self, Lang};
use crate::watched::Watched;

/// One profile on one phone: its own PIN, keys and database. Clones are the same profile. Calls that are not `async` block;
/// make them off the main thread.
#[derive(Clone)]
pub struct Profile {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    id: String,
    pub(crate) env: Env,
    pub(crate) vault: Watched,
    open: RwLock<Option<Arc<Open>>>,
    gate: Mutex<()>,
    pub(crate) syncing: AtomicBool,
    pub(crate) observers: Observers,
    /// Words of the last sync's failure.
    pub(crate) problem: Mutex<Option<String>>,
    /// The hub last talked to, with its connection, which stays warm between syncs.
    client: Mutex<Option<(Hub, Client)>>,
}

/// What is in memory while unlocked.
pub(crate) struct Open {
    pub(crate) keys: DeviceKeys,
    pub(crate) device: DeviceId,
    pub(crate) tag_key: hmac::Key,
    pub(crate) drafts: Sealer,
    membership: RwLock<Arc<Membership>>,
}

impl Open {
    pub(crate) fn membership(&self) -> Arc<Membership> {
        self.membership.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_membership(&self, membership: Arc<Membership>) {
        *self.membership.write().unwrap_or_else(PoisonError::into_inner) = membership;
    }
}

/// What an unlock had to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct UnlockReport {
    /// Saves that were brought into the database from the outbox.
    pub replayed: u64,
    /// The database had been damaged or lost and was made anew from the outbox; the next sync brings the rest.
    pub rebuilt: bool,
    /// Saves that the outbox could not give back, or not whole.
    pub lost: u64,
}

impl Profile {
    pub(crate) fn new(id: String, vault: Vault, env: Env) -> Self {
        let inner = Inner {
            id,
            env,
            vault: Watched(vault),
            open: RwLock::new(None),
            gate: Mutex::new(()),
            syncing: AtomicBool::new(false),
            observers: Observers::default(),
            problem: Mutex::new(None),
            client: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The folder's random name.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Unlocks with the PIN. Brings saves into the database that a crash kept out of it, and makes a lost or damaged
    /// database anew. A damaged file beside it does not keep the profile closed: the next sync, or the next invite, brings
    /// again what it held.
    ///
    /// # Errors
    /// [`RecordsError::Vault`]: wrong PIN, locked out, newer schema, disk.
    pub fn unlock(&self, pin: &str) -> Result<UnlockReport> {
        let unlocked = self.open_up(pin);
        if unlocked.is_err() && !self.is_unlocked() {
            // Half unlocked is locked.
            self.inner.vault.lock();
        }
        self.inner.observers.tell(Changed::Lock);
        unlocked
    }

    fn open_up(&self, pin: &str) -> Result<UnlockReport> {
        let vault = &self.inner.vault;
        let unlocked = vault.unlock(pin.as_bytes());
        // From here on nothing is offered as it is, unnoticed, by a sync that began while locked.
        let _gate = self.gate();
        let pending = match unlocked {
            Ok(_) if vault.is_flagged()? => None,
            Ok(found) => Some(found.pending),
            Err(VaultError::Damaged(Part::Database)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(pending) = pending {
            match self.go_on(pending) {
                Err(RecordsError::Vault(VaultError::Damaged(Part::Database))) => {}
                other => return other,
            }
        }
        let open = self.keys()?;
        let (replayed, lost) = self.rebuild(&open)?;
        vault.unflag()?;
        self.after_replay(&open, lost)?;
        self.enter(open)?;
        Ok(UnlockReport { replayed, rebuilt: true, lost })
    }

    /// Goes on with the database as it is.
    fn go_on(&self, pending: u64) -> Result<UnlockReport> {
        let open = self.keys()?;
        let mut report = UnlockReport { replayed: pending, ..UnlockReport::default() };
        if pending > 0 {
            report.lost = self.replay(&open)?;
            self.after_replay(&open, report.lost)?;
        }
        self.enter(open)?;
        Ok(report)
    }

    /// Numbers may have been used that nobody remembers: those of lost saves, and of frames that cannot be read now.
    fn after_replay(&self, open: &Open, lost: u64) -> Result<()> {
        let unknown = self.inner.vault.read(|c| match store::fact(c, "generation")? {
            Some(generation) => segments::has_unread(c, open.device, Generation(generation)),
            None => Ok(false),
        })?;
        if lost > 0 || unknown {
            self.new_generation(open)?;
        }
        Ok(())
    }

    /// The first time: no outbox, no logs.
    pub(crate) fn begin(&self) -> Result<()> {
        let open = self.keys()?;
        let _gate = self.gate();
        self.enter(open)
    }

    /// Drops every key that comes from the PIN. Form sessions that are open stay on disk as drafts.
    pub fn lock(&self) {
        *self.inner.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        // Damage that it finds is mended at the next unlock; what it cannot do now it does the next time.
        self.inner.vault.checkpoint().ok();
        self.inner.vault.lock();
        self.inner.observers.tell(Changed::Lock);
    }

    /// Whether the profile is unlocked.
    pub fn is_unlocked(&self) -> bool {
        self.inner.open.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Replaces the PIN.
    ///
    /// # Errors
    /// [`RecordsError::Vault`]: wrong old PIN, weak new PIN, disk.
    pub fn change_pin(&self, old: &str, new: &str) -> Result<()> {
        Ok(self.inner.vault.change_pin(old.as_bytes(), new.as_bytes())?)
    }

    /// Wrong PINs that remain before the profile is locked out.
    pub fn attempts_left(&self) -> u32 {
        self.inner.vault.attempts_left()
    }

    /// The device's fingerprint, for two people to compare: Devanagari digits in Hindi.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] while locked.
    pub fn fingerprint(&self, lang: Lang) -> Result<String> {
        Ok(text::fingerprint(&self.opened()?.device, lang))
    }

    /// The device's id in hex.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] while locked.
    pub fn device_id(&self) -> Result<String> {
        Ok(self.opened()?.device.hex())
    }

    /// Registers an observer until the subscription is dropped.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Subscription {
        self.inner.observers.add(observer)
    }

    /// The language of texts.
    pub fn language(&self) -> Lang {
        self.inner.env.language
    }

    pub(crate) fn now(&self) -> Moment {
        self.inner.env.clock.now()
    }

    /// What is in memory while unlocked.
    pub(crate) fn opened(&self) -> Result<Arc<Open>> {
        let open = self.inner.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or(RecordsError::Vault(VaultError::Locked))
    }

    /// A client of this hub: the one of the last sync, if it was the same hub.
    pub(crate) fn client(&self, hub: &Hub) -> Result<Client> {
        let mut kept = self.inner.client.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, client)) if of == hub => Ok(client.clone()),
            _ => {
                let client = hub.client()?;
                *kept = Some((hub.clone(), client.clone()));
                Ok(client)
            }
        }
    }

    /// Held by whoever saves or applies a reply.
    pub(crate) fn gate(&self) -> MutexGuard<'_, ()> {
        self.inner.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves entries: outbox and database in one step.
    pub(crate) fn save<T>(
        &self,
        entries: &[Entry],
        write: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let entries: Vec<samanvay_vault::Entry> = entries
            .iter()
            .map(|entry| {
                let (kind, bytes) = entry.encode();
                samanvay_vault::Entry::new(kind, bytes)
            })
            .collect();
        self.inner.vault.save(&entries, write)
    }

    /// Keys and membership of a vault that has just been unlocked.
    fn keys(&self) -> Result<Open> {
        let vault = &self.inner.vault;
        let identity = vault.identity()?;
        let boxk = BoxKey::from_bytes(identity.x25519_secret.as_bytes())?;
        let keys = DeviceKeys { sign: SignKey::from_seed(identity.ed25519_seed.as_bytes())?, boxk: boxk.clone() };
        let device = keys.device_id();
        let tag_key = hmac::Key::new(hmac::HMAC_SHA256, vault.tag_key()?.as_bytes());
        let authority = remote::authority(vault)?.unwrap_or_default();
        let membership = Membership::load(vault, device, boxk.clone(), authority)?;
        let membership = RwLock::new(Arc::new(membership));
        Ok(Open { keys, device, tag_key, drafts: Sealer::new(boxk), membership })
    }

    /// Brings the outbox's newest saves into the database. Gives how many of them were not whole.
    fn replay(&self, open: &Open) -> Result<u64> {
        let (membership, now, mut lost) = (open.membership(), self.now().seconds(), 0);
        self.inner.vault.replay(|tx, _, entries| -> Result<()> {
            lost += u64::from(apply(open, &membership, now, tx, entries)?);
            Ok(())
        })?;
        Ok(lost)
    }

    /// Makes the database anew from the outbox. Gives saves restored and saves lost.
    fn rebuild(&self, open: &Open) -> Result<(u64, u64)> {
        let (membership, now, mut lost) = (open.membership(), self.now().seconds(), 0);
        let report = self.inner.vault.rebuild(|tx, _, entries| -> Result<()> {
            lost += u64::from(apply(open, &membership, now, tx, entries)?);
            Ok(())
        })?;
        Ok((report.restored_records, report.lost_records + lost))
    }

    /// The last steps of an unlock, under the gate: a generation, and what was sent while locked.
    fn enter(&self, open: Open) -> Result<()> {
        let vault = &self.inner.vault;
        let known = vault.read(|c| store::fact::<8>(c, "generation"))?;
        let generation = match known {
            Some(generation) => Generation(generation),
            None => self.new_generation(&open)?,
        };
        let line = Line::get(vault)?;
        let incarnation = vault.read(|c| store::fact(c, "incarnation"))?.map_or(line.incarnation, Incarnation);
        let known = Line { generation, incarnation, ..line };
        if line != known {
            known.put(vault)?;
        }
        remote::mend(vault, open.device, &lengths(&open.membership()))?;
        let open = Arc::new(open);
        locked::absorb(self, &open)?;
        self.read_waiting(&open)?;
        *self.inner.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(())
    }

    /// Reads segments that waited for this version of the app.
    fn read_waiting(&self, open: &Open) -> Result<()> {
        let vault = &self.inner.vault;
        if !vault.read(segments::any_waiting)? {
            return Ok(());
        }
        let membership = open.membership();
        let mut journal = Journal::new(open.device, &membership, &open.drafts, self.now().seconds());
        vault.write(|tx| {
            Intake { membership: &membership, journal: &mut journal, received_ops: 0 }.waiting(tx)?;
            summary::refresh(tx, journal.membership, &journal.touched)
        })
    }

    /// Starts a generation: the first, or the next after a fork.
    pub(crate) fn new_generation(&self, open: &Open) -> Result<Generation> {
        let generation = Generation(draw(&mut SystemRandom::new())?);
        let entry = Entry::Generation(generation);
        let membership = open.membership();
        let mut journal = Journal::new(open.device, &membership, &open.drafts, self.now().seconds());
        self.save(std::slice::from_ref(&entry), |tx| journal.apply(tx, &entry))?;
        Ok(generation)
    }

    /// Notes how long the logs are, for requests made while locked.
    pub(crate) fn note_lengths(&self, membership: &Membership) -> Result<()> {
        remote::put_lengths(&self.inner.vault, &lengths(membership))
    }

    /// Marks a sync as running; `None` if one is.
    pub(crate) fn begin_sync(&self) -> Option<Syncing> {
        let free = !self.inner.syncing.swap(true, Ordering::AcqRel);
        free.then(|| Syncing(self.clone()))
    }
}

/// Ends the mark when dropped, also when the sync's future is.
pub(crate) struct Syncing(Profile);

impl Drop for Syncing {
    fn drop(&mut self) {
        self.0.inner.syncing.store(false, Ordering::Release);
    }
}

/// How many entries of each stream's log are held.
fn lengths(membership: &Membership) -> BTreeMap<StreamId, u64> {
    membership.streams().map(|(id, stream)| (id, stream.log.len())).collect()
}

/// Replays one save. Gives whether something of it was lost.
fn apply(
    open: &Open,
    membership: &Membership,
    now: i64,
    tx: &rusqlite::Transaction<'_>,
    entries: &[samanvay_vault::Entry],
) -> Result<bool> {
    let mut journal = Journal::new(open.device, membership, &open.drafts, now);
    journal.replay(tx, entries)?;
    summary::refresh(tx, journal.membership, &journal.touched)?;
    Ok(journal.lost)
}
