//! What can go wrong, each variant something a shell can act on.
//!
//! Knows no user data: messages are fixed phrases and numbers. What is meant for the person at the phone (a form's own
//! words about an answer) stands in the variants' fields, never in `Display`. Start at [`RecordsError`].

use samanvay_sync::SyncError;
use samanvay_sync::client::ClientError;
use samanvay_sync::wire::Refusal;
use samanvay_vault::VaultError;

/// A question that stands in the way of finishing, in the person's language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Problem {
    /// Reference of the question, for `jump`.
    pub field: String,
    /// The question's label.
    pub label: String,
    /// What is wrong, in the form's words.
    pub message: String,
}

/// Why something is not allowed to this profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// No stream of the needed kind has this post as reader and writer with a wide enough clearance.
    #[error("this post may not keep records of this kind")]
    NoHome,
    /// The record's home stream does not have this post as reader and writer.
    #[error("only members of the record's home stream may change it")]
    NotHome,
    /// Two streams each claim to be the record's home. Nobody changes it until the people behind them have spoken.
    #[error("two streams claim to be the record's home")]
    Contested,
    /// The kind is written by the app itself.
    #[error("records of this kind are written by the app")]
    AppOnly,
}

/// Why the core refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The vault refused: locked, wrong PIN, locked out, damaged, newer schema, disk. Its variants say what to do.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The profile has no hub yet, or the hub has not bound it. Scan an invite; ask the inviter.
    #[error("not enrolled: accept an invite first")]
    NotEnrolled,
    /// This profile may not do that.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No such kind, record, draft, question or conflict.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The invite's code is damaged, false, or not an invite.
    #[error("this is not a valid invite")]
    BadInvite,
    /// The answer was not taken; the session is as it was. `message` is for the person.
    #[error("the answer was not taken")]
    Answer {
        /// Why, in the session's language.
        message: String,
    },
    /// The form cannot be finished yet.
    #[error("the form is not complete")]
    Incomplete {
        /// What stands in the way.
        problems: Vec<Problem>,
    },
    /// The hub was not reached. Everything saved is still here; try again later.
    #[error("the hub was not reached")]
    NoNetwork,
    /// What answered is not the hub of this profile. Nothing was sent to it.
    #[error("what answered is not this profile's hub")]
    WrongHub,
    /// The hub refused the request.
    #[error("the hub refused: {0:?}")]
    Refused(Refusal),
    /// Another sync of this profile is running.
    #[error("a sync is already running")]
    Busy,
    /// Bytes from elsewhere, or of this profile, do not hold what they should. Nothing was changed.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A fault that nobody outside can mend: a bug. The text is a fixed phrase.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// Result with [`RecordsError`].
pub type Result<T> = std::result::Result<T, RecordsError>;

impl From<rusqlite::Error> for RecordsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Vault(error.into())
    }
}

impl From<ClientError> for RecordsError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::WrongHub => Self::WrongHub,
            ClientError::Refused(refusal) => Self::Refused(refusal),
            _ => Self::NoNetwork,
        }
    }
}
