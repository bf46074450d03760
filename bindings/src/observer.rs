//! Being told of changes.
//!
//! Invariant: after `cancel`, or once it is dropped, a subscription calls nobody any more; an observer that throws disturbs
//! nobody. Start at [`Observer`].

use std::sync::{Arc, Mutex, PoisonError};

use samanvay_records::{Profile, observer as core};

use crate::alive::Alive;
use crate::error::CallbackFailed;
use crate::log::Reporter;

/// Called after a change; ask again for what is shown.
#[uniffi::export(with_foreign)]
pub trait Observer: Send + Sync {
    /// Something of this sort changed. Called from any thread, also from within the call that changed it, whose form session
    /// must not be called from here: note it, and read later.
    ///
    /// # Errors
    /// [`CallbackFailed`] if the observer failed; it is noted in the log.
    fn changed(&self, kind: core::Changed) -> Result<(), CallbackFailed>;
}

/// Keeps an observer registered with the profile that was open when it was made, also while that is locked.
#[derive(uniffi::Object)]
pub struct Subscription {
    registered: Mutex<Option<core::Subscription>>,
    _alive: Alive,
}

impl Subscription {
    pub(crate) fn new(profile: &Profile, observer: Arc<dyn Observer>, reporter: Reporter) -> Self {
        let registered = profile.observe(Arc::new(Bridge { observer, reporter }));
        Self { registered: Mutex::new(Some(registered)), _alive: Alive::new() }
    }
}

#[uniffi::export]
impl Subscription {
    /// Ends it, as closing it does.
    pub fn cancel(&self) {
        *self.registered.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Bridge {
    observer: Arc<dyn Observer>,
    reporter: Reporter,
}

impl core::Observer for Bridge {
    fn changed(&self, what: core::Changed) {
        if self.observer.changed(what).is_err() {
            self.reporter.log("observer failed");
        }
    }
}
