//! Values, where they live, and how secret they are.
//!
//! Knows: the typed values a field can hold and the classes of the design. Refuses to know: forms and sessions.
//! Invariant: a `Value` is always in canonical form (texts NFC, decimals without needless zeros, sets without repeats).
//! Start at [`Value`] and [`FieldRef`].

use crate::dates::{self, Moment};
use std::fmt;

/// Id of a repeat row: eight random bytes, given by the session's source of randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub [u8; 8]);

/// One place in a record: a field, and the rows of the repeats around it, outermost first.
///
/// A repeat *row* is addressed by the repeat's field id with the row's own id last in `rows`; the repeat as a whole
/// (to add a row) by the same field id with the rows of the enclosing repeats only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRef {
    /// Committed number of the field.
    pub field: u32,
    /// Rows of the enclosing repeats, outermost first.
    pub rows: Vec<RowId>,
}

impl FieldRef {
    /// A field outside any repeat.
    pub fn top(field: u32) -> Self {
        Self { field, rows: Vec::new() }
    }
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Text, NFC.
    Text(String),
    /// Whole number.
    Int(i64),
    /// Decimal number as canonical text: optional `-`, digits, optional point and digits without trailing zeros.
    Decimal(String),
    /// Code of the chosen item.
    Choice(String),
    /// Codes of the chosen items, sorted, without repeats: a set.
    Choices(Vec<String>),
    /// Calendar date.
    Date {
        /// Days since 1970-01-01.
        days: i32,
    },
    /// Time of day, local.
    Time {
        /// Seconds since midnight, below 86 400.
        seconds: u32,
    },
    /// Point in time with the offset of the place it was written in.
    DateTime {
        /// Seconds since 1970-01-01T00:00Z.
        unix_seconds: i64,
        /// Minutes east of UTC.
        offset_minutes: i16,
    },
}

impl Value {
    /// The value as XForms text: what expressions see and what an answer in text would be.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(s) | Self::Decimal(s) | Self::Choice(s) => s.clone(),
            Self::Int(n) => n.to_string(),
            Self::Choices(set) => set.join(" "),
            Self::Date { days } => dates::date_text(i64::from(*days)),
            Self::Time { seconds } => dates::time_text(*seconds),
            Self::DateTime { unix_seconds, offset_minutes } => {
                Moment::at(unix_seconds.saturating_mul(1000), *offset_minutes).text()
            }
        }
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Free or calculated text.
    Text,
    /// Whole number.
    Int,
    /// Decimal number.
    Decimal,
    /// One of a list.
    Choice,
    /// A set out of a list.
    Choices,
    /// Calendar date.
    Date,
    /// Time of day.
    Time,
    /// Point in time.
    DateTime,
    /// A text shown and not answered; never stored.
    Note,
    /// A repeat; it holds rows, not a value.
    Repeat,
}

impl Kind {
    const NAMES: [(Self, &'static str); 10] = [
        (Self::Text, "text"),
        (Self::Int, "int"),
        (Self::Decimal, "decimal"),
        (Self::Choice, "choice"),
        (Self::Choices, "choices"),
        (Self::Date, "date"),
        (Self::Time, "time"),
        (Self::DateTime, "datetime"),
        (Self::Note, "note"),
        (Self::Repeat, "repeat"),
    ];

    /// Name used in the id table.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("text", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How secret a field is (design §3). A field without a class counts as victim-identifying *and* medical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Open aggregate.
    A,
    /// Internal.
    B,
    /// Personal: an adult, staff.
    C,
    /// Victim-identifying.
    V,
    /// Medical, sexual, statement.
    M,
    /// None was given: V and M at once.
    Unset,
}

impl Class {
    /// Bits a reader's clearance must all have to see the field: A 1, B 2, C 4, V 8, M 16.
    pub fn mask(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
            Self::C => 4,
            Self::V => 8,
            Self::M => 16,
            Self::Unset => 24,
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "A" => Self::A,
            "B" => Self::B,
            "C" => Self::C,
            "V" => Self::V,
            "M" => Self::M,
            _ => return None,
        })
    }

    /// Whether the field is below victim-identifying, so that a name typed into it would leak.
    pub(crate) fn below_v(self) -> bool {
        matches!(self, Self::A | Self::B | Self::C)
    }

    /// Whether whoever reads `self` may also read `input` (A < B < C < V, M; V and M do not cover each other).
    pub(crate) fn covers(self, input: Self) -> bool {
        let secret = |c: Self| c.mask() & 0b1_1000;
        if input.below_v() { self.mask() >= input.mask() } else { secret(self) & secret(input) == secret(input) }
    }
}

/// An answer as it comes from a person or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Text as typed or read from a file; digits may be Devanagari.
    Text(String),
    /// A typed value.
    Value(Value),
    /// Takes the answer back.
    Clear,
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_class_covers_a_lower_one_and_v_and_m_do_not_cover_each_other() {
        assert!(Class::V.covers(Class::A) && Class::M.covers(Class::C) && Class::Unset.covers(Class::M));
        assert!(!Class::V.covers(Class::M) && !Class::M.covers(Class::V) && !Class::V.covers(Class::Unset));
        assert!(!Class::A.covers(Class::B) && !Class::B.covers(Class::V) && Class::B.covers(Class::B));
    }
}
