//! The tables of ops, chains and segments.
//!
//! Knows SQL and the ids' bytes; knows no rule of when what is written. Invariant: every function runs inside the caller's
//! transaction and touches one table, or two that always change together. Start at [`MIGRATIONS`].

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use samanvay_sync::bytes::{Reader, Writer};
use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, RecordId, StreamId};
use samanvay_sync::op::Op;
use samanvay_sync::payload;
use samanvay_vault::Migration;

use crate::error::{RecordsError, Result};

/// The database's versions, oldest first.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "records", sql: include_str!("../migrations/0001_records.sql") }];

/// An op id's bytes in tables: device 16, generation 8, counter 8 big-endian, tag 4.
pub(crate) const OP_KEY: usize = 36;

pub(crate) fn op_key(id: &OpId) -> [u8; OP_KEY] {
    let mut key = [0; OP_KEY];
    let parts = id.device.0.iter().chain(&id.generation.0).copied();
    let bytes = parts.chain(id.counter.to_be_bytes()).chain(id.tag);
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    key
}

pub(crate) fn op_id(key: &[u8]) -> Option<OpId> {
    let (device, rest) = key.split_first_chunk()?;
    let (generation, rest) = rest.split_first_chunk()?;
    let (counter, tag) = rest.split_first_chunk()?;
    Some(OpId {
        device: DeviceId(*device),
        generation: Generation(*generation),
        counter: u64::from_be_bytes(*counter),
        tag: tag.try_into().ok()?,
    })
}

/// A number for `SQLite`, which has signed ones; ours end far below.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// One copy of an op, as one stream brought it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) op: Op,
    pub(crate) stream: StreamId,
    /// Fields that the stream should not have carried.
    pub(crate) hidden: Vec<u32>,
}

/// Keeps a copy of an op. Repeats change nothing.
pub(crate) fn put_op(tx: &Transaction<'_>, held: &Held) -> Result<()> {
    let op = &held.op;
    let mut hidden = Writer::new();
    for field in &held.hidden {
        hidden.varint((*field).into());
    }
    let body = payload::standalone(op, op.id.device, op.id.generation)?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO ops (record, device, generation, counter, tag, stream, body, seconds, hidden)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        op.record.0,
        op.id.device.0,
        op.id.generation.0,
        int(op.id.counter),
        op.id.tag,
        held.stream.0,
        body,
        op.seconds,
        hidden.finish()
    ])?;
    Ok(())
}

const OP_COLUMNS: &str = "SELECT device, generation, stream, body, hidden FROM ops";

type OpRow = (DeviceId, Generation, StreamId, Vec<u8>, Vec<u8>);

fn held(row: &Row<'_>) -> rusqlite::Result<OpRow> {
    Ok((DeviceId(row.get(0)?), Generation(row.get(1)?), StreamId(row.get(2)?), row.get(3)?, row.get(4)?))
}

fn decode((device, generation, stream, body, hidden): OpRow) -> Result<Held> {
    let mut ops = payload::decode(&body, device, generation, 1)?;
    let op = ops.pop().ok_or(RecordsError::Internal("an op's row is empty"))?;
    let mut reader = Reader::new(&hidden);
    let mut hidden = Vec::new();
    while !reader.rest().is_empty() {
        hidden.extend(u32::try_from(reader.varint()?));
    }
    Ok(Held { op, stream, hidden })
}

/// Every copy of every op of a record.
pub(crate) fn ops_of(c: &Connection, record: RecordId) -> Result<Vec<Held>> {
    let mut statement = c.prepare_cached(&format!("{OP_COLUMNS} WHERE record = ?1"))?;
    let rows: Vec<_> = statement.query_map([record.0], held)?.collect::<rusqlite::Result<_>>()?;
    rows.into_iter().map(decode).collect()
}

/// One stream's copy of an op.
pub(crate) fn op(c: &Connection, record: RecordId, id: &OpId, stream: StreamId) -> Result<Option<Held>> {
    let sql = format!(
        "{OP_COLUMNS} WHERE record = ?1 AND device = ?2 AND generation = ?3 AND counter = ?4 AND tag = ?5 AND stream = ?6"
    );
    let key = params![record.0, id.device.0, id.generation.0, int(id.counter), id.tag, stream.0];
    c.prepare_cached(&sql)?.query_row(key, held).optional()?.map(decode).transpose()
}

/// A small fact of the profile.
pub(crate) fn fact<const N: usize>(c: &Connection, name: &str) -> Result<Option<[u8; N]>> {
    Ok(c.prepare_cached("SELECT value FROM facts WHERE name = ?1")?.query_row([name], |r| r.get(0)).optional()?)
}

pub(crate) fn set_fact(tx: &Transaction<'_>, name: &str, value: &[u8]) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)")?.execute(params![name, value])?;
    Ok(())
}

/// The generation that saves use.
pub(crate) fn generation(c: &Connection) -> Result<Generation> {
    fact(c, "generation")?.map(Generation).ok_or(RecordsError::Internal("no generation"))
}

/// Number of the next op of the present generation.
pub(crate) fn counter(c: &Connection) -> Result<u64> {
    Ok(fact(c, "counter")?.map_or(0, u64::from_be_bytes))
}

/// The end of an own chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    pub(crate) next: u64,
    pub(crate) head: Hash,
}

pub(crate) fn chain(c: &Connection, stream: StreamId, generation: Generation) -> Result<Chain> {
    let found = c
        .prepare_cached("SELECT next, head FROM chains WHERE stream = ?1 AND generation = ?2")?
        .query_row(params![stream.0, generation.0], |r| Ok(Chain { next: uint(r.get(0)?), head: Hash(r.get(1)?) }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn set_chain(tx: &Transaction<'_>, stream: StreamId, generation: Generation, chain: Chain) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO chains (stream, generation, next, head) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![stream.0, generation.0, int(chain.next), chain.head.0])?;
    Ok(())
}

/// An own op's place in an own chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnOp {
    pub(crate) seq: u64,
    pub(crate) record: RecordId,
    pub(crate) op: OpId,
}

pub(crate) fn put_own(
    tx: &Transaction<'_>,
    stream: StreamId,
    generation: Generation,
    own: &OwnOp,
    sent: bool,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO own_ops (stream, generation, seq, record, op, sent) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![stream.0, generation.0, int(own.seq), own.record.0, op_key(&own.op), sent])?;
    Ok(())
}

/// The own ops of a chain from one number up to another, in order.
pub(crate) fn own_ops(
    c: &Connection,
    stream: StreamId,
    generation: Generation,
    range: std::ops::Range<u64>,
) -> Result<Vec<OwnOp>> {
    let mut statement = c.prepare_cached(
        "SELECT seq, record, op FROM own_ops WHERE stream = ?1 AND generation = ?2 AND seq >= ?3 AND seq < ?4 ORDER BY seq",
    )?;
    let key = params![stream.0, generation.0, int(range.start), int(range.end)];
    let rows = statement.query_map(key, |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, Vec<u8>>(2)?)))?;
    rows.map(|row| {
        let (seq, record, key) = row?;
        let op = op_id(&key).ok_or(RecordsError::Internal("an op id of another length"))?;
        Ok(OwnOp { seq: uint(seq), record: RecordId(record), op })
    })
    .collect()
}

pub(crate) fn set_sent(
    tx: &Transaction<'_>,
    stream: StreamId,
    generation: Generation,
    range: std::ops::Range<u64>,
    sent: bool,
) -> Result<()> {
    tx.prepare_cached("UPDATE own_ops SET sent = ?5 WHERE stream = ?1 AND generation = ?2 AND seq >= ?3 AND seq < ?4")?
        .execute(params![stream.0, generation.0, int(range.start), int(range.end), sent])?;
    Ok(())
}

/// Forgets the places of a chain from a number on.
pub(crate) fn remove_own(tx: &Transaction<'_>, stream: StreamId, generation: Generation, first: u64) -> Result<()> {
    tx.prepare_cached("DELETE FROM own_ops WHERE stream = ?1 AND generation = ?2 AND seq >= ?3")?.execute(params![
        stream.0,
        generation.0,
        int(first)
    ])?;
    Ok(())
}

/// How many own changes the hub has not confirmed: ops, however many streams they go to.
pub(crate) fn unsent(c: &Connection) -> Result<u64> {
    let n = c.prepare_cached("SELECT COUNT(DISTINCT op) FROM own_ops WHERE sent = 0")?.query_row([], |r| r.get(0))?;
    Ok(uint(n))
}

/// How far a stream has been read.
pub(crate) fn cursor(c: &Connection, stream: StreamId) -> Result<u64> {
    let found = c
        .prepare_cached("SELECT position FROM cursors WHERE stream = ?1")?
        .query_row([stream.0], |r| r.get(0))
        .optional()?;
    Ok(found.map_or(0, uint))
}

pub(crate) fn set_cursor(tx: &Transaction<'_>, stream: StreamId, position: u64, status: u8) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO cursors (stream, position, status) VALUES (?1, ?2, ?3)")?
        .execute(params![stream.0, int(position), status])?;
    Ok(())
}

/// Reads every stream again from the start: the hub's positions mean something else now.
pub(crate) fn forget_cursors(tx: &Transaction<'_>) -> Result<()> {
    tx.prepare_cached("UPDATE cursors SET position = 0")?.execute([])?;
    Ok(())
}

pub(crate) fn put_receipt(tx: &Transaction<'_>, number: u64, bytes: &[u8]) -> Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO receipts (number, bytes) VALUES (?1, ?2)")?
        .execute(params![int(number), bytes])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_id_comes_back_from_its_key() {
        let id = OpId { device: DeviceId([1; 16]), generation: Generation([2; 8]), counter: 77, tag: [3; 4] };
        assert_eq!(op_id(&op_key(&id)), Some(id));
        assert_eq!(op_id(&[0; 35]), None);
        assert_eq!(op_id(&[0; 37]), None);
    }
}
