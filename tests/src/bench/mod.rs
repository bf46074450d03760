//! Measurements that stand behind promises: bytes of a sync, cost of a save.
//!
//! Knows the promises' numbers. Invariant: what is measured goes through the same calls as an app's. Start at [`bytes`] and
//! [`save`].

mod bytes;
mod save;
mod shim;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use samanvay_records::answers::{Answers, fill};
use samanvay_records::{FormSession, Lang};
use samanvay_vault::KdfParams;
use serde_json::{Map, Value as Json};

use crate::day;
use crate::error::{Failure, Result, reading};
use crate::kill::Dice;
use crate::net::Counter;
use crate::stage::Stage;
use crate::world::{World, json};

/// What records differ by.
const SEED: u64 = 394;

pub use bytes::bytes;
pub use save::{save, save_inner};

/// A bench's result.
#[derive(Clone, Debug)]
pub struct Measured {
    /// For people; JSON from a part that runs in a process of its own.
    pub table: String,
    /// Whether every figure kept its promise.
    pub kept: bool,
}

/// Lines of a table, each with what was promised.
#[derive(Default)]
struct Table {
    text: String,
    broken: bool,
}

impl Table {
    fn title(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    /// A figure that was promised to be at most `most`.
    fn promised(&mut self, what: &str, figure: f64, most: f64, unit: &str) {
        let kept = figure <= most;
        self.broken |= !kept;
        let mark = if kept { '✓' } else { '✗' };
        let _ = writeln!(self.text, "  {mark} {what:<64} {figure:>9.2} {unit} (≤ {most} {unit})");
    }

    /// A figure for comparison.
    fn shown(&mut self, what: &str, figure: f64, unit: &str) {
        let _ = writeln!(self.text, "    {what:<64} {figure:>9.2} {unit}");
    }

    /// A remark on the figure before.
    fn note(&mut self, note: &str) {
        let _ = writeln!(self.text, "      {note}");
    }

    fn done(self) -> Measured {
        Measured { table: self.text, kept: !self.broken }
    }
}

/// A stage with the three devices of the benches, reached through a counter.
async fn stage(dir: &Path) -> Result<(Stage, Counter)> {
    let world = World::read(&Path::new(day::FOLDER).join("bench.json"))?;
    let cost = KdfParams::WEAK_FOR_TESTS;
    let mut stage = Stage::begin(&dir.join("bench"), &world.begins, cost, Lang::Hi, false).await?;
    stage.set_up(&world).await?;
    let counter = Counter::start(stage.hub().address()).await?;
    stage.enrol(&world, &format!("https://{}", counter.address())).await?;
    for device in stage.devices() {
        device.sync().await?;
    }
    // Some days later, so that the story's sessions lie in the past.
    stage.clock.move_to("2026-07-12T09:00:00+05:30")?;
    Ok((stage, counter))
}

/// A kind and answers to fill it in with, no two records alike.
struct Sample {
    kind: &'static str,
    what: &'static str,
    answers: Map<String, Json>,
    /// Values by field, of which each record takes one.
    variants: Map<String, Json>,
    dice: RefCell<Dice>,
}

impl Sample {
    /// A session and a report as people enter them who are in a hurry: what must be answered, and little more.
    fn short() -> Result<Vec<Self>> {
        let sample = |kind, answers| Self::new(kind, "short", answers);
        Ok(vec![sample("awareness_session", "bench_session")?, sample("missing_child", "bench_missing_child")?])
    }

    /// The session of the field day, with every optional question that people answer.
    fn long() -> Result<Self> {
        Self::new("awareness_session", "long", "session_betul")
    }

    fn new(kind: &'static str, what: &'static str, answers: &str) -> Result<Self> {
        let mut variants: Map<String, Json> = json(&Path::new(day::FOLDER).join("bench_variants.json"))?;
        let variants = variants.remove(kind).and_then(|of| of.as_object().cloned()).unwrap_or_default();
        let answers = json(&Path::new(day::FOLDER).join("answers").join(format!("{answers}.json")))?;
        Ok(Self { kind, what, answers, variants, dice: RefCell::new(Dice(SEED)) })
    }

    /// A form of this sample on a device, ready to be finished.
    fn filled(&self, stage: &Stage, device: &str) -> Result<FormSession> {
        let mut answers = self.answers.clone();
        for (field, values) in &self.variants {
            answers.insert(field.clone(), pick(values, &mut self.dice.borrow_mut()));
        }
        let answers = Answers::read(&Json::Object(answers).to_string())?;
        let mut session = stage.of(device)?.profile.start(self.kind)?;
        fill(&mut session, &answers)?.map_err(|refusals| Failure::Data(format!("{refusals:?}")))?;
        Ok(session)
    }
}

/// One of a list, or a number of a range.
fn pick(values: &Json, dice: &mut Dice) -> Json {
    if let Some(list) = values.as_array() {
        let index = dice.roll(list.len() as u64);
        return usize::try_from(index).ok().and_then(|index| list.get(index).cloned()).unwrap_or_default();
    }
    let bound = |name: &str| values.get(name).and_then(Json::as_u64).unwrap_or_default();
    (bound("from") + dice.roll(bound("to").saturating_sub(bound("from")) + 1)).into()
}

fn scratch() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(reading(&PathBuf::from("scratch")))
}
