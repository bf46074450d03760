//! Compression and padding of a payload.

use super::PAYLOAD_BYTES_MAX;
use crate::error::{Malformed, Result, SyncError};
use std::io::Read as _;

/// Codec bit: the payload is zstd-compressed.
pub(crate) const ZSTD: u8 = 1;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Up to here the best level costs a fraction of a millisecond more and saves radio time.
const BEST_LEVEL_BYTES_MAX: usize = 64 << 10;
const BEST_LEVEL: i32 = 19;
const FAST_LEVEL: i32 = 9;
/// Largest window a frame may ask for, as a power of two: twice the largest payload.
const WINDOW_LOG_MAX: u32 = 23;
/// Ends the payload before the padding.
const END: u8 = 0x80;

/// Compresses if that is shorter. Gives the codec byte and the bytes.
pub fn pack(payload: &[u8]) -> (u8, Vec<u8>) {
    let level = if payload.len() < BEST_LEVEL_BYTES_MAX { BEST_LEVEL } else { FAST_LEVEL };
    let frame = zstd::bulk::compress(payload, level).ok();
    match frame.as_deref().and_then(|frame| frame.strip_prefix(&MAGIC)) {
        Some(body) if body.len() < payload.len() => (ZSTD, body.to_vec()),
        _ => (0, payload.to_vec()),
    }
}

/// Undoes [`pack`].
///
/// # Errors
/// [`SyncError::Newer`] for a codec bit not known; [`Malformed`] for a damaged frame, more than one frame, or more than
/// [`PAYLOAD_BYTES_MAX`] bytes.
pub fn unpack(codec: u8, packed: &[u8]) -> Result<Vec<u8>> {
    if codec & !ZSTD != 0 {
        return Err(SyncError::Newer);
    }
    if codec == 0 {
        return if packed.len() > PAYLOAD_BYTES_MAX { Err(TOO_LARGE.into()) } else { Ok(packed.to_vec()) };
    }
    let damaged = |_| Malformed("damaged zstd frame");
    let mut source = MAGIC.as_slice().chain(packed);
    let mut payload = Vec::new();
    let mut frame = zstd::stream::read::Decoder::with_buffer(&mut source).map_err(damaged)?.single_frame();
    frame.window_log_max(WINDOW_LOG_MAX).map_err(damaged)?;
    let limit = PAYLOAD_BYTES_MAX as u64 + 1;
    frame.take(limit).read_to_end(&mut payload).map_err(damaged)?;
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(TOO_LARGE.into());
    }
    if !source.into_inner().1.is_empty() {
        return Err(Malformed("bytes after the zstd frame").into());
    }
    Ok(payload)
}

const TOO_LARGE: Malformed = Malformed("payload over 4 MiB");

/// The Padmé length for `len` bytes (Nikitin et al. 2019): hides the length for at most 12 % more bytes.
pub fn padme(len: usize) -> usize {
    let Some(e) = len.checked_ilog2().filter(|e| *e >= 1) else { return len };
    let s = e.ilog2() + 1;
    let mask = (1usize << e.saturating_sub(s)) - 1;
    len.saturating_add(mask) & !mask
}

/// Appends 0x80 and zeros up to the Padmé length.
pub fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(END);
    bytes.resize(padme(bytes.len()), 0);
    bytes
}

/// Undoes [`pad`].
///
/// # Errors
/// [`Malformed`] if the end mark is missing or the padding has another length.
pub fn unpad(padded: &[u8]) -> Result<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0).ok_or(Malformed("padding"))?;
    match padded.get(..=end).and_then(<[u8]>::split_last) {
        Some((&END, bytes)) if padme(bytes.len() + 1) == padded.len() => Ok(bytes),
        _ => Err(Malformed("padding").into()),
    }
}
