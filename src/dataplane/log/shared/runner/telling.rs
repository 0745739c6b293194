//! The replica's word on itself: once a second, after an act at once, and at the end.

use std::time::{Duration, Instant};

use super::{Parcel, Runner};
use crate::log::shared::beat::{self, Beat};
use crate::log::shared::replica::Outbox as _;

/// Time after which a slow end is said.
const LEAVE: Duration = Duration::from_secs(1);

impl Runner {
    /// Says how this replica is, once in a while.
    pub(super) fn beat(&mut self, now: Instant) {
        if self.beat_at.is_none_or(|at| now < at) {
            return;
        }
        self.beat_at = None;
        self.say(self.own_beat(now));
    }

    fn own_beat(&self, now: Instant) -> Beat {
        let report = self.report().clone();
        Beat {
            name: self.name.clone(),
            writer: beat::writer(self.outbox.writer()),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            role: self.role.as_str().to_owned(),
            shipped: report.standing.shipped,
            applied: self.replica.place().position,
            lag_ms: u64::try_from(report.lag(now).as_millis()).unwrap_or(u64::MAX),
            acts: self.replica.place().acts_sequence,
            has_left: false,
        }
    }

    pub(super) fn say(&self, beat: Beat) {
        let sender = self.sender.clone();
        self.stream.exchange(beat.encode(), Box::new(move |heard| drop(sender.send(Parcel::Beats(heard)))));
    }

    /// Says that nothing of this replica's is missing, if that is so, and waits a moment until it is said.
    pub(super) fn leave(&mut self) {
        if self.replica.standing().shipped < self.outbox.last() {
            return;
        }
        self.say(Beat { has_left: true, ..self.own_beat(Instant::now()) });
        let end = Instant::now() + LEAVE;
        while let Ok(parcel) = self.parcels.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if matches!(parcel, Parcel::Beats(_)) {
                return;
            }
        }
    }
}
