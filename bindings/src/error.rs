//! What a shell is told of a failure: few variants to act on, words to show.
//!
//! Knows which inner failures ask for the same act. Refuses to carry user data: `words` come from the catalogue of texts or,
//! for a refused answer, from the form. Invariant: every inner failure has a variant. Start at [`AppError::of`].

use samanvay_records::error::NotAllowed;
use samanvay_records::{Lang, RecordsError, text};
use samanvay_sync::SyncError;
use samanvay_vault::VaultError;
use samanvay_vault::keystore::KeyStoreError;

/// Why a call was refused. `words` are for the person, in the app's language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AppError {
    /// The PIN opens nothing. Ask again.
    #[error("wrong PIN; {attempts_left} attempts left")]
    WrongPin {
        /// Tries that remain before the profile is locked out.
        attempts_left: u32,
        /// For the person.
        words: String,
    },
    /// No profile is unlocked. Ask for the PIN.
    #[error("locked")]
    Locked {
        /// For the person.
        words: String,
    },
    /// Too many wrong PINs. Only the in-charge can help; nothing is lost.
    #[error("locked out")]
    LockedOut {
        /// For the person.
        words: String,
    },
    /// The hub was not reached. Try again later; everything saved is still here.
    #[error("no network")]
    NoNetwork {
        /// For the person.
        words: String,
    },
    /// Not done, and doing it again at once will not help.
    #[error("refused: {reason:?}")]
    Refused {
        /// What to do about it.
        reason: Reason,
        /// For the person.
        words: String,
    },
    /// The form does not take the answer, or is not complete (then `validate` lists what is missing). The draft is as it was.
    #[error("the form refused")]
    AnswerRefused {
        /// For the person: the form's own words.
        words: String,
    },
    /// No such profile, kind, record, draft, question or conflict (any more). Load the screen anew.
    #[error("not found")]
    NotFound {
        /// For the person.
        words: String,
    },
    /// A file on the phone, or something received, fails its check. Unlock again; what is on the hub comes back.
    #[error("damaged")]
    Damaged {
        /// For the person.
        words: String,
    },
    /// Written by a newer app. Update the app.
    #[error("written by a newer version")]
    NewerSchema {
        /// For the person.
        words: String,
    },
    /// A fault that nobody outside can mend.
    #[error("internal error {reference}")]
    Internal {
        /// Names the log line. Holds no user data.
        reference: String,
        /// For the person.
        words: String,
    },
}

/// What a refusal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Reason {
    /// Choose another PIN.
    WeakPin,
    /// This post may not do that.
    NotAllowed,
    /// Accept an invite first.
    NotEnrolled,
    /// Ask for a new invite.
    BadInvite,
    /// It is being done already.
    Busy,
    /// What answered is not the hub; try another network, then tell the admin.
    WrongHub,
    /// The hub said no; the words say why.
    Hub,
    /// The profile is open in another process.
    OpenElsewhere,
    /// Free some space.
    DiskFull,
    /// The disk refused.
    Disk,
    /// The platform's key store is not available now; unlock the phone and try again.
    KeyStore,
    /// The person declined.
    Declined,
    /// Too large to store.
    TooLarge,
}

/// Foreign code failed in a call that gives nothing back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum CallbackFailed {
    /// It threw.
    #[error("the callback failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackFailed {
    /// The thrown text is dropped: it may hold anything.
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl AppError {
    /// What a shell is told of an inner failure.
    pub(crate) fn of(error: &RecordsError, lang: Lang) -> Self {
        let words = text::error(error, lang);
        let refused = |reason, words| Self::Refused { reason, words };
        match error {
            RecordsError::Vault(error) => Self::of_vault(error, words),
            RecordsError::NotEnrolled => refused(Reason::NotEnrolled, words),
            RecordsError::NotAllowed(
                NotAllowed::NoHome | NotAllowed::NotHome | NotAllowed::Contested | NotAllowed::AppOnly,
            ) => refused(Reason::NotAllowed, words),
            RecordsError::NotFound(_) => Self::NotFound { words },
            RecordsError::BadInvite => refused(Reason::BadInvite, words),
            RecordsError::Answer { message } => Self::AnswerRefused { words: message.clone() },
            RecordsError::Incomplete { .. } => Self::AnswerRefused { words },
            RecordsError::NoNetwork => Self::NoNetwork { words },
            RecordsError::WrongHub => refused(Reason::WrongHub, words),
            RecordsError::Refused(_) => refused(Reason::Hub, words),
            RecordsError::Busy => refused(Reason::Busy, words),
            RecordsError::Sync(SyncError::Newer | SyncError::UnknownSchema(_)) => Self::NewerSchema { words },
            RecordsError::Sync(_) => Self::Damaged { words },
            RecordsError::Internal(what) => Self::Internal { reference: (*what).to_owned(), words },
        }
    }

    fn of_vault(error: &VaultError, words: String) -> Self {
        let refused = |reason, words| Self::Refused { reason, words };
        match error {
            VaultError::WrongPin { attempts_left } => Self::WrongPin { attempts_left: *attempts_left, words },
            VaultError::Locked => Self::Locked { words },
            VaultError::LockedOut => Self::LockedOut { words },
            VaultError::WeakPin(_) => refused(Reason::WeakPin, words),
            VaultError::NotAProfile => Self::NotFound { words },
            VaultError::NewerSchema { .. } => Self::NewerSchema { words },
            VaultError::AlreadyOpen => refused(Reason::OpenElsewhere, words),
            VaultError::Damaged(_) | VaultError::Migration { .. } | VaultError::KeyStore(KeyStoreError::KeyChanged) => {
                Self::Damaged { words }
            }
            VaultError::TooLarge => refused(Reason::TooLarge, words),
            VaultError::KeyStore(KeyStoreError::Declined) => refused(Reason::Declined, words),
            VaultError::KeyStore(_) => refused(Reason::KeyStore, words),
            error if error.is_disk_full() => refused(Reason::DiskFull, words),
            VaultError::Disk(_) => refused(Reason::Disk, words),
            VaultError::Database { code } => Self::Internal { reference: format!("db-{code}"), words },
            _ => Self::Internal { reference: "vault".to_owned(), words },
        }
    }
}

#[uniffi::export]
impl AppError {
    /// The words for the person, whatever the variant.
    pub fn words(&self) -> String {
        match self {
            Self::WrongPin { words, .. }
            | Self::Locked { words }
            | Self::LockedOut { words }
            | Self::NoNetwork { words }
            | Self::Refused { words, .. }
            | Self::AnswerRefused { words }
            | Self::NotFound { words }
            | Self::Damaged { words }
            | Self::NewerSchema { words }
            | Self::Internal { words, .. } => words.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use samanvay_vault::error::{Part, PinProblem};

    use super::*;

    fn told(error: impl Into<RecordsError>) -> AppError {
        AppError::of(&error.into(), Lang::En)
    }

    fn reason(error: impl Into<RecordsError>) -> Option<Reason> {
        match told(error) {
            AppError::Refused { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn a_wrong_pin_says_how_many_attempts_are_left() {
        let error = told(VaultError::WrongPin { attempts_left: 4 });
        assert!(matches!(error, AppError::WrongPin { attempts_left: 4, .. }), "{error:?}");
    }

    #[test]
    fn a_refused_answer_carries_the_words_of_the_form() {
        let message = "आयु 0 से 17 तक लिखें।".to_owned();
        assert_eq!(told(RecordsError::Answer { message: message.clone() }), AppError::AnswerRefused { words: message });
    }

    #[test]
    fn refusals_tell_apart_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(reason(VaultError::from(full)), Some(Reason::DiskFull));
        assert_eq!(reason(VaultError::from(io::Error::from(io::ErrorKind::PermissionDenied))), Some(Reason::Disk));
        assert_eq!(reason(VaultError::WeakPin(PinProblem::Run)), Some(Reason::WeakPin));
        assert_eq!(reason(VaultError::from(KeyStoreError::Declined)), Some(Reason::Declined));
        assert_eq!(reason(VaultError::AlreadyOpen), Some(Reason::OpenElsewhere));
        assert_eq!(reason(NotAllowed::NotHome), Some(Reason::NotAllowed));
        assert_eq!(reason(RecordsError::NotEnrolled), Some(Reason::NotEnrolled));
        assert_eq!(reason(RecordsError::Busy), Some(Reason::Busy));
        assert_eq!(reason(RecordsError::WrongHub), Some(Reason::WrongHub));
    }

    #[test]
    fn damage_and_newer_data_are_not_the_same() {
        assert!(matches!(told(VaultError::Damaged(Part::Slot)), AppError::Damaged { .. }));
        assert!(matches!(told(VaultError::from(KeyStoreError::KeyChanged)), AppError::Damaged { .. }));
        assert!(matches!(told(SyncError::BadSignature), AppError::Damaged { .. }));
        assert!(matches!(told(SyncError::Newer), AppError::NewerSchema { .. }));
        assert!(matches!(told(VaultError::NewerSchema { found: 2, supported: 1 }), AppError::NewerSchema { .. }));
    }

    #[test]
    fn an_internal_error_names_its_log_line() {
        let error = told(VaultError::Database { code: 14 });
        assert!(matches!(&error, AppError::Internal { reference, .. } if reference == "db-14"), "{error:?}");
        assert!(!error.words().is_empty());
    }
}
