//! Checking the whole form and giving its values back.
//!
//! Knows: what must hold before a form is done. Refuses to know: records. Invariant: only relevant values leave, and a
//! form with a problem does not finish. Start at [`Session::finish`].

use super::Session;
use crate::catalogue::Message;
use crate::form::Form;
use crate::model::{Preload, Shape};
use crate::tree::NodeId;
use crate::value::{FieldRef, Kind, Value};
use crate::view::{Finished, Problem};
use std::collections::HashSet;
use std::sync::Arc;

impl Session {
    /// Everything that stands in the way of finishing, in the order of the form. Rows nobody wrote in are passed over.
    pub fn validate(&mut self) -> Vec<Problem> {
        let form = Arc::clone(&self.form);
        let mut problems = Vec::new();
        let blank: HashSet<NodeId> = self.blank_rows().into_iter().flat_map(|row| self.tree.subtree(row)).collect();
        for id in self.relevant_fields(&form).into_iter().filter(|id| !blank.contains(id)) {
            let Some(message) = self.fault(&form, id) else {
                continue;
            };
            let Some(field) = self.tree.reference(&form, id) else {
                continue;
            };
            let label = self.own_label(&form, id);
            problems.push(Problem { field, label, message });
        }
        problems
    }

    /// Every relevant value, calculated ones included, in the order of the form.
    pub fn values(&self) -> Vec<(FieldRef, Value)> {
        let form = &self.form;
        let value = |id: NodeId| Some((self.tree.reference(form, id)?, self.tree.node(id).value.clone()?));
        self.relevant_fields(form).into_iter().filter_map(value).collect()
    }

    /// Every relevant row, in order: the repeat's field id, and the rows around with the row itself last.
    pub fn rows(&self) -> Vec<FieldRef> {
        let rows = self.tree.subtree(NodeId::ROOT).into_iter();
        let rows = rows.filter(|id| self.tree.node(*id).row.is_some() && self.tree.relevant(*id));
        rows.filter_map(|id| self.tree.reference(&self.form, id)).collect()
    }

    /// Stamps the end, takes out rows nobody wrote in (such as the first one a form offers), checks everything, and gives
    /// the values that are relevant. The session can go on either way.
    ///
    /// # Errors
    /// Every problem found.
    pub fn finish(&mut self) -> Result<Finished, Vec<Problem>> {
        self.preload(&[Preload::End]);
        self.trim();
        self.settle();
        let problems = self.validate();
        if problems.is_empty() { Ok(Finished { values: self.values(), rows: self.rows() }) } else { Err(problems) }
    }

    /// Leaves with a number that are relevant and can hold a value, in document order.
    fn relevant_fields(&self, form: &Form) -> Vec<NodeId> {
        let stored = |id: &NodeId| {
            let def = form.def(self.tree.node(*id).def);
            def.shape == Shape::Leaf && def.field.is_some() && def.kind != Kind::Note
        };
        let all = self.tree.subtree(NodeId::ROOT).into_iter();
        all.filter(|id| stored(id) && self.tree.relevant(*id)).collect()
    }

    /// The outermost relevant rows without any relevant answer. Calculated and preloaded values are no answers, and rows
    /// the user cannot remove stay whatever is in them.
    fn blank_rows(&self) -> Vec<NodeId> {
        let answered = |id: &NodeId| {
            let node = self.tree.node(*id);
            let bind = &self.form.def(node.def).bind;
            let given = node.value.is_some() && bind.calculate.is_none() && bind.preload.is_none();
            given && self.tree.relevant(*id)
        };
        let mut inside = HashSet::new();
        let mut blank = Vec::new();
        for id in self.tree.subtree(NodeId::ROOT) {
            let node = self.tree.node(id);
            let open = self.form.rows_are_open(node.def) && self.tree.relevant(id);
            if node.row.is_none() || inside.contains(&id) || !open {
                continue;
            }
            let below = self.tree.subtree(id);
            if !below.iter().any(answered) {
                inside.extend(below);
                blank.push(id);
            }
        }
        blank
    }

    fn trim(&mut self) {
        let form = Arc::clone(&self.form);
        for row in self.blank_rows() {
            self.tree.remove_row(&form, row);
            self.touch_subtree(row);
        }
    }

    /// What is wrong at a field.
    fn fault(&mut self, form: &Form, id: NodeId) -> Option<String> {
        let found = match self.tree.node(id).value.clone() {
            None => self.required(form, id).then(|| self.required_message(form, id)),
            Some(value) if !self.is_offered(form, id, &value) => {
                Some(Message::NotA(form.def(self.tree.node(id).def).kind).text(self.lang).to_owned())
            }
            Some(_) => self.broken(form, id),
        };
        let too_much = self.overrun.contains(&id);
        found.or_else(|| too_much.then(|| Message::TooMuchWork.text(self.lang).to_owned()))
    }

    fn own_label(&mut self, form: &Form, id: NodeId) -> String {
        let def = form.def(self.tree.node(id).def);
        let label = def.label.as_ref().map(|l| self.with_env(id, |env| env.render(l, id)));
        label.filter(|l| !l.is_empty()).unwrap_or_else(|| def.name.clone())
    }
}
