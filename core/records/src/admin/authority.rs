//! The state authority: the one key that certifies admins, and the recovery key that every epoch is sealed to.
//!
//! Knows its key file. Refuses to know units, streams and hubs; it is used a few times a year, offline. Invariant: neither
//! private half leaves the file. The recovery half is to be split among three people; until then it lies here.

use std::path::Path;

use samanvay_sync::bytes::Reader;
use samanvay_sync::keys::{AdminCard, BoxKey, Public, SignKey, SystemRandom};
use samanvay_vault::KdfParams;
use samanvay_vault::keystore::KeyFile;
use zeroize::Zeroizing;

use super::AdminError;

const KIND: &str = "authority";

/// The state authority, opened.
pub struct Authority {
    key: SignKey,
    recovery: BoxKey,
}

impl Authority {
    /// Makes both keys and writes them to a new file.
    ///
    /// # Errors
    /// [`AdminError::KeyFile`]: the passphrase is weak, a file is there, or the disk refused.
    pub fn create(path: &Path, passphrase: &str, cost: KdfParams) -> Result<Self, AdminError> {
        let mut random = SystemRandom::new();
        let (key, seed) = SignKey::generate(&mut random)?;
        let recovery = BoxKey::generate(&mut random)?;
        let body = Zeroizing::new([*seed, *recovery.to_bytes()].concat());
        KeyFile::create(path, KIND, passphrase, cost, &body)?;
        Ok(Self { key, recovery })
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`AdminError::KeyFile`]: not such a file, another passphrase.
    pub fn open(path: &Path, passphrase: &str) -> Result<Self, AdminError> {
        let (_, body) = KeyFile::open(path, KIND, passphrase)?;
        let mut from = Reader::new(&body);
        let seed = Zeroizing::new(from.array()?);
        let recovery = Zeroizing::new(from.array()?);
        from.end()?;
        Ok(Self { key: SignKey::from_seed(&seed)?, recovery: BoxKey::from_bytes(&recovery)? })
    }

    /// The key that phones and hubs pin.
    pub fn public(&self) -> Public {
        self.key.public()
    }

    /// The key that every epoch is sealed to besides its readers.
    pub fn recovery(&self) -> Public {
        self.recovery.public()
    }

    /// Certifies an admin for a district (LGD code; 0 for the whole state).
    pub fn certify(&self, admin: Public, district: u32, name: &str) -> AdminCard {
        AdminCard::issue(&self.key, admin, district, name)
    }
}
