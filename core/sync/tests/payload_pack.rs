//! Facts about compression, padding and size.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod samples;

use proptest::prelude::*;
use samanvay_sync::SyncError;
use samanvay_sync::op::Op;
use samanvay_sync::payload::{PAYLOAD_BYTES_MAX, encode, pack, pad, padme, unpack, unpad};
use samples::{AUTHOR, Dice, GENERATION, missing_child, report};

fn malformed<T>(result: &Result<T, SyncError>) -> bool {
    matches!(result, Err(SyncError::Malformed(_)))
}

/// A zstd frame without its magic that repeats one byte `n` times.
fn bomb(n: usize) -> Vec<u8> {
    zstd::bulk::compress(&vec![0; n], 1).unwrap()[4..].to_vec()
}

#[test]
fn shorter_of_both_codecs_is_used() {
    let text = "गुमशुदा बालिका ".repeat(50);
    let (codec, packed) = pack(text.as_bytes());
    assert_eq!(codec, 1);
    assert!(packed.len() < 60);
    assert_eq!(unpack(1, &packed).unwrap(), text.as_bytes());
    let noise: [u8; 64] = Dice::new(3).bytes();
    assert_eq!(pack(&noise), (0, noise.to_vec()));
}

#[test]
fn frame_that_unpacks_to_more_than_the_cap_is_refused() {
    assert_eq!(unpack(1, &bomb(PAYLOAD_BYTES_MAX)).unwrap().len(), PAYLOAD_BYTES_MAX);
    assert!(malformed(&unpack(1, &bomb(PAYLOAD_BYTES_MAX + 1))));
    assert!(malformed(&unpack(1, &bomb(300 << 20))));
    assert!(malformed(&unpack(0, &vec![0; PAYLOAD_BYTES_MAX + 1])));
}

#[test]
fn frame_that_asks_for_a_large_window_is_refused() {
    // Descriptor 0: no content size, no checksum; window descriptor: exponent 17 = 2^27 bytes; one empty last block.
    assert!(malformed(&unpack(1, &[0x00, 17 << 3, 0x01, 0x00, 0x00])));
    assert_eq!(unpack(1, &[0x00, 10 << 3, 0x01, 0x00, 0x00]).unwrap(), Vec::<u8>::new());
}

#[test]
fn second_frame_or_bytes_after_the_frame_are_refused() {
    let frame = bomb(100);
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    assert!(malformed(&unpack(1, &[&frame[..], &magic, &frame].concat())));
    assert!(malformed(&unpack(1, &[&frame[..], &[0]].concat())));
    for n in 0..frame.len() {
        assert!(malformed(&unpack(1, &frame[..n])), "{n}");
    }
}

#[test]
fn codec_bits_not_known_ask_for_an_update() {
    assert_eq!(unpack(2, &[]), Err(SyncError::Newer));
    assert_eq!(unpack(0x81, &[]), Err(SyncError::Newer));
}

/// Values by the formula of `docs/wire.md` §4, worked out by hand.
#[test]
fn padme_lengths_follow_the_formula() {
    for (len, padded) in
        [(0, 0), (1, 1), (2, 2), (3, 3), (9, 10), (17, 18), (100, 104), (128, 128), (129, 144), (1025, 1088)]
    {
        assert_eq!(padme(len), padded, "{len}");
    }
}

#[test]
fn padding_is_at_most_an_eighth_and_comes_off() {
    for len in 0..3000 {
        let padded = pad(vec![0; len]);
        assert!(padded.len() <= (len + 1) + (len + 1) / 8, "{len}");
        assert_eq!(unpad(&padded).unwrap().len(), len);
    }
}

#[test]
fn padding_of_another_length_or_without_its_mark_is_refused() {
    let padded = pad(vec![7; 129]);
    assert!(malformed(&unpad(&padded[..padded.len() - 1])));
    assert!(malformed(&unpad(&[&padded[..], &[0]].concat())));
    assert!(malformed(&unpad(&[])));
    assert!(malformed(&unpad(&[0, 0])));
    assert!(malformed(&unpad(&[7, 7])));
}

/// Prints what a realistic report costs; the reference for `docs/`.
#[test]
fn hundred_reports_take_at_most_110_bytes_each() {
    let schema = missing_child();
    let ops: Vec<Op> = (0..100).map(|n| report(n, n, &schema)).collect();
    let alone = encode(&ops[..1], AUTHOR, GENERATION).unwrap();
    let all = encode(&ops, AUTHOR, GENERATION).unwrap();
    let packed = pack(&all).1;
    println!("one report of 28 values: {} bytes, packed {}", alone.len(), pack(&alone).1.len());
    println!("100 reports: {} bytes each, packed {} each", all.len() / 100, packed.len() / 100);
    assert!(packed.len() <= 110 * 100, "{}", packed.len());
}

proptest! {
    #[test]
    fn any_bytes_pack_and_unpack(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let (codec, packed) = pack(&bytes);
        prop_assert!(packed.len() <= bytes.len());
        prop_assert_eq!(unpack(codec, &packed).unwrap(), bytes);
    }

    #[test]
    fn random_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = unpack(1, &bytes);
        let _ = unpad(&bytes);
    }
}
