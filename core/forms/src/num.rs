//! Numbers as XPath 1.0 sees them: conversion between text, `f64` and whole numbers.
//!
//! Knows: the XPath number grammar and number-to-text rule. Refuses to know: dates (see `dates`) and fields.
//! Invariant: nothing here panics; a number out of range becomes `None` or `NaN`.
//! Start at [`parse_number`] and [`number_text`].

/// Whole number to float. Exact below 2^53, which covers every count and day number a form can hold.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn float(n: i64) -> f64 {
    n as f64
}

/// Float to whole number, cutting the fraction; `None` when it is not finite or beyond ±2^53.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn whole(n: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    (n.is_finite() && n.abs() <= LIMIT).then_some(n.trunc() as i64)
}

/// Length or position as a float.
pub(crate) fn count(n: usize) -> f64 {
    float(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Index into a table from a length that construction keeps below `u32::MAX`.
pub(crate) fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Reads the XPath 1.0 number grammar (`-?` digits with an optional fraction, no exponent); anything else is `None`.
/// Source: XPath 1.0 §4.4.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let body = text.strip_prefix('-').unwrap_or(text);
    let digits = body.chars().filter(char::is_ascii_digit).count();
    let dots = body.chars().filter(|c| *c == '.').count();
    if digits == 0 || dots > 1 || digits + dots != body.len() {
        return None;
    }
    text.parse().ok()
}

/// Text of a number. Source: XPath 1.0 §4.2 (whole numbers without a point, never an exponent, no negative zero).
pub(crate) fn number_text(n: f64) -> String {
    if n.is_nan() {
        "NaN".to_owned()
    } else if n.is_infinite() {
        if n > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if n == 0.0 {
        "0".to_owned()
    } else {
        format!("{n}")
    }
}

/// Rounds to a number of decimal places, halves away from zero, on the decimal digits as written (2.675 to two places
/// is 2.68). Source: ODK XForms specification, `round()`, which differs from XPath's.
pub(crate) fn round_places(n: f64, places: i64) -> f64 {
    let shift = |n: f64, by: i64| format!("{n}e{by}").parse().unwrap_or(f64::NAN);
    let places = places.clamp(-300, 300);
    if n.is_finite() { shift(shift(n, places).round(), -places) } else { n }
}

/// Rounds half up, as XPath does for positions in texts (-2.5 becomes -2).
pub(crate) fn round(n: f64) -> f64 {
    if n.fract() == 0.0 || !n.is_finite() { n } else { (n + 0.5).floor() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_and_print_as_xpath_says() {
        for (text, shown) in [
            ("12", "12"),
            (" -3.50 ", "-3.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0", "0"),
            ("1000000000000", "1000000000000"),
        ] {
            assert_eq!(parse_number(text).map(number_text).as_deref(), Some(shown), "{text}");
        }
        for text in ["", "-", ".", "1e5", "+1", "1 2", "0x1", "१२", "inf", "nan"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn halves_round_up() {
        assert_eq!((round(2.5), round(-2.5), round(1.49)), (3.0, -2.0, 1.0));
        assert_eq!((round_places(2.5, 0), round_places(-2.5, 0), round_places(-1.475, 2)), (3.0, -3.0, -1.48));
        assert_eq!((round_places(1234.0, -2), round_places(f64::INFINITY, 2)), (1200.0, f64::INFINITY));
    }
}
