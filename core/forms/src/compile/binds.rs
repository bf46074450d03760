//! Reads the binds: types, rules, messages, classes.
//!
//! Knows: bind attributes. Refuses to know: questions and ids. Invariant: each node has at most one bind, and what a
//! bind says is stored on its node only after every expression in it resolved. Start at [`read`].

use super::itext::Itext;
use super::names::Names;
use super::report::Report;
use super::resolve::{Read, Resolver};
use super::xml::{self, JR, SAMANVAY};
use crate::errors::Fault;
use crate::model::{Bind, Def, DefId, Doc, Expr, Facet, Preload, Secrecy};
use crate::value::Class;
use roxmltree::{Attribute, Node};
use std::collections::HashMap;

/// What a bind says that is not kept in the definition itself.
#[derive(Debug)]
pub(super) struct BindFacts {
    pub(super) secrecy: Secrecy,
    /// Type as written; empty when none is.
    pub(super) type_name: String,
    /// `readonly="true()"`, known without evaluating.
    pub(super) always_readonly: bool,
    pub(super) offset: usize,
}

impl Default for BindFacts {
    fn default() -> Self {
        let secrecy = Secrecy { class: Class::Unset, coarse: false, waived: false };
        Self { secrecy, type_name: String::new(), always_readonly: false, offset: 0 }
    }
}

/// Everything read from binds.
#[derive(Debug, Default)]
pub(super) struct Binds {
    pub(super) facts: HashMap<DefId, BindFacts>,
    pub(super) rules: Vec<(DefId, Bind)>,
    pub(super) reads: HashMap<(DefId, Facet), Vec<Read>>,
}

/// What binds are read against.
pub(super) struct Tables<'a> {
    pub(super) defs: &'a [Def],
    pub(super) docs: &'a [Doc],
    pub(super) names: &'a mut Names,
    pub(super) itext: &'a mut Itext,
}

const KNOWN: &[(Option<&str>, &str)] = &[
    (None, "nodeset"),
    (None, "id"),
    (None, "type"),
    (None, "required"),
    (None, "relevant"),
    (None, "constraint"),
    (None, "calculate"),
    (None, "readonly"),
    (Some(JR), "constraintMsg"),
    (Some(JR), "requiredMsg"),
    (Some(JR), "preload"),
    (Some(JR), "preloadParams"),
    (Some(SAMANVAY), "class"),
    (Some(SAMANVAY), "coarse"),
    (Some(SAMANVAY), "waive"),
];

/// Reads every bind of the model.
pub(super) fn read(model: Node<'_, '_>, tables: &mut Tables<'_>, report: &mut Report) -> Binds {
    let mut binds = Binds::default();
    for node in xml::elements(model).filter(|n| xml::is(*n, xml::XFORMS, "bind")) {
        xml::known_attributes(node, KNOWN, report);
        let Some(def) = target(node, "nodeset", tables.defs, report) else {
            continue;
        };
        if binds.facts.contains_key(&def) {
            report.add(xml::offset(node), Fault::Structure, "a node has two binds", "Merge them into one");
            continue;
        }
        let mut one = OneBind { node, def, tables, report, reads: &mut binds.reads };
        let facts = one.facts();
        let bind = one.rules();
        binds.facts.insert(def, facts);
        binds.rules.push((def, bind));
    }
    binds
}

/// The form node an attribute names by absolute path.
pub(super) fn target(node: Node<'_, '_>, attribute: &str, defs: &[Def], report: &mut Report) -> Option<DefId> {
    let found = xml::attribute(node, None, attribute);
    let path = found.as_ref().map_or("", Attribute::value).trim();
    let id = find(path, defs);
    if id.is_none() {
        let what = format!("<{}> names {path}, which is no node of the form", node.tag_name().name());
        let offset = found.as_ref().map_or(xml::offset(node), xml::value_offset);
        report.add(offset, Fault::Path, what, "Use the full path from the instance's root element");
    }
    id
}

/// Definition by full path as written in the form (`/data/group/name`).
pub(super) fn find(path: &str, defs: &[Def]) -> Option<DefId> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let local = |s: &str| s.rsplit_once(':').map_or(s.to_owned(), |(_, l)| l.to_owned());
    let root = defs.first()?;
    if local(parts.next()?) != root.name {
        return None;
    }
    let mut at = DefId::ROOT;
    for part in parts {
        let name = local(part);
        let children = &defs.get(at.ix())?.children;
        at = *children.iter().find(|c| defs.get(c.ix()).is_some_and(|d| d.name == name))?;
    }
    Some(at)
}

struct OneBind<'b, 't, 'a, 'i> {
    node: Node<'a, 'i>,
    def: DefId,
    tables: &'b mut Tables<'t>,
    report: &'b mut Report,
    reads: &'b mut HashMap<(DefId, Facet), Vec<Read>>,
}

impl OneBind<'_, '_, '_, '_> {
    fn facts(&mut self) -> BindFacts {
        let class = xml::attribute(self.node, Some(SAMANVAY), "class");
        let known = class.as_ref().map(|a| Class::from_name(a.value().trim()));
        if let (Some(None), Some(a)) = (known, &class) {
            let what = "samanvay:class is not one of A, B, C, V, M";
            self.report.add(xml::value_offset(a), Fault::Attribute, what, "Choose the class of the field");
        }
        let coarse = self.node.attribute((SAMANVAY, "coarse"));
        if let Some(a) =
            xml::attribute(self.node, Some(SAMANVAY), "coarse").filter(|a| !matches!(a.value(), "true" | "false"))
        {
            self.report.add(
                xml::value_offset(&a),
                Fault::Attribute,
                "samanvay:coarse is neither true nor false",
                "Write true",
            );
        }
        let waive = xml::attribute(self.node, Some(SAMANVAY), "waive");
        if let Some(a) = waive.as_ref().filter(|a| a.value().trim().chars().count() < 8) {
            self.report.add(
                xml::value_offset(a),
                Fault::Attribute,
                "samanvay:waive gives no reason",
                "Say why no name can stand here",
            );
        }
        BindFacts {
            secrecy: Secrecy {
                class: known.flatten().unwrap_or(Class::Unset),
                coarse: coarse == Some("true"),
                waived: waive.is_some(),
            },
            type_name: self.node.attribute("type").unwrap_or("").trim().to_owned(),
            always_readonly: self.node.attribute("readonly").is_some_and(|r| r.trim() == "true()"),
            offset: xml::offset(self.node),
        }
    }

    fn rules(&mut self) -> Bind {
        let mut bind = Bind {
            relevant: self.tracked("relevant", Facet::Relevant),
            calculate: self.tracked("calculate", Facet::Calculate),
            required: self.expression("required").map(|(e, _)| e),
            readonly: self.expression("readonly").map(|(e, _)| e),
            constraint: self.expression("constraint").map(|(e, _)| e),
            ..Bind::default()
        };
        bind.constraint_text = self.message("constraintMsg");
        bind.required_text = self.message("requiredMsg");
        bind.preload = self.preload();
        bind
    }

    fn tracked(&mut self, name: &str, facet: Facet) -> Option<Expr> {
        let (expr, reads) = self.expression(name)?;
        self.reads.insert((self.def, facet), reads);
        Some(expr)
    }

    /// The expression of an attribute. `true()` and `false()` alone where they change nothing give `None`.
    fn expression(&mut self, name: &str) -> Option<(Expr, Vec<Read>)> {
        let attribute = xml::attribute(self.node, None, name)?;
        let text = attribute.value();
        let nothing = if name == "relevant" { "true()" } else { "false()" };
        if text.trim().is_empty() || (text.trim() == nothing && name != "calculate" && name != "constraint") {
            return None;
        }
        let mut resolver = Resolver::new(self.tables.defs, self.tables.docs, self.tables.names);
        match resolver.resolve(text, self.def, xml::value_offset(&attribute)) {
            Ok(done) => Some((done.expr, done.reads)),
            Err(refusal) => {
                self.report.push(refusal);
                None
            }
        }
    }

    fn message(&mut self, name: &str) -> Option<std::sync::Arc<crate::model::Text>> {
        let attribute = xml::attribute(self.node, Some(JR), name)?;
        let mut resolver = Resolver::new(self.tables.defs, self.tables.docs, self.tables.names);
        let offset = xml::value_offset(&attribute);
        self.tables.itext.message(attribute.value(), offset, self.def, &mut resolver, self.report)
    }

    fn preload(&mut self) -> Option<Preload> {
        let attribute = xml::attribute(self.node, Some(JR), "preload")?;
        let params = self.node.attribute((JR, "preloadParams")).unwrap_or("");
        match (attribute.value(), params) {
            ("uid", _) => Some(Preload::Uid),
            ("timestamp", "start") => Some(Preload::Start),
            ("timestamp", "end") => Some(Preload::End),
            ("date", "today") => Some(Preload::Today),
            (kind, _) => {
                let what = format!("preload {kind} {params} is not supported");
                let advice = "Remove it: only uid, start, end and today are filled in; who and which device the app knows itself";
                self.report.add(xml::value_offset(&attribute), Fault::Attribute, what, advice);
                None
            }
        }
    }
}
