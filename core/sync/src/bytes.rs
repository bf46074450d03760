//! Reading and writing the primitives of `docs/wire.md` §1.
//!
//! Knows lengths and caps, no meaning. Invariant: a [`Reader`] never reads past its end, never allocates more than what
//! is left to read, and refuses any encoding that is not the shortest. Start at [`Reader`] and [`Writer`].

pub use crate::error::Malformed;
use crate::error::{Result, SyncError};

/// The version byte that every message begins with.
pub(crate) const VERSION: u8 = 1;

/// Reads primitives from a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A reader behind the version byte of a whole message.
    ///
    /// # Errors
    /// [`Malformed`] with `too_large` if there are more than `cap` bytes, or if there are none;
    /// [`SyncError::Newer`] for another version.
    pub fn message(bytes: &'a [u8], cap: usize, too_large: Malformed) -> Result<Self> {
        if bytes.len() > cap {
            return Err(too_large.into());
        }
        let mut reader = Self::new(bytes);
        if reader.u8()? == VERSION { Ok(reader) } else { Err(SyncError::Newer) }
    }

    /// Bytes not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`Malformed`] if fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Malformed("ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`Malformed`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed("ends too early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Malformed`] at the end.
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A varint in its shortest form.
    ///
    /// # Errors
    /// [`Malformed`] if it is cut, too long, or not the shortest form.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return Err(Malformed("number over 64 bits").into());
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Malformed("number not in its shortest form").into());
                }
                return Ok(value);
            }
        }
        Err(Malformed("number over 10 bytes").into())
    }

    /// A signed number in zigzag form.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn zigzag(&mut self) -> Result<i64> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A count of things that take at least `least` bytes each, at most `cap`.
    ///
    /// # Errors
    /// [`Malformed`] if that many cannot be left or the cap is passed.
    pub fn count(&mut self, least: usize, cap: usize) -> Result<usize> {
        let n = self.varint()?;
        self.fitting(n, least, cap)
    }

    /// A count that was read before: of things that take at least `least` bytes each, at most `cap`.
    ///
    /// # Errors
    /// As [`Reader::count`].
    pub(crate) fn fitting(&self, count: u64, least: usize, cap: usize) -> Result<usize> {
        let n = usize::try_from(count).map_err(|_| Malformed("count too large"))?;
        if n > cap || n.saturating_mul(least.max(1)) > self.rest.len() {
            return Err(Malformed("count too large").into());
        }
        Ok(n)
    }

    /// A length and that many bytes, at most `cap`.
    ///
    /// # Errors
    /// [`Malformed`] if the length passes the cap or the end.
    pub fn bytes(&mut self, cap: usize) -> Result<&'a [u8]> {
        let n = self.count(1, cap)?;
        self.take(n)
    }

    /// UTF-8 text in NFC, at most `cap` bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is cut, over the cap, not UTF-8 or not in NFC.
    pub fn text(&mut self, cap: usize) -> Result<&'a str> {
        let text = std::str::from_utf8(self.bytes(cap)?).map_err(|_| Malformed("text is not UTF-8"))?;
        if unicode_normalization::is_nfc(text) { Ok(text) } else { Err(Malformed("text is not in NFC").into()) }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`Malformed`] if bytes are left over.
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("bytes left over").into()) }
    }
}

/// Writes primitives into a vector.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What has been written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// A look at what has been written.
    pub fn as_slice(&self) -> &[u8] {
        &self.out
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.out.extend_from_slice(bytes.as_ref());
        self
    }

    /// One byte.
    pub fn u8(&mut self, byte: u8) -> &mut Self {
        self.out.push(byte);
        self
    }

    /// A varint.
    pub fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.out.push((value & 0x7f) as u8);
        self
    }

    /// A count or length.
    pub fn count(&mut self, n: usize) -> &mut Self {
        self.varint(n as u64)
    }

    /// A signed number in zigzag form.
    pub fn zigzag(&mut self, value: i64) -> &mut Self {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned())
    }

    /// A length and the bytes.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.count(bytes.len()).raw(bytes)
    }

    /// Text as length and UTF-8.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Bytes from hex; `None` if a digit is wrong or one is missing.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
