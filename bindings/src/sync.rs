//! One sync, and how to leave it.
//!
//! Invariant: a sync that is cancelled has applied whole rounds only; nothing is lost. Start at [`SyncRun::run`].

use std::sync::{Arc, Mutex, PoisonError};

use samanvay_records::view::{Progress, SyncReport};
use samanvay_records::{Profile, SyncOptions};

use crate::alive::Alive;
use crate::background::{self, Stop};
use crate::error::AppError;
use crate::log::Reporter;

/// How a sync ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SyncEnd {
    /// Nothing was left to say.
    Done {
        /// What it did.
        report: SyncReport,
    },
    /// It was cancelled. Rounds that came through stay.
    Cancelled,
}

/// One sync of the profile that was open when it was made.
#[derive(uniffi::Object)]
pub struct SyncRun {
    profile: Profile,
    budget: Option<u64>,
    progress: Arc<Mutex<Progress>>,
    stop: Stop,
    reporter: Reporter,
    _alive: Alive,
}

impl SyncRun {
    pub(crate) fn new(profile: Profile, budget: Option<u64>, reporter: Reporter) -> Self {
        let progress = Arc::default();
        Self { profile, budget, progress, stop: Stop::new(), reporter, _alive: Alive::new() }
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl SyncRun {
    /// Sends and fetches until nothing is left. Observers hear of every round.
    ///
    /// # Errors
    /// [`AppError::NoNetwork`], [`AppError::Locked`], [`AppError::Refused`], [`AppError::Damaged`]. Rounds that came through
    /// stay.
    pub async fn run(&self) -> Result<SyncEnd, AppError> {
        let (profile, progress) = (self.profile.clone(), self.progress.clone());
        let mut options = SyncOptions {
            progress: Some(Arc::new(move |now| *progress.lock().unwrap_or_else(PoisonError::into_inner) = now)),
            ..SyncOptions::default()
        };
        options.budget = self.budget.unwrap_or(options.budget);
        let result = background::run(&self.stop, move || async move { profile.sync(&options).await }).await;
        match result {
            None => Ok(SyncEnd::Cancelled),
            Some(Ok(report)) => {
                self.reporter.log(&format!(
                    "sync: {} rounds, {} up, {} down, {} refused",
                    report.rounds,
                    report.bytes_up,
                    report.bytes_down,
                    report.refused.len()
                ));
                Ok(SyncEnd::Done { report })
            }
            Some(Err(error)) => Err(self.reporter.error(error)),
        }
    }

    /// Stops it, from any thread, before or while it runs.
    pub fn cancel(&self) {
        self.stop.stop();
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
