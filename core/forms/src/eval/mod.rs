//! Works out resolved expressions against a session's answers.
//!
//! Knows: XPath 1.0 values and conversions, plus ODK's dates-as-days. Refuses to know: what the result is used for.
//! Invariant: evaluation never fails and never changes answers; when it takes more than its share of steps it gives a
//! blank and says so in [`Env::exhausted`]. Start at [`Env::eval`].

mod call;
mod compare;
mod path;

pub(crate) use call::uuid;

use crate::catalogue::Lang;
use crate::dates::{self, Moment};
use crate::form::Form;
use crate::model::{Expr, Part, Text};
use crate::num;
use crate::tree::{NodeId, Tree};
use crate::xpath::Op;

/// Steps one expression may take; a filter over 10 000 items with a look-up each needs about a tenth of it.
const MAX_STEPS: u32 = 2_000_000;
/// Longest text an expression may build, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// A node of either kind of instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XNode {
    Data(NodeId),
    /// Secondary instance and node.
    Doc(u32, u32),
    /// Secondary instance, node, attribute.
    Attribute(u32, u32, u32),
}

/// A value during evaluation.
#[derive(Debug, Clone)]
pub(crate) enum Val {
    Nodes(Vec<XNode>),
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Val {
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Text(text) => !text.is_empty(),
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Bool(b) => *b,
        }
    }
}

/// Where evaluation stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Focus {
    pub(crate) current: NodeId,
    pub(crate) context: XNode,
    pub(crate) position: usize,
    pub(crate) size: usize,
}

impl Focus {
    pub(crate) fn on(node: NodeId) -> Self {
        Self { current: node, context: XNode::Data(node), position: 1, size: 1 }
    }
}

/// What expressions are evaluated against.
pub(crate) struct Env<'a> {
    pub(crate) form: &'a Form,
    pub(crate) tree: &'a Tree,
    pub(crate) now: Moment,
    pub(crate) language: usize,
    pub(crate) lang: Lang,
    pub(crate) rng: &'a mut (dyn FnMut() -> [u8; 8] + Send),
    steps: u32,
    pub(crate) exhausted: bool,
}

impl<'a> Env<'a> {
    pub(crate) fn new(
        form: &'a Form,
        tree: &'a Tree,
        now: Moment,
        (language, lang): (usize, Lang),
        rng: &'a mut (dyn FnMut() -> [u8; 8] + Send),
    ) -> Self {
        Self { form, tree, now, language, lang, rng, steps: 0, exhausted: false }
    }

    /// Result of an expression that belongs to `node`, as text.
    pub(crate) fn text_of(&mut self, expr: &Expr, node: NodeId) -> String {
        let value = self.eval(expr, Focus::on(node));
        self.text(&value)
    }

    /// Result of an expression that belongs to `node`, as a truth value.
    pub(crate) fn truth_of(&mut self, expr: &Expr, node: NodeId) -> bool {
        self.eval(expr, Focus::on(node)).truth()
    }

    /// Steps taken so far.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether there are steps left for `n` more.
    fn spend(&mut self, n: usize) -> bool {
        self.steps = self.steps.saturating_add(num::index(n));
        if self.steps > MAX_STEPS {
            self.exhausted = true;
        }
        !self.exhausted
    }

    pub(crate) fn eval(&mut self, expr: &Expr, focus: Focus) -> Val {
        if !self.spend(1) {
            return Val::Text(String::new());
        }
        match expr {
            Expr::Number(n) => Val::Number(*n),
            Expr::Text(text) => Val::Text(text.clone()),
            Expr::Negative(inner) => Val::Number(-self.number_of(inner, focus)),
            Expr::Chain(first, rest) => self.chain(first, rest, focus),
            Expr::Union(parts) => self.union(parts, focus),
            Expr::Path(path) => Val::Nodes(self.nodes(path, focus)),
            Expr::Call(func, args) => self.call(*func, args, focus),
            Expr::Regex(value, regex) => {
                let text = self.string_of(value, focus);
                Val::Bool(regex.is_match(&text))
            }
            Expr::Once(value) => match &self.tree.node(focus.current).value {
                Some(own) => Val::Text(own.to_text()),
                None => self.eval(value, focus),
            },
            Expr::ChoiceName(value, def) => {
                let code = self.string_of(value, focus);
                let source = self.form.def(*def).choices.as_ref();
                let item = source.and_then(|s| s.items.iter().find(|i| i.value == code));
                Val::Text(item.map_or(String::new(), |i| self.render(&i.label, focus.current)))
            }
            Expr::Itext(id) => {
                let id = self.string_of(id, focus);
                let text = self.form.itexts.get(&id);
                Val::Text(text.map_or(String::new(), |t| self.render(t, focus.current)))
            }
        }
    }

    fn chain(&mut self, first: &Expr, rest: &[(Op, Expr)], focus: Focus) -> Val {
        let mut left = self.eval(first, focus);
        for (op, right) in rest {
            left = match op {
                Op::Or => Val::Bool(left.truth() || self.truth_at(right, focus)),
                Op::And => Val::Bool(left.truth() && self.truth_at(right, focus)),
                Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => {
                    let (a, b) = (self.number(&left), self.number_of(right, focus));
                    Val::Number(match op {
                        Op::Add => a + b,
                        Op::Sub => a - b,
                        Op::Mul => a * b,
                        Op::Div => a / b,
                        _ => a % b,
                    })
                }
                _ => {
                    let right = self.eval(right, focus);
                    Val::Bool(self.compare(*op, &left, &right))
                }
            };
        }
        left
    }

    fn union(&mut self, parts: &[Expr], focus: Focus) -> Val {
        let mut all: Vec<XNode> = Vec::new();
        for part in parts {
            if let Val::Nodes(nodes) = self.eval(part, focus) {
                for node in nodes {
                    if !all.contains(&node) && self.spend(all.len()) {
                        all.push(node);
                    }
                }
            }
        }
        Val::Nodes(all)
    }

    // ---- conversions -------------------------------------------------------------------------------------------

    pub(crate) fn node_text(&self, node: XNode) -> String {
        match node {
            XNode::Data(id) => self.tree.node(id).value.as_ref().map_or(String::new(), crate::value::Value::to_text),
            XNode::Doc(doc, node) => self.doc_node(doc, node).map_or(String::new(), |n| n.text.clone()),
            XNode::Attribute(doc, node, at) => {
                let attribute = self.doc_node(doc, node).and_then(|n| n.attributes.get(at as usize));
                attribute.map_or(String::new(), |(_, value)| value.clone())
            }
        }
    }

    pub(crate) fn text(&self, value: &Val) -> String {
        match value {
            Val::Nodes(nodes) => nodes.first().map_or(String::new(), |n| self.node_text(*n)),
            Val::Text(text) => text.clone(),
            Val::Number(n) => num::number_text(*n),
            Val::Bool(b) => b.to_string(),
        }
    }

    pub(crate) fn number(&self, value: &Val) -> f64 {
        match value {
            Val::Number(n) => *n,
            Val::Bool(b) => f64::from(u8::from(*b)),
            Val::Text(text) => self.text_number(text),
            Val::Nodes(_) => self.text_number(&self.text(value)),
        }
    }

    /// A text as a number: XPath's grammar, or else a date as days since 1970.
    fn text_number(&self, text: &str) -> f64 {
        num::parse_number(text).or_else(|| self.moment(text).map(Moment::days)).unwrap_or(f64::NAN)
    }

    fn moment(&self, text: &str) -> Option<Moment> {
        dates::parse_moment(text, self.now.offset_minutes)
    }

    fn string_of(&mut self, expr: &Expr, focus: Focus) -> String {
        let value = self.eval(expr, focus);
        self.text(&value)
    }

    fn number_of(&mut self, expr: &Expr, focus: Focus) -> f64 {
        let value = self.eval(expr, focus);
        self.number(&value)
    }

    fn truth_at(&mut self, expr: &Expr, focus: Focus) -> bool {
        self.eval(expr, focus).truth()
    }

    // ---- texts -------------------------------------------------------------------------------------------------

    /// A text in the session's language, else the form's first that has it; outputs filled in.
    pub(crate) fn render(&mut self, text: &Text, node: NodeId) -> String {
        let mut out = String::new();
        for part in text.parts(self.language, self.form.default_language) {
            match part {
                Part::Plain(plain) => out.push_str(plain),
                Part::Output(expr) => out.push_str(&self.text_of(expr, node)),
            }
        }
        out
    }
}
