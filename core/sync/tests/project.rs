//! Facts about projections.
#![allow(clippy::unwrap_used)]

mod samples;

use proptest::prelude::*;
use samanvay_sync::id::StreamId;
use samanvay_sync::merge::{Sighting, merge};
use samanvay_sync::op::Op;
use samanvay_sync::schema::{ClassMask, Clearance, Field, FieldKind, Schema};
use samanvay_sync::schema::{project, stray_fields};
use samples::{AUTHOR, RECORD, any_op, field, id, missing_child, op, report, set, text};

/// Fields 1 to 6, one of each mask; 7 and above are unknown.
fn one_of_each() -> Schema {
    let masks = [ClassMask::A, ClassMask::B, ClassMask::C, ClassMask::V, ClassMask::M, ClassMask::UNSET];
    let fields =
        (1..).zip(masks).map(|(id, mask)| field(id, &format!("x{id}"), FieldKind::Text, mask)).collect::<Vec<Field>>();
    Schema::new("f", "1", fields).unwrap()
}

fn sight(op: &Op) -> Sighting<'_> {
    Sighting { op, stream: StreamId([9; 16]), form: "f", may_be_home: false, hidden: &[] }
}

#[test]
fn roll_up_gets_coarse_facts_and_no_name() {
    let schema = missing_child();
    let whole = report(4, 1, &schema);
    let clearance = Clearance::of(&[ClassMask::A, ClassMask::B]);
    let part = project(&whole, &schema, clearance, false).unwrap();
    let fields: Vec<u32> = part.changes.iter().map(|change| change.field).collect();
    assert_eq!(fields, [22, 23, 24, 50, 40, 42]);
    assert_eq!((part.id, part.record, part.creates), (whole.id, whole.record, true));
    assert!(part.routes.is_empty());
}

#[test]
fn home_stream_gets_the_op_whole_with_its_routes() {
    let schema = missing_child();
    let whole = report(4, 1, &schema);
    assert_eq!(project(&whole, &schema, Clearance::ALL, true).unwrap(), whole);
    assert!(stray_fields(&whole, &schema, Clearance::ALL).is_empty());
}

#[test]
fn edit_of_nothing_admitted_goes_nowhere() {
    let schema = missing_child();
    let edit = op(id(AUTHOR, 9), 1, vec![set(1, text("पूजा"))]);
    assert_eq!(project(&edit, &schema, Clearance::OPEN, false), None);
    let created = Op { creates: true, ..edit };
    assert!(project(&created, &schema, Clearance::OPEN, false).unwrap().changes.is_empty());
}

#[test]
fn stray_fields_are_named_once_each() {
    let schema = missing_child();
    let edit = op(id(AUTHOR, 9), 1, vec![set(22, text("1")), set(1, text("पूजा")), set(999, text("x"))]);
    assert_eq!(stray_fields(&edit, &schema, Clearance::of(&[ClassMask::B])), [1, 999]);
}

proptest! {
    #[test]
    fn projection_holds_only_what_the_clearance_admits(op in any_op(), bits in 0u8..32, home: bool) {
        let schema = one_of_each();
        let clearance = Clearance::from_bits(bits).unwrap();
        let Some(part) = project(&op, &schema, clearance, home) else { return Ok(()) };
        prop_assert!(stray_fields(&part, &schema, clearance).is_empty());
        prop_assert!(part.changes.iter().all(|change| (1..=6).contains(&change.field)));
        prop_assert!(home || part.routes.is_empty());
        prop_assert!(part.check().is_ok());
    }

    #[test]
    fn projections_join_to_what_their_clearances_admit_together(ops in prop::collection::vec(any_op(), 1..6), a in 0u8..32, b in 0u8..32) {
        let schema = one_of_each();
        let part = |bits: u8| -> Vec<Op> {
            let clearance = Clearance::from_bits(bits).unwrap();
            ops.iter().filter_map(|op| project(op, &schema, clearance, false)).collect()
        };
        let (one, two) = (part(a), part(b));
        let joined = merge(RECORD, one.iter().chain(&two).map(sight));
        let kept = |op: &Op| {
            let admitted = |n: u32| [a, b].iter().any(|bits| schema.admits(n, Clearance::from_bits(*bits).unwrap()));
            let changes: Vec<_> = op.changes.iter().filter(|change| admitted(change.field)).cloned().collect();
            (op.creates || !changes.is_empty()).then(|| Op { changes, routes: Vec::new(), ..op.clone() })
        };
        let expected: Vec<Op> = ops.iter().filter_map(kept).collect();
        prop_assert_eq!(joined, merge(RECORD, expected.iter().map(sight)));
    }
}
