//! Facts about schemas: bytes, id, admission, and what is refused.

mod samples;

use proptest::prelude::*;
use samanvay_sync::SyncError;
use samanvay_sync::bytes::hex;
use samanvay_sync::schema::{ClassMask, Clearance, Field, FieldKind, Schema};
use samples::{Dice, field, missing_child};

const MASKS: [ClassMask; 6] = [ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V, ClassMask::M, ClassMask::UNSET];

fn refused(fields: Vec<Field>) {
    assert!(matches!(Schema::new("f", "1", fields), Err(SyncError::Malformed(_))));
}

fn nested(depth: u32) -> Vec<Field> {
    let repeat = |id: u32| Field { parent: id - 1, ..field(id, "घटना", FieldKind::Repeat, ClassMask::A) };
    let leaf = Field { parent: depth, ..field(depth + 1, "x", FieldKind::Text, ClassMask::B) };
    (1..=depth).map(repeat).chain([leaf]).collect()
}

#[test]
fn schema_bytes_stay_as_published() {
    let sex = Field {
        coarse: true,
        choices: vec!["F".into(), "M".into()],
        ..field(2, "sex", FieldKind::Choice, ClassMask::B)
    };
    let schema = Schema::new("गुम", "3", vec![sex, field(1, "name", FieldKind::Text, ClassMask::V)]).unwrap();
    assert_eq!(
        hex(&schema.encode()),
        "0109e0a497e0a581e0a4ae01330201046e616d6501080000000203736578040201000201460\
         14d"
    );
    assert_eq!(schema.id().hex(), "81fe73c066a10b29");
}

#[test]
fn order_of_fields_does_not_matter() {
    let a = missing_child();
    let mut fields = a.fields().to_vec();
    fields.reverse();
    let b = Schema::new(a.form_id(), a.form_version(), fields).unwrap();
    assert_eq!(a, b);
    assert_eq!(Schema::decode(&a.encode()).unwrap(), a);
}

#[test]
fn clearance_admits_exactly_the_masks_inside_it() {
    for bits in 0..32u8 {
        let clearance = Clearance::from_bits(bits).unwrap();
        for mask in MASKS {
            assert_eq!(clearance.admits(mask), mask.bits() & bits == mask.bits());
        }
    }
    assert_eq!(Clearance::from_bits(32), Err(SyncError::Newer));
}

#[test]
fn field_without_class_needs_both_v_and_m() {
    let schema = Schema::new("f", "1", vec![field(1, "x", FieldKind::Text, ClassMask::UNSET)]).unwrap();
    assert!(!schema.admits(1, Clearance::of(&[ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V])));
    assert!(!schema.admits(1, Clearance::of(&[ClassMask::M])));
    assert!(schema.admits(1, Clearance::of(&[ClassMask::V, ClassMask::M])));
}

#[test]
fn field_that_the_schema_lacks_is_never_admitted() {
    assert!(!missing_child().admits(999, Clearance::ALL));
    assert!(!missing_child().admits(0, Clearance::ALL));
}

#[test]
fn repeat_is_admitted_when_any_field_below_is() {
    let schema = missing_child();
    assert!(schema.admits(40, Clearance::OPEN), "an A field lies below");
    assert!(!schema.admits(41, Clearance::OPEN));
    let deep = Schema::new("f", "1", nested(3)).unwrap();
    for repeat in 1..=3 {
        assert!(deep.admits(repeat, Clearance::of(&[ClassMask::B])), "own mask A, below B");
        assert!(!deep.admits(repeat, Clearance::OPEN));
    }
    let empty = Schema::new("f", "1", vec![field(1, "r", FieldKind::Repeat, ClassMask::A)]).unwrap();
    assert!(!empty.admits(1, Clearance::ALL));
}

#[test]
fn repeats_around_a_field_run_from_the_outermost() {
    let deep = Schema::new("f", "1", nested(3)).unwrap();
    assert_eq!(deep.repeats_around(4), [1, 2, 3]);
    assert_eq!(deep.repeats_around(2), [1]);
    assert!(deep.repeats_around(99).is_empty());
}

#[test]
fn rows_nest_eight_deep_and_no_deeper() {
    assert!(Schema::new("f", "1", nested(8)).is_ok());
    refused(nested(9));
}

#[test]
fn broken_field_lists_are_refused() {
    let plain = |id: u32| field(id, &format!("x{id}"), FieldKind::Text, ClassMask::A);
    let choice = |list: [&str; 2]| Field {
        choices: list.map(str::to_owned).to_vec(),
        ..field(1, "x", FieldKind::Choice, ClassMask::A)
    };
    refused(vec![plain(0)]);
    refused(vec![plain(3), plain(3)]);
    refused(vec![Field { parent: 2, ..plain(1) }]);
    refused(vec![plain(2), Field { parent: 2, ..plain(1) }]);
    let in_ring = |id: u32, parent: u32| Field { parent, ..field(id, "ring", FieldKind::Repeat, ClassMask::A) };
    refused(vec![in_ring(1, 1)]);
    refused(vec![in_ring(1, 2), in_ring(2, 1)]);
    refused(vec![choice(["F", "F"])]);
    refused(vec![Field { choices: vec!["F".into()], ..plain(1) }]);
    refused(vec![field(1, "e\u{301}", FieldKind::Text, ClassMask::A)]);
}

#[test]
fn name_stands_once_below_a_parent_and_again_below_another() {
    let marks = || field(3, "marks", FieldKind::Repeat, ClassMask::A);
    let note = |id: u32, parent: u32| Field { parent, ..field(id, "note", FieldKind::Text, ClassMask::A) };
    refused(vec![note(1, 0), note(2, 0)]);
    refused(vec![note(1, 3), note(2, 3), marks()]);
    let apart = Schema::new("f", "1", vec![note(1, 0), note(2, 3), marks()]).unwrap();
    assert!(apart.field_named("note").is_none(), "the name alone finds neither");
    assert_eq!(missing_child().field_named("gender").unwrap().id, 4);
}

#[test]
fn what_a_newer_version_writes_is_told_apart_from_damage() {
    let bytes = Schema::new("f", "1", vec![field(1, "x", FieldKind::Text, ClassMask::A)]).unwrap().encode();
    let with = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        Schema::decode(&bytes)
    };
    let kind = bytes.len() - 5;
    assert_eq!(with(0, 2), Err(SyncError::Newer));
    assert_eq!(with(kind, 11), Err(SyncError::Newer));
    assert_eq!(with(kind + 1, 32), Err(SyncError::Newer));
    assert_eq!(with(kind + 2, 4), Err(SyncError::Newer));
    assert_eq!(with(kind, 0), Err(SyncError::Newer));
    assert!(matches!(with(kind + 1, 3), Err(SyncError::Malformed(_))));
}

#[test]
fn every_cut_schema_is_refused() {
    let bytes = missing_child().encode();
    for n in 0..bytes.len() {
        assert!(matches!(Schema::decode(&bytes[..n]), Err(SyncError::Malformed(_))), "{n}");
    }
}

#[test]
fn damaged_schemas_never_panic_and_what_decodes_is_canonical() {
    let bytes = missing_child().encode();
    let mut dice = Dice::new(20);
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        let at = usize::try_from(dice.roll(bytes.len() as u64)).unwrap();
        [damaged[at]] = dice.bytes();
        if let Ok(schema) = Schema::decode(&damaged) {
            assert_eq!(schema.encode(), damaged);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Schema::decode(&bytes);
    }
}
