//! Printing: tables for people, JSON for programs.
//!
//! Knows columns. Refuses to know records. The one place of this program that writes to standard output.

use std::io::Write as _;

use serde_json::Value;

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    /// JSON if asked for, else the lines.
    pub(crate) fn show(self, json: &Value, lines: impl IntoIterator<Item = String>) {
        if self.json {
            line(&format!("{json:#}"));
        } else {
            lines.into_iter().for_each(|text| line(&text));
        }
    }

    /// JSON if asked for, else a table.
    pub(crate) fn table(self, json: &Value, head: &[&str], rows: &[Vec<String>]) {
        self.show(json, table(head, rows));
    }
}

/// One line. A closed pipe is the reader's choice, not a fault.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line to the person, beside the output.
pub(crate) fn aside(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = head.iter().map(|name| width(name)).collect();
    for row in rows {
        for (known, cell) in widths.iter_mut().zip(row) {
            *known = (*known).max(width(cell));
        }
    }
    let whole = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![whole(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| whole(&mut row.iter().map(String::as_str))));
    lines
}

/// Columns that a text takes: Devanagari vowel signs and viramas stand on the letter before them.
fn width(text: &str) -> usize {
    let above_or_below = |c: char| matches!(c, '\u{0900}'..='\u{0902}' | '\u{093a}' | '\u{093c}' | '\u{0941}'..='\u{0948}' | '\u{094d}' | '\u{0951}'..='\u{0957}' | '\u{0962}'..='\u{0963}' | '\u{200c}' | '\u{200d}');
    text.chars().filter(|c| !above_or_below(*c)).count()
}
