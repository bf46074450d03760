//! Filling in a form.
//!
//! Invariant: while its profile is locked, a session shows nothing and takes nothing. Start at [`FormSession`].

use std::sync::{Mutex, PoisonError};

use samanvay_records::error::Problem;
use samanvay_records::view::{Page, Question};
use samanvay_records::{FormSession as Core, Lang, Profile, RecordsError};
use samanvay_vault::VaultError;

use crate::alive::Alive;
use crate::error::AppError;
use crate::log::Reporter;

/// One form being filled in. Every accepted answer is on disk when `answer` returns; a session that is closed before
/// `finish` is a draft. Every call can fail with [`AppError::Locked`].
#[derive(uniffi::Object)]
pub struct FormSession {
    profile: Profile,
    session: Mutex<Core>,
    reporter: Reporter,
    _alive: Alive,
}

impl FormSession {
    pub(crate) fn new(profile: Profile, session: Core, reporter: Reporter) -> Self {
        Self { profile, session: Mutex::new(session), reporter, _alive: Alive::new() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Core) -> Result<T, RecordsError>) -> Result<T, AppError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let result = if self.profile.is_unlocked() { act(&mut session) } else { Err(VaultError::Locked.into()) };
        result.map_err(|error| self.reporter.error(error))
    }
}

#[uniffi::export]
impl FormSession {
    /// The draft's id, for `App.resume` and `App.discard`.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn draft(&self) -> Result<String, AppError> {
        self.with(|session| Ok(session.draft()))
    }

    /// The record that is edited, if any.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn record(&self) -> Result<Option<String>, AppError> {
        self.with(|session| Ok(session.record()))
    }

    /// The page the form is open at.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn page(&self) -> Result<Page, AppError> {
        self.with(|session| Ok(session.page()))
    }

    /// Every question that applies now, in the order of the form.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn questions(&self) -> Result<Vec<Question>, AppError> {
        self.with(|session| Ok(session.questions()))
    }

    /// One page on; false at the last.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn next(&self) -> Result<bool, AppError> {
        self.with(|session| Ok(session.next()))
    }

    /// One page back; false at the first.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn previous(&self) -> Result<bool, AppError> {
        self.with(|session| Ok(session.previous()))
    }

    /// Opens the page of a question; false if there is none.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn jump(&self, field: &str) -> Result<bool, AppError> {
        self.with(|session| Ok(session.jump(field)))
    }

    /// Switches the language of labels and of the form's messages.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn set_language(&self, language: Lang) -> Result<(), AppError> {
        self.with(|session| {
            session.set_language(language);
            Ok(())
        })
    }

    /// Takes an answer as typed; empty text takes the answer back. On disk when this returns.
    ///
    /// # Errors
    /// [`AppError::AnswerRefused`] with the form's words, [`AppError::NotFound`], [`AppError::Refused`] if the disk refused.
    pub fn answer(&self, field: &str, text: &str) -> Result<(), AppError> {
        self.with(|session| session.answer(field, text))
    }

    /// Adds a row to a repeat; gives the row's reference.
    ///
    /// # Errors
    /// As [`FormSession::answer`].
    pub fn add_repeat(&self, field: &str) -> Result<String, AppError> {
        self.with(|session| session.add_repeat(field))
    }

    /// Removes a row.
    ///
    /// # Errors
    /// As [`FormSession::answer`].
    pub fn remove_repeat(&self, row: &str) -> Result<(), AppError> {
        self.with(|session| session.remove_repeat(row))
    }

    /// What stands in the way of finishing.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn validate(&self) -> Result<Vec<Problem>, AppError> {
        self.with(|session| Ok(session.validate()))
    }

    /// Saves the record and ends the draft; gives the record's id.
    ///
    /// # Errors
    /// [`AppError::AnswerRefused`] if it is not complete (see `validate`), [`AppError::Refused`] if this post may not write it
    /// or the disk refused. The draft stays.
    pub fn finish(&self) -> Result<String, AppError> {
        self.with(Core::finish)
    }
}
