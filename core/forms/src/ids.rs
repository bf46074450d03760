//! The table of field ids that is committed beside each form.
//!
//! Knows: path, number, kind and choice order of every field a form has ever had. Refuses to know: how the form looks now.
//! Invariant: a number is used once, a path once, and a line is never taken out (a field that left the form stays
//! retired). Start at [`FieldIds::parse`].

use crate::errors::{CompileError, CompileErrors, Fault};
use crate::value::Kind;
use std::fmt::Write as _;

/// Largest field number, so that a number stays short on the wire.
const MAX_ID: u32 = 65_535;
const HEADER: &str = "path\tid\tkind\tchoices";

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) id: u32,
    pub(crate) kind: Kind,
    pub(crate) choices: Vec<String>,
}

/// Committed field numbers, kinds and choice orders of one form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldIds {
    pub(crate) entries: Vec<Entry>,
}

impl FieldIds {
    /// Reads a table: tab-separated `path`, `id`, `kind` and an optional comma list of choices; `#` starts a comment.
    ///
    /// # Errors
    /// A line that is not of this form, or that uses a path or number again ([`Fault::FieldId`] with its line).
    pub fn parse(tsv: &str) -> Result<Self, CompileErrors> {
        let mut table = Self::default();
        let mut errors = Vec::new();
        for (number, line) in tsv.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') || line == HEADER {
                continue;
            }
            match parse_line(line).and_then(|entry| table.check_new(&entry).map(|()| entry)) {
                Ok(entry) => table.entries.push(entry),
                Err(what) => errors.push(refusal(number, what)),
            }
        }
        if errors.is_empty() { Ok(table) } else { Err(CompileErrors(errors)) }
    }

    /// The table as text, in the order of the numbers, ready to be committed.
    pub fn to_tsv(&self) -> String {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|e| e.id);
        let mut out = format!("{HEADER}\n");
        for e in entries {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}\t{}\t{}\t{}", e.path, e.id, e.kind, e.choices.join(","));
        }
        out
    }

    /// Returns this table extended by what `xml` has and the table lacks: new fields get the next numbers, new choices
    /// go to the end of their list. The form must compile with the result.
    ///
    /// # Errors
    /// The form is refused, or disagrees with a committed line (changed kind).
    pub fn assign(&self, xml: &str) -> Result<Self, CompileErrors> {
        crate::compile::assign(xml, self)
    }

    /// Checks that this table only adds to an `older` one: whoever holds records written with the older one can go on.
    ///
    /// # Errors
    /// Each line of the older table that is gone or changed: its number, its kind, or the order of its choices.
    pub fn extends(&self, older: &Self) -> Result<(), CompileErrors> {
        let kept = |old: &Entry| {
            self.find(&old.path)
                .is_some_and(|new| new.id == old.id && new.kind == old.kind && new.choices.starts_with(&old.choices))
        };
        let changed = older.entries.iter().enumerate().filter(|(_, old)| !kept(old));
        let errors: Vec<CompileError> = changed
            .map(|(number, old)| refusal(number, format!("the committed line of {} was changed or removed", old.path)))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(CompileErrors(errors)) }
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.path == path)
    }

    pub(crate) fn next_id(&self) -> Option<u32> {
        let next = self.entries.iter().map(|e| e.id).max().unwrap_or(0) + 1;
        (next <= MAX_ID).then_some(next)
    }

    fn check_new(&self, entry: &Entry) -> Result<(), String> {
        if self.find(&entry.path).is_some() {
            return Err(format!("path {} stands twice in the id table", entry.path));
        }
        match self.entries.iter().find(|e| e.id == entry.id) {
            Some(other) => Err(format!("field id {} is used for {} and {}", entry.id, other.path, entry.path)),
            None => Ok(()),
        }
    }
}

/// An error at a line of the table, counted from 0.
fn refusal(line: usize, what: String) -> CompileError {
    CompileError {
        line: crate::num::index(line).saturating_add(1),
        column: 1,
        fault: Fault::FieldId,
        what,
        advice: "Restore the committed table; lines are only ever added".to_owned(),
    }
}

fn parse_line(line: &str) -> Result<Entry, String> {
    let mut columns = line.split('\t');
    let path = columns.next().filter(|p| p.starts_with('/') && p.len() > 1).ok_or("a path must start with /")?;
    let id = columns.next().and_then(|n| n.parse::<u32>().ok()).filter(|n| (1..=MAX_ID).contains(n));
    let id = id.ok_or_else(|| format!("the id of {path} is not a number from 1 to {MAX_ID}"))?;
    let kind = columns.next().and_then(Kind::from_name).ok_or_else(|| format!("the kind of {path} is unknown"))?;
    let list = columns.next().unwrap_or("");
    if columns.next().is_some() {
        return Err(format!("the line of {path} has too many columns"));
    }
    let choices: Vec<String> = list.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
    let mut sorted: Vec<&String> = choices.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair.first() == pair.get(1)) {
        return Err(format!("a choice of {path} stands twice"));
    }
    Ok(Entry { path: path.to_owned(), id, kind, choices })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_writing_and_reading() {
        let tsv = "path\tid\tkind\tchoices\n/child/name\t1\ttext\t\n/sex\t7\tchoice\tF,M,T,U\n";
        let table = FieldIds::parse(tsv).expect("reads");
        assert_eq!(table.to_tsv(), tsv);
        assert_eq!(table.next_id(), Some(8));
    }

    #[test]
    fn doubled_numbers_paths_and_choices_are_refused_with_their_line() {
        for bad in ["/a\t1\ttext\n/b\t1\ttext", "/a\t1\ttext\n/a\t2\ttext", "# note\n/a\t1\tchoice\tx,y,x"] {
            let errors = FieldIds::parse(bad).expect_err("refused");
            assert_eq!((errors.all()[0].fault, errors.all()[0].line), (Fault::FieldId, 2), "{bad}");
        }
        for bad in
            ["a\t1\ttext", "/a\t0\ttext", "/a\tx\ttext", "/a\t1\tpicture", "/a\t1\ttext\t\tmore", "/a\t70000\ttext"]
        {
            assert!(FieldIds::parse(bad).is_err(), "{bad}");
        }
    }
}
