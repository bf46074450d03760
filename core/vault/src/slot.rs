//! A key slot: the master key under a key made from the PIN and the key store.
//!
//! Knows the slot's bytes (docs/keys.md §4) and how to open them. Knows nothing of attempts or of the other slot.
//! Invariant: what is on disk cannot be tried against a PIN without the key store.

use zeroize::Zeroizing;

use crate::crypto::{Secret, hkdf, open, random, seal};
use crate::error::{Part, VaultError};
use crate::files::{Dir, Fields, check_version};
use crate::keystore::KeyStore;
use crate::pin::{KdfParams, Pin, harden};
use crate::profile::ProfileId;

const KIND: [u8; 8] = *b"smvslot\0";
const VERSION: u8 = 1;
const ARGON2ID: u8 = 1;
const SEALED_LEN: usize = 12 + 32 + 16;

/// Which slot. Kinds 2 (biometric) and 3 (recovery) are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotName {
    A,
    B,
}

impl SlotName {
    pub(crate) const ALL: [Self; 2] = [Self::A, Self::B];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::A => "slot-a",
            Self::B => "slot-b",
        }
    }

    fn label(self, profile: &ProfileId) -> String {
        profile.label(match self {
            Self::A => "pin-a",
            Self::B => "pin-b",
        })
    }
}

/// A slot as read from disk.
pub(crate) struct Slot {
    pub(crate) name: SlotName,
    /// Rises with each PIN change, so that of two slots the newer one is known.
    pub(crate) generation: u64,
    params: KdfParams,
    salt: [u8; 16],
    head: Vec<u8>,
    sealed: Vec<u8>,
}

impl Slot {
    /// Seals `master` and puts the slot on disk.
    pub(crate) fn write(
        dir: &Dir,
        profile: &ProfileId,
        store: &dyn KeyStore,
        (name, generation): (SlotName, u64),
        (pin, params): (&Pin, KdfParams),
        master: &Secret,
    ) -> Result<(), VaultError> {
        let salt = random::<16>()?;
        let mut body = vec![VERSION, name.byte()];
        body.extend_from_slice(&generation.to_le_bytes());
        body.push(ARGON2ID);
        for part in params.parts() {
            body.extend_from_slice(&part.to_le_bytes());
        }
        body.extend_from_slice(&salt);
        let kek = key_encryption_key(profile, store, name, &harden(pin, &salt, params)?)?;
        let sealed = seal(&kek, &associated(profile, &body), master.as_bytes())?;
        body.extend_from_slice(&sealed);
        dir.replace_twin(name.file(), KIND, &body)
    }

    /// Reads a slot; `None` when its file is absent.
    pub(crate) fn read(dir: &Dir, name: SlotName) -> Result<Option<Self>, VaultError> {
        let Some(body) = dir.read_twin(name.file(), KIND, Part::Slot)? else { return Ok(None) };
        let version = *body.first().ok_or(VaultError::Damaged(Part::Slot))?;
        check_version(version, VERSION, Part::Slot)?;
        Self::parse(&body, name).map(Some).ok_or(VaultError::Damaged(Part::Slot))
    }

    fn parse(body: &[u8], name: SlotName) -> Option<Self> {
        let (head, sealed) = body.split_at_checked(body.len().checked_sub(SEALED_LEN)?)?;
        let mut fields = Fields::new(head);
        let [_version, slot] = fields.array()?;
        let generation = u64::from_le_bytes(fields.array()?);
        let algorithm = fields.byte()?;
        let mut number = || fields.array().map(u32::from_le_bytes);
        let params = KdfParams::new(number()?, number()?, number()?).ok()?;
        let salt = fields.array()?;
        let whole = slot == name.byte() && algorithm == ARGON2ID && fields.rest().is_empty();
        whole.then(|| Self { name, generation, params, salt, head: head.to_vec(), sealed: sealed.to_vec() })
    }

    /// The master key, or `None` when the PIN is another one.
    pub(crate) fn open(
        &self,
        profile: &ProfileId,
        store: &dyn KeyStore,
        pin: &Pin,
    ) -> Result<Option<Secret>, VaultError> {
        let hardened = harden(pin, &self.salt, self.params)?;
        let kek = key_encryption_key(profile, store, self.name, &hardened)?;
        let plain = open(&kek, &associated(profile, &self.head), &self.sealed);
        Ok(plain.and_then(|p| p.first_chunk::<32>().copied()).map(Secret::new))
    }

    /// Removes a slot, if it is there: first the file, then the key that could open a copy of it. Says whether there was a file.
    pub(crate) fn remove(
        dir: &Dir,
        profile: &ProfileId,
        store: &dyn KeyStore,
        name: SlotName,
    ) -> Result<bool, VaultError> {
        let existed = dir.join(name.file()).exists();
        dir.remove(name.file())?;
        // The next unlock tries again if the store cannot erase now.
        store.erase(&name.label(profile)).ok();
        Ok(existed)
    }
}

/// KEK = HKDF(salt = label, ikm = P ‖ H, info = profile ‖ slot), H = key store over P.
fn key_encryption_key(
    profile: &ProfileId,
    store: &dyn KeyStore,
    name: SlotName,
    hardened: &Secret,
) -> Result<Secret, VaultError> {
    let hardware = store.derive(&name.label(profile), hardened.as_bytes())?;
    let both = Zeroizing::new([hardened.as_bytes().as_slice(), hardware.as_bytes()].concat());
    hkdf(b"samanvay kek v1", &both, &[profile.bytes(), &[name.byte()]])
}

fn associated(profile: &ProfileId, head: &[u8]) -> Vec<u8> {
    [profile.bytes(), head].concat()
}
