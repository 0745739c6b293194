//! The desk: one act at a time into the stream, on the condition that nothing changed since its decision.
//!
//! The condition travels with the act, and each follower judges it at the act's place in the stream. So an act counts once or
//! not at all, whatever was sent twice or came late. That the stream looks at a condition of its own, too, keeps acts out
//! that would not count.

use std::time::{Duration, Instant};

use super::ids::WriterId;
use super::order::{Lane, Publish};
use super::pause::Pause;
use super::place::{Place, Step};
use super::shipment::{Condition, Kind, Shipment};
use super::stream::{Appended, Subject};

/// Time that an act is tried for: an election takes 5 to 8 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Outcome of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Verdict {
    /// It is in the log, at this position.
    Counts(u64),
    /// It is not and will not be: another act came between.
    Outdated,
    /// The stream did not take it in time. Most likely it is not in the log, but it may come to be.
    Away,
}

/// The desk of one process.
#[derive(Debug)]
pub(super) struct Desk {
    writer: WriterId,
    /// At least the next act's number.
    next: u64,
    current: Option<Current>,
    #[cfg(test)]
    pub(super) plant: super::plant::Plants,
}

#[derive(Debug)]
struct Current {
    number: u64,
    shipment: Shipment,
    expected: Option<u64>,
    state: State,
    pause: Pause,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// To be sent, for the first time or again.
    Waiting,
    Sent,
    /// The stream has it at this place, as was heard then.
    Stored(u64, Instant),
    /// The stream had another message of its subject, at this place, as was heard then.
    Refused(u64, Instant),
    /// It counts, at this position of the log.
    Counts(u64),
}

impl Desk {
    /// The desk of `writer`. Numbers begin at `first`, which is to be higher than in former processes.
    pub(super) fn new(writer: WriterId, first: u64) -> Self {
        Self {
            writer,
            next: first.max(1),
            current: None,
            #[cfg(test)]
            plant: super::plant::Plants::default(),
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.current.is_none()
    }

    /// Takes an act whose decision saw the act at the position `seen`, or one that depends on nothing. The desk must be free.
    pub(super) fn take(
        &mut self,
        now: Instant,
        act: Vec<u8>,
        seen: Option<u64>,
        place: &Place,
    ) -> Option<Verdict> {
        let own = place.progress(self.writer).acts;
        let condition = match seen {
            Some(seen) if seen != place.last_act_position => return Some(Verdict::Outdated),
            Some(_) => Condition::Seen(place.last_act),
            None => Condition::Whatever,
        };
        let kind = Kind::Act { after: own, condition };
        let number = self.next.max(own + 1);
        self.next = number + 1;
        let shipment = Shipment { writer: self.writer, first: number, kind, events: vec![act] };
        let expected = seen.is_some().then_some(place.acts_sequence);
        let (state, pause) = (State::Waiting, Pause::new(now));
        self.current = Some(Current { number, shipment, expected, state, pause, deadline: now + TIMEOUT });
        None
    }

    /// The act to be appended now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Publish> {
        let current = self.current.as_mut()?;
        if !matches!(current.state, State::Waiting) || now < current.pause.until() {
            return None;
        }
        current.state = State::Sent;
        let (expected, shipment) = (current.expected, current.shipment.clone());
        #[cfg(test)]
        let expected = expected.filter(|_| !self.plant.is_planted(super::plant::Plant::IgnoresConditions));
        Some(Publish { lane: Lane::Desk, subject: Subject::Acts, expected, shipment })
    }

    /// Takes what became of the act in flight. Returns its place, if it is stored.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) -> Option<u64> {
        let current = self.current.as_mut()?;
        if !matches!(current.state, State::Sent) {
            return None;
        }
        match appended {
            Appended::Stored(sequence) => {
                current.state = State::Stored(sequence, now);
                return Some(sequence);
            }
            // Without its place, only a later act tells what became of this one.
            Appended::Conflict { last } => {
                current.state = State::Refused(last.unwrap_or(u64::MAX), now);
            }
            Appended::Unknown => {
                current.pause.failed(now);
                current.state = State::Waiting;
                #[cfg(test)]
                if self.plant.is_planted(super::plant::Plant::LostAckIsRefusal) {
                    current.state = State::Refused(0, now);
                }
            }
        }
        None
    }

    /// Takes note of a step of the follower.
    pub(super) fn saw(&mut self, step: &Step) {
        if let Some(current) = &mut self.current
            && (step.is_act(), step.writer) == (true, self.writer)
            && step.new.first() == Some(&(current.number, current.number))
        {
            current.state = State::Counts(step.first_position());
        }
    }

    /// Outcome of the act, once that is known. The stream had `place` in a read that began at `proved_at`; nothing while it
    /// is doubted, or while acts that it lost are on their way back there: the one that was seen may be among them.
    pub(super) fn verdict(
        &mut self,
        now: Instant,
        place: &Place,
        proved_at: Option<Instant>,
    ) -> Option<Verdict> {
        let current = self.current.as_mut()?;
        let is_overtaken = match current.shipment.kind {
            Kind::Act { after, condition: Condition::Whatever } => after != place.progress(self.writer).acts,
            Kind::Act { after, condition: Condition::Seen(seen) } => {
                seen != place.last_act || after != place.progress(self.writer).acts
            }
            Kind::Events | Kind::Again { .. } => false,
        };
        let is_proved = match current.state {
            State::Stored(_, heard_at) | State::Refused(_, heard_at) => {
                proved_at.is_some_and(|at| at >= heard_at)
            }
            _ => false,
        };
        let verdict = match current.state {
            State::Counts(position) => Verdict::Counts(position),
            // The stream up to here has another act where this one would have to be, so no copy of it counts.
            _ if is_overtaken && is_proved => Verdict::Outdated,
            #[cfg(test)]
            State::Refused(0, _) if self.plant.is_planted(super::plant::Plant::LostAckIsRefusal) => {
                Verdict::Outdated
            }
            _ if now >= current.deadline => Verdict::Away,
            // The stream lost it again, or has another message there that does not count.
            State::Stored(sequence, _) | State::Refused(sequence, _)
                if is_proved && place.sequence >= sequence =>
            {
                current.expected = current.expected.map(|_| place.acts_sequence);
                current.state = State::Waiting;
                return None;
            }
            _ => return None,
        };
        self.current = None;
        Some(verdict)
    }

    /// The stream went back: what it said of the act may not be so any more.
    pub(super) fn went_back(&mut self) {
        if let Some(current) = &mut self.current
            && matches!(current.state, State::Stored(..) | State::Refused(..) | State::Counts(_))
        {
            current.state = State::Waiting;
        }
    }

    /// Time at which something is due that no message brings.
    pub(super) fn due(&self) -> Option<Instant> {
        let current = self.current.as_ref()?;
        let retry = matches!(current.state, State::Waiting).then(|| current.pause.until());
        retry.into_iter().chain([current.deadline]).min()
    }
}
