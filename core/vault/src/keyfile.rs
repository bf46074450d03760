//! A private key in a file of its own, under a passphrase: what an authority or an admin keeps off phones and off hubs.
//!
//! Knows the file's envelope (`docs/keys.md`, "Key files"); the body is the caller's. Refuses to know what the keys are for.
//! Invariant: the first line says what the file is, so that a hub can refuse to start beside it, and the old file stays
//! whole until the new one is on disk. Start at [`KeyFile`].

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::crypto::{self, Secret};
use crate::error::VaultError;
use crate::files::Dir;
use crate::pin::{KdfParams, stretch};

/// First line of every key file.
pub const KEY_FILE_MAGIC: &[u8] = b"samanvay-private-key\n";

const VERSION: u8 = 1;
const KIND_BYTES_MAX: usize = 32;
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Fewest characters of a passphrase: a key file can be guessed at off the device, a PIN cannot.
const PASSPHRASE_CHARS_MIN: usize = 12;

/// Why a key file was refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The passphrase is too short to stand guessing on another machine.
    #[error("a passphrase needs at least {PASSPHRASE_CHARS_MIN} characters")]
    WeakPassphrase,
    /// The passphrase does not open the file, or the file was changed.
    #[error("the passphrase does not open this key file")]
    WrongPassphrase,
    /// The file is not a key file of the kind asked for.
    #[error("not a key file of this kind")]
    NotAKeyFile,
    /// A newer version wrote the file.
    #[error("the key file was written by a newer version; update the program")]
    Newer,
    /// A file is there already; nothing was written.
    #[error("a file is there already; choose another name")]
    Exists,
    /// The disk refused.
    #[error("disk: {}", .0.kind())]
    Disk(#[from] io::Error),
    /// The random source or a cipher failed.
    #[error("no randomness to be had")]
    Crypto,
}

/// An opened key file: where its next version is sealed with the same passphrase.
pub struct KeyFile {
    prefix: Vec<u8>,
    key: Secret,
}

impl KeyFile {
    /// Writes a new file for `body` at `path`.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`], [`KeyFileError::WeakPassphrase`], [`KeyFileError::Disk`].
    pub fn create(
        path: &Path,
        kind: &'static str,
        passphrase: &str,
        cost: KdfParams,
        body: &[u8],
    ) -> Result<Self, KeyFileError> {
        if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(KeyFileError::WeakPassphrase);
        }
        if path.exists() {
            return Err(KeyFileError::Exists);
        }
        let salt: [u8; 16] = crypto::random().map_err(|_| KeyFileError::Crypto)?;
        let mut prefix = KEY_FILE_MAGIC.to_vec();
        prefix.extend([VERSION, u8::try_from(kind.len()).unwrap_or(u8::MAX)]);
        prefix.extend(kind.as_bytes());
        cost.parts().iter().for_each(|part| prefix.extend(part.to_le_bytes()));
        prefix.extend(salt);
        let key = stretch(passphrase.as_bytes(), &salt, cost).map_err(|_| KeyFileError::Crypto)?;
        let file = Self { prefix, key };
        file.replace(path, body)?;
        Ok(file)
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError::NotAKeyFile`], [`KeyFileError::Newer`], [`KeyFileError::WrongPassphrase`], [`KeyFileError::Disk`].
    pub fn open(path: &Path, kind: &'static str, passphrase: &str) -> Result<(Self, Zeroizing<Vec<u8>>), KeyFileError> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let rest = bytes.strip_prefix(KEY_FILE_MAGIC).ok_or(KeyFileError::NotAKeyFile)?;
        let (head, rest) = rest.split_first_chunk::<2>().ok_or(KeyFileError::NotAKeyFile)?;
        let [version, kind_len] = *head;
        if version != VERSION {
            return Err(KeyFileError::Newer);
        }
        let kind_len = usize::from(kind_len).min(KIND_BYTES_MAX);
        let (found, rest) = rest.split_at_checked(kind_len).ok_or(KeyFileError::NotAKeyFile)?;
        if found != kind.as_bytes() {
            return Err(KeyFileError::NotAKeyFile);
        }
        let (cost, rest) = rest.split_first_chunk::<12>().ok_or(KeyFileError::NotAKeyFile)?;
        let (salt, sealed) = rest.split_first_chunk::<16>().ok_or(KeyFileError::NotAKeyFile)?;
        let cost = read_cost(cost)?;
        let key = stretch(passphrase.as_bytes(), salt, cost).map_err(|_| KeyFileError::Crypto)?;
        let prefix_len = bytes.len() - sealed.len();
        let prefix = bytes.get(..prefix_len).unwrap_or_default().to_vec();
        let body = crypto::open(&key, &prefix, sealed).ok_or(KeyFileError::WrongPassphrase)?;
        Ok((Self { prefix, key }, body))
    }

    /// Puts a new body in place of the old one; a crash leaves either whole.
    ///
    /// # Errors
    /// [`KeyFileError::Disk`]; the old file is then as it was.
    pub fn replace(&self, path: &Path, body: &[u8]) -> Result<(), KeyFileError> {
        let sealed = crypto::seal(&self.key, &self.prefix, body).map_err(|_| KeyFileError::Crypto)?;
        let name =
            path.file_name().and_then(|name| name.to_str()).ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let whole = [self.prefix.as_slice(), &sealed].concat();
        Dir::open(folder).replace(name, &whole).map_err(|error| match error {
            VaultError::Disk(error) => KeyFileError::Disk(error),
            _ => KeyFileError::Crypto,
        })
    }
}

fn read_cost(bytes: &[u8; 12]) -> Result<KdfParams, KeyFileError> {
    let (parts, _) = bytes.as_chunks::<4>();
    let mut parts = parts.iter().map(|part| u32::from_le_bytes(*part));
    let mut next = || parts.next().ok_or(KeyFileError::NotAKeyFile);
    KdfParams::new(next()?, next()?, next()?).map_err(|_| KeyFileError::NotAKeyFile)
}
