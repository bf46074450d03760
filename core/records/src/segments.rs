//! The table of sealed segments: own ones on their way to the hub, received ones as they came.
//!
//! Knows states and their order; opens nothing. Invariant: bytes that may have left the phone are never changed, only
//! their state. Start at [`State`].

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use samanvay_sync::id::{DeviceId, Generation, Hash, StreamHandle, StreamId};

use crate::error::Result;
use crate::store::{int, uint};

/// Where a segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Own, one save, has not left the phone.
    Frame,
    /// Own, has left the phone or is about to; the hub's receipt is not held.
    Published,
    /// Own, the hub's receipt is held.
    Receipted,
    /// Own, kept at the hub for review: the post's rights had ended.
    Quarantined,
    /// Own, given up after a fork; its ops went into new frames.
    Dropped,
    /// Received and read.
    Read,
    /// Received; cannot be read yet (log behind, newer app, form not held).
    Waiting,
    /// Received and refused.
    Bad,
}

impl State {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Published => "published",
            Self::Receipted => "receipted",
            Self::Quarantined => "quarantined",
            Self::Dropped => "dropped",
            Self::Read => "read",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
        }
    }
}

/// A row of the table without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) stream: StreamId,
    pub(crate) author: DeviceId,
    pub(crate) generation: Generation,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) hash: Hash,
}

impl Segment {
    /// Numbers of its ops.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// A row with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) segment: Segment,
    pub(crate) bytes: Vec<u8>,
}

/// Keeps a segment. One that is held already keeps its state.
pub(crate) fn put(
    tx: &Transaction<'_>,
    segment: &Segment,
    state: State,
    reason: Option<&str>,
    noted: i64,
    bytes: &[u8],
) -> Result<bool> {
    let n = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO segments
                 (stream, author, generation, first, count, hash, state, reason, noted, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            segment.stream.0,
            segment.author.0,
            segment.generation.0,
            int(segment.first),
            int(segment.count),
            segment.hash.0,
            state.word(),
            reason,
            noted,
            bytes
        ])?;
    Ok(n > 0)
}

pub(crate) fn set_state(tx: &Transaction<'_>, of: &Segment, state: State, reason: Option<&str>) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segments SET state = ?5, reason = ?6
         WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first = ?4 AND hash = ?7",
    )?
    .execute(params![
        of.stream.0,
        of.author.0,
        of.generation.0,
        int(of.first),
        state.word(),
        reason,
        of.hash.0
    ])?;
    Ok(())
}

pub(crate) fn set_position(tx: &Transaction<'_>, of: &Segment, position: u64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segments SET position = ?6
         WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first = ?4 AND hash = ?5",
    )?
    .execute(params![of.stream.0, of.author.0, of.generation.0, int(of.first), of.hash.0, int(position)])?;
    Ok(())
}

/// Notes that a frame leaves the phone. One that has its receipt by now keeps it.
pub(crate) fn publish(tx: &Transaction<'_>, of: &Segment) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segments SET state = 'published'
         WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first = ?4 AND hash = ?5 AND state = 'frame'",
    )?
    .execute(params![of.stream.0, of.author.0, of.generation.0, int(of.first), of.hash.0])?;
    Ok(())
}

const COLUMNS: &str = "SELECT stream, author, generation, first, count, hash, bytes FROM segments";

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        segment: Segment {
            stream: StreamId(row.get(0)?),
            author: DeviceId(row.get(1)?),
            generation: Generation(row.get(2)?),
            first: uint(row.get(3)?),
            count: uint(row.get(4)?),
            hash: Hash(row.get(5)?),
        },
        bytes: row.get(6)?,
    })
}

/// What the partial index is made for; a query that repeats its words may use it.
const OPEN: &str = "state IN ('frame', 'published', 'waiting')";

/// Gives segments in one of the states frame, published, waiting to `f`, by stream, chain and number, until it has enough.
pub(crate) fn each(c: &Connection, state: State, mut f: impl FnMut(Stored) -> Result<ControlFlow<()>>) -> Result<()> {
    let sql = format!("{COLUMNS} WHERE state = ?1 AND {OPEN} ORDER BY stream, author, generation, first");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query([state.word()])?;
    while let Some(row) = rows.next()? {
        if f(stored(row)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// All segments in such a state.
pub(crate) fn in_state(c: &Connection, state: State) -> Result<Vec<Stored>> {
    let mut all = Vec::new();
    each(c, state, |stored| {
        all.push(stored);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// Whether a segment waits to be read.
pub(crate) fn any_waiting(c: &Connection) -> Result<bool> {
    let sql = format!("SELECT 1 FROM segments WHERE state = 'waiting' AND {OPEN}");
    Ok(c.prepare_cached(&sql)?.exists([])?)
}

/// Chains with own segments for which no receipt is held.
pub(crate) fn unsent_chains(c: &Connection) -> Result<Vec<(StreamId, Generation)>> {
    let sql =
        format!("SELECT DISTINCT stream, generation FROM segments WHERE state IN ('frame', 'published') AND {OPEN}");
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([], |r| Ok((StreamId(r.get(0)?), Generation(r.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Own segments, given up ones not among them, whose first op is not held: they were taken in without their stream's keys.
const UNREAD: &str = "FROM chains c JOIN segments s ON s.stream = c.stream AND s.author = ?1 AND s.generation = c.generation
    WHERE s.state IN ('frame', 'published', 'receipted', 'quarantined')
    AND NOT EXISTS (SELECT 1 FROM own_ops o WHERE o.stream = s.stream AND o.generation = s.generation AND o.seq = s.first)";

/// Those segments, each with whether it has its receipt.
pub(crate) fn unread_own(c: &Connection, author: DeviceId) -> Result<Vec<(Stored, bool)>> {
    let sql = format!(
        "SELECT s.stream, s.author, s.generation, s.first, s.count, s.hash, s.bytes,
         s.state IN ('receipted', 'quarantined') {UNREAD} ORDER BY s.stream, s.generation, s.first"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([author.0], |row| Ok((stored(row)?, row.get(7)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether there are such segments in this generation, so that the numbers of their ops are not known.
pub(crate) fn has_unread(c: &Connection, author: DeviceId, generation: Generation) -> Result<bool> {
    let sql = format!("SELECT 1 {UNREAD} AND s.generation = ?2");
    Ok(c.prepare_cached(&sql)?.exists(params![author.0, generation.0])?)
}

/// How many ops stand in the own segments from a number on that have no receipt.
pub(crate) fn unsent_from(
    c: &Connection,
    stream: StreamId,
    author: DeviceId,
    generation: Generation,
    first: u64,
) -> Result<u64> {
    let sql = "SELECT COALESCE(SUM(count), 0) FROM segments WHERE stream = ?1 AND author = ?2 AND generation = ?3
               AND first >= ?4 AND state IN ('frame', 'published')";
    let key = params![stream.0, author.0, generation.0, int(first)];
    Ok(uint(c.prepare_cached(sql)?.query_row(key, |r| r.get(0))?))
}

/// The own segment at a place of a chain that counts: not dropped.
pub(crate) fn own_at(
    c: &Connection,
    stream: StreamId,
    author: DeviceId,
    generation: Generation,
    first: u64,
) -> Result<Option<Stored>> {
    let sql = format!(
        "{COLUMNS} WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first = ?4 AND state <> 'dropped'"
    );
    Ok(c.prepare_cached(&sql)?.query_row(params![stream.0, author.0, generation.0, int(first)], stored).optional()?)
}

/// Hash of the own segment whose last op has the number before `end`; `None` if it is not held.
pub(crate) fn ending_at(
    c: &Connection,
    stream: StreamId,
    author: DeviceId,
    generation: Generation,
    end: u64,
) -> Result<Option<Hash>> {
    let sql = "SELECT hash FROM segments WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first + count = ?4
               AND state <> 'dropped'";
    let key = params![stream.0, author.0, generation.0, int(end)];
    Ok(c.prepare_cached(sql)?.query_row(key, |r| r.get(0)).optional()?.map(Hash))
}

/// Whether this very segment is held.
pub(crate) fn is_held(c: &Connection, of: &Segment) -> Result<bool> {
    let sql =
        "SELECT 1 FROM segments WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first = ?4 AND hash = ?5";
    let key = params![of.stream.0, of.author.0, of.generation.0, int(of.first), of.hash.0];
    Ok(c.prepare_cached(sql)?.exists(key)?)
}

/// The own segment with this hash in a stream with this handle.
pub(crate) fn own_by_hash(
    c: &Connection,
    stream: StreamHandle,
    author: DeviceId,
    hash: Hash,
) -> Result<Option<Segment>> {
    let sql = format!("{COLUMNS} WHERE hash = ?1 AND author = ?2");
    let found = c.prepare_cached(&sql)?.query_row(params![hash.0, author.0], stored).optional()?;
    Ok(found.map(|stored| stored.segment).filter(|own| own.stream.handle() == stream))
}

/// Takes away the frames whose numbers a cut holds now.
pub(crate) fn remove_frames(tx: &Transaction<'_>, cut: &Segment) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM segments WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first >= ?4 AND first < ?5
         AND state = 'frame'",
    )?
    .execute(params![cut.stream.0, cut.author.0, cut.generation.0, int(cut.first), int(cut.range().end)])?;
    Ok(())
}

/// Gives up the own segments of a chain from a number on.
pub(crate) fn drop_from(
    tx: &Transaction<'_>,
    stream: StreamId,
    author: DeviceId,
    generation: Generation,
    first: u64,
) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segments SET state = ?5, reason = 'fork'
         WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first >= ?4 AND state IN ('frame', 'published')",
    )?
    .execute(params![stream.0, author.0, generation.0, int(first), State::Dropped.word()])?;
    Ok(())
}

/// The hub lacks what stood in a chain from a number on with this state: it is to be sent again. Gives their number.
pub(crate) fn reopen_from(
    tx: &Transaction<'_>,
    stream: StreamId,
    author: DeviceId,
    generation: Generation,
    first: u64,
    state: State,
) -> Result<usize> {
    let n = tx
        .prepare_cached(
            "UPDATE segments SET state = 'published', reason = NULL
             WHERE stream = ?1 AND author = ?2 AND generation = ?3 AND first >= ?4 AND state = ?5",
        )?
        .execute(params![stream.0, author.0, generation.0, int(first), state.word()])?;
    if n > 0 {
        tx.prepare_cached("UPDATE own_ops SET sent = 0 WHERE stream = ?1 AND generation = ?2 AND seq >= ?3")?
            .execute(params![stream.0, generation.0, int(first)])?;
    }
    Ok(n)
}

/// The hub is another than before: own chains of earlier generations, of which it says nothing, are sent again.
pub(crate) fn reopen_other_generations(tx: &Transaction<'_>, author: DeviceId, current: Generation) -> Result<()> {
    tx.prepare_cached(
        "UPDATE segments SET state = 'published' WHERE author = ?1 AND generation <> ?2 AND state = 'receipted'",
    )?
    .execute(params![author.0, current.0])?;
    tx.prepare_cached("UPDATE own_ops SET sent = 0 WHERE generation <> ?1")?.execute([current.0])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_segments_are_found_by_their_index() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(include_str!("../migrations/0001_records.sql")).unwrap();
        for (query, index) in [
            (format!("{COLUMNS} WHERE state = ?1 AND {OPEN}"), "segments_open"),
            (format!("SELECT 1 FROM segments WHERE state = 'waiting' AND {OPEN}"), "segments_open"),
            (format!("SELECT 1 FROM segments WHERE state IN ('frame', 'published') AND {OPEN}"), "segments_open"),
            (format!("{COLUMNS} WHERE hash = ?1 AND author = ?2"), "segments_hash"),
        ] {
            let mut plan = c.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let mut rows = plan.raw_query();
            let step: String = rows.next().unwrap().unwrap().get(3).unwrap();
            assert!(step.contains(index), "{query}: {step}");
        }
    }
}
