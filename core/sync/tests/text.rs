//! Facts about the script coding of text.

use proptest::prelude::*;
use samanvay_sync::payload::text::{decode, encode};

#[test]
fn devanagari_and_ascii_take_one_byte_a_character() {
    assert_eq!(encode("रानी, 12"), [0xb0, 0xbe, 0xa8, 0xc0, b',', b' ', b'1', b'2']);
    assert_eq!(encode("\u{900}\u{97f}\n~"), [0x80, 0xff, 0x0a, 0x7e]);
}

#[test]
fn other_characters_are_escaped_code_points() {
    assert_eq!(encode("\t"), [0x01, 0x09]);
    assert_eq!(encode("₹"), [0x01, 0xb9, 0x41]);
    assert_eq!(encode("\u{200d}"), [0x01, 0x8d, 0x40]);
}

#[test]
fn bytes_without_meaning_and_longer_forms_are_refused() {
    let longer_forms: [&[u8]; 3] = [&[0x01, 0x41], &[0x01, 0x80, 0x12], &[0x01, 0x0a]];
    let no_code_points: [&[u8]; 3] = [&[0x01, 0x80, 0xb0, 0x03], &[0x01, 0x80, 0x80, 0x44], &[0x01]];
    for bytes in longer_forms.iter().chain(&no_code_points) {
        assert!(decode(bytes).is_err(), "{bytes:02x?}");
    }
    let unused = (0u8..0x20).chain([0x7f]).filter(|byte| ![0x01, 0x0a].contains(byte));
    for byte in unused {
        assert!(decode(&[byte]).is_err(), "{byte:02x}");
    }
}

proptest! {
    #[test]
    fn any_text_comes_back(text: String) {
        prop_assert_eq!(decode(&encode(&text)).unwrap(), text);
    }

    #[test]
    fn what_decodes_is_the_only_coding_of_its_text(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..0x80], 0..24)) {
        if let Ok(text) = decode(&bytes) {
            prop_assert_eq!(encode(&text), bytes);
        }
    }
}
