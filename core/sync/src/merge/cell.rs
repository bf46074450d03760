//! One cell of a record: a multi-value register, or a set with observed removal.

use crate::id::OpId;
use crate::op::{Change, Value, Write};
use std::collections::{BTreeMap, BTreeSet};

/// A live write of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The op that wrote it.
    pub op: OpId,
    /// Claimed unix seconds of that op.
    pub seconds: i64,
    /// The value; `None` = taken back.
    pub value: Option<Value>,
}

/// All writes known of one cell. One op id has one write here: copies that differ are an author's fault, the home
/// stream's copy counts, and the cell is [`Cell::disputed`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    writes: Writes,
    replaced: BTreeSet<OpId>,
    disputed: bool,
}

/// The best copy of a write. The order decides which copy counts: home first, then any fixed order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    home: bool,
    write: Write,
    seconds: i64,
}

/// Writes by op id. Nearly every cell is written once, and a map of one entry would take ten times its room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Writes {
    #[default]
    None,
    One(OpId, Seen),
    /// Two or more.
    Many(BTreeMap<OpId, Seen>),
}

impl Writes {
    fn get_mut(&mut self, op: &OpId) -> Option<&mut Seen> {
        match self {
            Self::None => None,
            Self::One(held, seen) => (held == op).then_some(seen),
            Self::Many(writes) => writes.get_mut(op),
        }
    }

    /// Puts the first copy of a write.
    fn put(&mut self, op: OpId, seen: Seen) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(op, seen),
            Self::One(other, held) => Self::Many([(other, held), (op, seen)].into()),
            Self::Many(mut writes) => {
                writes.insert(op, seen);
                Self::Many(writes)
            }
        };
    }

    /// In the order of op ids.
    fn iter(&self) -> impl Iterator<Item = (&OpId, &Seen)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(op, seen) => (Some((op, seen)), None),
            Self::Many(writes) => (None, Some(writes.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl Cell {
    pub(super) fn add(&mut self, op: OpId, home: bool, seconds: i64, change: &Change) {
        // "Any other write": an op cannot make itself disappear.
        self.replaced.extend(change.replaces.iter().filter(|replaced| **replaced != op));
        self.see(op, Seen { home, write: change.write.clone(), seconds });
    }

    fn see(&mut self, op: OpId, seen: Seen) {
        let Some(held) = self.writes.get_mut(&op) else { return self.writes.put(op, seen) };
        self.disputed |= held.write != seen.write;
        if seen > *held {
            *held = seen;
        }
    }

    /// Live writes of the register with their values.
    fn registers(&self) -> impl Iterator<Item = (i64, OpId, Option<&Value>)> {
        self.writes.iter().filter_map(|(op, seen)| {
            let value = match &seen.write {
                Write::Clear => None,
                Write::Set(value) => Some(value),
                Write::Delta { .. } => return None,
            };
            (!self.replaced.contains(op)).then_some((seen.seconds, *op, value))
        })
    }

    /// The live writes, the one shown first at the front: latest by (claimed seconds, op id).
    pub fn live(&self) -> Vec<Live> {
        let mut live: Vec<Live> =
            self.registers().map(|(seconds, op, value)| Live { op, seconds, value: value.cloned() }).collect();
        live.sort_unstable_by_key(|write| std::cmp::Reverse((write.seconds, write.op)));
        live
    }

    /// The value shown first; `None` if there is none or it was taken back.
    pub fn value(&self) -> Option<&Value> {
        self.registers().max_by_key(|(seconds, op, _)| (*seconds, *op)).and_then(|(_, _, value)| value)
    }

    /// The value shown first among those that are not taken back: a row with such a value is there.
    pub fn present(&self) -> Option<&Value> {
        let kept = self.registers().filter(|(_, _, value)| value.is_some());
        kept.max_by_key(|(seconds, op, _)| (*seconds, *op)).and_then(|(_, _, value)| value)
    }

    /// Whether two or more different values are live. Equal values written twice are none.
    pub fn in_conflict(&self) -> bool {
        let mut values = self.registers().map(|(_, _, value)| value);
        values.next().is_some_and(|first| values.any(|value| value != first))
    }

    /// Op ids of the live writes, ascending: what a new write must name as replaced.
    pub fn heads(&self) -> Vec<OpId> {
        self.registers().map(|(_, op, _)| op).collect()
    }

    /// Members of the set: code → the ops whose add no known remove has seen.
    pub fn members(&self) -> BTreeMap<u64, Vec<OpId>> {
        let deltas = || {
            self.writes.iter().filter_map(|(op, seen)| match &seen.write {
                Write::Delta { adds, removes } => Some((*op, adds, removes)),
                _ => None,
            })
        };
        let removed: BTreeSet<(u64, OpId)> = deltas()
            .flat_map(|(_, _, removes)| removes.iter().flat_map(|(code, seen)| seen.iter().map(|op| (*code, *op))))
            .collect();
        let mut members: BTreeMap<u64, Vec<OpId>> = BTreeMap::new();
        for (op, adds, _) in deltas() {
            for code in adds.iter().filter(|code| !removed.contains(&(**code, op))) {
                let holders = members.entry(*code).or_default();
                if holders.last() != Some(&op) {
                    holders.push(op);
                }
            }
        }
        members
    }

    /// Whether two copies of one op wrote different things here.
    pub fn disputed(&self) -> bool {
        self.disputed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, Generation};

    #[test]
    fn a_cell_written_once_holds_no_map() {
        let change = Change { rows: Vec::new(), field: 1, replaces: Vec::new(), write: Write::Set(Value::Int(7)) };
        let (device, generation) = (DeviceId([1; 16]), Generation([2; 8]));
        let op = |counter| OpId { device, generation, counter, tag: [0; 4] };
        let mut cell = Cell::default();
        for home in [false, true] {
            cell.add(op(1), home, 0, &change);
            assert!(matches!(cell.writes, Writes::One(..)), "one write, however often it comes");
        }
        assert!(size_of::<Cell>() <= 160, "a page adds up millions of cells");
        cell.add(op(0), false, 0, &change);
        assert_eq!(cell.heads(), [op(0), op(1)]);
    }
}
