//! Schemas, ops, merge, streams and membership, segments and the wire.
//!
//! Knows the formats of `docs/wire.md` and the rules of merge and membership. Refuses to know disks, clocks, forms and
//! users; only the feature `client` touches the network. Start at [`segment`] for what travels, [`merge`] for what it means.

pub mod bytes;
#[cfg(feature = "canary-unsealed")]
pub mod canary;
#[cfg(feature = "client")]
pub mod client;
mod codes;
mod error;
pub mod id;
pub mod invite;
pub mod keys;
pub mod log;
pub mod merge;
pub mod op;
pub mod payload;
pub mod schema;
pub mod segment;
pub mod wire;

pub use error::{Result, SyncError};
