//! Filling in a form.
//!
//! Knows: answers, rows, language, the page shown. Refuses to know: where answers are kept; the caller writes them down.
//! Invariant: after every call all calculated values and relevances are up to date, and a refused answer has changed
//! nothing. Start at [`Session::new`].

mod answers;
mod finish;
mod pages;
mod recalc;

use crate::catalogue::Lang;
use crate::dates::Moment;
use crate::eval::Env;
use crate::form::Form;
use crate::input;
use crate::model::{DefId, Preload, Shape};
use crate::tree::{Builder, NodeId, Tree};
use crate::value::{FieldRef, Value};
use pages::Stop;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a session needs from outside: time, place in time, randomness.
pub struct Context {
    /// Milliseconds since 1970-01-01T00:00Z.
    pub now_ms: i64,
    /// Minutes east of UTC where the user is; India is 330.
    pub offset_minutes: i16,
    /// Source of random bytes for row ids and `uuid()`.
    pub rng: Box<dyn FnMut() -> [u8; 8] + Send>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now_ms", &self.now_ms)
            .field("offset_minutes", &self.offset_minutes)
            .finish_non_exhaustive()
    }
}

/// One form being filled in.
pub struct Session {
    form: Arc<Form>,
    tree: Tree,
    context: Context,
    language: usize,
    lang: Lang,
    /// Triggers to evaluate, in dependency order, each with its node.
    queue: BTreeSet<(u32, NodeId)>,
    evaluations: u64,
    /// Steps all expressions have taken so far.
    steps: u64,
    /// Nodes whose expressions took too long.
    overrun: BTreeSet<NodeId>,
    /// The page shown, and its place among the pages when it was last looked up.
    stop: Option<Stop>,
    stop_at: usize,
    skipped: Vec<FieldRef>,
}

impl fmt::Debug for Session {
    /// Names the form only: answers never get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("form", &self.form.id()).finish_non_exhaustive()
    }
}

impl Session {
    /// A new, empty form in a language (full name or code, `hi`); an unknown one gives the form's default.
    pub fn new(form: Arc<Form>, context: Context, language: &str) -> Self {
        let mut session = Self::bare(form, context, language, true);
        session.preload(&[Preload::Uid, Preload::Start, Preload::Today]);
        session.queue_all();
        session.settle();
        session.first_load();
        session
    }

    /// A draft or an existing record: the given rows and values, everything calculated anew. Rows keep the given order;
    /// a value in a row that is not listed brings its row along. What does not fit the form is in [`Session::skipped`].
    pub fn restore(
        form: Arc<Form>,
        values: impl IntoIterator<Item = (FieldRef, Value)>,
        rows: impl IntoIterator<Item = FieldRef>,
        context: Context,
        language: &str,
    ) -> Self {
        let mut session = Self::bare(form, context, language, false);
        let mut rows: Vec<FieldRef> = rows.into_iter().collect();
        rows.sort_by_key(|row| row.rows.len());
        for row in rows {
            if session.ensure_rows(&row).is_none() {
                session.skipped.push(row);
            }
        }
        for (field, value) in values {
            if session.put(&field, &value).is_none() {
                session.skipped.push(field);
            }
        }
        session.preload(&[Preload::Uid]);
        session.queue_all();
        session.settle();
        session
    }

    fn bare(form: Arc<Form>, mut context: Context, language: &str, initial_rows: bool) -> Self {
        let offset_minutes = context.offset_minutes;
        let tree = Tree::new(&mut Builder { form: &form, offset_minutes, initial_rows, rng: &mut *context.rng });
        let mut session = Self {
            language: form.default_language,
            lang: Lang::Hindi,
            form,
            tree,
            context,
            queue: BTreeSet::new(),
            evaluations: 0,
            steps: 0,
            overrun: BTreeSet::new(),
            stop: None,
            stop_at: 0,
            skipped: Vec::new(),
        };
        session.set_language(language);
        session
    }

    /// The form.
    pub fn form(&self) -> &Arc<Form> {
        &self.form
    }

    /// Addresses given to [`Session::restore`] that do not fit this version of the form. Whoever saves the result must
    /// leave those fields as they were.
    pub fn skipped(&self) -> &[FieldRef] {
        &self.skipped
    }

    /// Switches the language; an unknown one gives the form's default.
    pub fn set_language(&mut self, language: &str) {
        self.language = self.form.language_index(language).unwrap_or(self.form.default_language);
        let name = self.form.languages().get(self.language).map_or(language, String::as_str);
        self.lang = Lang::of(name);
    }

    /// Tells the session the time. Rules that compare with now use it from here on; calculated values wait for an answer.
    pub fn set_now(&mut self, now_ms: i64, offset_minutes: i16) {
        self.context.now_ms = now_ms;
        self.context.offset_minutes = offset_minutes;
    }

    /// The value of a field, whether relevant or not.
    pub fn value(&self, field: &FieldRef) -> Option<&Value> {
        self.tree.node(self.tree.find(&self.form, field)?).value.as_ref()
    }

    /// How many calculations and relevances have been evaluated so far: a measure of work, for tests and benches.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Runs expressions that belong to `node`, and remembers when they take too long.
    fn with_env<R>(&mut self, node: NodeId, work: impl FnOnce(&mut Env<'_>) -> R) -> R {
        let now = Moment::at(self.context.now_ms, self.context.offset_minutes);
        let mut env = Env::new(&self.form, &self.tree, now, (self.language, self.lang), &mut *self.context.rng);
        let result = work(&mut env);
        let (steps, exhausted) = (env.steps(), env.exhausted);
        self.steps += u64::from(steps);
        if exhausted {
            self.overrun.insert(node);
        }
        result
    }

    /// Fills in the preloads of the given kinds where nothing stands yet.
    fn preload(&mut self, kinds: &[Preload]) {
        let form = Arc::clone(&self.form);
        for (at, def) in form.defs.iter().enumerate() {
            let Some(kind) = def.bind.preload.filter(|k| kinds.contains(k)) else {
                continue;
            };
            let now = Moment::at(self.context.now_ms, self.context.offset_minutes);
            let text = match kind {
                Preload::Uid => format!("uuid:{}", crate::eval::uuid(&mut *self.context.rng)),
                Preload::Today => crate::dates::date_text(now.local_day()),
                Preload::Start | Preload::End => now.text(),
            };
            let value = input::from_expression(def.kind, &text, self.context.offset_minutes);
            for id in self.tree.instances(&form, NodeId::ROOT, DefId(crate::num::index(at))) {
                if let Some(node) = self.tree.node_mut(id).filter(|n| n.value.is_none() || kind == Preload::End) {
                    node.value.clone_from(&value);
                    self.touch(id);
                }
            }
        }
    }

    fn builder_parts(&mut self) -> (&Form, &mut Tree, i16, &mut (dyn FnMut() -> [u8; 8] + Send)) {
        (&self.form, &mut self.tree, self.context.offset_minutes, &mut *self.context.rng)
    }

    /// Makes the rows of an address exist. Gives the node the address leads to.
    fn ensure_rows(&mut self, at: &FieldRef) -> Option<NodeId> {
        let form = Arc::clone(&self.form);
        let target = *form.by_id.get(&at.field)?;
        let repeats: Vec<DefId> =
            form.chain(target).into_iter().filter(|d| matches!(form.def(*d).shape, Shape::Repeat { .. })).collect();
        if repeats.len() != at.rows.len() {
            return None;
        }
        for (depth, repeat) in repeats.iter().enumerate() {
            let field = form.def(*repeat).field.as_ref()?.id;
            let rows = at.rows.get(..=depth)?.to_vec();
            if self.tree.find(&form, &FieldRef { field, rows }).is_some() {
                continue;
            }
            let range = self.tree.find(&form, &FieldRef { field, rows: at.rows.get(..depth)?.to_vec() })?;
            let parent = self.tree.node(range).parent?;
            let row = *at.rows.get(depth)?;
            let (form, tree, offset_minutes, rng) = self.builder_parts();
            let mut builder = Builder { form, offset_minutes, initial_rows: false, rng };
            tree.add_row(&mut builder, parent, *repeat, row)?;
        }
        self.tree.find(&form, at)
    }

    /// Stores a value without asking any rule.
    fn put(&mut self, at: &FieldRef, value: &Value) -> Option<()> {
        let node = self.ensure_rows(at)?;
        let def = self.form.def(self.tree.node(node).def);
        let value = input::check_value(def.kind, value)?;
        let known = &def.field.as_ref()?.choices;
        let fits = match &value {
            Value::Choice(code) => known.contains(code),
            Value::Choices(set) => set.iter().all(|code| known.contains(code)),
            _ => true,
        };
        self.tree.node_mut(node).filter(|_| fits)?.value = Some(value);
        Some(())
    }
}
