//! A form's own words, read from its XML and not from the engine, so that what a person is told can be held against them.
//!
//! Start at [`message`].

use std::fs;
use std::path::Path;

use roxmltree::{Document, Node};

use super::story::FORMS;
use crate::error::{Failure, Result, reading};

const JAVAROSA: &str = "http://openrosa.org/javarosa";

/// The message of a field's rule (`constraintMsg` or `requiredMsg`) in a language (`hi`, `en`).
pub(super) fn message(form: &str, field: &str, rule: &str, lang: &str) -> Result<String> {
    let path = Path::new(FORMS).join(format!("{form}.xml"));
    let xml = fs::read_to_string(&path).map_err(reading(&path))?;
    let document = Document::parse(&xml).map_err(|error| Failure::Data(format!("{form}: {error}")))?;
    find(&document, field, rule, lang).ok_or_else(|| Failure::Data(format!("{form} has no {rule} for {field}")))
}

fn find(document: &Document<'_>, field: &str, rule: &str, lang: &str) -> Option<String> {
    let named = |node: &Node<'_, '_>, name: &str| node.tag_name().name() == name;
    let ends = |bind: &Node<'_, '_>| bind.attribute("nodeset").and_then(|path| path.rsplit('/').next()) == Some(field);
    let bind = document.descendants().find(|node| named(node, "bind") && ends(node))?;
    let reference = bind.attribute((JAVAROSA, rule))?;
    let id = reference.strip_prefix("jr:itext('")?.strip_suffix("')")?;
    let speaks = |node: &Node<'_, '_>| {
        node.attribute("lang").is_some_and(|name| name == lang || name.ends_with(&format!("({lang})")))
    };
    let translation = document.descendants().find(|node| named(node, "translation") && speaks(node))?;
    let text = translation.children().find(|node| node.attribute("id") == Some(id))?;
    let value = text.children().find(|node| named(node, "value"))?;
    value.text().map(|words| words.trim().to_owned())
}
