//! Tests of what needs a look in all environments, and of one service across them.

use super::{DAY, HOUR, after, env, folded, pulled, repository};
use crate::model::deployments::State;
use crate::model::questions::{Attention, across, deployment, overview};
use crate::wire::Image;

fn story() -> State {
    folded([
        pulled("staging", "web", 3, 0),
        pulled("production", "web", 2, 0),
        pulled("production", "pay", 9, 0),
        pulled("production", "web", 1, DAY),
    ])
}

fn attention(state: &State, minutes: i64) -> Attention {
    let names = ["production", "staging"].map(env);
    overview(state, &names, after(minutes)).attention
}

#[test]
fn what_needs_a_look_is_told_of_every_environment() {
    let state = story();
    let seen = attention(&state, DAY + HOUR);
    let told = |moved: &[super::super::Moved]| {
        let one = |it: &super::super::Moved| {
            let from = it.from.as_ref().map(Image::label).unwrap_or_default();
            format!("{} {} {from} {}", it.environment, it.repository, it.to.label())
        };
        moved.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(told(&seen.rolled_back.0), ["production shop/web v1.2 v1.1"]);
    assert_eq!((seen.rolling_out.1, seen.failing.1), (0, 0));
    // The catalogue has v1.9.
    let behind: Vec<_> =
        seen.behind.0.iter().map(|it| (it.environment.as_str(), it.services, it.releases)).collect();
    assert_eq!(behind, [("production", 1, 8), ("staging", 1, 6)]);

    let moving = attention(&state, DAY + 1);
    assert_eq!(told(&moving.rolling_out.0), ["production shop/web v1.2 v1.1"]);
    let later = attention(&state, 9 * DAY);
    assert_eq!((later.rolled_back.1, later.behind.1), (0, 2), "an old rollback is what runs");
}

#[test]
fn a_service_is_told_across_the_environments_and_each_change_finds_its_deployment() {
    let state = story();
    let (names, now) = (["none", "production", "staging"].map(env), after(2 * DAY));
    let of = |of: Option<&str>, limit| {
        across(&state, &names, &repository("web"), of.map(env).as_ref(), now, limit)
    };
    let all = of(None, 10);
    let places: Vec<_> = all
        .places
        .iter()
        .map(|it| {
            let before = it.before.as_ref().map(Image::label).unwrap_or_default();
            (
                it.environment.as_str(),
                it.running.version.clone().unwrap(),
                it.missing.as_ref().unwrap().missing.len(),
                before,
            )
        })
        .collect();
    let place = |name, runs: &str, lacks, before: &str| (name, runs.to_owned(), lacks, before.to_owned());
    assert_eq!(places, [place("production", "v1.1", 8, "v1.2"), place("staging", "v1.3", 6, "")]);
    assert_eq!((all.history.len(), all.is_cut), (3, false));
    assert_eq!(all.history[0].change.to.label(), "v1.1");
    for step in &all.history {
        let found = deployment(&state, &step.id, now).unwrap();
        assert_eq!(found.environment, step.environment);
        assert!(found.changes.contains(&step.change), "{found:?}");
    }
    assert_eq!((of(None, 1).history.len(), of(None, 1).is_cut), (1, true));
    assert_eq!(of(Some("staging"), 10).history.len(), 1);
}
