//! The ways in which a text may lie in a file or go over a wire.
//!
//! Invariant: each form is the longest run of bytes that is there whatever stands around the text. Start at [`of`].

use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Every form of a text with the name of its coding. Case of ASCII letters is for the caller to fold.
pub(super) fn of(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf8 = text.as_bytes();
    let mut forms = vec![
        ("UTF-8", utf8.to_vec()),
        ("UTF-16 LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16 BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("script page", samanvay_sync::payload::text::encode(text)),
        ("hex", hex(utf8, "")),
        ("hex, script page", hex(&samanvay_sync::payload::text::encode(text), "")),
        ("percent", percent(text)),
        ("percent, all", hex(utf8, "%")),
        ("\\x", hex(utf8, "\\x")),
        ("\\u", escaped(text, |unit, out| write!(out, "\\u{unit:04x}"))),
        ("\\u{}", escaped(text, |unit, out| write!(out, "\\u{{{unit:x}}}"))),
        ("&#", escaped(text, |unit, out| write!(out, "&#{unit};"))),
        ("&#x", escaped(text, |unit, out| write!(out, "&#x{unit:x};"))),
    ];
    for lead in 0..3 {
        forms.push(("base64", base64(utf8, lead, &STANDARD_NO_PAD)));
        forms.push(("base64url", base64(utf8, lead, &URL_SAFE_NO_PAD)));
        forms
            .push(("base64, script page", base64(&samanvay_sync::payload::text::encode(text), lead, &STANDARD_NO_PAD)));
    }
    forms
}

fn hex(bytes: &[u8], before: &str) -> Vec<u8> {
    bytes
        .iter()
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{before}{byte:02x}");
            out
        })
        .into_bytes()
}

/// As a browser writes it: ASCII letters and digits stand for themselves.
fn percent(text: &str) -> Vec<u8> {
    text.bytes()
        .fold(String::new(), |mut out, byte| {
            let _ = if byte.is_ascii_alphanumeric() {
                write!(out, "{}", char::from(byte))
            } else {
                write!(out, "%{byte:02x}")
            };
            out
        })
        .into_bytes()
}

/// ASCII stands for itself, other UTF-16 units are written by `one`.
fn escaped(text: &str, one: impl Fn(u16, &mut String) -> std::fmt::Result) -> Vec<u8> {
    text.encode_utf16()
        .fold(String::new(), |mut out, unit| {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => out.push(char::from(byte)),
                _ => {
                    let _ = one(unit, &mut out);
                }
            }
            out
        })
        .into_bytes()
}

/// The characters of base64 that depend on nothing but `bytes`, when `lead` bytes (0 to 2) of something else stand before
/// them in their group of three.
fn base64(bytes: &[u8], lead: usize, engine: &impl base64::Engine) -> Vec<u8> {
    let whole = engine.encode([vec![0; lead], bytes.to_vec()].concat());
    let from = (lead * 8).div_ceil(6);
    let to = (lead + bytes.len()) * 8 / 6;
    whole.as_bytes().get(from..to).unwrap_or_default().to_vec()
}
