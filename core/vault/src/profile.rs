//! Which profile this is, and the keys that do not need the PIN.
//!
//! Knows the files `profile` and `device` (docs/keys.md §3) and the labels of the device key's children. Knows nothing of
//! the master key. Start at [`DeviceKeys`].

use crate::crypto::{Secret, hex, hkdf, mac, random};
use crate::error::{Part, VaultError};
use crate::files::{Dir, Fields, check_version};
use crate::keystore::{KeyStore, KeyStoreError};

const PROFILE_FILE: &str = "profile";
const PROFILE_KIND: [u8; 8] = *b"smvprofl";
const DEVICE_FILE: &str = "device";
const DEVICE_KIND: [u8; 8] = *b"smvdevce";
const VERSION: u8 = 1;

/// 16 random bytes, made with the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProfileId([u8; 16]);

impl ProfileId {
    pub(crate) fn random() -> Result<Self, VaultError> {
        Ok(Self(random()?))
    }

    pub(crate) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key store's name for one of this profile's slots.
    pub(crate) fn label(&self, name: &str) -> String {
        format!("{}/{name}", hex(&self.0))
    }

    /// Written last when a profile is made: a folder without it is not one.
    pub(crate) fn write(&self, dir: &Dir) -> Result<(), VaultError> {
        dir.replace_twin(PROFILE_FILE, PROFILE_KIND, &[[VERSION].as_slice(), self.bytes()].concat())
    }

    pub(crate) fn read(dir: &Dir) -> Result<Self, VaultError> {
        let body = dir.read_twin(PROFILE_FILE, PROFILE_KIND, Part::Profile)?.ok_or(VaultError::NotAProfile)?;
        let mut fields = Fields::new(&body);
        let damaged = VaultError::Damaged(Part::Profile);
        check_version(fields.byte().unwrap_or(0), VERSION, Part::Profile)?;
        fields.array().map(Self).ok_or(damaged)
    }

    pub(crate) fn exists(dir: &Dir) -> bool {
        dir.join(PROFILE_FILE).exists()
    }
}

/// Keys derived from D = key store over the salt in `device`. They live while the vault is open, locked or not.
#[derive(Debug)]
pub(crate) struct DeviceKeys {
    pub(crate) outbox: Secret,
    pub(crate) state: Secret,
    pub(crate) transport: Secret,
    pub(crate) attempts: Secret,
}

impl DeviceKeys {
    pub(crate) fn create(dir: &Dir, profile: &ProfileId, store: &dyn KeyStore) -> Result<(), VaultError> {
        let salt = random::<32>()?;
        let (_, check) = Self::derive(profile, store, &salt)?;
        dir.replace_twin(DEVICE_FILE, DEVICE_KIND, &[[VERSION].as_slice(), &salt, &check].concat())
    }

    /// Fails with `KeyChanged` when the key store is not the one that the profile was made with, before anything is judged
    /// damaged by a wrong key.
    pub(crate) fn open(dir: &Dir, profile: &ProfileId, store: &dyn KeyStore) -> Result<Self, VaultError> {
        let damaged = || VaultError::Damaged(Part::Device);
        let body = dir.read_twin(DEVICE_FILE, DEVICE_KIND, Part::Device)?.ok_or_else(damaged)?;
        let mut fields = Fields::new(&body);
        check_version(fields.byte().unwrap_or(0), VERSION, Part::Device)?;
        let salt = fields.array::<32>().ok_or_else(damaged)?;
        let (keys, check) = Self::derive(profile, store, &salt)?;
        if fields.rest() == check { Ok(keys) } else { Err(KeyStoreError::KeyChanged.into()) }
    }

    fn derive(profile: &ProfileId, store: &dyn KeyStore, salt: &[u8; 32]) -> Result<(Self, [u8; 32]), VaultError> {
        let device = store.derive(&profile.label("device"), salt)?;
        let child = |label: &[u8]| hkdf(b"samanvay device v1", device.as_bytes(), &[profile.bytes(), label]);
        let keys = Self {
            outbox: child(b"outbox")?,
            state: child(b"state")?,
            transport: child(b"transport")?,
            attempts: child(b"attempts")?,
        };
        Ok((keys, mac(&child(b"check")?, &[salt])))
    }
}
