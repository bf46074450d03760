//! How a command fails: words for the person, a code for the caller.
//!
//! Knows the exit codes of `--help`. Refuses to print anything that a person typed; a form's own words come from the core.

use samanvay_records::admin::AdminError;
use samanvay_records::answers::Refusal;
use samanvay_records::error::Problem;
use samanvay_records::{Lang, RecordsError};
use samanvay_sync::client::ClientError;
use samanvay_vault::VaultError;
use samanvay_vault::keystore::KeyFileError;

/// A failure: exit code and what to print.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) lines: Vec<String>,
}

/// Result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: u8, line: impl Into<String>) -> Self {
        Self { code, lines: vec![line.into()] }
    }

    pub(crate) fn internal(line: impl Into<String>) -> Self {
        Self::new(1, line)
    }

    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self::new(2, line)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(8, format!("no such {what}"))
    }

    /// Answers that were not taken, in the form's words.
    pub(crate) fn refused(refusals: &[Refusal]) -> Self {
        let lines = refusals.iter().map(|one| format!("✗ {}: {}", one.label, one.message)).collect();
        Self { code: 4, lines }
    }

    fn incomplete(problems: &[Problem]) -> Self {
        let lines = problems.iter().map(|one| format!("✗ {}: {}", one.label, one.message)).collect();
        Self { code: 4, lines }
    }

    /// What to do about the most common failures, in the person's language.
    pub(crate) fn advice(&self, lang: Lang) -> Option<&'static str> {
        let (hi, en) = match self.code {
            3 => ("पिन या कूटवाक्य जाँचें।", "Check the PIN or passphrase."),
            5 => ("कुछ नहीं खोया; नेटवर्क आने पर फिर करें।", "Nothing is lost; try again with a network."),
            6 => ("अपने प्रभारी या ज़िला प्रबंधक से पूछें।", "Ask your in-charge or the district's admin."),
            7 => ("ऐप अद्यतन करें, या अपने प्रभारी से पूछें।", "Update the app, or ask your in-charge."),
            _ => return None,
        };
        Some(lang.pick(hi, en))
    }
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        let line = error.to_string();
        match error {
            RecordsError::Vault(error) => error.into(),
            RecordsError::Answer { message } => Self::new(4, format!("✗ {message}")),
            RecordsError::Incomplete { problems } => Self::incomplete(&problems),
            RecordsError::NoNetwork => Self::new(5, line),
            RecordsError::NotEnrolled
            | RecordsError::NotAllowed(_)
            | RecordsError::BadInvite
            | RecordsError::WrongHub
            | RecordsError::Refused(_) => Self::new(6, line),
            RecordsError::NotFound(_) => Self::new(8, line),
            RecordsError::Sync(_) => Self::new(7, line),
            RecordsError::Busy | RecordsError::Internal(_) => Self::internal(line),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let code = match error {
            VaultError::WrongPin { .. } | VaultError::LockedOut | VaultError::Locked | VaultError::WeakPin(_) => 3,
            VaultError::NotAProfile => 8,
            VaultError::NewerSchema { .. } | VaultError::Damaged(_) | VaultError::Migration { .. } => 7,
            _ => 1,
        };
        Self::new(code, error.to_string())
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let line = error.to_string();
        match error {
            AdminError::KeyFile(error) => error.into(),
            AdminError::Client(ClientError::Refused(_) | ClientError::WrongHub)
            | AdminError::NotCertified
            | AdminError::NotForThisAdmin
            | AdminError::NotInvited
            | AdminError::Expired
            | AdminError::LogMoved => Self::new(6, line),
            AdminError::Client(_) => Self::new(5, line),
            AdminError::Sync(_) => Self::new(7, line),
            AdminError::Unknown(_) => Self::new(8, line),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        AdminError::from(error).into()
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let code = match error {
            KeyFileError::WeakPassphrase | KeyFileError::WrongPassphrase => 3,
            KeyFileError::NotAKeyFile | KeyFileError::Newer => 7,
            KeyFileError::Exists => 2,
            KeyFileError::Disk(ref error) if error.kind() == std::io::ErrorKind::NotFound => 8,
            KeyFileError::Disk(_) | KeyFileError::Crypto => 1,
        };
        Self::new(code, error.to_string())
    }
}
