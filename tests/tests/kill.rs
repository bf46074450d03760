//! Killed at any point, a profile keeps every record that was acknowledged, once, and opens with one of two PINs.
//!
//! A child process saves, syncs (which cuts and publishes) and changes its PIN, and says what was acknowledged; it is killed
//! at seeded random points, and the profile is opened and searched after each. `SAMANVAY_KILL_SEED` repeats a run,
//! `SAMANVAY_KILLS` changes the number of kills.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::hint::spin_loop;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use samanvay_records::view::{Filter, Place};
use samanvay_records::{Lang, Profile};
use samanvay_tests::day;
use samanvay_tests::kill::{Dice, Said, profile};
use samanvay_tests::stage::Stage;
use samanvay_tests::world::World;
use samanvay_vault::KdfParams;

const DEVICE: &str = "two";
const KILLS: u64 = 200;
const SEED: u64 = 20_260_709;
/// Most acknowledged lines that a child may write before it is killed.
const LINES: u64 = 12;
/// Most spins after the last of them; a save takes some hundred thousand.
const SPINS: u64 = 3_000_000;

/// What the parent knows.
#[derive(Default)]
struct Known {
    saved: BTreeSet<String>,
    pin: String,
    next: Option<String>,
    pin_changes: u32,
    syncs: u32,
}

impl Known {
    fn hear(&mut self, said: Said) {
        match said {
            Said::Saved(record) => assert!(self.saved.insert(record), "one record was acknowledged twice"),
            Said::Changing(pin) => self.next = Some(pin),
            Said::Changed(pin) => {
                self.pin = pin;
                self.next = None;
                self.pin_changes += 1;
            }
            Said::Synced => self.syncs += 1,
        }
    }

    /// Opens with the old PIN or, if a change was under way, the new one.
    fn open(&mut self, dir: &Path) -> Profile {
        let profile = profile(dir).unwrap();
        if let Some(next) = self.next.take()
            && profile.unlock(&next).is_ok()
        {
            self.pin = next;
            return profile;
        }
        profile.unlock(&self.pin).unwrap();
        profile
    }
}

/// Runs a child, kills it at a random point, and hears what it had written.
fn run_and_kill(dir: &Path, known: &mut Known, dice: &mut Dice) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_samanvay-tests"))
        .args(["kill-child", "--pin", &known.pin, "--seed", &dice.roll(u64::MAX).to_string(), "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut hear = |known: &mut Known| {
        let mut line = String::new();
        let read = lines.read_line(&mut line).unwrap();
        if let Some(said) = Said::read(&line) {
            known.hear(said);
        }
        read > 0
    };
    for _ in 0..dice.roll(LINES) {
        assert!(hear(known), "the child ended by itself");
    }
    for _ in 0..dice.roll(SPINS) {
        spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote before the kill was acknowledged all the same.
    while hear(known) {}
}

async fn stage(dir: &Path) -> (Stage, PathBuf, String) {
    let world = World::read(&Path::new(day::FOLDER).join("bench.json")).unwrap();
    let cost = KdfParams::WEAK_FOR_TESTS;
    let mut stage = Stage::begin(&dir.join("stage"), &world.begins, cost, Lang::En, false).await.unwrap();
    stage.set_up(&world).await.unwrap();
    let url = stage.hub().public().url.clone();
    stage.enrol(&world, &url).await.unwrap();
    let device = stage.take(DEVICE).unwrap();
    device.sync().await.unwrap();
    (stage, device.dir.clone(), device.data.pin)
}

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_record_is_lost_or_doubled_by_kills() {
    let (kills, seed) = (env("SAMANVAY_KILLS", KILLS), env("SAMANVAY_KILL_SEED", SEED));
    let folder = tempfile::tempdir().unwrap();
    let (stage, dir, pin) = stage(folder.path()).await;
    let (mut known, mut dice) = (Known { pin, ..Known::default() }, Dice(seed));
    let all = Filter { limit: u32::MAX, ..Filter::default() };
    let mut unacknowledged = 0;
    for kill in 0..kills {
        run_and_kill(&dir, &mut known, &mut dice);
        let opened = known.open(&dir);
        let listed: Vec<String> = opened.list(&all).unwrap().into_iter().map(|row| row.record).collect();
        let unique: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(unique.len(), listed.len(), "a record twice; seed {seed}, kill {kill}");
        let lost: Vec<_> = known.saved.difference(&unique).collect();
        assert!(lost.is_empty(), "lost {lost:?}; seed {seed}, kill {kill}");
        // Saved, but killed before it could be said.
        unacknowledged += unique.difference(&known.saved).count();
        known.saved = unique;
    }
    let opened = known.open(&dir);
    let report = opened.sync(&samanvay_records::SyncOptions::default()).await.unwrap();
    assert!(report.refused.is_empty() && !report.forked, "{report:?}; seed {seed}");
    let rows = opened.list(&all).unwrap();
    assert!(rows.iter().all(|row| row.place == Place::OnHub), "seed {seed}");
    let (first, last) = (rows.first().unwrap(), rows.last().unwrap());
    let named = |row: &samanvay_records::view::RecordRow| opened.show(&row.record).unwrap().fields.len();
    assert_eq!(named(first), named(last), "seed {seed}");
    println!(
        "seed {seed}: {kills} kills, {} records, {} PIN changes, {} syncs, {unacknowledged} saved but not yet said",
        known.saved.len(),
        known.pin_changes,
        known.syncs
    );
    stage.end().await;
}
