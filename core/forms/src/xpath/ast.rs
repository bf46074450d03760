//! The syntax tree of an expression, names still as written.
//!
//! Knows: shapes. Refuses to know: whether a name means anything. Invariant: chains of operators of one precedence are
//! flat, so depth is nesting, not length. Start at [`Ast`].

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

impl Op {
    /// Binding strength, 1 (or) to 6 (times).
    pub(crate) fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne => 3,
            Self::Lt | Self::Le | Self::Gt | Self::Ge => 4,
            Self::Add | Self::Sub => 5,
            Self::Mul | Self::Div | Self::Mod => 6,
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ast {
    Number(f64),
    Text(String),
    Negative(Box<Ast>),
    /// Operands of one precedence, applied from the left.
    Chain(Box<Ast>, Vec<(Op, Ast)>),
    Union(Vec<Ast>),
    Call(Call),
    Path(RawPath),
}

/// A function call; `at` is its byte offset in the expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Ast>,
    pub(crate) at: usize,
}

/// A location path or filter expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawPath {
    pub(crate) start: Start,
    pub(crate) steps: Vec<RawStep>,
    pub(crate) at: usize,
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Start {
    Root,
    Context,
    /// A filter expression with its own predicates, e.g. `instance('x')[1]`.
    Expr(Box<Ast>, Vec<Ast>),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawStep {
    pub(crate) axis: Axis,
    pub(crate) test: Test,
    pub(crate) predicates: Vec<Ast>,
    pub(crate) at: usize,
}

/// Axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Child,
    Parent,
    Itself,
    Attribute,
    Ancestor,
    AncestorOrSelf,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Preceding,
    PrecedingSibling,
    Namespace,
}

impl Axis {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "child" => Self::Child,
            "parent" => Self::Parent,
            "self" => Self::Itself,
            "attribute" => Self::Attribute,
            "ancestor" => Self::Ancestor,
            "ancestor-or-self" => Self::AncestorOrSelf,
            "descendant" => Self::Descendant,
            "descendant-or-self" => Self::DescendantOrSelf,
            "following" => Self::Following,
            "following-sibling" => Self::FollowingSibling,
            "preceding" => Self::Preceding,
            "preceding-sibling" => Self::PrecedingSibling,
            "namespace" => Self::Namespace,
            _ => return None,
        })
    }
}

/// Node tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// A name, prefix included as written.
    Name(String),
    /// `*`.
    Any,
    /// `node()`.
    Node,
    /// `text()`, `comment()` or `processing-instruction()`, by name.
    Type(String),
}
