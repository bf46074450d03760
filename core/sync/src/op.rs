//! Ops: one change to a record by one device.
//!
//! Knows the shape of an op and its caps. Refuses to know schemas, streams' keys and what a value means; typed values are
//! in [`crate::schema::value`]. Invariant kept by [`Op::check`]: an op that may be encoded decodes again to the same op. `Debug`
//! shows sizes, never content. Start at [`Op`].

use crate::codes::codes;
use crate::error::{Malformed, Result};
use crate::id::{OpId, RecordId, RowId, SchemaId, StreamId};
use crate::schema::ROW_DEPTH_MAX;
use std::fmt;

/// Most changes in an op (`docs/wire.md` §9).
pub const CHANGES_MAX: usize = 4096;
/// Most bytes of one coded text or raw value (`docs/wire.md` §9).
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// A value as it travels; its meaning is the field's kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Whole number, coded choice, day, second of day, yes or no, order key.
    Int(i64),
    /// Text; decimals; a choice outside its list.
    Text(String),
    /// Bytes without a further meaning here.
    Raw(Vec<u8>),
    /// A moment.
    Instant {
        /// Unix seconds.
        seconds: i64,
        /// Offset from UTC in minutes, east positive.
        offset_minutes: i64,
    },
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(_) => f.write_str("Int(…)"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Raw(raw) => write!(f, "Raw({} bytes)", raw.len()),
            Self::Instant { .. } => f.write_str("Instant(…)"),
        }
    }
}

/// What a change does to its cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Write {
    /// The answer is taken back; for a row: it is removed.
    Clear,
    /// The register's new value.
    Set(Value),
    /// Members added to a set, and members removed with the adds that were seen.
    Delta {
        /// Codes added.
        adds: Vec<u64>,
        /// Codes removed, each with the ops whose add was seen.
        removes: Vec<(u64, Vec<OpId>)>,
    },
}

/// One change: what is written to one cell of the record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// Rows around the cell, outermost first; for a repeat's own field the row itself last.
    pub rows: Vec<RowId>,
    /// Number of the field.
    pub field: u32,
    /// Writes that this one replaces. Empty in an op that creates its record, and for [`Write::Delta`].
    pub replaces: Vec<OpId>,
    /// What is written.
    pub write: Write,
}

impl Change {
    /// Order of changes in an op: shorter paths first, then by path, then by field.
    pub(crate) fn place(&self) -> (usize, &[RowId], u32) {
        (self.rows.len(), &self.rows, self.field)
    }

    /// Every op that the change names: as replaced, or as seen by a removal.
    fn names(&self) -> impl Iterator<Item = &OpId> {
        let removes = if let Write::Delta { removes, .. } = &self.write { removes.as_slice() } else { &[] };
        self.replaces.iter().chain(removes.iter().flat_map(|(_, seen)| seen))
    }
}

codes!(
    /// What a stream is to a record.
    Role {
        /// Holds the record whole.
        Home = 0,
        /// Holds the fields its clearance admits, under the same record id.
        Projection = 1,
        /// An open stream that holds facts under another record id.
        Alias = 2,
    }
);

/// A stream the record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The stream.
    pub stream: StreamId,
    /// What it is to the record.
    pub role: Role,
}

/// One change to a record by one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its name, the same in all projections. `id.device` is the author of the segment.
    pub id: OpId,
    /// The record changed.
    pub record: RecordId,
    /// Schema the changes are written in.
    pub schema: SchemaId,
    /// Whether this op creates the record.
    pub creates: bool,
    /// Whether the clock had been anchored to hub time.
    pub anchored: bool,
    /// Claimed unix seconds.
    pub seconds: i64,
    /// Streams the record goes to; in the home stream only, and only when they are set.
    pub routes: Vec<Route>,
    /// What is changed, in the order of [`Op::sort`].
    pub changes: Vec<Change>,
}

impl Op {
    /// Puts the changes into their canonical order: shorter row paths first, then by path, then by field.
    pub fn sort(&mut self) {
        self.changes.sort_by(|a, b| a.place().cmp(&b.place()));
    }

    /// Checks what `docs/wire.md` §5 and §9 ask of one op.
    ///
    /// # Errors
    /// [`Malformed`] with the rule that is broken: changes out of order, twice for a cell or over a cap; replaced writes
    /// where none can be named; field number 0; a counter of 2^63 or more, its own or of an op that it names.
    pub fn check(&self) -> Result<()> {
        if self.changes.len() > CHANGES_MAX {
            return Err(Malformed("too many changes in an op").into());
        }
        if !self.changes.array_windows().all(|[a, b]| a.place() < b.place()) {
            return Err(Malformed("changes not in ascending order").into());
        }
        let named = self.changes.iter().flat_map(Change::names);
        if std::iter::once(&self.id).chain(named).any(|id| i64::try_from(id.counter).is_err()) {
            return Err(Malformed("counter too large").into());
        }
        for change in &self.changes {
            if change.field == 0 {
                return Err(Malformed("field number 0").into());
            }
            if change.rows.len() > ROW_DEPTH_MAX {
                return Err(Malformed("rows nested too deep").into());
            }
            let names_none = self.creates || matches!(change.write, Write::Delta { .. });
            if names_none && !change.replaces.is_empty() {
                return Err(Malformed("replaced writes where none can be named").into());
            }
        }
        Ok(())
    }
}
