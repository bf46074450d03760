//! The keys that say who this profile is: identity (behind the PIN) and transport (outside it).
//!
//! Knows the files `identity` and `transport` (docs/keys.md §3) and how public halves follow from secret ones. Knows
//! nothing of what is signed. Start at [`Identity`].

use std::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::crypto::{Secret, hkdf, open, seal};
use crate::error::{Part, VaultError};
use crate::files::{Dir, Fields, check_version};
use crate::keystore::{KeyStore, TRANSPORT_ED25519, TransportPublic};
use crate::profile::ProfileId;

const IDENTITY_FILE: &str = "identity";
const IDENTITY_KIND: [u8; 8] = *b"smvident";
const TRANSPORT_FILE: &str = "transport";
const TRANSPORT_KIND: [u8; 8] = *b"smvtrans";
const VERSION: u8 = 1;

/// The profile's long-lived keys. Wiped when dropped; prints its public halves only.
#[derive(Clone)]
pub struct Identity {
    /// Ed25519 seed (RFC 8032 private key).
    pub ed25519_seed: Secret,
    /// X25519 private key (RFC 7748).
    pub x25519_secret: Secret,
    /// Ed25519 public key.
    pub ed25519_public: [u8; 32],
    /// X25519 public key.
    pub x25519_public: [u8; 32],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("ed25519_public", &self.ed25519_public)
            .field("x25519_public", &self.x25519_public)
            .finish_non_exhaustive()
    }
}

impl Identity {
    fn from_secrets(ed25519_seed: Secret, x25519_secret: Secret) -> Result<Self, VaultError> {
        let pair = key_pair(&ed25519_seed)?;
        let damaged = |_| VaultError::Damaged(Part::Identity);
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(x25519_secret.as_bytes()).map_err(damaged)?;
        let mut x25519_public = [0; 32];
        X25519HkdfSha256::sk_to_pk(&private).write_exact(&mut x25519_public);
        Ok(Self { ed25519_public: public_of(&pair), x25519_public, ed25519_seed, x25519_secret })
    }

    pub(crate) fn create(dir: &Dir, profile: &ProfileId, key: &Secret) -> Result<Self, VaultError> {
        let identity = Self::from_secrets(Secret::random()?, Secret::random()?)?;
        let mut plain = zeroize::Zeroizing::new([0; 64]);
        let (first, second) = plain.split_at_mut(32);
        first.copy_from_slice(identity.ed25519_seed.as_bytes());
        second.copy_from_slice(identity.x25519_secret.as_bytes());
        write_sealed(dir, IDENTITY_FILE, IDENTITY_KIND, (profile, key), &*plain)?;
        Ok(identity)
    }

    /// Opens the file `identity`. `key` is right by construction, so a failure means damage.
    pub(crate) fn read(dir: &Dir, profile: &ProfileId, key: &Secret) -> Result<Self, VaultError> {
        let plain = read_sealed(dir, IDENTITY_FILE, IDENTITY_KIND, (profile, key), Part::Identity)?;
        let plain = plain.ok_or(VaultError::Damaged(Part::Identity))?;
        let mut fields = Fields::new(&plain);
        match (fields.array(), fields.array()) {
            (Some(seed), Some(secret)) => Self::from_secrets(Secret::new(seed), Secret::new(secret)),
            _ => Err(VaultError::Damaged(Part::Identity)),
        }
    }
}

/// The key that signs requests to the hub: the key store's own, or a seed on disk under the device key.
pub(crate) enum Transport {
    Store(TransportPublic),
    Seed(Secret),
}

impl Transport {
    /// Makes a seed unless the key store signs itself.
    pub(crate) fn create(
        dir: &Dir,
        profile: &ProfileId,
        key: &Secret,
        store: &dyn KeyStore,
    ) -> Result<Self, VaultError> {
        if store.properties().signs_transport
            && let Some(public) = store.transport_public(&profile.label("transport"))?
        {
            return Ok(Self::Store(public));
        }
        let seed = Secret::random()?;
        let plain = zeroize::Zeroizing::new([&[TRANSPORT_ED25519], seed.as_bytes().as_slice()].concat());
        write_sealed(dir, TRANSPORT_FILE, TRANSPORT_KIND, (profile, key), &plain)?;
        Ok(Self::Seed(seed))
    }

    /// A seed on disk comes first: the hub knows the key that the profile was enrolled with.
    pub(crate) fn open(dir: &Dir, profile: &ProfileId, key: &Secret, store: &dyn KeyStore) -> Result<Self, VaultError> {
        let damaged = || VaultError::Damaged(Part::Transport);
        let plain = read_sealed(dir, TRANSPORT_FILE, TRANSPORT_KIND, (profile, key), Part::Transport)?;
        if let Some(plain) = plain {
            let mut fields = Fields::new(&plain);
            return match (fields.byte(), fields.array()) {
                (Some(TRANSPORT_ED25519), Some(seed)) => Ok(Self::Seed(Secret::new(seed))),
                (Some(found), Some(_)) => {
                    Err(VaultError::NewerSchema { found: found.into(), supported: TRANSPORT_ED25519.into() })
                }
                _ => Err(damaged()),
            };
        }
        store.transport_public(&profile.label("transport"))?.map(Self::Store).ok_or_else(damaged)
    }

    pub(crate) fn public(&self) -> Result<TransportPublic, VaultError> {
        Ok(match self {
            Self::Store(public) => *public,
            Self::Seed(seed) => TransportPublic { algorithm: TRANSPORT_ED25519, bytes: public_of(&key_pair(seed)?) },
        })
    }

    pub(crate) fn sign(
        &self,
        profile: &ProfileId,
        store: &dyn KeyStore,
        message: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        match self {
            Self::Store(_) => store
                .sign_transport(&profile.label("transport"), message)?
                .ok_or(VaultError::KeyStore(crate::keystore::KeyStoreError::KeyChanged)),
            Self::Seed(seed) => Ok(key_pair(seed)?.sign(message).as_ref().to_vec()),
        }
    }
}

fn key_pair(seed: &Secret) -> Result<Ed25519KeyPair, VaultError> {
    Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).map_err(|_| VaultError::crypto())
}

fn public_of(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().first_chunk::<32>().copied().unwrap_or_default()
}

/// `version ‖ seal`, associated data: kind of file and profile.
fn write_sealed(
    dir: &Dir,
    name: &str,
    kind: [u8; 8],
    (profile, key): (&ProfileId, &Secret),
    plain: &[u8],
) -> Result<(), VaultError> {
    let sealed = seal(key, &associated(kind, profile), plain)?;
    dir.replace_twin(name, kind, &[&[VERSION], sealed.as_slice()].concat())
}

fn read_sealed(
    dir: &Dir,
    name: &str,
    kind: [u8; 8],
    (profile, key): (&ProfileId, &Secret),
    part: Part,
) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, VaultError> {
    let Some(body) = dir.read_twin(name, kind, part)? else { return Ok(None) };
    let (version, sealed) = body.split_first().ok_or(VaultError::Damaged(part))?;
    check_version(*version, VERSION, part)?;
    open(key, &associated(kind, profile), sealed).map(Some).ok_or(VaultError::Damaged(part))
}

fn associated(kind: [u8; 8], profile: &ProfileId) -> Vec<u8> {
    [kind.as_slice(), &[VERSION], profile.bytes()].concat()
}

/// The children of the master key (docs/keys.md §1).
pub(crate) struct MasterKeys {
    pub(crate) database: Secret,
    pub(crate) identity: Secret,
    pub(crate) ring: Secret,
    pub(crate) tag: Secret,
}

impl MasterKeys {
    pub(crate) fn derive(profile: &ProfileId, master: &Secret) -> Result<Self, VaultError> {
        let child = |label: &[u8]| hkdf(b"samanvay master v1", master.as_bytes(), &[profile.bytes(), label]);
        Ok(Self {
            database: child(b"database")?,
            identity: child(b"identity")?,
            ring: child(b"ring")?,
            tag: child(b"tag")?,
        })
    }
}
