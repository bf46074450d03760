//! A key store in files.
//!
//! Knows a folder with one 32-byte secret and one counter per slot. It is software: whoever copies the folder together with a
//! profile can guess PINs off the machine. Callers warn when `properties().hardware` is `None`. Not for phones.

use std::path::Path;

use super::{Hardware, KeyStore, KeyStoreError, KeyStoreProperties, TransportPublic};
use crate::crypto::{Secret, hex, mac, sha256};
use crate::error::VaultError;
use crate::files::Dir;

/// A software key store: no hardware behind it, for the command line and for tests.
#[derive(Debug)]
pub struct SoftKeyStore {
    dir: Dir,
}

impl SoftKeyStore {
    /// Opens or makes the folder `dir`; its files are readable by their owner only.
    ///
    /// # Errors
    /// [`VaultError::Disk`] when the folder cannot be made.
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        let dir = Dir::create(dir)?;
        dir.clear_temporary()?;
        Ok(Self { dir })
    }

    fn secret(&self, slot: &str) -> Result<Secret, VaultError> {
        let name = file_name(slot, "key");
        if let Some(bytes) = self.dir.read_capped(&name, 32)? {
            // A short file cannot have come from `replace`; making a new secret instead would silently lose the old one.
            return match bytes.first_chunk::<32>() {
                Some(key) => Ok(Secret::new(*key)),
                None => Err(KeyStoreError::KeyChanged.into()),
            };
        }
        let secret = Secret::random()?;
        self.dir.replace(&name, secret.as_bytes())?;
        Ok(secret)
    }
}

impl KeyStore for SoftKeyStore {
    fn derive(&self, slot: &str, input: &[u8; 32]) -> Result<Secret, KeyStoreError> {
        let secret = self.secret(slot).map_err(refused)?;
        Ok(Secret::new(mac(&secret, &[input])))
    }

    fn erase(&self, slot: &str) -> Result<(), KeyStoreError> {
        self.dir.remove(&file_name(slot, "key")).map_err(refused)
    }

    fn counter(&self, slot: &str) -> Result<u32, KeyStoreError> {
        let bytes = self.dir.read_capped(&file_name(slot, "count"), 4).map_err(refused)?;
        Ok(bytes.and_then(|b| b.first_chunk::<4>().copied()).map_or(0, u32::from_le_bytes))
    }

    fn set_counter(&self, slot: &str, value: u32) -> Result<(), KeyStoreError> {
        self.dir.replace(&file_name(slot, "count"), &value.to_le_bytes()).map_err(refused)
    }

    fn confirm_user(&self, _reason: &str) -> Result<bool, KeyStoreError> {
        Ok(true)
    }

    fn sign_transport(&self, _slot: &str, _message: &[u8]) -> Result<Option<Vec<u8>>, KeyStoreError> {
        Ok(None)
    }

    fn transport_public(&self, _slot: &str) -> Result<Option<TransportPublic>, KeyStoreError> {
        Ok(None)
    }

    fn properties(&self) -> KeyStoreProperties {
        KeyStoreProperties { name: "software".to_owned(), hardware: Hardware::None, signs_transport: false }
    }
}

/// Labels hold a slash; a hash is a safe file name for any label.
fn file_name(slot: &str, suffix: &str) -> String {
    let hash = sha256(&[slot.as_bytes()]);
    format!("{}.{suffix}", hex(hash.first_chunk::<16>().map_or(&[], |h| h)))
}

fn refused(error: impl Into<VaultError>) -> KeyStoreError {
    match error.into() {
        VaultError::KeyStore(e) => e,
        _ => KeyStoreError::Unavailable,
    }
}
