//! The objects and foreign traits that the Android and iOS shells see, over the records crate.
//!
//! Knows how Rust crosses into Kotlin and Swift: objects, callbacks, errors, async. Refuses to hold rules: what is shown and
//! what is allowed comes from below, value types included. Invariants: local calls block, calls to the network are async and
//! do their work off the caller's thread; whatever foreign code throws becomes a typed error; no error and no log line holds
//! what a person typed, except the form's own words about an answer. `api.txt` lists all that is exported.
//!
//! Start at [`App`].

mod alive;
mod app;
mod background;
mod error;
mod form;
pub mod key_store;
mod list;
mod log;
mod observer;
mod sync;

pub use alive::live_objects;
pub use app::App;
pub use error::{AppError, CallbackFailed, Reason};
pub use form::FormSession;
pub use list::RecordList;
pub use log::LogSink;
pub use observer::{Observer, Subscription};
pub use sync::{SyncEnd, SyncRun};

uniffi::setup_scaffolding!();
