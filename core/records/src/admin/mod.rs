//! The offline side: the state authority and the districts' admins, their key files, units, posts, streams and invites.
//!
//! Knows who may be let in. Refuses to run on a phone's profile or beside a hub: every key here lives in a key file under a
//! passphrase. Invariant: everything is verified as every phone will verify it before it is written. Start at [`Authority`]
//! and [`Admin`].

mod authority;
mod district;
mod invites;
mod neighbours;
mod publish;
mod state;

pub use authority::Authority;
pub use district::Admin;
pub use invites::{HubInfo, Pending};

use samanvay_sync::SyncError;
use samanvay_sync::bytes::Malformed;
use samanvay_sync::client::ClientError;
use samanvay_vault::keystore::KeyFileError;

/// Why an admin's act was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The key file refused.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A log, key or card does not verify.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// The hub was not reached, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The authority has not certified this admin yet.
    #[error("the state authority has not certified this admin; give it the admin's public key")]
    NotCertified,
    /// The certificate is for another key, or by another authority.
    #[error("this certificate is not for this admin")]
    NotForThisAdmin,
    /// Not in this admin's file.
    #[error("no such {0} in this admin's file")]
    Unknown(&'static str),
    /// The invite was given by someone else, was changed, or was used already.
    #[error("this admin gave no such invite, or it was used already")]
    NotInvited,
    /// The invite ran out by the inviter's clock. Make a new one.
    #[error("the invite has expired; make a new one")]
    Expired,
    /// Someone else wrote to a log first. It has been fetched; repeat what you were doing.
    #[error("the log has moved on at the hub and was fetched; do it again")]
    LogMoved,
}

impl From<Malformed> for AdminError {
    fn from(error: Malformed) -> Self {
        Self::Sync(error.into())
    }
}
