//! What a typed text becomes before anything else looks at it.
//!
//! Knows: NFC, Devanagari digits, control characters. Refuses to know: what the text means.
//! Invariant: the result is NFC, has no control characters but line breaks and tabs, and no surrounding white space.
//! Start at [`clean`] and [`ascii_digits`].

use unicode_normalization::UnicodeNormalization as _;

/// Longest text answer, in bytes.
pub(crate) const MAX_TEXT: usize = 16_384;

/// Cleans a typed text. Digits are left as typed unless the whole answer is a number, a phone or a reference number.
pub(crate) fn clean(raw: &str) -> String {
    let composed: String = raw.nfc().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let trimmed = composed.trim();
    if is_numeric(trimmed) { ascii_digits(trimmed) } else { trimmed.to_owned() }
}

/// Replaces the Devanagari digits ०–९ by 0–9. Neither NFC nor NFKC does this.
pub(crate) fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match u32::from(c) {
            n @ 0x0966..=0x096F => char::from_digit(n - 0x0966, 10).unwrap_or(c),
            _ => c,
        })
        .collect()
}

/// Whether a text is digits only, apart from the signs people put between them (`0123/2026`, `+91 98260-12345`).
fn is_numeric(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('\u{966}'..='\u{96F}').contains(&c);
    text.chars().any(digit)
        && text.chars().all(|c| digit(c) || matches!(c, ' ' | '-' | '+' | '/' | '.' | '(' | ')' | ':' | ','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_become_ascii_only_when_the_whole_answer_is_a_number() {
        assert_eq!(clean(" ९८२६०१२३४५ "), "9826012345");
        assert_eq!(clean("०१२३/२०२६"), "0123/2026");
        assert_eq!(clean("वार्ड १२"), "वार्ड १२");
    }

    #[test]
    fn text_is_composed_and_free_of_control_characters() {
        assert_eq!(clean("न\u{93c}मक"), "\u{929}मक");
        assert_eq!(clean("\u{958}लम"), "\u{915}\u{93c}लम");
        assert_eq!(clean("क\u{0}\u{7}ख\nग"), "कख\nग");
    }
}
