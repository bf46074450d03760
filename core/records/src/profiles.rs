//! The profiles on one phone: folders with random names and neutral labels.
//!
//! Knows folders and labels; opens a vault only when asked to. Invariant: nothing here, readable before any PIN, tells a
//! post, a unit or what is inside. Start at [`Profiles::open`].

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use samanvay_sync::bytes::hex;
use samanvay_sync::keys::{SystemRandom, draw};
use samanvay_vault::{Options, Vault, VaultError};

use crate::env::Env;
use crate::error::{RecordsError, Result};
use crate::profile::Profile;
use crate::store::MIGRATIONS;

const FOLDER: &str = "profiles";
const LABEL: &str = "label";
/// Most characters of a label.
const LABEL_MAX: usize = 40;

/// A profile as the list before unlock shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ProfileEntry {
    /// Its folder's random name.
    pub id: String,
    /// A neutral label, such as «प्रोफ़ाइल 1».
    pub label: String,
}

/// The folder that holds all profiles of one phone. It must lie where no backup looks.
pub struct Profiles {
    root: PathBuf,
    env: Env,
}

impl Profiles {
    /// Opens the folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] if the disk refuses.
    pub fn open(root: &Path, env: Env) -> Result<Self> {
        let root = root.join(FOLDER);
        fs::create_dir_all(&root).map_err(VaultError::from)?;
        Ok(Self { root, env })
    }

    /// All profiles, by label and id. One without a label, or with a damaged one, is listed all the same.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] if the disk refuses.
    pub fn list(&self) -> Result<Vec<ProfileEntry>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(VaultError::from)? {
            let Ok(id) = entry.map_err(VaultError::from)?.file_name().into_string() else { continue };
            let folder = self.root.join(&id);
            if !Vault::exists(&folder) {
                continue;
            }
            // Whatever became of the label: what is in the profile must not be out of reach.
            let label = fs::read(folder.join(LABEL)).unwrap_or_default();
            let label = String::from_utf8_lossy(&label).chars().take(LABEL_MAX).collect::<String>();
            let label = if label.trim().is_empty() { id.clone() } else { label };
            found.push(ProfileEntry { id, label });
        }
        found.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
        Ok(found)
    }

    /// Makes a profile and leaves it unlocked.
    ///
    /// # Errors
    /// [`RecordsError::Vault`]: a weak PIN, or what the key store or the disk refuses.
    pub fn create(&self, label: &str, pin: &str) -> Result<Profile> {
        let id = hex(&draw::<8>(&mut SystemRandom::new())?);
        let folder = self.root.join(&id);
        let vault = Vault::create(&folder, pin.as_bytes(), self.env.key_store.clone(), self.options())?;
        let label: String = label.trim().chars().take(LABEL_MAX).collect();
        write_label(&folder, &label).map_err(VaultError::from)?;
        let profile = Profile::new(id, vault, self.env.clone());
        profile.begin()?;
        Ok(profile)
    }

    /// Opens a profile, locked.
    ///
    /// # Errors
    /// [`RecordsError::NotFound`] for an id that is not in the list; [`RecordsError::Vault`] if it is open elsewhere, or
    /// damaged.
    pub fn get(&self, id: &str) -> Result<Profile> {
        if !self.list()?.iter().any(|entry| entry.id == id) {
            return Err(RecordsError::NotFound("profile"));
        }
        let vault = Vault::open(&self.root.join(id), self.env.key_store.clone(), self.options())?;
        Ok(Profile::new(id.to_owned(), vault, self.env.clone()))
    }

    fn options(&self) -> Options {
        Options { kdf: self.env.kdf, migrations: MIGRATIONS.to_vec() }
    }
}

/// Whole or not at all.
fn write_label(folder: &Path, label: &str) -> std::io::Result<()> {
    let temporary = folder.join("label.new");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(label.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(LABEL))?;
    fs::File::open(folder)?.sync_all()
}
