//! What may be shown of the sums of open streams.
//!
//! Knows which counts are small and which others would give them away. Refuses to count. Invariant, unless the operator asked
//! for small counts: no count of people or cases from 1 to 4 leaves here as a number, and none follows from what does: the
//! parts of a total that are hidden are two or more, and together five or more. Start at [`Figures::of`].

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::counter::Sums;

/// Counts of people and cases below this one are not shown.
const SMALL: u64 = 5;

/// A count that may not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// The count.
    Exact(u64),
    /// Between 1 and 4.
    Small,
    /// Small itself, or what would give away one that is.
    Hidden,
}

/// People of one age band.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    /// Code of the band.
    pub(crate) code: String,
    pub(crate) total: Count,
    /// By gender code; `None` if it is hidden.
    pub(crate) genders: Option<BTreeMap<String, u64>>,
}

/// What the open page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Sessions by campaign code; `-` for sessions without one.
    pub(crate) sessions: BTreeMap<String, u64>,
    /// People reached by age, youngest first, without those in institutions.
    pub(crate) people: Vec<Band>,
    /// People reached in child-care institutions and one-stop centres.
    pub(crate) institutions: Count,
    /// All people reached.
    pub(crate) people_total: Count,
    /// Open reports of missing children by district code.
    pub(crate) open_missing: BTreeMap<String, Count>,
    /// All open reports.
    pub(crate) open_missing_total: Count,
    /// Whether small counts stand here as they are, because the operator asked for it.
    pub(crate) shows_small: bool,
}

fn is_small(n: u64) -> bool {
    (1..SMALL).contains(&n)
}

fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

impl Figures {
    /// What may be shown of these sums.
    pub(crate) fn of(sums: Sums, shows_small: bool) -> Self {
        let shown = |n: u64| if is_small(n) && !shows_small { Count::Small } else { Count::Exact(n) };
        let mut bands: Vec<(String, BTreeMap<String, u64>)> = sums.people.into_iter().collect();
        bands.sort_by_key(|(code, _)| first_age(code));
        // Institutions are one more part of the total.
        let mut totals: Vec<u64> = bands.iter().map(|(_, genders)| sum(genders.values().copied())).collect();
        totals.push(sums.institutions);
        let hidden = if shows_small { vec![false; totals.len()] } else { hidden(&totals) };
        let part = |(n, hidden): (&u64, &bool)| if *hidden { Count::Hidden } else { Count::Exact(*n) };
        let mut parts: Vec<Count> = totals.iter().zip(&hidden).map(part).collect();
        let institutions = parts.pop().unwrap_or(Count::Exact(0));
        let band = |((code, genders), total): ((String, BTreeMap<String, u64>), Count)| {
            let may = shows_small || total != Count::Hidden && !genders.values().copied().any(is_small);
            Band { code, total, genders: may.then_some(genders) }
        };
        let open_total = sum(sums.open_missing.values().copied());
        let hides_one = !shows_small && sums.open_missing.values().copied().any(is_small);
        Self {
            sessions: sums.sessions,
            people: bands.into_iter().zip(parts).map(band).collect(),
            institutions,
            people_total: shown(sum(totals)),
            open_missing_total: match shown(open_total) {
                Count::Exact(_) if hides_one => Count::Hidden,
                total => total,
            },
            open_missing: sums.open_missing.into_iter().map(|(district, n)| (district, shown(n))).collect(),
            shows_small,
        }
    }

    /// All sessions.
    pub(crate) fn sessions_total(&self) -> u64 {
        sum(self.sessions.values().copied())
    }

    /// The same as JSON; a count that is not shown is the text `<5` or `hidden`. `people` has the bands whose genders are
    /// shown.
    pub(crate) fn to_json(&self) -> Json {
        let count = |count: Count| match count {
            Count::Exact(n) => json!(n),
            Count::Small => json!("<5"),
            Count::Hidden => json!("hidden"),
        };
        let genders = self.people.iter().filter_map(|band| Some((band.code.clone(), json!(band.genders.as_ref()?))));
        let by_age = self.people.iter().map(|band| (band.code.clone(), count(band.total)));
        let open = self.open_missing.iter().map(|(district, n)| (district.clone(), count(*n)));
        json!({
            "sessions": self.sessions,
            "sessions_total": self.sessions_total(),
            "people": genders.collect::<serde_json::Map<_, _>>(),
            "people_by_age": by_age.collect::<serde_json::Map<_, _>>(),
            "people_institutions": count(self.institutions),
            "people_total": count(self.people_total),
            "open_missing": open.collect::<serde_json::Map<_, _>>(),
            "open_missing_total": count(self.open_missing_total),
        })
    }
}

/// Which parts of a total are hidden: the small ones, and after them as many neighbours as it takes that the hidden ones are
/// two or more and together not small. Neighbours are taken by their place and not by their size, which would tell something.
fn hidden(parts: &[u64]) -> Vec<bool> {
    let mut hidden: Vec<bool> = parts.iter().map(|n| is_small(*n)).collect();
    let Some(first) = hidden.iter().position(|is_hidden| *is_hidden) else { return hidden };
    let order = (first..parts.len()).chain((0..first).rev());
    for next in order {
        let together = sum(parts.iter().zip(&hidden).filter(|(_, hidden)| **hidden).map(|(n, _)| *n));
        let places = parts.iter().zip(&hidden).filter(|(n, hidden)| **hidden && **n > 0).count();
        if places >= 2 && together >= SMALL {
            break;
        }
        if let Some(place) = hidden.get_mut(next) {
            *place = true;
        }
    }
    hidden
}

fn first_age(band: &str) -> u32 {
    let digits: String = band.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_parts_do_not_follow_from_the_rest() {
        let cases: [(&[u64], &[bool]); 7] = [
            (&[0, 7, 12], &[false, false, false]),
            (&[3, 7, 12], &[true, true, false]),
            (&[7, 12, 3], &[false, true, true]),
            (&[1, 2, 40], &[true, true, true]),
            (&[2, 3, 40], &[true, true, false]),
            (&[3, 0, 9, 40], &[true, true, true, false]),
            (&[0, 3], &[true, true]),
        ];
        for (parts, expected) in cases {
            assert_eq!(hidden(parts), expected, "{parts:?}");
        }
        // Every way in which three small or middling parts can come: more than one reading fits what is shown.
        for (a, b, c) in (0..9).flat_map(|a| (0..9).flat_map(move |b| (0..9).map(move |c| (a, b, c)))) {
            let parts = [a, b, c];
            let masked = hidden(&parts);
            let total = sum(parts);
            if is_small(total) || !masked.contains(&true) {
                continue;
            }
            let kept: Vec<u64> = parts.iter().zip(&masked).filter(|(_, hidden)| **hidden).map(|(n, _)| *n).collect();
            assert!(kept.iter().filter(|n| **n > 0).count() >= 2 && sum(kept) >= SMALL, "{parts:?}");
        }
    }

    #[test]
    fn small_cells_of_people_hide_their_complements() {
        let band = |f, m| BTreeMap::from([("f".to_owned(), f), ("m".to_owned(), m)]);
        let people = [("6_9", band(3, 0)), ("10_13", band(43, 3)), ("14_17", band(20, 30)), ("60p", band(0, 8))];
        let people = people.map(|(code, genders)| (code.to_owned(), genders)).into();
        let sums = Sums { people, institutions: 12, ..Sums::default() };
        let json = Figures::of(sums.clone(), false).to_json();
        assert_eq!(json["people_by_age"], json!({"6_9": "hidden", "10_13": "hidden", "14_17": 50, "60p": 8}));
        assert_eq!(json["people"], json!({"14_17": {"f": 20, "m": 30}, "60p": {"f": 0, "m": 8}}));
        assert_eq!((&json["people_institutions"], &json["people_total"]), (&json!(12), &json!(119)));
        let all = Figures::of(sums, true).to_json();
        assert_eq!(all["people"]["10_13"], json!({"f": 43, "m": 3}));
        let one = Sums { people: [("6_9".to_owned(), band(20, 3))].into(), ..Sums::default() };
        let json = Figures::of(one, false).to_json();
        assert_eq!(json["people_by_age"]["6_9"], 23, "a split is hidden, its total is not");
        assert_eq!(json["people"], json!({}));
    }
}
