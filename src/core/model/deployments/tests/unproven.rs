//! Requests that are refused for their secret: what a service's own token proves, and what anybody can send.

use serde_json::Value;

use super::story::{at, environment, folded, pull, request};
use crate::model::act::{Action, Actor};
use crate::model::deployments::State;
use crate::model::event::{Event, Method, Observation, TokenId};
use crate::model::oci::Reference;
use crate::model::questions;

fn running(state: &State, seconds: i64) -> Value {
    serde_json::to_value(questions::running(state, &environment(), at(seconds))).unwrap()
}

/// A request with a secret that is nobody's, as the proxy records it.
fn unproven(seconds: i64, node: &str, repository: &str) -> Observation {
    let digest = super::story::digest("1.0");
    Observation {
        token: TokenId::unproven(&environment()),
        agent: "".into(),
        repository: repository.parse().unwrap(),
        status: 401,
        digest: None,
        ..request(at(seconds), node, Method::Head, Reference::unproven(), digest)
    }
}

#[test]
fn a_series_of_unknown_secrets_is_a_failing_deployment_that_is_unproven() {
    let mut state = folded(&pull(at(0), "a", "1.0", "1.0", false));
    for (place, node) in (0..).zip(["a", "b"]) {
        state.observe(&unproven(7_200 + place, node, "docker/app"));
    }
    assert_eq!(running(&state, 7_210)["failing"].as_array().unwrap().len(), 0, "two are no series");
    state.apply(&Event::Refused { last: unproven(7_260, "b", "docker/app"), first_at: at(7_203), count: 40 });
    let failing = &running(&state, 7_300)["failing"];
    let [one] = &failing.as_array().unwrap()[..] else { panic!("{failing}") };
    assert_eq!(
        (&one["unproven"], &one["count"], &one["reference"]),
        (&true.into(), &42.into(), &"unproven".into())
    );
    assert!(one["cause"].as_str().unwrap().starts_with("unproven: "));
    let service = &running(&state, 7_300)["services"][0];
    assert_eq!(service["state"], "settled");
    assert!(service.get("refused_since").is_none(), "that is not proven");
    assert_eq!(running(&state, 7_300 + 1_900)["failing"].as_array().unwrap().len(), 0, "they gave up");
}

#[test]
fn what_is_pulled_afterwards_shows_that_the_secret_is_right_now() {
    let refused = (0..5).map(|place| unproven(place, "a", "docker/app"));
    let mut state = folded(&refused.clone().collect::<Vec<_>>());
    assert!(state.environment(&environment()).is_none(), "there is no such environment");
    let created =
        Action::EnvironmentCreated { name: environment(), description: String::new(), color: String::new() };
    state.apply(&created.by(Actor::default(), at(0)));
    refused.for_each(|it| state.observe(&it));
    assert_eq!(running(&state, 60)["failing"].as_array().unwrap().len(), 1);
    pull(at(100), "a", "1.0", "1.0", false).iter().for_each(|it| state.observe(it));
    assert_eq!(running(&state, 300)["failing"].as_array().unwrap().len(), 0);
    state.observe(&unproven(400, "b", "docker/app"));
    assert_eq!(running(&state, 410)["failing"].as_array().unwrap().len(), 1);
}

/// Strangers cannot crowd out what nodes prove, nor fill the list.
#[test]
fn what_is_unproven_makes_room_for_what_is_proven() {
    let mut state = folded(&[]);
    let mut proven = request(at(0), "a", Method::Head, "1.0".parse().unwrap(), super::story::digest("1.0"));
    (proven.status, proven.digest) = (404, None);
    state.observe(&proven);
    for number in 0..5_000 {
        state.apply(&Event::Refused {
            last: unproven(1 + number, "x", &format!("made-up/{number}")),
            first_at: at(1 + number),
            count: 9,
        });
    }
    let answer = running(&state, 5_001);
    let failing = answer["failing"].as_array().unwrap();
    assert!(failing.len() <= 1_024);
    let all =
        state.environment(&environment()).unwrap().attempts().iter().map(|(_, all)| all.len()).sum::<usize>();
    assert!(all <= 1_024);
    assert!(state.environment(&environment()).unwrap().attempts().has(&"docker/app".parse().unwrap()));
}

#[test]
fn a_service_whose_token_was_revoked_says_since_when_its_nodes_are_refused() {
    let mut state = folded(&pull(at(0), "a", "1.0", "1.0", false));
    let refused = |seconds| {
        let mut head = pull(at(seconds), "a", "1.0", "1.0", true).remove(0);
        (head.status, head.digest) = (401, None);
        head
    };
    state.observe(&refused(7_200));
    state.apply(&Event::Refused { last: refused(7_500), first_at: at(7_260), count: 3 });
    let since = |state: &State, seconds| running(state, seconds)["services"][0].get("refused_since").cloned();
    let told = serde_json::to_value(at(7_200)).unwrap();
    assert_eq!(since(&state, 7_300), Some(told.clone()));
    assert_eq!(since(&state, 90_000), Some(told), "nobody has served them since");
    pull(at(90_000), "a", "1.0", "1.0", true).iter().for_each(|it| state.observe(it));
    assert_eq!(since(&state, 90_100), None);
    state.observe(&refused(100_000));
    assert_eq!(
        since(&state, 100_100),
        Some(serde_json::to_value(at(90_000)).unwrap()),
        "not before it was last seen"
    );
}
