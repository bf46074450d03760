//! The open fact that stands for a case under an id of its own (ADR 0006).
//!
//! Knows the rule's fields and how the fact is worked out from the record; seals and routes nothing. Invariant: a fact holds
//! district, month, kind and state, and nothing by which it could be linked to its record. Start at [`created`].

use samanvay_forms::{FieldDef, FieldRef, Kind as FieldKind, Value};
use samanvay_sync::id::RecordId;
use samanvay_sync::op::{Role, Route};

use crate::diff::{self, Filled};
use crate::error::{RecordsError, Result};
use crate::kinds::{self, Kind};
use crate::rules::Alias;
use crate::save::Draft;
use crate::summary::Merged;

/// Name of the field that says in which district a record plays.
const DISTRICT: &str = "district";

/// LGD code of the record's own district field, if its form has one and it is answered.
pub(crate) fn district(kind: &Kind, filled: &Filled) -> Option<u32> {
    text(kind, filled, DISTRICT)?.parse().ok()
}

/// The op that creates the fact.
pub(crate) fn created(
    rule: &Alias,
    kind: &Kind,
    filled: &Filled,
    fact: RecordId,
    district: u32,
    route: Route,
) -> Result<Draft> {
    let to = kinds::named(&rule.kind)?;
    let changes = diff::changes(to, None, &facts(rule, to, kind, filled, district)?, &[])?;
    Ok(Draft { kind: to, record: fact, creates: true, changes, routes: open(route), says_routes: false })
}

/// The op that brings the fact up to date; none if it says the same still. A fact of which nothing is held is not touched:
/// a write that replaces nothing would only make a conflict.
pub(crate) fn changed(
    rule: &Alias,
    kind: &Kind,
    filled: &Filled,
    fact: RecordId,
    held: Option<&Merged>,
    district: u32,
    route: Route,
) -> Result<Option<Draft>> {
    let Some(held) = held else { return Ok(None) };
    let to = kinds::named(&rule.kind)?;
    let changes = diff::changes(to, Some(&held.state), &facts(rule, to, kind, filled, district)?, &[])?;
    let draft = Draft { kind: to, record: fact, creates: false, changes, routes: open(route), says_routes: false };
    Ok((!draft.changes.is_empty()).then_some(draft))
}

/// The fact's own route: for the fact itself the open stream is a projection without a home.
fn open(route: Route) -> Vec<Route> {
    vec![Route { stream: route.stream, role: Role::Projection }]
}

fn facts(rule: &Alias, to: &Kind, kind: &Kind, filled: &Filled, district: u32) -> Result<Filled> {
    let mut out = Filled::default();
    let mut put = |name: &str, text: &str| {
        let def = to.form().field_by_path(name).ok_or(RecordsError::Internal("the fact has no such field"))?;
        out.values.insert(FieldRef::top(def.id), value(def, text)?);
        Ok::<(), RecordsError>(())
    };
    for (name, text) in &rule.set {
        put(name, text)?;
    }
    put(&rule.district, &district.to_string())?;
    if let Some(month) = field(kind, filled, &rule.month.of).and_then(month) {
        put(&rule.month.into, &month)?;
    }
    let state = text(kind, filled, &rule.state.from);
    let is_open = state.is_none_or(|state| rule.state.open_when.contains(&state));
    put(&rule.state.into, if is_open { &rule.state.open } else { &rule.state.closed })?;
    Ok(out)
}

fn value(def: &FieldDef, text: &str) -> Result<Value> {
    Ok(match def.kind {
        FieldKind::Int => Value::Int(text.parse().map_err(|_| RecordsError::Internal("the fact wants a number"))?),
        FieldKind::Choice => Value::Choice(text.to_owned()),
        FieldKind::Text => Value::Text(text.to_owned()),
        _ => return Err(RecordsError::Internal("the fact wants another kind of value")),
    })
}

fn field<'a>(kind: &Kind, filled: &'a Filled, name: &str) -> Option<&'a Value> {
    filled.values.get(&FieldRef::top(kind.form().field_by_path(name)?.id))
}

fn text(kind: &Kind, filled: &Filled, name: &str) -> Option<String> {
    field(kind, filled, name).map(Value::to_text)
}

/// Year and month as `YYYYMM`, where the event was.
fn month(value: &Value) -> Option<String> {
    let text = value.to_text();
    let (year, rest) = text.split_once('-')?;
    let (month, _) = rest.split_once('-')?;
    (year.len() == 4 && month.len() == 2).then(|| format!("{year}{month}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_cut_from_dates_and_instants() {
        assert_eq!(month(&Value::Date { days: 20_781 }).as_deref(), Some("202611"));
        let late = Value::DateTime { unix_seconds: 1_796_065_200, offset_minutes: 330 };
        assert_eq!(month(&late).as_deref(), Some("202612"));
        assert_eq!(month(&Value::Int(7)), None);
    }
}
