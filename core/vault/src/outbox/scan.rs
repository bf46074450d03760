//! Reads an outbox file from end to end and says what is good, what is damaged and where the torn tail begins.
//!
//! Every byte is hostile. Memory is bounded by one record and 24 bytes per good record; time by a small multiple of the length.

use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use super::{
    HEADER_LEN, HEADER_MAGIC, Head, KIND_SAVE, Place, RECORD_HEAD, RECORD_PREFIX, VERSION, decode_entries, header,
    open_record,
};
use crate::crypto::{Secret, sha256};
use crate::error::VaultError;
use crate::report::Damage;

const WINDOW: usize = 64 * 1024;
/// How many times the file's length may be spent on tags that do not hold.
const BUDGET: u64 = 8;

/// Which file a header must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The profile's id.
    pub profile: [u8; 16],
    /// The file's number, from 1.
    pub number: u32,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub(crate) places: Vec<Place>,
    /// Damage with good records after it, in order.
    pub damage: Vec<Damage>,
    /// Length of the good part; what follows is a torn tail.
    pub end: u64,
    /// Bytes of the torn tail.
    pub tail: u64,
    /// Index of the next record.
    pub next: u64,
    pub(crate) chain: [u8; 32],
}

impl Scan {
    /// Number of good records.
    pub fn records(&self) -> usize {
        self.places.len()
    }
}

/// Reads a whole file. `key` is the outbox key of the profile.
///
/// # Errors
/// [`VaultError::NewerSchema`] for a file or an authentic record of a newer app, [`VaultError::Disk`] when reading fails.
/// Damage is no error but part of the result.
pub fn scan<R: Read + Seek>(mut source: R, id: &FileId, key: &Secret) -> Result<Scan, VaultError> {
    let length = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let mut file = Scanner {
        source: BufReader::with_capacity(WINDOW, source),
        at: 0,
        length,
        number: id.number,
        key,
        budget: length.saturating_mul(BUDGET),
    };
    let expected = header(id);
    let header_good = file.header(&expected)?;
    let mut out = Scan {
        places: Vec::new(),
        damage: Vec::new(),
        end: HEADER_LEN as u64,
        tail: 0,
        next: 0,
        chain: sha256(&[&expected]),
    };
    if !header_good {
        out.damage.push(Damage { offset: 0, bytes: HEADER_LEN as u64, records_lost: 0 });
    }
    while let Some(found) = file.find(out.end, out.next)? {
        let gap =
            Damage { offset: out.end, bytes: found.place.offset - out.end, records_lost: found.place.index - out.next };
        if gap.bytes > 0 || gap.records_lost > 0 || found.prev != out.chain {
            out.damage.push(gap);
        }
        out.end = found.place.end();
        out.next = found.place.index + 1;
        out.chain = found.chain;
        out.places.push(found.place);
    }
    if !header_good && out.places.is_empty() {
        // Nothing in the file can be told to be ours: a creation cut short, or rubbish. All of it is tail.
        out.end = 0;
        out.damage.clear();
    }
    out.tail = length - out.end.min(length);
    Ok(out)
}

struct Found {
    place: Place,
    prev: [u8; 32],
    chain: [u8; 32],
}

struct Scanner<'a, R> {
    source: BufReader<R>,
    at: u64,
    length: u64,
    number: u32,
    key: &'a Secret,
    budget: u64,
}

impl<R: Read + Seek> Scanner<'_, R> {
    /// Whether the header is the expected one.
    fn header(&mut self, expected: &[u8]) -> Result<bool, VaultError> {
        let Some(bytes) = self.bytes(0, HEADER_LEN)? else { return Ok(false) };
        let checked = bytes.split_last_chunk::<8>().is_some_and(|(head, check)| sha256(&[head]).starts_with(check));
        let version = bytes.get(HEADER_MAGIC.len()).copied().unwrap_or(0);
        if checked && bytes.starts_with(&HEADER_MAGIC) && version > VERSION {
            return Err(VaultError::NewerSchema { found: version.into(), supported: VERSION.into() });
        }
        Ok(bytes == expected)
    }

    /// The first good record at or after `from` whose index is at least `next`.
    fn find(&mut self, from: u64, next: u64) -> Result<Option<Found>, VaultError> {
        if let Some(found) = self.record(from, next)? {
            return Ok(Some(found));
        }
        let mut start = from + 1;
        while start < self.length && self.budget > 0 {
            let wanted = WINDOW.min(usize::try_from(self.length - start).unwrap_or(WINDOW));
            let Some(window) = self.bytes(start, wanted)? else { return Ok(None) };
            let markers = window.windows(super::MARKER.len()).enumerate();
            let hits: Vec<u64> =
                markers.filter(|(_, four)| *four == super::MARKER).map(|(i, _)| start + i as u64).collect();
            for hit in hits {
                if let Some(found) = self.record(hit, next)? {
                    return Ok(Some(found));
                }
                if self.budget == 0 {
                    return Ok(None);
                }
            }
            // A marker may lie across two windows.
            start += wanted.saturating_sub(super::MARKER.len() - 1).max(1) as u64;
        }
        Ok(None)
    }

    /// The record at `offset`, if it is whole, authentic and not an old one.
    fn record(&mut self, offset: u64, next: u64) -> Result<Option<Found>, VaultError> {
        let Some(prefix) = self.bytes(offset, RECORD_HEAD)? else { return Ok(None) };
        let Some(head) = Head::decode(&prefix).filter(|head| head.index >= next) else { return Ok(None) };
        let place = Place { index: head.index, offset, body: head.body };
        let Some(record) = self.bytes(offset, RECORD_PREFIX + head.body as usize)? else { return Ok(None) };
        let Some(plain) = open_record(self.number, self.key, &record) else {
            self.budget = self.budget.saturating_sub(record.len() as u64);
            return Ok(None);
        };
        for (found, supported) in [(head.version, VERSION), (head.kind, KIND_SAVE)] {
            if found > supported {
                return Err(VaultError::NewerSchema { found: found.into(), supported: supported.into() });
            }
        }
        if decode_entries(&plain).is_none() {
            return Ok(None);
        }
        Ok(Some(Found { place, prev: head.prev, chain: sha256(&[&record]) }))
    }

    /// `count` bytes at `offset`, or `None` when the file ends before.
    fn bytes(&mut self, offset: u64, count: usize) -> Result<Option<Vec<u8>>, VaultError> {
        let end = offset.checked_add(count as u64);
        if end.is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let step = i64::try_from(offset).unwrap_or(i64::MAX) - i64::try_from(self.at).unwrap_or(i64::MAX);
        self.source.seek_relative(step)?;
        let mut out = vec![0; count];
        match self.source.read_exact(&mut out) {
            Ok(()) => {
                self.at = offset + count as u64;
                Ok(Some(out))
            }
            // The file became shorter under us.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                self.length = offset;
                self.at = self.source.stream_position()?;
                Ok(None)
            }
            Err(e) => Err(e.into()),
        }
    }
}
