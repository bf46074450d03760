//! Drivers across crates: the field day, faults and benches. They alone link both sides, devices and hub.
//!
//! Knows how a world is set up and played. Refuses to know how anything is sealed, merged or stored. Start at [`day::play`]
//! for the story and [`stage::Stage`] for what every driver stands on.

pub mod bench;
pub mod canary;
pub mod clock;
pub mod day;
pub mod error;
pub mod kill;
pub mod net;
pub mod report;
pub mod stage;
pub mod world;

pub use error::{Failure, Result};
