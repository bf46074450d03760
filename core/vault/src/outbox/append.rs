//! Appends records and takes back the one that could not be committed.
//!
//! Invariant: `length`, `next` and `chain` describe what is on disk, or the outbox refuses to go on until it is opened again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{Entry, FileId, HEADER_LEN, Place, Position, RECORD_PREFIX, Records, encode_record, header, scan};
use crate::crypto::{Secret, sha256};
use crate::error::{Part, VaultError};
use crate::files::{Dir, private};
use crate::report::OutboxReport;

const NUMBER: u32 = 1;

/// What the appender asks of the disk.
pub(super) trait LogFile: Send + Sync {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl LogFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// The open outbox of one profile.
pub(crate) struct Outbox {
    log: Box<dyn LogFile>,
    dir: Dir,
    key: Secret,
    places: Vec<Place>,
    length: u64,
    next: u64,
    chain: [u8; 32],
    /// The disk holds something other than what the fields say.
    unsure: bool,
}

/// How to take an append back.
#[derive(Clone, Copy)]
pub(crate) struct Undo {
    length: u64,
    next: u64,
    chain: [u8; 32],
}

impl Outbox {
    /// Opens the file, making it if it is missing; cuts a torn tail and keeps it aside.
    pub(crate) fn open(dir: &Dir, profile: [u8; 16], key: Secret) -> Result<(Self, OutboxReport), VaultError> {
        let name = file_name(NUMBER);
        let id = FileId { profile, number: NUMBER };
        let missing = !dir.join(&name).exists();
        let mut file =
            private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(dir.join(&name))?;
        let mut found = scan(&mut file, &id, &key)?;
        let mut torn_file = None;
        if found.tail > 0 {
            torn_file = Some(keep_tail(dir, &mut file, &name, found.end)?);
            file.set_len(found.end)?;
        }
        if found.end < HEADER_LEN as u64 || missing {
            found.end = HEADER_LEN as u64;
            file.set_len(0)?;
            LogFile::write_at(&mut file, 0, &header(&id))?;
            dir.sync()?;
        }
        if missing || found.tail > 0 {
            dir.count_sync();
            file.sync_all()?;
        }
        let report = OutboxReport {
            records: found.places.len() as u64,
            torn_bytes: found.tail,
            torn_file,
            damage: std::mem::take(&mut found.damage),
            missing,
        };
        let outbox = Self {
            log: Box::new(file),
            dir: dir.clone(),
            key,
            places: found.places,
            length: found.end,
            next: found.next,
            chain: found.chain,
            unsure: false,
        };
        Ok((outbox, report))
    }

    /// Makes the empty file of a new profile, over what a creation cut short left.
    pub(crate) fn create(dir: &Dir, profile: [u8; 16]) -> Result<(), VaultError> {
        dir.replace(&file_name(NUMBER), &header(&FileId { profile, number: NUMBER }))
    }

    /// Whether the folder has an outbox with anything in it.
    pub(crate) fn holds_records(dir: &Dir) -> bool {
        dir.join(&file_name(NUMBER)).metadata().is_ok_and(|m| m.len() > HEADER_LEN as u64)
    }

    /// Index of the next record.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Jumps over indices that the database has seen and this file lost. The gap shows in every later scan.
    pub(crate) fn skip_to(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Whether there is a good record with an index of at least `from`.
    pub(crate) fn has_from(&self, from: u64) -> bool {
        self.places.last().is_some_and(|place| place.index >= from)
    }

    /// Good records with an index of at least `from`.
    pub(crate) fn places_from(&self, from: u64) -> Vec<Place> {
        let start = self.places.partition_point(|place| place.index < from);
        self.places.iter().skip(start).copied().collect()
    }

    /// Reads those records from disk, in order.
    pub(crate) fn records(&self, from: u64) -> Result<Records, VaultError> {
        let file = File::open(self.dir.join(&file_name(NUMBER)))?;
        let places = self.places_from(from).into_iter();
        Ok(Records { file, number: NUMBER, key: self.key.clone(), places })
    }

    /// Appends one record and syncs it: one sync. On failure the file is as before.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(Position, Undo), VaultError> {
        if self.unsure {
            return Err(VaultError::Damaged(Part::Outbox));
        }
        let record = encode_record(NUMBER, &self.key, self.next, self.chain, entries)?;
        let undo = Undo { length: self.length, next: self.next, chain: self.chain };
        self.dir.count_sync();
        if let Err(error) = self.log.write_at(self.length, &record).and_then(|()| self.log.sync()) {
            self.undo(undo);
            return Err(error.into());
        }
        let body = u32::try_from(record.len() - RECORD_PREFIX).map_err(|_| VaultError::TooLarge)?;
        let place = Place { index: self.next, offset: self.length, body };
        self.length = place.end();
        self.next += 1;
        self.chain = sha256(&[&record]);
        self.places.push(place);
        Ok((Position(place.index), undo))
    }

    /// Cuts the last append off again, so that a save that failed leaves no trace. If even that fails, the outbox takes no
    /// more until it is opened again; the record may then come back whole, as a save that was never acknowledged.
    pub(crate) fn undo(&mut self, undo: Undo) {
        let Undo { length, next, chain } = undo;
        self.dir.count_sync();
        if self.log.truncate(length).and_then(|()| self.log.sync()).is_err() {
            self.unsure = true;
        }
        self.places.retain(|place| place.index < next);
        (self.length, self.next, self.chain) = (length, next, chain);
    }
}

/// Copies what follows `end` to a file of its own.
fn keep_tail(dir: &Dir, file: &mut File, name: &str, end: u64) -> Result<String, VaultError> {
    let aside = dir.free_name(&format!("{name}.torn"));
    let mut out = private(OpenOptions::new().write(true).create_new(true)).open(dir.join(&aside))?;
    file.seek(SeekFrom::Start(end))?;
    io::copy(&mut Read::by_ref(file), &mut out)?;
    dir.count_sync();
    out.sync_all()?;
    dir.sync()?;
    Ok(aside)
}

fn file_name(number: u32) -> String {
    format!("outbox-{number:08}.log")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A log in memory whose next calls can be made to fail.
    #[derive(Clone, Default)]
    struct Failing(Arc<Mutex<State>>);

    #[derive(Default)]
    struct State {
        bytes: Vec<u8>,
        /// Bytes that fit before the disk is full.
        room: usize,
        sync_fails: bool,
        truncate_fails: bool,
    }

    impl LogFile for Failing {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let mut state = self.0.lock().unwrap();
            let offset = usize::try_from(offset).unwrap();
            state.bytes.truncate(offset);
            let fits = bytes.len().min(state.room.saturating_sub(offset));
            state.bytes.extend_from_slice(&bytes[..fits]);
            if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            if self.0.lock().unwrap().sync_fails { Err(io::Error::other("EIO")) } else { Ok(()) }
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            let mut state = self.0.lock().unwrap();
            if state.truncate_fails {
                return Err(io::Error::other("EIO"));
            }
            state.bytes.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    fn outbox(log: &Failing, dir: &std::path::Path) -> Outbox {
        let id = FileId { profile: [1; 16], number: NUMBER };
        log.0.lock().unwrap().bytes = header(&id);
        Outbox {
            log: Box::new(log.clone()),
            dir: Dir::open(dir),
            key: Secret::new([9; 32]),
            places: Vec::new(),
            length: HEADER_LEN as u64,
            next: 0,
            chain: sha256(&[&header(&id)]),
            unsure: false,
        }
    }

    fn entries(text: &str) -> Vec<Entry> {
        vec![Entry::new(1, text.as_bytes().to_vec())]
    }

    #[test]
    fn a_full_disk_leaves_the_file_as_it_was_and_the_next_save_fits() {
        let folder = tempfile::tempdir().unwrap();
        let log = Failing::default();
        let mut outbox = outbox(&log, folder.path());
        log.0.lock().unwrap().room = 1 << 20;
        outbox.append(&entries("बैतूल")).unwrap();
        let before = log.0.lock().unwrap().bytes.clone();
        for room in before.len()..before.len() + 100 {
            log.0.lock().unwrap().room = room;
            let error = outbox.append(&entries("मुलताई में जन-जागरूकता सत्र")).err().unwrap();
            assert!(error.is_disk_full());
            assert_eq!(log.0.lock().unwrap().bytes, before);
        }
        log.0.lock().unwrap().room = 1 << 20;
        assert_eq!(outbox.append(&entries("आमला")).unwrap().0, Position(1));
    }

    #[test]
    fn a_failed_sync_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let log = Failing::default();
        let mut outbox = outbox(&log, folder.path());
        log.0.lock().unwrap().room = 1 << 20;
        log.0.lock().unwrap().sync_fails = true;
        let before = log.0.lock().unwrap().bytes.clone();
        assert!(outbox.append(&entries("बैतूल")).is_err());
        assert_eq!(log.0.lock().unwrap().bytes, before);
        // The cut could not be synced either, so nothing more is taken.
        assert!(matches!(outbox.append(&entries("बैतूल")), Err(VaultError::Damaged(Part::Outbox))));
    }

    #[test]
    fn an_outbox_that_cannot_be_cut_back_takes_no_more_saves() {
        let folder = tempfile::tempdir().unwrap();
        let log = Failing::default();
        let mut outbox = outbox(&log, folder.path());
        log.0.lock().unwrap().truncate_fails = true;
        log.0.lock().unwrap().room = 100;
        assert!(outbox.append(&entries("बैतूल")).is_err());
        log.0.lock().unwrap().room = 1 << 20;
        assert!(matches!(outbox.append(&entries("बैतूल")), Err(VaultError::Damaged(Part::Outbox))));
    }
}
