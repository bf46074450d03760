//! What stands between devices and the hub in a driver: a counter of bytes, and a tap that reads what TLS hides.

mod counter;
mod metered;
mod tap;

pub use counter::Counter;
pub use metered::{Bytes, Meter};
pub use tap::Tap;
