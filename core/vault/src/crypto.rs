//! The few cryptographic steps that the vault is made of.
//!
//! Knows HKDF-SHA256, HMAC-SHA256 and ChaCha20-Poly1305 (through `ring`) and how secrets are wiped. Knows no file and no key
//! name. Invariant: a [`Secret`] is wiped when dropped and prints nothing.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hkdf, hmac};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::VaultError;

/// Bytes that a seal adds: nonce and tag.
pub(crate) const SEAL_OVERHEAD: usize = NONCE_LEN + TAG_LEN;
pub(crate) const NONCE_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// 32 secret bytes: wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes over `bytes`. The caller wipes its own copies.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Fresh bytes from the system.
    ///
    /// # Errors
    /// [`VaultError::KeyStore`] when the system has no randomness to give.
    pub fn random() -> Result<Self, VaultError> {
        let mut secret = Self([0; 32]);
        fill_random(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes. Do not keep copies.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Fills `out` from the system's random source.
pub(crate) fn fill_random(out: &mut [u8]) -> Result<(), VaultError> {
    SystemRandom::new().fill(out).map_err(|_| VaultError::crypto())
}

/// `N` random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut out = [0; N];
    fill_random(&mut out)?;
    Ok(out)
}

/// HKDF-SHA256 to 32 bytes (RFC 5869).
pub(crate) fn hkdf(salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> Result<Secret, VaultError> {
    struct Len32;
    impl hkdf::KeyType for Len32 {
        fn len(&self) -> usize {
            32
        }
    }
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
    let mut out = Secret([0; 32]);
    prk.expand(info, Len32).and_then(|okm| okm.fill(&mut out.0)).map_err(|_| VaultError::crypto())?;
    Ok(out)
}

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    array(context.finish().as_ref())
}

/// HMAC-SHA256 of the parts, one after the other.
pub(crate) fn mac(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key.0));
    for part in parts {
        context.update(part);
    }
    array(context.sign().as_ref())
}

/// `nonce ‖ ciphertext ‖ tag` under a random nonce.
pub(crate) fn seal(key: &Secret, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = random::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_LEN));
    body.extend_from_slice(plain);
    aead(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut *body)
        .map_err(|_| VaultError::crypto())?;
    Ok([nonce.as_slice(), &body].concat())
}

/// Opens what [`seal`] made; `None` when key, associated data or bytes differ.
pub(crate) fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain_len =
        aead(key).ok()?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut body).ok()?.len();
    body.truncate(plain_len);
    Some(body)
}

/// What callers' bytes are sealed with: [`seal`] and [`open`], but in the canary's counter-proof.
pub(crate) mod content {
    #[cfg(not(feature = "canary-unsealed"))]
    pub(crate) use super::{open, seal};
    #[cfg(feature = "canary-unsealed")]
    pub(crate) use crate::unsealed::{open, seal};
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

fn aead(key: &Secret) -> Result<LessSafeKey, VaultError> {
    UnboundKey::new(&CHACHA20_POLY1305, &key.0).map(LessSafeKey::new).map_err(|_| VaultError::crypto())
}

fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk::<32>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_matches_rfc_5869_test_case_1() {
        let okm = hkdf(&(0..=0x0c).collect::<Vec<u8>>(), &[0x0b; 22], &[&(0xf0..=0xf9).collect::<Vec<u8>>()]).unwrap();
        assert_eq!(hex(okm.as_bytes()), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    }

    #[test]
    fn secrets_print_nothing() {
        assert_eq!(format!("{:?}", Secret::new([0x41; 32])), "Secret");
    }

    #[test]
    fn a_seal_opens_only_with_its_key_and_its_associated_data() {
        let key = Secret::new([7; 32]);
        let sealed = seal(&key, b"slot", "बैतूल".as_bytes()).unwrap();
        assert_eq!(sealed.len(), "बैतूल".len() + SEAL_OVERHEAD);
        assert_eq!(open(&key, b"slot", &sealed).unwrap().as_slice(), "बैतूल".as_bytes());
        assert!(open(&key, b"ring", &sealed).is_none());
        assert!(open(&Secret::new([8; 32]), b"slot", &sealed).is_none());
        assert!(open(&key, b"slot", &sealed[..sealed.len() - 1]).is_none());
        assert!(open(&key, b"slot", b"").is_none());
    }
}
