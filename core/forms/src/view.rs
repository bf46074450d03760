//! What a session shows and gives back: plain values without behaviour.
//!
//! Knows: the shapes shells and records read. Refuses to know: how they came about. Invariant: every text is in the
//! session's language and final. Start at [`Page`].

use crate::value::{Class, FieldRef, Kind, Value};

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceItem {
    /// Code to answer with.
    pub value: String,
    /// Words to show.
    pub label: String,
}

/// One question as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where the answer goes.
    pub field: FieldRef,
    /// Last part of the field's path.
    pub name: String,
    /// The question.
    pub label: String,
    /// Further words, if the form has any.
    pub hint: Option<String>,
    /// What is answered; a note is only shown.
    pub kind: Kind,
    /// How secret the answer is.
    pub class: Class,
    /// Appearance words of the form, as written.
    pub appearance: String,
    /// The items offered now; empty unless a choice.
    pub choices: Vec<ChoiceItem>,
    /// The answer so far.
    pub value: Option<Value>,
    /// Whether an answer must be given.
    pub required: bool,
    /// Whether it cannot be answered.
    pub readonly: bool,
    /// What is wrong with the answer so far, if anything.
    pub error: Option<String>,
}

/// A place where a row can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatPrompt {
    /// Argument for adding a row.
    pub repeat: FieldRef,
    /// Name of the repeat.
    pub label: String,
    /// Rows there are.
    pub count: usize,
}

/// One screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Labels of the groups and rows around, outermost first; a row's has its number.
    pub titles: Vec<String>,
    /// The questions: one, or those of a `field-list` group.
    pub questions: Vec<Question>,
    /// Where rows can be added from here.
    pub repeats: Vec<RepeatPrompt>,
    /// Number of this page, from 1; 0 when the form has none.
    pub number: usize,
    /// How many pages there are with the answers so far.
    pub count: usize,
}

/// What an accepted answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// The value as stored: cleaned and canonical.
    pub value: Option<Value>,
    /// Every field whose value or relevance changed, the answered one included.
    pub fields: Vec<FieldRef>,
}

/// Something that stands in the way of finishing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub field: FieldRef,
    /// The question.
    pub label: String,
    /// What is wrong.
    pub message: String,
}

/// A finished form: only what is relevant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Every relevant value, calculated ones included, in the order of the form.
    pub values: Vec<(FieldRef, Value)>,
    /// Every relevant row, in order.
    pub rows: Vec<FieldRef>,
}
