//! Keeping calculated values, relevances and offered choices up to date.
//!
//! Knows: the dependency order made at compile time. Refuses to know: what an answer meant. Invariant: an expression is
//! evaluated only when something it reads has changed, and at most once for each change. Start at [`Session::settle`].

use super::Session;
use crate::eval::{Env, Focus, Val};
use crate::form::Form;
use crate::input;
use crate::model::{DefId, Facet, Shape};
use crate::tree::NodeId;
use crate::value::{Kind, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most steps one change may take in all; beyond it the rest is left and reported as a problem. About a second on a slow
/// phone; the largest real form takes a few thousand.
const MAX_STEPS: u64 = 20_000_000;

impl Session {
    /// Queues every trigger on every node.
    pub(super) fn queue_all(&mut self) {
        self.queue_subtree(NodeId::ROOT);
    }

    /// Queues the triggers that belong to a node and everything below it.
    pub(super) fn queue_subtree(&mut self, node: NodeId) {
        let form = Arc::clone(&self.form);
        for id in self.tree.subtree(node) {
            for trigger in form.own.get(self.tree.node(id).def.ix()).into_iter().flatten() {
                self.queue.insert((*trigger, id));
            }
        }
    }

    /// Queues whoever reads this node's value.
    pub(super) fn touch(&mut self, node: NodeId) {
        let form = Arc::clone(&self.form);
        self.touch_as(&form, node, self.tree.node(node).def);
    }

    /// Queues whoever reads anything at or below this node.
    pub(super) fn touch_subtree(&mut self, node: NodeId) {
        let form = Arc::clone(&self.form);
        let def = self.tree.node(node).def;
        for below in def.0..form.def(def).end {
            self.touch_as(&form, node, DefId(below));
        }
    }

    /// Queues the readers of `read`, a definition at or below `node`.
    fn touch_as(&mut self, form: &Form, node: NodeId, read: DefId) {
        let own = self.tree.node(node).def;
        for used in form.uses.get(read.ix()).into_iter().flatten() {
            let Some(trigger) = form.triggers.get(used.trigger as usize) else {
                continue;
            };
            let from =
                if form.is_ancestor_or_self(used.anchor, own) { self.tree.ancestor(node, used.anchor) } else { node };
            for reader in self.tree.instances(form, from, trigger.def) {
                self.queue.insert((used.trigger, reader));
            }
        }
    }

    /// Evaluates what is queued until nothing is. Gives the nodes whose value or relevance changed.
    pub(super) fn settle(&mut self) -> BTreeSet<NodeId> {
        let form = Arc::clone(&self.form);
        let mut changed = BTreeSet::new();
        let limit = self.steps.saturating_add(MAX_STEPS);
        while let Some((at, node)) = self.queue.pop_first() {
            let Some(trigger) = form.triggers.get(at as usize).filter(|_| self.tree.node(node).alive) else {
                continue;
            };
            if self.steps >= limit {
                self.overrun.insert(node);
                self.queue.clear();
                break;
            }
            self.evaluations += 1;
            let is_changed = match trigger.facet {
                Facet::Relevant => self.relevance(&form, node),
                Facet::Calculate => self.calculation(&form, node),
                Facet::Choices => self.withdrawn(&form, node),
            };
            if is_changed {
                changed.insert(node);
            }
        }
        changed
    }

    fn relevance(&mut self, form: &Form, id: NodeId) -> bool {
        let Some(expr) = &form.def(self.tree.node(id).def).bind.relevant else {
            return false;
        };
        let relevant = self.with_env(id, |env| env.truth_of(expr, id));
        let Some(node) = self.tree.node_mut(id).filter(|n| n.own_relevant != relevant) else {
            return false;
        };
        node.own_relevant = relevant;
        self.touch_subtree(id);
        true
    }

    fn calculation(&mut self, form: &Form, id: NodeId) -> bool {
        let def = form.def(self.tree.node(id).def);
        let Some(expr) = def.bind.calculate.as_ref().filter(|_| def.shape == Shape::Leaf) else {
            return false;
        };
        let offset = self.context.offset_minutes;
        let text = self.with_env(id, |env| result_text(env, expr, id));
        let mut value = input::from_expression(def.kind, &text, offset);
        if let (Kind::Choice, Some(Value::Choice(code)), Some(field)) = (def.kind, &value, &def.field)
            && !field.choices.contains(code)
        {
            value = None;
        }
        self.replace(id, value)
    }

    /// Takes back chosen items that the list no longer offers.
    fn withdrawn(&mut self, form: &Form, id: NodeId) -> bool {
        let Some(value) = self.tree.node(id).value.clone() else {
            return false;
        };
        let offered = self.offered(id);
        let items = form.def(self.tree.node(id).def).choices.as_ref().map_or(&[][..], |c| c.items.as_slice());
        let is_offered = |code: &String| offered.iter().any(|at| items.get(*at).is_some_and(|i| i.value == *code));
        let kept = match value {
            Value::Choice(code) => Some(Value::Choice(code)).filter(|v| matches!(v, Value::Choice(c) if is_offered(c))),
            Value::Choices(set) => {
                let set: Vec<String> = set.into_iter().filter(|code| is_offered(code)).collect();
                (!set.is_empty()).then_some(Value::Choices(set))
            }
            other => Some(other),
        };
        self.replace(id, kept)
    }

    /// Stores a value and queues its readers if it is another one.
    pub(super) fn replace(&mut self, id: NodeId, value: Option<Value>) -> bool {
        let Some(node) = self.tree.node_mut(id).filter(|n| n.value != value) else {
            return false;
        };
        node.value = value;
        self.touch(id);
        true
    }

    /// Indices of the items a select offers now.
    pub(super) fn offered(&mut self, id: NodeId) -> Vec<usize> {
        let form = Arc::clone(&self.form);
        let Some(source) = &form.def(self.tree.node(id).def).choices else {
            return Vec::new();
        };
        match &source.filter {
            None => (0..source.items.len()).collect(),
            Some(filter) => {
                let nodes = self.with_env(id, |env| env.doc_nodes(&filter.path, Focus::on(id)));
                nodes.iter().filter_map(|n| filter.items.get(n)).map(|at| *at as usize).collect()
            }
        }
    }

    /// Runs the defaults for a new form.
    pub(super) fn first_load(&mut self) {
        let form = Arc::clone(&self.form);
        for set in form.set_values.iter().filter(|s| s.event.first_load) {
            for node in self.tree.instances(&form, NodeId::ROOT, set.target) {
                self.set_default(&form, node, &set.value);
            }
        }
    }

    /// Runs the defaults for a new row.
    pub(super) fn new_row(&mut self, row: NodeId) {
        let form = Arc::clone(&self.form);
        let repeat = self.tree.node(row).def;
        let inside = |target: DefId| form.is_ancestor_or_self(repeat, target);
        for set in form.set_values.iter().filter(|s| s.event.new_repeat && inside(s.target)) {
            for node in self.tree.instances(&form, row, set.target) {
                self.set_default(&form, node, &set.value);
            }
        }
    }

    fn set_default(&mut self, form: &Form, id: NodeId, expr: &crate::model::Expr) {
        let kind = form.def(self.tree.node(id).def).kind;
        let offset = self.context.offset_minutes;
        let text = self.with_env(id, |env| result_text(env, expr, id));
        if self.replace(id, input::from_expression(kind, &text, offset)) {
            self.settle();
        }
    }
}

/// Result of an expression as text to store; a number that is none is blank.
fn result_text(env: &mut Env<'_>, expr: &crate::model::Expr, node: NodeId) -> String {
    match env.eval(expr, Focus::on(node)) {
        Val::Number(n) if n.is_nan() => String::new(),
        other => env.text(&other),
    }
}
