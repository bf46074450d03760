//! Calendar arithmetic for form values: days, moments, and their texts.
//!
//! Knows: the proleptic Gregorian calendar, ISO 8601 texts, `strftime`-like patterns. Refuses to know: the clock, time
//! zones by name (an offset in minutes is always an argument), languages (month names come in as an argument).
//! Invariant: every accepted date exists; years run from 1 to 9999. Start at [`parse_moment`].

use crate::num;

/// Milliseconds in a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A point in time with the offset it was written in, or a bare date (then midnight at the offset).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) unix_ms: i64,
    pub(crate) offset_minutes: i16,
    pub(crate) date_only: bool,
}

impl Moment {
    pub(crate) fn at(unix_ms: i64, offset_minutes: i16) -> Self {
        Self { unix_ms, offset_minutes, date_only: false }
    }

    /// Days since 1970-01-01T00:00Z with a fraction: what arithmetic on dates works on.
    pub(crate) fn days(self) -> f64 {
        num::float(self.unix_ms) / num::float(DAY_MS)
    }

    pub(crate) fn from_days(days: f64, offset_minutes: i16) -> Option<Self> {
        let ms = num::whole((days * num::float(DAY_MS)).round())?;
        let moment = Self::at(ms, offset_minutes);
        (1..=9999).contains(&civil(moment.local_day()).0).then_some(moment)
    }

    fn local_ms(self) -> i64 {
        self.unix_ms.saturating_add(i64::from(self.offset_minutes) * 60_000)
    }

    /// Day number of the local date.
    pub(crate) fn local_day(self) -> i64 {
        self.local_ms().div_euclid(DAY_MS)
    }

    /// Milliseconds since local midnight.
    pub(crate) fn local_time_ms(self) -> i64 {
        self.local_ms().rem_euclid(DAY_MS)
    }

    /// ISO 8601 text: a bare date, or date, time with milliseconds, and offset.
    pub(crate) fn text(self) -> String {
        let date = date_text(self.local_day());
        if self.date_only {
            return date;
        }
        let ms = self.local_time_ms();
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        format!(
            "{date}T{:02}:{:02}:{:02}.{:03}{sign}{:02}:{:02}",
            ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1000 % 60,
            ms % 1000,
            offset / 60,
            offset % 60
        )
    }
}

/// Day number since 1970-01-01 of a date, or `None` when there is no such date.
/// Source: the days-from-civil algorithm in Howard Hinnant's public paper on calendar algorithms.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day of a day number. Source: civil-from-days, same paper.
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    let z = day.clamp(-10_000_000, 10_000_000) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// `YYYY-MM-DD` of a day number.
pub(crate) fn date_text(day: i64) -> String {
    let (y, m, d) = civil(day);
    format!("{y:04}-{m:02}-{d:02}")
}

/// `HH:MM:SS` of seconds since midnight.
pub(crate) fn time_text(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn digits(text: &str, max: usize) -> Option<i64> {
    (!text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Reads `YYYY-M-D` as a day number.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || y.len() != 4 {
        return None;
    }
    day_number(digits(y, 4)?, digits(m, 2)?, digits(d, 2)?)
}

/// Reads a date as people in India write it: `D-M-YYYY` with `-`, `/` or `.`; or `YYYY-M-D`.
pub(crate) fn parse_loose_date(text: &str) -> Option<i64> {
    let text = text.replace(['/', '.'], "-");
    parse_date(&text).or_else(|| {
        let mut parts = text.split('-');
        let (d, m, y) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || y.len() != 4 {
            return None;
        }
        day_number(digits(y, 4)?, digits(m, 2)?, digits(d, 2)?)
    })
}

/// Reads `H:MM`, `H:MM:SS` or `H:MM:SS.fff` as milliseconds since midnight.
pub(crate) fn parse_time_ms(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let (h, m) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let s = parts.next().map_or(Some(0), |s| digits(s, 2))?;
    if parts.next().is_some() || h > 23 || m > 59 || s > 59 || fraction.len() > 9 {
        return None;
    }
    let padded: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some(((h * 60 + m) * 60 + s) * 1000 + digits(&padded, 3)?)
}

/// Splits a trailing `Z` or `±HH:MM` from a time; `None` when what looks like an offset is none.
fn split_offset(time: &str, default_offset: i16) -> Option<(&str, i16)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, default_offset));
    };
    let (clock, offset) = time.split_at_checked(at)?;
    let negative = offset.starts_with('-');
    let body: String = offset.chars().skip(1).filter(|c| *c != ':').collect();
    let number = digits(&body, 4)?;
    let minutes = if body.len() <= 2 { number * 60 } else { number / 100 * 60 + number % 100 };
    let is_clock = body.len() <= 2 || number % 100 < 60;
    let minutes = i16::try_from(minutes).ok().filter(|m| is_clock && *m <= 14 * 60)?;
    Some((clock, if negative { -minutes } else { minutes }))
}

/// Reads a time of day with or without an offset, as milliseconds since midnight at `local_offset`.
pub(crate) fn parse_clock_ms(text: &str, local_offset: i16) -> Option<i64> {
    let (clock, offset) = split_offset(text.trim(), local_offset)?;
    let shift = i64::from(local_offset - offset) * 60_000;
    Some((parse_time_ms(clock)? + shift).rem_euclid(DAY_MS))
}

fn join(day: i64, time: &str, default_offset: i16) -> Option<Moment> {
    let (clock, offset) = split_offset(time, default_offset)?;
    let local = day * DAY_MS + parse_time_ms(clock)?;
    Some(Moment::at(local - i64::from(offset) * 60_000, offset))
}

/// Reads an ISO 8601 date or date-time. Without an offset it is at `default_offset`.
pub(crate) fn parse_moment(text: &str, default_offset: i16) -> Option<Moment> {
    let text = text.trim();
    if let Some((date, time)) = text.split_once('T') {
        return join(parse_date(date)?, time, default_offset);
    }
    let local = parse_date(text)? * DAY_MS;
    let unix_ms = local - i64::from(default_offset) * 60_000;
    Some(Moment { unix_ms, offset_minutes: default_offset, date_only: true })
}

/// Reads a date-time as a person types it: any [`parse_loose_date`] date, then a space or `T`, then a time.
pub(crate) fn parse_loose_moment(text: &str, default_offset: i16) -> Option<Moment> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    join(parse_loose_date(date)?, time.trim(), default_offset)
}

/// Fills a date pattern (`%Y %y %m %n %b %d %e %H %h %M %S %3 %a %%`); `None` for an unknown letter.
/// Source: ODK XForms specification, `format-date()`. `months` and `days` are short names, January and Sunday first.
pub(crate) fn format(moment: Moment, pattern: &str, months: &[&str; 12], days: &[&str; 7]) -> Option<String> {
    let (year, month, day) = civil(moment.local_day());
    let ms = moment.local_time_ms();
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let pick = |names: &[&str], at: i64| names.get(usize::try_from(at).unwrap_or(usize::MAX)).map(|s| (*s).to_owned());
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let piece = match chars.next()? {
            'Y' => format!("{year:04}"),
            'y' => format!("{:02}", year % 100),
            'm' => format!("{month:02}"),
            'n' => month.to_string(),
            'b' => pick(months, month - 1)?,
            'd' => format!("{day:02}"),
            'e' => day.to_string(),
            'H' => format!("{hour:02}"),
            'h' => hour.to_string(),
            'M' => format!("{minute:02}"),
            'S' => format!("{second:02}"),
            '3' => format!("{:03}", ms % 1000),
            'a' => pick(days, (moment.local_day() + 4).rem_euclid(7))?,
            '%' => "%".to_owned(),
            _ => return None,
        };
        out.push_str(&piece);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_numbers_go_both_ways_over_the_whole_range() {
        for day in (-719_162..2_932_896).step_by(97) {
            let (y, m, d) = civil(day);
            assert_eq!(day_number(y, m, d), Some(day));
        }
        assert_eq!(day_number(1970, 1, 1), Some(0));
        assert_eq!(day_number(2024, 2, 29), Some(19_782));
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for text in ["2023-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "26-01-01", "2026-1", "2026-01-01-01", ""]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(parse_loose_date("31/01/2026"), parse_date("2026-01-31"));
        assert_eq!(parse_loose_date("5.9.2026"), parse_date("2026-09-05"));
    }

    #[test]
    fn moments_keep_their_offset() {
        let m = parse_moment("2026-11-21T10:30:00.250+05:30", 0).expect("reads");
        assert_eq!(m.text(), "2026-11-21T10:30:00.250+05:30");
        assert_eq!(m, Moment::at(1_795_237_200_250, 330));
        let local = parse_loose_moment("21-11-2026 10:30", 330).expect("reads");
        assert_eq!(local.unix_ms, m.unix_ms - 250);
        assert_eq!(parse_moment("2026-11-21T10:30+99:00", 0), None);
        assert_eq!(parse_moment("2026-11-21", 330).map(Moment::text).as_deref(), Some("2026-11-21"));
    }

    #[test]
    fn patterns_fill_in() {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let m = parse_moment("2017-05-26T01:02:03.004-07:00", 0).expect("reads");
        assert_eq!(
            format(m, "%a %e %b %Y, %H:%M:%S.%3 %n %%", &months, &days).as_deref(),
            Some("Fri 26 May 2017, 01:02:03.004 5 %")
        );
        assert_eq!(format(m, "%Q", &months, &days), None);
    }
}
