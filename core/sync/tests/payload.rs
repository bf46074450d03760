//! Facts about the payload of a segment.
#![allow(clippy::unwrap_used)]

mod samples;

use proptest::prelude::*;
use samanvay_sync::SyncError;
use samanvay_sync::bytes::Malformed;
use samanvay_sync::bytes::hex;
use samanvay_sync::id::{OpId, RecordId, RowId, StreamId};
use samanvay_sync::op::{Change, Op, Role, Route, Value, Write};
use samanvay_sync::payload::{ITEMS_MAX, OPS_MAX, decode, encode, standalone, tag_input};
use samples::{
    AUTHOR, Dice, GENERATION, OLDER, OTHER, RECORD, SCHEMA, any_id, any_op, id, missing_child, op, report, set, text,
};

fn coded(ops: &[Op]) -> Vec<u8> {
    encode(ops, AUTHOR, GENERATION).unwrap()
}

fn read(bytes: &[u8], count: usize) -> Result<Vec<Op>, SyncError> {
    decode(bytes, AUTHOR, GENERATION, count)
}

/// One op whose body is these bytes, with one schema and no origins.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 7, 7, 7, 7, 7, 7, 7, 7, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    bytes
}

/// Flags (record follows), counter 0, tag, record, schema 0, time 0.
const HEAD: [u8; 24] = {
    let mut head = [0; 24];
    head[0] = 2;
    head
};

fn body(parts: &[&[u8]]) -> Vec<u8> {
    [&HEAD[..], &parts.concat()].concat()
}

fn fixed_op() -> Op {
    let row = RowId([0x0f; 8]);
    let replacing = |change: Change, ids: &[OpId]| Change { replaces: ids.to_vec(), ..change };
    let seen = OpId { generation: OLDER, ..id(AUTHOR, 2) };
    let delta = Write::Delta { adds: vec![3], removes: vec![(1, vec![id(OTHER, 5)])] };
    let changes = vec![
        replacing(set(1, text("रानी ₹")), &[seen]),
        set(2, Value::Int(-3)),
        Change { write: Write::Clear, ..set(9, Value::Int(0)) },
        set(12, Value::Instant { seconds: 1_794_800_000, offset_minutes: 330 }),
        Change { write: delta, ..set(19, Value::Int(0)) },
        Change { rows: vec![row], ..set(41, Value::Raw(vec![1, 2])) },
    ];
    let routes = vec![Route { stream: StreamId([0x11; 16]), role: Role::Home }];
    Op { routes, ..op(id(AUTHOR, 300), 1_794_800_600, changes) }
}

/// A change of these bytes needs a new version of the format.
#[test]
fn op_bytes_stay_as_published() {
    let published = concat!(
        "02a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a10d0d0d0d0d0d0d0db2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b20e0e0e0e0e0e0e0e",
        "017777777777777777",
        "6d1ad80469029b6c",
        "5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c00b0efd3af0d",
        "011111111111111111111111111111111100",
        "020005",
        "0a0101023c6ef36208b0bea8c02001b941",
        "09000538001d0080e6d3af0d94053c01030101010205171560",
        "75010f0f0f0f0f0f0f0f01cb0200020102",
    );
    assert_eq!(hex(&coded(&[fixed_op()])), published);
}

#[test]
fn ops_of_a_record_come_back_in_one_segment() {
    let schema = missing_child();
    let mut ops: Vec<Op> = (0..5).map(|n| report(n, n + 10, &schema)).collect();
    let edit = Change { replaces: vec![ops[1].id], ..set(1, text("सरिता यादव")) };
    ops.push(Op { record: ops[1].record, ..op(id(AUTHOR, 90), 7, vec![edit]) });
    assert_eq!(read(&coded(&ops), 6).unwrap(), ops);
}

#[test]
fn op_of_an_older_generation_keeps_its_id_in_a_newer_chain() {
    let old = OpId { generation: OLDER, ..id(AUTHOR, 4) };
    let ops = [op(old, 5, vec![]), op(id(AUTHOR, 0), 6, vec![])];
    let back = read(&coded(&ops), 2).unwrap();
    assert_eq!(back, ops);
    assert_eq!(back[0].id.generation, OLDER);
}

#[test]
fn fields_that_no_schema_knows_come_back() {
    let ops = [op(id(AUTHOR, 1), 1, vec![set(u32::MAX, Value::Raw(vec![9, 9])), set(4_000_000, Value::Int(1))])];
    assert_eq!(read(&coded(&ops), 1).unwrap(), ops);
}

#[test]
fn standalone_payload_does_not_depend_on_the_neighbours() {
    let schema = missing_child();
    let ops: Vec<Op> = (0..3).map(|n| report(n, n, &schema)).collect();
    let back = read(&coded(&ops), 3).unwrap();
    for (op, read) in ops.iter().zip(&back) {
        assert_eq!(standalone(op, AUTHOR, GENERATION).unwrap(), standalone(read, AUTHOR, GENERATION).unwrap());
    }
}

#[test]
fn tag_input_is_the_same_whatever_the_tag() {
    let tagged = fixed_op();
    let untagged = Op { id: OpId { tag: [0; 4], ..tagged.id }, ..tagged.clone() };
    assert_eq!(tag_input(&tagged).unwrap(), standalone(&untagged, AUTHOR, GENERATION).unwrap());
    assert_ne!(tag_input(&tagged).unwrap(), standalone(&tagged, AUTHOR, GENERATION).unwrap());
}

#[test]
fn what_a_reader_would_refuse_is_not_written() {
    let plain = || op(id(AUTHOR, 1), 1, vec![]);
    let refused = |op: Op| assert!(matches!(encode(&[op], AUTHOR, GENERATION), Err(SyncError::Malformed(_))));
    refused(op(id(OTHER, 1), 1, vec![]));
    refused(op(id(AUTHOR, 1 << 63), 1, vec![]));
    refused(op(id(AUTHOR, 1), 1, vec![set(1, Value::Raw(vec![0; (64 << 10) + 1]))]));
    refused(op(id(AUTHOR, 1), 1, (1..=4097).map(|n| set(n, Value::Int(0))).collect()));
    refused(op(id(AUTHOR, 1), 1, vec![set(1, Value::Int(0)), set(1, Value::Int(1))]));
    refused(op(id(AUTHOR, 1), 1, vec![Change { rows: vec![RowId([1; 8]); 9], ..set(1, Value::Int(0)) }]));
    refused(op(id(AUTHOR, 1), 1, vec![set(0, Value::Int(0))]));
    let naming = |counter: u64| Change { replaces: vec![id(OTHER, counter)], ..set(1, Value::Int(0)) };
    refused(op(id(AUTHOR, 1), 1, vec![naming(1 << 63)]));
    assert!(encode(&[op(id(AUTHOR, 1), 1, vec![naming((1 << 63) - 1)])], AUTHOR, GENERATION).is_ok());
    let seen = Write::Delta { adds: Vec::new(), removes: vec![(1, vec![id(OTHER, 1 << 63)])] };
    refused(op(id(AUTHOR, 1), 1, vec![Change { write: seen, ..set(1, Value::Int(0)) }]));
    let replacing = naming(1);
    refused(Op { creates: true, ..op(id(AUTHOR, 1), 1, vec![replacing]) });
    refused(Op { changes: vec![set(2, Value::Int(0)), set(1, Value::Int(0))], ..plain() });
    assert!(encode(&[], AUTHOR, GENERATION).is_err());
    assert!(encode(&vec![plain(); OPS_MAX + 1], AUTHOR, GENERATION).is_err());
    assert!(encode(&vec![plain(); OPS_MAX], AUTHOR, GENERATION).is_ok());
    let times = [op(id(AUTHOR, 1), i64::MAX, vec![]), op(id(AUTHOR, 2), -2, vec![])];
    assert!(encode(&times, AUTHOR, GENERATION).is_err());
}

#[test]
fn newer_flags_forms_and_roles_are_told_apart_from_damage() {
    let newer = |body: &[u8]| assert_eq!(read(&with_body(body), 1), Err(SyncError::Newer));
    newer(&[0x22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    newer(&body(&[&[1, 0, 1, 0x0e, 0]]));
    newer(&body(&[&[1, 0, 1, 0x0f, 0]]));
    let mut routed = body(&[&[1], &[0x11; 16], &[3], &[0]]);
    routed[0] |= 16;
    newer(&routed);
}

#[test]
fn every_broken_rule_of_an_op_is_refused() {
    assert!(read(&with_body(&body(&[&[1, 0, 1, 9, 0, 2]])), 1).is_ok(), "the sound form of what follows");
    let counter_over_63_bits = [&[0x80; 9][..], &[1]].concat();
    let cases: [(&str, Vec<u8>); 11] = [
        ("field number 0", body(&[&[1, 0, 1, 1, 0, 2]])),
        ("counter of a reference over 63 bits", body(&[&[1, 0, 1, 9, 1, 0], &counter_over_63_bits, &[0; 4], &[2]])),
        ("origin 0 by its number", [&[6, 0, 0][..], &[0; 4], &[9; 16], &[0, 0, 0]].concat()),
        ("bytes left over", body(&[&[0, 0]])),
        ("group without changes", body(&[&[1, 0, 0]])),
        ("groups not ascending", body(&[&[2, 0, 1, 9, 0, 2, 0, 1, 17, 0, 2]])),
        ("field twice", body(&[&[1, 0, 2, 9, 0, 2, 1, 0, 2]])),
        ("origin not listed", body(&[&[1, 0, 1, 9, 1, 1, 0, 0, 0, 0, 0, 2]])),
        ("number not shortest", body(&[&[1, 0, 1, 0x89, 0, 0, 2]])),
        ("row deeper than eight", body(&[&[1, 9], &[1; 72], &[1, 9, 0, 2]])),
        ("no record that far back", [&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0][..]].concat()),
    ];
    for (what, body) in cases {
        assert!(matches!(read(&with_body(&body), 1), Err(SyncError::Malformed(_))), "{what}");
    }
}

#[test]
fn origins_and_schemas_are_listed_once() {
    let older = OpId { generation: OLDER, ..id(AUTHOR, 2) };
    let bytes = coded(&[op(older, 1, vec![])]);
    let (origin, schema) = ([&AUTHOR.0[..], &OLDER.0].concat(), SCHEMA.0);
    let rest = &bytes[1 + origin.len() + 1 + schema.len()..];
    let with = |origins: &[&[u8]], schemas: &[&[u8]]| {
        let count = |list: &[&[u8]]| vec![u8::try_from(list.len()).unwrap()];
        read(&[count(origins), origins.concat(), count(schemas), schemas.concat(), rest.to_vec()].concat(), 1)
    };
    assert!(with(&[&origin], &[&schema]).is_ok());
    let twice = Err(Malformed("origin or schema listed twice").into());
    assert_eq!(with(&[&origin, &origin], &[&schema]), twice);
    assert_eq!(with(&[&origin], &[&schema, &schema]), twice);
    let own = [&AUTHOR.0[..], &GENERATION.0].concat();
    assert_eq!(with(&[&origin, &own], &[&schema]), twice, "the header's origin has number 0 already");
    assert!(with(&[&origin, &[7; 24]], &[&schema, &[7; 8]]).is_ok(), "an entry that no op names");
}

#[test]
fn routes_follow_only_where_there_are_some() {
    let mut none = body(&[&[0], &[0]]);
    none[0] |= 16;
    assert_eq!(read(&with_body(&none), 1), Err(Malformed("routes flag without routes").into()));
}

#[test]
fn count_of_the_header_must_match() {
    let ops = [op(id(AUTHOR, 1), 1, vec![]), op(id(AUTHOR, 2), 1, vec![])];
    for count in [0, 1, 3, 5000] {
        assert!(read(&coded(&ops), count).is_err(), "{count}");
    }
}

#[test]
fn other_author_or_generation_gives_other_op_ids() {
    let bytes = coded(&[op(id(AUTHOR, 1), 1, vec![])]);
    assert_eq!(decode(&bytes, OTHER, GENERATION, 1).unwrap()[0].id.device, OTHER);
    let foreign = [op(OpId { generation: OLDER, ..id(AUTHOR, 1) }, 1, vec![])];
    assert!(decode(&coded(&foreign), OTHER, GENERATION, 1).is_err(), "an op of another device's origin");
}

#[test]
fn small_payload_cannot_ask_for_much_memory() {
    let rows = vec![RowId([1; 8]); 8];
    let change = |field: u32| Change { rows: rows.clone(), ..set(field, Value::Int(0)) };
    let big = |counter: u64| Op { creates: true, ..op(id(AUTHOR, counter), 1, (1..=4096).map(change).collect()) };
    let fits: Vec<Op> = (0..7).map(big).collect();
    const { assert!(7 * 4096 * 9 <= ITEMS_MAX && 8 * 4096 * 9 > ITEMS_MAX) };
    assert_eq!(read(&coded(&fits), 7).unwrap(), fits);
    let over: Vec<Op> = (0..8).map(big).collect();
    assert!(encode(&over, AUTHOR, GENERATION).is_err());
    // The same eight ops by hand: the header of seven, and the last op's bytes once more.
    let seven = coded(&fits);
    let six = coded(&fits[..6]);
    let eight = [&seven[..], &seven[six.len()..]].concat();
    assert!(matches!(read(&eight, 8), Err(SyncError::Malformed(_))));
}

#[test]
fn every_cut_payload_is_refused() {
    let schema = missing_child();
    let bytes = coded(&[report(1, 1, &schema), fixed_op(), report(2, 310, &schema)]);
    for n in 0..bytes.len() {
        assert!(matches!(read(&bytes[..n], 3), Err(SyncError::Malformed(_))), "{n}");
    }
}

#[test]
fn damaged_payloads_never_panic() {
    let schema = missing_child();
    let bytes = coded(&[report(1, 1, &schema), fixed_op()]);
    let mut dice = Dice::new(7);
    let mut decoded = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=dice.roll(3) {
            let at = usize::try_from(dice.roll(bytes.len() as u64)).unwrap();
            [damaged[at]] = dice.bytes();
        }
        if let Ok(ops) = read(&damaged, 2) {
            // What was read can be written and read again: the Merkle leaf is well defined.
            assert_eq!(read(&coded(&ops), 2).unwrap(), ops);
            decoded += 1;
        }
    }
    assert!(decoded > 1000, "most flips hit values, which any byte can be: {decoded}");
}

fn many() -> impl Strategy<Value = Vec<Op>> {
    let own = (any_op(), any_id(), 0u8..4, -9i64..9).prop_map(|(op, id, record, seconds)| Op {
        id: OpId { device: AUTHOR, ..id },
        record: RecordId([record; 16]),
        seconds,
        ..op
    });
    prop::collection::vec(own, 1..8)
}

proptest! {
    #[test]
    fn any_ops_come_back(ops in many()) {
        prop_assert_eq!(read(&coded(&ops), ops.len()).unwrap(), ops);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..4) {
        let _ = read(&bytes, count);
    }

    #[test]
    fn random_op_bodies_never_panic(bytes in prop::collection::vec(prop_oneof![0u8..10, any::<u8>()], 0..100)) {
        let _ = read(&with_body(&body(&[&bytes])), 1);
    }
}

#[test]
fn record_of_the_samples_is_not_the_back_reference_of_another() {
    let ops = [
        op(id(AUTHOR, 1), 1, vec![]),
        Op { record: RecordId([1; 16]), ..op(id(AUTHOR, 2), 1, vec![]) },
        op(id(AUTHOR, 3), 1, vec![]),
    ];
    let back = read(&coded(&ops), 3).unwrap();
    assert_eq!([back[0].record, back[2].record], [RECORD, RECORD]);
    assert_eq!(back[1].record, RecordId([1; 16]));
}
