//! Places for blocking work, and room for bodies: what bounds the hub's threads and memory.
//!
//! Knows counts only. Invariant: a place is taken until its work has ended, even if nobody waits for it any more; a body
//! never holds more bytes than it has room for. Start at [`Places::run`] and [`Room::read`].

use std::sync::Arc;

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use samanvay_sync::wire::{BODY_BYTES_MAX, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many pieces of work at once.
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Runs blocking work off the network threads; `None` if all places are taken, or if the work panicked.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let place = Arc::clone(&self.0).try_acquire_owned().ok()?;
        let working = tokio::task::spawn_blocking(move || {
            // Given back here and not by who waits: a peer may go away while the work goes on.
            let _place = place;
            work()
        });
        working.await.ok()
    }
}

/// So many bytes of bodies at once.
pub(crate) struct Room(Arc<Semaphore>);

/// A body and the room that it takes.
pub(crate) struct Held {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Reads a body. Room is taken piece by piece, so that who only announces bytes takes none.
    pub(crate) async fn read(&self, mut body: Body) -> Result<Held, Refusal> {
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(Refusal::TooLarge);
        }
        let mut held = Held { bytes: Vec::new(), room: None };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::Malformed)?;
            let Some(data) = frame.data_ref() else { continue };
            if held.bytes.len() + data.len() > BODY_BYTES_MAX {
                return Err(Refusal::TooLarge);
            }
            let size = u32::try_from(data.len()).map_err(|_| Refusal::TooLarge)?;
            let room = Arc::clone(&self.0).try_acquire_many_owned(size).map_err(|_| Refusal::Busy)?;
            match &mut held.room {
                Some(held) => held.merge(room),
                none => *none = Some(room),
            }
            held.bytes.extend_from_slice(data);
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn work_keeps_its_place_when_nobody_waits_for_it() {
        let places = Arc::new(Places::new(1));
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (release, released) = channel::<()>();
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move {
                let work = move || (begun.send(()).is_ok(), released.recv().is_ok());
                places.run(work).await
            }
        });
        begins.await.unwrap();
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled(), "as when a peer resets its stream");
        assert_eq!(places.run(|| ()).await, None, "the work goes on and keeps its place");
        release.send(()).unwrap();
    }

    #[tokio::test]
    async fn bodies_share_one_room_and_give_it_back() {
        let room = Room::new(10);
        let first = room.read(Body::from("1234567")).await.unwrap();
        assert_eq!(room.read(Body::from("1234")).await.err(), Some(Refusal::Busy));
        drop(first);
        assert_eq!(room.read(Body::from("1234567890")).await.unwrap().bytes(), b"1234567890");
    }
}
