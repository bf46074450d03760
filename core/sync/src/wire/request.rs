//! The request of `POST /v1/sync`.
//!
//! Knows its bytes and who signed it. Refuses to open the segments it carries: the hub completes each wire form with what it
//! holds. Invariant: a [`SyncRequest`] on the hub comes out of [`SignedRequest::verify`] only. Start at [`SyncRequest`].

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Generation, StreamHandle};
use crate::keys::{Signature, TransportKey, signed_message, verify};
use crate::segment::SEGMENT_BYTES_MAX;

use super::{BODY_BYTES_MAX, ITEM_BYTES_MIN, STREAMS_MAX};

const CONTEXT: &str = "samanvay sync v1";

/// What a device says about one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The stream.
    pub stream: StreamHandle,
    /// Whether segments are wanted back.
    pub segments: bool,
    /// Newest hub position held.
    pub cursor: u64,
    /// Entries held of the stream's log.
    pub log: u64,
    /// Segments in wire form (`crate::segment::WireForm`), in the order of their numbers. Author and generation are the
    /// request's, and prev is what the hub holds right before, unless they travel along.
    pub pushes: Vec<Vec<u8>>,
}

/// A device's request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// The device.
    pub device: DeviceId,
    /// Its current generation.
    pub generation: Generation,
    /// Strictly rising per device.
    pub number: u64,
    /// Most bytes of segments wanted back.
    pub budget: u64,
    /// What it says about each stream.
    pub streams: Vec<Asked>,
}

impl SyncRequest {
    /// The request's bytes. `sign` gets the whole message to sign with the device's transport key; it may live in the
    /// phone's hardware.
    ///
    /// # Errors
    /// Whatever `sign` fails with.
    pub fn encode<E>(
        &self,
        sign: impl FnOnce(&[u8]) -> std::result::Result<Signature, E>,
    ) -> std::result::Result<Vec<u8>, E> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.device).raw(self.generation).varint(self.number);
        out.varint(self.budget).count(self.streams.len());
        for asked in &self.streams {
            let pushes = asked.pushes.len() as u64;
            out.raw(asked.stream).varint(pushes * 2 + u64::from(asked.segments)).varint(asked.cursor).varint(asked.log);
            for push in &asked.pushes {
                out.bytes(push);
            }
        }
        let signature = sign(&signed_message(CONTEXT, out.as_slice()))?;
        out.u8(TransportKey::ED25519).raw(signature);
        Ok(out.finish())
    }

    /// Reads a request. Only its device is known until [`SignedRequest::verify`].
    ///
    /// # Errors
    /// [`SyncError::Malformed`], or [`SyncError::Newer`] for another version or algorithm.
    pub fn decode(bytes: &[u8]) -> Result<SignedRequest<'_>> {
        let mut reader = Reader::message(bytes, BODY_BYTES_MAX, Malformed("request too large"))?;
        let mut request = Self {
            device: DeviceId(reader.array()?),
            generation: Generation(reader.array()?),
            number: reader.varint()?,
            budget: reader.varint()?,
            streams: Vec::new(),
        };
        for _ in 0..reader.count(StreamHandle::LEN + 3, STREAMS_MAX)? {
            let asked = Asked::read(&mut reader)?;
            if request.streams.iter().any(|other| other.stream == asked.stream) {
                return Err(Malformed("a stream is named twice").into());
            }
            request.streams.push(asked);
        }
        let signed = bytes.get(..bytes.len() - reader.rest().len()).unwrap_or_default();
        if reader.u8()? != TransportKey::ED25519 {
            return Err(SyncError::Newer);
        }
        let signature = reader.array()?;
        reader.end()?;
        Ok(SignedRequest { request, signed, signature })
    }
}

impl Asked {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let stream = StreamHandle(reader.array()?);
        let (counted, cursor, log) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let mut pushes = Vec::new();
        for _ in 0..reader.fitting(counted / 2, ITEM_BYTES_MIN, BODY_BYTES_MAX)? {
            pushes.push(reader.bytes(SEGMENT_BYTES_MAX)?.to_vec());
        }
        Ok(Self { stream, segments: counted % 2 == 1, cursor, log, pushes })
    }
}

/// A request whose signature is still to be checked.
#[derive(Debug)]
pub struct SignedRequest<'a> {
    request: SyncRequest,
    signed: &'a [u8],
    signature: Signature,
}

impl SignedRequest<'_> {
    /// The device that claims to have sent it.
    pub fn device(&self) -> DeviceId {
        self.request.device
    }

    /// The request, if this key signed it.
    ///
    /// # Errors
    /// [`SyncError::BadSignature`].
    pub fn verify(self, key: &TransportKey) -> Result<SyncRequest> {
        verify(&key.public, CONTEXT, self.signed, &self.signature)?;
        Ok(self.request)
    }
}
