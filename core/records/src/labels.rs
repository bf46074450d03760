//! Labels of questions and choices, and values in words.
//!
//! Knows what the form engine shows; where the form has no label (coarse facts) the catalogue's words stand in. Invariant: a
//! label does not depend on the clock. Start at [`Labels::of_record`].

use std::collections::HashMap;
use std::sync::Arc;

use samanvay_forms::{Context, FieldDef, Form, Kind as FieldKind, Session, Value};
use samanvay_sync::op;

use crate::diff::Filled;
use crate::kinds::Kind;
use crate::text::{self, Lang};
use crate::values;

/// Labels of a form's questions and choices in the profile's language.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    fields: HashMap<u32, String>,
    choices: HashMap<(u32, String), String>,
}

impl Labels {
    /// Labels of every question that an empty form asks.
    pub(crate) fn of_form(form: &Arc<Form>, lang: Lang) -> Self {
        let mut labels = Self { fields: HashMap::new(), choices: HashMap::new() };
        labels.take(&mut Session::new(form.clone(), context(), lang.code()));
        labels
    }

    /// Those, and the labels of the questions that this record's form asks.
    pub(crate) fn of_record(kind: &Kind, filled: Filled, lang: Lang) -> Self {
        let mut labels = kind.labels(lang).clone();
        let form = kind.form().clone();
        labels.take(&mut Session::restore(form, filled.values, filled.rows, context(), lang.code()));
        labels
    }

    fn take(&mut self, session: &mut Session) {
        for question in session.questions() {
            for choice in question.choices {
                self.choices.insert((question.field.field, choice.value), choice.label);
            }
            self.fields.insert(question.field.field, question.label);
        }
    }

    pub(crate) fn label_of(&self, kind: &Kind, field: u32, lang: Lang) -> String {
        let own = self.fields.get(&field).cloned();
        let name = || kind.form().field(field).map(|def| def.name.clone()).unwrap_or_default();
        own.unwrap_or_else(|| text::field_label(&name(), lang).map_or_else(name, str::to_owned))
    }

    /// A value in words.
    pub(crate) fn value(&self, def: &FieldDef, value: &Value, lang: Lang) -> String {
        match value {
            Value::Choices(codes) => codes.iter().map(|code| self.code(def, code, lang)).collect::<Vec<_>>().join(", "),
            Value::Date { days } => text::date(i64::from(*days), lang),
            Value::DateTime { unix_seconds, offset_minutes } => {
                text::date_time(*unix_seconds, i32::from(*offset_minutes), lang)
            }
            other => self.code(def, &other.to_text(), lang),
        }
    }

    /// A stored text in words: a choice's label, or our word for a coarse value.
    pub(crate) fn code(&self, def: &FieldDef, raw: &str, lang: Lang) -> String {
        let label = self.choices.get(&(def.id, raw.to_owned())).cloned();
        label.unwrap_or_else(|| text::value_word(&def.name, raw, lang))
    }

    pub(crate) fn wire(&self, kind: &Kind, def: &FieldDef, value: &op::Value, lang: Lang) -> String {
        if def.kind == FieldKind::Repeat {
            return lang.pick("पंक्ति रखी गई", "row kept").to_owned();
        }
        let value = kind.schema().field(def.id).and_then(|field| values::read(field, value));
        value.map_or_else(String::new, |value| self.value(def, &value, lang))
    }
}

fn context() -> Context {
    Context { now_ms: 0, offset_minutes: 0, rng: Box::new(|| [0; 8]) }
}
