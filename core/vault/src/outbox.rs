//! The outbox: every save, sealed under the device key, beside the database.
//!
//! Knows the file format (docs/keys.md §7), how to append so that a power cut leaves whole saves, and how to read past damage.
//! Refuses to know what an entry holds. Invariant: an index is used once; a record is either whole or cut off.
//! Start at [`scan`] to read a file, at `append.rs` to see how a save gets in.

mod append;
mod scan;

pub(crate) use append::Outbox;
pub use scan::{FileId, Scan, scan};

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use zeroize::Zeroizing;

use crate::crypto::content::{open, seal};
use crate::crypto::{SEAL_OVERHEAD, Secret, TAG_LEN, sha256};
use crate::error::{Part, VaultError};
use crate::files::Fields;

/// Most bytes of one record's sealed part.
pub const MAX_RECORD: usize = 4 << 20;
/// Most entries in one record.
pub const MAX_ENTRIES: usize = 4096;

const HEADER_LEN: usize = 80;
const HEADER_MAGIC: [u8; 8] = *b"smvoutbx";
const VERSION: u8 = 1;
const RECORD_HEAD: usize = 52;
/// Record head and nonce.
const RECORD_PREFIX: usize = 64;
const MARKER: [u8; 4] = *b"smvR";
const KIND_SAVE: u8 = 1;

/// One thing that a save keeps: bytes and a kind, both the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What `bytes` are; 0 is reserved for the vault.
    pub kind: u8,
    /// Content, sealed already if it must stay unreadable without the PIN.
    pub bytes: Vec<u8>,
}

impl Entry {
    /// An entry of `kind`.
    pub const fn new(kind: u8, bytes: Vec<u8>) -> Self {
        Self { kind, bytes }
    }
}

/// Number of a record, counted from 0 over all outbox files. Rises; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// One save as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub position: Position,
    /// What the save kept, in order.
    pub entries: Vec<Entry>,
}

/// Where a good record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: u64,
    offset: u64,
    /// Length of the sealed part without nonce.
    body: u32,
}

impl Place {
    const fn end(&self) -> u64 {
        self.offset + RECORD_PREFIX as u64 + self.body as u64
    }
}

/// Records in order, read from disk one at a time. Usable while the vault is locked.
#[derive(Debug)]
pub struct Records {
    file: File,
    number: u32,
    key: Secret,
    places: std::vec::IntoIter<Place>,
}

impl Iterator for Records {
    type Item = Result<Record, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.places.next()?;
        Some(read_place(&mut self.file, self.number, &self.key, &place))
    }
}

fn read_place(file: &mut File, number: u32, key: &Secret, place: &Place) -> Result<Record, VaultError> {
    let mut bytes = vec![0; RECORD_PREFIX + place.body as usize];
    file.seek(SeekFrom::Start(place.offset))?;
    file.read_exact(&mut bytes)?;
    let plain = open_record(number, key, &bytes).ok_or(VaultError::Damaged(Part::Outbox))?;
    let entries = decode_entries(&plain).ok_or(VaultError::Damaged(Part::Outbox))?;
    Ok(Record { position: Position(place.index), entries })
}

/// The first 80 bytes of a file. First index and previous chain are zero until files are rotated.
fn header(id: &FileId) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LEN);
    out.extend_from_slice(&HEADER_MAGIC);
    out.extend_from_slice(&[VERSION, 0, 0, 0]);
    out.extend_from_slice(&id.number.to_le_bytes());
    out.extend_from_slice(&id.profile);
    out.extend_from_slice(&0_u64.to_le_bytes());
    out.extend_from_slice(&[0; 32]);
    let check = sha256(&[&out]);
    out.extend_from_slice(check.first_chunk::<8>().map_or(&[], |c| c));
    out
}

/// The clear part of a record, but for the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    version: u8,
    kind: u8,
    index: u64,
    body: u32,
    prev: [u8; 32],
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_PREFIX);
        out.extend_from_slice(&MARKER);
        out.extend_from_slice(&[self.version, self.kind, 0, 0]);
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&self.body.to_le_bytes());
        out.extend_from_slice(&self.prev);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.array()? != MARKER {
            return None;
        }
        let [version, kind] = fields.array()?;
        let reserved: [u8; 2] = fields.array()?;
        let index = u64::from_le_bytes(fields.array()?);
        let body = u32::from_le_bytes(fields.array()?);
        let prev = fields.array()?;
        let sane = reserved == [0, 0] && (TAG_LEN..=MAX_RECORD).contains(&(body as usize)) && index < u64::MAX;
        sane.then_some(Self { version, kind, index, body, prev })
    }
}

/// A whole record: head, nonce, sealed entries.
fn encode_record(
    number: u32,
    key: &Secret,
    index: u64,
    prev: [u8; 32],
    entries: &[Entry],
) -> Result<Vec<u8>, VaultError> {
    let plain = encode_entries(entries)?;
    let body = u32::try_from(plain.len() + TAG_LEN).map_err(|_| VaultError::TooLarge)?;
    let head = Head { version: VERSION, kind: KIND_SAVE, index, body, prev }.encode();
    let sealed = seal(key, &associated(number, &head), &plain)?;
    Ok([head, sealed].concat())
}

/// The plaintext of a whole record, if its tag holds.
fn open_record(number: u32, key: &Secret, record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (head, sealed) = record.split_at_checked(RECORD_HEAD)?;
    open(key, &associated(number, head), sealed)
}

fn associated(number: u32, head: &[u8]) -> Vec<u8> {
    [number.to_le_bytes().as_slice(), head].concat()
}

fn encode_entries(entries: &[Entry]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let total: usize = entries.iter().map(|entry| entry.bytes.len().saturating_add(5)).sum();
    if entries.len() > MAX_ENTRIES || total > MAX_RECORD - SEAL_OVERHEAD {
        return Err(VaultError::TooLarge);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(total + TAG_LEN));
    for entry in entries {
        out.push(entry.kind);
        let length = u32::try_from(entry.bytes.len()).map_err(|_| VaultError::TooLarge)?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&entry.bytes);
    }
    Ok(out)
}

fn decode_entries(plain: &[u8]) -> Option<Vec<Entry>> {
    let mut fields = Fields::new(plain);
    let mut entries = Vec::new();
    while !fields.rest().is_empty() {
        if entries.len() == MAX_ENTRIES {
            return None;
        }
        let kind = fields.byte()?;
        let length = usize::try_from(u32::from_le_bytes(fields.array()?)).ok()?;
        entries.push(Entry { kind, bytes: fields.take(length)?.to_vec() });
    }
    Some(entries)
}
