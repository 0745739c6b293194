//! Properties of any history. The generator shrinks, so a failure is a short story.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::story::{self, answer, at, folded, node, pull, request};
use crate::model::deployments::State;
use crate::model::deployments::environment::EnvironmentState;
use crate::model::deployments::rollouts::Rollouts;
use crate::model::deployments::service::Service;
use crate::model::event::{Method, Object, Observation, TokenKind};
use crate::model::oci::{Digest, Reference};
use crate::model::questions;
use crate::model::time::{Span, Time};

/// One thing that happens in a cluster.
#[derive(Clone, Debug)]
pub(super) enum Scene {
    /// Nodes come to a release, one after the other.
    Rollout { version: u8, nodes: u8, pace_s: i64 },
    /// A node asks for what it has.
    Check { version: u8, node: u8 },
    /// A node pulls a release.
    Pull { version: u8, node: u8 },
    /// A node fails to pull.
    Fail { version: u8, node: u8 },
    /// Nothing.
    Wait { s: i64 },
}

pub(super) fn scene() -> impl Strategy<Value = Scene> {
    let (version, node) = (0..5_u8, 0..8_u8);
    prop_oneof![
        4 => (version.clone(), 1..9_u8, prop_oneof![0..2_i64, 1..200_i64])
            .prop_map(|(version, nodes, pace_s)| Scene::Rollout { version, nodes, pace_s }),
        1 => (version.clone(), node.clone()).prop_map(|(version, node)| Scene::Check { version, node }),
        1 => (version.clone(), node.clone()).prop_map(|(version, node)| Scene::Pull { version, node }),
        1 => (version, node).prop_map(|(version, node)| Scene::Fail { version, node }),
        4 => (1..20_000_i64).prop_map(|s| Scene::Wait { s }),
    ]
}

fn name(version: u8) -> String {
    format!("1.{version}")
}

/// Plays the scenes; returns what was observed and the time at the end.
pub(super) fn played(scenes: &[Scene]) -> (Vec<Observation>, Time) {
    let mut clock = 0;
    let mut observations = Vec::new();
    for scene in scenes {
        match scene {
            Scene::Rollout { version, nodes, pace_s } => {
                for number in 0..*nodes {
                    observations.extend(pull(
                        at(clock),
                        &node(number),
                        &name(*version),
                        &name(*version),
                        false,
                    ));
                    clock += pace_s;
                }
            }
            Scene::Check { version, node: number } => {
                observations.extend(pull(at(clock), &node(*number), &name(*version), &name(*version), true));
            }
            Scene::Pull { version, node: number } => {
                observations.extend(pull(at(clock), &node(*number), &name(*version), &name(*version), false));
            }
            Scene::Fail { version, node: number } => {
                let mut requests = pull(at(clock), &node(*number), &name(*version), &name(*version), false);
                requests.truncate(2);
                (requests[1].status, requests[1].digest) = (500, None);
                observations.extend(requests);
            }
            Scene::Wait { s } => clock += s,
        }
        clock += 1;
    }
    (observations, at(clock))
}

/// Requests that speak for nothing.
fn presence() -> impl Strategy<Value = (Index, u8, u8, u8)> {
    (any::<Index>(), 0..4_u8, 0..5_u8, 0..8_u8)
}

fn noise(at: Time, kind: u8, version: u8, number: u8) -> Vec<Observation> {
    let mut requests = pull(at, &node(number), &name(version), &name(version), false);
    for request in &mut requests {
        match kind {
            0 => request.agent = story::SCANNER.into(),
            1 => request.agent = story::LAPTOP.into(),
            2 => request.token_kind = TokenKind::Scanner,
            _ => request.token_kind = TokenKind::Local,
        }
    }
    requests
}

/// Ways in which a node gets an image.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It holds it.
    Check,
    /// At once.
    Pull,
    /// Its layer comes so many milliseconds later …
    Slow(i64),
    /// … or is refused then.
    Breaks(i64),
}

/// A pull in a crowd, and how late each of its requests is logged. It stands for itself: without it the others stay
/// as they are, so that what fails shrinks to a short story.
#[derive(Clone, Copy, Debug)]
struct Asks {
    at_ms: i64,
    node: u8,
    version: u8,
    way: Way,
    late_ms: [i64; 3],
}

/// Pulls within seconds of each other. Some begin when others are about to be complete: there an order that is not that
/// of the times, or a pull that ends too soon, shows.
fn crowd() -> impl Strategy<Value = Vec<Asks>> {
    let late = prop_oneof![2 => 57_000..64_000_i64, 1 => 64_000..890_000_i64];
    let way = prop_oneof![
        2 => Just(Way::Pull),
        1 => Just(Way::Check),
        1 => late.clone().prop_map(Way::Slow),
        1 => late.prop_map(Way::Breaks),
    ];
    let at_ms = prop_oneof![3 => 0..4_000_i64, 3 => 59_000..65_000_i64, 1 => 0..150_000_i64];
    let late_ms = prop::array::uniform3(0..2_000_i64);
    let asks = (at_ms, 0..8_u8, 0..3_u8, way, late_ms)
        .prop_map(|(at_ms, node, version, way, late_ms)| Asks { at_ms, node, version, way, late_ms });
    vec(asks, 2..20)
}

/// The requests of a node that gets an image that way.
fn asked(start: Time, asks: &Asks) -> Vec<(Observation, i64)> {
    let Asks { at_ms, node: number, version, way, late_ms } = *asks;
    let time = start + Span::from_ms(at_ms);
    let held = matches!(way, Way::Check);
    let mut requests = pull(time, &node(number), &name(version), &name(version), held);
    if let (Way::Slow(ms) | Way::Breaks(ms), Some(layer)) = (way, requests.get_mut(2)) {
        layer.at = time + Span::from_ms(ms);
        if let Way::Breaks(_) = way {
            (layer.status, layer.digest) = (502, None);
        }
    }
    requests.into_iter().zip(late_ms).collect()
}

/// The same observations as they are logged late by `delays`, in milliseconds.
fn delayed(observations: &[Observation], delays: &[i64]) -> Vec<Observation> {
    let mut late: Vec<(i64, Observation)> = observations
        .iter()
        .zip(delays.iter().cycle())
        .map(|(observation, delay)| (observation.at.ms() + delay, observation.clone()))
        .collect();
    // A node's own requests stay in order: it asks for the next thing when it has the last.
    let mut of_node = std::collections::BTreeMap::new();
    for (logged_at, observation) in &mut late {
        let last = of_node.entry(observation.client.clone()).or_insert(i64::MIN);
        *logged_at = (*logged_at).max(*last);
        *last = *logged_at;
    }
    late.sort_by_key(|(logged_at, _)| *logged_at);
    late.into_iter().map(|(_, observation)| observation).collect()
}

fn services(state: &State, now: Time) -> serde_json::Value {
    answer(state, now)["services"].clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 16_384, ..ProptestConfig::default() })]

    #[test]
    fn whole_rollouts_that_settle_are_told_as_they_were(
        versions in vec(0..5_u8, 1..7), nodes in 1..9_u8, pace_s in 1..90_i64,
    ) {
        let scenes: Vec<Scene> = versions
            .iter()
            .flat_map(|&version| [Scene::Rollout { version, nodes, pace_s }, Scene::Wait { s: 7200 }])
            .collect();
        let (observations, end) = played(&scenes);
        let mut expected = versions.clone();
        expected.dedup();
        let answer = answer(&folded(&observations), end);
        let deployments = answer["services"]["docker/app"]["deployments"].as_array().unwrap().clone();
        let shown: Vec<String> = deployments.iter().map(|d| d["version"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(shown, expected.iter().map(|&version| name(version)).collect::<Vec<_>>());
        prop_assert!(deployments.iter().all(|d| d["state"] == "settled"));
        for (deployment, pair) in deployments[1..].iter().zip(expected.windows(2)) {
            prop_assert_eq!(deployment["kind"] == "rollback", pair[1] < pair[0]);
        }
    }

    #[test]
    fn presence_changes_no_deployment(scenes in vec(scene(), 1..14), extra in vec(presence(), 1..12)) {
        let (observations, end) = played(&scenes);
        prop_assume!(!observations.is_empty());
        let mut more = observations.clone();
        for (place, kind, version, number) in extra {
            let place = place.index(more.len());
            let time = more[place].at;
            more.splice(place..place, noise(time, kind, version, number));
        }
        prop_assert_eq!(services(&folded(&observations), end), services(&folded(&more), end));
    }

    #[test]
    fn jitter_changes_no_answer(scenes in vec(scene(), 1..14), delays in vec(0..2_000_i64, 1..40)) {
        let (observations, end) = played(&scenes);
        let late = delayed(&observations, &delays);
        let end = end + Span::from_mins(120);
        prop_assert_eq!(services(&folded(&observations), end), services(&folded(&late), end));
    }

    /// Many nodes ask for several images within the same seconds: here an order that is not that of the times shows.
    #[test]
    fn jitter_in_a_crowd_changes_no_answer(crowds in vec(crowd(), 1..4)) {
        let crowds = crowds.iter().enumerate();
        let start = |place: usize| at(5_000 * i64::try_from(place).unwrap());
        let end = start(crowds.len());
        let of_crowd = |(place, crowd): (usize, &Vec<Asks>)| -> Vec<_> {
            crowd.iter().flat_map(|asks| asked(start(place), asks)).collect()
        };
        let mut asked: Vec<(Observation, i64)> = crowds.flat_map(of_crowd).collect();
        asked.sort_by_key(|(observation, _)| observation.at);
        let (observations, delays): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        // As evidence too: which pulls, by whom, in which order.
        let shown = |state: &State| {
            let timeline = questions::timeline(state, &story::environment(), end, 1_000, None);
            let evidence = timeline.deployments.iter().map(|it| questions::evidence(state, &it.id, end));
            (services(state, end), serde_json::to_value(evidence.collect::<Vec<_>>()).unwrap())
        };
        let late = delayed(&observations, &delays);
        prop_assert_eq!(shown(&folded(&observations)), shown(&folded(&late)));
    }

    /// A page, and one deployment by its identifier, are cut from the whole and are the same.
    #[test]
    fn pages_make_the_whole(scenes in vec(scene(), 1..40), limit in 1..5_usize) {
        let (mut observations, end) = played(&scenes);
        // A second service goes along, a little later: two changes to a deployment.
        let along = observations.clone().into_iter().map(|observation| Observation {
            at: observation.at + Span::from_secs(90),
            repository: "docker/web".parse().unwrap(),
            ..observation
        });
        observations.extend(along.collect::<Vec<_>>());
        observations.sort_by_key(|observation| observation.at);
        let state = folded(&observations);
        let env = story::environment();
        for (name, service) in state.environment(&env).into_iter().flat_map(EnvironmentState::services) {
            let is_in_order = |line: &Rollouts| line.past().map(|past| past.ended_at).is_sorted();
            prop_assert!(service.lines().all(is_in_order), "{name:?}");
        }
        let whole = questions::timeline(&state, &env, end, usize::MAX, None);
        prop_assert_eq!(&whole.next, &None);
        let mut pages = Vec::new();
        let mut before: Option<String> = None;
        loop {
            let page = questions::timeline(&state, &env, end, limit, before.as_deref());
            prop_assert!(page.deployments.len() <= limit);
            pages.extend(page.deployments);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        prop_assert_eq!(&pages, &whole.deployments);
        for deployment in pages {
            prop_assert_eq!(questions::deployment(&state, &deployment.id, end), Some(deployment));
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_make_the_whole(scenes in vec(scene(), 1..14), cut in any::<Index>()) {
        let (observations, end) = played(&scenes);
        prop_assume!(!observations.is_empty());
        let (before, after) = observations.split_at(cut.index(observations.len()));
        let bytes = postcard::to_stdvec(&folded(before)).unwrap();
        let mut state: State = postcard::from_bytes(&bytes).unwrap();
        for observation in after {
            state.observe(observation);
        }
        prop_assert_eq!(answer(&state, end), answer(&folded(&observations), end));
    }

    #[test]
    fn what_is_asked_does_not_change_what_is_known(scenes in vec(scene(), 1..10), ask in vec(any::<Index>(), 1..6)) {
        let (observations, end) = played(&scenes);
        prop_assume!(!observations.is_empty());
        let mut state = folded(&[]);
        let asked: Vec<usize> = ask.iter().map(|index| index.index(observations.len())).collect();
        for (place, observation) in observations.iter().enumerate() {
            state.observe(observation);
            if asked.contains(&place) {
                let view = state.clone();
                let then = answer(&view, observation.at);
                prop_assert_eq!(&then, &answer(&folded(&observations[..=place]), observation.at));
            }
        }
        prop_assert_eq!(answer(&state, end), answer(&folded(&observations), end));
    }

    #[test]
    fn no_input_panics_and_failures_never_deploy(requests in vec(any_request(), 1..60)) {
        let state = folded(&requests);
        let last = requests.iter().map(|request| request.at).max().unwrap();
        let answer = answer(&state, last + Span::from_mins(60));
        let worked: Vec<String> = requests
            .iter()
            .filter(|request| (200..300).contains(&request.status))
            .flat_map(|request| [request.digest, request.parent])
            .flatten()
            .map(|digest| digest.to_string())
            .collect();
        let deployments = answer["services"]["docker/app"]["deployments"].as_array().cloned().unwrap_or_default();
        for deployment in deployments {
            prop_assert!(worked.contains(&deployment["digest"].as_str().unwrap().to_owned()));
        }
    }
}

fn any_request() -> impl Strategy<Value = Observation> {
    let content = (0..6_u8).prop_map(|number| Digest::of(&[number]));
    let what =
        (content.clone(), prop::option::of(content.clone()), any::<bool>(), any::<bool>(), any::<bool>());
    let who =
        (0..4_u8, prop_oneof![Just(story::CONTAINERD), Just(story::LAPTOP), Just("cri-o/1.31"), Just("")]);
    let status =
        prop_oneof![6 => Just(200_u16), 1 => Just(206), 1 => Just(404), 1 => Just(502), 1 => any::<u16>()];
    let time = prop_oneof![8 => -5_000..200_000_i64, 1 => any::<i64>()];
    (what, who, status, time).prop_map(
        |((digest, parent, head, blob, by_tag), (number, agent), status, ms)| {
            let method = if head { Method::Head } else { Method::Get };
            let reference = if by_tag && !blob { "v1".parse().unwrap() } else { Reference::Digest(digest) };
            let mut observation = request(Time::from_ms(ms), &node(number), method, reference, digest);
            observation.agent = agent.into();
            observation.status = status;
            observation.digest = (200..400).contains(&status).then_some(digest);
            observation.parent = parent.filter(|parent| *parent != digest);
            if blob {
                observation.object = Object::Blob;
            }
            observation
        },
    )
}

fn only_service(state: &State) -> Service {
    let (_, environment) = state.environments().next().unwrap();
    environment.services().next().unwrap().1.clone()
}

#[test]
fn nodes_are_forgotten_beyond_the_bound_and_a_counter_says_so() {
    let mut state = folded(&[]);
    for number in 0..24_000_i64 {
        let client = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
        let observations = pull(at(number * 90), &client, "1.0", "1.0", false);
        observations.iter().for_each(|observation| state.observe(observation));
    }
    let remembered = only_service(&state).nodes_remembered();
    assert!(remembered <= 16_384, "{remembered}");
    assert_eq!(remembered as u64 + state.forgotten().nodes, 24_000);
}

#[test]
fn deployments_are_forgotten_beyond_the_bound() {
    let mut state = folded(&[]);
    for number in 0..4_200_i64 {
        let version = format!("1.{number}");
        let observations = pull(at(number * 7_200), "10.0.0.1", &version, &version, false);
        observations.iter().for_each(|observation| state.observe(observation));
    }
    assert_eq!(only_service(&state).past().count(), 4_096);
}
