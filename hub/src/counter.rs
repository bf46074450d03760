//! Adds up open streams, with the merge of the phones, so that a correction counts once.
//!
//! Knows two forms' fields by name (`awareness_session`: `campaign`, `venue_type`, `tally_<band>_<gender>`; `case_fact`:
//! `kind`, `state`) and keeps no other. Refuses to touch sealed streams and to decide what is shown. Invariant: a record is
//! what the op that created it says, in the order of the hub; later ops count only from devices of the creator's unit, so
//! that nobody else's writes change a count. Start at [`Counter::sums`].

use std::collections::{BTreeMap, HashMap};

use samanvay_sync::id::{DeviceId, RecordId, SchemaId, StreamId};
use samanvay_sync::merge::RecordState;
use samanvay_sync::op::{Change, Op};
use samanvay_sync::schema::Schema;
use samanvay_sync::schema::value::{Typed, read};

use crate::judge::open_ops;
use crate::store::{Result, Store};

const SESSION: &str = "awareness_session";
const CASE: &str = "case_fact";
const TALLY: &str = "tally_";
const CAMPAIGN: &str = "campaign";
const VENUE: &str = "venue_type";
const KIND: &str = "kind";
const STATE: &str = "state";
/// Code of the venues whose people count in totals only: child-care institutions and one-stop centres.
const INSTITUTION: &str = "cci_osc";
/// Bytes read from the store at once.
const CHUNK: usize = 1 << 20;
/// Most ops of a record kept until the one that creates it has come.
const EARLY: usize = 16;

/// What open streams add up to, whatever may be shown of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Sessions by campaign code; `-` for sessions without one.
    pub(crate) sessions: BTreeMap<String, u64>,
    /// People reached, by age band and gender codes of the form, without those in institutions.
    pub(crate) people: BTreeMap<String, BTreeMap<String, u64>>,
    /// People reached in institutions.
    pub(crate) institutions: u64,
    /// Open reports of missing children, by the district code of their stream.
    pub(crate) open_missing: BTreeMap<String, u64>,
}

/// Whether one unit has bound both devices.
pub(crate) type Share<'a> = &'a dyn Fn(&StreamId, &DeviceId, &DeviceId) -> bool;

/// Open streams, as far as they have been read. A record is its stream's: what another stream says under the same id is
/// another record.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    read_to: HashMap<StreamId, u64>,
    records: HashMap<(StreamId, RecordId), Record>,
}

/// What is known of a record.
#[derive(Debug)]
struct Record {
    creator: Option<(DeviceId, SchemaId)>,
    state: RecordState,
    early: Vec<Op>,
}

impl Counter {
    /// Reads what is new in these open streams, each with its district code, and adds up.
    pub(crate) fn sums(
        &mut self,
        store: &dyn Store,
        streams: &HashMap<StreamId, u32>,
        schemas: &HashMap<SchemaId, Schema>,
        share: Share<'_>,
    ) -> Result<Sums> {
        for stream in streams.keys() {
            self.catch_up(store, *stream, schemas, share)?;
        }
        let mut sums = Sums::default();
        for ((stream, _), record) in &self.records {
            let schema = record.creator.and_then(|(_, schema)| schemas.get(&schema));
            let (Some(schema), Some(district)) = (schema, streams.get(stream)) else { continue };
            match schema.form_id() {
                SESSION => sums.add_session(schema, &record.state),
                _ => sums.add_case(*district, schema, &record.state),
            }
        }
        Ok(sums)
    }

    fn catch_up(
        &mut self,
        store: &dyn Store,
        stream: StreamId,
        schemas: &HashMap<SchemaId, Schema>,
        share: Share<'_>,
    ) -> Result<()> {
        let read_to = self.read_to.entry(stream).or_default();
        loop {
            let pulled = store.pull(stream, *read_to, CHUNK)?;
            for (position, body) in &pulled.segments {
                // What does not decode was refused at its push; a later hub may hold such a segment. It counts nothing.
                for op in open_ops(body).unwrap_or_default() {
                    let Some(op) = schemas.get(&op.schema).and_then(|schema| counted(op, schema)) else { continue };
                    let record = self.records.entry((stream, op.record)).or_insert_with(|| Record::new(op.record));
                    record.add(op, schemas, &|one, other| share(&stream, one, other));
                }
                *read_to = *position;
            }
            if pulled.segments.is_empty() || *read_to >= pulled.head {
                return Ok(());
            }
        }
    }
}

/// The op with what counts of it; `None` if its form does not count.
fn counted(mut op: Op, schema: &Schema) -> Option<Op> {
    let counts: fn(&str) -> bool = match schema.form_id() {
        SESSION => |name| matches!(name, CAMPAIGN | VENUE) || name.starts_with(TALLY),
        CASE => |name| matches!(name, KIND | STATE),
        _ => return None,
    };
    let is_counted = |change: &Change| schema.field(change.field).is_some_and(|field| counts(&field.name));
    op.changes.retain(|change| change.rows.is_empty() && is_counted(change));
    op.routes.clear();
    Some(op)
}

impl Record {
    fn new(id: RecordId) -> Self {
        Self { creator: None, state: RecordState::new(id), early: Vec::new() }
    }

    fn add(&mut self, op: Op, schemas: &HashMap<SchemaId, Schema>, share: &dyn Fn(&DeviceId, &DeviceId) -> bool) {
        let Some((device, schema)) = self.creator else {
            if !op.creates {
                if self.early.len() < EARLY {
                    self.early.push(op);
                }
                return;
            }
            self.creator = Some((op.id.device, op.schema));
            self.see(&op);
            for op in std::mem::take(&mut self.early) {
                self.add(op, schemas, share);
            }
            return;
        };
        let form = |id| schemas.get(id).map(Schema::form_id);
        if form(&op.schema) == form(&schema) && (op.id.device == device || share(&device, &op.id.device)) {
            self.see(&op);
        }
    }

    fn see(&mut self, op: &Op) {
        self.state.add(op, false, &[]);
    }
}

impl Sums {
    fn add_session(&mut self, schema: &Schema, state: &RecordState) {
        let campaign = code(schema, state, CAMPAIGN).unwrap_or_else(|| "-".to_owned());
        *self.sessions.entry(campaign).or_default() += 1;
        let in_institution = code(schema, state, VENUE).as_deref() == Some(INSTITUTION);
        for field in schema.fields() {
            let cell = field.name.strip_prefix(TALLY).and_then(|cell| cell.rsplit_once('_'));
            let value = state.value(&[], field.id).and_then(|value| read(field, value));
            if let (Some((band, gender)), Some(Typed::Int(n))) = (cell, value) {
                let people = if in_institution {
                    &mut self.institutions
                } else {
                    self.people.entry(band.to_owned()).or_default().entry(gender.to_owned()).or_default()
                };
                *people = people.saturating_add(u64::try_from(n).unwrap_or(0));
            }
        }
    }

    fn add_case(&mut self, district: u32, schema: &Schema, state: &RecordState) {
        let is = |name, wanted| code(schema, state, name).as_deref() == Some(wanted);
        if is(KIND, "missing") {
            *self.open_missing.entry(district.to_string()).or_default() += u64::from(is(STATE, "open"));
        }
    }
}

/// The choice in a field.
fn code(schema: &Schema, state: &RecordState, name: &str) -> Option<String> {
    let field = schema.field_named(name)?;
    match read(field, state.value(&[], field.id)?)? {
        Typed::Choice(code) => Some(code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samanvay_sync::id::{Generation, OpId, RowId};
    use samanvay_sync::op::{Value, Write};
    use samanvay_sync::schema::{ClassMask, Field, FieldKind};

    #[test]
    fn only_what_the_page_reads_is_kept() {
        let field = |id, name: &str| Field {
            id,
            name: name.to_owned(),
            kind: FieldKind::Int,
            class: ClassMask::A,
            coarse: false,
            calculated: false,
            parent: 0,
            choices: Vec::new(),
        };
        let names = ["campaign", "total", "tally_6_9_f", "venue_type", "held_on"];
        let fields = (1..).zip(names).map(|(id, name)| field(id, name)).collect();
        let schema = Schema::new(SESSION, "1", fields).unwrap();
        let change = |field, rows| Change { rows, field, replaces: Vec::new(), write: Write::Set(Value::Int(1)) };
        let mut changes: Vec<Change> = (1..=5).map(|id| change(id, Vec::new())).collect();
        changes.push(change(3, vec![RowId([1; 8])]));
        let op = Op {
            id: OpId { device: DeviceId([1; 16]), generation: Generation([2; 8]), counter: 0, tag: [0; 4] },
            record: RecordId([3; 16]),
            schema: schema.id(),
            creates: true,
            anchored: false,
            seconds: 0,
            routes: Vec::new(),
            changes,
        };
        let kept: Vec<u32> = counted(op.clone(), &schema).unwrap().changes.iter().map(|change| change.field).collect();
        assert_eq!(kept, [1, 3, 4]);
        let other = Schema::new("coordination_meeting", "1", schema.fields().to_vec()).unwrap();
        assert_eq!(counted(op, &other), None);
    }
}
