//! A compiled form, ready to be shared between sessions.
//!
//! Knows: fields with their numbers and classes, and the tables sessions run on. Refuses to know: XML and answers.
//! Invariant: immutable; field ids are unique and equal to the committed table. Start at [`Form`].

use crate::model::{Def, DefId, Doc, Part, SetValue, Text, Trigger, Ui, UiKind, Use};
use crate::value::{Class, Kind};
use std::collections::HashMap;
use std::sync::Arc;

/// A field of a form: what the record schema is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDef {
    /// Committed number, never reused.
    pub id: u32,
    /// Path without the root element: `/group/name`.
    pub path: String,
    /// Last part of the path.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// How secret it is.
    pub class: Class,
    /// Whether it is a coarse fact: worked out from fields of a higher class.
    pub coarse: bool,
    /// Whether the form works it out, so that nobody may answer it.
    pub calculated: bool,
    /// Field id of the nearest enclosing repeat.
    pub parent_row: Option<u32>,
    /// Codes in committed order; a code's index never changes. Empty unless a choice.
    pub choices: Vec<String>,
}

/// A compiled form.
#[derive(Debug)]
pub struct Form {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) languages: Vec<String>,
    pub(crate) default_language: usize,
    pub(crate) fields: Vec<FieldDef>,
    pub(crate) defs: Vec<Def>,
    pub(crate) docs: Vec<Doc>,
    pub(crate) itexts: HashMap<String, Arc<Text>>,
    pub(crate) ui: Vec<Ui>,
    /// Indices of the body's own children.
    pub(crate) body: Vec<u32>,
    /// In dependency order.
    pub(crate) triggers: Vec<Trigger>,
    /// By definition: the triggers that read it.
    pub(crate) uses: Vec<Vec<Use>>,
    /// By definition: its own triggers.
    pub(crate) own: Vec<Vec<u32>>,
    pub(crate) set_values: Vec<SetValue>,
    pub(crate) by_id: HashMap<u32, DefId>,
}

impl Form {
    /// The form's id (`id` of the instance's root element).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The form's version; empty when it has none.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The title in a language. A title written as `one / other` holds one part for each language, in their order.
    pub fn title(&self, language: &str) -> &str {
        let parts: Vec<&str> = self.title.split(" / ").collect();
        let at = self.language_index(language).unwrap_or(self.default_language);
        if parts.len() == self.languages.len() { parts.get(at).copied().unwrap_or(&self.title) } else { &self.title }
    }

    /// Names of the languages, as the form gives them (`हिन्दी (hi)`); empty when the form has plain labels only.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// All fields in the order of the form, repeats included.
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// The field with this number.
    pub fn field(&self, id: u32) -> Option<&FieldDef> {
        self.def(*self.by_id.get(&id)?).field.as_ref()
    }

    /// The field at `/group/name`, or with this last name when only one has it.
    pub fn field_by_path(&self, path: &str) -> Option<&FieldDef> {
        if path.starts_with('/') {
            return self.fields.iter().find(|f| f.path == path);
        }
        let mut named = self.fields.iter().filter(|f| f.name == path);
        let first = named.next();
        if named.next().is_some() { None } else { first }
    }

    /// A field's label outside any session, as for a list of records; expressions in it are left out.
    pub fn label(&self, field: u32, language: &str) -> Option<String> {
        let def = self.def(*self.by_id.get(&field)?);
        def.label.as_ref().map(|label| self.plain(label, language))
    }

    /// The words for a code of a field with a list.
    pub fn choice_label(&self, field: u32, code: &str, language: &str) -> Option<String> {
        let source = self.def(*self.by_id.get(&field)?).choices.as_ref()?;
        let item = source.items.iter().find(|item| item.value == code)?;
        Some(self.plain(&item.label, language))
    }

    fn plain(&self, text: &Text, language: &str) -> String {
        let language = self.language_index(language).unwrap_or(self.default_language);
        let plain = |part: &Part| if let Part::Plain(plain) = part { plain.clone() } else { String::new() };
        text.parts(language, self.default_language).iter().map(plain).collect()
    }

    /// Index of a language by its full name or the code in brackets (`hi`).
    pub(crate) fn language_index(&self, language: &str) -> Option<usize> {
        let code = format!("({language})");
        self.languages.iter().position(|l| l == language || l.ends_with(&code))
    }

    /// The definition at an index. Indices come from this form's own tables only; the root stands in for a stray one.
    #[allow(clippy::indexing_slicing)] // `defs` has a root and indices are made together with it
    pub(crate) fn def(&self, id: DefId) -> &Def {
        self.defs.get(id.ix()).unwrap_or(&self.defs[0])
    }

    /// The definitions from the root down to `id`, without the root.
    pub(crate) fn chain(&self, id: DefId) -> Vec<DefId> {
        let mut chain = Vec::new();
        let mut at = id;
        while let Some(parent) = self.def(at).parent {
            chain.push(at);
            at = parent;
        }
        chain.reverse();
        chain
    }

    /// Whether the user may add and remove rows of a repeat.
    pub(crate) fn rows_are_open(&self, repeat: DefId) -> bool {
        let ui = self.ui.iter().find(|ui| ui.def == Some(repeat) && ui.kind == UiKind::Repeat);
        ui.is_none_or(|ui| ui.open)
    }

    pub(crate) fn is_ancestor_or_self(&self, ancestor: DefId, id: DefId) -> bool {
        (ancestor.0..self.def(ancestor).end).contains(&id.0)
    }
}
