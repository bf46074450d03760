//! A stream's epochs: which key pairs there were, and how a reader gets at the private halves.
//!
//! Knows boxes and how they are bound to stream, epoch and reader. Refuses to know who is a reader; the stream's log says.
//! Invariant: epochs are numbered 1, 2, … in the order of their entries, and a key that is handed out fits the public half
//! of its epoch. Start at [`EpochKeys`].

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::bytes::Writer;
use crate::error::{Result, SyncError};
use crate::id::{DeviceId, StreamId};
use crate::keys::{BoxKey, Public, Random, SealedKey, seal_box};

use super::body::Epoch;
use super::entry::Entry;

/// Stands in the AAD of a previous box for the device id.
const PREVIOUS: [u8; 16] = [0xff; 16];

/// Private halves of epochs, by number.
#[derive(Clone, Debug, Default)]
pub struct EpochKeys(BTreeMap<u64, BoxKey>);

impl EpochKeys {
    /// No keys. Enough to open what is not sealed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub fn insert(&mut self, epoch: u64, key: BoxKey) {
        self.0.insert(epoch, key);
    }

    /// The key of an epoch.
    pub fn get(&self, epoch: u64) -> Option<&BoxKey> {
        self.0.get(&epoch)
    }

    /// All keys, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &BoxKey)> {
        self.0.iter().map(|(number, key)| (*number, key))
    }
}

/// One epoch with all boxes that its own entry and later wraps brought.
#[derive(Clone, Debug)]
pub(super) struct Held {
    index: u64,
    public: Public,
    previous: Option<SealedKey>,
    recovery: SealedKey,
    boxes: BTreeMap<DeviceId, Vec<SealedKey>>,
}

impl Held {
    pub(super) fn boxes_of(&self, device: &DeviceId) -> &[SealedKey] {
        self.boxes.get(device).map_or(&[], Vec::as_slice)
    }

    pub(super) fn recovery(&self) -> &SealedKey {
        &self.recovery
    }
}

#[derive(Clone, Debug)]
pub(super) struct Epochs {
    stream: StreamId,
    held: Vec<Held>,
}

impl Epochs {
    pub(super) fn new(stream: StreamId) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// Takes an epoch whose boxes are for readers only.
    pub(super) fn start(&mut self, entry: &Entry, epoch: &Epoch) -> Result<()> {
        if epoch.number != self.held.len() as u64 + 1 {
            return Err(entry.refuse("epochs are numbered without gaps"));
        }
        if epoch.previous.is_some() != (epoch.number > 1) {
            return Err(entry.refuse("each epoch but the first seals the one before"));
        }
        let mut boxes: BTreeMap<DeviceId, Vec<SealedKey>> = BTreeMap::new();
        for (device, sealed) in &epoch.boxes {
            boxes.entry(*device).or_default().push(*sealed);
        }
        let Epoch { public, previous, recovery, .. } = *epoch;
        self.held.push(Held { index: entry.index(), public, previous, recovery, boxes });
        Ok(())
    }

    /// Takes a wrap for a reader.
    pub(super) fn wrap(&mut self, entry: &Entry, number: u64, device: DeviceId, sealed: SealedKey) -> Result<()> {
        let epoch = place(number).and_then(|place| self.held.get_mut(place));
        let epoch = epoch.ok_or_else(|| entry.refuse("no such epoch"))?;
        epoch.boxes.entry(device).or_default().push(sealed);
        Ok(())
    }

    pub(super) fn at(&self, position: u64) -> u64 {
        self.held.partition_point(|epoch| epoch.index < position) as u64
    }

    pub(super) fn newest(&self) -> Option<(u64, Public)> {
        self.held.last().map(|epoch| (self.held.len() as u64, epoch.public))
    }

    pub(super) fn public(&self, number: u64) -> Option<Public> {
        self.held.get(place(number)?).map(|epoch| epoch.public)
    }

    pub(super) fn newest_has(&self, device: &DeviceId) -> bool {
        self.held.last().is_none_or(|epoch| epoch.boxes.contains_key(device))
    }

    /// Opens boxes from the newest epoch down, each also by the box in the epoch after it.
    pub(super) fn open<'a>(
        &'a self,
        key: &BoxKey,
        reader: &[u8; 16],
        own: impl Fn(&'a Held) -> &'a [SealedKey],
    ) -> EpochKeys {
        let mut keys = EpochKeys::new();
        let mut after: Option<(BoxKey, &SealedKey)> = None;
        for (number, epoch) in self.held.iter().enumerate().rev() {
            let number = number as u64 + 1;
            let info = wrap_info(&self.stream, number);
            let fits = |opened: Result<BoxKey>| opened.ok().filter(|key| key.public() == epoch.public);
            let back = after.take().and_then(|(next, sealed)| fits(open_key(&next, &info, &PREVIOUS, sealed)));
            let mut direct = own(epoch).iter().rev();
            let opened = back.or_else(|| direct.find_map(|sealed| fits(open_key(key, &info, reader, sealed))));
            if let Some(opened) = opened {
                after = epoch.previous.as_ref().map(|sealed| (opened.clone(), sealed));
                keys.insert(number, opened);
            }
        }
        keys
    }
}

/// Seals an epoch's private half to a reading device, or to recovery (`reader` all zero).
pub(super) fn seal_key(
    stream: &StreamId,
    epoch: u64,
    key: &BoxKey,
    to: &Public,
    reader: &[u8; 16],
    random: &mut dyn Random,
) -> Result<SealedKey> {
    let sealed = seal_box(to, &wrap_info(stream, epoch), reader, &*key.to_bytes(), random)?;
    sealed.try_into().map_err(|_| SyncError::SealBroken)
}

/// Seals the private half of `epoch` to the epoch after it.
pub(super) fn seal_previous(
    stream: &StreamId,
    epoch: u64,
    key: &BoxKey,
    next: &Public,
    random: &mut dyn Random,
) -> Result<SealedKey> {
    seal_key(stream, epoch, key, next, &PREVIOUS, random)
}

fn open_key(key: &BoxKey, info: &[u8], aad: &[u8], sealed: &SealedKey) -> Result<BoxKey> {
    let opened = key.open_box(info, aad, sealed)?;
    let secret: &[u8; 32] = opened.as_slice().try_into().map_err(|_| SyncError::SealBroken)?;
    BoxKey::from_bytes(&Zeroizing::new(*secret))
}

fn wrap_info(stream: &StreamId, epoch: u64) -> Vec<u8> {
    let mut info = Writer::new();
    info.raw(b"samanvay epoch wrap v1\0").raw(stream).varint(epoch);
    info.finish()
}

fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
