//! Telling a shell that something changed, not what.
//!
//! Invariant: no lock of the core is held while an observer runs, and a dropped subscription is never called again.
//! Start at [`Observer`].

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Changed {
    /// Records: lists and views.
    Records,
    /// Drafts.
    Drafts,
    /// What is sent and what waits.
    Sync,
    /// Membership: which kinds may be started.
    Membership,
    /// Locked or unlocked.
    Lock,
}

/// Called after a change; ask again for what is shown.
pub trait Observer: Send + Sync {
    /// Something of this sort changed. Called from any thread.
    fn changed(&self, what: Changed);
}

/// Keeps an observer registered; dropping it (and its clones) ends that.
#[derive(Clone)]
pub struct Subscription {
    _registered: Arc<Registered>,
}

struct Registered(Arc<dyn Observer>);

/// The observers of one profile.
#[derive(Default)]
pub(crate) struct Observers {
    list: Mutex<Vec<Weak<Registered>>>,
}

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) -> Subscription {
        let registered = Arc::new(Registered(observer));
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|known| known.strong_count() > 0);
        list.push(Arc::downgrade(&registered));
        Subscription { _registered: registered }
    }

    pub(crate) fn tell(&self, what: Changed) {
        let registered: Vec<_> = {
            let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter().filter_map(Weak::upgrade).collect()
        };
        for one in registered {
            one.0.changed(what);
        }
    }
}
