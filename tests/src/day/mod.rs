//! The field day: one day in two districts, five people, a hub, and a search for every name in all of it.
//!
//! Knows the order of the story; what it says lies in `tests/field-day/`. Refuses to print a name that must stay secret.
//! Invariant: each promise is a named check, and a day in which one was not judged is an error. Start at [`play`].

mod alone;
mod form_words;
mod network;
mod search;
mod story;
mod together;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use samanvay_records::view::SyncReport;
use samanvay_records::{Lang, SyncOptions};
use samanvay_vault::KdfParams;

use crate::error::{Result, reading};
use crate::net::{Bytes, Tap};
use crate::report::Teller;
use crate::stage::Stage;
use samanvay_records::answers::Answers;
use story::Story;

pub use story::FOLDER;

/// Kind names of the story's records.
const SESSION: &str = "awareness_session";
const MISSING: &str = "missing_child";
const MEETING: &str = "coordination_meeting";

/// How to play the day.
#[derive(Clone, Debug)]
pub struct Options {
    /// A new or empty folder for everything.
    pub dir: PathBuf,
    /// Language of devices and of the telling.
    pub lang: Lang,
    /// Whether the open page is served in plain HTTP on loopback too.
    pub page: bool,
    /// Whether nothing is said on standard output.
    pub quiet: bool,
    /// Cost of turning PINs into keys.
    pub cost: KdfParams,
    /// Whether the day is played again without sealing. That switch cannot be turned back in this process.
    pub unsealed_too: bool,
}

/// A day that was played, its hub still running.
pub struct Played {
    /// Who told it, with what it has shown.
    pub teller: Teller,
    /// Whether every promise was kept.
    pub kept: bool,
    /// The stage as the day left it.
    pub stage: Stage,
}

/// Answers of the story, for drivers that need a real record.
///
/// # Errors
/// There is no such file, or it holds no answers.
pub fn answers(name: &str) -> Result<Answers> {
    Story::read(Path::new(FOLDER))?.answers(name)
}

/// Plays the day; with `unsealed_too`, again without sealing.
///
/// # Errors
/// The day cannot be played to its end. A broken promise is no error: see [`Played::kept`].
pub async fn play(options: &Options) -> Result<Played> {
    fs::create_dir_all(&options.dir).map_err(reading(&options.dir))?;
    let folder = Path::new(FOLDER);
    let dir = options.dir.join("day");
    let log = options.dir.join("field-day.log");
    let mut day = Day::begin(folder, &dir, &log, options).await?;
    day.acts().await?;
    let logs = [log];
    day.search_sealed(&dir, &logs)?;
    if options.unsealed_too {
        let begun = day.teller.step("unsealed");
        let found = search::unsealed(folder, &options.dir, options).await?;
        day.judge_unsealed(&found);
        day.teller.done("unsealed", 0, Bytes::default(), begun);
    }
    day.teller.table();
    let kept = day.teller.verdict(if options.unsealed_too { &[] } else { &["unsealed_all"] })?;
    Ok(Played { teller: day.teller, kept, stage: day.stage })
}

/// A day being played.
struct Day {
    story: Story,
    stage: Stage,
    tap: Tap,
    teller: Teller,
    lang: Lang,
    /// Ops sent and received in the present step.
    ops: u64,
    /// Requests before people went offline.
    requests_before: usize,
}

/// A step that has begun.
#[derive(Clone, Copy)]
struct Running {
    key: &'static str,
    begun: Instant,
    before: Bytes,
}

impl Day {
    async fn begin(folder: &Path, dir: &Path, log: &Path, options: &Options) -> Result<Self> {
        let story = Story::read(folder)?;
        let mut teller = Teller::new(folder, log, options.lang, options.quiet)?;
        let begun = teller.step("set_up");
        let mut stage = Stage::begin(dir, &story.world.begins, options.cost, options.lang, options.page).await?;
        stage.set_up(&story.world).await?;
        let tap = Tap::start(&stage.hub_dir(), stage.hub().public()).await?;
        teller.done("set_up", 0, Bytes::default(), begun);
        Ok(Self { story, stage, tap, teller, lang: options.lang, ops: 0, requests_before: 0 })
    }

    /// Everything that people do.
    async fn acts(&mut self) -> Result<()> {
        self.enrol().await?;
        self.ngo()?;
        self.beat()?;
        self.sync_all().await?;
        self.refuse().await?;
        self.edit().await?;
        self.meeting().await?;
        self.open_page().await
    }

    async fn enrol(&mut self) -> Result<()> {
        let step = self.step("enrol");
        let url = self.tap.url();
        self.stage.enrol(&self.story.world, &url).await?;
        let mut streams = 0;
        for device in self.keys() {
            self.sync(&device).await?;
            streams += usize::from(self.stage.of(&device)?.profile.status()?.last_success.is_some());
        }
        let all = self.story.world.devices.len();
        self.teller.check("enrolled", streams == all, format!("{streams}/{all}"));
        self.end(step);
        Ok(())
    }

    fn step(&mut self, key: &'static str) -> Running {
        self.ops = 0;
        Running { key, begun: self.teller.step(key), before: self.tap.bytes() }
    }

    fn end(&mut self, step: Running) {
        self.teller.done(step.key, self.ops, self.tap.bytes().since(step.before), step.begun);
    }

    /// Moves the story to a chapter.
    fn chapter(&self, chapter: &str) -> Result<()> {
        self.stage.clock.move_to(self.story.time(chapter)?)
    }

    async fn sync(&mut self, device: &str) -> Result<SyncReport> {
        let report = self.stage.of(device)?.profile.sync(&SyncOptions::default()).await?;
        self.ops += report.sent_ops + report.received_ops;
        Ok(report)
    }

    fn keys(&self) -> Vec<String> {
        self.story.world.devices.iter().map(|device| device.key.clone()).collect()
    }

    fn person(&self, device: &str) -> Result<String> {
        Ok(self.stage.of(device)?.data.person.clone())
    }
}
