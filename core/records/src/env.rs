//! What a profile needs from outside: time, the platform's key store, key-derivation costs, a language.
//!
//! Knows no rule. Invariant: nothing in this crate reads a clock but through [`Clock`]. Start at [`Env`].

use std::sync::Arc;

use chrono::{Local, Offset as _, Utc};
use samanvay_vault::{KdfParams, KeyStore};

use crate::text::Lang;

/// An instant as a clock on the wall tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Unix milliseconds.
    pub millis: i64,
    /// Offset from UTC in minutes, east positive (India: 330).
    pub offset_minutes: i32,
}

impl Moment {
    /// Unix seconds, rounded down.
    pub fn seconds(self) -> i64 {
        self.millis.div_euclid(1000)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present instant. May be wrong by years: nothing that is kept depends on it.
    fn now(&self) -> Moment;
}

/// The machine's clock and time zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let now = Utc::now();
        let offset = now.with_timezone(&Local).offset().fix().local_minus_utc();
        Moment { millis: now.timestamp_millis(), offset_minutes: offset / 60 }
    }
}

/// Everything that a profile takes from its surroundings.
#[derive(Clone)]
pub struct Env {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The platform's keys.
    pub key_store: Arc<dyn KeyStore>,
    /// Cost of turning a PIN into a key, for new profiles and changed PINs.
    pub kdf: KdfParams,
    /// Language of texts.
    pub language: Lang,
}
