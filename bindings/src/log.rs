//! Where log lines go, and how failures are told.
//!
//! Invariant: a line is made of fixed words and numbers, and a failing sink disturbs nobody. Start at [`Reporter`].

use std::sync::Arc;

use samanvay_records::{Lang, RecordsError};

use crate::error::{AppError, CallbackFailed};

/// Takes log lines. They hold no names, values, addresses or keys.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// One line. Called from any thread.
    ///
    /// # Errors
    /// [`CallbackFailed`] if the sink failed; the line is lost, nothing else.
    fn log(&self, line: String) -> Result<(), CallbackFailed>;
}

/// What every object needs to speak of a failure: a language for the person, a sink for the log.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(crate) lang: Lang,
    pub(crate) sink: Option<Arc<dyn LogSink>>,
}

impl Reporter {
    pub(crate) fn error(&self, error: RecordsError) -> AppError {
        let told = AppError::of(&error, self.lang);
        // Dropped here: what it may hold for the person goes no further.
        drop(error);
        if let AppError::Internal { reference, .. } = &told {
            self.log(&format!("error {reference}"));
        }
        told
    }

    pub(crate) fn log(&self, line: &str) {
        if let Some(sink) = &self.sink {
            // Nobody is left to be told that telling failed.
            let _ = sink.log(line.to_owned());
        }
    }
}
