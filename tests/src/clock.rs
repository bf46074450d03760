//! The story's clock: it stands still until the story moves it, for every device and the hub alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use samanvay_records::env::{Clock, Moment};

use crate::error::{Failure, Result};

/// A clock that the driver moves. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct StoryClock {
    millis: Arc<AtomicI64>,
    offset_minutes: i32,
}

impl StoryClock {
    /// A clock at an instant such as `2026-07-09T08:00:00+05:30`, which also says the time zone.
    ///
    /// # Errors
    /// [`Failure::Data`] if the text is no instant.
    pub fn at(instant: &str) -> Result<Self> {
        let at = parse(instant)?;
        let millis = Arc::new(AtomicI64::new(at.timestamp_millis()));
        Ok(Self { millis, offset_minutes: at.offset().local_minus_utc() / 60 })
    }

    /// Moves it.
    ///
    /// # Errors
    /// As [`StoryClock::at`].
    pub fn move_to(&self, instant: &str) -> Result<()> {
        self.millis.store(parse(instant)?.timestamp_millis(), Ordering::SeqCst);
        Ok(())
    }

    /// Moves it on.
    pub fn pass(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Moment {
        Moment { millis: self.millis.load(Ordering::SeqCst), offset_minutes: self.offset_minutes }
    }
}

impl samanvay_hub::Clock for StoryClock {
    fn now(&self) -> u64 {
        u64::try_from(self.millis.load(Ordering::SeqCst)).unwrap_or(0)
    }
}

fn parse(instant: &str) -> Result<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(instant).map_err(|_| Failure::Data(format!("{instant} is no instant")))
}
