//! Script coding of text (`docs/wire.md` §5): Devanagari and ASCII at one byte a character.
//!
//! Knows one fixed table. Refuses to normalise: what was signed is given back as it was. Invariant: [`decode`] accepts only
//! what [`encode`] makes. Start at [`encode`].

use crate::bytes::{Reader, Writer};
use crate::error::{Malformed, Result};

/// First code point of the page that has bytes 0x80 to 0xFF.
const PAGE: u32 = 0x0900;
/// Comes before the varint of any other code point.
const ESCAPE: u8 = 0x01;

/// The one-byte form of a code point, if it has one.
fn short(code: u32) -> Option<u8> {
    match code {
        0x0a | 0x20..=0x7e => u8::try_from(code).ok(),
        0x0900..=0x097f => u8::try_from(code - PAGE + 0x80).ok(),
        _ => None,
    }
}

/// Codes a text.
pub fn encode(text: &str) -> Vec<u8> {
    let mut w = Writer::new();
    for c in text.chars() {
        match short(c.into()) {
            Some(byte) => w.u8(byte),
            None => w.u8(ESCAPE).varint(u32::from(c).into()),
        };
    }
    w.finish()
}

/// Reads a coded text.
///
/// # Errors
/// [`Malformed`] for a byte with no meaning, no code point, or a longer form than needed.
pub fn decode(bytes: &[u8]) -> Result<String> {
    let mut r = Reader::new(bytes);
    let mut text = String::with_capacity(bytes.len());
    while !r.rest().is_empty() {
        let byte = r.u8()?;
        let code = match byte {
            0x0a | 0x20..=0x7e => byte.into(),
            0x80.. => PAGE + u32::from(byte - 0x80),
            ESCAPE => {
                let code = u32::try_from(r.varint()?).map_err(|_| Malformed("no code point"))?;
                if short(code).is_some() {
                    return Err(Malformed("text not in its shortest form").into());
                }
                code
            }
            _ => return Err(Malformed("byte without meaning in text").into()),
        };
        text.push(char::from_u32(code).ok_or(Malformed("no code point"))?);
    }
    Ok(text)
}
