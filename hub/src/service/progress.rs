//! What replies must remember between requests, because a request does not say it. In memory only.
//!
//! Knows how far a stream was given anew after a rollback, and how far a unit's log was sent ahead of the entry that needs it.
//! Invariant: whatever is forgotten here, by a restart or for want of room, costs bytes and nothing else. Start at
//! [`Memory::get`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use samanvay_sync::id::{DeviceId, StreamId};

/// Most devices and streams remembered.
const MOST: usize = 4096;

/// One device in one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// After the device named a longer log than the hub's: up to where the stream was given anew.
    pub(super) replayed: Option<u64>,
    /// The index of a `unit at` entry that is too large for one reply with what it needs, and how many entries of the
    /// unit's log went ahead.
    pub(super) ahead: Option<(u64, u64)>,
}

/// The progress of all.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<(DeviceId, StreamId), Progress>>);

impl Memory {
    pub(super) fn get(&self, device: DeviceId, stream: StreamId) -> Progress {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&(device, stream)).copied().unwrap_or_default()
    }

    pub(super) fn put(&self, device: DeviceId, stream: StreamId, progress: Progress) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if progress == Progress::default() {
            held.remove(&(device, stream));
            return;
        }
        if held.len() >= MOST {
            held.clear();
        }
        held.insert((device, stream), progress);
    }
}
