//! Vectors of merge: copies of ops, and the state of their record whatever the order they come in.

use samanvay_sync::bytes::hex;
use samanvay_sync::id::{DeviceId, Generation, OpId, RowId, StreamId};
use samanvay_sync::merge::{Cell, CellKey, RecordState, Sighting, merge};
use samanvay_sync::op::{Change, Op, Role, Route, Value as Held, Write};
use samanvay_sync::payload;
use serde_json::{Value, json};

use crate::samples::{AUTHOR, GENERATION, OTHER, RECORD, id, op, set, text};
use crate::show;

const THIRD: DeviceId = DeviceId([0xc3; 16]);
const ROW: RowId = RowId([0x21; 8]);
const SECOND: RowId = RowId([0x22; 8]);
const NAME: u32 = 1;
const RISKS: u32 = 21;
const MARKS: u32 = 40;
const MARK: u32 = 41;

const HOME: StreamId = StreamId([0x11; 16]);
const ROLL_UP: StreamId = StreamId([0x12; 16]);
const ELSEWHERE: StreamId = StreamId([0x13; 16]);
const FORM: &str = "missing_child";

/// One copy of an op: the stream that brought it and whether it may be a home, the form of its schema, and the fields that
/// should not have come.
#[derive(Clone)]
struct Copy {
    op: Op,
    stream: StreamId,
    may_be_home: bool,
    form: String,
    hidden: Vec<u32>,
}

impl Copy {
    fn sight(&self) -> Sighting<'_> {
        let Self { op, stream, may_be_home, form, hidden } = self;
        Sighting { op, stream: *stream, form, may_be_home: *may_be_home, hidden }
    }
}

fn copy(op: Op) -> Copy {
    Copy { op, stream: HOME, may_be_home: true, form: FORM.to_owned(), hidden: Vec::new() }
}

fn projected(op: Op) -> Copy {
    Copy { stream: ROLL_UP, may_be_home: false, ..copy(op) }
}

fn name(value: &str, replaces: &[OpId]) -> Change {
    Change { replaces: replaces.to_vec(), ..set(NAME, text(value)) }
}

fn in_row(row: RowId, field: u32, replaces: &[OpId], write: Write) -> Change {
    Change { rows: vec![row], field, replaces: replaces.to_vec(), write }
}

fn delta(adds: &[u64], removes: &[(u64, &[OpId])]) -> Change {
    let removes = removes.iter().map(|(code, seen)| (*code, seen.to_vec())).collect();
    Change { write: Write::Delta { adds: adds.to_vec(), removes }, ..set(RISKS, Held::Int(0)) }
}

/// Writes of one register.
fn registers() -> Vec<(&'static str, Vec<Copy>)> {
    let first = id(AUTHOR, 1);
    let created = || Op { creates: true, ..op(first, 100, vec![name("रानी", &[])]) };
    let theirs = || op(id(OTHER, 1), 160, vec![name("रानी यादव", &[first])]);
    let ours = || op(id(THIRD, 1), 150, vec![name("रानी उइके", &[first])]);
    let resolved = op(id(AUTHOR, 2), 90, vec![name("रानी उइके", &[id(OTHER, 1), id(THIRD, 1)])]);
    let same_time = |device| op(id(device, 3), 200, vec![name(if device == AUTHOR { "सरिता" } else { "पूजा" }, &[])]);
    let itself = op(id(AUTHOR, 4), 10, vec![name("काजल", &[id(AUTHOR, 4)])]);
    let cleared = op(id(OTHER, 2), 300, vec![Change { write: Write::Clear, ..name("", &[first]) }]);
    let twice = |device| op(id(device, 5), 20, vec![name("नेहा", &[])]);
    vec![
        ("concurrent writes conflict, the later is shown first", [created(), theirs(), ours()].map(copy).into()),
        ("a write that names both ends the conflict", [created(), theirs(), ours(), resolved].map(copy).into()),
        ("the replaced write has not come", vec![copy(theirs())]),
        ("equal times are shown by op id", [AUTHOR, OTHER].map(same_time).map(copy).into()),
        ("a write does not replace itself", vec![copy(itself)]),
        ("equal values are no conflict", [AUTHOR, OTHER].map(twice).map(copy).into()),
        ("cleared against a concurrent write", [created(), cleared, ours()].map(copy).into()),
    ]
}

fn sets_and_rows() -> Vec<(&'static str, Vec<Copy>)> {
    let first = id(AUTHOR, 1);
    let start = || op(first, 100, vec![delta(&[0, 1], &[])]);
    let removed = || op(id(OTHER, 1), 110, vec![delta(&[], &[(1, &[first])])]);
    let again = || op(id(THIRD, 1), 105, vec![delta(&[1, 3], &[])]);
    let order = |order, replaces: &[OpId]| in_row(ROW, MARKS, replaces, Write::Set(Held::Int(order)));
    let mark = |mark, replaces: &[OpId]| in_row(ROW, MARK, replaces, Write::Set(text(mark)));
    let added = || op(first, 100, vec![order(2, &[]), mark("तिल", &[])]);
    let other = in_row(SECOND, MARKS, &[], Write::Set(Held::Int(1)));
    let other = || op(id(THIRD, 2), 101, vec![other.clone()]);
    let gone = || op(id(OTHER, 1), 130, vec![in_row(ROW, MARKS, &[first], Write::Clear)]);
    let edited = op(id(THIRD, 1), 120, vec![order(2, &[first]), mark("दाग", &[first])]);
    let only_field = op(id(THIRD, 3), 120, vec![mark("दाग", &[first])]);
    vec![
        ("a set's member removed by one and added again by another", [start(), removed(), again()].map(copy).into()),
        ("a removal before the add that it saw", [removed(), again()].map(copy).into()),
        ("rows in order of their keys", [added(), other()].map(copy).into()),
        ("a row removed", [added(), other(), gone()].map(copy).into()),
        ("a row removed against an edit of the row stays", [added(), gone(), edited].map(copy).into()),
        ("a row removed against an edit of a field in it is gone", [added(), gone(), only_field].map(copy).into()),
    ]
}

/// Several copies of one op.
fn copies() -> Vec<(&'static str, Vec<Copy>)> {
    let whole = founding();
    let part = Op { routes: Vec::new(), changes: whole.changes[1..].to_vec(), ..whole.clone() };
    let mut lie = part.clone();
    lie.changes[0].write = Write::Set(Held::Int(9));
    let mut second_lie = lie.clone();
    second_lie.changes[0].write = Write::Set(text("9"));
    let stray = Copy { hidden: vec![NAME], ..projected(whole.clone()) };
    vec![
        ("home and projection join", vec![copy(whole.clone()), projected(part)]),
        ("copies differ: the home stream's counts", vec![copy(whole.clone()), projected(lie.clone())]),
        ("copies differ and none is from home", vec![projected(lie), projected(second_lie)]),
        ("a field that should not have come is left out", vec![stray]),
    ]
}

/// An op that creates the record at home.
fn founding() -> Op {
    let routes = vec![Route { stream: HOME, role: Role::Home }, Route { stream: ROLL_UP, role: Role::Projection }];
    Op { creates: true, routes, ..op(id(AUTHOR, 1), 100, vec![name("रानी", &[]), set(50, Held::Int(0))]) }
}

/// What does not count, and where it goes.
fn aside() -> Vec<(&'static str, Vec<Copy>)> {
    let whole = founding;
    let first = whole().id;
    let part = || Op { routes: Vec::new(), changes: whole().changes[1..].to_vec(), ..whole() };
    let late = || op(id(OTHER, 1), 900, vec![Change { replaces: vec![first], ..set(50, Held::Int(9)) }]);
    let planted = Route { stream: ELSEWHERE, role: Role::Projection };
    let route = Op { routes: vec![planted], ..late() };
    let created = Op { creates: true, routes: vec![planted], ..op(id(OTHER, 2), 50, vec![]) };
    let not_its_own = Op { routes: whole().routes, ..created.clone() };
    let claim = Op { routes: vec![Route { stream: ELSEWHERE, role: Role::Home }], ..created.clone() };
    let elsewhere = |may_be_home| Copy { stream: ELSEWHERE, may_be_home, ..copy(claim.clone()) };
    let foreign = Copy { form: "awareness_session".to_owned(), ..copy(late()) };
    vec![
        ("a write that did not come through home waits", vec![copy(whole()), projected(part()), projected(late())]),
        ("it counts when it has come", vec![copy(whole()), projected(late()), copy(late())]),
        ("without home copies every copy counts", vec![projected(part()), projected(late())]),
        ("routes of an op that does not create are stray", vec![copy(whole()), copy(route)]),
        ("routes of a second creating op are stray", vec![copy(whole()), copy(created)]),
        ("routes that name another stream as home are stray", vec![copy(whole()), projected(not_its_own)]),
        ("two streams claim to be home", vec![copy(whole()), elsewhere(true)]),
        ("a stream that cannot be home claims nothing", vec![copy(whole()), elsewhere(false)]),
        ("an op of another form is kept aside", vec![copy(whole()), foreign]),
    ]
}

fn cell(((rows, field), cell): (&CellKey, &Cell)) -> Value {
    let live = cell.live().into_iter().map(|live| {
        let value = live.value.map_or(Write::Clear, Write::Set);
        json!({"op": show::op_id(&live.op), "seconds": live.seconds, "value": show::write(&value)})
    });
    let members = cell.members().into_iter().map(|(code, ops)| json!({"code": code, "ops": show::op_ids(&ops)}));
    json!({
        "rows": rows.iter().map(RowId::hex).collect::<Vec<_>>(),
        "field": field,
        "live": live.collect::<Vec<_>>(),
        "members": members.collect::<Vec<_>>(),
        "conflict": cell.in_conflict(),
        "disputed": cell.disputed(),
    })
}

fn state(state: &RecordState) -> Value {
    json!({
        "cells": state.cells().map(cell).collect::<Vec<_>>(),
        "rows": state.rows(&[], MARKS).iter().map(RowId::hex).collect::<Vec<_>>(),
        "created": state.created().map(|stamp| show::op_id(&stamp.op)),
        "updated": state.updated().map(|stamp| show::op_id(&stamp.op)),
        "home": state.home().map(|stream| stream.hex()),
        "contested": state.is_contested(),
        "routes": state.routes().map(|route| show::route(&route)).collect::<Vec<_>>(),
        "stray_routes": state.stray_routes().map(|route| show::route(&route)).collect::<Vec<_>>(),
        "aside": show::op_ids(&state.aside().collect::<Vec<_>>()),
        "hidden": state.hidden().collect::<Vec<_>>(),
    })
}

pub(crate) fn merges() -> Value {
    let cases = [registers(), sets_and_rows(), copies(), aside()];
    let shown = cases.iter().flatten().map(|(what, copies)| {
        let merged = state(&merge(RECORD, copies.iter().map(Copy::sight)));
        let copies = copies.iter().map(|copy| {
            let author = copy.op.id.device;
            json!({
                "author": author.hex(),
                "payload": hex(&payload::encode(std::slice::from_ref(&copy.op), author, GENERATION).unwrap()),
                "stream": copy.stream.hex(),
                "may_be_home": copy.may_be_home,
                "form": copy.form,
                "hidden": copy.hidden,
            })
        });
        json!({"what": what, "copies": copies.collect::<Vec<_>>(), "state": merged})
    });
    json!({
        "record": RECORD.hex(),
        "generation": GENERATION.hex(),
        "repeat": MARKS,
        "cases": shown.collect::<Vec<_>>(),
    })
}

/// Merges the stored copies again, forwards and backwards and all twice.
pub(crate) fn read(stored: &Value) {
    let generation = Generation::from_hex(stored["generation"].as_str().unwrap()).unwrap();
    for case in stored["cases"].as_array().unwrap() {
        let read = |copy: &Value| {
            let ops = payload::decode(&show::bytes(&copy["payload"]), show::id16(&copy["author"]), generation, 1);
            let hidden = copy["hidden"].as_array().unwrap().iter();
            let hidden = hidden.map(|field| u32::try_from(field.as_u64().unwrap()).unwrap()).collect();
            Copy {
                op: ops.unwrap().remove(0),
                stream: StreamId(show::id16(&copy["stream"]).0),
                may_be_home: copy["may_be_home"].as_bool().unwrap(),
                form: copy["form"].as_str().unwrap().to_owned(),
                hidden,
            }
        };
        let copies: Vec<Copy> = case["copies"].as_array().unwrap().iter().map(read).collect();
        let sightings = || copies.iter().map(Copy::sight);
        assert_eq!(state(&merge(RECORD, sightings().rev().chain(sightings()))), case["state"], "{}", case["what"]);
    }
}
