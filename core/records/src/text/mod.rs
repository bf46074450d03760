//! Every text that people see and that no form brings: one catalogue, Hindi and English.
//!
//! Knows words and how dates, spans and fingerprints are written. Knows no record, no rule. Invariant: every function
//! takes the language and answers in it; nothing above this crate writes words of its own. Start at [`Lang`].

pub(crate) mod line;
mod messages;

pub(crate) use line::line;
pub use line::value_word;
pub(crate) use messages::{Doubt, doubt};
pub use messages::{error, field_label, happened, not_allowed, place, unknown_author};

use chrono::{DateTime, Datelike as _, Timelike as _};
use ring::digest;
use samanvay_sync::id::DeviceId;

use crate::env::Moment;

/// A language of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Lang {
    /// Hindi.
    #[default]
    Hi,
    /// English.
    En,
}

impl Lang {
    /// The code that forms use: `hi`, `en`.
    pub fn code(self) -> &'static str {
        self.pick("hi", "en")
    }

    /// The language of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Hi, Self::En].into_iter().find(|lang| lang.code() == code)
    }

    /// The one of two values that is in this language.
    pub fn pick<T>(self, hi: T, en: T) -> T {
        match self {
            Self::Hi => hi,
            Self::En => en,
        }
    }
}

const MONTHS_HI: [&str; 12] =
    ["जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"];
const MONTHS_EN: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A calendar date, as «24 नवंबर 2026»; `days` since 1970-01-01. Empty if out of range.
pub fn date(days: i64, lang: Lang) -> String {
    let Some(at) = days.checked_mul(86_400).and_then(|s| DateTime::from_timestamp(s, 0)) else { return String::new() };
    let month = at.month0() as usize;
    let names = lang.pick(&MONTHS_HI, &MONTHS_EN);
    format!("{} {} {}", at.day(), names.get(month).copied().unwrap_or_default(), at.year())
}

/// An instant as a wall clock at `offset_minutes` showed it, as «24 नवंबर 2026, 14:05». Empty if out of range.
pub fn date_time(seconds: i64, offset_minutes: i32, lang: Lang) -> String {
    let Some(local) = seconds.checked_add(i64::from(offset_minutes) * 60) else { return String::new() };
    let Some(at) = DateTime::from_timestamp(local, 0) else { return String::new() };
    format!("{}, {:02}:{:02}", date(local.div_euclid(86_400), lang), at.hour(), at.minute())
}

/// How long ago `seconds` was at `now`, in hours below three days, then in days: «26 घंटे», `4 days`.
/// An instant ahead of the clock counts as now: phone clocks are wrong by more than people are.
pub fn span(seconds: i64, now: Moment, lang: Lang) -> String {
    let hours = now.seconds().saturating_sub(seconds).max(0) / 3600;
    if hours < 72 {
        return lang.pick(format!("{hours} घंटे"), format!("{hours} h"));
    }
    let days = hours / 24;
    lang.pick(format!("{days} दिन"), format!("{days} days"))
}

/// Digits as the language writes them in fingerprints.
fn digits(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Hi => text.chars().map(|c| c.to_digit(10).and_then(|d| char::from_u32(0x966 + d)).unwrap_or(c)).collect(),
    }
}

/// What two people read to each other to compare a device: six groups of five digits out of
/// SHA-256("samanvay fingerprint v1" ‖ 0x00 ‖ device id), five bytes a group, big-endian, modulo 100,000.
/// Devanagari digits in Hindi.
pub fn fingerprint(device: &DeviceId, lang: Lang) -> String {
    fingerprint_of(&device.0, lang)
}

/// [`fingerprint`] of other public bytes, such as a hub's key.
pub fn fingerprint_of(public: &[u8], lang: Lang) -> String {
    let mut bytes = b"samanvay fingerprint v1\0".to_vec();
    bytes.extend_from_slice(public);
    let hash = digest::digest(&digest::SHA256, &bytes);
    let (groups, _) = hash.as_ref().as_chunks::<5>();
    let groups: Vec<String> = groups
        .iter()
        .map(|group| format!("{:05}", group.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)) % 100_000))
        .collect();
    digits(&groups.join(" "), lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_spans_are_written_in_both_languages() {
        assert_eq!(date(20_781, Lang::Hi), "24 नवंबर 2026");
        assert_eq!(date_time(1_795_500_300, 330, Lang::En), "24 Nov 2026, 11:35");
        let now = Moment { millis: 1_795_500_300_000, offset_minutes: 330 };
        assert_eq!(span(now.seconds() - 26 * 3600 - 59, now, Lang::Hi), "26 घंटे");
        assert_eq!(span(now.seconds() - 100 * 3600, now, Lang::En), "4 days");
        assert_eq!(span(now.seconds() + 50, now, Lang::En), "0 h");
        assert_eq!(date(i64::MAX, Lang::En), "");
    }

    #[test]
    fn a_fingerprint_has_six_groups_of_five_and_no_latin_in_hindi() {
        let english = fingerprint(&DeviceId([7; 16]), Lang::En);
        assert_eq!(english.split(' ').map(str::len).collect::<Vec<_>>(), [5; 6]);
        let hindi = fingerprint(&DeviceId([7; 16]), Lang::Hi);
        assert!(hindi.chars().all(|c| c == ' ' || ('०'..='९').contains(&c)));
        assert_ne!(fingerprint(&DeviceId([8; 16]), Lang::En), english);
    }
}
