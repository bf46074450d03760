//! What a day has shown: promises kept or broken, steps with their cost, and telling it while it happens.
//!
//! Knows the story's texts in both languages. Refuses to print a name: what it is given is what it says. Start at [`Teller`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use samanvay_records::Lang;
use serde::Deserialize;

use crate::error::{Failure, Result, reading};
use crate::net::Bytes;
use crate::world::json;

/// A promise and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its key in the story's texts.
    pub key: String,
    /// Whether it was kept.
    pub kept: bool,
    /// What was seen, in a few words.
    pub seen: String,
}

/// A step and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its key in the story's texts.
    pub key: String,
    /// Own changes sent and changes received, over all devices.
    pub ops: u64,
    /// Bytes between devices and hub, TLS and headers included.
    pub bytes: Bytes,
    /// How long it took.
    pub time: Duration,
}

/// Everything that a day has shown.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Promises in the order of the day.
    pub checks: Vec<Check>,
    /// Steps in the order of the day.
    pub steps: Vec<Step>,
}

impl Report {
    /// Promises that were broken.
    pub fn broken(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.kept)
    }
}

#[derive(Debug, Deserialize)]
struct Words {
    hi: String,
    en: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    steps: BTreeMap<String, Words>,
    checks: BTreeMap<String, Words>,
    words: BTreeMap<String, Words>,
}

/// Tells a day as it happens, on standard output and in a file.
pub struct Teller {
    texts: Texts,
    lang: Lang,
    quiet: bool,
    log: File,
    /// What was shown so far.
    pub report: Report,
}

impl Teller {
    /// A teller with the texts of this story; also writes to `log`. A quiet one writes to the file only.
    ///
    /// # Errors
    /// The texts cannot be read, or the file cannot be made.
    pub fn new(story: &Path, log: &Path, lang: Lang, quiet: bool) -> Result<Self> {
        let texts = json(&story.join("texts.json"))?;
        let log = File::create(log).map_err(reading(log))?;
        Ok(Self { texts, lang, quiet, log, report: Report::default() })
    }

    /// The language it speaks.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// A word of the story's texts.
    pub fn word(&self, key: &str) -> String {
        said(&self.texts.words, key, self.lang)
    }

    /// Says a line.
    pub fn say(&mut self, line: &str) {
        // A closed terminal must not end the day; the exit status tells the rest.
        let _ = writeln!(self.log, "{line}");
        if !self.quiet {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }

    /// Begins a step: says its title.
    pub fn step(&mut self, key: &str) -> Instant {
        let title = said(&self.texts.steps, key, self.lang);
        self.say(&format!("\n{title}"));
        Instant::now()
    }

    /// Ends a step.
    pub fn done(&mut self, key: &str, ops: u64, bytes: Bytes, begun: Instant) {
        self.report.steps.push(Step { key: key.to_owned(), ops, bytes, time: begun.elapsed() });
    }

    /// Notes whether a promise was kept, and what was seen.
    pub fn check(&mut self, key: &str, kept: bool, seen: impl Into<String>) {
        let (seen, title) = (seen.into(), said(&self.texts.checks, key, self.lang));
        let mark = if kept { '✓' } else { '✗' };
        let tail = if seen.is_empty() { String::new() } else { format!(": {seen}") };
        self.say(&format!("  {mark} {title}{tail}"));
        self.report.checks.push(Check { key: key.to_owned(), kept, seen });
    }

    /// Says what each step cost.
    pub fn table(&mut self) {
        let heads = ["step", "ops", "up", "down", "time"].map(|key| self.word(key));
        let mut rows: Vec<[String; 5]> = vec![heads];
        let mut sum = (0, Bytes::default(), Duration::ZERO);
        for step in &self.report.steps {
            rows.push(row(said(&self.texts.steps, &step.key, self.lang), step.ops, step.bytes, step.time));
            sum.0 += step.ops;
            sum.1 = Bytes { up: sum.1.up + step.bytes.up, down: sum.1.down + step.bytes.down };
            sum.2 += step.time;
        }
        rows.push(row(self.word("total"), sum.0, sum.1, sum.2));
        self.say("");
        for [title, ops, up, down, time] in rows {
            self.say(&format!("{ops:>8}  {up:>9}  {down:>9}  {time:>8}  {title}"));
        }
    }

    /// Says whether all promises were kept; gives the same. Those in `left_out` need not have been judged.
    ///
    /// # Errors
    /// [`Failure::Data`] if the story has a promise that no step kept or broke.
    pub fn verdict(&mut self, left_out: &[&str]) -> Result<bool> {
        let judged = |key: &str| self.report.checks.iter().any(|check| check.key == key) || left_out.contains(&key);
        if let Some(key) = self.texts.checks.keys().find(|key| !judged(key)) {
            return Err(Failure::Data(format!("nothing judged the promise {key}")));
        }
        let (broken, all) = (self.report.broken().count(), self.report.checks.len());
        let line = if broken == 0 {
            format!("\n{}: {all}/{all}", self.word("kept"))
        } else {
            format!("\n{}: {broken}/{all}", self.word("broken"))
        };
        self.say(&line);
        Ok(broken == 0)
    }
}

fn said(texts: &BTreeMap<String, Words>, key: &str, lang: Lang) -> String {
    let words = texts.get(key).map(|words| match lang {
        Lang::Hi => words.hi.clone(),
        Lang::En => words.en.clone(),
    });
    words.unwrap_or_else(|| key.to_owned())
}

fn row(title: String, ops: u64, bytes: Bytes, time: Duration) -> [String; 5] {
    [title, ops.to_string(), size(bytes.up), size(bytes.down), format!("{:.2} s", time.as_secs_f64())]
}

/// Bytes for people: exact below 10 KB.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
