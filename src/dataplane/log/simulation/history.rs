//! Everything that the log said and promised so far, and the checks that it is true.

use std::collections::{BTreeSet, HashMap};

use crate::log::engine::Events;
use crate::log::view::View;
use crate::model::act::Action;
use crate::model::deployments::Rules;
use crate::model::event::{EnvironmentName, Event};
use crate::model::log_time::LogTime;
use crate::model::time::Time;

/// Every event that ever became durable, whatever retention removed since, and the view after each.
pub(super) struct History {
    events: Vec<Event>,
    /// Folded from the beginning, up to the view that was looked at last.
    folded: View,
    /// The place of each event that a client made, by its key.
    places: HashMap<String, usize>,
    /// Environments that there are, by the acts.
    environments: BTreeSet<EnvironmentName>,
    /// Keys of events that somebody was told of as durable, and of those as lost.
    promised: BTreeSet<String>,
    refused: BTreeSet<String>,
    /// The beginning of the process that runs now.
    began_at: usize,
    time: LogTime,
}

type Checked = Result<(), String>;

/// A client's name for an event of its own.
fn key(event: &Event) -> Option<String> {
    match event {
        Event::Observed(observation) => observation.digest.as_ref().map(ToString::to_string),
        Event::Acted(act) => act.by.from.as_deref().map(str::to_owned),
        _ => None,
    }
}

fn check(is_true: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if is_true { Ok(()) } else { Err(otherwise()) }
}

/// Both views are the same, or how they differ.
fn same(one: &View, other: &View) -> Checked {
    let state = |view: &View| postcard::to_stdvec(&view.state).unwrap();
    check(one.directory == other.directory, || "it has other environments or tokens".to_owned())?;
    check(one.acts == other.acts, || format!("its acts are {:?} and not {:?}", one.acts, other.acts))?;
    check(state(one) == state(other), || {
        let (one, other) = (format!("{:#?}", one.state), format!("{:#?}", other.state));
        let differs = one.lines().zip(other.lines()).position(|(one, other)| one != other).unwrap_or(0);
        let part = |text: &str| text.lines().skip(differs.saturating_sub(3)).take(7).collect::<String>();
        format!("its state has {} and not {}", part(&one), part(&other))
    })
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            events: Vec::new(),
            folded: View::new(&Rules::default()),
            places: HashMap::new(),
            environments: BTreeSet::new(),
            promised: BTreeSet::new(),
            refused: BTreeSet::new(),
            began_at: 0,
            time: LogTime::default(),
        }
    }

    /// The log's own time.
    pub(super) fn time(&self) -> LogTime {
        self.time.clone()
    }

    /// Takes events that became durable.
    pub(super) fn take(&mut self, heard: Vec<(u64, Event)>) -> Checked {
        heard.into_iter().try_for_each(|(number, event)| self.take_one(number, event))
    }

    fn take_one(&mut self, number: u64, event: Event) -> Checked {
        let expected = self.events.len() as u64 + 1;
        check(number == expected, || format!("event {number} follows where {expected} should"))?;
        if let Some(key) = key(&event) {
            check(!self.refused.contains(&key), || format!("event {number} was called lost and is there"))?;
            let before = self.places.insert(key, self.events.len());
            check(before.is_none(), || format!("event {number} is there twice"))?;
        }
        self.take_act(number, &event)?;
        self.time.take(&event);
        self.events.push(event);
        Ok(())
    }

    /// Each act here was decided on the state before it: two that were decided on the same one would contradict it.
    fn take_act(&mut self, number: u64, event: &Event) -> Checked {
        let Event::Acted(act) = event else { return Ok(()) };
        let fits = match &act.action {
            Action::EnvironmentCreated { name, .. } => self.environments.insert(name.clone()),
            Action::EnvironmentDeleted { name } => self.environments.remove(name),
            _ => true,
        };
        check(fits, || format!("act {number} was decided on a state that was over: {:?}", act.action))
    }

    /// Notes that somebody was told that the event is durable.
    pub(super) fn promise(&mut self, key: String) -> Result<u64, String> {
        let place = self.places.get(&key).copied();
        let place = place.ok_or_else(|| format!("{key} is called durable and is not in the log"))?;
        self.promised.insert(key);
        Ok(place as u64 + 1)
    }

    /// Notes that somebody was told that the event is not in the log and will not be.
    pub(super) fn refuse(&mut self, key: String) -> Checked {
        check(!self.places.contains_key(&key), || format!("{key} is called lost and is in the log"))?;
        self.refused.insert(key);
        Ok(())
    }

    /// The published view is the fold of the log up to its number.
    pub(super) fn check_view(&mut self, view: &View) -> Checked {
        check(view.applied >= self.folded.applied, || format!("the view went back to {}", view.applied))?;
        while self.folded.applied < view.applied {
            let event = self.events.get(self.folded.applied as usize);
            let event = event.ok_or_else(|| format!("the view has event {}, which is none", view.applied))?;
            self.folded.apply(self.folded.applied + 1, event);
        }
        same(view, &self.folded).map_err(|how| format!("the view at {} is not the fold: {how}", view.applied))
    }

    /// Checks that everything is kept but observations that retention removed.
    pub(super) fn check_kept(&self, events: Events) -> Checked {
        let thinned = events.extent.thinned as usize;
        let last = events.extent.last as usize;
        check(last == self.events.len(), || format!("{last} of {} events are kept", self.events.len()))?;
        self.check_rows(thinned, last, events)
    }

    fn check_rows(&self, thinned: usize, last: usize, events: Events) -> Checked {
        let mut next = 1;
        for row in events {
            let (number, event) = row.map_err(|error| error.to_string())?;
            self.check_removed(next, number as usize, thinned)?;
            if let Some(before) = self.events.get(number as usize - 1) {
                check(*before == event, || format!("event {number} is another one than it was"))?;
            }
            next = number as usize + 1;
        }
        self.check_removed(next, last + 1, thinned)
    }

    /// The events from `first` on and before `end` are not kept: that may be only what retention removed.
    fn check_removed(&self, first: usize, end: usize, thinned: usize) -> Checked {
        (first..end).try_for_each(|number| {
            let is_observed = self.events.get(number - 1).is_some_and(Event::is_observed);
            check(number <= thinned && is_observed, || format!("event {number} is missing"))
        })
    }

    /// An answer about the time `at` is what folding the whole log until then gives.
    pub(super) fn check_past(&self, view: &View, at: Time) -> Checked {
        let (mut expected, mut time) = (View::new(&Rules::default()), LogTime::default());
        for (number, event) in (1..).zip(&self.events) {
            let line = time.take(event);
            if self.time.shown(line) <= at {
                expected.apply(number, event);
            } else {
                expected.call_as_today(event);
            }
        }
        same(view, &expected)
            .map_err(|how| format!("the answer as of {at} is another one than before: {how}"))
    }

    /// Losses that were told of are in gaps, or about to be.
    pub(super) fn check_losses(&self, lost: u64, pending: u64) -> Checked {
        let gap = |event: &Event| if let Event::Gap { lost, .. } = event { *lost } else { 0 };
        let said: u64 = self.events[self.began_at..].iter().map(gap).sum();
        check(said + pending == lost, || format!("{lost} are lost, gaps say {said}, {pending} are pending"))
    }

    /// Takes what a process finds that opens the log: everything that was promised, and no other event than before.
    pub(super) fn begin_again(&mut self, events: Events) -> Checked {
        let (last, thinned) = (events.extent.last as usize, events.extent.thinned as usize);
        let rows: Result<Vec<_>, _> = events.collect();
        let rows = rows.map_err(|error| error.to_string())?;
        let before = std::mem::replace(self, Self::new());
        let mut rows = rows.into_iter().peekable();
        for number in 1..=last {
            let row = rows.next_if(|(found, _)| *found == number as u64).map(|(_, event)| event);
            let known = before.events.get(number - 1);
            let event = match (row, known) {
                (Some(event), Some(known)) => {
                    check(event == *known, || format!("event {number} is another one after opening"))?;
                    event
                }
                (Some(event), None) => event,
                (None, Some(known)) if number <= thinned && known.is_observed() => known.clone(),
                (None, _) => return Err(format!("event {number} is missing after opening")),
            };
            self.take_one(number as u64, event)?;
        }
        let (promised, refused) = (before.promised, before.refused);
        for key in &promised {
            check(self.places.contains_key(key), || format!("{key} was called durable and is gone"))?;
        }
        let is_back = |key: &String| self.places.get(key).is_some_and(|place| *place < before.events.len());
        if let Some(key) = refused.iter().find(|key| is_back(key)) {
            return Err(format!("{key} was called lost and is back"));
        }
        // An event that a process called lost in its last moments may have reached the disk whole.
        let refused = refused.into_iter().filter(|key| !self.places.contains_key(key)).collect();
        (self.promised, self.refused, self.began_at) = (promised, refused, self.events.len());
        Ok(())
    }
}
