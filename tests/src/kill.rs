//! A process that works until it is killed, and says what was acknowledged.
//!
//! The parent (`tests/tests/kill.rs`) kills it at random points and looks for every acknowledged record. Invariant: a line
//! is written only after the call that it speaks of has returned. Start at [`child`].

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use samanvay_records::answers::fill;
use samanvay_records::{Env, Lang, Profile, Profiles, RecordsError, SyncOptions};
use samanvay_vault::{KdfParams, SoftKeyStore};

use crate::clock::StoryClock;
use crate::day;
use crate::error::{Failure, Result, reading};

/// When the records are entered: soon after the story's session, as its form asks.
const NOW: &str = "2026-07-09T09:00:00+05:30";

/// What the process says, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A record was saved.
    Saved(String),
    /// The PIN is about to become this one.
    Changing(String),
    /// It has.
    Changed(String),
    /// A sync came through.
    Synced,
}

impl Said {
    /// The line.
    pub fn line(&self) -> String {
        match self {
            Self::Saved(record) => format!("saved {record}\n"),
            Self::Changing(pin) => format!("changing {pin}\n"),
            Self::Changed(pin) => format!("changed {pin}\n"),
            Self::Synced => "synced -\n".to_owned(),
        }
    }

    /// Reads a whole line; `None` for one that was cut off by the kill.
    pub fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.strip_suffix('\n')?.split_once(' ')?;
        match word {
            "saved" => Some(Self::Saved(rest.to_owned())),
            "changing" => Some(Self::Changing(rest.to_owned())),
            "changed" => Some(Self::Changed(rest.to_owned())),
            "synced" => Some(Self::Synced),
            _ => None,
        }
    }
}

/// The only profile in a device's folder, locked.
///
/// # Errors
/// There is none, or it is open elsewhere.
pub fn profile(dir: &Path) -> Result<Profile> {
    let key_store = Arc::new(SoftKeyStore::open(&dir.join("key-store"))?);
    let clock = Arc::new(StoryClock::at(NOW)?);
    let env = Env { clock, key_store, kdf: KdfParams::WEAK_FOR_TESTS, language: Lang::En };
    let profiles = Profiles::open(dir, env)?;
    let entry = profiles.list()?.into_iter().next().ok_or_else(|| Failure::Data("no profile".to_owned()))?;
    Ok(profiles.get(&entry.id)?)
}

/// Saves records, syncs (which cuts and publishes) and changes the PIN, in an order that the seed gives, for ever.
///
/// # Errors
/// A call failed, other than for want of a hub.
pub async fn child(dir: &Path, pin: &str, seed: u64) -> Result<()> {
    let profile = profile(dir)?;
    profile.unlock(pin)?;
    let answers = day::answers("session_betul")?;
    let (mut pin, mut dice) = (pin.to_owned(), Dice(seed));
    loop {
        match dice.roll(8) {
            0 => {
                let next = format!("{:06}", 100_000 + dice.roll(900_000));
                say(&Said::Changing(next.clone()))?;
                match profile.change_pin(&pin, &next) {
                    Ok(()) => pin.clone_from(&next),
                    // One that anybody would guess: the old one stays.
                    Err(RecordsError::Vault(samanvay_vault::VaultError::WeakPin(_))) => {}
                    Err(error) => return Err(error.into()),
                }
                say(&Said::Changed(pin.clone()))?;
            }
            1 => {
                profile.sync(&SyncOptions::default()).await?;
                say(&Said::Synced)?;
            }
            _ => {
                let mut session = profile.start("awareness_session")?;
                fill(&mut session, &answers)?.map_err(|refusals| Failure::Data(format!("{refusals:?}")))?;
                say(&Said::Saved(session.finish()?))?;
            }
        }
    }
}

fn say(said: &Said) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(said.line().as_bytes()).and_then(|()| out.flush()).map_err(reading(Path::new("standard output")))
}

/// Seeded numbers (SplitMix64): the same order of work for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides.max(1)
    }
}
