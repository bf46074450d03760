//! Projection: what of an op goes into a stream, and what should not have come (`docs/wire.md` §2, §6).
//!
//! Knows the schema's rule of admission and applies it. Refuses to know members and keys. Invariant: a projected op holds
//! no field that the clearance does not admit, and keeps the id, so that merge joins all projections. Start at [`project`].

use crate::op::Op;
use crate::schema::{Clearance, Schema};

/// The op as it goes into a stream of this clearance; `None` if nothing is left to say there.
///
/// An op that creates its record is kept even without changes: it says that the record exists. Routes go only into the
/// home stream. A home stream whose clearance is too low loses fields: ask [`stray_fields`] first.
pub fn project(op: &Op, schema: &Schema, clearance: Clearance, home: bool) -> Option<Op> {
    let admitted = op.changes.iter().filter(|change| schema.admits(change.field, clearance));
    let changes: Vec<_> = admitted.cloned().collect();
    let routes = if home { op.routes.clone() } else { Vec::new() };
    let says_something = op.creates || !changes.is_empty() || !routes.is_empty();
    says_something.then_some(Op {
        id: op.id,
        record: op.record,
        schema: op.schema,
        creates: op.creates,
        anchored: op.anchored,
        seconds: op.seconds,
        routes,
        changes,
    })
}

/// The fields of an op that a stream of this clearance does not admit, ascending. A reader hides them and says so.
pub fn stray_fields(op: &Op, schema: &Schema, clearance: Clearance) -> Vec<u32> {
    let strays = op.changes.iter().filter(|change| !schema.admits(change.field, clearance));
    let mut fields: Vec<u32> = strays.map(|change| change.field).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}
