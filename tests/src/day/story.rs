//! The story's data: when things happen, what is answered, what must be seen.
//!
//! Knows files below `tests/field-day/`. Refuses to know how a day goes. Invariant: no name, place or number of the story
//! stands anywhere but there. Start at [`Story::read`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use samanvay_records::answers::Answers;
use serde::Deserialize;

use crate::canary::Marker;
use crate::error::{Failure, Result, reading};
use crate::world::{World, json};

/// Where the story lies in the source tree.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/field-day");
/// Where the forms' sources lie.
pub(super) const FORMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/records/forms");

/// Everything that the day is played from.
#[derive(Clone, Debug)]
pub(super) struct Story {
    folder: PathBuf,
    pub(super) world: World,
    pub(super) markers: Vec<Marker>,
    pub(super) plot: Plot,
    pub(super) mistakes: Mistakes,
}

/// Times and what must be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plot {
    times: BTreeMap<String, String>,
    /// The line that the supervisor must see, by language.
    pub(super) coarse_line: BTreeMap<String, String>,
    pub(super) figures: Figures,
    /// Markers in fields of class A or B, which a roll-up may carry.
    pub(super) supervisor_may_read: Vec<String>,
    /// Fields that the in-charge must see, with their values.
    pub(super) child: BTreeMap<String, String>,
    pub(super) conflict: Conflict,
    pub(super) action: Action,
}

/// Figures of the open page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figures {
    pub(super) sessions: u64,
    pub(super) campaign: String,
    pub(super) people: u64,
    /// Those of the session in Betul, which its supervisor sees.
    pub(super) betul_people: u64,
    pub(super) missing_district: String,
    pub(super) missing_shown: String,
}

/// What two people edit at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conflict {
    pub(super) field: String,
    /// A field of each row that both add to.
    pub(super) row_field: String,
    pub(super) rows: usize,
}

/// The meeting's action item.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    pub(super) what: String,
    pub(super) due: String,
    pub(super) status: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) decision: String,
    pub(super) decisions: usize,
}

/// Answers that the form refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mistakes {
    pub(super) constraints: Vec<Mistake>,
    pub(super) omissions: Vec<Omission>,
    pub(super) refused_reason: Mistake,
    pub(super) put_right: BTreeMap<String, String>,
    pub(super) digits: Digits,
}

/// An answer that breaks a rule, and the promise about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mistake {
    pub(super) check: String,
    pub(super) field: String,
    pub(super) answer: String,
}

/// A required answer that is not given, and the promise about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Omission {
    pub(super) check: String,
    pub(super) field: String,
}

/// A field answered in Devanagari digits, and what is stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digits {
    pub(super) field: String,
    pub(super) stored: String,
}

impl Story {
    /// Reads the story.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let story = Self {
            folder: folder.to_owned(),
            world: World::read(&folder.join("world.json"))?,
            markers: json(&folder.join("canaries.json"))?,
            plot: json(&folder.join("story.json"))?,
            mistakes: json(&folder.join("mistakes.json"))?,
        };
        story.every_marker_is_entered()?;
        Ok(story)
    }

    /// The instant of a chapter.
    pub(super) fn time(&self, chapter: &str) -> Result<&str> {
        let time = self.plot.times.get(chapter).map(String::as_str);
        time.ok_or_else(|| Failure::Data(format!("no time for {chapter}")))
    }

    /// An answer file.
    pub(super) fn answers(&self, name: &str) -> Result<Answers> {
        Ok(Answers::read(&self.text(name)?)?)
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.folder.join("answers").join(format!("{name}.json"));
        fs::read_to_string(&path).map_err(reading(&path))
    }

    /// A marker that nobody enters would be found nowhere, sealed or not.
    fn every_marker_is_entered(&self) -> Result<()> {
        let mut entered: String = self.mistakes.put_right.values().cloned().collect();
        let answers = self.folder.join("answers");
        for entry in fs::read_dir(&answers).map_err(reading(&answers))? {
            let path = entry.map_err(reading(&answers))?.path();
            entered.push_str(&fs::read_to_string(&path).map_err(reading(&path))?);
        }
        match self.markers.iter().find(|marker| marker.texts.iter().any(|text| !entered.contains(text))) {
            Some(marker) => Err(Failure::Data(format!("nobody enters the marker {}", marker.key))),
            None => Ok(()),
        }
    }
}
