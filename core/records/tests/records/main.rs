//! Profiles as a shell sees them: saving, syncing with a real hub over TLS, conflicts, drafts, rebuilding.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]

mod conflicts;
mod drafts;
mod durability;
mod durability_sync;
mod privacy;
mod rebuild;
mod saving;
mod schema_doc;
mod syncing;
mod world;
