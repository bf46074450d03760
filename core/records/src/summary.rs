//! Merging a record's ops, and the row that a list needs of it.
//!
//! Knows ops, clearances and the table `records`; knows no text. Invariant: the row is always what the record's ops give;
//! whoever adds an op calls [`refresh`] in the same transaction. Start at [`state`] and [`refresh`].

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use samanvay_forms::FieldRef;
use samanvay_sync::id::{OpId, RecordId, StreamId};
use samanvay_sync::merge::{RecordState, Sighting, merge};
use samanvay_sync::op::Op;

use crate::diff;
use crate::error::{RecordsError, Result};
use crate::kinds::{self, Kind};
use crate::membership::Membership;
use crate::store::{self, Held, int, uint};
use crate::text::line::Facts;

/// A merged record with the ops it was merged from.
pub(crate) struct Merged {
    pub(crate) state: RecordState,
    pub(crate) kind: &'static Kind,
    /// One copy of each op that counts, oldest first.
    pub(crate) ops: Vec<Op>,
}

/// The merge of what is held of a record. `None` if nothing is, or no op's form is known.
pub(crate) fn state(c: &Connection, membership: &Membership, record: RecordId) -> Result<Option<Merged>> {
    Ok(merged(membership, record, store::ops_of(c, record)?))
}

/// Merges copies of ops. Fields that a stream should not have carried are hidden; a stream is a home only if it was made
/// for that.
pub(crate) fn merged(membership: &Membership, record: RecordId, held: Vec<Held>) -> Option<Merged> {
    let sightings = held.iter().filter_map(|held| {
        let kind = kinds::of_schema(held.op.schema)?;
        let purpose = membership.purpose(held.stream);
        let may_be_home = kind.rule().home.is_some_and(|home| purpose == Some(home.on_wire()));
        Some(Sighting { op: &held.op, stream: held.stream, form: kind.name(), may_be_home, hidden: &held.hidden })
    });
    let state = merge(record, sightings);
    // Every op that counts is of the record's form.
    let kind = kinds::of_schema(state.updated()?.schema)?;
    let aside: BTreeSet<OpId> = state.aside().collect();
    let mut ops: Vec<Op> = held.into_iter().map(|held| held.op).filter(|op| !aside.contains(&op.id)).collect();
    ops.sort_by_key(|op| (op.seconds, op.id, std::cmp::Reverse(op.changes.len())));
    ops.dedup_by_key(|op| op.id);
    Some(Merged { state, kind, ops })
}

/// One row of the list.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) record: RecordId,
    pub(crate) kind: String,
    pub(crate) updated: i64,
    pub(crate) home: Option<StreamId>,
    pub(crate) conflicts: u64,
    pub(crate) unsent: bool,
    pub(crate) facts: Facts,
}

/// Makes the rows of these records anew.
pub(crate) fn refresh(tx: &Transaction<'_>, membership: &Membership, records: &BTreeSet<RecordId>) -> Result<()> {
    for record in records {
        let Some(merged) = state(tx, membership, *record)? else { continue };
        write(tx, &merged)?;
    }
    Ok(())
}

fn write(tx: &Transaction<'_>, merged: &Merged) -> Result<()> {
    let Merged { state, kind, ops } = merged;
    let mut facts = Facts::new();
    let shown = diff::shown(kind, state).filled;
    for def in kind.facts() {
        if let Some(value) = shown.values.get(&FieldRef::top(def.id)) {
            facts.insert(def.name.clone(), value.to_text());
        }
    }
    let facts = serde_json::to_string(&facts).map_err(|_| RecordsError::Internal("facts as JSON"))?;
    let first = ops.first().map_or(0, |op| op.seconds);
    let created = state.created().map_or(first, |stamp| stamp.seconds);
    let updated = state.updated().map_or(first, |stamp| stamp.seconds);
    let conflicts = state.conflicts(kind.schema()).len() as u64;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO records (record, kind, created, updated, home, conflicts, facts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        state.record().0,
        kind.name(),
        created,
        updated,
        state.home().map(|stream| stream.0),
        int(conflicts),
        facts
    ])?;
    Ok(())
}

const COLUMNS: &str = "SELECT record, kind, updated, conflicts, facts,
    EXISTS (SELECT 1 FROM own_ops WHERE own_ops.record = records.record AND sent = 0) AS unsent, home FROM records";

fn summary(row: &Row<'_>) -> rusqlite::Result<(Summary, String)> {
    let summary = Summary {
        record: RecordId(row.get(0)?),
        kind: row.get(1)?,
        updated: row.get(2)?,
        conflicts: uint(row.get(3)?),
        unsent: row.get(5)?,
        home: row.get::<_, Option<[u8; 16]>>(6)?.map(StreamId),
        facts: Facts::new(),
    };
    Ok((summary, row.get(4)?))
}

fn with_facts((mut summary, facts): (Summary, String)) -> Result<Summary> {
    summary.facts = serde_json::from_str(&facts).map_err(|_| RecordsError::Internal("facts as JSON"))?;
    Ok(summary)
}

/// The list, newest first: one kind or all but those that the app writes.
pub(crate) fn list(c: &Connection, kind: Option<&str>, limit: u32, offset: u32) -> Result<Vec<Summary>> {
    let sql = format!(
        "{COLUMNS} WHERE (?1 IS NULL AND kind <> 'case_fact') OR kind = ?1
         ORDER BY updated DESC, record LIMIT ?2 OFFSET ?3"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows: Vec<_> = statement.query_map(params![kind, limit, offset], summary)?.collect::<rusqlite::Result<_>>()?;
    rows.into_iter().map(with_facts).collect()
}

/// One row.
pub(crate) fn one(c: &Connection, record: RecordId) -> Result<Option<Summary>> {
    let sql = format!("{COLUMNS} WHERE record = ?1");
    c.prepare_cached(&sql)?.query_row([record.0], summary).optional()?.map(with_facts).transpose()
}

/// Records with conflicts, newest first.
pub(crate) fn in_conflict(c: &Connection) -> Result<Vec<Summary>> {
    let sql = format!("{COLUMNS} WHERE conflicts > 0 ORDER BY updated DESC, record");
    let mut statement = c.prepare_cached(&sql)?;
    let rows: Vec<_> = statement.query_map([], summary)?.collect::<rusqlite::Result<_>>()?;
    rows.into_iter().map(with_facts).collect()
}

#[cfg(test)]
mod tests {
    use samanvay_forms::Value as Answer;
    use samanvay_sync::id::{DeviceId, Generation};
    use samanvay_sync::keys::BoxKey;
    use samanvay_sync::op::{Change, Value, Write};

    use super::*;
    use crate::kinds::{named, tests::before};

    #[test]
    fn a_record_begun_under_an_earlier_form_version_is_still_there_after_the_form_has_changed() {
        let kind = named("missing_child").unwrap();
        let record = RecordId([5; 16]);
        let earlier = before(kind.schema()).id();
        let op = |counter, schema, name: &str, text: &str| Op {
            id: OpId { device: DeviceId([1; 16]), generation: Generation([2; 8]), counter, tag: [0; 4] },
            record,
            schema,
            creates: counter == 0,
            anchored: false,
            seconds: 1_795_500_000,
            routes: Vec::new(),
            changes: vec![Change {
                rows: Vec::new(),
                field: kind.form().field_by_path(name).unwrap().id,
                replaces: Vec::new(),
                write: Write::Set(Value::Text(text.to_owned())),
            }],
        };
        let (began, edited) = (op(0, earlier, "name_hi", "रामकली"), op(1, kind.schema().id(), "clothes", "नीली फ्रॉक"));
        let held = |op: &Op| Held { op: op.clone(), stream: StreamId([7; 16]), hidden: Vec::new() };
        let membership = Membership::new(DeviceId([1; 16]), BoxKey::from_bytes(&[3; 32]).unwrap(), [4; 32]);
        for ops in [vec![held(&began)], vec![held(&began), held(&edited)]] {
            let merged = merged(&membership, record, ops).unwrap();
            assert_eq!(merged.kind.name(), "missing_child");
            let name = FieldRef::top(kind.form().field_by_path("name_hi").unwrap().id);
            let shown = diff::shown(merged.kind, &merged.state).filled;
            assert_eq!(shown.values.get(&name), Some(&Answer::Text("रामकली".to_owned())));
        }
    }
}
