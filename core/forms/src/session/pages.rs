//! What is on the screen, and moving between screens.
//!
//! Knows: the order of the body. Refuses to know: widgets. Invariant: a page exists only while its questions are
//! relevant; the place in the form survives changes elsewhere. Start at [`Session::page`].

use super::Session;
use crate::compile::has_word;
use crate::form::Form;
use crate::model::{DefId, UiKind};
use crate::tree::NodeId;
use crate::value::FieldRef;
use crate::view::{ChoiceItem, Page, Question, RepeatPrompt};
use std::sync::Arc;

/// A place where the form can be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Body element and node.
    Question(u32, NodeId),
    /// A group, or a row, whose questions share the page.
    List(u32, NodeId),
    /// Room for another row: body element and the node around the repeat.
    More(u32, NodeId),
}

impl Session {
    /// The page the form is open at.
    pub fn page(&mut self) -> Page {
        let stops = self.stops();
        let at = self.place(&stops);
        let Some(stop) = stops.get(at).copied() else {
            return Page::default();
        };
        let mut page = Page { number: at + 1, count: stops.len(), ..Page::default() };
        page.titles = self.titles(stop);
        for part in self.parts(stop) {
            match part {
                Stop::Question(ui, node) => page.questions.extend(self.question(ui, node)),
                Stop::More(ui, node) => page.repeats.extend(self.prompt(ui, node)),
                Stop::List(..) => {}
            }
        }
        page
    }

    /// Goes one page on. False at the last.
    #[allow(clippy::should_implement_trait)] // a page is no item; `next` and `previous` are a pair
    pub fn next(&mut self) -> bool {
        let stops = self.stops();
        let at = self.place(&stops);
        self.go(&stops, at + 1)
    }

    /// Goes one page back. False at the first.
    pub fn previous(&mut self) -> bool {
        let stops = self.stops();
        let at = self.place(&stops);
        at > 0 && self.go(&stops, at - 1)
    }

    /// Opens the page of a question, of a row's first question, or of a repeat's prompt. False when there is none.
    pub fn jump(&mut self, field: &FieldRef) -> bool {
        let form = Arc::clone(&self.form);
        let Some(target) = self.tree.find(&form, field) else {
            return false;
        };
        let inside = self.tree.subtree(target);
        let stops = self.stops();
        let found = stops.iter().position(|stop| {
            self.parts(*stop).iter().any(|part| match part {
                Stop::Question(_, node) | Stop::List(_, node) => inside.contains(node),
                Stop::More(ui, node) => {
                    let def = form.ui.get(*ui as usize).and_then(|u| u.def);
                    let own = self.tree.node(target);
                    def == Some(own.def) && own.row.is_none() && own.parent == Some(*node)
                }
            })
        });
        found.is_some_and(|at| self.go(&stops, at))
    }

    /// Every relevant question of the form, in order, repeats row by row.
    pub fn questions(&mut self) -> Vec<Question> {
        let mut all = Vec::new();
        for stop in self.stops() {
            for part in self.parts(stop) {
                if let Stop::Question(ui, node) = part {
                    all.extend(self.question(ui, node));
                }
            }
        }
        all
    }

    fn go(&mut self, stops: &[Stop], at: usize) -> bool {
        let Some(stop) = stops.get(at) else {
            return false;
        };
        self.stop = Some(*stop);
        self.stop_at = at;
        true
    }

    /// Where the form is open now. If that page is gone, the one that took its place.
    fn place(&mut self, stops: &[Stop]) -> usize {
        let found = self.stop.and_then(|stop| stops.iter().position(|s| *s == stop));
        let at = found.unwrap_or_else(|| self.stop_at.min(stops.len().saturating_sub(1)));
        self.go(stops, at);
        at
    }

    /// All places, in order.
    fn stops(&self) -> Vec<Stop> {
        let mut out = Vec::new();
        self.walk(&self.form.body, NodeId::ROOT, false, &mut out);
        out
    }

    /// The questions and prompts that share a page.
    fn parts(&self, stop: Stop) -> Vec<Stop> {
        let Stop::List(ui, node) = stop else {
            return vec![stop];
        };
        let mut out = Vec::new();
        if let Some(ui) = self.form.ui.get(ui as usize) {
            self.walk(&ui.children, node, true, &mut out);
        }
        out
    }

    /// Collects the places below body elements; `flat` inside a page, where nothing makes a page of its own.
    fn walk(&self, elements: &[u32], at: NodeId, flat: bool, out: &mut Vec<Stop>) {
        for id in elements {
            let Some(ui) = self.form.ui.get(*id as usize) else {
                continue;
            };
            if ui.kind == UiKind::Repeat {
                self.walk_repeat(*id, at, flat, out);
                continue;
            }
            let node = ui.def.map_or(at, |def| self.locate(at, def));
            if !self.tree.relevant(node) {
                continue;
            }
            match ui.kind {
                UiKind::Question => out.push(Stop::Question(*id, node)),
                UiKind::FieldList if !flat => {
                    if !self.parts(Stop::List(*id, node)).is_empty() {
                        out.push(Stop::List(*id, node));
                    }
                }
                _ => self.walk(&ui.children, node, flat, out),
            }
        }
    }

    fn walk_repeat(&self, id: u32, at: NodeId, flat: bool, out: &mut Vec<Stop>) {
        let Some(ui) = self.form.ui.get(id as usize) else {
            return;
        };
        let Some(def) = ui.def.map(|d| self.form.def(d)) else {
            return;
        };
        let parent = def.parent.map_or(at, |p| self.locate(at, p));
        for row in self.tree.rows(parent, def.slot).iter().filter(|r| self.tree.relevant(**r)) {
            if has_word(&ui.appearance, "field-list") && !flat {
                out.push(Stop::List(id, *row));
            } else {
                self.walk(&ui.children, *row, flat, out);
            }
        }
        if ui.open && self.range(parent, def.slot).is_some_and(|range| self.tree.relevant(range)) {
            out.push(Stop::More(id, parent));
        }
    }

    fn range(&self, parent: NodeId, slot: u32) -> Option<NodeId> {
        match self.tree.node(parent).slots.get(slot as usize)? {
            crate::tree::Slot::Rows { range, .. } => Some(*range),
            crate::tree::Slot::One(_) => None,
        }
    }

    /// The node of `def` at or below `at`.
    fn locate(&self, at: NodeId, def: DefId) -> NodeId {
        self.tree.instances(&self.form, at, def).first().copied().unwrap_or(at)
    }

    fn label(&mut self, form: &Form, ui: u32, node: NodeId) -> String {
        let label = form.ui.get(ui as usize).and_then(|u| u.label.as_ref());
        let shown = label.map_or(String::new(), |l| self.with_env(node, |env| env.render(l, node)));
        if shown.is_empty() { form.def(self.tree.node(node).def).name.clone() } else { shown }
    }

    pub(super) fn question(&mut self, ui: u32, id: NodeId) -> Option<Question> {
        let form = Arc::clone(&self.form);
        let element = form.ui.get(ui as usize)?;
        let def = form.def(self.tree.node(id).def);
        let field = self.tree.reference(&form, id)?;
        let hint = element.hint.as_ref().map(|h| self.with_env(id, |env| env.render(h, id)));
        Some(Question {
            label: self.label(&form, ui, id),
            hint: hint.filter(|h| !h.is_empty()),
            name: def.name.clone(),
            kind: def.kind,
            class: def.field.as_ref()?.class,
            appearance: element.appearance.clone(),
            choices: self.choice_items(&form, id),
            value: self.tree.node(id).value.clone(),
            required: self.required(&form, id),
            readonly: self.readonly(&form, id),
            error: self.broken(&form, id),
            field,
        })
    }

    fn choice_items(&mut self, form: &Form, id: NodeId) -> Vec<ChoiceItem> {
        let Some(source) = &form.def(self.tree.node(id).def).choices else {
            return Vec::new();
        };
        let offered = self.offered(id);
        let items = offered.iter().filter_map(|at| source.items.get(*at));
        items
            .map(|item| ChoiceItem {
                value: item.value.clone(),
                label: self.with_env(id, |env| env.render(&item.label, id)),
            })
            .collect()
    }

    fn prompt(&mut self, ui: u32, parent: NodeId) -> Option<RepeatPrompt> {
        let form = Arc::clone(&self.form);
        let def = form.def(form.ui.get(ui as usize)?.def?);
        let range = self.range(parent, def.slot)?;
        let count = self.tree.rows(parent, def.slot).len();
        Some(RepeatPrompt { repeat: self.tree.reference(&form, range)?, label: self.label(&form, ui, range), count })
    }

    /// Labels of the groups and rows around a page.
    fn titles(&mut self, stop: Stop) -> Vec<String> {
        let form = Arc::clone(&self.form);
        let (Stop::Question(_, from) | Stop::List(_, from) | Stop::More(_, from)) = stop;
        let mut titles = Vec::new();
        let mut at = if matches!(stop, Stop::Question(..)) { self.tree.node(from).parent } else { Some(from) };
        while let Some(id) = at {
            let node = self.tree.node(id);
            let (def, is_row, parent) = (form.def(node.def), node.row.is_some(), node.parent);
            let label = def.label.as_ref().map(|l| self.with_env(id, |env| env.render(l, id)));
            if let Some(label) = label.filter(|l| !l.is_empty()) {
                let rows = parent.map_or(&[][..], |p| self.tree.rows(p, def.slot));
                let number = rows.iter().position(|r| *r == id).filter(|_| is_row);
                titles.push(number.map_or(label.clone(), |n| format!("{label} {}", n + 1)));
            }
            at = parent;
        }
        titles.reverse();
        titles
    }
}
