//! The XML underneath: limits, namespaces, and refusing what is not known.
//!
//! Knows: roxmltree. Refuses to know: what elements mean. Invariant: a document that passes [`parse`] has no DTD, a
//! bounded size, number of nodes and depth, so that walking it by recursion is safe. Start at [`parse`].

use super::report::Report;
use crate::errors::{CompileError, CompileErrors, Fault};
use roxmltree::{Attribute, Document, Node, ParsingOptions};

/// Largest form, in bytes; the largest real form known to us has 1.6 MB.
const MAX_BYTES: usize = 4 << 20;
const MAX_NODES: u32 = 500_000;
/// Deepest nesting of elements.
const MAX_DEPTH: usize = 64;

pub(super) const XFORMS: &str = "http://www.w3.org/2002/xforms";
pub(super) const XHTML: &str = "http://www.w3.org/1999/xhtml";
pub(super) const JR: &str = "http://openrosa.org/javarosa";
pub(super) const ORX: &str = "http://openrosa.org/xforms";
pub(super) const ODK: &str = "http://www.opendatakit.org/xforms";
pub(super) const ENTITIES: &str = "http://www.opendatakit.org/xforms/entities";
pub(super) const SAMANVAY: &str = "https://samanvay.app/xforms";

/// Reads a form's XML within the limits.
pub(super) fn parse(xml: &str) -> Result<Document<'_>, CompileErrors> {
    let refuse = |line, column, fault, what: String, advice: &str| {
        CompileErrors(vec![CompileError { line, column, fault, what, advice: advice.to_owned() }])
    };
    if xml.len() > MAX_BYTES {
        let what = format!("the form has {} bytes, more than {MAX_BYTES}", xml.len());
        return Err(refuse(1, 1, Fault::TooLarge, what, "Split the form or move long lists out of it"));
    }
    if let Some((line, column)) = too_deep(xml) {
        let what = format!("elements are nested deeper than {MAX_DEPTH}");
        return Err(refuse(line, column, Fault::TooLarge, what, "Nest fewer groups"));
    }
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(xml, options).map_err(|error| {
        let pos = error.pos();
        let what = format!("the XML cannot be read: {error}");
        refuse(pos.row, pos.col, Fault::Xml, what, "Send well-formed XML without a document type declaration")
    })
}

/// Where elements get nested too deeply, found before the real parser runs. Counts generously: it knows comments, CDATA
/// and quoted attribute values, and leaves every other fault to the parser.
fn too_deep(xml: &str) -> Option<(u32, u32)> {
    let mut depth = 0usize;
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        rest = rest.get(open..)?;
        let (skipped, end) = if rest.starts_with("<!--") {
            (true, rest.find("-->").map(|n| n + 3))
        } else if rest.starts_with("<![CDATA[") {
            (true, rest.find("]]>").map(|n| n + 3))
        } else {
            (rest.starts_with("<?") || rest.starts_with("<!"), tag_end(rest))
        };
        let tag = rest.get(..end?)?;
        if tag.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if !skipped && !tag.ends_with("/>") {
            depth += 1;
            if depth > MAX_DEPTH {
                let before = xml.get(..xml.len() - rest.len())?;
                let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
                return Some((crate::num::index(before.matches('\n').count() + 1), crate::num::index(column)));
            }
        }
        rest = rest.get(end?..)?;
    }
    None
}

/// One past the `>` that ends the tag at the start of `text`.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, b) in text.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    None
}

/// Byte offset of an element.
pub(super) fn offset(node: Node<'_, '_>) -> usize {
    node.range().start
}

/// Byte offset of an attribute's value.
pub(super) fn value_offset(attribute: &Attribute<'_, '_>) -> usize {
    attribute.range_value().start
}

pub(super) fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.tag_name().name() == name && node.tag_name().namespace() == Some(namespace)
}

/// Child elements.
pub(super) fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

/// Text directly inside an element.
pub(super) fn own_text(node: Node<'_, '_>) -> String {
    node.children().filter(Node::is_text).filter_map(|n| n.text()).collect()
}

/// The attribute with this namespace (`None` for a plain one) and name.
pub(super) fn attribute<'a, 'i>(node: Node<'a, 'i>, namespace: Option<&str>, name: &str) -> Option<Attribute<'a, 'i>> {
    node.attributes().find(|a| a.namespace() == namespace && a.name() == name)
}

/// Refuses every attribute that is not in `known`. Attributes of namespaces nobody here speaks for are let pass: ODK
/// tools ignore them too.
pub(super) fn known_attributes(node: Node<'_, '_>, known: &[(Option<&str>, &str)], report: &mut Report) {
    let ours = [None, Some(XFORMS), Some(JR), Some(ORX), Some(ODK), Some(ENTITIES), Some(SAMANVAY)];
    for a in node.attributes() {
        if ours.contains(&a.namespace()) && !known.contains(&(a.namespace(), a.name())) {
            report.add(
                a.range().start,
                Fault::Attribute,
                format!("attribute {} of <{}> is not supported", a.name(), node.tag_name().name()),
                "Remove it, or express the rule with relevant, constraint, calculate, required or readonly",
            );
        }
    }
}

/// Refuses an element.
pub(super) fn unknown_element(node: Node<'_, '_>, report: &mut Report) {
    let name = node.tag_name().name();
    let (fault, advice) = match name {
        "upload" => {
            (Fault::Media, "Remove it: no photos, voices or files of people are taken; note where a document is kept")
        }
        "range" | "rank" | "trigger" | "secret" => (Fault::Element, "Use an input or select instead"),
        "setgeopoint" => (Fault::Element, "Remove it: places are chosen from a list, positions are not recorded"),
        "submission" => (Fault::Element, "Remove it: records are sent by the app's own sync"),
        _ => (Fault::Element, "Remove it"),
    };
    report.add(offset(node), fault, format!("element <{name}> is not supported"), advice);
}
