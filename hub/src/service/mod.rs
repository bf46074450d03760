//! What the hub does with a request's bytes.
//!
//! Knows the order of judging: who asks, may they, is it well made, then store, then answer. Refuses to know HTTP. Invariant:
//! an answer that says *stored* is made after the store said so. Start at [`Service::sync`], [`Service::append`],
//! [`Service::admin`] and [`Service::enrol`].

mod outgoing;
mod progress;
mod sync;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use samanvay_sync::SyncError;
use samanvay_sync::id::{Incarnation, LogId, SchemaId};
use samanvay_sync::invite::Enrolment;
use samanvay_sync::keys::{Public, SignKey, sha256};
use samanvay_sync::schema::Schema;
use samanvay_sync::wire::{AdminAct, AdminRequest, Append, Appended, Refusal, encode_list};

use crate::config::Clock;
use crate::counter::Counter;
use crate::figures::Figures;
use crate::log::{Line, LogSink};
use crate::members::{BadEntry, LoadError, Members};
use crate::store::{self, Enrolled, Store, StoreError};
use progress::Memory;

/// Requests of one device are worked on one after the other; devices share this many locks.
const STRIPES: usize = 64;
/// Most bytes of an answer to an admin, below the cap of a reply.
const ADMIN_REPLY: usize = 3 << 20;
/// How long the numbers of the open page are shown before they are added up anew, in milliseconds.
const OPEN_PAGE_AGE: u64 = 10_000;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// What a service is made of.
pub(crate) struct Parts {
    pub(crate) store: Box<dyn Store>,
    pub(crate) authority: Option<Public>,
    pub(crate) receipt_key: SignKey,
    pub(crate) schemas: HashMap<SchemaId, Schema>,
    pub(crate) show_small_cells: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<dyn LogSink>,
}

/// The hub without its network.
pub(crate) struct Service {
    parts: Parts,
    incarnation: Incarnation,
    members: RwLock<Members>,
    appending: Mutex<()>,
    devices: [Mutex<()>; STRIPES],
    progress: Memory,
    adding: Mutex<Adding>,
}

/// What the open page shows.
pub(crate) struct OpenPage {
    pub(crate) figures: Figures,
    /// Names for the district codes in it: those of the districts' open streams.
    pub(crate) districts: BTreeMap<String, String>,
}

#[derive(Default)]
struct Adding {
    counter: Counter,
    /// What was shown last, and since when.
    shown: Option<(u64, Arc<OpenPage>)>,
}

impl Service {
    /// Reads the logs of the store.
    pub(crate) fn new(parts: Parts) -> std::result::Result<Self, LoadError> {
        let members = Members::load(&*parts.store, parts.authority.as_ref())?;
        let incarnation = parts.store.incarnation().map_err(LoadError::Store)?;
        Ok(Self {
            parts,
            incarnation,
            members: RwLock::new(members),
            appending: Mutex::default(),
            devices: [const { Mutex::new(()) }; STRIPES],
            progress: Memory::default(),
            adding: Mutex::default(),
        })
    }

    /// Hub time, unix milliseconds.
    pub(crate) fn now(&self) -> u64 {
        self.parts.clock.now()
    }

    pub(crate) fn log(&self) -> &dyn LogSink {
        &*self.parts.log
    }

    fn store(&self) -> &dyn Store {
        &*self.parts.store
    }

    fn members(&self) -> RwLockReadGuard<'_, Members> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `POST /v1/log`.
    pub(crate) fn append(&self, body: &[u8]) -> Result<Vec<u8>> {
        let append = Append::decode(body).map_err(|_| Refusal::Malformed)?;
        // One append at a time, so that the log cannot grow between the check and the store.
        let _alone = self.appending.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = {
            let members = self.members();
            let length = members.len(append.log);
            if length != append.length {
                return Err(Refusal::LogMoved { length }.into());
            }
            if append.entries.is_empty() {
                return Ok(Appended { length }.to_json().into_bytes());
            }
            let authority = self.parts.authority.as_ref();
            let bad = |bad: BadEntry| Refusal::BadEntry { index: bad.index };
            members.grow(authority, append.log, &append.entries).map_err(bad)?
        };
        match self.store().append(append.log, append.length, &append.entries)? {
            store::Appended::Moved(length) => Err(Refusal::LogMoved { length }.into()),
            store::Appended::Length(length) => {
                Line::new("log").id("log", &append.log.0).count("entries", append.entries.len()).to(self.log());
                let bound = grown.bound();
                self.members.write().unwrap_or_else(PoisonError::into_inner).put(grown);
                for (unit, post, card) in bound {
                    self.store().settle(unit, post, card)?;
                }
                Ok(Appended { length }.to_json().into_bytes())
            }
        }
    }

    /// `POST /v1/admin`.
    pub(crate) fn admin(&self, body: &[u8]) -> Result<Vec<u8>> {
        let request = AdminRequest::decode(body).map_err(|error| unreadable(&error))?;
        let authority = self.parts.authority.as_ref().ok_or(Refusal::BadSignature)?;
        request.verify(authority).map_err(|_| Refusal::BadSignature)?;
        match request.act {
            AdminAct::ReadLog { log, from } => self.read_log(&request, log, from),
            AdminAct::PendingEnrolments => self.pending(&request),
        }
    }

    /// Entries of a log of the admin's district. A log that does not exist and one of another district look the same.
    fn read_log(&self, request: &AdminRequest, log: LogId, from: u64) -> Result<Vec<u8>> {
        let covered = self.members().district(log).is_some_and(|district| request.card.covers(district));
        if !covered || i64::try_from(from).is_err() {
            return Ok(encode_list(&[]));
        }
        // What does not fit is asked for with a higher `from`.
        Ok(encode_list(&that_fit(self.store().log(log, from)?)))
    }

    /// Enrolments that wait to be bound, newest first.
    fn pending(&self, request: &AdminRequest) -> Result<Vec<u8>> {
        let district = request.card.district();
        let all = self.store().enrolments((district != 0).then_some(district.into()))?;
        let members = self.members();
        let waits = |enrolment: &store::Enrolment| {
            // What is stored was decoded before it was stored.
            Enrolment::decode(&enrolment.message)
                .is_ok_and(|message| !members.is_bound(&enrolment.unit, &enrolment.post, message.card()))
        };
        let waiting = all.into_iter().filter(waits);
        Ok(encode_list(&that_fit(waiting.map(|enrolment| enrolment.message).collect())))
    }

    /// `POST /v1/enrol`.
    pub(crate) fn enrol(&self, body: &[u8]) -> Result<Vec<u8>> {
        let enrolment = Enrolment::decode(body).map_err(|error| match error {
            SyncError::BadSignature => Refusal::BadInvite,
            _ => Refusal::Malformed,
        })?;
        let authority = self.parts.authority.as_ref().ok_or(Refusal::BadInvite)?;
        enrolment.verify(authority).map_err(|_| Refusal::BadInvite)?;
        let invite = enrolment.invite();
        let unit = invite.offer().unit;
        let district = self.members().district(LogId::from(unit));
        let district = district.filter(|district| invite.admin().covers(*district)).ok_or(Refusal::BadInvite)?;
        let kept = self.store().enrol(store::Enrolment {
            invite: invite.id(),
            unit,
            post: invite.offer().post,
            district: district.into(),
            card: sha256(&[&enrolment.card().encode()]),
            message: body.to_vec(),
        })?;
        match kept {
            Enrolled::New | Enrolled::Again => Ok(b"{}".to_vec()),
            Enrolled::Used => Err(Refusal::InviteUsed.into()),
        }
    }

    /// The open page, at most some seconds old.
    pub(crate) fn open(&self) -> Result<Arc<OpenPage>> {
        let mut adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let Adding { counter, shown } = &mut *adding;
        let now = self.now();
        if let Some((since, page)) = shown
            && (*since..since.saturating_add(OPEN_PAGE_AGE)).contains(&now)
        {
            return Ok(Arc::clone(page));
        }
        let mut streams = HashMap::new();
        let mut districts = BTreeMap::new();
        for log in self.members().open_streams() {
            streams.insert(log.id(), log.district());
            if let Some(info) = log.info() {
                districts.insert(info.district.to_string(), info.name.clone());
            }
        }
        // The logs stay free for appends while streams are read.
        let share = |stream: &_, one: &_, other: &_| self.members().share_a_unit(stream, one, other);
        let sums = counter.sums(self.store(), &streams, &self.parts.schemas, &share)?;
        let page = Arc::new(OpenPage { figures: Figures::of(sums, self.parts.show_small_cells), districts });
        *shown = Some((now, Arc::clone(&page)));
        Ok(page)
    }
}

fn unreadable(error: &SyncError) -> Refusal {
    match error {
        SyncError::BadSignature => Refusal::BadSignature,
        _ => Refusal::Malformed,
    }
}

/// As many items from the start as fit into a reply.
fn that_fit(items: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut bytes = 0usize;
    let fits = |item: &Vec<u8>| {
        bytes = bytes.saturating_add(item.len() + 4);
        bytes <= ADMIN_REPLY
    };
    items.into_iter().take_while(fits).collect()
}
