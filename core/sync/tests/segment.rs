//! Facts about segments: what opens, what is believed, and what is not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use samanvay_sync::SyncError;
use samanvay_sync::id::{Hash, Root};
use samanvay_sync::log::EpochKeys;
use samanvay_sync::payload;
use samanvay_sync::segment::{Known, Place, Sealing, Segment, WireForm, check, merkle, open, seal, unseal};
use world::{GENERATION, OPEN, World, note, signed_again};

fn keys(world: &World) -> EpochKeys {
    world.log.epoch_keys(&world.in_charge.keys.boxk, &world.in_charge.id)
}

#[test]
fn a_reader_opens_what_a_writer_sealed() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    assert_eq!(check(&segment, &world.log).unwrap(), &beat.card);
    let ops = open(&segment, &keys(&world)).unwrap();
    assert_eq!(ops, vec![note(beat.id, 0, "कक्षा 8 में जागरूकता सत्र")]);
}

#[test]
fn a_writer_who_does_not_read_cannot_open_its_own_segment() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    let own = world.log.epoch_keys(&beat.keys.boxk, &beat.id);
    assert_eq!(own.iter().count(), 0);
    assert_eq!(open(&segment, &own).unwrap_err(), SyncError::SealBroken);
}

#[test]
fn every_changed_byte_is_noticed() {
    let mut world = World::new();
    let segment = world.segment(&world::phone(12));
    let (bytes, keys) = (segment.encode(), keys(&world));
    assert_eq!(Segment::decode(&bytes).unwrap(), segment);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok(changed) = Segment::decode(&changed) {
            assert!(check(&changed, &world.log).is_err(), "byte {at} is not under the signature");
            let signature = at >= bytes.len() - 64;
            assert!(signature || open(&changed, &keys).is_err(), "byte {at} is not bound to the ops");
        }
    }
    for cut in 0..bytes.len() {
        assert!(matches!(Segment::decode(&bytes[..cut]), Err(SyncError::Malformed(_))));
    }
}

#[test]
fn a_root_that_does_not_fit_the_ops_is_noticed_by_the_reader() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    let forged = signed_again(&segment, &beat, |segment| segment.root = Root([9; 16]));
    check(&forged, &world.log).unwrap();
    assert_eq!(open(&forged, &keys(&world)).unwrap_err(), SyncError::RootMismatch);
}

#[test]
fn the_ciphertext_of_another_author_does_not_open_under_one_s_own_signature() {
    let mut world = World::new();
    let (beat, in_charge) = (world::phone(12), world::phone(11));
    let segment = world.segment(&beat);
    let stolen = signed_again(&segment, &in_charge, |segment| segment.header.author = in_charge.id);
    check(&stolen, &world.log).unwrap();
    assert_eq!(open(&stolen, &keys(&world)).unwrap_err(), SyncError::SealBroken);
}

#[test]
fn a_ciphertext_does_not_open_under_another_number() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    let replayed = signed_again(&segment, &beat, |segment| {
        segment.header.first = 1;
        segment.header.prev = Hash([1; 32]);
    });
    check(&replayed, &world.log).unwrap();
    assert_eq!(open(&replayed, &keys(&world)).unwrap_err(), SyncError::SealBroken);
}

#[test]
fn a_wrong_signature_another_stream_and_a_stranger_are_refused() {
    let mut world = World::new();
    let (beat, stranger) = (world::phone(12), world::phone(13));
    let segment = world.segment(&beat);
    let by_stranger = signed_again(&segment, &stranger, |_| ());
    assert_eq!(check(&by_stranger, &world.log), Err(SyncError::BadSignature));
    assert!(matches!(check(&segment, &world.open), Err(SyncError::Malformed(_))));
    let stranger_s = world.segment(&stranger);
    let position = world.log.len();
    assert_eq!(check(&stranger_s, &world.log), Err(SyncError::NotEntitled { position }));
}

#[test]
fn a_reader_who_does_not_write_is_refused() {
    use samanvay_sync::log::{Body, Rights};
    let mut world = World::new();
    let in_charge = world::phone(11);
    let before = world.segment(&in_charge);
    world.stream(Body::Member { unit: world::STATION, post: world::IN_CHARGE, rights: Rights::READER });
    let position = world.log.len();
    let after = world.segment(&in_charge);
    assert_eq!(check(&after, &world.log), Err(SyncError::NotEntitled { position }));
    check(&before, &world.log).unwrap();
}

#[test]
fn a_position_ahead_of_the_log_waits_for_the_log() {
    let mut world = World::new();
    let beat = world::phone(12);
    let position = world.log.len() + 1;
    let place = Place { position, ..world.place(beat.id) };
    let ops = [note(beat.id, 0, "बैठक")];
    let segment = seal(&ops, &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
    assert_eq!(check(&segment, &world.log), Err(SyncError::LogBehind { position }));
    world.epoch();
    assert_eq!(check(&segment, &world.log), Err(SyncError::WrongEpoch { epoch: 1 }));
}

#[test]
fn an_old_position_is_judged_by_the_epoch_of_that_position() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    world.epoch();
    check(&segment, &world.log).unwrap();
    open(&segment, &keys(&world)).unwrap();
    let old_epoch = Sealing::Epoch(1, world.epochs[0].public());
    let ops = [note(beat.id, 1, "बैठक")];
    let place = world.place(beat.id);
    let late = seal(&ops, &place, &old_epoch, &beat.keys.sign, &mut world.random).unwrap();
    assert_eq!(check(&late, &world.log), Err(SyncError::WrongEpoch { epoch: 1 }));
}

#[test]
fn an_open_segment_is_signed_and_not_sealed() {
    let mut world = World::new();
    let beat = world::phone(12);
    let place = Place { stream: OPEN, position: world.open.len(), ..world.place(beat.id) };
    let ops = [note(beat.id, 0, "बैठक")];
    let sealing = Sealing::now(&world.open).unwrap();
    let segment = seal(&ops, &place, &sealing, &beat.keys.sign, &mut world.random).unwrap();
    check(&segment, &world.open).unwrap();
    let opened = unseal(&segment, &EpochKeys::new()).unwrap();
    assert_eq!((opened.ops.as_slice(), opened.salts.as_slice()), (&ops[..], &[Vec::new()][..]));
    let mut longer = segment.clone();
    longer.body.push(0);
    assert_eq!(check(&longer, &world.open), Err(SyncError::BadSignature));
}

#[test]
fn an_unsealed_segment_in_a_sealed_stream_is_refused() {
    let mut world = World::new();
    let beat = world::phone(12);
    let place = world.place(beat.id);
    let unsealed =
        seal(&[note(beat.id, 0, "बैठक")], &place, &Sealing::Open, &beat.keys.sign, &mut world.random).unwrap();
    assert!(matches!(check(&unsealed, &world.log), Err(SyncError::Malformed(_))));
}

#[test]
fn suite_and_epoch_fit_or_the_bytes_are_malformed() {
    let mut world = World::new();
    let beat = world::phone(12);
    let sealed = world.segment(&beat);
    for (suite, epoch) in [(0, 1), (1, 0)] {
        let odd = signed_again(&sealed, &beat, |segment| {
            (segment.header.suite, segment.header.epoch) = (suite, epoch);
        });
        assert!(matches!(Segment::decode(&odd.encode()), Err(SyncError::Malformed(_))));
        assert!(matches!(WireForm::decode(&odd.to_wire(&Known::default()).unwrap()), Err(SyncError::Malformed(_))));
        assert!(check(&odd, &world.log).is_err());
    }
}

#[test]
fn a_sealed_segment_in_an_open_stream_is_refused() {
    let mut world = World::new();
    let beat = world::phone(12);
    let place = Place { stream: OPEN, position: world.open.len(), ..world.place(beat.id) };
    let sealed =
        seal(&[note(beat.id, 0, "बैठक")], &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
    assert!(matches!(check(&sealed, &world.open), Err(SyncError::Malformed(_))));
}

#[test]
fn what_a_newer_version_sealed_is_named_as_such() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    let newer = signed_again(&segment, &beat, |segment| segment.header.suite = 2);
    assert_eq!(check(&newer, &world.log), Err(SyncError::Newer));
    for change in [|s: &mut Segment| s.header.dictionary = 5, |s: &mut Segment| s.header.suite = 2] {
        let newer = signed_again(&segment, &beat, change);
        assert_eq!(Segment::decode(&newer.encode()).unwrap(), newer);
        assert_eq!(open(&newer, &keys(&world)).unwrap_err(), SyncError::Newer);
    }
}

#[test]
fn one_op_is_shown_with_its_salt_and_path_and_without_the_others() {
    let mut world = World::new();
    let beat = world::phone(12);
    let place = world.place(beat.id);
    for count in [1, 2, 3, 5, 8, 13] {
        let ops: Vec<_> = (0..count).map(|n| note(beat.id, n, &format!("सत्र क्रमांक {n}"))).collect();
        let segment = seal(&ops, &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
        let opened = unseal(&segment, &keys(&world)).unwrap();
        for (index, op) in ops.iter().enumerate() {
            let path = merkle::path(&opened.leaves, index).unwrap();
            let standalone = payload::standalone(op, beat.id, GENERATION).unwrap();
            let leaf = merkle::leaf(&opened.salts[index], &standalone);
            merkle::verify(&leaf, index, ops.len(), &path, &segment.root).unwrap();
            let elsewhere = merkle::verify(&leaf, index + 1, ops.len(), &path, &segment.root);
            assert_eq!(elsewhere, Err(SyncError::RootMismatch));
            let unsalted = merkle::leaf(&[], &standalone);
            assert!(merkle::verify(&unsalted, index, ops.len(), &path, &segment.root).is_err());
        }
    }
}

#[test]
fn the_wire_form_leaves_out_what_is_known_and_is_completed_to_the_same_bytes() {
    let mut world = World::new();
    let beat = world::phone(12);
    let first = world.segment(&beat);
    let place = Place { first: 1, prev: first.hash(), ..world.place(beat.id) };
    let ops = [note(beat.id, 1, "गाँव में बैठक")];
    let second = seal(&ops, &place, &world.sealing(), &beat.keys.sign, &mut world.random).unwrap();
    let all = Known { author: Some(beat.id), generation: Some(GENERATION), prev: Some(first.hash()) };
    for (known, left_out) in [
        (Known::default(), 0),
        (Known { prev: None, generation: None, ..all }, 16),
        (Known { prev: None, ..all }, 24),
        (all, 56),
    ] {
        let wire = second.to_wire(&known).unwrap();
        assert_eq!(wire.len(), second.to_wire(&Known::default()).unwrap().len() - left_out);
        let form = WireForm::decode(&wire).unwrap();
        assert_eq!((form.first(), form.needs_prev()), (1, known.prev.is_some()));
        assert_eq!(form.complete(place.stream, &known).unwrap(), second);
        let nothing = WireForm::decode(&wire).unwrap().complete(place.stream, &Known::default());
        assert_eq!(nothing.is_ok(), left_out == 0);
        for cut in 0..wire.len() {
            assert!(WireForm::decode(&wire[..cut]).is_err());
        }
    }
    let wrong = Known { prev: Some(Hash([3; 32])), ..all };
    let rebuilt = WireForm::decode(&second.to_wire(&all).unwrap()).unwrap().complete(place.stream, &wrong).unwrap();
    assert_eq!(check(&rebuilt, &world.log), Err(SyncError::BadSignature));
}

#[test]
fn the_wire_form_says_suite_codec_and_dictionary_in_its_flags() {
    let mut world = World::new();
    let beat = world::phone(12);
    let segment = world.segment(&beat);
    let with = |suite, epoch, codec, dictionary| {
        signed_again(&segment, &beat, |segment| {
            let header = &mut segment.header;
            (header.suite, header.epoch, header.codec, header.dictionary) = (suite, epoch, codec, dictionary);
        })
    };
    for (suite, codec, dictionary, flags) in
        [(1, 0, 0, 0), (0, 0, 0, 0x08), (1, 1, 0, 0x10), (0, 1, 0, 0x18), (1, 0, 1, 0x20), (0, 1, 300, 0x38)]
    {
        let segment = with(suite, u64::from(suite), codec, dictionary);
        let wire = segment.to_wire(&Known::default()).unwrap();
        assert_eq!(wire[0], flags | 0x07);
        let whole = WireForm::decode(&wire).unwrap().complete(segment.header.stream, &Known::default()).unwrap();
        assert_eq!(whole, segment);
    }
    for newer in [with(2, 1, 0, 0), with(1, 1, 2, 0), with(1, 1, 3, 0), with(255, 0, 1, 0)] {
        assert_eq!(newer.to_wire(&Known::default()), Err(SyncError::Newer));
    }
    let mut wire = segment.to_wire(&Known::default()).unwrap();
    for bit in [0x40, 0x80] {
        wire[0] ^= bit;
        assert_eq!(WireForm::decode(&wire), Err(SyncError::Newer));
        wire[0] ^= bit;
    }
    // The dictionary follows the four numbers of one byte each, which follow flags, author and generation.
    wire[0] |= 0x20;
    wire.insert(1 + 16 + 8 + 4, 0);
    assert!(matches!(WireForm::decode(&wire), Err(SyncError::Malformed(_))));
    wire[1 + 16 + 8 + 4] = 7;
    let form = WireForm::decode(&wire).unwrap();
    let whole = form.complete(segment.header.stream, &Known::default()).unwrap();
    assert_eq!(whole.header.dictionary, 7);
}

#[test]
fn a_root_is_the_first_half_of_the_hash_over_full_leaves() {
    let leaves = [Hash([1; 32]), Hash([2; 32])];
    let top = samanvay_sync::keys::sha256(&[&[1], &leaves[0].0, &leaves[1].0]);
    let root = merkle::root(&leaves).unwrap();
    assert_eq!(root.0, top.0[..16]);
    assert_eq!(merkle::root(&leaves[..1]).unwrap().0, leaves[0].0[..16]);
    // Below the top nothing is cut short.
    let mut path = merkle::path(&leaves, 0).unwrap();
    assert_eq!(path, leaves[1..]);
    path[0].0[31] ^= 1;
    assert_eq!(merkle::verify(&leaves[0], 0, 2, &path, &root), Err(SyncError::RootMismatch));
}

#[test]
fn the_first_segment_of_a_chain_needs_no_hash_before_it() {
    let mut world = World::new();
    let beat = world::phone(12);
    let first = world.segment(&beat);
    let known = Known { author: Some(beat.id), generation: Some(GENERATION), prev: Some(Hash::default()) };
    let form = WireForm::decode(&first.to_wire(&known).unwrap()).unwrap();
    assert!(!form.needs_prev());
    let complete = form.complete(first.header.stream, &Known { prev: Some(Hash([5; 32])), ..known }).unwrap();
    assert_eq!(complete, first);
    let mut odd = first.clone();
    odd.header.prev = Hash([1; 32]);
    assert!(Segment::decode(&odd.encode()).is_err());
}

#[test]
fn segments_over_the_cap_are_not_made() {
    use samanvay_sync::keys::draw;
    use samanvay_sync::op::{Value, Write};
    let mut world = World::new();
    let beat = world::phone(12);
    let place = world.place(beat.id);
    let mut noise = |counter| {
        let mut op = note(beat.id, counter, "");
        op.changes[0].write = Write::Set(Value::Raw(draw::<60_000>(&mut world.random).unwrap().to_vec()));
        op
    };
    let ops: Vec<_> = (0..18).map(&mut noise).collect();
    let sealing = world.sealing();
    let mut make = |ops| seal(ops, &place, &sealing, &beat.keys.sign, &mut world.random);
    assert!(matches!(make(&ops[..]), Err(SyncError::Malformed(_))));
    assert!(make(&ops[..17]).is_ok());
    assert!(matches!(make(&[]), Err(SyncError::Malformed(_))));
}
