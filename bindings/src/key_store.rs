//! The platform's key store, written by a shell, as the vault wants it.
//!
//! Knows how bytes cross and what a foreign failure means. Refuses to know keys: what crosses is the input and output of
//! `derive`. Invariant: whatever the shell throws or returns, the vault sees a value of the right length or a typed error.
//! Start at [`KeyStore`].

use std::sync::Arc;

use samanvay_vault::Secret;
use samanvay_vault::keystore as core;
use zeroize::Zeroizing;

/// Keys that do not leave the phone's hardware. Each slot has a key of its own, made on first use and lost for good by `erase`.
#[uniffi::export(with_foreign)]
pub trait KeyStore: Send + Sync {
    /// 32 bytes: HMAC-SHA256 of the 32 bytes of `input` under the slot's key, or another pseudorandom function of them.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn derive(&self, slot: String, input: Vec<u8>) -> Result<Vec<u8>, KeyStoreFault>;

    /// Destroys the slot's key. Erasing an absent slot is no error.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn erase(&self, slot: String) -> Result<(), KeyStoreFault>;

    /// The number last given to `set_counter` for this slot, 0 at first.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn counter(&self, slot: String) -> Result<u32, KeyStoreFault>;

    /// Keeps a number for this slot, where restoring files does not roll it back if the phone can.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn set_counter(&self, slot: String, value: u32) -> Result<(), KeyStoreFault>;

    /// Asks whoever holds the phone to confirm with its own lock. `reason` is shown.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn confirm_user(&self, reason: String) -> Result<bool, KeyStoreFault>;

    /// A signature by a transport key that the store itself holds, or nothing if it holds none.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn sign_transport(&self, slot: String, message: Vec<u8>) -> Result<Option<Vec<u8>>, KeyStoreFault>;

    /// The public half of that key, or nothing.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn transport_public(&self, slot: String) -> Result<Option<TransportPublic>, KeyStoreFault>;

    /// What this store is. Asked once, when the app opens.
    ///
    /// # Errors
    /// [`KeyStoreFault`].
    fn properties(&self) -> Result<KeyStoreProperties, KeyStoreFault>;
}

/// What a key store is.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct KeyStoreProperties {
    /// A name for reports, such as "Android Keystore".
    pub name: String,
    /// What guards its keys.
    pub hardware: Hardware,
    /// Whether `sign_transport` signs.
    pub signs_transport: bool,
}

/// What guards a key store's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Hardware {
    /// Nothing but file permissions.
    None,
    /// A trusted execution environment.
    Tee,
    /// A separate secure element.
    StrongBox,
}

/// The public half of a transport key.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TransportPublic {
    /// 1: Ed25519. 2 is reserved for P-256.
    pub algorithm: u8,
    /// The key, 32 bytes.
    pub bytes: Vec<u8>,
}

/// Why a key store refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeyStoreFault {
    /// It cannot be reached now, for instance because the phone has not been unlocked since it started.
    #[error("not available now")]
    Unavailable,
    /// The person declined.
    #[error("declined")]
    Declined,
    /// It answers with another key than before: another phone, or its keys were cleared.
    #[error("its key has changed")]
    KeyChanged,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyStoreFault {
    /// Anything else that is thrown. Its text is dropped: it may hold anything.
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable
    }
}

impl From<KeyStoreFault> for core::KeyStoreError {
    fn from(fault: KeyStoreFault) -> Self {
        match fault {
            KeyStoreFault::Unavailable => Self::Unavailable,
            KeyStoreFault::Declined => Self::Declined,
            KeyStoreFault::KeyChanged => Self::KeyChanged,
        }
    }
}

/// A shell's key store in the vault's shape.
pub(crate) struct Adapter {
    foreign: Arc<dyn KeyStore>,
    properties: core::KeyStoreProperties,
}

type Kept<T> = Result<T, core::KeyStoreError>;

impl Adapter {
    pub(crate) fn new(foreign: Arc<dyn KeyStore>) -> Kept<Self> {
        let KeyStoreProperties { name, hardware, signs_transport } = foreign.properties()?;
        let hardware = match hardware {
            Hardware::None => core::Hardware::None,
            Hardware::Tee => core::Hardware::Tee,
            Hardware::StrongBox => core::Hardware::StrongBox,
        };
        Ok(Self { foreign, properties: core::KeyStoreProperties { name, hardware, signs_transport } })
    }
}

impl core::KeyStore for Adapter {
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Kept<Secret> {
        let out = Zeroizing::new(self.foreign.derive(slot.to_owned(), input.to_vec())?);
        let bytes = <[u8; 32]>::try_from(out.as_slice()).map(Zeroizing::new);
        bytes.map(|bytes| Secret::new(*bytes)).map_err(|_| core::KeyStoreError::Unavailable)
    }

    fn erase(&self, slot: &str) -> Kept<()> {
        Ok(self.foreign.erase(slot.to_owned())?)
    }

    fn counter(&self, slot: &str) -> Kept<u32> {
        Ok(self.foreign.counter(slot.to_owned())?)
    }

    fn set_counter(&self, slot: &str, value: u32) -> Kept<()> {
        Ok(self.foreign.set_counter(slot.to_owned(), value)?)
    }

    fn confirm_user(&self, reason: &str) -> Kept<bool> {
        Ok(self.foreign.confirm_user(reason.to_owned())?)
    }

    fn sign_transport(&self, slot: &str, message: &[u8]) -> Kept<Option<Vec<u8>>> {
        Ok(self.foreign.sign_transport(slot.to_owned(), message.to_vec())?)
    }

    fn transport_public(&self, slot: &str) -> Kept<Option<core::TransportPublic>> {
        let Some(TransportPublic { algorithm, bytes }) = self.foreign.transport_public(slot.to_owned())? else {
            return Ok(None);
        };
        let bytes = bytes.try_into().map_err(|_| core::KeyStoreError::Unavailable)?;
        Ok(Some(core::TransportPublic { algorithm, bytes }))
    }

    fn properties(&self) -> core::KeyStoreProperties {
        self.properties.clone()
    }
}
