//! Merge: what a record is, given the ops known of it (`docs/wire.md` §5, "merge").
//!
//! Knows cells, rows, which writes replace which, and which copies of ops count. Refuses to know clocks, streams' keys and
//! local state: claimed times decide only what is shown first. Invariant: [`merge`] is a function of the set of copies, so the
//! order of ops, repeats and the way they are grouped change nothing; a write that is named as replaced before it comes stays
//! replaced; nobody who does not write a record's home stream changes what its home readers see. Start at [`merge`].

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
    /// The stream that brought it.
    pub stream: StreamId,
    /// Form id of the op's schema.
    pub form: &'a str,
    /// Whether the stream is one that records of this form may have as their home, by its purpose.
    pub may_be_home: bool,
    /// Fields that should not have come ([`crate::schema::stray_fields`]); they are left out.
    pub hidden: &'a [u32],
}

impl Sighting<'_> {
    /// Whether this copy makes its stream the record's home: it creates the record, and names as home the stream it came in.
    fn founds_home(&self) -> bool {
        let named = Route { stream: self.stream, role: Role::Home };
        self.may_be_home && self.op.creates && self.op.routes.contains(&named)
    }

    fn stamp(&self) -> Stamp {
        stamp(self.op)
    }
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
    homes: BTreeSet<StreamId>,
    routes: BTreeSet<Route>,
    stray_routes: BTreeSet<Route>,
    aside: BTreeSet<OpId>,
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

/// Merges what is known of a record. Ops of other records are passed over; which of the rest count is said in
/// `docs/wire.md` §5.
pub fn merge<'a>(record: RecordId, sightings: impl IntoIterator<Item = Sighting<'a>>) -> RecordState {
    let all: Vec<Sighting<'_>> = sightings.into_iter().filter(|sighting| sighting.op.record == record).collect();
    let mut state = RecordState::new(record);
    state.homes = all.iter().filter(|sighting| sighting.founds_home()).map(|sighting| sighting.stream).collect();
    let homes = state.homes.clone();
    let founds = |s: &&Sighting<'_>| if homes.is_empty() { s.op.creates } else { s.founds_home() };
    let founding = all.iter().filter(founds).min_by_key(|s| (s.stamp(), s.form));
    let form = founding.or_else(|| all.iter().min_by_key(|s| (s.stamp(), s.form))).map_or("", |s| s.form);
    let through_home: BTreeSet<OpId> = all.iter().filter(|s| homes.contains(&s.stream)).map(|s| s.op.id).collect();
    let mut counted = BTreeSet::new();
    for sighting in &all {
        let Sighting { op, stream, hidden, .. } = *sighting;
        if sighting.form == form && (homes.is_empty() || through_home.contains(&op.id)) {
            state.add(op, homes.contains(&stream), hidden);
            counted.insert(op.id);
        }
        let says = founding.is_some_and(|founding| founding.op.id == op.id) && sighting.founds_home();
        if says { &mut state.routes } else { &mut state.stray_routes }.extend(&op.routes);
    }
    state.aside = all.iter().map(|s| s.op.id).filter(|id| !counted.contains(id)).collect();
    // A creating op that does not found the home, or a later one, is not when the record began.
    state.created = founding.map(Sighting::stamp);
    state
}

fn stamp(op: &Op) -> Stamp {
    Stamp { seconds: op.seconds, op: op.id, schema: op.schema }
}

impl RecordState {
    /// A record of which nothing is known.
    pub fn new(record: RecordId) -> Self {
        Self {
            record,
            homes: BTreeSet::new(),
            routes: BTreeSet::new(),
            stray_routes: BTreeSet::new(),
            aside: BTreeSet::new(),
            cells: BTreeMap::new(),
            hidden: BTreeSet::new(),
            created: None,
            updated: None,
        }
    }

    /// Adds one copy of an op that counts; `home`: its home stream brought it. An op of another record changes nothing.
    /// Whoever holds copies of several streams calls [`merge`], which knows what counts; alone, this is the merge of a stream
    /// that is no record's home.
    pub fn add(&mut self, op: &Op, home: bool, hidden: &[u32]) {
        if op.record != self.record {
            return;
        }
        let stamp = stamp(op);
        self.note(op.creates.then_some(stamp), Some(stamp));
        for change in &op.changes {
            if hidden.contains(&change.field) {
                self.hidden.insert(change.field);
            } else {
                let cell = self.cells.entry((change.rows.clone(), change.field)).or_default();
                cell.add(op.id, home, op.seconds, change);
            }
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

    /// Streams the record goes to, as the op that created it said in the home stream; none for who does not read that.
    pub fn routes(&self) -> impl Iterator<Item = Route> + '_ {
        self.routes.iter().copied()
    }

    /// Routes that came in any other way. They route nothing; a reader is told.
    pub fn stray_routes(&self) -> impl Iterator<Item = Route> + '_ {
        self.stray_routes.iter().copied()
    }

    /// The record's home stream, if known and not contested.
    pub fn home(&self) -> Option<StreamId> {
        self.homes.first().copied().filter(|_| self.homes.len() == 1)
    }

    /// Whether two or more streams brought an op that makes each the record's home. Such a record is not to be changed.
    pub fn is_contested(&self) -> bool {
        self.homes.len() > 1
    }

    /// Ops of which no copy counts: the home stream is held and has not brought them, or they are of another form.
    pub fn aside(&self) -> impl Iterator<Item = OpId> + '_ {
        self.aside.iter().copied()
    }

    /// The op that created the record, if it has come; the earliest if several claim it. Its schema's form is the record's.
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

    /// Cells that wait for a decision, by path and field: two or more different live values; without those in removed rows,
    /// and without calculated fields, whose value the next edit writes anew.
    pub fn conflicts(&self, schema: &Schema) -> Vec<Conflict> {
        let is_asked = |field| schema.field(field).is_none_or(|f| !f.calculated);
        let open = self.cells.iter().filter(|((rows, field), cell)| {
            cell.in_conflict() && is_asked(*field) && self.is_there(rows, *field, schema)
        });
        open.map(|((rows, field), cell)| Conflict { rows: rows.clone(), field: *field, live: cell.live() }).collect()
    }
}
