//! Merge: what a record is, given the ops known of it (`docs/wire.md` §5, "merge").
//!
//! Knows cells, rows and which writes replace which. Refuses to know clocks, streams' keys and local state: claimed times
//! decide only what is shown first. Invariant: [`RecordState`] is a union, so the order of ops, repeats and the way they are
//! grouped change nothing; a write that is named as replaced before it comes stays replaced. Start at [`merge`].

mod cell;

pub use cell::{Cell, Live};

use crate::id::{OpId, RecordId, RowId, SchemaId, StreamId};
use crate::op::{Op, Role, Route, Value};
use crate::schema::{FieldKind, Schema};
use std::collections::{BTreeMap, BTreeSet};

/// Names a cell: the rows around it, outermost first (for a row's own register the row last), and the field.
pub type CellKey = (Vec<RowId>, u32);

/// One copy of an op, as one stream brought it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The copy.
    pub op: &'a Op,
    /// Whether the record's home stream brought it. The home copy counts where copies differ.
    pub home: bool,
    /// Fields that should not have come ([`crate::schema::stray_fields`]); they are left out.
    pub hidden: &'a [u32],
}

/// When and by which op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Claimed unix seconds.
    pub seconds: i64,
    /// The op.
    pub op: OpId,
    /// Schema it is written in.
    pub schema: SchemaId,
}

/// The merge of the ops of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordState {
    record: RecordId,
    routes: BTreeSet<Route>,
    cells: BTreeMap<CellKey, Cell>,
    hidden: BTreeSet<u32>,
    created: Option<Stamp>,
    updated: Option<Stamp>,
}

/// A cell with two or more different live values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Rows around the cell.
    pub rows: Vec<RowId>,
    /// Number of the field.
    pub field: u32,
    /// The live writes, the one shown first.
    pub live: Vec<Live>,
}

/// Merges what is known of a record. Ops of other records are passed over.
pub fn merge<'a>(record: RecordId, sightings: impl IntoIterator<Item = Sighting<'a>>) -> RecordState {
    let mut state = RecordState::new(record);
    for sighting in sightings {
        state.add(sighting);
    }
    state
}

impl RecordState {
    /// A record of which nothing is known.
    pub fn new(record: RecordId) -> Self {
        Self {
            record,
            routes: BTreeSet::new(),
            cells: BTreeMap::new(),
            hidden: BTreeSet::new(),
            created: None,
            updated: None,
        }
    }

    /// Adds one copy of an op. An op of another record changes nothing.
    pub fn add(&mut self, sighting: Sighting<'_>) {
        let Sighting { op, home, hidden } = sighting;
        if op.record != self.record {
            return;
        }
        let stamp = Stamp { seconds: op.seconds, op: op.id, schema: op.schema };
        self.note(op.creates.then_some(stamp), Some(stamp));
        self.routes.extend(&op.routes);
        for change in &op.changes {
            if hidden.contains(&change.field) {
                self.hidden.insert(change.field);
            } else {
                let cell = self.cells.entry((change.rows.clone(), change.field)).or_default();
                cell.add(op.id, home, op.seconds, change);
            }
        }
    }

    /// Adds all that another state of the same record knows. A state of another record changes nothing.
    pub fn join(&mut self, other: &Self) {
        if other.record != self.record {
            return;
        }
        self.note(other.created, other.updated);
        self.routes.extend(&other.routes);
        self.hidden.extend(&other.hidden);
        for (key, cell) in &other.cells {
            self.cells.entry(key.clone()).or_default().join(cell);
        }
    }

    fn note(&mut self, created: Option<Stamp>, updated: Option<Stamp>) {
        self.created = match (self.created, created) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.updated = self.updated.max(updated);
    }

    /// The record's id.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// Streams the record goes to; known to readers of the home stream only.
    pub fn routes(&self) -> impl Iterator<Item = Route> + '_ {
        self.routes.iter().copied()
    }

    /// The record's home stream, if known.
    pub fn home(&self) -> Option<StreamId> {
        self.routes.iter().find(|route| route.role == Role::Home).map(|route| route.stream)
    }

    /// The op that created the record, if it has come; the earliest if several claim it.
    pub fn created(&self) -> Option<Stamp> {
        self.created
    }

    /// The latest op by claimed time; its schema is the one to show the record with.
    pub fn updated(&self) -> Option<Stamp> {
        self.updated
    }

    /// Fields that came without leave and were left out.
    pub fn hidden(&self) -> impl Iterator<Item = u32> + '_ {
        self.hidden.iter().copied()
    }

    /// All cells that were ever written, by path and field.
    pub fn cells(&self) -> impl Iterator<Item = (&CellKey, &Cell)> {
        self.cells.iter()
    }

    /// One cell; `None` if it was never written.
    pub fn cell(&self, rows: &[RowId], field: u32) -> Option<&Cell> {
        self.cells.get(&(rows.to_vec(), field))
    }

    /// The value shown first in a register; `None` if there is none or it was taken back.
    pub fn value(&self, rows: &[RowId], field: u32) -> Option<&Value> {
        self.cell(rows, field)?.value()
    }

    /// Members of a set: code → the ops whose add holds it.
    pub fn members(&self, rows: &[RowId], field: u32) -> BTreeMap<u64, Vec<OpId>> {
        self.cell(rows, field).map(Cell::members).unwrap_or_default()
    }

    /// What a new write to a register must name as replaced: all its live writes.
    pub fn heads(&self, rows: &[RowId], field: u32) -> Vec<OpId> {
        self.cell(rows, field).map(Cell::heads).unwrap_or_default()
    }

    /// Rows of a repeat that are there, in order of their order keys and then of their ids.
    pub fn rows(&self, parent: &[RowId], repeat: u32) -> Vec<RowId> {
        let mut found: Vec<(i64, RowId)> = Vec::new();
        let below = self.cells.range((parent.to_vec(), 0)..).take_while(|((rows, _), _)| rows.starts_with(parent));
        for ((rows, field), cell) in below {
            if let ([row], true) = (rows.get(parent.len()..).unwrap_or_default(), *field == repeat)
                && let Some(value) = cell.present()
            {
                // An order key that is no number sorts last; the row itself is there.
                let order = if let Value::Int(order) = value { *order } else { i64::MAX };
                found.push((order, *row));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, row)| row).collect()
    }

    /// Whether all rows around a cell are there. Cells of a removed row keep their writes but are not shown.
    pub fn is_there(&self, rows: &[RowId], field: u32, schema: &Schema) -> bool {
        let mut repeats = schema.repeats_around(field);
        if schema.field(field).is_some_and(|f| f.kind == FieldKind::Repeat) {
            repeats.push(field);
        }
        let depths = 1..=rows.len().min(repeats.len());
        depths.zip(&repeats).all(|(depth, repeat)| {
            let row = rows.get(..depth).and_then(|path| self.cell(path, *repeat));
            row.is_some_and(|cell| cell.present().is_some())
        })
    }

    /// Cells with two or more different live values, by path and field, without those in removed rows.
    pub fn conflicts(&self, schema: &Schema) -> Vec<Conflict> {
        let open =
            self.cells.iter().filter(|((rows, field), cell)| cell.in_conflict() && self.is_there(rows, *field, schema));
        open.map(|((rows, field), cell)| Conflict { rows: rows.clone(), field: *field, live: cell.live() }).collect()
    }
}
