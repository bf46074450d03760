//! Record kinds, profiles, drafts, projection and sync runs: forms, vault and sync tied together.
//!
//! Knows what a record is, which streams it goes to and what is shown of it; all texts that people see come from here.
//! Refuses to know widgets and platforms; time, keys and randomness of forms are arguments. Invariants: what a call
//! acknowledged is in the outbox and in the database; what leaves the phone is sealed for its stream and holds no field that
//! the stream may not carry; a reply of the hub is applied whole or not at all.
//!
//! ```
//! use std::sync::Arc;
//! use samanvay_records::env::SystemClock;
//! use samanvay_records::{Env, Lang, Profiles, RecordsError};
//! use samanvay_vault::{KdfParams, SoftKeyStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let env = Env {
//!     clock: Arc::new(SystemClock),
//!     key_store: Arc::new(SoftKeyStore::open(&folder.path().join("keys"))?),
//!     kdf: KdfParams::WEAK_FOR_TESTS, // a real profile takes `KdfParams::STANDARD`
//!     language: Lang::En,
//! };
//! let profiles = Profiles::open(folder.path(), env)?;
//! let profile = profiles.create("Profile 1", "482957")?;
//! // Not in any unit yet: after `enrol` and a first `sync` its streams say what it may keep.
//! assert!(profile.kinds()?.iter().all(|kind| !kind.may_start));
//! assert!(matches!(profile.start("missing_child"), Err(RecordsError::NotAllowed(_))));
//! # Ok(())
//! # }
//! ```
//!
//! Start at [`Profiles`], then [`Profile`] and [`FormSession`].

pub mod admin;
mod alias;
pub mod answers;
mod apply;
mod cut;
mod diff;
mod drafts;
mod entries;
pub mod env;
pub mod error;
mod export;
mod invited;
mod journal;
pub mod kinds;
mod labels;
mod locked;
mod membership;
pub mod observer;
mod profile;
mod profiles;
mod reference;
mod remote;
mod route;
mod rules;
mod save;
mod saving;
mod segments;
mod session;
mod store;
mod summary;
mod sync_run;
mod syncing;
pub mod text;
mod values;
mod views;
mod watched;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();

/// What profiles, sessions and syncs hand out: plain values.
pub mod view {
    pub use crate::locked::LockedReport;
    pub use crate::profile::UnlockReport;
    pub use crate::profiles::ProfileEntry;
    pub use crate::saving::{Choice, DraftInfo, KindInfo};
    pub use crate::session::{ChoiceItem, Page, Question, QuestionKind, RepeatPrompt};
    pub use crate::sync_run::{Progress, RefusedSegment, SyncReport};
    pub use crate::syncing::{Enrolled, SyncStatus};
    pub use crate::views::{
        ConflictOption, ConflictView, FieldView, Filter, HistoryEntry, Place, RecordRow, RecordView, RouteView,
    };
}

pub use env::Env;
pub use error::RecordsError;
pub use profile::Profile;
pub use profiles::Profiles;
pub use session::FormSession;
pub use sync_run::SyncOptions;
pub use text::Lang;
