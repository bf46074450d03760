//! Reads the instances: the form's own nodes, and the lists beside it.
//!
//! Knows: instance elements, repeat templates. Refuses to know: binds and questions.
//! Invariant: definitions come out in pre-order; siblings have different names. Start at [`primary`].

use super::names::Names;
use super::report::Report;
use super::xml;
use crate::errors::Fault;
use crate::model::{Bind, Def, DefId, Doc, DocNode, Shape};
use crate::num;
use crate::value::Kind;
use roxmltree::Node;
use std::collections::{HashMap, HashSet};

/// Most nodes a form may define.
const MAX_DEFS: usize = 8_000;

/// Absolute paths (as written, e.g. `/data/visit`) of the nodes the body repeats.
pub(super) type RepeatPaths = HashSet<String>;

struct Reader<'r> {
    repeats: &'r RepeatPaths,
    defs: Vec<Def>,
    report: &'r mut Report,
}

/// Reads the primary instance below its root element.
pub(super) fn primary(root: Node<'_, '_>, repeats: &RepeatPaths, report: &mut Report) -> Vec<Def> {
    let mut reader = Reader { repeats, defs: Vec::new(), report };
    let written = format!("/{}", root.tag_name().name());
    reader.read(root, None, &written, 1);
    reader.defs
}

impl Reader<'_> {
    /// Reads `node` and its subtree; `written` is its path with the root, `rows` how many instances it starts with.
    fn read(&mut self, node: Node<'_, '_>, parent: Option<DefId>, written: &str, rows: u32) -> DefId {
        let id = DefId(num::index(self.defs.len()));
        let (path, depth) = parent
            .and_then(|p| self.defs.get(p.ix()))
            .map_or((String::new(), 0), |p| (format!("{}/{}", p.path, node.tag_name().name()), p.depth + 1));
        let has_children = xml::elements(node).next().is_some();
        let shape = if self.repeats.contains(written) {
            Shape::Repeat { initial: rows }
        } else if has_children || parent.is_none() {
            Shape::Group
        } else {
            Shape::Leaf
        };
        let kind = if matches!(shape, Shape::Repeat { .. }) { Kind::Repeat } else { Kind::Text };
        self.defs.push(Def {
            name: node.tag_name().name().to_owned(),
            path,
            parent,
            slot: 0,
            children: Vec::new(),
            end: id.0 + 1,
            depth,
            shape,
            default: if shape == Shape::Leaf { xml::own_text(node).trim().to_owned() } else { String::new() },
            bind: Bind::default(),
            kind,
            field: None,
            choices: None,
            label: None,
            offset: xml::offset(node),
        });
        if self.defs.len() > MAX_DEFS {
            self.report.add(xml::offset(node), Fault::TooLarge, "the form has too many nodes", "Split the form");
            return id;
        }
        self.check_node(node, parent);
        self.children(node, id, written);
        let end = num::index(self.defs.len());
        if let Some(def) = self.defs.get_mut(id.ix()) {
            def.end = end;
        }
        id
    }

    fn check_node(&mut self, node: Node<'_, '_>, parent: Option<DefId>) {
        let known: &[(Option<&str>, &str)] = match parent {
            None => &[
                (None, "id"),
                (None, "version"),
                (Some(xml::ODK), "prefix"),
                (Some(xml::ODK), "delimiter"),
                (Some(xml::ORX), "version"),
                (Some(xml::JR), "version"),
                (None, "uiVersion"),
                (None, "name"),
            ],
            Some(_) => &[(Some(xml::JR), "template")],
        };
        xml::known_attributes(node, known, self.report);
    }

    fn children(&mut self, node: Node<'_, '_>, id: DefId, written: &str) {
        let mut seen: Vec<DefId> = Vec::new();
        for twins in same_named(node) {
            let Some(child) = twins.first().copied().filter(|_| self.defs.len() <= MAX_DEFS) else { continue };
            let path = format!("{written}/{}", child.tag_name().name());
            let is_repeat = self.repeats.contains(&path);
            let rows = twins.iter().filter(|c| !is_template(**c)).count();
            let odd = twins.iter().skip(1).find(|c| !is_repeat || shape_text(**c) != shape_text(child));
            if let Some(odd) = odd {
                self.report.add(
                    xml::offset(*odd),
                    Fault::Structure,
                    format!("node {path} stands twice with different content, or twice without being repeated"),
                    "Give each node its own name; rows of a repeat must all start like its template",
                );
            }
            let child_id = self.read(child, Some(id), &path, num::index(rows));
            if let Some(def) = self.defs.get_mut(child_id.ix()) {
                def.slot = num::index(seen.len());
            }
            seen.push(child_id);
        }
        if let Some(def) = self.defs.get_mut(id.ix()) {
            def.children = seen;
        }
    }
}

/// The children of a node, those of one name together, in the order in which names first come.
fn same_named<'a, 'i>(node: Node<'a, 'i>) -> Vec<Vec<Node<'a, 'i>>> {
    let mut groups: Vec<Vec<Node<'a, 'i>>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for child in xml::elements(node) {
        let at = *places.entry(child.tag_name().name()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(child),
            None => groups.push(vec![child]),
        }
    }
    groups
}

fn is_template(node: Node<'_, '_>) -> bool {
    xml::attribute(node, Some(xml::JR), "template").is_some()
}

/// Names and texts below a node, to compare a row with its template.
fn shape_text(node: Node<'_, '_>) -> Vec<String> {
    node.descendants()
        .skip(1)
        .filter(Node::is_element)
        .map(|n| format!("{}={}", n.tag_name().name(), xml::own_text(n).trim()))
        .collect()
}

/// Reads a secondary instance.
pub(super) fn secondary(instance: Node<'_, '_>, id: &str, names: &mut Names) -> Doc {
    let mut doc = Doc { id: id.to_owned(), nodes: Vec::new() };
    copy(instance, 0, names, &mut doc.nodes);
    doc
}

fn copy(node: Node<'_, '_>, parent: u32, names: &mut Names, nodes: &mut Vec<DocNode>) -> u32 {
    let id = num::index(nodes.len());
    let attributes = node.attributes().map(|a| (names.intern(a.name()), a.value().to_owned())).collect();
    let leaf = xml::elements(node).next().is_none();
    nodes.push(DocNode {
        name: names.intern(node.tag_name().name()),
        parent,
        children: Vec::new(),
        text: if leaf { xml::own_text(node) } else { String::new() },
        attributes,
    });
    let children: Vec<u32> = xml::elements(node).map(|child| copy(child, id, names, nodes)).collect();
    if let Some(own) = nodes.get_mut(id as usize) {
        own.children = children;
    }
    id
}
