//! Facts about the merge of a record's ops.

mod samples;

use proptest::prelude::*;
use samanvay_sync::id::{OpId, RecordId, RowId, StreamId};
use samanvay_sync::merge::{RecordState, Sighting, merge};
use samanvay_sync::op::{Change, Op, Role, Route, Value, Write};
use samples::{AUTHOR, OTHER, RECORD, any_op, id, missing_child, op, set, text};
use std::collections::BTreeSet;

const ROW: RowId = RowId([1; 8]);
const ROW_2: RowId = RowId([2; 8]);
/// The repeat of the sample schema and a field in its rows.
const MARKS: u32 = 40;
const MARK: u32 = 41;

const HOME: StreamId = StreamId([2; 16]);
const ROLL_UP: StreamId = StreamId([1; 16]);

/// A copy from a stream that is nobody's home.
fn sight(op: &Op) -> Sighting<'_> {
    Sighting { op, stream: ROLL_UP, form: "missing_child", may_be_home: false, hidden: &[] }
}

/// A copy from the home stream, if the record says so.
fn at_home(op: &Op) -> Sighting<'_> {
    Sighting { stream: HOME, may_be_home: true, ..sight(op) }
}

fn route(stream: StreamId, role: Role) -> Route {
    Route { stream, role }
}

/// An op that creates the record with [`HOME`] as its home.
fn founding(changes: Vec<Change>) -> Op {
    let routes = vec![route(HOME, Role::Home), route(ROLL_UP, Role::Projection)];
    Op { creates: true, routes, ..op(id(AUTHOR, 1), 10, changes) }
}

fn state<'a>(ops: impl IntoIterator<Item = &'a Op>) -> RecordState {
    merge(RECORD, ops.into_iter().map(sight))
}

fn replacing(ids: &[OpId], change: Change) -> Change {
    Change { replaces: ids.to_vec(), ..change }
}

fn clear(field: u32) -> Change {
    Change { write: Write::Clear, ..set(field, Value::Int(0)) }
}

fn delta(field: u32, adds: &[u64], removes: &[(u64, &[OpId])]) -> Change {
    let removes = removes.iter().map(|(code, seen)| (*code, seen.to_vec())).collect();
    Change { write: Write::Delta { adds: adds.to_vec(), removes }, ..set(field, Value::Int(0)) }
}

fn at(rows: &[RowId], change: Change) -> Change {
    Change { rows: rows.to_vec(), ..change }
}

#[test]
fn both_edits_stay_when_fields_differ() {
    let ops = [op(id(AUTHOR, 1), 5, vec![set(1, text("रानी"))]), op(id(OTHER, 1), 6, vec![set(8, text("वार्ड 4"))])];
    let merged = state(&ops);
    assert_eq!(merged.value(&[], 1), Some(&text("रानी")));
    assert_eq!(merged.value(&[], 8), Some(&text("वार्ड 4")));
    assert!(merged.conflicts(&missing_child()).is_empty());
}

#[test]
fn concurrent_writes_both_stay_and_the_later_is_shown_first() {
    let ops =
        [op(id(OTHER, 1), 50, vec![set(1, text("रानी"))]), op(id(AUTHOR, 1), 60, vec![set(1, text("रानी यादव"))])];
    let merged = state(&ops);
    let conflicts = merged.conflicts(&missing_child());
    assert_eq!(conflicts.len(), 1);
    let live: Vec<_> = conflicts[0].live.iter().map(|write| (write.op, write.value.clone())).collect();
    assert_eq!(live, [(ops[1].id, Some(text("रानी यादव"))), (ops[0].id, Some(text("रानी")))]);
    assert_eq!(merged.value(&[], 1), Some(&text("रानी यादव")));
}

#[test]
fn equal_times_are_shown_by_op_id_on_every_device() {
    let ops = [op(id(OTHER, 1), 50, vec![set(1, Value::Int(1))]), op(id(AUTHOR, 9), 50, vec![set(1, Value::Int(2))])];
    assert!(ops[0].id > ops[1].id);
    assert_eq!(state(&ops).value(&[], 1), Some(&Value::Int(1)));
    assert_eq!(state(ops.iter().rev()).value(&[], 1), Some(&Value::Int(1)));
}

#[test]
fn write_that_names_all_heads_resolves_the_conflict_even_with_a_slow_clock() {
    let mut ops =
        vec![op(id(OTHER, 1), 50, vec![set(1, Value::Int(1))]), op(id(AUTHOR, 1), 60, vec![set(1, Value::Int(2))])];
    let heads = state(&ops).heads(&[], 1);
    assert_eq!(BTreeSet::from_iter(heads.clone()), BTreeSet::from([ops[0].id, ops[1].id]));
    ops.push(op(id(AUTHOR, 2), -9, vec![replacing(&heads, set(1, Value::Int(1)))]));
    let merged = state(&ops);
    assert!(merged.conflicts(&missing_child()).is_empty());
    assert_eq!(merged.value(&[], 1), Some(&Value::Int(1)));
    assert_eq!(merged.heads(&[], 1), [ops[2].id]);
}

#[test]
fn write_replaced_before_it_comes_stays_replaced() {
    let first = op(id(AUTHOR, 1), 99, vec![set(1, Value::Int(1))]);
    let second = op(id(OTHER, 1), 5, vec![replacing(&[first.id], set(1, Value::Int(2)))]);
    assert_eq!(state([&second, &first]).value(&[], 1), Some(&Value::Int(2)));
    assert_eq!(state([&second, &first]).heads(&[], 1), [second.id]);
}

#[test]
fn write_that_names_itself_does_not_disappear() {
    let own = op(id(AUTHOR, 1), 1, vec![replacing(&[id(AUTHOR, 1)], set(1, Value::Int(1)))]);
    assert_eq!(state([&own]).value(&[], 1), Some(&Value::Int(1)));
}

#[test]
fn equal_values_written_twice_are_no_conflict_and_both_are_heads() {
    let ops = [op(id(AUTHOR, 1), 1, vec![set(1, Value::Int(7))]), op(id(OTHER, 1), 2, vec![set(1, Value::Int(7))])];
    let merged = state(&ops);
    assert!(merged.conflicts(&missing_child()).is_empty());
    assert_eq!(merged.heads(&[], 1).len(), 2);
}

#[test]
fn answer_taken_back_against_a_concurrent_answer_is_a_conflict() {
    let ops = [op(id(AUTHOR, 1), 9, vec![clear(1)]), op(id(OTHER, 1), 2, vec![set(1, Value::Int(7))])];
    let merged = state(&ops);
    assert_eq!(merged.value(&[], 1), None);
    assert_eq!(merged.conflicts(&missing_child())[0].live.len(), 2);
}

#[test]
fn set_member_added_again_outlives_a_remove_that_did_not_see_it() {
    let ops = [
        op(id(AUTHOR, 1), 1, vec![delta(19, &[2, 3], &[])]),
        op(id(AUTHOR, 2), 2, vec![delta(19, &[], &[(2, &[id(AUTHOR, 1)]), (3, &[id(AUTHOR, 1)])])]),
        op(id(OTHER, 1), 3, vec![delta(19, &[2], &[])]),
    ];
    let members = state(&ops).members(&[], 19);
    assert_eq!(members.into_iter().collect::<Vec<_>>(), [(2, vec![id(OTHER, 1)])]);
}

#[test]
fn rows_come_by_order_key_and_then_by_id() {
    let row = |row: RowId, order: i64| at(&[row], set(MARKS, Value::Int(order)));
    let rows = [(RowId([9; 8]), 1), (RowId([3; 8]), 2), (RowId([7; 8]), 2)];
    let merged = state(&[op(id(AUTHOR, 1), 1, rows.map(|(id, order)| row(id, order)).to_vec())]);
    assert_eq!(merged.rows(&[], MARKS), rows.map(|(id, _)| id));
    assert!(merged.rows(&[ROW], MARKS).is_empty());
    assert!(merged.rows(&[], MARK).is_empty());
}

#[test]
fn rows_of_a_nested_repeat_belong_to_their_outer_row() {
    let ops = [op(
        id(AUTHOR, 1),
        1,
        vec![
            at(&[ROW], set(MARKS, Value::Int(0))),
            at(&[ROW, ROW_2], set(60, Value::Int(0))),
            at(&[ROW_2], set(MARKS, Value::Int(1))),
        ],
    )];
    let merged = state(&ops);
    assert_eq!(merged.rows(&[], MARKS), [ROW, ROW_2]);
    assert_eq!(merged.rows(&[ROW], 60), [ROW_2]);
    assert!(merged.rows(&[ROW_2], 60).is_empty());
}

#[test]
fn removed_row_is_gone_and_its_conflicts_with_it() {
    let schema = missing_child();
    let add = at(&[ROW], set(MARKS, Value::Int(0)));
    let mut ops = vec![
        op(id(AUTHOR, 1), 1, vec![add, at(&[ROW], set(MARK, text("तिल")))]),
        op(id(OTHER, 1), 2, vec![at(&[ROW], set(MARK, text("दाग")))]),
    ];
    assert_eq!(state(&ops).conflicts(&schema).len(), 1);
    ops.push(op(id(AUTHOR, 2), 3, vec![replacing(&[ops[0].id], at(&[ROW], clear(MARKS)))]));
    let merged = state(&ops);
    assert!(merged.rows(&[], MARKS).is_empty());
    assert!(merged.conflicts(&schema).is_empty());
    assert!(!merged.is_there(&[ROW], MARK, &schema));
    assert_eq!(merged.cell(&[ROW], MARK).unwrap().live().len(), 2, "nothing is lost");
}

#[test]
fn row_removed_against_a_concurrent_edit_stays_and_is_flagged() {
    let schema = missing_child();
    let add = at(&[ROW], set(MARKS, Value::Int(4)));
    let first = op(id(AUTHOR, 1), 1, vec![add.clone(), at(&[ROW], set(MARK, text("तिल")))]);
    let removed = op(id(AUTHOR, 2), 9, vec![replacing(&[first.id], at(&[ROW], clear(MARKS)))]);
    let edited = op(
        id(OTHER, 1),
        5,
        vec![replacing(&[first.id], add), replacing(&[first.id], at(&[ROW], set(MARK, text("दाग"))))],
    );
    let merged = state(&[first, removed, edited]);
    assert_eq!(merged.rows(&[], MARKS), [ROW]);
    let conflicts = merged.conflicts(&schema);
    assert_eq!(conflicts.iter().map(|c| (c.rows.clone(), c.field)).collect::<Vec<_>>(), [(vec![ROW], MARKS)]);
}

#[test]
fn home_copy_counts_where_copies_of_an_op_differ() {
    let honest = founding(vec![set(50, Value::Int(0))]);
    let other = Op { routes: Vec::new(), ..founding(vec![set(50, Value::Int(9))]) };
    for sightings in [[at_home(&honest), sight(&other)], [sight(&other), at_home(&honest)]] {
        let merged = merge(RECORD, sightings);
        assert_eq!(merged.value(&[], 50), Some(&Value::Int(0)));
        assert!(merged.cell(&[], 50).unwrap().disputed());
    }
    let honest_projection = Op { routes: Vec::new(), ..honest.clone() };
    assert!(!merge(RECORD, [at_home(&honest), sight(&honest_projection)]).cell(&[], 50).unwrap().disputed());
}

#[test]
fn who_does_not_write_the_home_stream_replaces_nothing_for_its_readers() {
    let honest = founding(vec![set(50, Value::Int(0)), set(22, Value::Int(114))]);
    let late = op(id(OTHER, 1), 99, vec![replacing(&[honest.id], set(50, Value::Int(9)))]);
    let merged = merge(RECORD, [sight(&late), at_home(&honest), sight(&honest)]);
    assert_eq!(merged.value(&[], 50), Some(&Value::Int(0)));
    assert_eq!(merged.aside().collect::<Vec<_>>(), [late.id], "it is known that something came");
    assert_eq!(merged.updated().unwrap().op, honest.id);
    let came_home = merge(RECORD, [sight(&late), at_home(&honest), at_home(&late)]);
    assert_eq!(came_home.value(&[], 50), Some(&Value::Int(9)));
    assert_eq!(came_home.aside().count(), 0);
    let without_home = merge(RECORD, [sight(&late), sight(&honest)]);
    assert_eq!(without_home.value(&[], 50), Some(&Value::Int(9)), "who reads the roll-up alone sees what it says");
}

#[test]
fn routes_count_only_from_the_creating_op_in_the_stream_it_calls_home() {
    let honest = founding(vec![]);
    let wanted = StreamId([9; 16]);
    let planted = route(wanted, Role::Projection);
    let edit = Op { routes: vec![planted], ..op(id(OTHER, 1), 20, vec![set(50, Value::Int(9))]) };
    let again = Op { routes: vec![planted], creates: true, ..op(id(OTHER, 2), 5, vec![]) };
    let not_its_own = Op { routes: vec![route(HOME, Role::Home), planted], ..again.clone() };
    let not_a_home = Sighting { may_be_home: false, ..at_home(&honest) };
    for stray in [sight(&edit), at_home(&edit), at_home(&again), sight(&again), sight(&not_its_own)] {
        let merged = merge(RECORD, [stray, at_home(&honest)]);
        assert_eq!(merged.routes().collect::<Vec<_>>(), [route(ROLL_UP, Role::Projection), route(HOME, Role::Home)]);
        assert!(merged.stray_routes().any(|stray| stray == planted), "and a reader is told");
        assert_eq!(merged.home(), Some(HOME));
        assert_eq!(merged.created().unwrap().op, honest.id);
    }
    let merged = merge(RECORD, [not_a_home]);
    assert_eq!((merged.home(), merged.routes().count(), merged.stray_routes().count()), (None, 0, 2));
}

#[test]
fn two_streams_that_each_claim_to_be_home_leave_the_record_without_one() {
    let honest = founding(vec![]);
    let elsewhere = StreamId([7; 16]);
    let claim = Op { creates: true, routes: vec![route(elsewhere, Role::Home)], ..op(id(OTHER, 1), 99, vec![]) };
    let merged = merge(RECORD, [at_home(&honest), Sighting { stream: elsewhere, ..at_home(&claim) }]);
    assert!(merged.is_contested());
    assert_eq!(merged.home(), None);
    assert!(!merge(RECORD, [at_home(&honest), at_home(&honest)]).is_contested());
}

#[test]
fn ops_of_another_form_are_kept_and_not_merged() {
    let created = Op { creates: true, ..op(id(AUTHOR, 1), 10, vec![set(1, text("रानी"))]) };
    let foreign = op(id(OTHER, 1), 20, vec![set(1, text("सत्र"))]);
    let merged = merge(RECORD, [sight(&created), Sighting { form: "awareness_session", ..sight(&foreign) }]);
    assert_eq!(merged.value(&[], 1), Some(&text("रानी")));
    assert!(merged.conflicts(&missing_child()).is_empty());
    assert_eq!(merged.aside().collect::<Vec<_>>(), [foreign.id]);
}

#[test]
fn calculated_field_with_two_values_waits_for_nobody() {
    let ops = [op(id(AUTHOR, 1), 1, vec![set(50, Value::Int(0))]), op(id(OTHER, 1), 2, vec![set(50, Value::Int(1))])];
    let merged = state(&ops);
    assert!(missing_child().field(50).unwrap().calculated);
    assert!(merged.cell(&[], 50).unwrap().in_conflict());
    assert!(merged.conflicts(&missing_child()).is_empty());
}

#[test]
fn field_that_should_not_have_come_is_left_out_and_named() {
    let stray = op(id(AUTHOR, 1), 1, vec![set(1, text("रानी")), set(50, Value::Int(0))]);
    let merged = merge(RECORD, [Sighting { hidden: &[1], ..sight(&stray) }]);
    assert!(merged.cell(&[], 1).is_none());
    assert_eq!(merged.hidden().collect::<Vec<_>>(), [1]);
    assert_eq!(merged.value(&[], 50), Some(&Value::Int(0)));
    let with_home = merge(RECORD, [Sighting { hidden: &[1], ..sight(&stray) }, at_home(&stray)]);
    assert_eq!(with_home.value(&[], 1), Some(&text("रानी")), "where it may come, it counts");
}

#[test]
fn ops_of_another_record_are_passed_over() {
    let foreign = Op { record: RecordId([0; 16]), ..op(id(AUTHOR, 1), 1, vec![set(1, Value::Int(1))]) };
    assert_eq!(state([&foreign]), RecordState::new(RECORD));
}

#[test]
fn creation_routes_and_last_change_are_known() {
    let created = founding(vec![]);
    let edited = op(id(OTHER, 3), 90, vec![set(1, Value::Int(1))]);
    let merged = merge(RECORD, [&edited, &created].map(at_home));
    assert_eq!(merged.created().unwrap().op, created.id);
    assert_eq!(merged.updated().unwrap().op, edited.id);
    assert_eq!(merged.home(), Some(HOME));
    assert_eq!(merged.routes().count(), 2);
}

/// An op, the stream that brought it and whether it may be a home, its form, and what should not have come.
type Copy = (Op, (u8, bool), &'static str, Vec<u32>);

fn sightings() -> impl Strategy<Value = Vec<Copy>> {
    let form = prop::sample::select(vec!["missing_child", "missing_child", "awareness_session"]);
    let copy = (any_op(), (0u8..4, any::<bool>()), form, prop::collection::vec(1u32..7, 0..2));
    prop::collection::vec(copy, 0..12)
}

fn merged(copies: &[Copy]) -> RecordState {
    let sightings = copies.iter().map(|(op, (stream, may_be_home), form, hidden)| Sighting {
        op,
        stream: StreamId([*stream; 16]),
        form,
        may_be_home: *may_be_home,
        hidden,
    });
    merge(RECORD, sightings)
}

proptest! {
    #[test]
    fn order_and_repeats_change_nothing(mut all in sightings(), seed: u64) {
        let first = merged(&all);
        let mut dice = samples::Dice::new(seed);
        let again = all.clone();
        all.extend(again);
        for at in (1..all.len()).rev() {
            all.swap(at, usize::try_from(dice.roll(at as u64 + 1)).unwrap());
        }
        prop_assert_eq!(merged(&all), first);
    }

    /// The definition in `docs/wire.md`, written down once more without any cleverness.
    #[test]
    fn live_writes_are_those_that_no_other_write_names(ops in prop::collection::vec(any_op(), 0..10)) {
        let mut ops = ops;
        let mut ids = BTreeSet::new();
        ops.retain(|op| ids.insert(op.id));
        let state = state(&ops);
        let changes: Vec<(&Op, &Change)> = ops.iter().flat_map(|op| op.changes.iter().map(move |c| (op, c))).collect();
        for ((rows, field), cell) in state.cells() {
            let here: Vec<_> = changes.iter().filter(|(_, c)| (&c.rows, c.field) == (rows, *field)).collect();
            let live = here.iter().filter(|(op, change)| {
                let named = here.iter().any(|(other, by)| other.id != op.id && by.replaces.contains(&op.id));
                !matches!(change.write, Write::Delta { .. }) && !named
            });
            let expected: BTreeSet<OpId> = live.map(|(op, _)| op.id).collect();
            prop_assert_eq!(BTreeSet::from_iter(cell.heads()), expected);
            let added = here.iter().flat_map(|(op, change)| match &change.write {
                Write::Delta { adds, .. } => adds.iter().map(|code| (*code, op.id)).collect(),
                _ => Vec::new(),
            });
            let removed: BTreeSet<(u64, OpId)> = here.iter().flat_map(|(_, change)| match &change.write {
                Write::Delta { removes, .. } => {
                    removes.iter().flat_map(|(code, seen)| seen.iter().map(|id| (*code, *id))).collect()
                }
                _ => Vec::new(),
            }).collect();
            let expected: BTreeSet<(u64, OpId)> = added.filter(|add| !removed.contains(add)).collect();
            let members = cell.members().into_iter().flat_map(|(code, ids)| ids.into_iter().map(move |id| (code, id)));
            prop_assert_eq!(members.collect::<BTreeSet<_>>(), expected);
            let live = cell.live();
            prop_assert!(live.array_windows().all(|[a, b]| (a.seconds, a.op) > (b.seconds, b.op)));
            prop_assert_eq!(live.first().and_then(|write| write.value.as_ref()), cell.value());
        }
    }
}
