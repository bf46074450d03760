//! What can go wrong, said so that the reader knows what to do.
//!
//! Knows: compile errors (for form authors, with line and column) and answer errors (for the person at the phone).
//! Refuses to know: anybody's answers; no text here repeats one. Invariant: every [`CompileError`] carries advice.
//! Start at [`CompileErrors`].

use std::fmt;

/// Why a form was refused, as a kind a program can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Larger or deeper than the engine accepts.
    TooLarge,
    /// Not well-formed XML, or a document type declaration.
    Xml,
    /// A required part is missing or in the wrong place.
    Structure,
    /// An element the engine does not run.
    Element,
    /// An attribute the engine does not run, or a value it does not know.
    Attribute,
    /// A bind type the engine does not run.
    Type,
    /// An XPath function that is unknown or has the wrong arguments.
    Function,
    /// An expression that cannot be read.
    Expression,
    /// A path that leads to no node of the form.
    Path,
    /// Values that depend on themselves.
    Cycle,
    /// Data that lies outside the form.
    ExternalData,
    /// A picture, sound or film: as a label, or asked for as an answer.
    Media,
    /// The table of field ids and the form disagree.
    FieldId,
    /// Free text in a class in which a victim's name must never stand.
    FreeText,
    /// A calculated value of a lower class than what it is calculated from.
    Leak,
}

/// One reason why a form was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}. {advice}")]
pub struct CompileError {
    /// Line in the form's XML, from 1.
    pub line: u32,
    /// Column in that line, from 1.
    pub column: u32,
    /// The kind of fault.
    pub fault: Fault,
    /// What is wrong, naming the element or feature.
    pub what: String,
    /// What the author can do.
    pub advice: String,
}

/// All reasons found, in the order of the text; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileErrors(pub(crate) Vec<CompileError>);

impl CompileErrors {
    /// The reasons, at least one.
    pub fn all(&self) -> &[CompileError] {
        &self.0
    }

    /// Whether one of the reasons is of this kind.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.iter().any(|e| e.fault == fault)
    }
}

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileErrors {}

/// Why an answer was not taken. The session is as it was. Messages are in the session's language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The text is not a value of the question's kind.
    #[error("{message}")]
    NotUnderstood {
        /// What is expected, for the person.
        message: String,
    },
    /// The form's rule refuses the value.
    #[error("{message}")]
    Constraint {
        /// The form's own words, or ours.
        message: String,
    },
    /// A required answer cannot be taken back.
    #[error("{message}")]
    Required {
        /// The form's own words, or ours.
        message: String,
    },
    /// The value is calculated or fixed.
    #[error("this field is read-only; answer another field")]
    Readonly,
    /// The question does not apply with the answers given so far.
    #[error("this question does not apply now; ask for the current page again")]
    NotRelevant,
    /// No such field or row.
    #[error("there is no such field or row in this form; ask for the current page again")]
    UnknownField,
}
