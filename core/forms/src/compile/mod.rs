//! XForms XML to a compiled [`Form`], or the reasons why not.
//!
//! Knows: the order of the steps. Refuses to know: sessions. Invariant: what this engine cannot run exactly is refused
//! here, with line, column, feature and advice; nothing unknown is skipped. Start at [`compile`].

mod binds;
mod body;
mod check;
mod choices;
mod fields;
mod functions;
mod instance;
mod itext;
mod names;
mod order;
mod report;
mod resolve;
mod xml;

pub(crate) use body::has_word;

use crate::errors::{CompileErrors, Fault};
use crate::form::Form;
use crate::ids::FieldIds;
use crate::model::{Def, DefId, Doc, Facet, SetValue};
use binds::{BindFacts, Tables};
use body::Body;
use itext::Itext;
use names::Names;
use report::Report;
use resolve::{Read, Resolver};
use roxmltree::{Document, Node};
use std::collections::{HashMap, HashSet};

/// Compiles a form. Every field must have its line in `ids`.
///
/// # Errors
/// Everything found wrong, up to a limit, each with line, column, kind, and what to do.
pub fn compile(xml: &str, ids: &FieldIds) -> Result<Form, CompileErrors> {
    build(xml, ids, false).map(|(form, _)| form)
}

/// The id table a form needs: `ids` with new lines added.
pub(crate) fn assign(xml: &str, ids: &FieldIds) -> Result<FieldIds, CompileErrors> {
    build(xml, ids, true).map(|(_, table)| table)
}

/// The parts of the document that matter.
struct Outline<'a, 'i> {
    title: String,
    model: Node<'a, 'i>,
    root: Node<'a, 'i>,
    body: Node<'a, 'i>,
}

fn build(xml: &str, ids: &FieldIds, assign: bool) -> Result<(Form, FieldIds), CompileErrors> {
    let document = xml::parse(xml)?;
    let mut report = Report::default();
    let Some(outline) = outline(&document, &mut report) else {
        report.finish(xml)?;
        return Err(CompileErrors(Vec::new()));
    };
    let mut form = read_all(&outline, ids, assign, &mut report);
    report.finish(xml)?;
    form.0.by_id = by_id(&form.0.defs);
    Ok(form)
}

fn by_id(defs: &[Def]) -> HashMap<u32, DefId> {
    let numbered = |(at, def): (usize, &Def)| Some((def.field.as_ref()?.id, DefId(crate::num::index(at))));
    defs.iter().enumerate().filter_map(numbered).collect()
}

fn outline<'a, 'i>(document: &'a Document<'i>, report: &mut Report) -> Option<Outline<'a, 'i>> {
    let html = document.root_element();
    let child = |node: Node<'a, 'i>, namespace, name| xml::elements(node).find(|n| xml::is(*n, namespace, name));
    let head = child(html, xml::XHTML, "head");
    let model = head.and_then(|h| child(h, xml::XFORMS, "model"));
    let body = child(html, xml::XHTML, "body");
    let instance = model.and_then(|m| child(m, xml::XFORMS, "instance"));
    let root = instance.and_then(|i| xml::elements(i).next());
    let (Some(model), Some(body), Some(root)) = (model, body, root) else {
        let what = "this is no XForms form: html/head/model/instance or html/body is missing";
        report.add(xml::offset(html), Fault::Structure, what, "Convert the XLSForm with pyxform");
        return None;
    };
    let title = head.and_then(|h| child(h, xml::XHTML, "title")).map_or(String::new(), xml::own_text);
    Some(Outline { title: title.trim().to_owned(), model, root, body })
}

fn read_all(outline: &Outline<'_, '_>, ids: &FieldIds, assign: bool, report: &mut Report) -> (Form, FieldIds) {
    check_model(outline.model, report);
    let mut names = Names::default();
    let mut defs = instance::primary(outline.root, &body::repeat_paths(outline.body), report);
    let docs = read_docs(outline.model, &mut names, report);
    let itext = xml::elements(outline.model).find(|n| xml::is(*n, xml::XFORMS, "itext"));
    let mut itext = itext.map_or_else(Itext::default, |n| Itext::read(n, report));

    let mut tables = Tables { defs: &defs, docs: &docs, names: &mut names, itext: &mut itext };
    let mut binds = binds::read(outline.model, &mut tables, report);
    let mut body = body::read(outline.body, &mut tables, report);
    for node in xml::elements(outline.model).filter(|n| xml::is(*n, xml::XFORMS, "setvalue")) {
        body.set_values.extend(body::set_value(node, &tables, report));
    }
    let (set_values, set_reads) = resolve_set_values(&body, &defs, &docs, &mut names, report);
    let itexts = itext.all_plain(&mut Resolver::new(&defs, &docs, &mut names), report);

    for (id, bind) in std::mem::take(&mut binds.rules) {
        if let Some(def) = defs.get_mut(id.ix()) {
            def.bind = bind;
            def.offset = binds.facts.get(&id).map_or(def.offset, |f| f.offset);
        }
    }
    for (id, reads) in std::mem::take(&mut body.choice_reads) {
        binds.reads.insert((id, Facet::Choices), reads);
    }
    let facts = Facts { binds: &binds.facts, reads: &binds.reads, set_reads: &set_reads };
    let (table, order) = settle(&mut defs, &body, &facts, ids, assign, report);
    let root = outline.root;
    let form = Form {
        id: root.attribute("id").unwrap_or(root.tag_name().name()).to_owned(),
        version: root.attribute("version").unwrap_or("").to_owned(),
        title: outline.title.clone(),
        languages: itext.languages,
        default_language: itext.default_language,
        fields: defs.iter().filter_map(|d| d.field.clone()).collect(),
        defs,
        docs,
        itexts,
        ui: body.ui,
        body: body.top,
        triggers: order.triggers,
        uses: order.uses,
        own: order.own,
        set_values,
        by_id: HashMap::new(),
    };
    (form, table)
}

/// What was read about nodes besides the definitions.
struct Facts<'a> {
    binds: &'a HashMap<DefId, BindFacts>,
    reads: &'a HashMap<(DefId, Facet), Vec<Read>>,
    set_reads: &'a [(DefId, Vec<Read>)],
}

/// Kinds, numbers, order and secrecy: everything that needs the whole form.
fn settle(
    defs: &mut [Def],
    body: &Body,
    facts: &Facts<'_>,
    ids: &FieldIds,
    assign: bool,
    report: &mut Report,
) -> (FieldIds, order::Order) {
    for (id, source) in &body.choices {
        if let Some(def) = defs.get_mut(id.ix()) {
            def.choices = Some(std::sync::Arc::clone(source));
        }
    }
    for ui in &body.ui {
        if let Some(def) = ui.def.and_then(|id| defs.get_mut(id.ix())) {
            def.label.clone_from(&ui.label);
        }
    }
    fields::kinds(defs, facts.binds, body, report);
    let codes = fields::codes(defs, facts.binds, body, report);
    let numbering = fields::Numbering { ids, assign, codes, facts: facts.binds };
    let table = fields::number(defs, &numbering, report);
    let order = order::sort(defs, facts.reads, report);
    let checked = check::Checked { defs, facts: facts.binds, body, reads: facts.reads, set_reads: facts.set_reads };
    check::secrecy(&checked, report);
    (table, order)
}

/// Refuses what a model may hold and this engine does not run.
fn check_model(model: Node<'_, '_>, report: &mut Report) {
    let known = [(Some(xml::ODK), "xforms-version"), (None, "id")];
    xml::known_attributes(model, &known, report);
    for child in xml::elements(model) {
        match child.tag_name().name() {
            "itext" | "instance" | "bind" | "setvalue" => {}
            _ => xml::unknown_element(child, report),
        }
    }
}

fn read_docs(model: Node<'_, '_>, names: &mut Names, report: &mut Report) -> Vec<Doc> {
    let mut docs = Vec::new();
    let mut seen = HashSet::new();
    for node in xml::elements(model).filter(|n| xml::is(*n, xml::XFORMS, "instance")).skip(1) {
        let id = node.attribute("id").unwrap_or("");
        if node.has_attribute("src") {
            let what = format!("instance {id} lies outside the form");
            report.add(xml::offset(node), Fault::ExternalData, what, "Put the list into the form's choices sheet");
        }
        if id.is_empty() || !seen.insert(id) {
            report.add(
                xml::offset(node),
                Fault::Structure,
                "an instance has no id, or one used before",
                "Give it its own id",
            );
        }
        docs.push(instance::secondary(node, id, names));
    }
    docs
}

type SetReads = Vec<(DefId, Vec<Read>)>;

fn resolve_set_values(
    body: &Body,
    defs: &[Def],
    docs: &[Doc],
    names: &mut Names,
    report: &mut Report,
) -> (Vec<SetValue>, SetReads) {
    let mut values = Vec::new();
    let mut reads = Vec::new();
    for raw in &body.set_values {
        match Resolver::new(defs, docs, names).resolve(&raw.value, raw.target, raw.offset) {
            Ok(resolved) => {
                values.push(SetValue { target: raw.target, event: raw.event, value: resolved.expr });
                reads.push((raw.target, resolved.reads));
            }
            Err(refusal) => report.push(refusal),
        }
    }
    (values, reads)
}
