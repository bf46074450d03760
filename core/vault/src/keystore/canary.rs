//! The switch of the canary's counter-proof, never part of a product.
//!
//! The canary test looks for planted names in every file of a profile, and must find none. A search that cannot find proves
//! nothing, so the same day is played again with sealing stopped, and must then find every name. Two locks keep it out of a
//! product: the feature `canary-unsealed`, which only the drivers in `tests/` turn on, and this switch, which only they
//! call. There is no way back within a process. Start at [`stop_sealing`].

use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on this process leaves outbox, ring, state and database of the profiles that it makes in clear. Key slots stay
/// sealed. Profiles made before cannot be opened any more.
pub fn stop_sealing() {
    STOPPED.store(true, Ordering::SeqCst);
}

pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}
