//! Walks resolved paths.
//!
//! Knows: steps over form nodes and lists. Refuses to know: names as text. Invariant: nodes come in document order, and
//! form nodes that are not relevant are left out. Start at [`Env::nodes`].

use super::{Env, Focus, Val, XNode};
use crate::model::{DocNode, Expr, Path, Start, Step};
use crate::num;
use crate::tree::Slot;

impl Env<'_> {
    pub(super) fn doc_node(&self, doc: u32, node: u32) -> Option<&DocNode> {
        self.form.docs.get(doc as usize)?.nodes.get(node as usize)
    }

    pub(crate) fn nodes(&mut self, path: &Path, focus: Focus) -> Vec<XNode> {
        let mut nodes = match &path.start {
            Start::Root => vec![XNode::Data(crate::tree::NodeId::ROOT)],
            Start::Context => vec![focus.context],
            Start::Current => vec![XNode::Data(focus.current)],
            Start::Doc(doc) => vec![XNode::Doc(*doc, 0)],
            Start::Expr(expr) => match self.eval(expr, focus) {
                Val::Nodes(nodes) => nodes,
                _ => Vec::new(),
            },
        };
        let whole = matches!(path.start, Start::Expr(_));
        for (at, step) in path.steps.iter().enumerate() {
            if !self.spend(nodes.len()) {
                return Vec::new();
            }
            nodes = match step {
                Step::Filter(predicate) => self.filter(predicate, &nodes, focus, whole && at == 0),
                Step::Nth(n) => {
                    let n = self.number_of(n, Focus::on(focus.current));
                    self.pick(n, &nodes)
                }
                _ => self.step(step, &nodes),
            };
        }
        if path.target.is_some() {
            nodes.retain(|n| !matches!(n, XNode::Data(id) if !self.tree.relevant(*id)));
        }
        nodes
    }

    fn step(&self, step: &Step, nodes: &[XNode]) -> Vec<XNode> {
        let mut out = Vec::new();
        for node in nodes {
            match (step, *node) {
                (Step::Parent, XNode::Data(id)) => {
                    let parent = self.tree.node(id).parent.map(XNode::Data);
                    out.extend(parent.filter(|p| out.last() != Some(p)));
                }
                (Step::Slot(slot), XNode::Data(id)) => match self.tree.node(id).slots.get(*slot as usize) {
                    Some(Slot::One(child)) => out.push(XNode::Data(*child)),
                    Some(Slot::Rows { rows, .. }) => out.extend(rows.iter().map(|r| XNode::Data(*r))),
                    None => {}
                },
                (Step::Parent, XNode::Doc(doc, at)) => {
                    let parent = self.doc_node(doc, at).map(|n| XNode::Doc(doc, n.parent));
                    out.extend(parent.filter(|p| out.last() != Some(p)));
                }
                (Step::Parent, XNode::Attribute(doc, at, _)) => out.push(XNode::Doc(doc, at)),
                (Step::Named(name), XNode::Doc(doc, at)) => {
                    let children = self.doc_node(doc, at).map_or(&[][..], |n| n.children.as_slice());
                    let named = children.iter().filter(|c| self.doc_node(doc, **c).is_some_and(|n| n.name == *name));
                    out.extend(named.map(|c| XNode::Doc(doc, *c)));
                }
                (Step::Any, XNode::Doc(doc, at)) => {
                    let children = self.doc_node(doc, at).map_or(&[][..], |n| n.children.as_slice());
                    out.extend(children.iter().map(|c| XNode::Doc(doc, *c)));
                }
                (Step::Attribute(name), XNode::Doc(doc, at)) => {
                    let attributes = self.doc_node(doc, at).map_or(&[][..], |n| n.attributes.as_slice());
                    let found = attributes.iter().position(|(sym, _)| sym == name);
                    out.extend(found.map(|i| XNode::Attribute(doc, at, num::index(i))));
                }
                _ => {}
            }
        }
        out
    }

    /// The nodes that share a parent, which is what positions in a predicate count.
    fn families(&self, nodes: &[XNode], whole: bool) -> Vec<Vec<XNode>> {
        if whole {
            return vec![nodes.to_vec()];
        }
        let mut families: Vec<(Option<XNode>, Vec<XNode>)> = Vec::new();
        for node in nodes {
            let parent = match *node {
                XNode::Data(id) => self.tree.node(id).parent.map(XNode::Data),
                XNode::Doc(doc, at) => self.doc_node(doc, at).map(|n| XNode::Doc(doc, n.parent)),
                XNode::Attribute(doc, at, _) => Some(XNode::Doc(doc, at)),
            };
            match families.last_mut() {
                Some((known, family)) if *known == parent => family.push(*node),
                _ => families.push((parent, vec![*node])),
            }
        }
        families.into_iter().map(|(_, family)| family).collect()
    }

    #[allow(clippy::float_cmp)] // positions are whole numbers
    fn filter(&mut self, predicate: &Expr, nodes: &[XNode], focus: Focus, whole: bool) -> Vec<XNode> {
        let mut out = Vec::new();
        for family in self.families(nodes, whole) {
            let size = family.len();
            for (at, node) in family.into_iter().enumerate() {
                let inner = Focus { current: focus.current, context: node, position: at + 1, size };
                let keep = match self.eval(predicate, inner) {
                    Val::Number(n) => n == num::count(at + 1),
                    other => other.truth(),
                };
                if keep {
                    out.push(node);
                }
            }
        }
        out
    }

    #[allow(clippy::float_cmp)] // positions are whole numbers
    fn pick(&self, n: f64, nodes: &[XNode]) -> Vec<XNode> {
        let nth = |family: Vec<XNode>| {
            family.into_iter().enumerate().find(|(at, _)| num::count(at + 1) == n).map(|(_, node)| node)
        };
        self.families(nodes, false).into_iter().filter_map(nth).collect()
    }

    /// Position of a node among its siblings of the same kind, from 1.
    pub(super) fn position_of(&self, node: XNode) -> usize {
        match node {
            XNode::Data(id) => {
                let row = self.tree.node(id);
                let slot = self.form.def(row.def).slot;
                let rows = row.parent.map_or(&[][..], |p| self.tree.rows(p, slot));
                rows.iter().position(|r| *r == id).unwrap_or(0) + 1
            }
            XNode::Doc(doc, at) => {
                let Some(own) = self.doc_node(doc, at) else {
                    return 1;
                };
                let siblings = self.doc_node(doc, own.parent).map_or(&[][..], |p| p.children.as_slice());
                let same = siblings.iter().filter(|s| self.doc_node(doc, **s).is_some_and(|n| n.name == own.name));
                same.take_while(|s| **s != at).count() + 1
            }
            XNode::Attribute(..) => 1,
        }
    }
}
