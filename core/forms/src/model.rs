//! The compiled form as the session uses it: definitions, expressions with resolved references, texts, questions.
//!
//! Knows: shapes and indices. Refuses to know: XML (see `compile`) and answers (see `session`).
//! Invariant: definitions are in pre-order, so a subtree is the range `id..end`; every index points inside its table.
//! Start at [`Def`] and [`Expr`].

use crate::form::FieldDef;
use crate::value::{Class, Kind};
use crate::xpath::Op;
use std::collections::HashMap;
use std::sync::Arc;

/// Index of a node definition of the primary instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DefId(pub(crate) u32);

impl DefId {
    pub(crate) const ROOT: Self = Self(0);

    pub(crate) fn ix(self) -> usize {
        self.0 as usize
    }
}

/// An element name, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sym(pub(crate) u32);

/// What a node of the primary instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Group,
    Repeat {
        /// Rows a new session starts with.
        initial: u32,
    },
    Leaf,
}

/// A node of the primary instance.
#[derive(Debug)]
pub(crate) struct Def {
    pub(crate) name: String,
    /// Path without the root element: `/group/name`.
    pub(crate) path: String,
    pub(crate) parent: Option<DefId>,
    /// Position among the parent's children.
    pub(crate) slot: u32,
    pub(crate) children: Vec<DefId>,
    /// One past the last definition of the subtree.
    pub(crate) end: u32,
    pub(crate) depth: u32,
    pub(crate) shape: Shape,
    pub(crate) default: String,
    pub(crate) bind: Bind,
    pub(crate) kind: Kind,
    /// Number and class; none for groups and bookkeeping nodes.
    pub(crate) field: Option<FieldDef>,
    pub(crate) choices: Option<Arc<ChoiceSource>>,
    pub(crate) label: Option<Arc<Text>>,
    /// Byte offset in the form's XML, for messages.
    pub(crate) offset: usize,
}

/// A preloaded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preload {
    Uid,
    Start,
    End,
    Today,
}

/// What a bind says about a node.
#[derive(Debug, Default)]
pub(crate) struct Bind {
    pub(crate) relevant: Option<Expr>,
    pub(crate) calculate: Option<Expr>,
    pub(crate) required: Option<Expr>,
    pub(crate) readonly: Option<Expr>,
    pub(crate) constraint: Option<Expr>,
    pub(crate) required_text: Option<Arc<Text>>,
    pub(crate) constraint_text: Option<Arc<Text>>,
    pub(crate) preload: Option<Preload>,
}

/// Where a path starts.
#[derive(Debug)]
pub(crate) enum Start {
    /// Root element of the primary instance.
    Root,
    /// The node a predicate is tried on, else the same as `Current`.
    Context,
    /// The node the whole expression belongs to.
    Current,
    /// The `instance` element of a secondary instance.
    Doc(u32),
    Expr(Box<Expr>),
}

/// A resolved step.
#[derive(Debug)]
pub(crate) enum Step {
    Parent,
    /// Child of a form node by position.
    Slot(u32),
    /// Child element of a secondary instance by name.
    Named(Sym),
    /// Every child element of a secondary instance.
    Any,
    /// An attribute of a secondary instance's element.
    Attribute(Sym),
    Filter(Expr),
    /// Keeps the n-th node, n counted from the expression's own node (`indexed-repeat`).
    Nth(Expr),
}

/// A resolved path.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) start: Start,
    pub(crate) steps: Vec<Step>,
    /// The form node it leads to.
    pub(crate) target: Option<DefId>,
}

/// A resolved expression.
#[derive(Debug)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Negative(Box<Expr>),
    Chain(Box<Expr>, Vec<(Op, Expr)>),
    Union(Vec<Expr>),
    Path(Path),
    Call(Func, Vec<Expr>),
    Regex(Box<Expr>, regex_lite::Regex),
    /// The node's own value, or else the expression.
    Once(Box<Expr>),
    /// Label of a code in a field's list.
    ChoiceName(Box<Expr>, DefId),
    /// A translated text by its id.
    Itext(Box<Expr>),
}

/// Functions evaluated from their arguments alone, plus time, position and ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Func {
    Abs,
    Boolean,
    BooleanFromString,
    Ceiling,
    Checklist,
    Coalesce,
    Concat,
    Contains,
    Count,
    CountNonEmpty,
    CountSelected,
    Date,
    DateTime,
    DecimalDateTime,
    DecimalTime,
    EndsWith,
    False,
    Floor,
    FormatDate,
    If,
    Int,
    Join,
    Last,
    Max,
    Min,
    NormalizeSpace,
    Not,
    Now,
    Number,
    Position,
    Pow,
    Round,
    Selected,
    SelectedAt,
    Sqrt,
    StartsWith,
    String,
    StringLength,
    Substr,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Today,
    Translate,
    True,
    Uuid,
}

/// A text in every language of the form; `None` where a language lacks it.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) languages: Vec<Option<Vec<Part>>>,
}

impl Text {
    /// The text in a language, else in the form's default one, else in the first that has it.
    pub(crate) fn parts(&self, language: usize, default: usize) -> &[Part] {
        let in_language = |at: usize| self.languages.get(at).and_then(Option::as_ref);
        let found = in_language(language).or_else(|| in_language(default));
        found.or_else(|| self.languages.iter().flatten().next()).map_or(&[], Vec::as_slice)
    }
}

/// A piece of a text.
#[derive(Debug)]
pub(crate) enum Part {
    Plain(String),
    Output(Expr),
}

/// One item of a list.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) value: String,
    pub(crate) label: Arc<Text>,
}

/// Where a question's choices come from.
#[derive(Debug)]
pub(crate) struct ChoiceSource {
    /// Every item the list can ever offer, in the order of the form.
    pub(crate) items: Vec<Item>,
    /// Present when a predicate decides: the path to the offered items, and the item of each of its nodes.
    pub(crate) filter: Option<Filtered>,
}

/// A list with a predicate.
#[derive(Debug)]
pub(crate) struct Filtered {
    pub(crate) path: Expr,
    /// Item index by node of the secondary instance.
    pub(crate) items: HashMap<u32, u32>,
}

/// A secondary instance.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) id: String,
    /// Node 0 is the `instance` element.
    pub(crate) nodes: Vec<DocNode>,
}

/// An element of a secondary instance.
#[derive(Debug)]
pub(crate) struct DocNode {
    pub(crate) name: Sym,
    pub(crate) parent: u32,
    pub(crate) children: Vec<u32>,
    pub(crate) text: String,
    pub(crate) attributes: Vec<(Sym, String)>,
}

/// What a body element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UiKind {
    Group,
    /// A group whose questions share a page.
    FieldList,
    Repeat,
    Question,
}

/// An element of the body.
#[derive(Debug)]
pub(crate) struct Ui {
    pub(crate) kind: UiKind,
    pub(crate) def: Option<DefId>,
    pub(crate) children: Vec<u32>,
    pub(crate) label: Option<Arc<Text>>,
    pub(crate) hint: Option<Arc<Text>>,
    pub(crate) appearance: String,
    /// Whether the user may add and remove rows (repeats only).
    pub(crate) open: bool,
}

/// What a trigger works out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Facet {
    Relevant,
    Choices,
    Calculate,
}

/// An expression that is kept up to date as answers change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trigger {
    pub(crate) def: DefId,
    pub(crate) facet: Facet,
}

/// One use of a node by a trigger: who, and below which common ancestor the two stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) trigger: u32,
    pub(crate) anchor: DefId,
}

/// When a `setvalue` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) first_load: bool,
    pub(crate) new_repeat: bool,
}

/// A `setvalue`.
#[derive(Debug)]
pub(crate) struct SetValue {
    pub(crate) target: DefId,
    pub(crate) event: Event,
    pub(crate) value: Expr,
}

/// Class, coarseness and waiver from the bind's own attributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secrecy {
    pub(crate) class: Class,
    pub(crate) coarse: bool,
    pub(crate) waived: bool,
}
