//! The answers of one session as a tree of nodes.
//!
//! Knows: where nodes stand, their values, whether they are relevant. Refuses to know: expressions and rules.
//! Invariant: every live node's place follows its definition; removed rows are dead for good. Start at [`Tree`].

use crate::form::Form;
use crate::input;
use crate::model::{DefId, Shape};
use crate::num;
use crate::value::{FieldRef, RowId, Value};

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) const ROOT: Self = Self(0);
}

/// What stands at one of a node's child positions.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    One(NodeId),
    /// A repeat: `range` stands for the repeat as a whole and has no children.
    Rows {
        range: NodeId,
        rows: Vec<NodeId>,
    },
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) def: DefId,
    pub(crate) parent: Option<NodeId>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) value: Option<Value>,
    /// Present on rows.
    pub(crate) row: Option<RowId>,
    /// Result of the node's own `relevant`, ancestors not counted.
    pub(crate) own_relevant: bool,
    pub(crate) alive: bool,
}

/// All nodes of a session.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

/// Most nodes a session may hold.
const MAX_NODES: usize = 200_000;

/// What building nodes needs to know.
pub(crate) struct Builder<'a> {
    pub(crate) form: &'a Form,
    pub(crate) offset_minutes: i16,
    /// Whether repeats get the rows a new session starts with.
    pub(crate) initial_rows: bool,
    pub(crate) rng: &'a mut (dyn FnMut() -> [u8; 8] + Send),
}

impl Tree {
    pub(crate) fn new(builder: &mut Builder<'_>) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        tree.build(builder, DefId::ROOT, None, None);
        tree
    }

    /// The node at an index. Indices come from this tree only; the root stands in for a stray one.
    #[allow(clippy::indexing_slicing)] // a tree has a root
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&self.nodes[0])
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0 as usize)
    }

    fn build(
        &mut self,
        builder: &mut Builder<'_>,
        def_id: DefId,
        parent: Option<NodeId>,
        row: Option<RowId>,
    ) -> NodeId {
        let id = NodeId(num::index(self.nodes.len()));
        let def = builder.form.def(def_id);
        let value = input::from_expression(def.kind, &def.default, builder.offset_minutes);
        let value = value.filter(|_| def.shape == Shape::Leaf);
        self.nodes.push(Node { def: def_id, parent, slots: Vec::new(), value, row, own_relevant: true, alive: true });
        let mut slots = Vec::with_capacity(def.children.len());
        for child in &def.children {
            slots.push(match builder.form.def(*child).shape {
                Shape::Repeat { initial } => {
                    let range = self.range(*child, id);
                    let count = if builder.initial_rows { initial } else { 0 };
                    let rows = (0..count).map(|_| {
                        let row = RowId((builder.rng)());
                        self.build(builder, *child, Some(id), Some(row))
                    });
                    Slot::Rows { range, rows: rows.collect() }
                }
                _ => Slot::One(self.build(builder, *child, Some(id), None)),
            });
        }
        if let Some(node) = self.node_mut(id) {
            node.slots = slots;
        }
        id
    }

    fn range(&mut self, def: DefId, parent: NodeId) -> NodeId {
        let id = NodeId(num::index(self.nodes.len()));
        let parent = Some(parent);
        self.nodes.push(Node {
            def,
            parent,
            slots: Vec::new(),
            value: None,
            row: None,
            own_relevant: true,
            alive: true,
        });
        id
    }

    /// Adds a row at the end of a repeat. `None` when the session is full.
    pub(crate) fn add_row(
        &mut self,
        builder: &mut Builder<'_>,
        parent: NodeId,
        repeat: DefId,
        row: RowId,
    ) -> Option<NodeId> {
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let slot = builder.form.def(repeat).slot;
        let id = self.build(builder, repeat, Some(parent), Some(row));
        match self.node_mut(parent)?.slots.get_mut(slot as usize)? {
            Slot::Rows { rows, .. } => rows.push(id),
            Slot::One(_) => return None,
        }
        Some(id)
    }

    /// Takes a row out of its repeat; its nodes are dead from now on.
    pub(crate) fn remove_row(&mut self, form: &Form, row: NodeId) {
        let (def, parent) = (self.node(row).def, self.node(row).parent);
        if let Some(parent) = parent.and_then(|p| self.node_mut(p))
            && let Some(Slot::Rows { rows, .. }) = parent.slots.get_mut(form.def(def).slot as usize)
        {
            rows.retain(|r| *r != row);
        }
        for id in self.subtree(row) {
            if let Some(node) = self.node_mut(id) {
                node.alive = false;
            }
        }
    }

    /// A node and everything below it in document order, ranges included (before their rows).
    pub(crate) fn subtree(&self, id: NodeId) -> Vec<NodeId> {
        let mut all = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            all.push(id);
            for slot in self.node(id).slots.iter().rev() {
                match slot {
                    Slot::One(child) => open.push(*child),
                    Slot::Rows { range, rows } => {
                        open.extend(rows.iter().rev());
                        open.push(*range);
                    }
                }
            }
        }
        all
    }

    pub(crate) fn rows(&self, parent: NodeId, slot: u32) -> &[NodeId] {
        match self.node(parent).slots.get(slot as usize) {
            Some(Slot::Rows { rows, .. }) => rows,
            _ => &[],
        }
    }

    /// Whether a node and everything around it is relevant.
    pub(crate) fn relevant(&self, id: NodeId) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id);
            if !node.own_relevant || !node.alive {
                return false;
            }
            at = node.parent;
        }
        true
    }

    /// The nearest node at or around `id` with this definition, or the root.
    pub(crate) fn ancestor(&self, id: NodeId, def: DefId) -> NodeId {
        let mut at = id;
        while self.node(at).def != def {
            match self.node(at).parent {
                Some(parent) => at = parent,
                None => return NodeId::ROOT,
            }
        }
        at
    }

    /// Every node of `def` at or below `from`; the range too if `def` is a repeat.
    pub(crate) fn instances(&self, form: &Form, from: NodeId, def: DefId) -> Vec<NodeId> {
        let start = self.node(from).def;
        if start == def {
            return vec![from];
        }
        let mut found = vec![from];
        for step in form.chain(def).into_iter().filter(|d| *d != start && form.is_ancestor_or_self(start, *d)) {
            let slot = form.def(step).slot as usize;
            let mut next = Vec::new();
            for id in found {
                match self.node(id).slots.get(slot) {
                    Some(Slot::One(child)) => next.push(*child),
                    Some(Slot::Rows { range, rows }) => {
                        if step == def {
                            next.push(*range);
                        }
                        next.extend(rows);
                    }
                    None => {}
                }
            }
            found = next;
        }
        found
    }

    /// The address of a field's node or of a row.
    pub(crate) fn reference(&self, form: &Form, id: NodeId) -> Option<FieldRef> {
        let field = form.def(self.node(id).def).field.as_ref()?.id;
        let mut rows = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id);
            rows.extend(node.row);
            at = node.parent;
        }
        rows.reverse();
        Some(FieldRef { field, rows })
    }

    /// The node at an address: a leaf, a row, or a repeat's range when `rows` ends before it.
    pub(crate) fn find(&self, form: &Form, at: &FieldRef) -> Option<NodeId> {
        let target = *form.by_id.get(&at.field)?;
        let mut ids = at.rows.iter();
        let mut node = NodeId::ROOT;
        for def in form.chain(target) {
            node = match self.node(node).slots.get(form.def(def).slot as usize)? {
                Slot::One(child) => *child,
                Slot::Rows { range, rows } => match ids.next() {
                    Some(id) => *rows.iter().find(|r| self.node(**r).row == Some(*id))?,
                    None if def == target => *range,
                    None => return None,
                },
            };
        }
        ids.next().is_none().then_some(node)
    }
}
