//! Taking answers and changing rows.
//!
//! Knows: the order in which an answer is checked. Refuses to know: pages. Invariant: on any error the session is as it
//! was. Start at [`Session::answer`].

use super::Session;
use crate::catalogue::Message;
use crate::errors::AnswerError;
use crate::form::Form;
use crate::input;
use crate::model::Text;
use crate::text::MAX_TEXT;
use crate::tree::{Builder, NodeId};
use crate::value::{Answer, FieldRef, Kind, RowId, Value};
use crate::view::Changed;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Session {
    /// Takes an answer: text as typed, a typed value, or a clearing. What depends on it is up to date afterwards.
    ///
    /// # Errors
    /// See [`AnswerError`]; messages are in the session's language, the form's own words first.
    pub fn answer(&mut self, field: &FieldRef, answer: impl Into<Answer>) -> Result<Changed, AnswerError> {
        let form = Arc::clone(&self.form);
        let id = self.tree.find(&form, field).ok_or(AnswerError::UnknownField)?;
        let def = form.def(self.tree.node(id).def);
        if def.kind == Kind::Repeat || def.field.is_none() {
            return Err(AnswerError::UnknownField);
        }
        if !self.tree.relevant(id) {
            return Err(AnswerError::NotRelevant);
        }
        if self.readonly(&form, id) {
            return Err(AnswerError::Readonly);
        }
        let value = self.understand(def.kind, answer.into())?;
        if let Some(value) = &value {
            self.check_offered(&form, id, value)?;
            self.check_constraint(&form, id, value)?;
        } else if self.required(&form, id) {
            return Err(AnswerError::Required { message: self.required_message(&form, id) });
        }
        self.overrun.remove(&id);
        let mut nodes = BTreeSet::new();
        if self.replace(id, value.clone()) {
            nodes = self.settle();
            nodes.insert(id);
        }
        Ok(Changed { value, fields: self.references(&form, &nodes) })
    }

    /// Addresses of changed nodes; of a group, those of the fields in it.
    fn references(&self, form: &Form, nodes: &BTreeSet<NodeId>) -> Vec<FieldRef> {
        let mut all = BTreeSet::new();
        for id in nodes {
            if form.def(self.tree.node(*id).def).field.is_some() {
                all.insert(*id);
            } else {
                all.extend(self.tree.subtree(*id));
            }
        }
        all.into_iter().filter_map(|id| self.tree.reference(form, id)).collect()
    }

    fn not_a(&self, kind: Kind) -> AnswerError {
        AnswerError::NotUnderstood { message: Message::NotA(kind).text(self.lang).to_owned() }
    }

    /// Reads an answer as a value; `None` clears.
    fn understand(&self, kind: Kind, answer: Answer) -> Result<Option<Value>, AnswerError> {
        let too_long = || AnswerError::NotUnderstood { message: Message::TooLong.text(self.lang).to_owned() };
        match answer {
            Answer::Clear => Ok(None),
            Answer::Text(raw) if raw.len() > MAX_TEXT => Err(too_long()),
            Answer::Value(Value::Text(raw)) if raw.len() > MAX_TEXT => Err(too_long()),
            Answer::Text(raw) if raw.trim().is_empty() => Ok(None),
            Answer::Text(raw) => {
                input::read_answer(kind, &raw, self.context.offset_minutes).map(Some).ok_or_else(|| self.not_a(kind))
            }
            Answer::Value(value) => input::check_value(kind, &value).map(Some).ok_or_else(|| self.not_a(kind)),
        }
    }

    fn check_offered(&mut self, form: &Form, id: NodeId, value: &Value) -> Result<(), AnswerError> {
        if self.is_offered(form, id, value) {
            return Ok(());
        }
        Err(self.not_a(form.def(self.tree.node(id).def).kind))
    }

    /// Whether every chosen code is in the list as it is now. True for anything but choices.
    pub(super) fn is_offered(&mut self, form: &Form, id: NodeId, value: &Value) -> bool {
        let codes: &[String] = match value {
            Value::Choice(code) => std::slice::from_ref(code),
            Value::Choices(set) => set,
            _ => return true,
        };
        let Some(source) = &form.def(self.tree.node(id).def).choices else {
            return true;
        };
        let offered = self.offered(id);
        codes.iter().all(|code| offered.iter().any(|at| source.items.get(*at).is_some_and(|i| i.value == *code)))
    }

    /// Tries the value in place, so that `.` in the rule is the candidate.
    fn check_constraint(&mut self, form: &Form, id: NodeId, value: &Value) -> Result<(), AnswerError> {
        let bind = &form.def(self.tree.node(id).def).bind;
        if bind.constraint.is_none() {
            return Ok(());
        }
        let old = match self.tree.node_mut(id) {
            Some(node) => node.value.replace(value.clone()),
            None => return Err(AnswerError::UnknownField),
        };
        let result = match self.broken(form, id) {
            Some(message) => Err(AnswerError::Constraint { message }),
            None => Ok(()),
        };
        if let Some(node) = self.tree.node_mut(id) {
            node.value = old;
        }
        result
    }

    /// Message of the node's rule if its present value breaks it.
    pub(super) fn broken(&mut self, form: &Form, id: NodeId) -> Option<String> {
        let bind = &form.def(self.tree.node(id).def).bind;
        let constraint = bind.constraint.as_ref()?;
        self.tree.node(id).value.as_ref()?;
        let holds = self.with_env(id, |env| env.truth_of(constraint, id));
        (!holds).then(|| self.message(bind.constraint_text.as_deref(), Message::Refused, id))
    }

    fn message(&mut self, text: Option<&Text>, ours: Message, id: NodeId) -> String {
        let own = text.map(|t| self.with_env(id, |env| env.render(t, id))).filter(|t| !t.trim().is_empty());
        own.unwrap_or_else(|| ours.text(self.lang).to_owned())
    }

    pub(super) fn required_message(&mut self, form: &Form, id: NodeId) -> String {
        let bind = &form.def(self.tree.node(id).def).bind;
        self.message(bind.required_text.as_deref(), Message::Required, id)
    }

    pub(super) fn required(&mut self, form: &Form, id: NodeId) -> bool {
        let required = form.def(self.tree.node(id).def).bind.required.as_ref();
        required.is_some_and(|expr| self.with_env(id, |env| env.truth_of(expr, id)))
    }

    /// Calculated, preloaded, shown only, or made read-only by its own bind or one around it.
    pub(super) fn readonly(&mut self, form: &Form, id: NodeId) -> bool {
        let def = form.def(self.tree.node(id).def);
        if def.kind == Kind::Note || def.field.as_ref().is_some_and(|f| f.calculated) {
            return true;
        }
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.tree.node(id);
            at = node.parent;
            if let Some(expr) = &form.def(node.def).bind.readonly
                && self.with_env(id, |env| env.truth_of(expr, id))
            {
                return true;
            }
        }
        false
    }

    // ---- rows --------------------------------------------------------------------------------------------------

    /// Adds a row to a repeat; `repeat` holds the repeat's field id and the rows around it.
    ///
    /// # Errors
    /// `UnknownField` when that is no repeat, `NotRelevant`, or `Readonly` when rows are fixed or the session is full.
    pub fn add_repeat(&mut self, repeat: &FieldRef) -> Result<RowId, AnswerError> {
        let form = Arc::clone(&self.form);
        let range = self.tree.find(&form, repeat).ok_or(AnswerError::UnknownField)?;
        let node = self.tree.node(range);
        let (def, parent) = (node.def, node.parent.ok_or(AnswerError::UnknownField)?);
        if form.def(def).kind != Kind::Repeat || node.row.is_some() {
            return Err(AnswerError::UnknownField);
        }
        self.rows_may_change(&form, range)?;
        let (form_ref, tree, offset_minutes, rng) = self.builder_parts();
        let row = RowId(rng());
        let mut builder = Builder { form: form_ref, offset_minutes, initial_rows: true, rng };
        let id = tree.add_row(&mut builder, parent, def, row).ok_or(AnswerError::Readonly)?;
        self.queue_subtree(id);
        self.touch_subtree(id);
        self.settle();
        self.new_row(id);
        Ok(row)
    }

    /// Removes a row; `row` holds the repeat's field id with the row's own id last.
    ///
    /// # Errors
    /// `UnknownField` when there is no such row, `NotRelevant`, or `Readonly` when rows are fixed.
    pub fn remove_repeat(&mut self, row: &FieldRef) -> Result<Changed, AnswerError> {
        let form = Arc::clone(&self.form);
        let id = self.tree.find(&form, row).ok_or(AnswerError::UnknownField)?;
        let node = self.tree.node(id);
        if form.def(node.def).kind != Kind::Repeat || node.row.is_none() {
            return Err(AnswerError::UnknownField);
        }
        self.rows_may_change(&form, id)?;
        self.tree.remove_row(&form, id);
        self.touch_subtree(id);
        let nodes = self.settle();
        Ok(Changed { value: None, fields: self.references(&form, &nodes) })
    }

    fn rows_may_change(&self, form: &Form, id: NodeId) -> Result<(), AnswerError> {
        if !self.tree.relevant(id) {
            return Err(AnswerError::NotRelevant);
        }
        if form.rows_are_open(self.tree.node(id).def) { Ok(()) } else { Err(AnswerError::Readonly) }
    }
}
