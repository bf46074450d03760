//! A stream's log: its members, clearance and epochs at any position.
//!
//! Knows rights by post and, through the units' logs that it names, by device. Refuses to know segments. Invariant: what it
//! answers for a position depends on the entries below that position only, so it never changes as the log grows.
//! Start at [`StreamLog::append`] and [`StreamLog::rights`].

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use crate::error::{Result, SyncError};
use crate::id::{DeviceId, Hash, PostId, StreamId, UnitId};
use crate::keys::{BoxKey, Card, Public, SignKey};
use crate::schema::Clearance;

use super::body::{Body, Purpose, Rights};
use super::chain::{Appended, Chain};
use super::entry::Entry;
use super::epochs::{EpochKeys, Epochs};
use super::unit::UnitLog;

/// The units' logs that a stream's log may name.
pub trait UnitLogs {
    /// The unit's log, as far as it is held.
    fn unit(&self, id: &UnitId) -> Option<&UnitLog>;
}

impl UnitLogs for BTreeMap<UnitId, UnitLog> {
    fn unit(&self, id: &UnitId) -> Option<&UnitLog> {
        self.get(id)
    }
}

impl<S: BuildHasher> UnitLogs for HashMap<UnitId, UnitLog, S> {
    fn unit(&self, id: &UnitId) -> Option<&UnitLog> {
        self.get(id)
    }
}

/// What a stream's genesis says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// LGD code; 0 for the whole state.
    pub district: u32,
    /// What the stream is for.
    pub purpose: Purpose,
    /// As shown.
    pub name: String,
    /// The state's recovery key.
    pub recovery: Public,
}

/// A device with rights in a stream, through one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDevice<'a> {
    /// The device.
    pub device: DeviceId,
    /// The unit that bound it.
    pub unit: UnitId,
    /// The post it holds there.
    pub post: PostId,
    /// What the post may do.
    pub rights: Rights,
    /// The card it was bound by.
    pub card: &'a Card,
}

/// A change of a device's binding, in force from the stream's entry `index` on.
#[derive(Clone, Debug)]
struct Binding {
    index: u64,
    unit: UnitId,
    holds: Option<(PostId, Card)>,
}

/// A stream's membership log, as far as its entries have been appended.
#[derive(Clone, Debug)]
pub struct StreamLog {
    chain: Chain,
    info: Option<StreamInfo>,
    clearances: Vec<(u64, Clearance)>,
    units: BTreeMap<UnitId, u64>,
    bindings: BTreeMap<DeviceId, Vec<Binding>>,
    members: BTreeMap<(UnitId, PostId), Vec<(u64, Rights)>>,
    pub(super) epochs: Epochs,
}

impl StreamLog {
    /// An empty log, rooted in the pinned authority.
    pub fn new(id: StreamId, authority: Public) -> Self {
        Self {
            chain: Chain::new(id.into(), authority),
            info: None,
            clearances: Vec::new(),
            units: BTreeMap::new(),
            bindings: BTreeMap::new(),
            members: BTreeMap::new(),
            epochs: Epochs::new(id),
        }
    }

    /// Checks an entry and takes it.
    ///
    /// # Errors
    /// [`SyncError::BadEntry`] with the rule it breaks, [`SyncError::BadSignature`], [`SyncError::UnitBehind`] if a unit's
    /// log must be fetched first, or [`SyncError::Newer`] where the log goes on in a way this version does not know. The
    /// log is then as before.
    pub fn append(&mut self, entry: &Entry, units: &impl UnitLogs) -> Result<Appended> {
        if self.chain.check(entry)? == Appended::Held {
            return Ok(Appended::Held);
        }
        match entry.body() {
            Body::StreamGenesis { .. } => self.take_genesis(entry)?,
            Body::AdminAdd(card) => self.chain.add_admin(entry, card)?,
            Body::UnitAt { unit, length, head } => self.take_unit_at(entry, *unit, *length, *head, units)?,
            Body::Member { unit, post, rights } => {
                self.members.entry((*unit, *post)).or_default().push((entry.index(), *rights));
            }
            Body::Epoch(_) | Body::Wrap { .. } if self.is_open() => {
                return Err(entry.refuse("an open stream has no epochs"));
            }
            Body::Epoch(epoch) => {
                if !epoch.boxes.iter().all(|(device, _)| self.rights(device, entry.index()).reads()) {
                    return Err(entry.refuse("box for a device that does not read"));
                }
                self.epochs.start(entry, epoch)?;
            }
            Body::Wrap { epoch, device, sealed } => {
                if !self.rights(device, entry.index()).reads() {
                    return Err(entry.refuse("box for a device that does not read"));
                }
                self.epochs.wrap(entry, *epoch, *device, *sealed)?;
            }
            Body::Clearance(clearance) => {
                if self.is_open() && *clearance != Clearance::OPEN {
                    return Err(entry.refuse("an open stream's clearance is A"));
                }
                self.clearances.push((entry.index(), *clearance));
            }
            _ => return Err(entry.refuse("this kind has no place in a stream's log")),
        }
        self.chain.push(entry);
        Ok(Appended::New)
    }

    fn take_genesis(&mut self, entry: &Entry) -> Result<()> {
        let Body::StreamGenesis { admin, district, clearance, purpose, name, recovery } = entry.body() else {
            return Err(entry.refuse("a log begins with its genesis"));
        };
        self.chain.certified(entry, admin, *district)?;
        if *purpose == Purpose::Open && *clearance != Clearance::OPEN {
            return Err(entry.refuse("an open stream's clearance is A"));
        }
        self.chain.found(admin, *district);
        self.clearances.push((entry.index(), *clearance));
        self.info =
            Some(StreamInfo { district: *district, purpose: *purpose, name: name.clone(), recovery: *recovery });
        Ok(())
    }

    fn take_unit_at(
        &mut self,
        entry: &Entry,
        id: UnitId,
        length: u64,
        head: Hash,
        units: &impl UnitLogs,
    ) -> Result<()> {
        let counted = self.units.get(&id).copied().unwrap_or(0);
        if length < counted.max(1) {
            return Err(entry.refuse("the length of a unit's log never falls"));
        }
        let behind = || SyncError::UnitBehind { unit: id.hex(), length };
        let unit = units.unit(&id).ok_or_else(behind)?;
        if unit.id() != id || unit.authority() != self.chain.authority() {
            return Err(entry.refuse("unit of another authority"));
        }
        if unit.head_at(length).ok_or_else(behind)? != head {
            return Err(entry.refuse("unit's log has another entry there"));
        }
        for binding in unit.bindings_between(counted, length) {
            let holds = binding.holds.clone();
            self.bindings.entry(binding.device).or_default().push(Binding { index: entry.index(), unit: id, holds });
        }
        self.units.insert(id, length);
        Ok(())
    }

    /// The next entry of this log, signed by its admins. It still has to be appended, here and at the hub.
    ///
    /// # Errors
    /// As [`Entry::sign`].
    pub fn draft(&self, time: u64, body: Body, keys: &[&SignKey]) -> Result<Entry> {
        self.chain.draft(time, body, keys)
    }

    /// The stream.
    pub fn id(&self) -> StreamId {
        StreamId(self.chain.id().0)
    }

    /// Number of entries: the position that a segment written now names.
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

    /// What the genesis says; `None` while empty.
    pub fn info(&self) -> Option<&StreamInfo> {
        self.info.as_ref()
    }

    /// LGD code of the stream's district, 0 for the whole state.
    pub fn district(&self) -> u32 {
        self.chain.district()
    }

    /// Whether this key signs entries of the log.
    pub fn is_admin(&self, admin: &Public) -> bool {
        self.chain.is_admin(admin)
    }

    /// Whether the stream is signed and not sealed.
    pub fn is_open(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.purpose == Purpose::Open)
    }

    /// The units named so far, each with the length of its log that counts.
    pub fn units(&self) -> impl Iterator<Item = (UnitId, u64)> {
        self.units.iter().map(|(id, length)| (*id, *length))
    }

    /// The stream's clearance at a position; `None` at 0.
    pub fn clearance_at(&self, position: u64) -> Option<Clearance> {
        last_below(&self.clearances, position)
    }

    /// What a device may do at a position. No rights for who is not a member.
    pub fn rights(&self, device: &DeviceId, position: u64) -> Rights {
        self.memberships(device, position).fold(Rights::NONE, |sum, member| sum.or(member.rights))
    }

    /// The card that a device was bound by at a position; `None` if it is not bound there.
    pub fn card(&self, device: &DeviceId, position: u64) -> Option<&Card> {
        self.memberships(device, position).next().map(|member| member.card)
    }

    /// Every device that has rights at a position, once for each unit that gives it some.
    pub fn members_at(&self, position: u64) -> Vec<MemberDevice<'_>> {
        let all = self.bindings.keys().flat_map(|device| self.memberships(device, position));
        all.filter(|member| member.rights != Rights::NONE).collect()
    }

    /// Every device that reads at a position.
    pub fn readers_at(&self, position: u64) -> BTreeMap<DeviceId, &Card> {
        let members = self.members_at(position).into_iter().filter(|member| member.rights.reads());
        members.map(|member| (member.device, member.card)).collect()
    }

    /// The newest epoch at a position, 0 if there is none.
    pub fn epoch_at(&self, position: u64) -> u64 {
        self.epochs.at(position)
    }

    /// Number and public half of the newest epoch.
    pub fn newest_epoch(&self) -> Option<(u64, Public)> {
        self.epochs.newest()
    }

    /// The private halves of all epochs that a device can reach: by its own boxes, and back from each.
    pub fn epoch_keys(&self, key: &BoxKey, device: &DeviceId) -> EpochKeys {
        self.epochs.open(key, &device.0, |epoch| epoch.boxes_of(device))
    }

    /// The private halves of all epochs, by the state's recovery key.
    pub fn recovery_keys(&self, key: &BoxKey) -> EpochKeys {
        self.epochs.open(key, &[0; 16], |epoch| std::slice::from_ref(epoch.recovery()))
    }

    /// Posts that a device holds at a position, newest binding first, one for each unit.
    pub fn memberships<'a>(&'a self, device: &DeviceId, position: u64) -> impl Iterator<Item = MemberDevice<'a>> + 'a {
        let device = *device;
        let bindings = self.bindings.get(&device).map_or(&[][..], Vec::as_slice);
        let below = bindings.partition_point(|binding| binding.index < position);
        let mut seen = Vec::new();
        bindings.iter().take(below).rev().filter_map(move |binding| {
            if seen.contains(&binding.unit) {
                return None;
            }
            seen.push(binding.unit);
            let (post, card) = binding.holds.as_ref()?;
            let (unit, post) = (binding.unit, *post);
            let rights = self.members.get(&(unit, post)).and_then(|changes| last_below(changes, position));
            Some(MemberDevice { device, unit, post, rights: rights.unwrap_or_default(), card })
        })
    }
}

/// The last change made by an entry below `position`; changes are in order.
fn last_below<T: Copy>(changes: &[(u64, T)], position: u64) -> Option<T> {
    let below = changes.partition_point(|(index, _)| *index < position);
    changes.get(below.checked_sub(1)?).map(|(_, value)| *value)
}
