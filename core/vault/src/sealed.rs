//! Named values in a folder of sealed files: the key ring and the state.
//!
//! Knows one key and one folder (docs/keys.md §6). Knows nothing of what the values mean. File names are a keyed hash of the
//! value's name, so a folder tells no stream and no hub.

use zeroize::Zeroizing;

use crate::crypto::content::{open, seal};
use crate::crypto::{SEAL_OVERHEAD, Secret, hex, hkdf, mac};
use crate::error::{Part, VaultError};
use crate::files::{Dir, Fields, check_version};
use crate::profile::ProfileId;

/// Largest value, in bytes.
pub(crate) const MAX_VALUE: usize = 16 << 20;
const VERSION: u8 = 1;
/// Characters of a file name: sixteen bytes in hex.
const FILE_NAME: usize = 32;
const HEAD: usize = 1 + 1 + 255;

/// A folder of sealed values under one key.
pub(crate) struct SealedFolder<'a> {
    pub(crate) dir: &'a Dir,
    pub(crate) profile: &'a ProfileId,
    pub(crate) key: &'a Secret,
    pub(crate) part: Part,
}

struct Named {
    name: String,
    value: Zeroizing<Vec<u8>>,
}

impl SealedFolder<'_> {
    /// Puts `value` in place of what `name` had. On disk when it returns.
    pub(crate) fn put(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        let length = u8::try_from(name.len()).map_err(|_| VaultError::TooLarge)?;
        if value.len() > MAX_VALUE {
            return Err(VaultError::TooLarge);
        }
        let plain = Zeroizing::new([&[length], name.as_bytes(), value].concat());
        let file = self.file_name(name)?;
        let sealed = seal(self.key, &self.associated(&file), &plain)?;
        self.dir.replace(&file, &[&[VERSION], sealed.as_slice()].concat())
    }

    /// The value of `name`, if it has one.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        Ok(self.read(&self.file_name(name)?)?.map(|named| named.value))
    }

    /// Removes the value of `name`, if it has one.
    pub(crate) fn remove(&self, name: &str) -> Result<(), VaultError> {
        self.dir.remove(&self.file_name(name)?)
    }

    /// All names, sorted. A file that cannot be read tells no name: it is moved aside, and one that the folder's names could
    /// not have made is left alone.
    pub(crate) fn names(&self) -> Result<Vec<String>, VaultError> {
        let mut known = Vec::new();
        for file in self.dir.names()? {
            if file.len() != FILE_NAME || !file.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            match self.read(&file) {
                Ok(held) => known.extend(held.map(|value| value.name)),
                Err(VaultError::Disk(error)) => return Err(error.into()),
                Err(_) => drop(self.dir.set_aside(&file, &format!("{file}.damaged"))?),
            }
        }
        known.sort();
        Ok(known)
    }

    fn read(&self, file: &str) -> Result<Option<Named>, VaultError> {
        let cap = MAX_VALUE + HEAD + SEAL_OVERHEAD;
        let Some(bytes) = self.dir.read_capped(file, cap as u64)? else { return Ok(None) };
        let damaged = || VaultError::Damaged(self.part);
        let (version, sealed) = bytes.split_first().ok_or_else(damaged)?;
        // The seal covers this build's version: what opens is whole, whatever has become of the byte in front.
        let Some(plain) = open(self.key, &self.associated(file), sealed) else {
            check_version(*version, VERSION, self.part)?;
            return Err(damaged());
        };
        let mut fields = Fields::new(&plain);
        let length = usize::from(fields.byte().ok_or_else(damaged)?);
        let name = fields.take(length).and_then(|n| std::str::from_utf8(n).ok()).ok_or_else(damaged)?;
        Ok(Some(Named { name: name.to_owned(), value: Zeroizing::new(fields.rest().to_vec()) }))
    }

    fn file_name(&self, name: &str) -> Result<String, VaultError> {
        let key = hkdf(b"samanvay names v1", self.key.as_bytes(), &[self.profile.bytes()])?;
        let hash = mac(&key, &[name.as_bytes()]);
        Ok(hex(hash.first_chunk::<16>().map_or(&[], |h| h)))
    }

    fn associated(&self, file: &str) -> Vec<u8> {
        [self.profile.bytes().as_slice(), &[VERSION], file.as_bytes()].concat()
    }
}
