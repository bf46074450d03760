//! From what a finished form holds to the changes that an op carries.
//!
//! Knows cells, rows and what they replace; knows no stream, no key, no disk. Invariant: applied on top of the base by
//! merge, the changes give exactly the finished values; cells that did not change are not mentioned. Start at [`changes`].

use std::collections::{BTreeMap, BTreeSet};

use samanvay_forms::{Context, FieldDef, FieldRef, Kind as FormKind, RowId, Session, Value};
use samanvay_sync::id::OpId;
use samanvay_sync::merge::{Cell, RecordState};
use samanvay_sync::op::{self, Change, Write};
use samanvay_sync::schema::FieldKind;
use samanvay_sync::schema::value::delta;

use crate::error::{RecordsError, Result};
use crate::kinds::Kind;
use crate::reference::{form_rows, wire_rows};
use crate::values;

/// A form's values and rows. A row is named by its repeat's field with the row's own id last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filled {
    pub(crate) values: BTreeMap<FieldRef, Value>,
    /// In the order in which they are shown.
    pub(crate) rows: Vec<FieldRef>,
}

/// Minutes from UTC by which a record is calculated anew: the country has one offset.
const OFFSET_MINUTES: i16 = 330;

/// What a record shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) filled: Filled,
    /// Calculated cells that came with another value than their inputs give.
    pub(crate) recalculated: BTreeSet<FieldRef>,
}

/// What a merged record shows. Who holds its home copy has what calculated fields are calculated from, and believes only that;
/// who reads a projection sees what came.
pub(crate) fn shown(kind: &Kind, state: &RecordState) -> Shown {
    let mut shown = Shown { filled: filled(kind, state), recalculated: BTreeSet::new() };
    if state.home().is_none() && !state.is_contested() {
        return shown;
    }
    let context = Context { now_ms: 0, offset_minutes: OFFSET_MINUTES, rng: Box::new(|| [0; 8]) };
    let Filled { values, rows } = shown.filled.clone();
    let session = Session::restore(kind.form().clone(), values, rows, context, "hi");
    let is_calculated = |place: &FieldRef| kind.form().field(place.field).is_some_and(|def| def.calculated);
    let mut fresh: BTreeMap<FieldRef, Value> =
        session.values().into_iter().filter(|(place, _)| is_calculated(place)).collect();
    let mut places: BTreeSet<FieldRef> = fresh.keys().cloned().collect();
    places.extend(shown.filled.values.keys().filter(|place| is_calculated(place)).cloned());
    for place in places.into_iter().filter(|place| !session.skipped().contains(place)) {
        let value = fresh.remove(&place);
        if shown.filled.values.get(&place) == value.as_ref() {
            continue;
        }
        // Two people who changed different inputs each calculated with what they knew: no fault.
        if !state.cell(&wire_rows(&place.rows), place.field).is_some_and(Cell::in_conflict) {
            shown.recalculated.insert(place.clone());
        }
        match value {
            Some(value) => drop(shown.filled.values.insert(place, value)),
            None => drop(shown.filled.values.remove(&place)),
        }
    }
    shown
}

/// What of a merged record its kind's form can show, as it came: values shown first, rows in order.
pub(crate) fn filled(kind: &Kind, state: &RecordState) -> Filled {
    let mut filled = Filled::default();
    let mut paths: Vec<(Option<u32>, Vec<RowId>)> = vec![(None, Vec::new())];
    while let Some((parent, rows)) = paths.pop() {
        for def in kind.form().fields().iter().filter(|def| def.parent_row == parent) {
            if def.kind == FormKind::Repeat {
                for row in state.rows(&wire_rows(&rows), def.id) {
                    let path: Vec<RowId> = rows.iter().copied().chain([RowId(row.0)]).collect();
                    filled.rows.push(FieldRef { field: def.id, rows: path.clone() });
                    paths.push((Some(def.id), path));
                }
            } else if let Some(value) = value(kind, def, state, &rows) {
                filled.values.insert(FieldRef { field: def.id, rows: rows.clone() }, value);
            }
        }
    }
    filled
}

/// The value of one cell as the form holds it.
fn value(kind: &Kind, def: &FieldDef, state: &RecordState, rows: &[RowId]) -> Option<Value> {
    let (rows, field) = (wire_rows(rows), kind.schema().field(def.id)?);
    if def.kind == FormKind::Choices {
        let members = state.members(&rows, def.id);
        return (!members.is_empty()).then(|| values::members(field, members.into_keys()));
    }
    values::read(field, state.value(&rows, def.id)?)
}

/// The changes that make `after` out of `base`; all of `after` if the record is new. Places in `kept` could not be shown
/// and stay as they are.
///
/// # Errors
/// [`RecordsError::Internal`] if a value does not fit its field, which the form engine does not let happen.
pub(crate) fn changes(
    kind: &Kind,
    base: Option<&RecordState>,
    after: &Filled,
    kept: &[FieldRef],
) -> Result<Vec<Change>> {
    let before = base.map(|state| filled(kind, state)).unwrap_or_default();
    let mut out = Vec::new();
    let places: BTreeSet<&FieldRef> = before.values.keys().chain(after.values.keys()).collect();
    for place in places {
        let (old, new) = (before.values.get(place), after.values.get(place));
        let def = kind.form().field(place.field).ok_or(RecordsError::Internal("value of a field that is not there"))?;
        let cell = base.and_then(|state| state.cell(&wire_rows(&place.rows), place.field));
        // A calculated cell has nobody who settles it: whoever edits next writes what it comes to now.
        let unsettled = def.calculated && cell.is_some_and(Cell::in_conflict);
        if (old == new && !unsettled) || !is_under(place, after) || kept.contains(place) {
            continue;
        }
        if def.kind != FormKind::Note {
            out.extend(change(kind, place, base, new)?);
        }
    }
    rows(base, &before, after, &mut out);
    Ok(out)
}

/// Makes sure that the cell of a conflict is written, in place of exactly these writes, also if its value stays what was
/// shown.
pub(crate) fn settle(
    kind: &Kind,
    after: &Filled,
    place: &FieldRef,
    replaces: &[OpId],
    changes: &mut Vec<Change>,
) -> Result<()> {
    let rows = wire_rows(&place.rows);
    changes.retain(|change| change.field != place.field || change.rows != rows);
    let settled = change(kind, place, None, after.values.get(place))?;
    changes.extend(settled.map(|change| Change { replaces: replaces.to_vec(), ..change }));
    Ok(())
}

/// Whether every row around the place is there. Cells of removed rows need no word of their own.
fn is_under(place: &FieldRef, filled: &Filled) -> bool {
    place.rows.is_empty() || filled.rows.iter().any(|row| row.rows == place.rows)
}

/// The change of one cell; `None` if a set has the wanted members already.
fn change(kind: &Kind, place: &FieldRef, base: Option<&RecordState>, new: Option<&Value>) -> Result<Option<Change>> {
    let rows = wire_rows(&place.rows);
    let field = kind.schema().field(place.field).ok_or(RecordsError::NotFound("field"))?;
    if field.kind == FieldKind::Choices {
        let wanted: Vec<&str> = match new {
            Some(Value::Choices(members)) => members.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let mut held = base.map(|state| state.members(&rows, field.id)).unwrap_or_default();
        // A code that this form version does not know was not shown, so it was not taken back either.
        held.retain(|code, _| field.choice(*code).is_some());
        let write = delta(field, &held, &wanted)?;
        return Ok(write.map(|write| Change { write, rows, field: field.id, replaces: Vec::new() }));
    }
    let write = match new {
        None => Write::Clear,
        Some(value) => {
            Write::Set(values::write(field, value).ok_or(RecordsError::Internal("a value does not fit its field"))?)
        }
    };
    let replaces = base.map(|state| state.heads(&rows, field.id)).unwrap_or_default();
    Ok(Some(Change { rows, field: field.id, replaces, write }))
}

/// Registers of rows: new rows, removed rows, and again those whose cells changed, so that a removal elsewhere at the
/// same time becomes a conflict instead of taking the change away.
fn rows(base: Option<&RecordState>, before: &Filled, after: &Filled, out: &mut Vec<Change>) {
    let touched: BTreeSet<Vec<RowId>> = out.iter().map(|change| form_rows(&change.rows)).collect();
    let mut last_order: BTreeMap<(u32, Vec<RowId>), i64> = BTreeMap::new();
    let mut registers = Vec::new();
    for row in &after.rows {
        let path = wire_rows(&row.rows);
        let parent: Vec<RowId> = row.rows.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default();
        let last = last_order.entry((row.field, parent)).or_default();
        let held = base.and_then(|state| state.cell(&path, row.field)).and_then(|cell| cell.present().cloned());
        let known = before.rows.contains(row);
        let order = match held {
            Some(op::Value::Int(order)) if known => order,
            _ => last.saturating_add(1),
        };
        *last = order.max(*last);
        if !known || touched.contains(&row.rows) {
            registers.push(register(base, row, Write::Set(op::Value::Int(order))));
        }
    }
    let removed = before.rows.iter().filter(|row| !after.rows.contains(row));
    registers.extend(removed.map(|row| register(base, row, Write::Clear)));
    out.extend(registers);
}

fn register(base: Option<&RecordState>, row: &FieldRef, write: Write) -> Change {
    let rows = wire_rows(&row.rows);
    let replaces = base.map(|state| state.heads(&rows, row.field)).unwrap_or_default();
    Change { rows, field: row.field, replaces, write }
}
