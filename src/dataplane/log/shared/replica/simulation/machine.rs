//! A machine: what its disk has, and the replica that runs there for as long as it lives.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::plant::Plant;
use super::super::{
    Beginning, Change, Orders, Outbox, Place, Replica, Role, Shipment, Step, Verdict, WriterId,
};

/// Time after which what was followed is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(20);

/// The outbox on its disk.
#[derive(Default)]
pub(super) struct Box {
    events: BTreeMap<u64, Vec<u8>>,
    last: u64,
    forgotten: u64,
}

impl Outbox for Box {
    fn last(&self) -> u64 {
        self.last
    }

    fn after(&self, after: u64, events_max: usize, bytes_max: usize) -> Vec<Vec<u8>> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        for (number, event) in self.events.range(after + 1..) {
            let is_next = *number == after + 1 + events.len() as u64;
            bytes += event.len();
            if !is_next || events.len() >= events_max.min(4) || (bytes > bytes_max && !events.is_empty()) {
                break;
            }
            events.push(event.clone());
        }
        events
    }
}

/// State that its database has.
#[derive(Default)]
struct Kept {
    events: usize,
    steps: usize,
    place: Place,
    lost: Vec<Shipment>,
}

/// An act that somebody waits for.
pub(super) struct Waiting {
    pub(super) name: String,
    pub(super) seen: Option<u64>,
}

/// A machine.
pub(super) struct Machine {
    pub(super) index: usize,
    pub(super) role: Role,
    pub(super) outbox: Box,
    kept: Kept,
    /// The log, as far as it followed; what is not kept goes with the process.
    pub(super) log: Vec<String>,
    steps: Vec<Step>,
    /// Nothing while it is down.
    pub(super) replica: Option<Replica>,
    /// Answers to former processes come to nobody.
    pub(super) process: u64,
    pub(super) acts: Vec<Waiting>,
    pub(super) is_waiting: bool,
    pub(super) forget: u64,
    pub(super) backs: u64,
    plant: Option<Plant>,
}

/// Outcome of somebody's act.
pub(super) enum Heard {
    Counts(String, u64),
    Refused(String),
    Unknown,
}

impl Machine {
    pub(super) fn new(index: usize, role: Role, plant: Option<Plant>, now: Instant) -> Self {
        let mut machine = Self {
            index,
            role,
            outbox: Box::default(),
            kept: Kept::default(),
            log: Vec::new(),
            steps: Vec::new(),
            replica: None,
            process: 0,
            acts: Vec::new(),
            is_waiting: false,
            forget: 0,
            backs: 0,
            plant,
        };
        machine.start(now);
        machine
    }

    pub(super) fn writer(&self) -> WriterId {
        WriterId::new(self.index as u128 + 1)
    }

    /// Starts a process with what the disk has.
    pub(super) fn start(&mut self, now: Instant) {
        self.process += 1;
        self.log.truncate(self.kept.events);
        self.steps.truncate(self.kept.steps);
        let beginning = Beginning {
            role: self.role,
            writer: self.writer(),
            place: self.kept.place.clone(),
            steps: self.steps.clone(),
            lost: self.kept.lost.clone(),
            forgotten: self.outbox.forgotten,
            last: self.outbox.last,
            next_act: self.process << 32,
            forget_after: FORGET_AFTER,
        };
        let mut replica = Replica::new(beginning, now);
        replica.plant(self.plant);
        self.replica = Some(replica);
        self.forget = 0;
    }

    pub(super) fn kill(&mut self) {
        self.replica = None;
        self.process += 1;
        self.acts.clear();
        self.is_waiting = false;
    }

    /// Takes an event, which is durable then.
    pub(super) fn record(&mut self, event: &str) {
        self.outbox.last += 1;
        self.outbox.events.insert(self.outbox.last, event.as_bytes().to_vec());
    }

    /// The latest act of the log up to now, and its position.
    pub(super) fn latest_act(&self) -> (u64, Option<&str>) {
        let position = self.log.iter().rposition(|event| event.starts_with('a'));
        position.map_or((0, None), |position| (position as u64 + 1, Some(self.log[position].as_str())))
    }

    /// Keeps what was followed.
    pub(super) fn keep(&mut self) {
        let Some(replica) = &self.replica else { return };
        self.kept = Kept {
            events: self.log.len(),
            steps: self.steps.len(),
            place: replica.place().clone(),
            lost: replica.lost().cloned().collect(),
        };
        self.outbox.events.retain(|number, _| *number > self.forget);
        self.outbox.forgotten = self.outbox.forgotten.max(self.forget);
    }

    pub(super) fn orders(&mut self, now: Instant) -> Orders {
        let Some(replica) = &mut self.replica else { return Orders::default() };
        if !self.is_waiting && replica.takes_act() && !self.acts.is_empty() {
            let (name, seen) = (self.acts[0].name.clone(), self.acts[0].seen);
            match replica.take_act(now, name.into_bytes(), seen) {
                Some(_) => drop(self.acts.remove(0)),
                None => self.is_waiting = true,
            }
        }
        let orders = replica.orders(now, &self.outbox);
        self.forget = self.forget.max(orders.forget.unwrap_or(0));
        orders
    }

    /// Takes what came of a read.
    pub(super) fn take(&mut self, now: Instant, change: Option<Change>) {
        match change {
            None => {}
            Some(Change::Taken(taken)) => {
                for (step, events) in taken {
                    self.log.extend(events.into_iter().map(|event| String::from_utf8(event).unwrap()));
                    self.steps.push(step);
                }
            }
            Some(Change::Back { position, undone }) => {
                self.backs += 1;
                let lost = undone.iter().flat_map(|step| {
                    let from = step.first_position() as usize - 1;
                    let events = self.log[from..from + step.count() as usize].iter();
                    step.shipments(self.writer(), events.map(|event| event.as_bytes().to_vec()).collect())
                });
                let lost: Vec<_> = lost.collect();
                self.log.truncate(position as usize);
                self.steps.truncate(self.steps.len() - undone.len());
                // A client that looked saw a state that is past.
                self.acts.drain(usize::from(self.is_waiting).min(self.acts.len())..);
                if let Some(replica) = &mut self.replica {
                    replica.redeem(now, lost);
                }
                self.keep();
            }
        }
    }

    /// Outcome of the act that somebody waits for.
    pub(super) fn hear(&mut self, now: Instant) -> Option<Heard> {
        let verdict = self.replica.as_mut()?.verdict(now)?;
        self.is_waiting = false;
        let Waiting { name, seen } = self.acts.remove(0);
        match verdict {
            Verdict::Counts(position) => {
                self.keep();
                Some(Heard::Counts(name, position))
            }
            Verdict::Outdated if seen.is_none() => {
                // It depends on nothing: once more.
                self.acts.insert(0, Waiting { name, seen });
                None
            }
            Verdict::Outdated => Some(Heard::Refused(name)),
            Verdict::Away => Some(Heard::Unknown),
        }
    }

    /// Tells whether everything that it has is in the stream.
    pub(super) fn is_done(&self) -> bool {
        let Some(replica) = &self.replica else { return false };
        let standing = replica.standing();
        standing.shipped == self.outbox.last
            && replica.lost().next().is_none()
            && self.acts.is_empty()
            && standing.is_following
    }
}
