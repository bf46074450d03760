//! Counts the objects that foreign code holds, so that a leak can be seen. Start at [`live_objects`].

use std::sync::atomic::{AtomicU32, Ordering};

static LIVE: AtomicU32 = AtomicU32::new(0);

/// How many objects of this library exist in this process. For tests and for looking into leaks: 0 once everything is closed.
#[uniffi::export]
pub fn live_objects() -> u32 {
    LIVE.load(Ordering::Acquire)
}

/// A part of every object.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::AcqRel);
    }
}
