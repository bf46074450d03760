//! Counts wrong PINs so that neither a crash nor a copied file gives tries back.
//!
//! Knows the file `attempts` (docs/keys.md §5) and its mirror in the key store. Knows nothing of PINs.
//! Invariant: a try is on disk before it is made; of two counts the higher one holds.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};

use crate::crypto::{Secret, mac};
use crate::error::VaultError;
use crate::files::{BLOCK_LEN, Dir, Fields, block, newest_block, private};
use crate::keystore::KeyStore;
use crate::profile::ProfileId;

/// Tries before the profile is locked until help comes.
pub(crate) const MAX_FAILED: u32 = 10;
/// What a lost or damaged file counts as: the tries that will be free of delay are used up.
const AFTER_DAMAGE: u32 = 5;
const FILE: &str = "attempts";
const KIND: [u8; 8] = *b"smvtries";
const VERSION: u8 = 1;
/// Boot id (16) and not-before (8): room for delays.
const RESERVED: [u8; 24] = [0; 24];

/// The counter of one profile.
pub(crate) struct Attempts {
    dir: Dir,
    key: Secret,
    label: String,
    sequence: u64,
    failed: u32,
}

impl Attempts {
    /// Starts at 0, for a new profile.
    pub(crate) fn create(dir: &Dir, profile: &ProfileId, key: Secret, store: &dyn KeyStore) -> Result<(), VaultError> {
        let fresh = Self { dir: dir.clone(), key, label: profile.label("attempts"), sequence: 0, failed: 0 };
        dir.replace_twin(FILE, KIND, &fresh.body(0))?;
        Ok(store.set_counter(&fresh.label, 0)?)
    }

    /// Reads the file and takes the higher of its count and the key store's.
    pub(crate) fn open(dir: &Dir, profile: &ProfileId, key: Secret, store: &dyn KeyStore) -> Result<Self, VaultError> {
        let label = profile.label("attempts");
        let mut attempts = Self { dir: dir.clone(), key, label, sequence: 0, failed: AFTER_DAMAGE };
        let bytes = match dir.read_capped(FILE, 2 * BLOCK_LEN as u64) {
            Err(VaultError::TooLarge) => None,
            other => other?,
        };
        if let Some((sequence, body)) = bytes.and_then(|b| newest_block(&b, KIND)) {
            attempts.sequence = sequence;
            attempts.failed = attempts.parse(&body).unwrap_or(AFTER_DAMAGE);
        }
        attempts.failed = attempts.failed.max(store.counter(&attempts.label)?);
        Ok(attempts)
    }

    pub(crate) fn left(&self) -> u32 {
        MAX_FAILED.saturating_sub(self.failed)
    }

    /// Counts one try, on disk, before it is made.
    pub(crate) fn begin(&mut self, store: &dyn KeyStore) -> Result<(), VaultError> {
        if self.left() == 0 {
            return Err(VaultError::LockedOut);
        }
        self.set(self.failed + 1, store)
    }

    /// The try was not made after all.
    pub(crate) fn give_back(&mut self, store: &dyn KeyStore) -> Result<(), VaultError> {
        self.set(self.failed.saturating_sub(1), store)
    }

    /// The try was right.
    pub(crate) fn succeeded(&mut self, store: &dyn KeyStore) -> Result<(), VaultError> {
        self.set(0, store)
    }

    /// Writes the count over the older of the two blocks: a torn write leaves the newer one.
    fn set(&mut self, failed: u32, store: &dyn KeyStore) -> Result<(), VaultError> {
        let sequence = self.sequence + 1;
        let bytes = block(KIND, sequence, &self.body(failed))?;
        let mut file = match OpenOptions::new().write(true).open(self.dir.join(FILE)) {
            Err(e) if e.kind() == ErrorKind::NotFound => self.remake()?,
            other => other?,
        };
        file.seek(SeekFrom::Start((sequence % 2) * BLOCK_LEN as u64))?;
        file.write_all(&bytes)?;
        self.dir.count_sync();
        file.sync_data()?;
        self.sequence = sequence;
        self.failed = failed;
        Ok(store.set_counter(&self.label, failed)?)
    }

    fn remake(&self) -> Result<File, VaultError> {
        let file = private(OpenOptions::new().write(true).create_new(true)).open(self.dir.join(FILE))?;
        self.dir.sync()?;
        Ok(file)
    }

    /// `version ‖ failed u32 ‖ boot id 16 ‖ not before u64 ‖ MAC 32`.
    fn body(&self, failed: u32) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend_from_slice(&failed.to_le_bytes());
        body.extend_from_slice(&RESERVED);
        let mac = mac(&self.key, &[&body]);
        body.extend_from_slice(&mac);
        body
    }

    fn parse(&self, body: &[u8]) -> Option<u32> {
        let (signed, tag) = body.split_last_chunk::<32>()?;
        let mut fields = Fields::new(signed);
        let version = fields.byte()?;
        let failed = u32::from_le_bytes(fields.array()?);
        // A newer app may add fields; what counts stays in front.
        (mac(&self.key, &[signed]) == *tag && version >= VERSION).then_some(failed)
    }
}
