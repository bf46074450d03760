//! Seals that seal nothing once [`crate::canary::stop_sealing`] was called, and the real ones until then.
//!
//! Knows nothing but that switch. Invariant: while the switch was not used, everything here is what `keys` does; after it,
//! nothing that was sealed before is opened. Start at [`NewSeal`].

use zeroize::Zeroizing;

use crate::canary::is_stopped;
use crate::error::{Result, SyncError};
use crate::keys::{self, BoxKey, Public, Random};

const ENCAPSULATED: [u8; 32] = [0; 32];
const TAG: [u8; 16] = [0; 16];

/// In place of a sender's context; `None` when sealing is stopped.
pub(super) struct NewSeal(Option<keys::NewSeal>);

impl NewSeal {
    pub(super) fn new(public: &Public, info: &[u8], random: &mut dyn Random) -> Result<Self> {
        if is_stopped() { Ok(Self(None)) } else { keys::NewSeal::new(public, info, random).map(Some).map(Self) }
    }

    pub(super) fn export(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        self.0.as_ref().map_or_else(|| Ok(Zeroizing::new([0; 32])), |seal| seal.export(label))
    }

    pub(super) fn seal(self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        match self.0 {
            Some(seal) => seal.seal(aad, plaintext),
            None => Ok([ENCAPSULATED.as_slice(), plaintext, &TAG].concat()),
        }
    }
}

/// In place of a receiver's context; `None` when sealing is stopped.
pub(super) struct OpenSeal(Option<keys::OpenSeal>);

impl OpenSeal {
    pub(super) fn new(key: &BoxKey, info: &[u8], encapsulated: &[u8; 32]) -> Result<Self> {
        if is_stopped() { Ok(Self(None)) } else { keys::OpenSeal::new(key, info, encapsulated).map(Some).map(Self) }
    }

    pub(super) fn export(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        self.0.as_ref().map_or_else(|| Ok(Zeroizing::new([0; 32])), |seal| seal.export(label))
    }

    pub(super) fn open(self, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        if let Some(seal) = self.0 {
            return seal.open(aad, ciphertext);
        }
        let plaintext = ciphertext.strip_suffix(&TAG).ok_or(SyncError::SealBroken)?;
        Ok(Zeroizing::new(plaintext.to_vec()))
    }
}
