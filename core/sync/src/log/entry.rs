//! One entry of a membership log: its bytes, hash and signatures (`docs/wire.md` §3).
//!
//! Knows how an entry is written and that its signatures fit its bytes. Refuses to know whether the entry may stand in a
//! log; that is [`super::unit`] and [`super::stream`]. Invariant: an [`Entry`] keeps the bytes it was read from, so what is
//! passed on is byte-equal. Start at [`Entry::decode`] and [`Entry::sign`].

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{Hash, LogId};
use crate::keys::{Public, SignKey, Signature, sha256, verify};

use super::body::Body;

/// Most bytes of an entry (`docs/wire.md` §9).
pub const ENTRY_BYTES_MAX: usize = 64 << 10;

const CONTEXT: &str = "samanvay log v1";

/// A signed entry of a membership log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    log: LogId,
    index: u64,
    prev: Hash,
    time: u64,
    body: Body,
    signers: Vec<(Public, Signature)>,
    bytes: Vec<u8>,
    signed: usize,
}

impl Entry {
    /// Makes and signs an entry. `prev` is the hash of the entry before, zero for index 0; `time` is unix seconds.
    ///
    /// # Errors
    /// [`SyncError::Malformed`] if there is no signer, there are more than two, the entry is over 64 KiB, or a text is not NFC.
    pub fn sign(log: LogId, index: u64, prev: Hash, time: u64, body: Body, keys: &[&SignKey]) -> Result<Self> {
        if !(1..=2).contains(&keys.len()) {
            return Err(Malformed("an entry has one or two signers").into());
        }
        let encoded = body.encode();
        Body::decode(body.kind(), &encoded)?;
        let mut out = Writer::new();
        out.u8(VERSION).raw(log).varint(index).raw(prev).varint(time);
        out.u8(body.kind()).bytes(encoded);
        let signed = out.as_slice().len();
        let signers: Vec<_> = keys.iter().map(|key| (key.public(), key.sign(CONTEXT, out.as_slice()))).collect();
        out.count(signers.len());
        for (public, signature) in &signers {
            out.raw(public).raw(signature);
        }
        let bytes = out.finish();
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(Malformed("entry too large").into());
        }
        Ok(Self { log, index, prev, time, body, signers, bytes, signed })
    }

    /// Reads an entry. Signatures are checked by [`Entry::verify`], which every log calls.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], or [`SyncError::Newer`] for another version. An unknown kind is no error here.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, ENTRY_BYTES_MAX, Malformed("entry too large"))?;
        let log = LogId(reader.array()?);
        let index = reader.varint()?;
        let prev = Hash(reader.array()?);
        let time = reader.varint()?;
        let kind = reader.u8()?;
        let body = Body::decode(kind, reader.bytes(ENTRY_BYTES_MAX)?)?;
        let signed = bytes.len() - reader.rest().len();
        let count = reader.count(96, 2)?;
        let mut signers = Vec::with_capacity(count);
        for _ in 0..count {
            signers.push((reader.array()?, reader.array()?));
        }
        reader.end()?;
        if signers.is_empty() {
            return Err(Malformed("entry without a signer").into());
        }
        Ok(Self { log, index, prev, time, body, signers, bytes: bytes.to_vec(), signed })
    }

    /// Checks every signature, and that the signers differ.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`], or [`SyncError::BadEntry`] for one key signing twice.
    pub fn verify(&self) -> Result<()> {
        if let [(first, _), (second, _)] = self.signers.as_slice()
            && first == second
        {
            return Err(self.refuse("both signatures are by one key"));
        }
        let signed = self.bytes.get(..self.signed).unwrap_or_default();
        self.signers.iter().try_for_each(|(public, signature)| verify(public, CONTEXT, signed, signature))
    }

    /// The entry's bytes, as read or made.
    pub fn encode(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the whole entry.
    pub fn hash(&self) -> Hash {
        sha256(&[&self.bytes])
    }

    /// The log that the entry belongs to.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Its place in the log, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hash of the entry before.
    pub fn prev(&self) -> Hash {
        self.prev
    }

    /// Unix seconds, as claimed by the signer. Shown, never judged.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// What the entry says.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The keys that signed.
    pub fn signers(&self) -> impl Iterator<Item = &Public> {
        self.signers.iter().map(|(public, _)| public)
    }

    /// An error that names this entry's place.
    pub(super) fn refuse(&self, why: &'static str) -> SyncError {
        SyncError::BadEntry { index: self.index, why }
    }
}
