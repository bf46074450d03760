//! Why the hub does not start. Texts say what to do and hold no user data.

use std::net::SocketAddr;
use std::path::PathBuf;

use samanvay_sync::SyncError;

use crate::store::StoreError;

/// Why the hub did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A private key of the authority or of an admin lies where the hub runs. Move it to the offline machine it belongs to.
    #[error("{} looks like a private key of the authority or an admin; move it off this machine, then start again", .0.display())]
    PrivateKeyBeside(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the hub's folder does not hold what it should. Restore it from the backup.
    #[error("{} is damaged: {why}; restore it from the backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, as a fixed phrase.
        why: &'static str,
    },
    /// The folder belongs to a hub of another state authority. Use another folder.
    #[error("this folder belongs to a hub of another authority; use another folder")]
    OtherAuthority,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The open page is plain HTTP and may only be served to this machine.
    #[error("the open page is plain HTTP; {0} is not a loopback address")]
    PageNotLocal(SocketAddr),
    /// Certificates could not be made or used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A stored membership log does not verify. Restore the store from the backup.
    #[error("a membership log in the store does not verify ({0}); restore the store from the backup")]
    BadLog(SyncError),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HubError {
    /// Exit status of the program for this error; `--help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::PrivateKeyBeside(_) => 3,
            Self::Listen { .. } | Self::PageNotLocal(_) => 4,
            Self::Damaged { .. } | Self::OtherAuthority | Self::BadLog(_) | Self::Store(_) => 5,
            Self::File { .. } => 6,
            Self::Tls(_) => 1,
        }
    }
}
