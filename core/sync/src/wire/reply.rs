//! The reply of `POST /v1/sync`.
//!
//! Knows how the receipt is told without what the device knows already, and what follows it. Refuses to judge entries and
//! segments: each is signed on its own. Invariant: a decoded reply's receipt is signed by the hub over exactly the segments
//! that were sent. Start at [`SyncReply`].

use crate::bytes::{Reader, VERSION, Writer};
use crate::error::{Malformed, Result, SyncError};
use crate::id::{Hash, Incarnation, StreamId};
use crate::keys::Public;
use crate::log::ENTRY_BYTES_MAX;
use crate::segment::SEGMENT_BYTES_MAX;

use super::receipt::{PushReceipt, PushResult, Receipt, StreamReceipt};
use super::request::SyncRequest;
use super::{BODY_BYTES_MAX, ITEM_BYTES_MIN};

/// Most streams that a reply brings something for: a device may belong to more than it named.
const NEWS_MAX: usize = 4096;

/// What the hub has for a device in one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// The stream.
    pub stream: StreamId,
    /// Log entries in order; a unit's entries stand before the stream's entry that needs them.
    pub entries: Vec<Vec<u8>>,
    /// Hub position and wire form of segments, with author, generation and prev.
    pub segments: Vec<(u64, Vec<u8>)>,
}

/// The hub's reply to a request it understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReply {
    /// The signed receipt.
    pub receipt: Receipt,
    /// What is new.
    pub news: Vec<News>,
    /// Whether the device should ask again at once.
    pub more: bool,
}

impl SyncReply {
    /// The reply's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        let receipt = &self.receipt;
        out.u8(VERSION).raw(receipt.incarnation).varint(receipt.hub_time).count(receipt.streams.len());
        for stream in &receipt.streams {
            stream.write(&mut out);
            stream.pushes.iter().for_each(|push| push.write(&mut out));
        }
        out.raw(receipt.signature).count(self.news.len());
        for news in &self.news {
            out.raw(news.stream).count(news.entries.len());
            for entry in &news.entries {
                out.bytes(entry);
            }
            out.count(news.segments.len());
            for (position, segment) in &news.segments {
                out.varint(*position).bytes(segment);
            }
        }
        out.u8(u8::from(self.more));
        out.finish()
    }

    /// Reads the reply to `request`, whose pushed segments have these `hashes`, in order over all streams, and checks the
    /// hub's signature.
    ///
    /// # Errors
    /// [`SyncError::Malformed`], [`SyncError::Newer`], or [`SyncError::BadSignature`] if the hub signed something else.
    pub fn decode(bytes: &[u8], request: &SyncRequest, hashes: &[Hash], hub: &Public) -> Result<Self> {
        let mut reader = Reader::message(bytes, BODY_BYTES_MAX, Malformed("reply too large"))?;
        let receipt = read_receipt(&mut reader, request, hashes)?;
        receipt.verify(hub)?;
        let mut news = Vec::new();
        for _ in 0..reader.count(StreamId::LEN + 2, NEWS_MAX)? {
            news.push(News::read(&mut reader)?);
        }
        let more = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(SyncError::Newer),
        };
        reader.end()?;
        Ok(Self { receipt, news, more })
    }
}

fn read_receipt(reader: &mut Reader<'_>, request: &SyncRequest, hashes: &[Hash]) -> Result<Receipt> {
    let incarnation = Incarnation(reader.array()?);
    let hub_time = reader.varint()?;
    if reader.count(3, request.streams.len())? != request.streams.len() {
        return Err(Malformed("reply to another number of streams").into());
    }
    let mut hashes = hashes.iter();
    let mut streams = Vec::with_capacity(request.streams.len());
    for asked in &request.streams {
        let mut stream = StreamReceipt::read(asked.stream, reader)?;
        for _ in &asked.pushes {
            let hash = hashes.next().ok_or(Malformed("reply to more than was sent"))?;
            let held = reader.clone().u8().and_then(PushResult::from_code)?.is_held();
            stream.pushes.push(PushReceipt::read(if held { *hash } else { Hash::default() }, reader)?);
        }
        streams.push(stream);
    }
    let SyncRequest { device, number, .. } = *request;
    Ok(Receipt { device, number, incarnation, hub_time, streams, signature: reader.array()? })
}

impl News {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut news = Self { stream: StreamId(reader.array()?), ..Self::default() };
        for _ in 0..reader.count(ITEM_BYTES_MIN, BODY_BYTES_MAX)? {
            news.entries.push(reader.bytes(ENTRY_BYTES_MAX)?.to_vec());
        }
        for _ in 0..reader.count(ITEM_BYTES_MIN, BODY_BYTES_MAX)? {
            news.segments.push((reader.varint()?, reader.bytes(SEGMENT_BYTES_MAX)?.to_vec()));
        }
        Ok(news)
    }
}
