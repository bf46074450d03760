//! The hub's signed receipt: the only thing that makes a segment *sent*.
//!
//! Knows what a receipt says and that the hub signed it. Refuses to know what it is for. Invariant: a decoded receipt is
//! believed only after [`Receipt::verify`]. Start at [`Receipt`].

use crate::bytes::{Reader, VERSION, Writer};
use crate::codes::codes;
use crate::error::{Malformed, Result};
use crate::id::{DeviceId, Hash, Incarnation, StreamHandle};
use crate::keys::{Public, SignKey, Signature, verify};

use super::{BODY_BYTES_MAX, STREAMS_MAX};

const CONTEXT: &str = "samanvay receipt v1";

codes!(
    /// What the hub knows of a stream and a device.
    StreamStatus {
        /// The device is a member.
        Ok = 0,
        /// The hub has no such stream.
        Unknown = 1,
        /// The device is not a member.
        NotMember = 2,
    }
);
codes!(
    /// What became of a pushed segment.
    PushResult {
        /// Stored durably now.
        Accepted = 0,
        /// Stored before, byte for byte.
        Held = 1,
        /// The author may not write at the position named.
        NotWriter = 2,
        /// The signature does not fit, or what was left out is not what the hub knows.
        BadSignature = 3,
        /// Segments before it are missing, or it names another one before it.
        Gap = 4,
        /// The hub holds something else under these numbers. The author must start a new generation.
        Fork = 5,
        /// Its epoch is not the newest at its position.
        WrongEpoch = 6,
        /// It names a position that the hub's log has not reached.
        Ahead = 7,
        /// It holds a field that an open stream does not admit, or one that the hub has no schema for.
        NotAdmitted = 8,
        /// Its bytes do not follow the format.
        Malformed = 9,
        /// It passes a cap.
        TooLarge = 10,
        /// Kept for review, outside the stream: the author's rights have ended since it was written.
        Quarantined = 11,
    }
);

impl PushResult {
    /// Whether the hub now holds the segment.
    pub fn is_held(self) -> bool {
        self <= Self::Held
    }
}

/// What became of one pushed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushReceipt {
    /// The segment's hash; zero unless the hub holds it.
    pub hash: Hash,
    /// What became of it.
    pub result: PushResult,
    /// Its position in the stream, from 1; 0 unless the hub holds it.
    pub position: u64,
}

/// What the hub says about one stream of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReceipt {
    /// The stream.
    pub stream: StreamHandle,
    /// Whether the device is a member.
    pub status: StreamStatus,
    /// Newest hub position in the stream.
    pub head: u64,
    /// Number that the hub expects next in the chain (device, stream, request's generation).
    pub next: u64,
    /// One for each pushed segment, in the request's order.
    pub pushes: Vec<PushReceipt>,
}

/// What the hub signs in answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The device that asked.
    pub device: DeviceId,
    /// The request's number.
    pub number: u64,
    /// The hub's incarnation.
    pub incarnation: Incarnation,
    /// The hub's time, unix milliseconds.
    pub hub_time: u64,
    /// One for each stream of the request, in its order.
    pub streams: Vec<StreamReceipt>,
    /// The hub's signature; zero until [`Receipt::sign`].
    pub signature: Signature,
}

impl Receipt {
    /// Signs the receipt. Segments that the hub does not hold lose their hash and position: it vouches for none of them.
    #[must_use]
    pub fn sign(mut self, hub: &SignKey) -> Self {
        for push in self.streams.iter_mut().flat_map(|stream| &mut stream.pushes) {
            if !push.result.is_held() {
                (push.hash, push.position) = (Hash::default(), 0);
            }
        }
        self.signature = hub.sign(CONTEXT, &self.signed());
        self
    }

    /// Checks the hub's signature.
    ///
    /// # Errors
    /// [`crate::SyncError::BadSignature`].
    pub fn verify(&self, hub: &Public) -> Result<()> {
        verify(hub, CONTEXT, &self.signed(), &self.signature)
    }

    /// The receipt's bytes, as kept.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().as_slice(), &self.signature].concat()
    }

    /// Reads a kept receipt.
    ///
    /// # Errors
    /// [`crate::SyncError::Malformed`] or [`crate::SyncError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::message(bytes, BODY_BYTES_MAX, Malformed("receipt too large"))?;
        let mut receipt = Self {
            device: DeviceId(reader.array()?),
            number: reader.varint()?,
            incarnation: Incarnation(reader.array()?),
            hub_time: reader.varint()?,
            streams: Vec::new(),
            signature: [0; 64],
        };
        for _ in 0..reader.count(StreamHandle::LEN + 4, STREAMS_MAX)? {
            let mut stream = StreamReceipt::read(StreamHandle(reader.array()?), &mut reader)?;
            for _ in 0..reader.count(Hash::LEN + 2, BODY_BYTES_MAX)? {
                stream.pushes.push(PushReceipt::read(Hash(reader.array()?), &mut reader)?);
            }
            receipt.streams.push(stream);
        }
        receipt.signature = reader.array()?;
        reader.end()?;
        Ok(receipt)
    }

    fn signed(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(self.device).varint(self.number).raw(self.incarnation).varint(self.hub_time);
        out.count(self.streams.len());
        for stream in &self.streams {
            out.raw(stream.stream);
            stream.write(&mut out);
            out.count(stream.pushes.len());
            for push in &stream.pushes {
                out.raw(push.hash);
                push.write(&mut out);
            }
        }
        out.finish()
    }
}

impl StreamReceipt {
    /// Writes what stands between the stream's name and its pushes.
    pub(super) fn write(&self, out: &mut Writer) {
        out.u8(self.status.code()).varint(self.head).varint(self.next);
    }

    /// Reads what [`StreamReceipt::write`] wrote.
    pub(super) fn read(stream: StreamHandle, reader: &mut Reader<'_>) -> Result<Self> {
        let status = StreamStatus::from_code(reader.u8()?)?;
        Ok(Self { stream, status, head: reader.varint()?, next: reader.varint()?, pushes: Vec::new() })
    }
}

impl PushReceipt {
    /// Writes all but the hash.
    pub(super) fn write(&self, out: &mut Writer) {
        out.u8(self.result.code()).varint(self.position);
    }

    /// Reads the result of the segment with this hash.
    pub(super) fn read(hash: Hash, reader: &mut Reader<'_>) -> Result<Self> {
        let (result, position) = (PushResult::from_code(reader.u8()?)?, reader.varint()?);
        if !result.is_held() && (position != 0 || hash != Hash::default()) {
            return Err(Malformed("receipt over a segment that is not held").into());
        }
        Ok(Self { hash, result, position })
    }
}
