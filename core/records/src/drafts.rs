//! Drafts: form sessions on disk, step by step.
//!
//! Knows steps, their bytes and their table; knows no form rule. Invariant: a step is in the outbox, sealed to the
//! profile's own key, and in the database, or in neither; nothing of a draft is ever sent. Start at [`Step`].

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use samanvay_forms::{FieldRef, RowId, Value};
use samanvay_sync::SyncError;
use samanvay_sync::bytes::Malformed;
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::{OpId, RecordId};
use samanvay_sync::keys::{BoxKey, Random, seal_box};

use crate::diff::Filled;
use crate::entries::{DraftId, Entry};
use crate::error::{RecordsError, Result};
use crate::store::{OP_KEY, int, op_id, op_key};

const INFO: &[u8] = b"samanvay draft v1\0";
const TEXT_MAX: usize = 64 << 10;
const DEPTH_MAX: usize = 8;
const BASE_MAX: usize = 1 << 20;
/// What the table holds for a row that was added, and for one that was removed.
const ADDED: &[u8] = &[0xfe];
const REMOVED: &[u8] = &[0xff];

/// One step of a draft. Bytes: draft id ‖ kind u8 ‖ unix seconds zigzag ‖ body, in the primitives of `docs/wire.md` §1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) draft: DraftId,
    pub(crate) seconds: i64,
    pub(crate) what: What,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Kind 0: kind text ‖ record u8 (0, or 1 and the id) ‖ base varint n, n × op id (36 bytes).
    Begin { kind: String, record: Option<RecordId>, base: Vec<OpId> },
    /// Kind 1: field varint ‖ depth varint, depth × row id ‖ value: form u8 and content; form 0 takes the answer back.
    Cell { place: FieldRef, value: Option<Value> },
    /// Kind 2: field ‖ depth, rows, the row's own id last ‖ u8 1 = added, 0 = removed.
    Row { place: FieldRef, there: bool },
}

impl Step {
    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(self.draft);
        match &self.what {
            What::Begin { kind, record, base } => {
                out.u8(0).zigzag(self.seconds).text(kind);
                match record {
                    Some(record) => out.u8(1).raw(record),
                    None => out.u8(0),
                };
                out.count(base.len());
                for op in base {
                    out.raw(op_key(op));
                }
            }
            What::Cell { place, value } => {
                out.u8(1).zigzag(self.seconds);
                write_place(&mut out, place);
                out.raw(write_value(value.as_ref()));
            }
            What::Row { place, there } => {
                out.u8(2).zigzag(self.seconds);
                write_place(&mut out, place);
                out.u8(u8::from(*there));
            }
        }
        out.finish()
    }

    fn decode(bytes: &[u8]) -> samanvay_sync::Result<Self> {
        let mut reader = Reader::new(bytes);
        let draft = reader.array()?;
        let kind = reader.u8()?;
        let seconds = reader.zigzag()?;
        let what = match kind {
            0 => What::Begin {
                kind: reader.text(TEXT_MAX)?.to_owned(),
                record: if reader.u8()? == 0 { None } else { Some(RecordId(reader.array()?)) },
                base: {
                    let n = reader.count(OP_KEY, BASE_MAX)?;
                    (0..n)
                        .map(|_| op_id(reader.take(OP_KEY)?).ok_or(Malformed("op id").into()))
                        .collect::<std::result::Result<_, SyncError>>()?
                },
            },
            1 => What::Cell { place: read_place(&mut reader)?, value: read_value(&mut reader)? },
            2 => What::Row { place: read_place(&mut reader)?, there: reader.u8()? != 0 },
            _ => return Err(SyncError::Newer),
        };
        reader.end()?;
        Ok(Self { draft, seconds, what })
    }
}

fn write_place(out: &mut Writer, place: &FieldRef) {
    out.varint(place.field.into()).count(place.rows.len());
    for row in &place.rows {
        out.raw(row.0);
    }
}

fn read_place(reader: &mut Reader<'_>) -> samanvay_sync::Result<FieldRef> {
    let field = u32::try_from(reader.varint()?).map_err(|_| Malformed("field number"))?;
    let depth = reader.count(8, DEPTH_MAX)?;
    let rows = (0..depth).map(|_| reader.array().map(RowId)).collect::<samanvay_sync::Result<_>>()?;
    Ok(FieldRef { field, rows })
}

/// A value's bytes: form u8 (0 none, 1 text, 2 int, 3 decimal, 4 choice, 5 choices, 6 date, 7 time, 8 instant) and content.
fn write_value(value: Option<&Value>) -> Vec<u8> {
    let mut out = Writer::new();
    match value {
        None => out.u8(0),
        Some(Value::Text(text)) => out.u8(1).text(text),
        Some(Value::Int(n)) => out.u8(2).zigzag(*n),
        Some(Value::Decimal(text)) => out.u8(3).text(text),
        Some(Value::Choice(code)) => out.u8(4).text(code),
        Some(Value::Choices(codes)) => {
            out.u8(5).count(codes.len());
            for code in codes {
                out.text(code);
            }
            &mut out
        }
        Some(Value::Date { days }) => out.u8(6).zigzag(i64::from(*days)),
        Some(Value::Time { seconds }) => out.u8(7).varint((*seconds).into()),
        Some(Value::DateTime { unix_seconds, offset_minutes }) => {
            out.u8(8).zigzag(*unix_seconds).zigzag((*offset_minutes).into())
        }
    };
    out.finish()
}

fn read_value(reader: &mut Reader<'_>) -> samanvay_sync::Result<Option<Value>> {
    let range = || SyncError::from(Malformed("number out of range"));
    let text = |reader: &mut Reader<'_>| reader.text(TEXT_MAX).map(str::to_owned);
    Ok(Some(match reader.u8()? {
        0 => return Ok(None),
        1 => Value::Text(text(reader)?),
        2 => Value::Int(reader.zigzag()?),
        3 => Value::Decimal(text(reader)?),
        4 => Value::Choice(text(reader)?),
        5 => {
            let n = reader.count(1, TEXT_MAX)?;
            Value::Choices((0..n).map(|_| text(reader)).collect::<samanvay_sync::Result<_>>()?)
        }
        6 => Value::Date { days: i32::try_from(reader.zigzag()?).map_err(|_| range())? },
        7 => Value::Time { seconds: u32::try_from(reader.varint()?).map_err(|_| range())? },
        8 => Value::DateTime {
            unix_seconds: reader.zigzag()?,
            offset_minutes: i16::try_from(reader.zigzag()?).map_err(|_| range())?,
        },
        _ => return Err(SyncError::Newer),
    }))
}

/// Seals steps to the profile's own key, and opens them at a rebuild.
pub(crate) struct Sealer {
    boxk: BoxKey,
}

impl Sealer {
    pub(crate) fn new(boxk: BoxKey) -> Self {
        Self { boxk }
    }

    /// The outbox entry of a step.
    pub(crate) fn entry(&self, step: &Step, random: &mut dyn Random) -> Result<Entry> {
        Ok(Entry::Draft(seal_box(&self.boxk.public(), INFO, &[], &step.encode(), random)?))
    }

    /// Opens an entry's step and applies it.
    pub(crate) fn apply(&self, tx: &Transaction<'_>, sealed: &[u8]) -> Result<()> {
        let opened = self.boxk.open_box(INFO, &[], sealed)?;
        write(tx, &Step::decode(&opened)?)
    }
}

/// Writes a step into the tables.
///
/// # Errors
/// [`RecordsError::NotFound`] if the draft is not there (any more): its answers have nowhere to stand.
pub(crate) fn write(tx: &Transaction<'_>, step: &Step) -> Result<()> {
    match &step.what {
        What::Begin { kind, record, base } => {
            let base: Vec<u8> = base.iter().flat_map(op_key).collect();
            tx.prepare_cached(
                "INSERT OR REPLACE INTO drafts (draft, kind, record, base, started, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            )?
            .execute(params![step.draft, kind, record.map(|record| record.0), base, step.seconds])?;
            return Ok(());
        }
        What::Cell { place, value } => {
            let bytes = value.as_ref().map(|value| write_value(Some(value)));
            put(tx, step.draft, place, bytes.as_deref())?;
        }
        What::Row { place, there: true } => put(tx, step.draft, place, Some(ADDED))?,
        What::Row { place, there: false } => {
            let rows = row_bytes(place);
            tx.prepare_cached("DELETE FROM draft_cells WHERE draft = ?1 AND substr(rows, 1, ?3) = ?2")?
                .execute(params![step.draft, rows, int(rows.len() as u64)])?;
            put(tx, step.draft, place, Some(REMOVED))?;
        }
    }
    tx.prepare_cached("UPDATE drafts SET updated = ?2 WHERE draft = ?1")?.execute(params![step.draft, step.seconds])?;
    Ok(())
}

fn put(tx: &Transaction<'_>, draft: DraftId, place: &FieldRef, value: Option<&[u8]>) -> Result<()> {
    let n = tx
        .prepare_cached(
            "INSERT INTO draft_cells (draft, rows, field, value, seq)
             SELECT ?1, ?2, ?3, ?4, (SELECT COALESCE(MAX(seq), 0) + 1 FROM draft_cells WHERE draft = ?1)
             WHERE EXISTS (SELECT 1 FROM drafts WHERE draft = ?1)
             ON CONFLICT (draft, rows, field) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![draft, row_bytes(place), place.field, value])?;
    if n == 0 { Err(RecordsError::NotFound("draft")) } else { Ok(()) }
}

fn row_bytes(place: &FieldRef) -> Vec<u8> {
    place.rows.iter().flat_map(|row| row.0).collect()
}

/// Forgets a draft that was finished or discarded.
///
/// # Errors
/// [`RecordsError::NotFound`] if it is not there: another session of it was finished before, and this one must not save.
pub(crate) fn remove(tx: &Transaction<'_>, draft: DraftId) -> Result<()> {
    tx.prepare_cached("DELETE FROM draft_cells WHERE draft = ?1")?.execute([draft])?;
    let n = tx.prepare_cached("DELETE FROM drafts WHERE draft = ?1")?.execute([draft])?;
    if n == 0 { Err(RecordsError::NotFound("draft")) } else { Ok(()) }
}

/// A draft as its table has it.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) draft: DraftId,
    pub(crate) kind: String,
    pub(crate) record: Option<RecordId>,
    pub(crate) base: Vec<OpId>,
    pub(crate) started: i64,
    pub(crate) updated: i64,
}

const COLUMNS: &str = "SELECT draft, kind, record, base, started, updated FROM drafts";

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    let base: Vec<u8> = row.get(3)?;
    Ok(Head {
        draft: row.get(0)?,
        kind: row.get(1)?,
        record: row.get::<_, Option<[u8; 16]>>(2)?.map(RecordId),
        base: base.chunks(OP_KEY).filter_map(op_id).collect(),
        started: row.get(4)?,
        updated: row.get(5)?,
    })
}

/// All drafts, the one touched last first.
pub(crate) fn all(c: &Connection) -> Result<Vec<Head>> {
    let mut statement = c.prepare_cached(&format!("{COLUMNS} ORDER BY updated DESC, draft"))?;
    let rows = statement.query_map([], head)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// A draft and its steps.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) head: Head,
    /// Answers, and rows added.
    pub(crate) filled: Filled,
    /// Answers taken back.
    pub(crate) cleared: Vec<FieldRef>,
    /// Rows removed, those of the edited record among them.
    pub(crate) removed: Vec<FieldRef>,
}

/// One draft and what has been answered in it.
pub(crate) fn load(c: &Connection, draft: DraftId) -> Result<Loaded> {
    let sql = format!("{COLUMNS} WHERE draft = ?1");
    let head = c.prepare_cached(&sql)?.query_row([draft], head).optional()?.ok_or(RecordsError::NotFound("draft"))?;
    let mut loaded = Loaded { head, filled: Filled::default(), cleared: Vec::new(), removed: Vec::new() };
    let mut statement = c.prepare_cached("SELECT rows, field, value FROM draft_cells WHERE draft = ?1 ORDER BY seq")?;
    let cells = statement.query_map([draft], |r| {
        Ok((r.get::<_, Vec<u8>>(0)?, r.get(1)?, r.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default()))
    })?;
    for cell in cells {
        let (rows, field, value) = cell?;
        let (rows, _) = rows.as_chunks::<8>();
        let place = FieldRef { field, rows: rows.iter().map(|row| RowId(*row)).collect() };
        match value.as_slice() {
            ADDED => loaded.filled.rows.push(place),
            REMOVED => loaded.removed.push(place),
            [] => loaded.cleared.push(place),
            bytes => match read_value(&mut Reader::new(bytes))? {
                Some(value) => drop(loaded.filled.values.insert(place, value)),
                None => loaded.cleared.push(place),
            },
        }
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use samanvay_sync::id::{DeviceId, Generation};

    use super::*;

    #[test]
    fn every_step_comes_back_and_a_cut_one_is_refused() {
        let place = FieldRef { field: 300, rows: vec![RowId([1; 8]), RowId([2; 8])] };
        let op = OpId { device: DeviceId([1; 16]), generation: Generation([2; 8]), counter: 3, tag: [4; 4] };
        let values = [
            Value::Text("मीना".to_owned()),
            Value::Int(-3),
            Value::Decimal("1.5".to_owned()),
            Value::Choice("F".to_owned()),
            Value::Choices(vec!["pocso".to_owned(), "jj".to_owned()]),
            Value::Date { days: -5 },
            Value::Time { seconds: 86_399 },
            Value::DateTime { unix_seconds: 1_795_500_300, offset_minutes: -330 },
        ];
        let mut steps: Vec<What> =
            values.into_iter().map(|v| What::Cell { place: place.clone(), value: Some(v) }).collect();
        steps.push(What::Cell { place: place.clone(), value: None });
        steps.push(What::Row { place: place.clone(), there: false });
        steps.push(What::Begin { kind: "missing_child".to_owned(), record: Some(RecordId([9; 16])), base: vec![op] });
        steps.push(What::Begin { kind: "missing_child".to_owned(), record: None, base: Vec::new() });
        for what in steps {
            let step = Step { draft: [7; 8], seconds: 1_795_500_300, what };
            let bytes = step.encode();
            assert_eq!(Step::decode(&bytes).unwrap(), step);
            for cut in 0..bytes.len() {
                assert!(Step::decode(&bytes[..cut]).is_err(), "{cut} of {}", bytes.len());
            }
        }
    }
}
