//! Reads translations and turns labels, hints and messages into texts.
//!
//! Knows: itext, `<output>`, `jr:itext()`. Refuses to know: where a text is shown. Invariant: a text has one slot for
//! each language of the form; pyxform's lone `-` counts as missing. Start at [`Itext::read`].

use super::report::Report;
use super::resolve::Resolver;
use super::xml;
use crate::errors::Fault;
use crate::model::{DefId, Expr, Part, Text};
use roxmltree::Node;
use std::collections::HashMap;
use std::sync::Arc;

/// A piece of a text before its expressions are resolved.
#[derive(Debug, Clone)]
enum Raw {
    Plain(String),
    /// An expression and its byte offset.
    Output(String, usize),
}

/// The translations of a form.
#[derive(Debug, Default)]
pub(super) struct Itext {
    pub(super) languages: Vec<String>,
    pub(super) default_language: usize,
    texts: HashMap<String, Vec<Option<Vec<Raw>>>>,
    /// Texts without outputs, made once.
    plain: HashMap<String, Arc<Text>>,
}

impl Itext {
    /// Reads `<itext>`.
    pub(super) fn read(itext: Node<'_, '_>, report: &mut Report) -> Self {
        let mut all = Self::default();
        let translations: Vec<_> = xml::elements(itext).filter(|n| xml::is(*n, xml::XFORMS, "translation")).collect();
        for (at, translation) in translations.iter().enumerate() {
            xml::known_attributes(*translation, &[(None, "lang"), (None, "default")], report);
            all.languages.push(translation.attribute("lang").unwrap_or("").to_owned());
            if translation.attribute("default").is_some() {
                all.default_language = at;
            }
            for text in xml::elements(*translation) {
                let slots = all.texts.entry(text.attribute("id").unwrap_or("").to_owned()).or_default();
                slots.resize(translations.len(), None);
                let value = read_values(text, report).filter(|parts| !is_placeholder(parts));
                if let Some(slot) = slots.get_mut(at) {
                    *slot = value;
                }
            }
        }
        all
    }

    /// The translated text with this id, its outputs resolved for `owner`.
    pub(super) fn text(
        &mut self,
        id: &str,
        owner: DefId,
        resolver: &mut Resolver<'_>,
        report: &mut Report,
    ) -> Option<Arc<Text>> {
        if let Some(text) = self.plain.get(id) {
            return Some(Arc::clone(text));
        }
        let raw = self.texts.get(id)?;
        let has_outputs = raw.iter().flatten().flatten().any(|part| matches!(part, Raw::Output(..)));
        let languages = raw.iter().map(|parts| parts.as_ref().map(|p| resolve(p, owner, resolver, report))).collect();
        let text = Arc::new(Text { languages });
        if !has_outputs {
            self.plain.insert(id.to_owned(), Arc::clone(&text));
        }
        Some(text)
    }

    /// Every text that needs no expressions, for look-ups at run time.
    pub(super) fn all_plain(&mut self, resolver: &mut Resolver<'_>, report: &mut Report) -> HashMap<String, Arc<Text>> {
        let ids: Vec<String> = self.texts.keys().cloned().collect();
        for id in ids {
            let plain =
                |raw: &Vec<Option<Vec<Raw>>>| !raw.iter().flatten().flatten().any(|p| matches!(p, Raw::Output(..)));
            if self.texts.get(&id).is_some_and(plain) {
                self.text(&id, DefId::ROOT, resolver, report);
            }
        }
        self.plain.clone()
    }

    /// A label or hint element: a `jr:itext` reference, an expression, or mixed content.
    pub(super) fn element(
        &mut self,
        node: Node<'_, '_>,
        owner: DefId,
        resolver: &mut Resolver<'_>,
        report: &mut Report,
    ) -> Option<Arc<Text>> {
        xml::known_attributes(node, &[(None, "ref")], report);
        if let Some(attribute) = xml::attribute(node, None, "ref") {
            return self.reference(attribute.value(), xml::value_offset(&attribute), owner, resolver, report);
        }
        let raw = mixed(node, report);
        (!raw.is_empty()).then(|| Arc::new(Text { languages: vec![Some(resolve(&raw, owner, resolver, report))] }))
    }

    /// A text given as an attribute: `jr:itext('id')`, or plain words.
    pub(super) fn message(
        &mut self,
        value: &str,
        offset: usize,
        owner: DefId,
        resolver: &mut Resolver<'_>,
        report: &mut Report,
    ) -> Option<Arc<Text>> {
        if itext_id(value).is_some() {
            return self.reference(value, offset, owner, resolver, report);
        }
        let part = vec![Part::Plain(value.trim().to_owned())];
        (!value.trim().is_empty()).then(|| Arc::new(Text { languages: vec![Some(part)] }))
    }

    fn reference(
        &mut self,
        value: &str,
        offset: usize,
        owner: DefId,
        resolver: &mut Resolver<'_>,
        report: &mut Report,
    ) -> Option<Arc<Text>> {
        let Some(id) = itext_id(value) else {
            let expr = resolver.resolve(value, owner, offset).map(|r| r.expr);
            let expr = expr.map_err(|refusal| report.push(refusal)).ok()?;
            return Some(Arc::new(Text { languages: vec![Some(vec![Part::Output(expr)])] }));
        };
        let text = self.text(id, owner, resolver, report);
        if text.is_none() {
            let what = format!("there is no translated text {id}");
            report.add(offset, Fault::Structure, what, "Add the text to itext in every language");
        }
        text
    }
}

/// The id in `jr:itext('id')`.
pub(super) fn itext_id(value: &str) -> Option<&str> {
    let inner = value.trim().strip_prefix("jr:itext(")?.strip_suffix(')')?.trim();
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    inner.strip_prefix(quote)?.strip_suffix(quote)
}

fn is_placeholder(parts: &[Raw]) -> bool {
    matches!(parts, [] | [Raw::Plain(_)])
        && parts.iter().all(|p| matches!(p, Raw::Plain(s) if s.trim() == "-" || s.trim().is_empty()))
}

fn read_values(text: Node<'_, '_>, report: &mut Report) -> Option<Vec<Raw>> {
    let mut found = None;
    for value in xml::elements(text) {
        match value.attribute("form") {
            None | Some("long") => found = Some(mixed(value, report)),
            Some("short" | "guidance") => {}
            Some(form) => report.add(
                xml::offset(value),
                Fault::Media,
                format!("a label as {form} is not supported"),
                "Use words; pictures, sound and films are not carried to phones",
            ),
        }
    }
    found
}

/// Text and `<output>` elements, trimmed at both ends.
fn mixed(node: Node<'_, '_>, report: &mut Report) -> Vec<Raw> {
    let mut parts = Vec::new();
    for child in node.children() {
        if child.is_text() {
            parts.push(Raw::Plain(child.text().unwrap_or("").to_owned()));
        } else if child.is_element() && child.tag_name().name() == "output" {
            let attribute = xml::attribute(child, None, "value").or_else(|| xml::attribute(child, None, "ref"));
            match attribute {
                Some(a) => parts.push(Raw::Output(a.value().to_owned(), xml::value_offset(&a))),
                None => report.add(xml::offset(child), Fault::Structure, "an <output> has no value", "Give it a value"),
            }
        } else if child.is_element() {
            xml::unknown_element(child, report);
        }
    }
    if let Some(Raw::Plain(first)) = parts.first_mut() {
        *first = first.trim_start().to_owned();
    }
    if let Some(Raw::Plain(last)) = parts.last_mut() {
        *last = last.trim_end().to_owned();
    }
    parts.retain(|p| !matches!(p, Raw::Plain(s) if s.is_empty()));
    parts
}

fn resolve(raw: &[Raw], owner: DefId, resolver: &mut Resolver<'_>, report: &mut Report) -> Vec<Part> {
    raw.iter()
        .map(|part| match part {
            Raw::Plain(text) => Part::Plain(text.clone()),
            Raw::Output(text, offset) => match resolver.resolve(text, owner, *offset) {
                Ok(done) => Part::Output(done.expr),
                Err(refusal) => {
                    report.push(refusal);
                    Part::Output(Expr::Text(String::new()))
                }
            },
        })
        .collect()
}
