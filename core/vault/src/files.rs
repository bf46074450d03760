//! Files that survive a power cut, and small ones that survive a damaged page.
//!
//! Knows temporary files, renames, syncs and the twin block format. Knows nothing of what is inside.
//! Invariant: after `replace` or `remove` returns, a power cut cannot bring the old state back; before it returns, a reader
//! sees the old bytes or the new ones, never a mixture.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::crypto::{hex, random, sha256};
use crate::error::{Part, VaultError};

/// Bytes of one block of a twin file.
pub(crate) const BLOCK_LEN: usize = 4096;
const CHECK_LEN: usize = 32;
const TEMPORARY: &str = ".tmp-";

/// A folder readable by its owner only, with a count of the syncs asked of the disk.
#[derive(Debug, Clone)]
pub(crate) struct Dir {
    path: PathBuf,
    syncs: Arc<AtomicU64>,
}

impl Dir {
    /// Opens an existing folder.
    pub(crate) fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), syncs: Arc::default() }
    }

    /// Opens the folder, making it and its parents if need be.
    pub(crate) fn create(path: &Path) -> Result<Self, VaultError> {
        let dir = Self::open(path);
        dir.make()?;
        Ok(dir)
    }

    /// A folder below this one, counted together with it.
    pub(crate) fn sub(&self, name: &str) -> Result<Self, VaultError> {
        let dir = Self { path: self.path.join(name), syncs: Arc::clone(&self.syncs) };
        dir.make()?;
        Ok(dir)
    }

    fn make(&self) -> Result<(), VaultError> {
        if self.path.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)?;
        if let Some(parent) = self.path.parent() {
            sync_folder(parent)?;
        }
        Ok(())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Syncs asked for so far through this folder and those below it.
    pub(crate) fn sync_count(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn count_sync(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sync(&self) -> Result<(), VaultError> {
        self.count_sync();
        Ok(sync_folder(&self.path)?)
    }

    /// Puts `bytes` in place of the file `name`.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let temporary = self.join(&format!("{TEMPORARY}{}", hex(&random::<8>()?)));
        let written = (|| -> io::Result<()> {
            let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&temporary)?;
            file.write_all(bytes)?;
            self.count_sync();
            file.sync_all()?;
            fs::rename(&temporary, self.join(name))
        })();
        if written.is_err() {
            // The error that matters is the first one; what is left over is cleared at the next open.
            fs::remove_file(&temporary).ok();
        }
        written?;
        self.sync()
    }

    /// Removes the file if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), VaultError> {
        match fs::remove_file(self.join(name)) {
            Ok(()) => self.sync(),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Moves `from` to the first free name of the form `<to>-<n>`; `None` when `from` is absent.
    pub(crate) fn set_aside(&self, from: &str, to: &str) -> Result<Option<String>, VaultError> {
        if !self.join(from).exists() {
            return Ok(None);
        }
        let free = self.free_name(to);
        fs::rename(self.join(from), self.join(&free))?;
        self.sync()?;
        Ok(Some(free))
    }

    /// The first name of the form `<stem>-<n>` that no file has.
    pub(crate) fn free_name(&self, stem: &str) -> String {
        let taken = |n: &u32| !self.join(&format!("{stem}-{n}")).exists();
        let n = (1..u32::MAX).find(taken).unwrap_or(u32::MAX);
        format!("{stem}-{n}")
    }

    /// The whole file; `None` when it is absent.
    pub(crate) fn read_capped(&self, name: &str, cap: u64) -> Result<Option<Vec<u8>>, VaultError> {
        let file = match File::open(self.join(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let mut bytes = Vec::new();
        file.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > cap { Err(VaultError::TooLarge) } else { Ok(Some(bytes)) }
    }

    /// File names, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, VaultError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes what an interrupted `replace` left.
    pub(crate) fn clear_temporary(&self) -> Result<(), VaultError> {
        for name in self.names()?.iter().filter(|name| name.starts_with(TEMPORARY)) {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Takes the advisory lock that the returned file holds until it is dropped.
    pub(crate) fn lock(&self) -> Result<File, VaultError> {
        let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(self.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(VaultError::AlreadyOpen),
            Err(fs::TryLockError::Error(e)) => Err(e.into()),
        }
    }

    /// Writes a small file twice over, so that one damaged page does not lose it.
    pub(crate) fn replace_twin(&self, name: &str, kind: [u8; 8], body: &[u8]) -> Result<(), VaultError> {
        let block = block(kind, 0, body)?;
        self.replace(name, &[block.as_slice(), &block].concat())
    }

    /// Reads what [`Dir::replace_twin`] wrote; `None` when the file is absent.
    pub(crate) fn read_twin(&self, name: &str, kind: [u8; 8], part: Part) -> Result<Option<Vec<u8>>, VaultError> {
        let bytes = match self.read_capped(name, 2 * BLOCK_LEN as u64) {
            Err(VaultError::TooLarge) => return Err(VaultError::Damaged(part)),
            other => other?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        match newest_block(&bytes, kind) {
            Some((_, body)) => Ok(Some(body)),
            None => Err(VaultError::Damaged(part)),
        }
    }
}

/// Options for a file that only its owner may read.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// `kind 8 ‖ sequence u64 ‖ length u16 ‖ body ‖ zeros ‖ SHA-256 of all before`, 4,096 bytes in all.
pub(crate) fn block(kind: [u8; 8], sequence: u64, body: &[u8]) -> Result<Vec<u8>, VaultError> {
    let length = u16::try_from(body.len()).map_err(|_| VaultError::TooLarge)?;
    let mut out = Vec::with_capacity(BLOCK_LEN);
    out.extend_from_slice(&kind);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(body);
    if out.len() > BLOCK_LEN - CHECK_LEN {
        return Err(VaultError::TooLarge);
    }
    out.resize(BLOCK_LEN - CHECK_LEN, 0);
    let check = sha256(&[&out]);
    out.extend_from_slice(&check);
    Ok(out)
}

/// Sequence and body of the newest of the blocks whose check holds.
pub(crate) fn newest_block(bytes: &[u8], kind: [u8; 8]) -> Option<(u64, Vec<u8>)> {
    bytes.chunks_exact(BLOCK_LEN).filter_map(|block| parse_block(block, kind)).max_by_key(|(sequence, _)| *sequence)
}

fn parse_block(block: &[u8], kind: [u8; 8]) -> Option<(u64, Vec<u8>)> {
    let (checked, check) = block.split_at_checked(BLOCK_LEN - CHECK_LEN)?;
    if sha256(&[checked]) != check || !checked.starts_with(&kind) {
        return None;
    }
    let mut fields = Fields::new(checked.get(kind.len()..)?);
    let sequence = u64::from_le_bytes(fields.array()?);
    let length = usize::from(u16::from_le_bytes(fields.array()?));
    Some((sequence, fields.take(length)?.to_vec()))
}

/// Reads fixed fields one after the other; `None` past the end.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk::<N>().copied()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// The version byte that every body starts with: above `supported` means a newer app.
pub(crate) fn check_version(found: u8, supported: u8, part: Part) -> Result<(), VaultError> {
    match found {
        0 => Err(VaultError::Damaged(part)),
        v if v > supported => Err(VaultError::NewerSchema { found: v.into(), supported: supported.into() }),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: [u8; 8] = *b"smvtest\0";

    #[test]
    fn a_twin_file_survives_any_one_damaged_page() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::create(&folder.path().join("profile")).unwrap();
        dir.replace_twin("slot-a", KIND, "बैतूल".as_bytes()).unwrap();
        let good = fs::read(dir.join("slot-a")).unwrap();
        for page in 0..2 {
            let mut bad = good.clone();
            bad[page * BLOCK_LEN..(page + 1) * BLOCK_LEN].fill(0xA5);
            fs::write(dir.join("slot-a"), &bad).unwrap();
            assert_eq!(dir.read_twin("slot-a", KIND, Part::Slot).unwrap().unwrap(), "बैतूल".as_bytes());
        }
        fs::write(dir.join("slot-a"), vec![0; 2 * BLOCK_LEN]).unwrap();
        assert!(matches!(dir.read_twin("slot-a", KIND, Part::Slot), Err(VaultError::Damaged(Part::Slot))));
        fs::write(dir.join("slot-a"), vec![0; 2 * BLOCK_LEN + 1]).unwrap();
        assert!(matches!(dir.read_twin("slot-a", KIND, Part::Slot), Err(VaultError::Damaged(Part::Slot))));
    }

    #[test]
    fn a_block_of_another_kind_is_not_read() {
        let bytes = block(KIND, 3, b"x").unwrap();
        assert_eq!(newest_block(&bytes, KIND), Some((3, b"x".to_vec())));
        assert_eq!(newest_block(&bytes, *b"smvother"), None);
    }

    #[test]
    fn leftovers_of_an_interrupted_replace_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::create(folder.path()).unwrap();
        fs::write(dir.join(".tmp-0011223344556677"), b"half").unwrap();
        dir.replace("state", b"whole").unwrap();
        dir.clear_temporary().unwrap();
        assert_eq!(dir.names().unwrap(), ["state"]);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::create(&folder.path().join("p")).unwrap();
        dir.replace("f", b"x").unwrap();
        assert_eq!(fs::metadata(dir.join("f")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.join("")).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
