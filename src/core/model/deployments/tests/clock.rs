//! Properties of any history on a machine whose clock steps.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::properties::{Scene, played, scene};
use super::story::{self, answer, folded};
use crate::model::deployments::State;
use crate::model::event::{Event, Observation};
use crate::model::log_time::JITTER_MAX;
use crate::model::questions;
use crate::model::time::{Span, Time};

/// The clock is set by `by` before the observation at `place`; a step ahead is always recorded.
#[derive(Clone, Debug)]
struct Stepped {
    place: Index,
    by_s: i64,
    is_recorded: bool,
}

fn stepped() -> impl Strategy<Value = Stepped> {
    let far = prop_oneof![30..300_i64, 300..90_000_i64, Just(365 * 86_400_i64)];
    (any::<Index>(), far, any::<bool>(), any::<bool>()).prop_map(|(place, far, is_back, is_recorded)| {
        Stepped { place, by_s: if is_back { -far } else { far }, is_recorded: is_recorded || !is_back }
    })
}

/// The log of these observations on a machine whose clock is set; what it says at `end`; and the same history on one
/// whose clock is right, where what nobody can know is left out: how long a step took that only the order shows.
fn disturbed(
    observations: &[Observation],
    end: Time,
    steps: &[Stepped],
) -> (Vec<Event>, Time, Vec<Observation>, Time) {
    let mut steps: Vec<(usize, &Stepped)> =
        steps.iter().map(|step| (step.place.index(observations.len()), step)).collect();
    steps.sort_by_key(|(place, _)| *place);
    // One step at a place: of two that nobody recorded, only their sum shows.
    steps.dedup_by_key(|(place, _)| *place);
    let (mut ahead, mut unknown) = (Span::default(), Span::default());
    let (mut log, mut right) = (Vec::new(), Vec::new());
    let mut last: Option<Time> = None;
    for (place, observation) in observations.iter().enumerate() {
        let here = steps.iter().filter(|(at, _)| *at == place).map(|(_, step)| step);
        for Stepped { by_s, is_recorded, .. } in here {
            let by = Span::from_secs(*by_s);
            let silence = last.map(|last| observation.at.since(last)).unwrap_or_default();
            ahead = ahead + by;
            if *is_recorded {
                log.push(Event::ClockStepped { at: observation.at + ahead, by_ms: by.ms() });
            } else if last.is_some() {
                // A step back hides as much of a silence as it is long. One that leaves a few seconds is jitter to
                // whoever reads the log: let it leave more.
                let left = silence - (Span::default() - by);
                if left >= Span::default() - JITTER_MAX && left < Span::default() {
                    ahead = ahead - JITTER_MAX;
                }
                unknown = unknown + silence.min(Span::default() - by);
            }
        }
        last = last.max(Some(observation.at));
        log.push(Event::Observed(Observation { at: observation.at + ahead, ..observation.clone() }));
        right.push(Observation { at: observation.at - unknown, ..observation.clone() });
    }
    (log, end + ahead, right, end - unknown)
}

/// A service's deployments: the images, in their order, with kind and state.
fn deployments(state: &State, now: Time) -> Vec<(String, String, String, u64)> {
    let answer = answer(state, now);
    let deployments = answer["services"]["docker/app"]["deployments"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let lines = deployments.iter().map(|it| {
        (
            text(&it["version"]),
            text(&it["kind"]),
            text(&it["state"]),
            it["clients"].as_u64().unwrap_or_default(),
        )
    });
    lines.collect()
}

fn folded_log(log: &[Event]) -> State {
    let mut state = folded(&[]);
    log.iter().for_each(|event| state.apply(event));
    state
}

/// Every time in an answer.
fn times(answer: &serde_json::Value, found: &mut Vec<Time>) {
    match answer {
        serde_json::Value::String(text) => found.extend(text.parse::<Time>()),
        serde_json::Value::Array(all) => all.iter().for_each(|it| times(it, found)),
        serde_json::Value::Object(all) => all.values().for_each(|it| times(it, found)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 16_384, ..ProptestConfig::default() })]

    /// Steps of the clock change no deployment, wherever they fall, back or ahead, recorded or not.
    #[test]
    fn a_clock_that_steps_changes_no_deployment(scenes in vec(scene(), 1..14), steps in vec(stepped(), 1..5)) {
        let (observations, end) = played(&scenes);
        prop_assume!(!observations.is_empty());
        let (log, now, right, right_now) = disturbed(&observations, end, &steps);
        let (stepped, undisturbed) = (folded_log(&log), folded(&right));
        prop_assert_eq!(deployments(&stepped, now), deployments(&undisturbed, right_now));
        let settled = Span::from_mins(24 * 60);
        prop_assert_eq!(deployments(&stepped, now + settled), deployments(&undisturbed, right_now + settled));
    }

    /// Whole rollouts are told as they were, also where the order alone shows a step back, in the middle or between.
    /// A step back may hide the whole time between two of them. The same image pulled twice without any time between
    /// would be two nodes behind one address (rule 11), so no rollout is of the version that the one before it was of.
    #[test]
    fn whole_rollouts_are_told_as_they_were_whatever_the_clock_does(
        versions in vec(0..5_u8, 1..7), nodes in 1..9_u8, pace_s in 1..90_i64, steps in vec(stepped(), 1..5),
    ) {
        let mut versions = versions;
        versions.dedup();
        let scenes: Vec<Scene> = versions
            .iter()
            .flat_map(|&version| [Scene::Rollout { version, nodes, pace_s }, Scene::Wait { s: 7200 }])
            .collect();
        let (observations, end) = played(&scenes);
        let (log, now, ..) = disturbed(&observations, end, &steps);
        let kinds = |deployments: Vec<(String, String, String, u64)>| -> Vec<_> {
            deployments.into_iter().map(|(version, kind, state, _)| (version, kind, state)).collect()
        };
        prop_assert_eq!(kinds(deployments(&folded_log(&log), now)), kinds(deployments(&folded(&observations), end)));
    }

    /// After the clock was set right nothing is shown later than now, and nothing before what came before it.
    #[test]
    fn what_is_shown_after_a_step_is_in_order_and_not_to_come(scenes in vec(scene(), 1..14), steps in vec(stepped(), 1..5)) {
        let (observations, end) = played(&scenes);
        prop_assume!(!observations.is_empty());
        let (log, now, ..) = disturbed(&observations, end, &steps);
        let state = folded_log(&log);
        let env = story::environment();
        let story = questions::detailed_timeline(&state, &env, now, 1_000, None);
        let starts: Vec<Time> = story.deployments.iter().rev().map(|it| it.deployment.started_at).collect();
        prop_assert!(starts.is_sorted(), "{starts:?}");
        let running = questions::running(&state, &env, now);
        let overview = questions::overview(&state, [&env], now);
        for place in &overview.environments {
            let latest = place.latest.as_ref();
            let shown = [place.last_seen_at, place.unconfirmed_since, latest.map(|latest| latest.started_at)];
            prop_assert!(shown.iter().flatten().all(|at| *at <= now), "{place:?}");
        }
        let mut found = Vec::new();
        for answer in [
            serde_json::to_value(&story).unwrap(),
            serde_json::to_value(&running).unwrap(),
            serde_json::to_value(questions::history(&state, &env, &story::repository(), now, 1_000)).unwrap(),
            serde_json::to_value(questions::changes(&state, &env, Time::from_ms(i64::MIN), now + Span::from_ms(1), now).deployments).unwrap(),
            answer(&state, now),
        ] {
            times(&answer, &mut found);
        }
        let to_come: Vec<&Time> = found.iter().filter(|at| **at > now).collect();
        prop_assert!(to_come.is_empty(), "{now} {to_come:?}");
    }
}
