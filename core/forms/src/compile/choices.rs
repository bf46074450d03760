//! Reads the choices of a select: items written out, or a list in a secondary instance.
//!
//! Knows: `<item>`, `<itemset>`. Refuses to know: which of them are offered at run time. Invariant: every item the list
//! can ever offer is known at compile time, because codes are numbered. Start at [`read`].

use super::binds::Tables;
use super::itext::itext_id;
use super::report::Report;
use super::resolve::{Place, Read, Resolver};
use super::xml;
use crate::errors::Fault;
use crate::model::{ChoiceSource, DefId, Doc, Expr, Filtered, Item, Part, Path, Start, Step, Sym, Text};
use crate::num;
use roxmltree::{Attribute, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// A list, and the form nodes its predicates read.
pub(super) struct List {
    pub(super) source: ChoiceSource,
    pub(super) reads: Vec<Read>,
}

/// Reads the choices of a select element.
pub(super) fn read(select: Node<'_, '_>, owner: DefId, tables: &mut Tables<'_>, report: &mut Report) -> Option<List> {
    let itemset = xml::elements(select).find(|n| n.tag_name().name() == "itemset");
    let list = match itemset {
        Some(itemset) => from_itemset(itemset, owner, tables, report)?,
        None => List {
            source: ChoiceSource { items: written(select, owner, tables, report), filter: None },
            reads: Vec::new(),
        },
    };
    let mut seen = std::collections::HashSet::new();
    for item in &list.source.items {
        if item.value.is_empty() || item.value.contains([' ', '\t', '\n', ',']) {
            let what = "a choice has an empty value, or one with a space or comma";
            report.add(xml::offset(select), Fault::Structure, what, "Use short codes of letters, digits, - and _");
        }
        // Filtered lists may offer one code below several parents, such as `other`.
        if !seen.insert(&item.value) && list.source.filter.is_none() {
            let what = format!("the choice {} stands twice in one list", item.value);
            report.add(xml::offset(select), Fault::Structure, what, "Give each choice its own code");
        }
    }
    if list.source.items.is_empty() {
        report.add(xml::offset(select), Fault::Structure, "a select has no choices", "Add items or a list");
    }
    Some(list)
}

fn written(select: Node<'_, '_>, owner: DefId, tables: &mut Tables<'_>, report: &mut Report) -> Vec<Item> {
    let mut items = Vec::new();
    for item in xml::elements(select).filter(|n| n.tag_name().name() == "item") {
        let value = xml::elements(item).find(|n| n.tag_name().name() == "value").map_or(String::new(), xml::own_text);
        let label = xml::elements(item).find(|n| n.tag_name().name() == "label");
        let mut resolver = Resolver::new(tables.defs, tables.docs, tables.names);
        let label = label.and_then(|l| tables.itext.element(l, owner, &mut resolver, report));
        let value = value.trim().to_owned();
        items.push(Item { label: label.unwrap_or_else(|| plain(&value)), value });
    }
    items
}

fn plain(text: &str) -> Arc<Text> {
    Arc::new(Text { languages: vec![Some(vec![Part::Plain(text.to_owned())])] })
}

/// Which child of an item holds what.
struct Refs {
    value: Sym,
    label: Option<Sym>,
    /// The label is the id of a translated text.
    translated: bool,
}

fn from_itemset(itemset: Node<'_, '_>, owner: DefId, tables: &mut Tables<'_>, report: &mut Report) -> Option<List> {
    xml::known_attributes(itemset, &[(None, "nodeset")], report);
    let nodeset = xml::attribute(itemset, None, "nodeset");
    let offset = nodeset.as_ref().map_or(xml::offset(itemset), xml::value_offset);
    let text = nodeset.as_ref().map_or("", Attribute::value);
    let mut resolver = Resolver::new(tables.defs, tables.docs, tables.names);
    let itemset_path = resolver.resolve(text, owner, offset).map_err(|refusal| report.push(refusal)).ok()?;
    let (Place::Doc(at), Expr::Path(path)) = (itemset_path.place, &itemset_path.expr) else {
        let what = "choices come from something that is not a list inside the form";
        let advice = "Put the list into a secondary instance; answers and repeats cannot be choices";
        report.add(offset, Fault::ExternalData, what, advice);
        return None;
    };
    let refs = refs(itemset, tables, report)?;
    let doc = tables.docs.get(at as usize)?;
    let nodes = all_nodes(path, doc);
    let mut source = ChoiceSource { items: Vec::new(), filter: None };
    let mut by_node = HashMap::new();
    for node in nodes {
        let value = child_text(doc, node, refs.value).trim().to_owned();
        let label = refs.label.map_or("", |sym| child_text(doc, node, sym)).trim().to_owned();
        let label = if refs.translated {
            let mut resolver = Resolver::new(tables.defs, tables.docs, tables.names);
            tables.itext.text(&label, owner, &mut resolver, report)
        } else {
            (!label.is_empty()).then(|| plain(&label))
        };
        by_node.insert(node, num::index(source.items.len()));
        source.items.push(Item { label: label.unwrap_or_else(|| plain(&value)), value });
    }
    let filtered = path.steps.iter().any(|s| matches!(s, Step::Filter(_)));
    if filtered {
        source.filter = Some(Filtered { path: itemset_path.expr, items: by_node });
    }
    Some(List { source, reads: itemset_path.reads })
}

fn refs(itemset: Node<'_, '_>, tables: &mut Tables<'_>, report: &mut Report) -> Option<Refs> {
    let mut value = None;
    let mut label = None;
    let mut translated = false;
    for child in xml::elements(itemset) {
        let reference = child.attribute("ref").unwrap_or("").trim();
        let inner = reference.strip_prefix("jr:itext(").and_then(|r| r.strip_suffix(')')).map(str::trim);
        let name = inner.unwrap_or(reference);
        let simple = !name.is_empty() && itext_id(reference).is_none() && !name.contains(['/', '(', '[', '\'']);
        match (child.tag_name().name(), simple) {
            ("value", true) if inner.is_none() => value = Some(tables.names.intern(name)),
            ("label", true) => {
                label = Some(tables.names.intern(name));
                translated = inner.is_some();
            }
            ("value" | "label", _) => {
                let what = "the value or label of an itemset is not the name of an item's child";
                report.add(
                    xml::offset(child),
                    Fault::Structure,
                    what,
                    "Use the child's name, or jr:itext(name) for a label",
                );
            }
            _ => xml::unknown_element(child, report),
        }
    }
    if value.is_none() {
        report.add(xml::offset(itemset), Fault::Structure, "an itemset has no value", "Add <value ref=\"name\"/>");
    }
    Some(Refs { value: value?, label, translated })
}

/// The nodes a path in a list leads to when every predicate lets everything through.
fn all_nodes(path: &Path, doc: &Doc) -> Vec<u32> {
    if !matches!(path.start, Start::Doc(_)) {
        return Vec::new();
    }
    let mut nodes = vec![0u32];
    for step in &path.steps {
        let children = |n: &u32| doc.nodes.get(*n as usize).map_or(&[][..], |d| d.children.as_slice());
        match step {
            Step::Named(sym) => {
                let named = |c: &&u32| doc.nodes.get(**c as usize).is_some_and(|d| d.name == *sym);
                nodes = nodes.iter().flat_map(|n| children(n).iter().filter(named).copied()).collect();
            }
            Step::Any => nodes = nodes.iter().flat_map(|n| children(n).iter().copied()).collect(),
            _ => {}
        }
    }
    nodes
}

fn child_text(doc: &Doc, node: u32, name: Sym) -> &str {
    let children = doc.nodes.get(node as usize).map_or(&[][..], |d| d.children.as_slice());
    children.iter().filter_map(|c| doc.nodes.get(*c as usize)).find(|d| d.name == name).map_or("", |d| d.text.as_str())
}
