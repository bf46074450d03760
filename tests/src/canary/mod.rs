//! The canary: unique invented names are entered everywhere, then looked for in everything that was written or sent.
//!
//! Knows files, `SQLite` tables, zstd frames and the ways in which text may be coded. Refuses to know what sealing is: it
//! looks, and says what it found where. Invariant: a name that lies anywhere in the clear, coded in one of the ways of
//! `forms`, is found; a run without sealing must prove that. Start at [`Search`].

mod forms;
mod frames;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use crate::error::{Result, reading};
use frames::Frames;

/// A name that exists nowhere else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// What it stands for, in a word.
    pub key: String,
    /// The name itself and other ways to write it, such as a number in the other digits.
    pub texts: Vec<String>,
}

/// A place where a marker was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// File, table and column, or direction on the wire.
    pub name: String,
    /// The coding.
    pub coding: &'static str,
    /// Whether it had to be decompressed first.
    pub decompressed: bool,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Places by marker key, with how often there.
    pub places: BTreeMap<String, BTreeMap<Place, u64>>,
    /// Bytes looked at, decompressed ones and values of tables included.
    pub bytes: u64,
    /// Files looked at.
    pub files: u64,
    /// zstd frames that opened.
    pub frames: u64,
}

impl Found {
    /// All hits.
    pub fn hits(&self) -> u64 {
        self.places.values().flat_map(BTreeMap::values).sum()
    }

    /// Different places with a hit.
    pub fn places(&self) -> BTreeSet<&str> {
        self.places.values().flat_map(BTreeMap::keys).map(|place| place.name.as_str()).collect()
    }

    /// Different codings that hit.
    pub fn codings(&self) -> BTreeSet<&'static str> {
        self.places.values().flat_map(BTreeMap::keys).map(|place| place.coding).collect()
    }
}

/// A search for a set of markers.
pub struct Search {
    automaton: AhoCorasick,
    /// Marker key and coding of each pattern.
    meanings: Vec<(String, &'static str)>,
    frames: Frames,
    found: Found,
}

impl Search {
    /// A search for these markers in every coding.
    ///
    /// # Errors
    /// [`crate::Failure::Data`] if there are too many.
    pub fn new(markers: &[Marker]) -> Result<Self> {
        let mut patterns: BTreeMap<Vec<u8>, (String, &'static str)> = BTreeMap::new();
        for marker in markers {
            for (coding, bytes) in marker.texts.iter().flat_map(|text| forms::of(text)) {
                patterns.entry(bytes).or_insert_with(|| (marker.key.clone(), coding));
            }
        }
        let (patterns, meanings): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        // Hex, percent and \u come in both cases, and so do Latin names.
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(patterns);
        let automaton = automaton.map_err(|_| crate::Failure::Data("too many markers".to_owned()))?;
        let frames = Frames::new().map_err(reading(Path::new("zstd")))?;
        Ok(Self { automaton, meanings, frames, found: Found::default() })
    }

    /// Looks through bytes and through every zstd frame in them.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.plain(name, bytes, false);
        for frame in self.frames.all(bytes) {
            self.found.frames += 1;
            self.plain(name, &frame, true);
        }
    }

    /// Looks through every file of a folder; `SQLite` files that open without a key also value by value.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn folder(&mut self, name: &str, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).map_err(reading(folder))? {
            let path = entry.map_err(reading(folder))?.path();
            let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            // The name of a file is as readable as its content.
            self.plain(&name, name.as_bytes(), false);
            if path.is_dir() {
                self.folder(&name, &path)?;
            } else if path.is_file() {
                self.named(&name, &path)?;
                tables::values(&path, &mut |column, value| self.bytes(&format!("{name}:{column}"), value))?;
            }
        }
        Ok(())
    }

    /// Looks through one file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        self.named(&path.file_name().unwrap_or_default().to_string_lossy(), path)
    }

    fn named(&mut self, name: &str, path: &Path) -> Result<()> {
        self.found.files += 1;
        self.bytes(name, &fs::read(path).map_err(reading(path))?);
        Ok(())
    }

    /// What was found so far.
    pub fn found(&self) -> &Found {
        &self.found
    }

    fn plain(&mut self, name: &str, bytes: &[u8], decompressed: bool) {
        self.found.bytes += bytes.len() as u64;
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let Some((key, coding)) = self.meanings.get(hit.pattern().as_usize()) else { continue };
            let place = Place { name: name.to_owned(), coding, decompressed };
            *self.found.places.entry(key.clone()).or_default().entry(place).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Vec<Marker> {
        vec![Marker {
            key: "child".to_owned(), texts: vec!["झिलमिलिका".to_owned(), "Jhilmilika".to_owned()]
        }]
    }

    fn hits(bytes: &[u8]) -> u64 {
        let mut search = Search::new(&marker()).unwrap();
        search.bytes("here", bytes);
        search.found().hits()
    }

    #[test]
    fn a_name_is_found_in_every_coding_and_an_empty_place_holds_none() {
        for (coding, bytes) in forms::of("झिलमिलिका") {
            assert!(hits(&[b"xyz".as_slice(), &bytes, b"xyz"].concat()) > 0, "{coding}");
        }
        assert!(hits(b"JHILMILIKA") > 0);
        assert_eq!(hits("झिलमिल".as_bytes()), 0);
    }

    #[test]
    fn a_name_is_found_in_compressed_frames_with_and_without_their_magic() {
        let text = "झिलमिलिका की रिपोर्ट, झिलमिलिका की रिपोर्ट ".repeat(20);
        let coded = samanvay_sync::payload::text::encode(&text);
        for plain in [text.as_bytes(), &coded] {
            let frame = zstd::bulk::compress(plain, 19).unwrap();
            assert!(hits(&frame) > 0);
            assert!(hits(&[&[7; 41], &frame[4..], &[9; 30]].concat()) > 0);
        }
    }

    #[test]
    fn a_name_is_found_in_base64_at_every_alignment() {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE;
        for lead in ["", "क", "ab", "abc", "abcd"] {
            let text = engine.encode(format!("{lead}झिलमिलिका और बाकी"));
            assert!(hits(text.as_bytes()) > 0, "{lead:?}");
        }
    }

    #[test]
    fn a_name_is_found_in_a_table_even_where_it_is_split_over_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain.sqlite");
        let db = rusqlite::Connection::open(&path).unwrap();
        let long = format!("{}झिलमिलिका{}", "क".repeat(1350), "ख".repeat(4000));
        db.execute_batch("CREATE TABLE t (a INTEGER, b TEXT)").unwrap();
        db.execute("INSERT INTO t VALUES (1, ?1)", [long]).unwrap();
        drop(db);
        let mut search = Search::new(&marker()).unwrap();
        search.folder("f", folder.path()).unwrap();
        assert!(search.found().places().contains("f/plain.sqlite:t.b"));
    }
}
