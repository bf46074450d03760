//! Work that waits for the network, away from the caller's thread.
//!
//! A foreign executor polls futures on its own threads, the main one perhaps, and a sync does disk work between its waits.
//! So the work runs on a thread of its own. Invariant: when the future is dropped, or `stop` fires, the work's future is
//! dropped too. Start at [`run`].

use samanvay_records::RecordsError;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// Says once that work is to stop.
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Runs `work` on a thread of its own; `None` if it was stopped first.
pub(crate) async fn run<T, F>(stop: &Stop, work: impl FnOnce() -> F + Send + 'static) -> Option<Result<T, RecordsError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, RecordsError>>,
{
    let handle = Handle::current();
    let mut stopped = stop.0.subscribe();
    // The sender goes when this future does: the receiver then sees a closed channel.
    let (here, mut gone) = watch::channel(());
    let task = spawn_blocking(move || {
        handle.block_on(async move {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => None,
                _ = gone.changed() => None,
                result = work() => Some(result),
            }
        })
    });
    let result = task.await;
    drop(here);
    result.unwrap_or(Some(Err(RecordsError::Internal("background work panicked"))))
}
