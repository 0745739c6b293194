//! The world in virtual time: machines, the stream, the network between them, and what goes wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::memory::Memory;
use super::super::plant::Plant;
use super::super::{Appended, Away, Batch, Entry, Lane, Publish, Replica, Role, Subject};
use super::super::{Condition, Kind, Outbox as _, Shipment, WriterId};
use super::Chance;
use super::checks::Checks;
use super::machine::{Machine, Waiting};

/// The first ones, with the whole log; and all, with an edge.
const FULL: u64 = 3;
const MACHINES: u64 = 4;
/// Time in which things go wrong.
const TROUBLE: Duration = Duration::from_secs(60);
/// Time after which everything must have healed.
const HEALING: Duration = Duration::from_secs(150);
/// Time after which a request without an answer is over.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Something on its way.
enum Parcel {
    Publish { machine: usize, process: u64, publish: Publish },
    Appended { machine: usize, process: u64, lane: Lane, appended: Appended },
    Read { machine: usize, process: u64, from: u64 },
    Answer { machine: usize, process: u64, answer: Result<Batch, Away> },
    Last { machine: usize, process: u64, subject: Subject },
    Told { machine: usize, process: u64, last: Result<Option<Entry>, Away> },
}

pub(super) struct World {
    now: Instant,
    end: Instant,
    chance: Chance,
    stream: Memory,
    machines: Vec<Machine>,
    /// By time and order.
    parcels: BTreeMap<(Instant, u64), Parcel>,
    sent: u64,
    /// Until then it answers nobody.
    stalled_until: Instant,
    /// Until then each machine's link is down, and its server is behind by so many messages.
    unlinked_until: Vec<Instant>,
    behind: Vec<(Instant, u64)>,
    checks: Checks,
    made: u64,
    is_well: bool,
}

impl World {
    pub(super) fn new(seed: u64, plant: Option<Plant>) -> Self {
        let now = Instant::now();
        let role = |index| if index < FULL as usize { Role::Full } else { Role::Edge };
        let machine = |index| Machine::new(index, role(index), plant, now);
        let machines: Vec<_> = (0..MACHINES as usize).map(machine).collect();
        Self {
            now,
            end: now + TROUBLE,
            chance: Chance::new(seed),
            stream: Memory::default(),
            unlinked_until: vec![now; machines.len()],
            behind: vec![(now, 0); machines.len()],
            machines,
            parcels: BTreeMap::new(),
            sent: 0,
            stalled_until: now,
            checks: Checks::default(),
            made: 0,
            is_well: false,
        }
    }

    /// Plays trouble, then healing, and checks.
    pub(super) fn play(mut self) -> Result<(), String> {
        let mut next_deed = self.now;
        while self.now < self.end {
            if self.now >= next_deed {
                self.deed();
                next_deed = self.now + self.ms(400);
            }
            self.go_on(next_deed)?;
        }
        self.heal();
        let last = self.now + HEALING;
        let mut look_at = self.now;
        while self.now < last {
            if self.now >= look_at {
                look_at = self.now + Duration::from_secs(1);
                let is_there = |machine: &Machine| {
                    let head = self.read(machine.role, 1, 0).head;
                    machine.is_done()
                        && machine.replica.as_ref().is_some_and(|it| it.place().sequence == head)
                };
                let is_write = |it: &Parcel| matches!(it, Parcel::Publish { .. } | Parcel::Appended { .. });
                if !self.parcels.values().any(is_write) && self.machines.iter().all(is_there) {
                    return self.checks.at_the_end(&self.machines);
                }
            }
            self.go_on(look_at)?;
        }
        let standings: Vec<_> =
            self.machines.iter().map(|it| it.replica.as_ref().map(Replica::standing)).collect();
        Err(format!("not healed; the stream's head is {}: {standings:?}", self.stream.head()))
    }

    fn read(&self, role: Role, from: u64, behind: u64) -> Batch {
        match role {
            Role::Full => self.stream.read(from, behind),
            Role::Edge => self.stream.read_acts(from, behind),
        }
    }

    fn ms(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.chance.below(below))
    }

    /// Lets the next thing happen, at `until` at the latest.
    fn go_on(&mut self, until: Instant) -> Result<(), String> {
        let now = self.now;
        let due = |machine: &Machine| machine.replica.as_ref().map(|replica| replica.due(now));
        let first = self.parcels.first_key_value().map(|((at, _), _)| *at);
        let next = self.machines.iter().filter_map(due).chain(first).min().unwrap_or(until);
        // Time goes on, whatever is due.
        self.now = next.min(until).max(self.now + Duration::from_micros(100));
        while let Some(entry) = self.parcels.first_entry()
            && entry.key().0 <= self.now
        {
            let parcel = entry.remove();
            self.arrive(parcel)?;
        }
        for index in 0..self.machines.len() {
            self.pump(index)?;
        }
        Ok(())
    }

    /// Has the machine do what is to be done.
    fn pump(&mut self, index: usize) -> Result<(), String> {
        let now = self.now;
        if let Some(heard) = self.machines[index].hear(now) {
            self.checks.hear(&self.machines[index], heard)?;
        }
        let orders = self.machines[index].orders(now);
        let process = self.machines[index].process;
        for publish in orders.publish {
            let at = now + self.latency();
            self.send(at, Parcel::Publish { machine: index, process, publish });
        }
        if let Some(look) = orders.read {
            let at = now + self.latency();
            self.send(at, Parcel::Read { machine: index, process, from: look.from });
        }
        if let Some(subject) = orders.last {
            let at = now + self.latency();
            self.send(at, Parcel::Last { machine: index, process, subject });
        }
        Ok(())
    }

    fn latency(&mut self) -> Duration {
        let is_slow = !self.is_well && self.chance.one_in(12);
        self.ms(if is_slow { 2_500 } else { 4 }) + Duration::from_micros(200)
    }

    fn send(&mut self, at: Instant, parcel: Parcel) {
        self.sent += 1;
        self.parcels.insert((at, self.sent), parcel);
    }

    fn is_reached(&self, machine: usize) -> bool {
        self.now >= self.stalled_until && self.now >= self.unlinked_until[machine]
    }

    fn arrive(&mut self, parcel: Parcel) -> Result<(), String> {
        match parcel {
            Parcel::Publish { machine, process, publish } => self.append(machine, process, publish),
            Parcel::Read { machine, process, from } => {
                let read = self.read(self.machines[machine].role, from, self.behind(machine));
                let (answer, at) = self.answer(machine, read);
                self.send(at, Parcel::Answer { machine, process, answer });
            }
            Parcel::Last { machine, process, subject } => {
                let (last, at) = self.answer(machine, self.stream.last(subject, self.behind(machine)));
                self.send(at, Parcel::Told { machine, process, last });
            }
            Parcel::Told { machine, process, last } => {
                let machine = &mut self.machines[machine];
                if machine.process == process
                    && let Some(replica) = &mut machine.replica
                {
                    replica.told(self.now, last);
                }
            }
            Parcel::Appended { machine, process, lane, appended } => {
                let machine = &mut self.machines[machine];
                if machine.process == process
                    && let Some(replica) = &mut machine.replica
                {
                    replica.appended(self.now, lane, appended);
                }
            }
            Parcel::Answer { machine, process, answer } => {
                let machine = &mut self.machines[machine];
                if machine.process == process
                    && let Some(replica) = &mut machine.replica
                {
                    let change = replica.read(self.now, answer);
                    machine.take(self.now, change);
                    self.checks.check_backs(machine)?;
                }
            }
        }
        Ok(())
    }

    /// Number of messages that the machine's server is behind.
    fn behind(&self, machine: usize) -> u64 {
        let (until, behind) = self.behind[machine];
        if self.now < until { behind } else { 0 }
    }

    /// The answer as it comes to the machine, and when.
    fn answer<T>(&mut self, machine: usize, answer: T) -> (Result<T, Away>, Instant) {
        match self.is_reached(machine) {
            true => (Ok(answer), self.now + self.latency()),
            false => (Err(Away), self.now + TIMEOUT),
        }
    }

    fn append(&mut self, machine: usize, process: u64, publish: Publish) {
        let (lane, is_trouble) = (publish.lane, !self.is_well);
        let lost = Parcel::Appended { machine, process, lane, appended: Appended::Unknown };
        if !self.is_reached(machine) {
            self.send(self.now + TIMEOUT, lost);
            if self.chance.one_in(3) {
                // It waits somewhere, and comes although nobody waits for it.
                self.checks.delay(&publish.shipment);
                let at = self.now + self.ms(9_000);
                let process = u64::MAX;
                self.send(at, Parcel::Publish { machine, process, publish });
            }
            return;
        }
        let bytes = publish.shipment.encode();
        let appended = self.stream.append(publish.subject, publish.expected, &bytes);
        if is_trouble && self.chance.one_in(25) && matches!(appended, Appended::Stored(_)) {
            self.stream.double();
        }
        if is_trouble && self.chance.one_in(10) {
            self.send(self.now + TIMEOUT, lost);
        } else {
            let at = self.now + self.latency();
            self.send(at, Parcel::Appended { machine, process, lane, appended });
        }
    }

    /// Something that a client or chance does.
    fn deed(&mut self) {
        let index = self.chance.below(MACHINES) as usize;
        let now = self.now;
        match self.chance.below(30) {
            0..11 => {
                for _ in 0..=self.chance.below(5) {
                    self.record(index);
                }
            }
            11..17 => self.act(index),
            17 => self.forge(),
            18..20 => self.machines[index].keep(),
            20 => {
                self.machines[index].keep();
                self.machines[index].kill();
            }
            21 => self.machines[index].kill(),
            22..24 => {
                for machine in &mut self.machines {
                    if machine.replica.is_none() {
                        machine.start(now);
                    }
                }
            }
            24 => self.unlinked_until[index] = now + self.ms(8_000),
            25 => self.stalled_until = now + self.ms(8_000),
            26 | 27 => {
                let behind = 1 + self.chance.below(6);
                self.behind[index] = (now + self.ms(4_000), behind);
            }
            28 => {
                let count = 1 + self.chance.below(if self.chance.0.is_multiple_of(4) { 60 } else { 6 });
                self.checks.cut(&self.stream.cut(count));
            }
            _ => {}
        }
    }

    fn record(&mut self, index: usize) {
        if self.machines[index].replica.is_some() {
            self.made += 1;
            let name = format!("e{index}-{}", self.made);
            self.machines[index].record(&name);
            self.checks.promise(name);
        }
    }

    fn act(&mut self, index: usize) {
        let machine = &self.machines[index];
        if machine.role == Role::Edge || machine.replica.is_none() || machine.acts.len() >= 4 {
            return;
        }
        self.made += 1;
        let is_free = self.chance.one_in(4);
        let (position, seen) = self.machines[index].latest_act();
        let (name, seen) = match (is_free, seen) {
            (true, _) => (format!("a{} any", self.made), None),
            (false, None) => (format!("a{} after nothing", self.made), Some(0)),
            (false, Some(seen)) => {
                let seen = seen.split(' ').next().unwrap_or_default();
                (format!("a{} after {seen}", self.made), Some(position))
            }
        };
        self.machines[index].acts.push(Waiting { name, seen });
    }

    /// A thief with the edge's credentials, or with those of another one, writes as much as they allow: another's events, an act, what is
    /// no message at all, and what a later release may say; under his own writers, and between the edge's own messages.
    fn forge(&mut self) {
        self.made += 1;
        let forger = WriterId::new(u128::from(MACHINES) + 1);
        let (other, edge) = (self.machines[0].writer(), self.machines[FULL as usize].writer());
        let first = self.machines[0].outbox.last() + 1;
        let act = Kind::Act { after: 0, condition: Condition::Whatever };
        let again = Kind::Again { after: 0 };
        let name = format!("forged-{}", self.made).into_bytes();
        let forged =
            |writer, first, kind| Shipment { writer, first, kind, events: vec![name.clone()] }.encode();
        let mut newer = forged(forger, 1, Kind::Events);
        newer[4] += 1;
        let mut broken = forged(forger, 1, Kind::Events);
        broken.truncate(self.chance.below(80) as usize);
        let all = [
            forged(other, first, Kind::Events),
            forged(other, first, again),
            forged(other, 1 << 48, act),
            forged(forger, 1, act),
            newer,
            broken,
        ];
        for bytes in all {
            for subject in [Subject::Edge(forger), Subject::Edge(edge), Subject::Mark(forger)] {
                if self.chance.one_in(2) {
                    self.stream.append(subject, None, &bytes);
                }
            }
        }
    }

    /// Ends all trouble, but for one last word of whoever has the edge's credentials.
    fn heal(&mut self) {
        self.forge();
        self.is_well = true;
        self.stalled_until = self.now;
        self.unlinked_until.fill(self.now);
        self.behind.fill((self.now, 0));
        for machine in &mut self.machines {
            if machine.replica.is_none() {
                machine.start(self.now);
            }
        }
    }
}
