//! What the hub tells its operator: one line of JSON an event, without content.
//!
//! A line takes fixed words, numbers and short prefixes of random ids; there is no way to put text from a request
//! into it. Start at [`LogSink`].

use std::fmt::Write as _;

/// Takes finished lines.
pub trait LogSink: Send + Sync {
    /// One event: a JSON object without a line break.
    fn line(&self, json: &str);
}

/// Writes lines to standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl LogSink for Stderr {
    fn line(&self, json: &str) {
        use std::io::Write as _;
        // A log that cannot be written must not stop the hub.
        let _ = writeln!(std::io::stderr().lock(), "{json}");
    }
}

/// An event being put together. Keys and words are fixed in the source.
#[derive(Clone, Debug)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new(event: &'static str) -> Self {
        Self(format!(r#"{{"event":"{event}""#))
    }

    pub(crate) fn word(mut self, key: &'static str, word: &'static str) -> Self {
        let _ = write!(self.0, r#","{key}":"{word}""#);
        self
    }

    pub(crate) fn count(mut self, key: &'static str, n: usize) -> Self {
        let _ = write!(self.0, r#","{key}":{n}"#);
        self
    }

    /// The first four bytes of a random id: enough to tell streams apart in a log, too few to name one.
    pub(crate) fn id(mut self, key: &'static str, id: &[u8; 16]) -> Self {
        let [a, b, c, d, ..] = *id;
        let _ = write!(self.0, r#","{key}":"{a:02x}{b:02x}{c:02x}{d:02x}""#);
        self
    }

    pub(crate) fn to(mut self, sink: &dyn LogSink) {
        self.0.push('}');
        sink.line(&self.0);
    }
}
