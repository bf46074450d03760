//! XPath 1.0 as text: lexer, grammar and syntax tree.
//!
//! Knows: the grammar. Refuses to know: forms, functions and values (see `compile::resolve` and `eval`).
//! Invariant: a tree's depth and size are bounded, whatever the text. Start at [`parse`].

mod ast;
mod lex;
mod parse;

pub(crate) use ast::{Ast, Axis, Call, Op, RawPath, RawStep, Start, Test};
pub(crate) use parse::parse;
