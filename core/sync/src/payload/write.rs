//! Ops to bytes.

use super::{ITEMS_MAX, OPS_MAX, Origin, PAYLOAD_BYTES_MAX, TABLE_MAX, flag, form};
use super::{ROUTES_MAX, TEXT_BYTES_MAX, text};
use crate::bytes::Writer;
use crate::error::{Malformed, Result};
use crate::id::{DeviceId, Generation, OpId, RecordId, SchemaId};
use crate::op::{Change, Op, Value, Write};
use std::collections::HashMap;

/// The payload of these ops, in their order, for a segment of this author and generation.
///
/// # Errors
/// [`Malformed`] if an op fails [`Op::check`], is by another device, or a cap of `docs/wire.md` §9 is passed. Nothing that
/// is encoded is refused by a reader for its size.
pub fn encode(ops: &[Op], author: DeviceId, generation: Generation) -> Result<Vec<u8>> {
    if ops.is_empty() || ops.len() > OPS_MAX {
        return Err(Malformed("number of ops in a segment").into());
    }
    let mut encoder = Encoder::new((author, generation));
    let mut body = Writer::new();
    for (index, op) in ops.iter().enumerate() {
        body.bytes(encoder.op(index, op)?);
    }
    if encoder.items > ITEMS_MAX {
        return Err(Malformed("too much in a segment").into());
    }
    let mut w = Writer::new();
    w.count(encoder.origins.listed.len());
    for (device, generation) in &encoder.origins.listed {
        w.raw(device).raw(generation);
    }
    w.count(encoder.schemas.listed.len());
    for schema in &encoder.schemas.listed {
        w.raw(schema);
    }
    w.raw(body.as_slice());
    let payload = w.finish();
    if payload.len() > PAYLOAD_BYTES_MAX || encoder.origins.listed.len().max(encoder.schemas.listed.len()) > TABLE_MAX {
        return Err(Malformed("payload too large").into());
    }
    Ok(payload)
}

/// The payload of this op alone: what a Merkle leaf is made of.
///
/// # Errors
/// As [`encode`].
pub fn standalone(op: &Op, author: DeviceId, generation: Generation) -> Result<Vec<u8>> {
    encode(std::slice::from_ref(op), author, generation)
}

/// What the author's tag of an op is computed from: its standalone payload under its own origin with a zero tag.
///
/// # Errors
/// As [`encode`].
pub fn tag_input(op: &Op) -> Result<Vec<u8>> {
    let untagged = Op { id: OpId { tag: [0; 4], ..op.id }, ..op.clone() };
    standalone(&untagged, op.id.device, op.id.generation)
}

/// A table in order of first use.
struct Table<T> {
    listed: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T: Copy + Eq + std::hash::Hash> Table<T> {
    fn new() -> Self {
        Self { listed: Vec::new(), places: HashMap::new() }
    }

    fn place(&mut self, item: T) -> u64 {
        let next = self.listed.len() as u64;
        *self.places.entry(item).or_insert_with(|| {
            self.listed.push(item);
            next
        })
    }
}

struct Encoder {
    own: Origin,
    origins: Table<Origin>,
    schemas: Table<SchemaId>,
    /// Index of the last op on each record.
    records: HashMap<RecordId, usize>,
    counter: u64,
    seconds: i64,
    items: usize,
}

impl Encoder {
    fn new(own: Origin) -> Self {
        Self {
            own,
            origins: Table::new(),
            schemas: Table::new(),
            records: HashMap::new(),
            counter: 0,
            seconds: 0,
            items: 0,
        }
    }

    fn origin(&mut self, id: &OpId) -> u64 {
        let origin = (id.device, id.generation);
        if origin == self.own { 0 } else { self.origins.place(origin) + 1 }
    }

    fn op(&mut self, index: usize, op: &Op) -> Result<Vec<u8>> {
        op.check()?;
        if op.id.device != self.own.0 {
            return Err(Malformed("op by another device").into());
        }
        let mut w = Writer::new();
        let back = self.records.insert(op.record, index).map(|last| index - last);
        let origin = self.origin(&op.id);
        let mut flags = 0;
        for (holds, bit) in [
            (op.creates, flag::CREATES),
            (back.is_none(), flag::RECORD_FOLLOWS),
            (origin != 0, flag::OTHER_ORIGIN),
            (op.anchored, flag::ANCHORED),
            (!op.routes.is_empty(), flag::ROUTES),
        ] {
            flags |= u8::from(holds) * bit;
        }
        w.u8(flags);
        if origin != 0 {
            w.varint(origin);
        }
        // Both are below 2^63, so the difference fits.
        w.zigzag(op.id.counter.cast_signed().wrapping_sub(self.counter.cast_signed()));
        self.counter = op.id.counter;
        w.raw(op.id.tag);
        match back {
            None => w.raw(op.record),
            Some(back) => w.count(back),
        };
        let schema = self.schemas.place(op.schema);
        w.varint(schema);
        w.zigzag(op.seconds.checked_sub(self.seconds).ok_or(Malformed("time too far from the op before"))?);
        self.seconds = op.seconds;
        write_routes(&mut w, op)?;
        self.groups(&mut w, op)?;
        Ok(w.finish())
    }

    fn groups(&mut self, w: &mut Writer, op: &Op) -> Result<()> {
        let groups = op.changes.chunk_by(|a, b| a.rows == b.rows);
        w.count(groups.clone().count());
        for group in groups {
            let rows = group.first().map_or(&[][..], |change| &change.rows);
            self.items += rows.len() * group.len() + group.len();
            w.count(rows.len());
            for row in rows {
                w.raw(row);
            }
            w.count(group.len());
            let mut before = 0;
            for change in group {
                let key = u64::from(change.field - before) * form::COUNT + form_of(&change.write);
                before = change.field;
                w.varint(key);
                self.change(w, op.creates, change)?;
            }
        }
        Ok(())
    }

    fn change(&mut self, w: &mut Writer, creates: bool, change: &Change) -> Result<()> {
        if !creates && !matches!(change.write, Write::Delta { .. }) {
            self.references(w, &change.replaces);
        }
        match &change.write {
            Write::Clear => {}
            Write::Set(Value::Int(n)) => {
                w.zigzag(*n);
            }
            Write::Set(Value::Text(value)) => {
                w.bytes(capped(&text::encode(value))?);
            }
            Write::Set(Value::Raw(raw)) => {
                w.bytes(capped(raw)?);
            }
            Write::Set(Value::Instant { seconds, offset_minutes }) => {
                w.zigzag(*seconds).zigzag(*offset_minutes);
            }
            Write::Delta { adds, removes } => {
                self.items += adds.len() + removes.len();
                w.count(adds.len());
                for code in adds {
                    w.varint(*code);
                }
                w.count(removes.len());
                for (code, seen) in removes {
                    w.varint(*code);
                    self.references(w, seen);
                }
            }
        }
        Ok(())
    }

    fn references(&mut self, w: &mut Writer, ids: &[OpId]) {
        self.items += ids.len();
        w.count(ids.len());
        for id in ids {
            let origin = self.origin(id);
            w.varint(origin).varint(id.counter).raw(id.tag);
        }
    }
}

fn write_routes(w: &mut Writer, op: &Op) -> Result<()> {
    if op.routes.len() > ROUTES_MAX {
        return Err(Malformed("too many routes").into());
    }
    if !op.routes.is_empty() {
        w.count(op.routes.len());
    }
    for route in &op.routes {
        w.raw(route.stream).u8(route.role.code());
    }
    Ok(())
}

fn form_of(write: &Write) -> u64 {
    match write {
        Write::Clear => form::CLEARED,
        Write::Set(Value::Int(_)) => form::INT,
        Write::Set(Value::Text(_)) => form::TEXT,
        Write::Set(Value::Raw(_)) => form::RAW,
        Write::Delta { .. } => form::DELTA,
        Write::Set(Value::Instant { .. }) => form::INSTANT,
    }
}

fn capped(bytes: &[u8]) -> Result<&[u8]> {
    if bytes.len() > TEXT_BYTES_MAX { Err(Malformed("text over 64 KiB").into()) } else { Ok(bytes) }
}
