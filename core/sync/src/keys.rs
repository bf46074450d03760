//! Keys, signatures, sealed boxes and the cards that say whose they are (`docs/wire.md` §1, §2).
//!
//! Knows Ed25519, X25519, HPKE and the two kinds of card. Refuses to know where keys are kept and who holds a right.
//! Invariant: no `Debug` or error here prints a secret, and whatever is signed or sealed carries a context string, so that
//! bytes made for one purpose never pass for another. Start at [`DeviceKeys`]; randomness comes in through [`Random`].

use std::fmt;

use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{Infallible, TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::rand::SecureRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::{Zeroize, Zeroizing};

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Hash};

/// A public key: Ed25519 or X25519, 32 bytes.
pub type Public = [u8; 32];
/// An Ed25519 signature.
pub type Signature = [u8; 64];
/// Bytes that a sealed box adds to its plaintext: the encapsulated key and the tag.
pub const BOX_OVERHEAD: usize = 32 + 16;
/// A sealed box over a 32-byte key.
pub type SealedKey = [u8; 80];

const MAX_NAME: usize = 64 << 10;
const DEVICE: &str = "samanvay device v1";
const ADMIN: &str = "samanvay admin v1";

type Kdf = HkdfSha256;
type Kex = X25519HkdfSha256;
type Aead = ChaCha20Poly1305;

/// Where random bytes come from. The product uses [`SystemRandom`]; tests bring a seeded source.
pub trait Random {
    /// Fills `out` with bytes that nobody can predict.
    ///
    /// # Errors
    /// [`SyncError::NoRandomness`] if the source fails; nothing may then be made with `out`.
    fn fill(&mut self, out: &mut [u8]) -> Result<()>;
}

/// The operating system's random source.
#[derive(Clone, Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// The source.
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        self.0.fill(out).map_err(|_| SyncError::NoRandomness)
    }
}

/// `N` random bytes.
///
/// # Errors
/// [`SyncError::NoRandomness`].
pub fn draw<const N: usize>(random: &mut dyn Random) -> Result<[u8; N]> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = Hash::default();
    out.0.copy_from_slice(context.finish().as_ref());
    out
}

/// What is signed: `context ‖ 0x00 ‖ data`. Needed by whoever signs with a key that this crate does not hold.
pub fn signed_message(context: &str, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(context.len() + 1 + data.len());
    message.extend_from_slice(context.as_bytes());
    message.push(0);
    message.extend_from_slice(data);
    message
}

/// Checks an Ed25519 signature over `context ‖ 0x00 ‖ data`.
///
/// # Errors
/// [`SyncError::BadSignature`].
pub fn verify(public: &Public, context: &str, data: &[u8], signature: &Signature) -> Result<()> {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(&signed_message(context, data), signature)
        .map_err(|_| SyncError::BadSignature)
}

/// An Ed25519 key pair. `ring` offers no way to wipe the expanded key; it lives as long as this value.
pub struct SignKey(Ed25519KeyPair);

impl SignKey {
    /// The pair that belongs to a 32-byte seed (RFC 8032).
    ///
    /// # Errors
    /// [`SyncError::Malformed`], which no seed of this length causes.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Malformed("not an Ed25519 seed"))?;
        Ok(Self(pair))
    }

    /// A new pair and its seed, for the caller to keep.
    ///
    /// # Errors
    /// [`SyncError::NoRandomness`].
    pub fn generate(random: &mut dyn Random) -> Result<(Self, Zeroizing<[u8; 32]>)> {
        let seed = Zeroizing::new(draw(random)?);
        Ok((Self::from_seed(&seed)?, seed))
    }

    /// The public half.
    pub fn public(&self) -> Public {
        let mut out = [0; 32];
        // Both are 32 bytes by RFC 8032.
        out.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        out
    }

    /// Signs `context ‖ 0x00 ‖ data`.
    pub fn sign(&self, context: &str, data: &[u8]) -> Signature {
        let signature = self.0.sign(&signed_message(context, data));
        let mut out = [0; 64];
        out.iter_mut().zip(signature.as_ref()).for_each(|(to, from)| *to = *from);
        out
    }
}

impl fmt::Debug for SignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignKey(…)")
    }
}

/// An X25519 private half: opens boxes sealed to its public half. Wiped when dropped.
#[derive(Clone)]
pub struct BoxKey {
    secret: <Kex as Kem>::PrivateKey,
    public: Public,
}

impl BoxKey {
    /// The key that belongs to 32 secret bytes.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], which no 32 bytes cause.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self> {
        let secret = <Kex as Kem>::PrivateKey::from_bytes(secret).map_err(|_| Malformed("not an X25519 key"))?;
        let public = Kex::sk_to_pk(&secret).to_bytes().into();
        Ok(Self { secret, public })
    }

    /// A new key.
    ///
    /// # Errors
    /// [`SyncError::NoRandomness`].
    pub fn generate(random: &mut dyn Random) -> Result<Self> {
        Self::from_bytes(&Zeroizing::new(draw(random)?))
    }

    /// The secret bytes, for the vault or the admin's file to keep.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut encoded = self.secret.to_bytes();
        let mut out = Zeroizing::new([0; 32]);
        out.copy_from_slice(&encoded);
        encoded.zeroize();
        out
    }

    /// The public half.
    pub fn public(&self) -> Public {
        self.public
    }

    /// Opens a sealed box.
    ///
    /// # Errors
    /// [`SyncError::SealBroken`] if it was not sealed to this key with this `info` and `aad`, or was changed.
    pub fn open_box(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (encapsulated, ciphertext) = sealed.split_first_chunk().ok_or(SyncError::SealBroken)?;
        OpenSeal::new(self, info, encapsulated)?.open(aad, ciphertext)
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxKey(…)")
    }
}

/// Seals `plaintext` to a public key: `enc (32) ‖ ciphertext`.
///
/// # Errors
/// [`SyncError::NoRandomness`]; [`SyncError::SealBroken`] if `public` is no usable key.
pub fn seal_box(
    public: &Public,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    random: &mut dyn Random,
) -> Result<Vec<u8>> {
    NewSeal::new(public, info, random)?.seal(aad, plaintext)
}

/// A sender's HPKE context: seals one message and can export a secret bound to it.
pub(crate) struct NewSeal {
    encapsulated: [u8; 32],
    context: AeadCtxS<Aead, Kdf, Kex>,
}

impl NewSeal {
    pub(crate) fn new(public: &Public, info: &[u8], random: &mut dyn Random) -> Result<Self> {
        let public = <Kex as Kem>::PublicKey::from_bytes(public).map_err(|_| SyncError::SealBroken)?;
        let mut source = Adapter { random, failed: false };
        let made = hpke::setup_sender_with_rng::<Aead, Kdf, Kex>(&OpModeS::Base, &public, info, &mut source);
        if source.failed {
            return Err(SyncError::NoRandomness);
        }
        let (encapsulated, context) = made.map_err(|_| SyncError::SealBroken)?;
        Ok(Self { encapsulated: encapsulated.to_bytes().into(), context })
    }

    pub(crate) fn export(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        let mut out = Zeroizing::new([0; 32]);
        self.context.export(label, &mut *out).map_err(|_| SyncError::SealBroken)?;
        Ok(out)
    }

    pub(crate) fn seal(mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let ciphertext = self.context.seal(plaintext, aad).map_err(|_| SyncError::SealBroken)?;
        Ok([self.encapsulated.as_slice(), &ciphertext].concat())
    }
}

/// A receiver's HPKE context for one message.
pub(crate) struct OpenSeal {
    context: AeadCtxR<Aead, Kdf, Kex>,
}

impl OpenSeal {
    pub(crate) fn new(key: &BoxKey, info: &[u8], encapsulated: &[u8; 32]) -> Result<Self> {
        let encapsulated = <Kex as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| SyncError::SealBroken)?;
        let context = hpke::setup_receiver::<Aead, Kdf, Kex>(&OpModeR::Base, &key.secret, &encapsulated, info)
            .map_err(|_| SyncError::SealBroken)?;
        Ok(Self { context })
    }

    pub(crate) fn export(&self, label: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        let mut out = Zeroizing::new([0; 32]);
        self.context.export(label, &mut *out).map_err(|_| SyncError::SealBroken)?;
        Ok(out)
    }

    pub(crate) fn open(mut self, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.context.open(ciphertext, aad).map(Zeroizing::new).map_err(|_| SyncError::SealBroken)
    }
}

/// Gives a [`Random`] the shape that `hpke` asks for, which has no way to fail: a failure is remembered and the result
/// thrown away by the caller.
struct Adapter<'a> {
    random: &'a mut dyn Random,
    failed: bool,
}

impl TryRng for Adapter<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let mut word = [0; 4];
        self.try_fill_bytes(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let mut word = [0; 8];
        self.try_fill_bytes(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.failed |= self.random.fill(out).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Adapter<'_> {}

/// The identity keys of a device.
#[derive(Debug)]
pub struct DeviceKeys {
    /// Signs segments and the card.
    pub sign: SignKey,
    /// Receives epoch keys.
    pub boxk: BoxKey,
}

impl DeviceKeys {
    /// The card that names these keys and certifies `transport`.
    pub fn card(&self, transport: TransportKey) -> Card {
        let mut card = Card { sign: self.sign.public(), boxk: self.boxk.public(), transport, signature: [0; 64] };
        card.signature = self.sign.sign(DEVICE, &card.signed());
        card
    }

    /// The device's id.
    pub fn device_id(&self) -> DeviceId {
        device_id(&self.sign.public(), &self.boxk.public())
    }
}

/// The key that signs a device's requests. It can deliver and fetch sealed bytes and open none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportKey {
    /// The public half; the algorithm is Ed25519, the only one so far.
    pub public: Public,
}

impl TransportKey {
    /// The algorithm byte for Ed25519.
    pub const ED25519: u8 = 1;
}

/// A device's public keys, signed by itself. Only a decoded or made card exists, so its signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    sign: Public,
    boxk: Public,
    transport: TransportKey,
    signature: Signature,
}

impl Card {
    /// The key that signs segments.
    pub fn sign(&self) -> &Public {
        &self.sign
    }

    /// The key that epoch keys are sealed to.
    pub fn boxk(&self) -> &Public {
        &self.boxk
    }

    /// The key that signs requests.
    pub fn transport(&self) -> &TransportKey {
        &self.transport
    }

    /// The device's id, derived from its identity keys.
    pub fn device_id(&self) -> DeviceId {
        device_id(&self.sign, &self.boxk)
    }

    /// The card's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads a card and checks its signature.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::BadSignature`], or [`SyncError::Newer`] for an unknown transport algorithm.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let (sign, boxk) = (reader.array()?, reader.array()?);
        if reader.u8()? != TransportKey::ED25519 {
            return Err(SyncError::Newer);
        }
        let transport = TransportKey { public: reader.array()? };
        let card = Self { sign, boxk, transport, signature: reader.array()? };
        reader.end()?;
        verify(&card.sign, DEVICE, &card.signed(), &card.signature)?;
        Ok(card)
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(self.sign).raw(self.boxk).u8(TransportKey::ED25519).raw(self.transport.public);
        out.finish()
    }
}

fn device_id(sign: &Public, boxk: &Public) -> DeviceId {
    DeviceId(sha256(&[b"samanvay device id v1\0", sign, boxk]).prefix())
}

/// An admin's public key and district, signed by the state's authority. [`AdminCard::verify`] says whether it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCard {
    admin: Public,
    district: u32,
    name: String,
    signature: Signature,
}

impl AdminCard {
    /// Certifies an admin. `district` is an LGD code, 0 for the whole state.
    pub fn issue(authority: &SignKey, admin: Public, district: u32, name: &str) -> Self {
        let mut card = Self { admin, district, name: nfc(name), signature: [0; 64] };
        card.signature = authority.sign(ADMIN, &card.signed());
        card
    }

    /// The admin's key.
    pub fn admin(&self) -> &Public {
        &self.admin
    }

    /// LGD code of the admin's district; 0 is the whole state.
    pub fn district(&self) -> u32 {
        self.district
    }

    /// The admin's name, as shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the admin may act in logs of `district`.
    pub fn covers(&self, district: u32) -> bool {
        self.district == 0 || self.district == district
    }

    /// Checks the authority's signature.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`].
    pub fn verify(&self, authority: &Public) -> Result<()> {
        verify(authority, ADMIN, &self.signed(), &self.signature)
    }

    /// The card's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads a card. Its signature is not checked here: the authority's key comes from elsewhere.
    ///
    /// # Errors
    /// [`SyncError::Malformed`] or [`SyncError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, usize::MAX, Malformed("admin card too large"))?;
        let admin = reader.array()?;
        let district = district(&mut reader)?;
        let name = reader.text(MAX_NAME)?.to_owned();
        let card = Self { admin, district, name, signature: reader.array()? };
        reader.end()?;
        Ok(card)
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.admin).varint(self.district.into()).text(&self.name);
        out.finish()
    }
}

/// Reads an LGD district code.
pub(crate) fn district(reader: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(reader.varint()?).map_err(|_| Malformed("district code over 32 bits").into())
}

/// Text in the form that the wire carries.
pub(crate) fn nfc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfc(text).collect()
}
