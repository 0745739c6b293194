//! Late evidence in its place: the deployments folded again, with each late event before the first one that was observed after it.

use std::collections::VecDeque;

use super::engine::Engine;
use super::error::ReadError;
use super::late::is_late;
use super::view::View;
use crate::model::event::Event;
use crate::model::time::{Span, Time};

/// Late events that are read at once.
const READ_TOGETHER: usize = 1_024;

/// The view `base` with everything that follows it in the log up to the event `through`, late evidence in its place. Of evidence
/// that is later than `until` there is nothing. Reads the log twice.
///
/// # Errors
/// The log cannot be read.
pub(super) fn placed(
    engine: &dyn Engine,
    base: &View,
    through: u64,
    until: Option<Time>,
) -> Result<View, ReadError> {
    let mut late = late_events(engine, base, through)?;
    late.retain(|(at, _)| until.is_none_or(|until| *at <= until));
    let (mut view, lateness) = (base.clone(), base.state.rules().lateness);
    let (mut furthest, mut waiting) = (view.state.time().furthest(), Waiting::new(engine, late));
    for entry in engine.events_after(base.applied)? {
        let (number, event) = entry?;
        if number > through {
            break;
        }
        if is_late(&event, furthest, lateness) {
            view.apply_besides(number, &event);
            continue;
        }
        furthest = furthest_of(furthest, &event);
        if until.is_some_and(|until| event.at() > until) {
            view.call_as_today(&event);
            continue;
        }
        if event.is_observed() {
            waiting.apply_before(event.at(), &mut view)?;
        }
        view.apply_besides(number, &event);
        view.apply_state(number, &event);
    }
    waiting.apply_before(Time::from_ms(i64::MAX), &mut view)?;
    Ok(view)
}

/// The last event after `view` with which a writer caught up and something late was held.
///
/// # Errors
/// The log cannot be read.
pub(super) fn last_due(engine: &dyn Engine, view: &View) -> Result<Option<u64>, ReadError> {
    let lateness = view.state.rules().lateness;
    if lateness == Span::default() {
        return Ok(None);
    }
    let (mut is_held, mut furthest) = (view.late().held > 0, view.state.time().furthest());
    let mut due = None;
    for entry in engine.events_after(view.applied)? {
        let (number, event) = entry?;
        if is_late(&event, furthest, lateness) {
            is_held = true;
        } else if is_held && matches!(event, Event::CaughtUp { .. }) {
            (is_held, due) = (false, Some(number));
        } else {
            furthest = furthest_of(furthest, &event);
        }
    }
    Ok(due)
}

/// The numbers of the late events, with their times, in the order of these.
fn late_events(engine: &dyn Engine, base: &View, through: u64) -> Result<VecDeque<(Time, u64)>, ReadError> {
    let lateness = base.state.rules().lateness;
    let (mut furthest, mut late) = (base.state.time().furthest(), Vec::new());
    for entry in engine.events_after(base.applied)? {
        let (number, event) = entry?;
        if number > through {
            break;
        }
        if is_late(&event, furthest, lateness) {
            late.push((event.at(), number));
        } else {
            furthest = furthest_of(furthest, &event);
        }
    }
    late.sort_unstable();
    Ok(late.into())
}

fn furthest_of(furthest: Option<Time>, event: &Event) -> Option<Time> {
    event.observation().map_or(furthest, |observation| furthest.max(Some(observation.at)))
}

/// Late events that wait for their places.
struct Waiting<'a> {
    engine: &'a dyn Engine,
    numbers: VecDeque<(Time, u64)>,
    /// The first of them, as they were read.
    read: VecDeque<(u64, Event)>,
}

impl<'a> Waiting<'a> {
    fn new(engine: &'a dyn Engine, numbers: VecDeque<(Time, u64)>) -> Self {
        Self { engine, numbers, read: VecDeque::new() }
    }

    /// Has the view take those that are earlier than `before`.
    fn apply_before(&mut self, before: Time, view: &mut View) -> Result<(), ReadError> {
        while self.numbers.front().is_some_and(|(at, _)| *at < before) {
            if self.read.is_empty() {
                let numbers = self.numbers.iter().take(READ_TOGETHER).map(|(_, number)| *number);
                self.read = self.engine.events_at(&numbers.collect::<Vec<_>>())?.into();
            }
            self.numbers.pop_front();
            let Some((number, event)) = self.read.pop_front() else { return Ok(()) };
            view.apply_state(number, &event);
        }
        Ok(())
    }
}
