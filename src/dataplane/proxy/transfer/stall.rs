//! The time limit of a read from a registry.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Detects an upstream that sends nothing for too long. Time in which the client does not read is not counted.
pub(super) struct ReadStall {
    pub(super) limit: Duration,
    waiting_since: Option<Instant>,
    /// Created at the first wait and reset only when it fires, because a blob has many short waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl ReadStall {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, waiting_since: None, alarm: None }
    }

    pub(super) fn reset(&mut self) {
        self.waiting_since = None;
    }

    pub(super) fn is_elapsed(&mut self, cx: &mut Context<'_>) -> bool {
        let end = *self.waiting_since.get_or_insert_with(Instant::now) + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= end {
                return true;
            }
            alarm.as_mut().reset(end);
        }
        false
    }
}
