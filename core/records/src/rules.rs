//! The pack rule: which streams a record of a kind goes to, what names it in a list, which open fact stands for it.
//!
//! Knows `rules/routes.json`; knows no stream that exists and no form. Invariant: the rule is data; a kind without a rule
//! does not compile into the app (a test holds the table against the forms). Start at [`Rule`].

use std::collections::BTreeMap;

use samanvay_sync::log;
use serde::Deserialize;

/// A stream's purpose (`docs/wire.md` §3, stream genesis).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// A unit's own work.
    Own,
    /// A district's roll-up.
    RollUp,
    /// A district's open stream.
    Open,
    /// Coordination between units.
    Coordination,
}

impl Purpose {
    /// The purpose as membership logs write it.
    pub(crate) fn on_wire(self) -> log::Purpose {
        match self {
            Self::Own => log::Purpose::Unit,
            Self::RollUp => log::Purpose::RollUp,
            Self::Open => log::Purpose::Open,
            Self::Coordination => log::Purpose::Coordination,
        }
    }
}

/// The rule of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Purpose of the home stream; none for a kind that the app writes by itself.
    #[serde(default)]
    pub(crate) home: Option<Purpose>,
    /// Written by the app only.
    #[serde(default)]
    pub(crate) app_only: bool,
    /// Fields that make the title, in order.
    pub(crate) title: Vec<String>,
    /// Where projections go, within the record's district.
    pub(crate) projections: Vec<Projection>,
    /// The open fact that stands for the record under an id of its own.
    #[serde(default)]
    pub(crate) alias: Option<Alias>,
}

/// One projection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Projection {
    /// Purpose of the stream.
    pub(crate) to: Purpose,
}

/// How the open fact of a case is made from the record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alias {
    /// Purpose of the stream.
    pub(crate) to: Purpose,
    /// Kind of the fact.
    pub(crate) kind: String,
    /// Fields with a fixed answer.
    pub(crate) set: BTreeMap<String, String>,
    /// The month of one instant or date, written as YYYYMM.
    pub(crate) month: Month,
    /// Field that takes the record's district.
    pub(crate) district: String,
    /// Whether the case is open.
    pub(crate) state: State,
}

/// Where the month comes from and goes to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Month {
    /// Field of the record.
    pub(crate) of: String,
    /// Field of the fact.
    pub(crate) into: String,
}

/// Where the state comes from and goes to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Coarse field of the record.
    pub(crate) from: String,
    /// Values of it that mean open.
    pub(crate) open_when: Vec<String>,
    /// Field of the fact.
    pub(crate) into: String,
    /// What the fact says while open.
    pub(crate) open: String,
    /// What it says afterwards.
    pub(crate) closed: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    kinds: BTreeMap<String, Rule>,
}

/// Reads the committed rules.
pub(crate) fn load() -> serde_json::Result<BTreeMap<String, Rule>> {
    serde_json::from_str::<Pack>(include_str!("../rules/routes.json")).map(|pack| pack.kinds)
}
