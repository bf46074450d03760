//! Encrypted storage and keys of one profile on one phone.
//!
//! A [`Vault`] is a folder. It knows bytes, files, keys and SQL connections; it refuses to know forms, records, streams and
//! networks. A PIN and a key from the shell's [`KeyStore`] open a random master key; from it come the `SQLCipher` key, the
//! identity keys and the key ring. A save is appended to the sealed outbox and synced, then committed to the database and synced.
//! File formats and the inventory of keys: `docs/keys.md`.
//!
//! Invariants: what [`Vault::save`] acknowledged is on disk twice; nothing on disk can be tried against a PIN without the key
//! store; a locked vault holds no key that comes from the PIN; no file holds a caller's byte in clear.
//!
//! ```
//! use std::sync::Arc;
//! use samanvay_vault::{Entry, KdfParams, Migration, Options, SoftKeyStore, Vault, VaultError};
//!
//! # fn main() -> Result<(), VaultError> {
//! let folder = tempfile::tempdir()?;
//! let store = Arc::new(SoftKeyStore::open(&folder.path().join("keys"))?);
//! let sessions = Migration { number: 1, name: "sessions", sql: "CREATE TABLE session (place TEXT, girls INTEGER)" };
//! // A real profile takes `KdfParams::STANDARD`.
//! let options = Options { kdf: KdfParams::WEAK_FOR_TESTS, migrations: vec![sessions] };
//!
//! let vault = Vault::create(&folder.path().join("profile"), "४८२९५७".as_bytes(), store, options)?;
//! vault.save(&[Entry::new(1, b"sealed frame".to_vec())], |tx| {
//!     tx.execute("INSERT INTO session VALUES ('मुलताई', 42)", []).map_err(VaultError::from)
//! })?;
//! vault.lock();
//! assert!(matches!(vault.read(|_| Ok(())), Err(VaultError::Locked)));
//!
//! let report = vault.unlock(b"482957")?;
//! assert_eq!(report.pending, 0);
//! let girls: i64 = vault.read(|c| c.query_row("SELECT girls FROM session", [], |r| r.get(0)).map_err(VaultError::from))?;
//! assert_eq!(girls, 42);
//! # Ok(())
//! # }
//! ```
//!
//! Start at `vault.rs`; `outbox.rs` and `slot.rs` have the formats that matter most.

mod attempts;
mod crypto;
mod database;
pub mod error;
mod files;
mod identity;
mod keyfile;
pub mod keystore;
pub mod outbox;
mod pin;
mod profile;
pub mod report;
mod sealed;
mod slot;
#[cfg(feature = "canary-unsealed")]
mod unsealed;
mod vault;

pub use crypto::Secret;
pub use database::Migration;
pub use error::VaultError;
pub use identity::Identity;
pub use keystore::{KeyStore, SoftKeyStore};
pub use outbox::Entry;
pub use pin::KdfParams;
pub use rusqlite;
pub use vault::{Options, Vault};
