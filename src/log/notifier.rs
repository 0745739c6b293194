//! Telling everybody whose observation went into a commit, all at once.
//!
//! Who waits is a task of the data plane's runtime. Woken one by one from the writer's thread, the first are back with
//! their next requests while the writer still wakes the others, and interrupt it: commits stay small. So the writer
//! wakes one task of that runtime, and that one wakes the rest: they go on together, and share the next commit.

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// Who waits for an observation to be durable.
pub(super) type Waiter = oneshot::Sender<()>;

/// The writer's end. What it was given is bounded as the requests under way are.
pub(super) struct Herald(Option<UnboundedSender<Vec<Waiter>>>);

impl Herald {
    /// Starts the task in the runtime that this is called in; outside of one, the writer's thread tells them itself.
    pub(super) fn start() -> Self {
        let Ok(runtime) = Handle::try_current() else { return Self(None) };
        let (herald, mut news) = unbounded_channel();
        runtime.spawn(async move {
            while let Some(waiters) = news.recv().await {
                tell(waiters);
            }
        });
        Self(Some(herald))
    }

    /// Tells all of `waiters`.
    pub(super) fn tell(&self, waiters: Vec<Waiter>) {
        let left = match &self.0 {
            // The task ends with its runtime; then it gives back what it was to tell.
            Some(herald) => herald.send(waiters).err().map(|unsent| unsent.0),
            None => Some(waiters),
        };
        tell(left.unwrap_or_default());
    }
}

fn tell(waiters: Vec<Waiter>) {
    for waiter in waiters {
        // Nobody listens any more when the client went away or waited long enough.
        let _ = waiter.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<Waiter>, Vec<oneshot::Receiver<()>>) {
        (0..3).map(|_| oneshot::channel()).unzip()
    }

    #[tokio::test]
    async fn all_are_told_though_some_went_away() {
        let herald = Herald::start();
        let (waiters, mut listening) = three();
        drop(listening.remove(1));
        herald.tell(waiters);
        for waiter in listening {
            waiter.await.unwrap();
        }
    }

    #[test]
    fn all_are_told_without_the_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ended = runtime.block_on(async { Herald::start() });
        drop(runtime);
        for herald in [Herald::start(), ended] {
            let (waiters, listening) = three();
            herald.tell(waiters);
            assert!(listening.into_iter().all(|mut waiter| waiter.try_recv().is_ok()));
        }
    }
}
