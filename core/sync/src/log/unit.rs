//! A unit's log: its posts and which devices hold them.
//!
//! Knows posts and bindings at any length. Refuses to know streams and rights. Invariant: a device is bound to at most one
//! post of the unit at any length. Start at [`UnitLog::append`].

use std::collections::BTreeMap;

use crate::error::Result;
use crate::id::{DeviceId, Hash, PostId, UnitId};
use crate::keys::{Card, Public, SignKey, nfc};

use super::body::{Body, PostRole, UnitKind};
use super::chain::{Appended, Chain};
use super::entry::Entry;

/// What a unit's genesis says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitInfo {
    /// LGD code.
    pub district: u32,
    /// What the unit is.
    pub kind: UnitKind,
    /// As shown.
    pub name: String,
}

/// A post of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// What its holder does.
    pub role: PostRole,
    /// As shown.
    pub name: String,
}

/// A change of one device's binding, made by the entry at `index`.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) index: u64,
    pub(super) device: DeviceId,
    /// The post it holds from then on, with the card it was bound by; `None` once removed.
    pub(super) holds: Option<(PostId, Card)>,
}

/// A unit's membership log, as far as its entries have been appended.
#[derive(Clone, Debug)]
pub struct UnitLog {
    chain: Chain,
    info: Option<UnitInfo>,
    posts: BTreeMap<PostId, Post>,
    bindings: Vec<Binding>,
}

impl UnitLog {
    /// An empty log, rooted in the pinned authority.
    pub fn new(id: UnitId, authority: Public) -> Self {
        Self { chain: Chain::new(id.into(), authority), info: None, posts: BTreeMap::new(), bindings: Vec::new() }
    }

    /// Checks an entry and takes it.
    ///
    /// # Errors
    /// [`crate::SyncError::BadEntry`] with the rule it breaks, [`crate::SyncError::BadSignature`], or
    /// [`crate::SyncError::Newer`] where the log goes on in a way this version does not know. The log is then as before.
    pub fn append(&mut self, entry: &Entry) -> Result<Appended> {
        if self.chain.check(entry)? == Appended::Held {
            return Ok(Appended::Held);
        }
        match entry.body() {
            Body::UnitGenesis { admin, district, kind, name } => {
                self.chain.certified(entry, admin, *district)?;
                self.chain.found(admin, *district);
                self.info = Some(UnitInfo { district: *district, kind: *kind, name: name.clone() });
            }
            Body::AdminAdd(card) => self.chain.add_admin(entry, card)?,
            Body::Post { post, role, name } => {
                self.posts.insert(*post, Post { role: *role, name: name.clone() });
            }
            Body::Bind { post, card } => {
                if !self.posts.contains_key(post) {
                    return Err(entry.refuse("no such post"));
                }
                let holds = Some((*post, card.clone()));
                self.bindings.push(Binding { index: entry.index(), device: card.device_id(), holds });
            }
            Body::Remove { device, .. } => {
                if self.bound(device, self.len()).is_none() {
                    return Err(entry.refuse("device is not bound"));
                }
                self.bindings.push(Binding { index: entry.index(), device: *device, holds: None });
            }
            _ => return Err(entry.refuse("this kind has no place in a unit's log")),
        }
        self.chain.push(entry);
        Ok(Appended::New)
    }

    /// The next entry of this log, signed by its admins. It still has to be appended, here and at the hub.
    ///
    /// # Errors
    /// As [`Entry::sign`].
    pub fn draft(&self, time: u64, body: Body, keys: &[&SignKey]) -> Result<Entry> {
        self.chain.draft(time, body, keys)
    }

    /// The unit.
    pub fn id(&self) -> UnitId {
        UnitId(self.chain.id().0)
    }

    /// The authority that the log is rooted in.
    pub fn authority(&self) -> &Public {
        self.chain.authority()
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.chain.len()
    }

    /// Whether there is no entry yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hash of the last entry, zero if there is none.
    pub fn head(&self) -> Hash {
        self.chain.head()
    }

    /// Hash of the last of the first `length` entries; `None` if the log is shorter.
    pub fn head_at(&self, length: u64) -> Option<Hash> {
        self.chain.head_at(length)
    }

    /// What the genesis says; `None` while empty.
    pub fn info(&self) -> Option<&UnitInfo> {
        self.info.as_ref()
    }

    /// Whether this key signs entries of the log.
    pub fn is_admin(&self, admin: &Public) -> bool {
        self.chain.is_admin(admin)
    }

    /// The unit's posts.
    pub fn posts(&self) -> impl Iterator<Item = (PostId, &Post)> {
        self.posts.iter().map(|(id, post)| (*id, post))
    }

    /// The post that a device holds within the first `length` entries, and its card.
    pub fn bound(&self, device: &DeviceId, length: u64) -> Option<(PostId, &Card)> {
        let last = self.bindings.iter().rev().find(|binding| binding.index < length && binding.device == *device)?;
        last.holds.as_ref().map(|(post, card)| (*post, card))
    }

    /// Every device that is bound now, with its post and card, by device id.
    pub fn devices(&self) -> Vec<(DeviceId, PostId, &Card)> {
        let mut now = BTreeMap::new();
        for binding in &self.bindings {
            now.insert(binding.device, binding.holds.as_ref());
        }
        now.into_iter().filter_map(|(device, holds)| holds.map(|(post, card)| (device, *post, card))).collect()
    }

    /// Changes of bindings by the entries from `from` up to `to`.
    pub(super) fn bindings_between(&self, from: u64, to: u64) -> impl Iterator<Item = &Binding> {
        let start = self.bindings.partition_point(|binding| binding.index < from);
        self.bindings.iter().skip(start).take_while(move |binding| binding.index < to)
    }
}

impl Body {
    /// Starts a unit's log.
    pub fn unit_genesis(admin: &crate::keys::AdminCard, district: u32, kind: UnitKind, name: &str) -> Self {
        Self::UnitGenesis { admin: admin.clone(), district, kind, name: nfc(name) }
    }

    /// Makes a post, or renames it.
    pub fn post(post: PostId, role: PostRole, name: &str) -> Self {
        Self::Post { post, role, name: nfc(name) }
    }
}
