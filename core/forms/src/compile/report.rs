//! Collects the reasons to refuse a form.
//!
//! Knows: byte offsets in the XML and how to turn them into lines and columns at the end. Refuses to know: what is
//! checked. Invariant: at most [`MAX_ERRORS`] are kept, so that a hostile form cannot make a huge report.
//! Start at [`Report`].

use crate::errors::{CompileError, CompileErrors, Fault};

const MAX_ERRORS: usize = 50;

/// One reason, still with a byte offset.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) offset: usize,
    pub(super) fault: Fault,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

/// The reasons so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    found: Vec<Refusal>,
}

impl Report {
    pub(super) fn add(&mut self, offset: usize, fault: Fault, what: impl Into<String>, advice: &'static str) {
        self.push(Refusal { offset, fault, what: what.into(), advice });
    }

    pub(super) fn push(&mut self, refusal: Refusal) {
        if self.found.len() < MAX_ERRORS {
            self.found.push(refusal);
        }
    }

    /// The errors in the order of the text, or nothing.
    pub(super) fn finish(mut self, xml: &str) -> Result<(), CompileErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|r| r.offset);
        Err(CompileErrors(self.found.into_iter().map(|r| at(xml, r)).collect()))
    }
}

fn at(xml: &str, refusal: Refusal) -> CompileError {
    let before = xml.get(..refusal.offset).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    CompileError {
        line: crate::num::index(line),
        column: crate::num::index(column),
        fault: refusal.fault,
        what: refusal.what,
        advice: refusal.advice.to_owned(),
    }
}
