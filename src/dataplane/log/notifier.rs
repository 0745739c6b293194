//! The durability notifier: wakes every request whose observation went into a frame, all at once.
//!
//! Requests are tasks of the data plane's runtime. Woken one by one from the writer's thread, the first are back with
//! their next observations while the writer still wakes the others, and interrupt it: frames stay small. So the writer
//! wakes one task of that runtime, and that one wakes the rest: they go on together, and share the next frame.

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// A request that waits for its observation to be durable.
pub(super) type Waiter = oneshot::Sender<()>;

/// The writer's end. Its contents are bounded as the requests under way are.
pub(super) struct Notifier(Option<UnboundedSender<Vec<Waiter>>>);

impl Notifier {
    /// Starts the task in the runtime that this is called in; outside of one, the writer's thread wakes them itself.
    pub(super) fn start() -> Self {
        let Ok(runtime) = Handle::try_current() else { return Self(None) };
        let (notifier, mut durable) = unbounded_channel();
        runtime.spawn(async move {
            while let Some(waiters) = durable.recv().await {
                notify(waiters);
            }
        });
        Self(Some(notifier))
    }

    /// Wakes all of `waiters`.
    pub(super) fn notify(&self, waiters: Vec<Waiter>) {
        let left = match &self.0 {
            // The task ends with its runtime; then it gives back those that it was to wake.
            Some(notifier) => notifier.send(waiters).err().map(|unsent| unsent.0),
            None => Some(waiters),
        };
        notify(left.unwrap_or_default());
    }
}

fn notify(waiters: Vec<Waiter>) {
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
        let notifier = Notifier::start();
        let (waiters, mut listening) = three();
        drop(listening.remove(1));
        notifier.notify(waiters);
        for waiter in listening {
            waiter.await.unwrap();
        }
    }

    #[test]
    fn all_are_told_without_the_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ended = runtime.block_on(async { Notifier::start() });
        drop(runtime);
        for notifier in [Notifier::start(), ended] {
            let (waiters, listening) = three();
            notifier.notify(waiters);
            assert!(listening.into_iter().all(|mut waiter| waiter.try_recv().is_ok()));
        }
    }
}
