//! The app: the profiles on one phone and what the open one can do.
//!
//! Knows which profile is open. Invariants: when a call returns, at most one profile is unlocked; an observer may call the
//! app. Start at [`App::unlock`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use samanvay_records::env::SystemClock;
use samanvay_records::view::{
    Choice, ConflictView, DraftInfo, Enrolled, KindInfo, LockedReport, Place, ProfileEntry, RecordView, SyncStatus,
    UnlockReport,
};
use samanvay_records::{Env, Lang, Profile, Profiles, RecordsError, text};
use samanvay_vault::error::PinProblem;
use samanvay_vault::{KdfParams, VaultError};
use zeroize::Zeroizing;

use crate::alive::Alive;
use crate::background::{self, Stop};
use crate::error::AppError;
use crate::form::FormSession;
use crate::key_store::{Adapter, KeyStore};
use crate::list::RecordList;
use crate::log::{LogSink, Reporter};
use crate::observer::{Observer, Subscription};
use crate::sync::SyncRun;

/// The app. Calls that are not async block: make them off the main thread. Unless said otherwise they concern the open
/// profile, and fail with [`AppError::Locked`] when there is none or it is locked.
#[derive(uniffi::Object)]
pub struct App {
    profiles: Profiles,
    state: Mutex<State>,
    reporter: Reporter,
    _alive: Alive,
}

#[derive(Default)]
struct State {
    /// Profiles opened so far; sessions and runs may still hold them.
    opened: BTreeMap<String, Profile>,
    current: Option<Profile>,
}

impl State {
    /// Makes `profile` the open one; gives the one before, to be locked once nobody holds the state: locking tells observers.
    fn enter(&mut self, profile: Profile) -> Option<Profile> {
        self.opened.insert(profile.id().to_owned(), profile.clone());
        let before = self.current.replace(profile);
        before.filter(|before| self.current.as_ref().is_some_and(|now| now.id() != before.id()))
    }
}

impl App {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn profile(&self) -> Result<Profile, AppError> {
        let current = self.state().current.clone();
        current.ok_or_else(|| self.reporter.error(VaultError::Locked.into()))
    }

    fn with<T>(&self, act: impl FnOnce(&Profile) -> Result<T, RecordsError>) -> Result<T, AppError> {
        act(&self.profile()?).map_err(|error| self.reporter.error(error))
    }

    fn session(
        &self,
        open: impl FnOnce(&Profile) -> Result<samanvay_records::FormSession, RecordsError>,
    ) -> Result<Arc<FormSession>, AppError> {
        let profile = self.profile()?;
        let session = open(&profile).map_err(|error| self.reporter.error(error))?;
        Ok(Arc::new(FormSession::new(profile, session, self.reporter.clone())))
    }

    /// Opens a profile without unlocking it.
    fn enter(&self, id: &str) -> Result<Profile, AppError> {
        let mut state = self.state();
        let found = state.opened.get(id).cloned().map_or_else(|| self.profiles.get(id), Ok);
        let entered = found.map(|profile| (state.enter(profile.clone()), profile));
        drop(state);
        let (before, profile) = entered.map_err(|error| self.reporter.error(error))?;
        before.as_ref().map(Profile::lock);
        Ok(profile)
    }

    /// Checks a PIN's bytes as text. The vault judges the rest.
    fn pin<'a>(&self, pin: &'a Zeroizing<Vec<u8>>) -> Result<&'a str, AppError> {
        let not_digits = |_| self.reporter.error(VaultError::WeakPin(PinProblem::NotDigits).into());
        std::str::from_utf8(pin).map_err(not_digits)
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl App {
    /// Opens the folder that holds the profiles, and makes it if there is none. It must lie where no backup looks.
    ///
    /// # Errors
    /// [`AppError::Refused`] if the disk or the key store refused.
    #[uniffi::constructor]
    pub fn open(
        root: &str,
        key_store: Arc<dyn KeyStore>,
        language: Lang,
        log: Option<Arc<dyn LogSink>>,
    ) -> Result<Arc<Self>, AppError> {
        let reporter = Reporter { lang: language, sink: log };
        let opened = || -> Result<Profiles, RecordsError> {
            let key_store = Adapter::new(key_store).map_err(VaultError::from)?;
            let env = Env {
                clock: Arc::new(SystemClock),
                key_store: Arc::new(key_store),
                kdf: KdfParams::STANDARD,
                language,
            };
            Profiles::open(Path::new(root), env)
        };
        let profiles = opened().map_err(|error| reporter.error(error))?;
        Ok(Arc::new(Self { profiles, state: Mutex::default(), reporter, _alive: Alive::new() }))
    }

    /// The profiles on this phone, whoever is unlocked.
    ///
    /// # Errors
    /// [`AppError::Refused`] if the disk refused.
    pub fn profiles(&self) -> Result<Vec<ProfileEntry>, AppError> {
        self.profiles.list().map_err(|error| self.reporter.error(error))
    }

    /// Makes a profile, opens it and leaves it unlocked. The label must tell nothing of who or what.
    ///
    /// # Errors
    /// [`AppError::Refused`]: weak PIN, key store, disk.
    pub fn create_profile(&self, label: &str, pin: Vec<u8>) -> Result<ProfileEntry, AppError> {
        let pin = Zeroizing::new(pin);
        let made = self.profiles.create(label, self.pin(&pin)?);
        let profile = made.map_err(|error| self.reporter.error(error))?;
        let id = profile.id().to_owned();
        let before = self.state().enter(profile);
        before.as_ref().map(Profile::lock);
        let entry = self.profiles()?.into_iter().find(|entry| entry.id == id);
        entry.ok_or_else(|| self.reporter.error(RecordsError::NotFound("profile")))
    }

    /// Opens a profile and unlocks it with the PIN (digits as UTF-8 text, ASCII or Devanagari). Locks the one that was open.
    ///
    /// # Errors
    /// [`AppError::WrongPin`], [`AppError::LockedOut`], [`AppError::NotFound`], [`AppError::NewerSchema`],
    /// [`AppError::Damaged`], [`AppError::Refused`].
    pub fn unlock(&self, profile: &str, pin: Vec<u8>) -> Result<UnlockReport, AppError> {
        let pin = Zeroizing::new(pin);
        let profile = self.enter(profile)?;
        profile.unlock(self.pin(&pin)?).map_err(|error| self.reporter.error(error))
    }

    /// Locks the open profile: its keys leave memory. Form sessions stay on disk as drafts.
    pub fn lock(&self) {
        let current = self.state().current.clone();
        if let Some(profile) = current {
            profile.lock();
        }
    }

    /// Whether a profile is unlocked.
    pub fn is_unlocked(&self) -> bool {
        self.state().current.as_ref().is_some_and(Profile::is_unlocked)
    }

    /// Replaces the PIN.
    ///
    /// # Errors
    /// [`AppError::WrongPin`] for the old one, [`AppError::Refused`] for a weak new one.
    pub fn change_pin(&self, old: Vec<u8>, new: Vec<u8>) -> Result<(), AppError> {
        let (old, new) = (Zeroizing::new(old), Zeroizing::new(new));
        let (old, new) = (self.pin(&old)?, self.pin(&new)?);
        self.with(|profile| profile.change_pin(old, new))
    }

    /// Wrong PINs that remain before a profile is locked out. Opens it; locks another one that was open.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Damaged`].
    pub fn attempts_left(&self, profile: &str) -> Result<u32, AppError> {
        Ok(self.enter(profile)?.attempts_left())
    }

    /// This device's fingerprint, for two people to compare: digits in groups.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn fingerprint(&self) -> Result<String, AppError> {
        self.with(|profile| profile.fingerprint(profile.language()))
    }

    /// Answers an invite. The inviter then compares fingerprints and binds the device; the next sync brings its streams.
    ///
    /// # Errors
    /// [`AppError::Refused`] for a bad or used invite or a false hub, [`AppError::NoNetwork`].
    pub async fn enrol(&self, code: String) -> Result<Enrolled, AppError> {
        let profile = self.profile()?;
        let code = Zeroizing::new(code);
        let stop = Stop::new();
        let result = background::run(&stop, move || async move { profile.enrol(&code).await }).await;
        // Nobody stops it, so there is a result.
        let result = result.unwrap_or(Err(RecordsError::Internal("enrolment stopped")));
        result.map_err(|error| self.reporter.error(error))
    }

    /// The kinds of records, and which of them this post may start now.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn kinds(&self) -> Result<Vec<KindInfo>, AppError> {
        self.with(Profile::kinds)
    }

    /// A new, empty form.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Refused`] if this post may not keep such records.
    pub fn start(&self, kind: &str) -> Result<Arc<FormSession>, AppError> {
        self.session(|profile| profile.start(kind))
    }

    /// The form of a record, filled with what it says now.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Refused`] if this post may not change it.
    pub fn edit(&self, record: &str) -> Result<Arc<FormSession>, AppError> {
        self.session(|profile| profile.edit(record))
    }

    /// Form sessions that were not finished, the one touched last first.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn drafts(&self) -> Result<Vec<DraftInfo>, AppError> {
        self.with(Profile::drafts)
    }

    /// Goes on with a draft.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn resume(&self, draft: &str) -> Result<Arc<FormSession>, AppError> {
        self.session(|profile| profile.resume(draft))
    }

    /// Throws a draft away.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn discard(&self, draft: &str) -> Result<(), AppError> {
        self.with(|profile| profile.discard(draft))
    }

    /// Records, of one kind or of all.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn list(&self, kind: Option<String>) -> Result<Arc<RecordList>, AppError> {
        let (profile, reporter) = (self.profile()?, self.reporter.clone());
        Ok(Arc::new(RecordList { profile, kind, reporter, _alive: Alive::new() }))
    }

    /// One record, as far as it has come to this profile.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn show(&self, record: &str) -> Result<RecordView, AppError> {
        self.with(|profile| profile.show(record))
    }

    /// Cells with two values that wait for a decision of this post.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn conflicts(&self) -> Result<Vec<ConflictView>, AppError> {
        self.with(Profile::conflicts)
    }

    /// Settles a conflict.
    ///
    /// # Errors
    /// [`AppError::NotFound`] if it is settled already, [`AppError::Refused`], [`AppError::AnswerRefused`].
    pub fn resolve(&self, record: &str, field: &str, choice: &Choice) -> Result<(), AppError> {
        self.with(|profile| profile.resolve(record, field, choice))
    }

    /// A sync that has not begun. `budget`: most bytes of one reply, by the speed of the network (16 KiB on 2G to 1 MiB on
    /// Wi-Fi); 256 KiB if none is given.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    #[uniffi::method(default(budget = None))]
    pub fn sync(&self, budget: Option<u64>) -> Result<Arc<SyncRun>, AppError> {
        Ok(Arc::new(SyncRun::new(self.profile()?, budget, self.reporter.clone())))
    }

    /// Sends what waits while the profile is locked: sealed bytes only, and nothing is fetched.
    ///
    /// # Errors
    /// [`AppError::NoNetwork`], [`AppError::Refused`].
    pub async fn send_while_locked(&self) -> Result<LockedReport, AppError> {
        let profile = self.profile()?;
        let stop = Stop::new();
        let result = background::run(&stop, move || async move { profile.sync_frames_locked().await }).await;
        let result = result.unwrap_or(Err(RecordsError::Internal("sending stopped")));
        result.map_err(|error| self.reporter.error(error))
    }

    /// Where sending stands.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn status(&self) -> Result<SyncStatus, AppError> {
        self.with(Profile::status)
    }

    /// Tells an observer of changes, until the subscription is closed.
    ///
    /// # Errors
    /// [`AppError::Locked`] if no profile is open; a locked one will do.
    pub fn subscribe(&self, observer: Arc<dyn Observer>) -> Result<Arc<Subscription>, AppError> {
        Ok(Arc::new(Subscription::new(&self.profile()?, observer, self.reporter.clone())))
    }

    /// Words for where a record stands.
    pub fn place_words(&self, place: Place) -> String {
        text::place(place, self.reporter.lang).to_owned()
    }
}
