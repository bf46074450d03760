//! The search for every name, and its counter-proof: the same day without sealing.
//!
//! Invariant: both searches run the same code over the same kinds of places. Start at [`Day::search_sealed`].

use std::path::{Path, PathBuf};

use samanvay_vault::KdfParams;

use super::{Day, Options};
use crate::canary::{Found, Search};
use crate::error::Result;
use crate::report::size;

/// Where a day's traces lie, below its folder.
const HUB: &str = "hub";
const WIRE: &str = "wire";
const DEVICES: &str = "devices";

impl Day {
    /// Looks for every marker in everything that the day left.
    pub(super) fn search_sealed(&mut self, dir: &Path, logs: &[PathBuf]) -> Result<()> {
        let step = self.step("canary");
        let found = self.search(dir, logs)?;
        self.tell_found("sealed", &found);
        for (key, places) in &found.places {
            for (place, hits) in places {
                self.teller.say(&format!("    {key}: {} ({}) × {hits}", place.name, place.coding));
            }
        }
        let looked = found.files > 0 && found.frames > 0;
        self.teller.check("sealed_none", looked && found.hits() == 0, found.hits().to_string());
        self.end(step);
        Ok(())
    }

    /// Judges what a search of an unsealed day found.
    pub(super) fn judge_unsealed(&mut self, found: &Found) {
        self.tell_found("unsealed", found);
        let everywhere = |key: &str| {
            let places = found.places.get(key);
            [HUB, WIRE, DEVICES]
                .iter()
                .all(|part| places.is_some_and(|places| places.keys().any(|place| place.name.starts_with(part))))
        };
        let blind: Vec<String> =
            self.story.markers.iter().map(|m| m.key.clone()).filter(|key| !everywhere(key)).collect();
        let all = self.story.markers.len();
        let seen = format!("{}/{all} {}", all - blind.len(), blind.join(" "));
        self.teller.check("unsealed_all", blind.is_empty(), seen.trim_end());
    }

    fn search(&self, dir: &Path, logs: &[PathBuf]) -> Result<Found> {
        self.tap.write(&dir.join(WIRE))?;
        let mut search = Search::new(&self.story.markers)?;
        // Everything below the folder, whatever it is called: a place that nobody thought of counts as well.
        search.folder("", dir)?;
        for log in logs {
            search.file(log)?;
        }
        Ok(search.found().clone())
    }

    fn tell_found(&mut self, how: &str, found: &Found) {
        let [how, hits, places, files, frames, searched] =
            [how, "hits", "places", "files", "frames", "searched"].map(|key| self.teller.word(key));
        let line = format!(
            "  {how}: {} {hits}, {} {places}; {} {files}, {} {frames}, {} {searched}",
            found.hits(),
            found.places().len(),
            found.files,
            found.frames,
            size(found.bytes)
        );
        self.teller.say(&line);
        if found.hits() > 0 {
            let parts = [HUB, WIRE, DEVICES].map(|part| {
                let places = found.places().into_iter().filter(|place| place.starts_with(part)).count();
                format!("{part} {places}")
            });
            let codings: Vec<&str> = found.codings().into_iter().collect();
            self.teller.say(&format!("    {} · {}", parts.join(" · "), codings.join(" · ")));
        }
    }
}

/// Plays the day without sealing and searches it. There is no way back in this process.
pub(super) async fn unsealed(folder: &Path, dir: &Path, options: &Options) -> Result<Found> {
    samanvay_sync::canary::stop_sealing();
    samanvay_vault::keystore::canary::stop_sealing();
    let options = Options { quiet: true, page: false, cost: KdfParams::WEAK_FOR_TESTS, ..options.clone() };
    let log = dir.join("unsealed.log");
    let stage = dir.join("unsealed");
    let mut day = Day::begin(folder, &stage, &log, &options).await?;
    day.acts().await?;
    let found = day.search(&stage, &[log])?;
    day.stage.end().await;
    // The names are invented, but nothing that lies in clear is left behind.
    std::fs::remove_dir_all(&stage).map_err(crate::error::reading(&stage))?;
    Ok(found)
}
