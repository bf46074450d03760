//! Records as JSON, by field name.
//!
//! Knows merged records and JSON; nothing of people's words. Invariant: what is exported is what a view shows, typed: numbers
//! as numbers, sets as lists, rows as lists of objects. Start at [`Profile::export`].

use samanvay_forms::{FieldRef, Kind as FieldKind, RowId, Value};
use serde_json::{Map, Value as Json, json};

use crate::diff::{self, Filled};
use crate::error::{RecordsError, Result};
use crate::kinds::Kind;
use crate::profile::Profile;
use crate::summary::{self, Merged};

/// Most records in one export.
const RECORDS_MAX: u32 = 100_000;

impl Profile {
    /// One record, or all of them but those that the app writes by itself, as pretty JSON: a list of
    /// `{record, kind, created, updated, fields}`. Times are unix seconds.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`].
    pub fn export(&self, record: Option<&str>) -> Result<String> {
        let membership = self.opened()?.membership();
        let mut out = Vec::new();
        match record {
            Some(record) => out.push(export(&self.merged(record)?)),
            None => {
                for summary in self.inner.vault.read(|c| summary::list(c, None, RECORDS_MAX, 0))? {
                    let merged = self.inner.vault.read(|c| summary::state(c, &membership, summary.record))?;
                    out.extend(merged.as_ref().map(export));
                }
            }
        }
        serde_json::to_string_pretty(&out).map_err(|_| RecordsError::Internal("export as JSON"))
    }
}

fn export(merged: &Merged) -> Json {
    let filled = diff::shown(merged.kind, &merged.state).filled;
    json!({
        "record": merged.state.record().hex(),
        "kind": merged.kind.name(),
        "created": merged.state.created().map(|stamp| stamp.seconds),
        "updated": merged.state.updated().map(|stamp| stamp.seconds),
        "fields": object(merged.kind, &filled, None, &[]),
    })
}

/// The fields right below one row, or at the top.
fn object(kind: &Kind, filled: &Filled, parent: Option<u32>, rows: &[RowId]) -> Json {
    let mut out = Map::new();
    for def in kind.form().fields().iter().filter(|def| def.parent_row == parent) {
        if def.kind == FieldKind::Repeat {
            let depth = rows.len() + 1;
            let below = filled
                .rows
                .iter()
                .filter(|row| row.field == def.id && row.rows.len() == depth && row.rows.starts_with(rows));
            let list: Vec<Json> = below.map(|row| object(kind, filled, Some(def.id), &row.rows)).collect();
            if !list.is_empty() {
                out.insert(def.name.clone(), Json::Array(list));
            }
        } else if let Some(value) = filled.values.get(&FieldRef { field: def.id, rows: rows.to_vec() }) {
            out.insert(def.name.clone(), typed(value));
        }
    }
    Json::Object(out)
}

fn typed(value: &Value) -> Json {
    match value {
        Value::Int(n) => json!(n),
        Value::Choices(codes) => json!(codes),
        other => json!(other.to_text()),
    }
}
