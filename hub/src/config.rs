//! What a hub is told at its start. Knows defaults; refuses to read anything.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::log::{LogSink, Stderr};

/// Hub time. The hub's receipts carry it; tests bring their own.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Patience and caps towards the network.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections held at once on one address; further ones wait in the kernel's queue. Each takes a file descriptor:
    /// both addresses together must stay well below what the process may open, usually 1,024.
    pub connections: usize,
    /// Most requests worked on at once; further ones are answered `busy`.
    pub working: usize,
    /// Most bytes of request bodies held at once; a body that does not fit is answered `busy`.
    pub bodies: usize,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time for the head of a request; on HTTP/1.1 also the longest idle time of a connection.
    pub head: Duration,
    /// Time for a whole body. A megabyte takes nearly three minutes on 2G.
    pub body: Duration,
    /// Time that an HTTP/2 connection may stand without a request.
    pub idle: Duration,
    /// Time that a peer may take no byte of what is sent to it.
    pub write: Duration,
    /// Time that running requests get when the hub stops.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 448,
            working: 256,
            bodies: 256 << 20,
            handshake: Duration::from_secs(30),
            head: Duration::from_mins(2),
            body: Duration::from_mins(15),
            idle: Duration::from_mins(10),
            write: Duration::from_mins(5),
            stop: Duration::from_secs(5),
        }
    }
}

/// What a hub is told at its start.
#[derive(Clone)]
pub struct Config {
    /// The hub's folder: certificate authority, receipt key, store, `hub.json`.
    pub dir: PathBuf,
    /// Where to listen with TLS. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names for the server certificate beside `localhost` and the loopback addresses. The first one goes into the URL.
    pub names: Vec<String>,
    /// The state authority's public key. Without one, here or from an earlier start, every log entry is refused.
    pub authority: Option<[u8; 32]>,
    /// Folder of `*.schema` files (`docs/wire.md` §6). Ops of other schemas are refused in open streams.
    pub schemas: Option<PathBuf>,
    /// Loopback address where the open page is served over plain HTTP too, for a browser on this machine.
    pub page: Option<SocketAddr>,
    /// Whether the open page shows counts of cases from 1 to 4 as they are.
    pub show_small_cells: bool,
    /// Hub time.
    pub clock: Arc<dyn Clock>,
    /// Takes log lines.
    pub log: Arc<dyn LogSink>,
    /// Patience and caps.
    pub limits: Limits,
}

impl Config {
    /// A hub in `dir` on a free loopback port.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            names: Vec::new(),
            authority: None,
            schemas: None,
            page: None,
            show_small_cells: false,
            clock: Arc::new(SystemClock),
            log: Arc::new(Stderr),
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("dir", &self.dir).field("listen", &self.listen).finish_non_exhaustive()
    }
}
