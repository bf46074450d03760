//! Typed values of fields, and how they travel (`docs/wire.md` §5, "values by kind").
//!
//! Knows the schema's kinds and lists. Refuses to know forms and languages. Invariant: what [`write()`] makes, [`read`] gives
//! back under the same field. Start at [`Typed`], [`write()`] and [`read`].

use crate::error::{Malformed, Result};
use crate::id::OpId;
use crate::op::{Value, Write};
use crate::schema::{Field, FieldKind};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use unicode_normalization::{UnicodeNormalization, is_nfc};

const SECONDS_IN_DAY: u32 = 86_400;

/// A value with its kind. `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Typed {
    /// Text.
    Text(String),
    /// Whole number.
    Int(i64),
    /// Decimal: optional `-`, digits without needless zeros, optional point and digits without trailing zeros.
    Decimal(String),
    /// A choice, in the list or outside it.
    Choice(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Seconds since midnight, below 86,400.
    Time(u32),
    /// A moment.
    Instant {
        /// Unix seconds.
        seconds: i64,
        /// Offset from UTC in minutes, east positive.
        offset_minutes: i16,
    },
    /// Yes or no.
    Bool(bool),
    /// Order key of a row.
    Order(i64),
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Text(_) => "Text",
            Self::Int(_) => "Int",
            Self::Decimal(_) => "Decimal",
            Self::Choice(_) => "Choice",
            Self::Date(_) => "Date",
            Self::Time(_) => "Time",
            Self::Instant { .. } => "Instant",
            Self::Bool(_) => "Bool",
            Self::Order(_) => "Order",
        };
        write!(f, "{kind}(…)")
    }
}

/// The value as it travels. Text is put into NFC.
///
/// # Errors
/// [`Malformed`] if the value is not of the field's kind or breaks its rule. A set of choices is not a register: see
/// [`delta`].
pub fn write(field: &Field, value: &Typed) -> Result<Value> {
    Ok(match (field.kind, value) {
        (FieldKind::Text, Typed::Text(text)) => Value::Text(nfc(text).into_owned()),
        (FieldKind::Int, Typed::Int(n)) | (FieldKind::Repeat, Typed::Order(n)) => Value::Int(*n),
        (FieldKind::Decimal, Typed::Decimal(digits)) if is_decimal(digits) => Value::Text(digits.clone()),
        (FieldKind::Choice, Typed::Choice(choice)) => {
            let choice = nfc(choice);
            match field.code(&choice) {
                Some(code) => Value::Int(i64::try_from(code).map_err(|_| Malformed("choice index"))?),
                None => Value::Text(choice.into_owned()),
            }
        }
        (FieldKind::Date, Typed::Date(days)) => Value::Int((*days).into()),
        (FieldKind::Time, Typed::Time(seconds)) if *seconds < SECONDS_IN_DAY => Value::Int((*seconds).into()),
        (FieldKind::Instant, Typed::Instant { seconds, offset_minutes }) => {
            Value::Instant { seconds: *seconds, offset_minutes: (*offset_minutes).into() }
        }
        (FieldKind::Bool, Typed::Bool(yes)) => Value::Int((*yes).into()),
        _ => return Err(Malformed("value does not fit its field").into()),
    })
}

/// What a travelled value means in this field; `None` if it fits neither the kind nor the list held. Such a value is kept
/// and shown as one that this version cannot read.
pub fn read(field: &Field, value: &Value) -> Option<Typed> {
    Some(match (field.kind, value) {
        (FieldKind::Text, Value::Text(text)) => Typed::Text(text.clone()),
        (FieldKind::Int, Value::Int(n)) => Typed::Int(*n),
        (FieldKind::Decimal, Value::Text(digits)) if is_decimal(digits) => Typed::Decimal(digits.clone()),
        (FieldKind::Choice, Value::Int(code)) => Typed::Choice(field.choice(u64::try_from(*code).ok()?)?.to_owned()),
        (FieldKind::Choice, Value::Text(choice)) => Typed::Choice(choice.clone()),
        (FieldKind::Date, Value::Int(days)) => Typed::Date(i32::try_from(*days).ok()?),
        (FieldKind::Time, Value::Int(n)) => Typed::Time(u32::try_from(*n).ok().filter(|s| *s < SECONDS_IN_DAY)?),
        (FieldKind::Instant, Value::Instant { seconds, offset_minutes }) => {
            Typed::Instant { seconds: *seconds, offset_minutes: i16::try_from(*offset_minutes).ok()? }
        }
        (FieldKind::Bool, Value::Int(n @ 0..=1)) => Typed::Bool(*n == 1),
        (FieldKind::Repeat, Value::Int(order)) => Typed::Order(*order),
        _ => return None,
    })
}

/// The delta that turns the members now held (code → the ops that added it) into `wanted`; `None` if nothing changes.
///
/// # Errors
/// [`Malformed`] if the field is no set or a choice is not in its list.
pub fn delta(field: &Field, held: &BTreeMap<u64, Vec<OpId>>, wanted: &[&str]) -> Result<Option<Write>> {
    if field.kind != FieldKind::Choices {
        return Err(Malformed("value does not fit its field").into());
    }
    let mut codes = Vec::with_capacity(wanted.len());
    for choice in wanted {
        codes.push(field.code(&nfc(choice)).ok_or(Malformed("choice not in the list"))?);
    }
    codes.sort_unstable();
    codes.dedup();
    let adds: Vec<u64> = codes.iter().copied().filter(|code| !held.contains_key(code)).collect();
    let dropped = held.iter().filter(|(code, _)| codes.binary_search(code).is_err());
    let removes: Vec<(u64, Vec<OpId>)> = dropped.map(|(code, seen)| (*code, seen.clone())).collect();
    Ok((!adds.is_empty() || !removes.is_empty()).then_some(Write::Delta { adds, removes }))
}

fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { text.into() } else { text.nfc().collect::<String>().into() }
}

/// Whether these are canonical decimal digits, so that equal numbers are equal texts.
fn is_decimal(digits: &str) -> bool {
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "1"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let no_needless_zeros = (whole == "0" || !whole.starts_with('0')) && !part.ends_with('0');
    all_digits(whole) && all_digits(part) && no_needless_zeros && digits != "-0"
}
