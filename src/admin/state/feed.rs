//! The feed of what happens: one task writes it while somebody listens, and nobody waits for a listener.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::response::sse::Event;
use tokio::sync::{broadcast, watch};

use super::seats::{Bounds, NoSeat, Seat, Seats};
use crate::model::act::Actor;
use crate::model::event::EnvironmentName;

/// Listeners at the same time: a token may be that of a whole team, and an address that of a whole office.
const LISTENERS_MAX: Bounds = Bounds { all: 128, of_holder: 32, of_address: 64 };
/// News that wait for a slow listener.
const NEWS_WAITING_MAX: usize = 1_024;

/// Something that happened, as a server-sent event.
#[derive(Clone)]
pub(in crate::admin) struct News {
    /// `pull`, `attempt`, `deployment`, `token`, `environment`, `release`, `admin_token`, `other` or `missed`.
    pub(in crate::admin) kind: &'static str,
    /// The environment in which it happened, if it was in one.
    pub(in crate::admin) environment: Option<EnvironmentName>,
    /// The event as it is sent.
    pub(in crate::admin) event: Event,
}

/// The listeners, and the task that writes for all of them.
pub(in crate::admin) struct Feed {
    seats: Seats,
    writer: Mutex<Option<broadcast::Sender<News>>>,
    closing: watch::Sender<bool>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            seats: Seats::new(LISTENERS_MAX),
            writer: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// The right to listen, until it is dropped.
    ///
    /// # Errors
    /// Too many listen, or too many with this caller's token or from its address.
    pub(in crate::admin) fn seat(&self, caller: &Actor) -> Result<Seat, NoSeat> {
        self.seats.take(caller)
    }

    /// Begins to listen. For the first listener, `write` starts the task that writes.
    pub(in crate::admin) fn listen(
        &self,
        write: impl FnOnce(broadcast::Sender<News>),
    ) -> broadcast::Receiver<News> {
        let mut writer = self.lock();
        if let Some(sender) = &*writer {
            return sender.subscribe();
        }
        let (sender, news) = broadcast::channel(NEWS_WAITING_MAX);
        *writer = Some(sender.clone());
        write(sender);
        news
    }

    /// Ends every stream: the server stops.
    pub(in crate::admin) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Changes when the server stops.
    pub(in crate::admin) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Says whether nobody listens any more. The next listener then starts another task.
    pub(in crate::admin) fn is_left(&self, sender: &broadcast::Sender<News>) -> bool {
        let mut writer = self.lock();
        let is_left = sender.receiver_count() == 0;
        if is_left {
            *writer = None;
        }
        is_left
    }

    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<News>>> {
        // It is whole at every instant, even after a panic.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
