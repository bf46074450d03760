//! What both kinds of log have in common: the hash chain and the admins.
//!
//! Knows order, hashes and who may sign. Refuses to know what entries mean. Invariant: every admin in the set is certified
//! by the pinned authority for the log's district. Start at [`Chain::check`].

use std::collections::BTreeSet;

use crate::error::{Result, SyncError};
use crate::id::{Hash, LogId};
use crate::keys::{AdminCard, Public, SignKey};

use super::body::Body;
use super::entry::Entry;

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is the log's newest entry.
    New,
    /// The log held it already, byte for byte.
    Held,
}

#[derive(Clone, Debug)]
pub(super) struct Chain {
    id: LogId,
    authority: Public,
    district: u32,
    admins: BTreeSet<Public>,
    hashes: Vec<Hash>,
}

impl Chain {
    pub(super) fn new(id: LogId, authority: Public) -> Self {
        Self { id, authority, district: 0, admins: BTreeSet::new(), hashes: Vec::new() }
    }

    pub(super) fn id(&self) -> LogId {
        self.id
    }

    pub(super) fn authority(&self) -> &Public {
        &self.authority
    }

    pub(super) fn district(&self) -> u32 {
        self.district
    }

    pub(super) fn is_admin(&self, admin: &Public) -> bool {
        self.admins.contains(admin)
    }

    pub(super) fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Hash of the last entry of the first `length`; zero for none; `None` if the log is shorter.
    pub(super) fn head_at(&self, length: u64) -> Option<Hash> {
        match length.checked_sub(1) {
            None => Some(Hash::default()),
            Some(last) => self.hashes.get(usize::try_from(last).ok()?).copied(),
        }
    }

    pub(super) fn head(&self) -> Hash {
        self.hashes.last().copied().unwrap_or_default()
    }

    /// The next entry, signed.
    pub(super) fn draft(&self, time: u64, body: Body, keys: &[&SignKey]) -> Result<Entry> {
        Entry::sign(self.id, self.len(), self.head(), time, body, keys)
    }

    /// Checks an entry's place, signers and signatures. The caller judges the body, then calls [`Chain::push`].
    pub(super) fn check(&self, entry: &Entry) -> Result<Appended> {
        if entry.log() != self.id {
            return Err(entry.refuse("entry of another log"));
        }
        if entry.index() < self.len() {
            return if self.head_at(entry.index() + 1) == Some(entry.hash()) {
                Ok(Appended::Held)
            } else {
                Err(entry.refuse("another entry stands here"))
            };
        }
        if entry.index() > self.len() {
            return Err(entry.refuse("entries before it are missing"));
        }
        if entry.prev() != self.head() {
            return Err(entry.refuse("does not follow the entry before"));
        }
        match (entry.body(), self.hashes.is_empty()) {
            (Body::UnitGenesis { admin, .. } | Body::StreamGenesis { admin, .. }, true) => {
                check_signers(entry, |key| key == admin.admin())?;
            }
            (Body::UnitGenesis { .. } | Body::StreamGenesis { .. }, false) => {
                return Err(entry.refuse("second genesis"));
            }
            (Body::Unknown { .. }, true) => return Err(SyncError::Newer),
            (_, true) => return Err(entry.refuse("a log begins with its genesis")),
            (_, false) => check_signers(entry, |key| self.admins.contains(key))?,
        }
        if let Body::Unknown { .. } = entry.body() {
            return Err(SyncError::Newer);
        }
        Ok(Appended::New)
    }

    /// Checks that the authority certified an admin for a district.
    pub(super) fn certified(&self, entry: &Entry, card: &AdminCard, district: u32) -> Result<()> {
        if card.verify(&self.authority).is_err() {
            return Err(entry.refuse("admin is not certified by the authority"));
        }
        if !card.covers(district) {
            return Err(entry.refuse("admin of another district"));
        }
        Ok(())
    }

    /// Takes a genesis whose card [`Chain::certified`] accepted.
    pub(super) fn found(&mut self, card: &AdminCard, district: u32) {
        self.district = district;
        self.admins.insert(*card.admin());
    }

    /// Adds an admin whose card the authority must have signed for this log's district.
    pub(super) fn add_admin(&mut self, entry: &Entry, card: &AdminCard) -> Result<()> {
        self.certified(entry, card, self.district)?;
        self.admins.insert(*card.admin());
        Ok(())
    }

    /// Takes an entry that was checked and judged.
    pub(super) fn push(&mut self, entry: &Entry) {
        self.hashes.push(entry.hash());
    }
}

fn check_signers(entry: &Entry, known: impl Fn(&Public) -> bool) -> Result<()> {
    if !entry.signers().all(known) {
        return Err(entry.refuse("signer is not an admin of this log"));
    }
    entry.verify()
}
