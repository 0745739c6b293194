//! The measures of how services are shipped, from short histories of pulls.

use super::{DAY, HOUR, after, env, folded, pulled, repository};
use crate::model::act::{Action, Actor};
use crate::model::deployments::State;
use crate::model::event::Event;
use crate::model::questions::{Beginning, LeadTime, Measure, insights};
use crate::model::time::Span;

fn measured(state: &State, weeks: i64, minutes: i64) -> Measure {
    let now = after(minutes);
    insights(state, [&env("production")], now - Span::from_mins(7 * DAY * weeks)..now, now).whole
}

#[test]
fn the_measures_are_those_of_the_pulls() {
    let state = folded([
        pulled("production", "web", 0, 0),
        // Made a day after the start, out two days after it.
        pulled("production", "web", 1, 2 * DAY),
        // Two releases at once: one was made a day before, the other two days before.
        pulled("production", "web", 3, 4 * DAY),
        pulled("production", "web", 1, 4 * DAY + 6 * HOUR),
        pulled("production", "pay", 0, 5 * DAY),
    ]);
    let measure = measured(&state, 2, 7 * DAY);
    assert_eq!((measure.deployments, measure.rollbacks), (2, 1));
    assert_eq!(measure.per_week, 1.0);
    assert_eq!(measure.rollback_rate, Some(0.5));
    let lead_time = LeadTime { median_s: DAY * 60, counts_from: Beginning::Release, count: 3, left_out: 0 };
    assert_eq!(measure.lead_time, Some(lead_time));
    assert_eq!(measure.time_to_restore_s, Some(6 * HOUR * 60));
    let weeks: Vec<_> = measure.weeks.iter().map(|week| (week.deployments, week.rollbacks)).collect();
    assert_eq!(weeks, [(0, 0), (2, 1)]);

    // Later, nothing of it is within the last week.
    let later = measured(&state, 1, 30 * DAY);
    assert_eq!((later.deployments, later.rollback_rate, later.lead_time), (0, None, None));
    let services =
        insights(&state, [&env("production")], after(-7 * DAY)..after(7 * DAY), after(7 * DAY)).services;
    assert_eq!(services.len(), 1, "a first appearance is no change");

    // A stretch that ended before the rollback, and is no whole number of weeks.
    let early = insights(&state, [&env("production")], after(DAY)..after(4 * DAY + HOUR), after(7 * DAY));
    assert_eq!((early.whole.deployments, early.whole.rollbacks, early.whole.weeks.len()), (2, 0, 1));
    assert_eq!((early.from, early.until), (after(DAY), after(4 * DAY + HOUR)));
    assert!((early.whole.per_week - 2.0 * 7.0 * 24.0 / 73.0).abs() < 1e-9, "{}", early.whole.per_week);
}

#[test]
fn the_lead_time_counts_from_the_commits_where_they_are_known() {
    let mut state = folded([pulled("production", "web", 0, 0)]);
    let committed_at = vec![after(DAY), after(2 * DAY), after(2 * DAY)];
    let dated =
        Action::ReleaseDated { repository: repository("web"), version: "v1.2".to_owned(), committed_at };
    state.apply(&dated.by(Actor::default(), after(DAY)));
    // v1.1 and v1.2 come at once; of the first, only when it was made is known.
    for observation in pulled("production", "web", 2, 3 * DAY) {
        state.apply(&Event::Observed(observation));
    }
    let measure = measured(&state, 1, 4 * DAY);
    let wanted = LeadTime { median_s: DAY * 60, counts_from: Beginning::Commit, count: 3, left_out: 1 };
    assert_eq!(measure.lead_time, Some(wanted));
}
