//! The one line and the title by which a list shows a record.
//!
//! Knows the words for coarse values; takes what it says from facts alone, so whoever sees only a roll-up sees the same
//! line. Invariant: a missing fact leaves a part out, never a blank or a code. Start at [`line()`].

use std::collections::BTreeMap;

use super::{Lang, date, span};
use crate::env::Moment;

/// Stored texts of a record's title and coarse fields, by field name.
pub(crate) type Facts = BTreeMap<String, String>;

/// The coarse line, as «बालिका, 10–13 वर्ष, FIR 26 घंटे से लंबित»: enough to act on, not enough to name anybody.
pub(crate) fn line(facts: &Facts, now: Moment, lang: Lang) -> String {
    let fact = |name: &str| facts.get(name).map(String::as_str);
    let mut parts = Vec::new();
    if let Some(sex) = fact("sex") {
        parts.push(child_word(sex, lang).to_owned());
    }
    if let Some(band) = fact("age_band") {
        parts.push(value_word("age_band", band, lang));
    }
    match fact("fir_state") {
        Some("registered") => parts.push(lang.pick("FIR दर्ज", "FIR registered").to_owned()),
        Some("pending") => parts.push(match fact("reported_hour").and_then(instant_seconds) {
            Some(since) => {
                let span = span(since, now, lang);
                lang.pick(format!("FIR {span} से लंबित"), format!("FIR pending since {span}"))
            }
            None => lang.pick("FIR लंबित", "FIR pending").to_owned(),
        }),
        _ => {}
    }
    if let Some(total) = fact("total") {
        parts.push(lang.pick(format!("{total} लोग"), format!("{total} people")));
    }
    parts.join(", ")
}

fn child_word(sex: &str, lang: Lang) -> &'static str {
    match sex {
        "F" | "f" => lang.pick("बालिका", "girl"),
        "M" | "m" => lang.pick("बालक", "boy"),
        "T" | "t" => lang.pick("ट्रांसजेंडर बच्चा", "transgender child"),
        _ => lang.pick("बच्चा", "child"),
    }
}

/// A coarse value in words, where no form label is at hand; other values as they are.
pub fn value_word(name: &str, value: &str, lang: Lang) -> String {
    match (name, value) {
        ("age_band", "60p") => lang.pick("60+ वर्ष", "60+").to_owned(),
        ("age_band", band) => {
            let band = band.replace('_', "–");
            lang.pick(format!("{band} वर्ष"), band)
        }
        ("sex", sex) => child_word(sex, lang).to_owned(),
        ("fir_state", "registered") => lang.pick("दर्ज", "registered").to_owned(),
        ("fir_state", "pending") => lang.pick("लंबित", "pending").to_owned(),
        ("held_on" | "date", day) => day_number(day).map_or_else(|| day.to_owned(), |days| date(days, lang)),
        _ => value.to_owned(),
    }
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn day_number(text: &str) -> Option<i64> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.signed_duration_since(chrono::NaiveDate::default()).num_days())
}

/// Unix seconds of an `XForms` instant.
fn instant_seconds(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_missing_girl_is_one_coarse_line_in_both_languages() {
        let now = Moment { millis: 1_795_500_300_000, offset_minutes: 330 };
        let facts = facts(&[
            ("sex", "F"),
            ("age_band", "10_13"),
            ("fir_state", "pending"),
            ("reported_hour", "2026-11-23T09:00:00.000+05:30"),
        ]);
        assert_eq!(line(&facts, now, Lang::Hi), "बालिका, 10–13 वर्ष, FIR 26 घंटे से लंबित");
        assert_eq!(line(&facts, now, Lang::En), "girl, 10–13, FIR pending since 26 h");
    }

    #[test]
    fn a_missing_fact_leaves_its_part_out() {
        let now = Moment { millis: 0, offset_minutes: 0 };
        assert_eq!(line(&facts(&[("fir_state", "pending")]), now, Lang::En), "FIR pending");
        assert_eq!(line(&facts(&[]), now, Lang::En), "");
        assert_eq!(value_word("held_on", "2026-11-24", Lang::En), "24 Nov 2026");
    }
}
