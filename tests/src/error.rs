//! What stops a driver. A promise that is not kept is no failure of the driver: see [`crate::report`].

use std::io;
use std::path::{Path, PathBuf};

use samanvay_records::RecordsError;
use samanvay_records::admin::AdminError;
use samanvay_sync::SyncError;
use samanvay_sync::client::ClientError;
use samanvay_vault::VaultError;

/// Why a driver cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or socket.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// The story's data do not fit the forms or each other.
    #[error("the story's data: {0}")]
    Data(String),
    /// A device refused.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// An admin's file refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Bytes of the wire.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The hub was not reached or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The hub did not start.
    #[error(transparent)]
    Hub(#[from] samanvay_hub::HubError),
    /// `SQLite` outside the vault.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Certificates or HTTP of the tap.
    #[error("the tap: {0}")]
    Tap(String),
}

/// Result with [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// Names the file that an I/O error is about.
pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::File(path, error)
}
