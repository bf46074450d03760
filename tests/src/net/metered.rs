//! Counting and recording streams.
//!
//! Invariant: a byte is counted when it has passed, in the direction in which it passed. Start at [`Meter`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that have passed, seen from the devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// To the hub.
    pub up: u64,
    /// From the hub.
    pub down: u64,
}

impl Bytes {
    /// Both directions.
    pub fn sum(self) -> u64 {
        self.up + self.down
    }

    /// What has passed since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { up: self.up - earlier.up, down: self.down - earlier.down }
    }
}

/// Counts bytes and, if it is asked to, keeps them.
#[derive(Debug, Default)]
pub struct Meter {
    up: AtomicU64,
    down: AtomicU64,
    kept: Option<Mutex<[Vec<u8>; 2]>>,
}

impl Meter {
    /// A meter that keeps what passes.
    pub fn keeping() -> Self {
        Self { kept: Some(Mutex::default()), ..Self::default() }
    }

    /// What has passed so far.
    pub fn bytes(&self) -> Bytes {
        Bytes { up: self.up.load(Ordering::SeqCst), down: self.down.load(Ordering::SeqCst) }
    }

    /// What was kept: up, down.
    pub fn kept(&self) -> [Vec<u8>; 2] {
        self.kept.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    fn pass(&self, up: bool, bytes: &[u8]) {
        let count = if up { &self.up } else { &self.down };
        count.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        if let Some(kept) = &self.kept {
            let [kept_up, kept_down] = &mut *kept.lock().unwrap_or_else(PoisonError::into_inner);
            if up { kept_up } else { kept_down }.extend_from_slice(bytes);
        }
    }
}

/// A stream from a device whose bytes a meter sees: what is read goes up, what is written goes down.
pub(super) struct Metered<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(inner: S, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.meter.pass(true, buf.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            self.meter.pass(false, bytes.get(..n).unwrap_or_default());
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
