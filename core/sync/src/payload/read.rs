//! Bytes to ops.

use super::{CHANGES_MAX, ITEMS_MAX, OPS_MAX, Origin, PAYLOAD_BYTES_MAX, REFERENCE_BYTES_MIN, ROUTES_MAX};
use super::{TABLE_MAX, TEXT_BYTES_MAX, flag, form, text};
use crate::bytes::Reader;
use crate::error::{Malformed, Result, SyncError};
use crate::id::{DeviceId, Generation, OpId, RecordId, RowId, SchemaId, StreamId};
use crate::op::{Change, Op, Role, Route, Value, Write};
use crate::schema::ROW_DEPTH_MAX;
use std::collections::BTreeSet;

/// Bytes of the shortest op with its length.
const OP_BYTES_MIN: usize = 11;
/// Bytes of a route: stream and role.
const ROUTE_BYTES: usize = 17;

/// The ops of a payload of `count` ops by this author in this generation.
///
/// # Errors
/// [`Malformed`] if the bytes break `docs/wire.md` §5 or a cap of §9; [`SyncError::Newer`] for a flag, form or role that
/// this version does not know: keep the segment as it is and decode it after an update.
pub fn decode(payload: &[u8], author: DeviceId, generation: Generation, count: usize) -> Result<Vec<Op>> {
    if payload.len() > PAYLOAD_BYTES_MAX || count == 0 || count > OPS_MAX {
        return Err(Malformed("payload or number of ops over the cap").into());
    }
    let mut r = Reader::new(payload);
    let mut origins = vec![(author, generation)];
    for _ in 0..r.count(DeviceId::LEN + Generation::LEN, TABLE_MAX)? {
        origins.push((DeviceId(r.array()?), Generation(r.array()?)));
    }
    let n = r.count(SchemaId::LEN, TABLE_MAX)?;
    let schemas = (0..n).map(|_| r.array().map(SchemaId)).collect::<Result<Vec<_>>>()?;
    if has_twice(&origins) || has_twice(&schemas) {
        return Err(Malformed("origin or schema listed twice").into());
    }
    if count.saturating_mul(OP_BYTES_MIN) > r.rest().len() {
        return Err(Malformed("fewer ops than the header says").into());
    }
    let mut decoder = Decoder { author, origins, schemas, ops: Vec::with_capacity(count), items: 0 };
    for _ in 0..count {
        let op = decoder.op(Reader::new(r.bytes(PAYLOAD_BYTES_MAX)?))?;
        decoder.ops.push(op);
    }
    r.end()?;
    Ok(decoder.ops)
}

struct Decoder {
    author: DeviceId,
    origins: Vec<Origin>,
    schemas: Vec<SchemaId>,
    ops: Vec<Op>,
    items: usize,
}

impl Decoder {
    fn op(&mut self, mut r: Reader<'_>) -> Result<Op> {
        let flags = r.u8()?;
        if flags & !flag::KNOWN != 0 {
            return Err(SyncError::Newer);
        }
        let has = |bit: u8| flags & bit != 0;
        let origin = if has(flag::OTHER_ORIGIN) { r.varint()? } else { 0 };
        let (device, generation) = self.origin(origin)?;
        if has(flag::OTHER_ORIGIN) && (origin == 0 || device != self.author) {
            return Err(Malformed("origin of an op").into());
        }
        let last = self.ops.last();
        let counter = last
            .map_or(0, |op| op.id.counter.cast_signed())
            .checked_add(r.zigzag()?)
            .and_then(|counter| u64::try_from(counter).ok())
            .ok_or(Malformed("counter out of range"))?;
        let id = OpId { device, generation, counter, tag: r.array()? };
        let seconds_before = last.map_or(0, |op| op.seconds);
        let record = if has(flag::RECORD_FOLLOWS) { RecordId(r.array()?) } else { self.record_back(r.varint()?)? };
        let schema = usize::try_from(r.varint()?).ok().and_then(|index| self.schemas.get(index));
        let schema = *schema.ok_or(Malformed("schema not in the table"))?;
        let seconds = seconds_before.checked_add(r.zigzag()?).ok_or(Malformed("time out of range"))?;
        let routes = if has(flag::ROUTES) { read_routes(&mut r)? } else { Vec::new() };
        let creates = has(flag::CREATES);
        let changes = self.groups(&mut r, creates)?;
        r.end()?;
        let op = Op { id, record, schema, creates, anchored: has(flag::ANCHORED), seconds, routes, changes };
        op.check()?;
        Ok(op)
    }

    fn origin(&self, index: u64) -> Result<Origin> {
        let origin = usize::try_from(index).ok().and_then(|index| self.origins.get(index));
        Ok(*origin.ok_or(Malformed("origin not in the table"))?)
    }

    fn record_back(&self, back: u64) -> Result<RecordId> {
        let index = usize::try_from(back).ok().and_then(|back| self.ops.len().checked_sub(back));
        let op = index.and_then(|index| self.ops.get(index));
        Ok(op.ok_or(Malformed("no op that far back"))?.record)
    }

    /// Counts what takes memory, so that a small payload cannot ask for much.
    fn spend(&mut self, items: usize) -> Result<()> {
        self.items = self.items.saturating_add(items);
        if self.items > ITEMS_MAX { Err(Malformed("too much in a segment").into()) } else { Ok(()) }
    }

    fn groups(&mut self, r: &mut Reader<'_>, creates: bool) -> Result<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..r.count(3, CHANGES_MAX)? {
            let depth = r.count(RowId::LEN, ROW_DEPTH_MAX)?;
            let rows = (0..depth).map(|_| r.array().map(RowId)).collect::<Result<Vec<_>>>()?;
            if changes.last().is_some_and(|last| (last.rows.len(), &last.rows) >= (depth, &rows)) {
                return Err(Malformed("groups not in ascending order").into());
            }
            let n = r.count(1, CHANGES_MAX)?;
            if n == 0 {
                return Err(Malformed("group without changes").into());
            }
            self.spend((rows.len() + 1) * n)?;
            let mut field = 0;
            for _ in 0..n {
                let key = r.varint()?;
                let ahead = u32::try_from(key / form::COUNT).ok();
                field = ahead.and_then(|n| n.checked_add(field)).ok_or(Malformed("field number over 32 bits"))?;
                let (replaces, write) = self.change(r, creates, key % form::COUNT)?;
                changes.push(Change { rows: rows.clone(), field, replaces, write });
            }
        }
        Ok(changes)
    }

    fn change(&mut self, r: &mut Reader<'_>, creates: bool, form: u64) -> Result<(Vec<OpId>, Write)> {
        if form > form::INSTANT {
            return Err(SyncError::Newer);
        }
        let replaces = if creates || form == form::DELTA { Vec::new() } else { self.references(r)? };
        let write = match form {
            form::CLEARED => Write::Clear,
            form::INT => Write::Set(Value::Int(r.zigzag()?)),
            form::TEXT => Write::Set(Value::Text(text::decode(r.bytes(TEXT_BYTES_MAX)?)?)),
            form::RAW => Write::Set(Value::Raw(r.bytes(TEXT_BYTES_MAX)?.to_vec())),
            form::DELTA => self.delta(r)?,
            _ => Write::Set(Value::Instant { seconds: r.zigzag()?, offset_minutes: r.zigzag()? }),
        };
        Ok((replaces, write))
    }

    fn delta(&mut self, r: &mut Reader<'_>) -> Result<Write> {
        let n = r.count(1, ITEMS_MAX)?;
        self.spend(n)?;
        let adds = (0..n).map(|_| r.varint()).collect::<Result<_>>()?;
        let n = r.count(2, ITEMS_MAX)?;
        self.spend(n)?;
        let removes = (0..n).map(|_| Ok((r.varint()?, self.references(r)?))).collect::<Result<_>>()?;
        Ok(Write::Delta { adds, removes })
    }

    fn references(&mut self, r: &mut Reader<'_>) -> Result<Vec<OpId>> {
        let n = r.count(REFERENCE_BYTES_MIN, ITEMS_MAX)?;
        self.spend(n)?;
        let mut ids = Vec::with_capacity(n);
        for _ in 0..n {
            let (device, generation) = self.origin(r.varint()?)?;
            ids.push(OpId { device, generation, counter: r.varint()?, tag: r.array()? });
        }
        Ok(ids)
    }
}

fn has_twice<T: Ord>(items: &[T]) -> bool {
    let mut seen = BTreeSet::new();
    !items.iter().all(|item| seen.insert(item))
}

fn read_routes(r: &mut Reader<'_>) -> Result<Vec<Route>> {
    let n = r.count(ROUTE_BYTES, ROUTES_MAX)?;
    if n == 0 {
        return Err(Malformed("routes flag without routes").into());
    }
    (0..n).map(|_| Ok(Route { stream: StreamId(r.array()?), role: Role::from_code(r.u8()?)? })).collect()
}
