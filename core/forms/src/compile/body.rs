//! Reads the body: questions, groups, repeats, and where choices come from.
//!
//! Knows: body elements. Refuses to know: binds and ids. Invariant: a node has at most one question; a repeat's wrapping
//! group is folded into the repeat. Start at [`read`].

use super::binds::{Tables, target};
use super::choices;
use super::report::Report;
use super::resolve::{Read, Resolver};
use super::xml::{self, JR};
use crate::errors::Fault;
use crate::model::{ChoiceSource, DefId, Event, Shape, Text, Ui, UiKind};
use crate::num;
use roxmltree::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// Most choices of all questions together.
const MAX_ITEMS: usize = 200_000;

/// How a node is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Input,
    SelectOne,
    SelectMany,
}

/// Everything read from the body.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) ui: Vec<Ui>,
    pub(super) top: Vec<u32>,
    pub(super) controls: HashMap<DefId, Control>,
    pub(super) choices: HashMap<DefId, Arc<ChoiceSource>>,
    pub(super) choice_reads: HashMap<DefId, Vec<Read>>,
    pub(super) set_values: Vec<RawSetValue>,
    items: usize,
}

/// A `setvalue` whose target is known.
#[derive(Debug)]
pub(super) struct RawSetValue {
    pub(super) target: DefId,
    pub(super) event: Event,
    pub(super) value: String,
    pub(super) offset: usize,
}

/// Paths of all `<repeat nodeset>` of a body, before anything else is read.
pub(super) fn repeat_paths(body: Node<'_, '_>) -> super::instance::RepeatPaths {
    let local = |part: &str| part.rsplit_once(':').map_or(part.to_owned(), |(_, l)| l.to_owned());
    body.descendants()
        .filter(|n| xml::is(*n, xml::XFORMS, "repeat"))
        .filter_map(|n| n.attribute("nodeset"))
        .map(|path| path.trim().split('/').map(local).collect::<Vec<_>>().join("/"))
        .collect()
}

struct Reader<'b, 't> {
    tables: &'b mut Tables<'t>,
    report: &'b mut Report,
    body: Body,
}

/// Reads the children of `<h:body>`.
pub(super) fn read(body: Node<'_, '_>, tables: &mut Tables<'_>, report: &mut Report) -> Body {
    let mut reader = Reader { tables, report, body: Body::default() };
    let top = xml::elements(body).filter_map(|child| reader.element(child)).collect();
    reader.body.top = top;
    reader.body
}

/// Reads a `setvalue` of the model or the body.
pub(super) fn set_value(node: Node<'_, '_>, tables: &Tables<'_>, report: &mut Report) -> Option<RawSetValue> {
    xml::known_attributes(node, &[(None, "ref"), (None, "bind"), (None, "event"), (None, "value")], report);
    let mut event = Event { first_load: false, new_repeat: false };
    let events = node.attributes().find(|a| a.name() == "event").map_or("", |a| a.value());
    for name in events.split_whitespace() {
        match name {
            "odk-instance-first-load" => event.first_load = true,
            "odk-new-repeat" => event.new_repeat = true,
            _ => report.add(
                xml::offset(node),
                Fault::Attribute,
                format!("setvalue on event {name} is not supported"),
                "Use a calculate, or a default for new forms and rows",
            ),
        }
    }
    let target = target(node, "ref", tables.defs, report)?;
    let attribute = xml::attribute(node, None, "value");
    let (value, offset) = match attribute {
        Some(a) => (a.value().to_owned(), xml::value_offset(&a)),
        // Text content is a plain text, not an expression.
        None => (format!("'{}'", xml::own_text(node).replace('\'', "’")), xml::offset(node)),
    };
    Some(RawSetValue { target, event, value, offset })
}

impl Reader<'_, '_> {
    fn element(&mut self, node: Node<'_, '_>) -> Option<u32> {
        match node.tag_name().name() {
            "input" => self.question(node, Control::Input),
            "select1" => self.question(node, Control::SelectOne),
            "select" => self.question(node, Control::SelectMany),
            "group" => self.group(node),
            "repeat" => self.repeat(node, node),
            "setvalue" => {
                let raw = set_value(node, self.tables, self.report);
                self.body.set_values.extend(raw);
                None
            }
            "label" | "hint" => None,
            _ => {
                xml::unknown_element(node, self.report);
                None
            }
        }
    }

    fn add(&mut self, ui: Ui) -> u32 {
        self.body.ui.push(ui);
        num::index(self.body.ui.len() - 1)
    }

    fn text(&mut self, node: Node<'_, '_>, name: &str, owner: DefId) -> Option<Arc<Text>> {
        let element = xml::elements(node).find(|n| xml::is(*n, xml::XFORMS, name))?;
        let mut resolver = Resolver::new(self.tables.defs, self.tables.docs, self.tables.names);
        self.tables.itext.element(element, owner, &mut resolver, self.report)
    }

    fn group(&mut self, node: Node<'_, '_>) -> Option<u32> {
        xml::known_attributes(node, &[(None, "ref"), (None, "appearance"), (None, "id")], self.report);
        let repeat = xml::elements(node).find(|n| xml::is(*n, xml::XFORMS, "repeat"));
        if let Some(repeat) = repeat {
            let same =
                node.attribute("ref").is_none_or(|r| Some(r.trim()) == repeat.attribute("nodeset").map(str::trim));
            let alone = xml::elements(node).all(|n| matches!(n.tag_name().name(), "label" | "repeat" | "hint"));
            if same && alone {
                return self.repeat(repeat, node);
            }
        }
        let def =
            if node.has_attribute("ref") { Some(target(node, "ref", self.tables.defs, self.report)?) } else { None };
        if def.is_some_and(|d| self.shape(d) != Some(Shape::Group)) {
            let what = "a <group> refers to something that is no group";
            self.report.add(xml::offset(node), Fault::Structure, what, "Point it at a group node");
            return None;
        }
        let appearance = node.attribute("appearance").unwrap_or("").to_owned();
        let kind = if has_word(&appearance, "field-list") { UiKind::FieldList } else { UiKind::Group };
        let label = self.text(node, "label", def.unwrap_or(DefId::ROOT));
        let children = xml::elements(node).filter_map(|child| self.element(child)).collect();
        Some(self.add(Ui { kind, def, children, label, hint: None, appearance, open: false }))
    }

    fn repeat(&mut self, node: Node<'_, '_>, wrapper: Node<'_, '_>) -> Option<u32> {
        let known = [(None, "nodeset"), (None, "appearance"), (Some(JR), "noAddRemove"), (None, "id")];
        xml::known_attributes(node, &known, self.report);
        let def = target(node, "nodeset", self.tables.defs, self.report)?;
        if !matches!(self.shape(def), Some(Shape::Repeat { .. })) {
            self.report.add(
                xml::offset(node),
                Fault::Structure,
                "a <repeat> has an odd nodeset",
                "Use the plain full path",
            );
            return None;
        }
        let appearance = [wrapper, node].map(|n| n.attribute("appearance").unwrap_or("")).join(" ").trim().to_owned();
        let label = self.text(wrapper, "label", def);
        let open = node.attribute((JR, "noAddRemove")).is_none_or(|v| v.trim() == "false()");
        let children = xml::elements(node).filter_map(|child| self.element(child)).collect();
        Some(self.add(Ui { kind: UiKind::Repeat, def: Some(def), children, label, hint: None, appearance, open }))
    }

    fn shape(&self, def: DefId) -> Option<Shape> {
        self.tables.defs.get(def.ix()).map(|d| d.shape)
    }

    fn question(&mut self, node: Node<'_, '_>, control: Control) -> Option<u32> {
        xml::known_attributes(node, &[(None, "ref"), (None, "appearance"), (None, "rows"), (None, "id")], self.report);
        let def = target(node, "ref", self.tables.defs, self.report)?;
        if self.shape(def) != Some(Shape::Leaf) {
            let what = "a question refers to a group or repeat";
            self.report.add(xml::offset(node), Fault::Structure, what, "Point it at a node without children");
            return None;
        }
        if self.body.controls.insert(def, control).is_some() {
            let what = "two questions refer to the same node";
            self.report.add(
                xml::offset(node),
                Fault::Structure,
                what,
                "Ask for a node once; show its value with an output",
            );
            return None;
        }
        for child in xml::elements(node) {
            let allowed = match child.tag_name().name() {
                "label" | "hint" | "help" => true,
                "item" | "itemset" => control != Control::Input,
                _ => false,
            };
            if !allowed {
                xml::unknown_element(child, self.report);
            }
        }
        if control != Control::Input {
            if self.body.items > MAX_ITEMS {
                self.report.add(
                    xml::offset(node),
                    Fault::TooLarge,
                    "the form has too many choices",
                    "Shorten the lists",
                );
                return None;
            }
            let list = choices::read(node, def, self.tables, self.report)?;
            self.body.items += list.source.items.len();
            self.body.choices.insert(def, Arc::new(list.source));
            if !list.reads.is_empty() {
                self.body.choice_reads.insert(def, list.reads);
            }
        }
        let (label, hint) = (self.text(node, "label", def), self.text(node, "hint", def));
        let appearance = node.attribute("appearance").unwrap_or("").to_owned();
        Some(self.add(Ui {
            kind: UiKind::Question,
            def: Some(def),
            children: Vec::new(),
            label,
            hint,
            appearance,
            open: false,
        }))
    }
}

/// Whether an appearance contains a word.
pub(crate) fn has_word(appearance: &str, word: &str) -> bool {
    appearance.split_whitespace().any(|w| w == word)
}
