//! The promises, and whether they were kept.

use std::collections::{BTreeSet, HashMap};

use super::super::{Role, Shipment};
use super::machine::{Heard, Machine};

/// Promises so far.
#[derive(Default)]
pub(super) struct Checks {
    /// Somebody was told that it is in the log, or that it is not and will not be.
    promised: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// The stream lost it once, so it may stand elsewhere.
    lost: BTreeSet<String>,
    /// A copy of it was under way for long, so it may come where the stream went back since.
    delayed: BTreeSet<String>,
    /// Number of times that the stream went back.
    cuts: u64,
}

type Checked = Result<(), String>;

fn check(is_true: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if is_true { Ok(()) } else { Err(otherwise()) }
}

impl Checks {
    pub(super) fn promise(&mut self, name: String) {
        self.promised.insert(name);
    }

    /// The stream lost these messages.
    pub(super) fn cut(&mut self, messages: &[Vec<u8>]) {
        self.cuts += u64::from(!messages.is_empty());
        for shipment in messages.iter().filter_map(|bytes| Shipment::decode(bytes).ok()) {
            self.lost.extend(shipment.events.into_iter().filter_map(|event| String::from_utf8(event).ok()));
        }
    }

    /// A copy of this message is under way for long.
    pub(super) fn delay(&mut self, shipment: &Shipment) {
        let events = shipment.events.iter().filter_map(|event| String::from_utf8(event.clone()).ok());
        self.delayed.extend(events);
    }

    /// Somebody heard of an act.
    pub(super) fn hear(&mut self, machine: &Machine, heard: Heard) -> Checked {
        match heard {
            Heard::Counts(name, position) => {
                let there = machine.log.get(position as usize - 1);
                check(there == Some(&name), || {
                    format!("`{name}` is said to be at {position}, there is {there:?}")
                })?;
                self.promise(name);
            }
            Heard::Refused(name) => drop(self.refused.insert(name)),
            Heard::Unknown => {}
        }
        Ok(())
    }

    /// Only a stream that went back is followed back.
    pub(super) fn check_backs(&self, machine: &Machine) -> Checked {
        check(machine.backs == 0 || self.cuts > 0, || {
            format!("replica {} went back, and the stream did not", machine.index)
        })
    }

    /// Everything is well: all replicas have the same, and set the same aside, and an edge has the acts of it; each promise once, none of what was refused or
    /// forged, and all in order.
    pub(super) fn at_the_end(&self, machines: &[Machine]) -> Checked {
        let log = &machines[0].log;
        let acts: Vec<_> = log.iter().filter(|event| event.starts_with('a')).cloned().collect();
        for machine in &machines[1..] {
            let log = if machine.role == Role::Edge { &acts } else { log };
            let differs = log.iter().zip(&machine.log).position(|(one, other)| one != other);
            check(machine.log == *log, || {
                let (one, other) = (log.len(), machine.log.len());
                format!("replicas 0 and {} differ: at {differs:?}, of {one} and {other}", machine.index)
            })?;
        }
        let aside = |machine: &Machine| -> Vec<_> {
            machine.replica.iter().flat_map(|it| it.place().aside()).collect()
        };
        let set_aside = aside(&machines[0]);
        let mut full = machines.iter().filter(|it| it.role == Role::Full);
        let differs = full.find(|it| aside(it) != set_aside);
        check(differs.is_none(), || format!("another one set other messages aside than {set_aside:?}"))?;
        let forged = log.iter().find(|event| event.starts_with("forged"));
        check(forged.is_none(), || format!("{forged:?} is there"))?;
        let mut places = HashMap::new();
        for (place, event) in log.iter().enumerate() {
            let before = places.insert(event, place);
            check(before.is_none(), || format!("`{event}` is there twice, at {place} and {before:?}"))?;
            // After the stream went back, followers may ship again a message that it had, and a late copy counts.
            let may_return = self.cuts > 0 && (self.lost.contains(event) || self.delayed.contains(event));
            check(!self.refused.contains(event) || may_return, || {
                format!("`{event}` was refused and is there")
            })?;
        }
        for promised in &self.promised {
            // Somebody writes to that edge's own subject with its credentials, so a place there says nothing of what the stream lost.
            if promised.starts_with("e3-") && self.lost.contains(promised) {
                continue;
            }
            check(places.contains_key(promised), || format!("`{promised}` was promised and is gone"))?;
        }
        self.check_order(log)?;
        self.check_acts(log)
    }

    /// Each machine's events are in the order in which it took them, but for those that a stream lost which went back twice.
    fn check_order(&self, log: &[String]) -> Checked {
        let mut latest: HashMap<&str, u64> = HashMap::new();
        for event in log.iter().filter(|event| event.starts_with('e')) {
            let (machine, number) = event.split_once('-').unwrap_or_default();
            let number = number.parse().unwrap_or(0);
            let before = latest.insert(machine, number).unwrap_or(0);
            let is_late = self.lost.contains(event) && self.cuts > 1;
            check(before < number || is_late, || format!("`{event}` follows {before} of the same machine"))?;
        }
        Ok(())
    }

    /// Each act follows the one that its decision saw, but for those that the stream lost once.
    fn check_acts(&self, log: &[String]) -> Checked {
        let mut before = "nothing";
        for act in log.iter().filter(|event| event.starts_with('a')) {
            let mut words = act.split(' ');
            let name = words.next().unwrap_or_default();
            let seen = if words.next() == Some("after") { words.next() } else { None };
            let fits = seen.is_none_or(|seen| seen == before) || self.lost.contains(act);
            check(fits, || format!("`{act}` follows {before}"))?;
            before = name;
        }
        Ok(())
    }
}
