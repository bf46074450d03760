//! zstd frames anywhere in bytes, with or without their magic number.
//!
//! Knows frame and block headers (RFC 8878 §3.1.1) as far as it takes to tell a frame from chance. Invariant: a frame of one
//! compressed block or more is found at whatever offset it begins. Start at [`Frames::all`].

use zstd::bulk::Decompressor;

/// Most bytes that a frame may give.
const OUT_MAX: usize = 8 << 20;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_MAX: usize = 128 << 10;

/// Opens frames; one decompressor serves all.
pub(super) struct Frames(Decompressor<'static>);

impl Frames {
    pub(super) fn new() -> std::io::Result<Self> {
        Decompressor::new().map(Self)
    }

    /// What every frame in `bytes` holds. Frames of stored blocks alone are left out: what they hold lies open already.
    pub(super) fn all(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        (0..bytes.len()).filter_map(|at| self.open(bytes.get(at..)?)).collect()
    }

    /// The content of the magicless frame at the start of `bytes`, if there is one.
    fn open(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (header, size) = header(bytes)?;
        let (length, most) = blocks(bytes, header)?;
        let frame = [&MAGIC, bytes.get(..length)?].concat();
        let capacity = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(most);
        self.0.decompress(&frame, capacity.min(most)).ok()
    }
}

/// Length of the frame header and the content's size, if it says one.
fn header(bytes: &[u8]) -> Option<(usize, Option<u64>)> {
    let descriptor = *bytes.first()?;
    let (reserved, checksum, dictionary) = (descriptor & 8, descriptor & 4, descriptor & 3);
    if reserved != 0 || checksum != 0 || dictionary != 0 {
        return None; // this app writes neither checksums nor dictionaries
    }
    let single = descriptor & 0x20 != 0;
    if !single && bytes.get(1)? >> 3 > 13 {
        return None; // a window above 8 MiB
    }
    let window = usize::from(!single);
    let width = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let field = bytes.get(1 + window..1 + window + width)?;
    let value = field.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let size = (width > 0).then(|| if width == 2 { value + 256 } else { value });
    size.is_none_or(|size| (1..=OUT_MAX as u64).contains(&size)).then_some((1 + window + width, size))
}

/// Length of the frame and the most that it can hold, if its blocks lie within `bytes` and at least one is compressed.
fn blocks(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let (mut compressed, mut most) = (false, 0);
    loop {
        let head = bytes.get(at..at + 3)?;
        let head = head.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (last, kind, size) = (head & 1 == 1, head >> 1 & 3, head >> 3);
        if size > BLOCK_MAX || kind == 3 {
            return None;
        }
        // A repeated byte is stored once.
        at += 3 + if kind == 1 { 1 } else { size };
        compressed |= kind == 2;
        most += BLOCK_MAX;
        if at > bytes.len() || most > OUT_MAX {
            return None;
        }
        if last {
            return compressed.then_some((at, most));
        }
    }
}
