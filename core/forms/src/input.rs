//! From typed text, or from a calculation's result, to a typed value.
//!
//! Knows: how each kind is written by people and by XForms. Refuses to know: rules, lists and messages of a form.
//! Invariant: a value that comes out is canonical. Start at [`read_answer`].

use crate::dates::{self, Moment};
use crate::num;
use crate::text;
use crate::value::{Kind, Value};

/// Longest decimal, in digits.
const MAX_DECIMAL: usize = 30;

/// Reads what a person typed. `None` when it is not a value of this kind; an empty text is not one either.
pub(crate) fn read_answer(kind: Kind, raw: &str, offset_minutes: i16) -> Option<Value> {
    let cleaned = text::clean(raw);
    let plain = text::ascii_digits(&cleaned);
    match kind {
        Kind::Text => (!cleaned.is_empty()).then_some(Value::Text(cleaned)),
        Kind::Int => whole(&plain).map(Value::Int),
        Kind::Decimal => decimal(&plain).map(Value::Decimal),
        Kind::Choice => (!plain.is_empty()).then_some(Value::Choice(plain)),
        Kind::Choices => choices(plain.split([' ', ',', '\n', '\t'])),
        Kind::Date => dates::parse_loose_date(&plain).and_then(date_value),
        Kind::Time => dates::parse_time_ms(&plain).and_then(time_value),
        Kind::DateTime => dates::parse_loose_moment(&plain, offset_minutes).map(moment_value),
        Kind::Note | Kind::Repeat => None,
    }
}

/// Reads the text of a calculation, a default or a preload. Numbers count as days where a date is due.
pub(crate) fn from_expression(kind: Kind, result: &str, offset_minutes: i16) -> Option<Value> {
    let result = result.trim();
    if result.is_empty() {
        return None;
    }
    let moment = || {
        dates::parse_moment(result, offset_minutes)
            .or_else(|| num::parse_number(result).and_then(|days| Moment::from_days(days, offset_minutes)))
    };
    match kind {
        Kind::Text | Kind::Note => (result.len() <= text::MAX_TEXT).then(|| Value::Text(text::clean(result))),
        Kind::Int => num::parse_number(result).and_then(num::whole).map(Value::Int),
        Kind::Decimal => decimal(result).map(Value::Decimal),
        Kind::Date => moment().and_then(|m| date_value(m.local_day())),
        Kind::DateTime => moment().map(moment_value),
        Kind::Time => {
            let clock = result.split_once('T').map_or(result, |(_, time)| time);
            let clock = clock.split(['+', 'Z']).next().unwrap_or(clock);
            dates::parse_time_ms(clock).and_then(time_value)
        }
        Kind::Choice | Kind::Choices | Kind::Repeat => read_answer(kind, result, offset_minutes),
    }
}

/// Brings a typed value into canonical form, or `None` when it is of another kind or out of range.
pub(crate) fn check_value(kind: Kind, value: &Value) -> Option<Value> {
    match (kind, value) {
        (Kind::Text, Value::Text(s)) => read_answer(Kind::Text, s, 0),
        (Kind::Int, Value::Int(n)) => Some(Value::Int(*n)),
        (Kind::Decimal, Value::Decimal(s)) => decimal(s).map(Value::Decimal),
        (Kind::Decimal, Value::Int(n)) => Some(Value::Decimal(n.to_string())),
        (Kind::Choice, Value::Choice(s)) if is_code(s) => Some(Value::Choice(s.clone())),
        (Kind::Choices, Value::Choices(set)) if set.iter().all(|s| is_code(s)) => {
            choices(set.iter().map(String::as_str))
        }
        (Kind::Date, Value::Date { days }) => date_value(i64::from(*days)),
        (Kind::Time, Value::Time { seconds }) if *seconds < 86_400 => Some(value.clone()),
        (Kind::DateTime, Value::DateTime { unix_seconds, offset_minutes }) => {
            let in_range = (-62_135_596_800..253_402_300_800).contains(unix_seconds) && offset_minutes.abs() <= 14 * 60;
            in_range.then(|| value.clone())
        }
        _ => None,
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty() && !code.contains(char::is_whitespace)
}

fn whole(plain: &str) -> Option<i64> {
    let body = plain.strip_prefix('-').unwrap_or(plain);
    (body.len() <= 18 && body.bytes().all(|b| b.is_ascii_digit())).then(|| plain.parse().ok())?
}

/// Canonical text of a decimal number.
fn decimal(plain: &str) -> Option<String> {
    num::parse_number(plain)?;
    let plain = plain.trim();
    let (sign, body) = plain.strip_prefix('-').map_or(("", plain), |b| ("-", b));
    let (int, fraction) = body.split_once('.').unwrap_or((body, ""));
    let int = int.trim_start_matches('0');
    let int = if int.is_empty() { "0" } else { int };
    let fraction = fraction.trim_end_matches('0');
    if int.len() + fraction.len() > MAX_DECIMAL {
        return None;
    }
    let sign = if int == "0" && fraction.is_empty() { "" } else { sign };
    Some(if fraction.is_empty() { format!("{sign}{int}") } else { format!("{sign}{int}.{fraction}") })
}

fn choices<'a>(codes: impl Iterator<Item = &'a str>) -> Option<Value> {
    let mut set: Vec<String> = codes.filter(|c| !c.is_empty()).map(str::to_owned).collect();
    set.sort();
    set.dedup();
    (!set.is_empty()).then_some(Value::Choices(set))
}

fn date_value(day: i64) -> Option<Value> {
    let days = i32::try_from(day).ok().filter(|d| (-719_162..2_932_897).contains(d))?;
    Some(Value::Date { days })
}

fn time_value(ms: i64) -> Option<Value> {
    u32::try_from(ms / 1000).ok().map(|seconds| Value::Time { seconds })
}

fn moment_value(moment: Moment) -> Value {
    Value::DateTime { unix_seconds: moment.unix_ms.div_euclid(1000), offset_minutes: moment.offset_minutes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devanagari_digits_are_read_wherever_digits_are() {
        assert_eq!(read_answer(Kind::Int, "१४", 330), Some(Value::Int(14)));
        assert_eq!(read_answer(Kind::Decimal, "०१२.५०", 330), Some(Value::Decimal("12.5".to_owned())));
        assert_eq!(read_answer(Kind::Choice, "३९४", 330), Some(Value::Choice("394".to_owned())));
        assert_eq!(read_answer(Kind::Date, "२१-११-२०२६", 330), Some(Value::Date { days: 20_778 }));
        assert_eq!(read_answer(Kind::Time, "१४:३०", 330), Some(Value::Time { seconds: 52_200 }));
        assert_eq!(
            read_answer(Kind::DateTime, "२१-११-२०२६ १०:३०", 330),
            Some(Value::DateTime { unix_seconds: 1_795_237_200, offset_minutes: 330 })
        );
    }

    #[test]
    fn what_is_not_a_value_of_the_kind_is_refused() {
        for (kind, raw) in [
            (Kind::Int, "12.5"),
            (Kind::Int, "बारह"),
            (Kind::Int, "1000000000000000000000"),
            (Kind::Decimal, "1e5"),
            (Kind::Date, "31-02-2026"),
            (Kind::Time, "25:00"),
            (Kind::DateTime, "21-11-2026"),
            (Kind::Text, "   "),
            (Kind::Choices, ","),
            (Kind::Note, "x"),
        ] {
            assert_eq!(read_answer(kind, raw, 330), None, "{kind} {raw}");
        }
    }

    #[test]
    fn a_set_is_sorted_and_has_no_repeats() {
        let set = Value::Choices(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(read_answer(Kind::Choices, "b a, b", 0), Some(set));
    }

    #[test]
    fn calculated_day_numbers_become_dates() {
        assert_eq!(from_expression(Kind::Date, "20778", 0), Some(Value::Date { days: 20_778 }));
        assert_eq!(from_expression(Kind::Date, "2026-11-21T23:30:00.000+05:30", 0), Some(Value::Date { days: 20_778 }));
        assert_eq!(from_expression(Kind::Int, "NaN", 0), None);
    }
}
