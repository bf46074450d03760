//! Comparison of values. Source: XPath 1.0 §3.4.
//!
//! Knows: the conversion rules. Refuses to know: where values come from. Invariant: a comparison with a blank where a
//! number is due is false. Start at [`Env::compare`].

use super::{Env, Val};
use crate::xpath::Op;

impl Env<'_> {
    pub(super) fn compare(&self, op: Op, left: &Val, right: &Val) -> bool {
        match (left, right) {
            (Val::Bool(_), _) | (_, Val::Bool(_)) if matches!(op, Op::Eq | Op::Ne) => {
                (left.truth() == right.truth()) == (op == Op::Eq)
            }
            (Val::Nodes(a), Val::Nodes(b)) => {
                let b: Vec<Val> = b.iter().map(|n| Val::Text(self.node_text(*n))).collect();
                a.iter().map(|n| Val::Text(self.node_text(*n))).any(|a| b.iter().any(|b| self.single(op, &a, b)))
            }
            (Val::Nodes(a), other) => a.iter().any(|n| self.single(op, &Val::Text(self.node_text(*n)), other)),
            (other, Val::Nodes(b)) => b.iter().any(|n| self.single(op, other, &Val::Text(self.node_text(*n)))),
            _ => self.single(op, left, right),
        }
    }

    #[allow(clippy::float_cmp)] // XPath compares numbers exactly
    fn single(&self, op: Op, left: &Val, right: &Val) -> bool {
        if let (Val::Text(a), Val::Text(b), Op::Eq | Op::Ne) = (left, right, op) {
            return (a == b) == (op == Op::Eq);
        }
        let (a, b) = (self.number(left), self.number(right));
        match op {
            Op::Eq => a == b,
            Op::Ne => a != b,
            Op::Lt => a < b,
            Op::Le => a <= b,
            Op::Gt => a > b,
            _ => a >= b,
        }
    }
}
