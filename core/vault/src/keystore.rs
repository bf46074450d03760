//! The platform's key store, as a shell implements it, and a software one for the command line and tests.
//!
//! Knows slots by label. Refuses to see any key of the vault: what crosses is the input and output of `derive`.
//! Labels are `<profile id, hex>/<name>`, so one store serves several profiles and erasing one's slot leaves the others.
//! Start at [`KeyStore`].

#[cfg(feature = "canary-unsealed")]
pub mod canary;
mod soft;

pub use crate::keyfile::{KEY_FILE_MAGIC, KeyFile, KeyFileError};
pub use soft::SoftKeyStore;

use crate::crypto::Secret;

/// A key that does not leave its hardware, reached through the shell.
///
/// Each slot has a key of its own, made on first use and lost for good by [`KeyStore::erase`].
pub trait KeyStore: Send + Sync {
    /// A pseudorandom function of `input` under the slot's key (HMAC-SHA256 where there is a choice).
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Result<Secret, KeyStoreError>;

    /// Destroys the slot's key. Erasing an absent slot is no error.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn erase(&self, slot: &str) -> Result<(), KeyStoreError>;

    /// The number last given to `set_counter` for this slot, 0 at first. Kept where restoring files does not roll it back, if the phone can.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn counter(&self, slot: &str) -> Result<u32, KeyStoreError>;

    /// Keeps a number for this slot.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn set_counter(&self, slot: &str, value: u32) -> Result<(), KeyStoreError>;

    /// Asks whoever holds the phone to confirm with its own lock (fingerprint, face, pattern). `reason` is shown.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn confirm_user(&self, reason: &str) -> Result<bool, KeyStoreError>;

    /// A signature by a transport key that the store itself holds, or `None` when it holds none.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn sign_transport(&self, slot: &str, message: &[u8]) -> Result<Option<Vec<u8>>, KeyStoreError>;

    /// The public half of that key, or `None`.
    ///
    /// # Errors
    /// See [`KeyStoreError`].
    fn transport_public(&self, slot: &str) -> Result<Option<TransportPublic>, KeyStoreError>;

    /// What this store is, so that a shell can warn about weak ones.
    fn properties(&self) -> KeyStoreProperties;
}

/// What a key store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStoreProperties {
    /// A name for reports, such as "Android Keystore".
    pub name: String,
    /// What guards its keys.
    pub hardware: Hardware,
    /// Whether `sign_transport` signs.
    pub signs_transport: bool,
}

/// What guards a key store's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// Nothing but file permissions: whoever copies the files can guess PINs elsewhere.
    None,
    /// A trusted execution environment.
    Tee,
    /// A separate secure element.
    StrongBox,
}

/// Algorithm of a transport key, as in the wire format.
pub const TRANSPORT_ED25519: u8 = 1;

/// The public half of a transport key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportPublic {
    /// [`TRANSPORT_ED25519`]; 2 is reserved for P-256.
    pub algorithm: u8,
    /// The key.
    pub bytes: [u8; 32],
}

/// Why a key store refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// It cannot be reached now, for instance because the phone has not been unlocked since it started.
    #[error("not available now; try again after unlocking the phone")]
    Unavailable,
    /// The person declined.
    #[error("the person declined")]
    Declined,
    /// It answers with another key than before: another phone, or its keys were cleared.
    #[error("it is not the one that this profile was made with")]
    KeyChanged,
}
