//! What the vault's tests share: profiles in a temporary folder, a small schema, and saves that look real.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use samanvay_vault::outbox::Position;
use samanvay_vault::rusqlite::Transaction;
use samanvay_vault::{Entry, KdfParams, KeyStore, Migration, Options, SoftKeyStore, Vault, VaultError};

pub(crate) const PIN: &[u8] = b"482957";
pub(crate) const OTHER_PIN: &[u8] = "७३०१६४".as_bytes();

pub(crate) const SESSIONS: Migration = Migration {
    number: 1,
    name: "sessions",
    sql: "CREATE TABLE session (id INTEGER PRIMARY KEY, place TEXT NOT NULL) STRICT",
};

pub(crate) fn options() -> Options {
    Options { kdf: KdfParams::WEAK_FOR_TESTS, migrations: vec![SESSIONS] }
}

/// A profile and its key store in a folder that goes away with it.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn KeyStore>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SoftKeyStore::open(&folder.path().join("keys")).unwrap());
        Self { folder, store }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn create(&self) -> Vault {
        Vault::create(&self.dir(), PIN, self.store.clone(), options()).unwrap()
    }

    pub(crate) fn open(&self) -> Vault {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Vault, VaultError> {
        Vault::open(&self.dir(), self.store.clone(), options())
    }

    /// The profile's files, sub-folders included.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut out = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { out.push(path) }
            }
        }
        out
    }

    pub(crate) fn files_named(&self, part: &str) -> Vec<PathBuf> {
        self.files().into_iter().filter(|p| p.file_name().unwrap().to_str().unwrap().contains(part)).collect()
    }

    /// A copy of the whole folder, key store included: what a power cut here would leave.
    pub(crate) fn snapshot(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let store = Arc::new(SoftKeyStore::open(&folder.path().join("keys")).unwrap());
        Self { folder, store }
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What one save keeps: the place, and a frame beside it.
pub(crate) fn entries(place: &str) -> Vec<Entry> {
    vec![Entry::new(1, place.as_bytes().to_vec()), Entry::new(2, vec![0x5A; 40])]
}

pub(crate) fn insert(tx: &Transaction<'_>, place: &str) -> Result<(), VaultError> {
    tx.execute("INSERT INTO session (place) VALUES (?1)", [place]).map(|_| ()).map_err(VaultError::from)
}

pub(crate) fn save(vault: &Vault, place: &str) -> Result<(), VaultError> {
    vault.save(&entries(place), |tx| insert(tx, place))
}

/// Applies a save that comes back from the outbox.
pub(crate) fn apply(tx: &Transaction<'_>, _: Position, entries: &[Entry]) -> Result<(), VaultError> {
    assert_eq!(entries.len(), 2);
    insert(tx, std::str::from_utf8(&entries[0].bytes).unwrap())
}

/// Places in the database, in order of saving.
pub(crate) fn places(vault: &Vault) -> Vec<String> {
    let read = vault.read(|c| {
        let mut query = c.prepare("SELECT place FROM session ORDER BY id")?;
        let rows = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        Ok::<_, VaultError>(rows)
    });
    read.unwrap()
}

/// Places in the outbox, in order of saving.
pub(crate) fn outbox_places(vault: &Vault) -> Vec<String> {
    let records = vault.outbox_entries(Position(0)).unwrap();
    records.map(|r| String::from_utf8(r.unwrap().entries[0].bytes.clone()).unwrap()).collect()
}

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}
