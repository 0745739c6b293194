//! The world itself is right: its clients ask as real ones do, its truth is that of its pods, and its measure measures.

use std::collections::BTreeMap;

use super::family::Family;
use super::history::{History, Service};
use super::score::{Score, compare};
use super::truth::{Change, Kind};
use crate::model::agent::{Puller, puller};
use crate::model::event::{Method, Object};
use crate::model::time::{Span, Time};
use crate::wire::{Confidence, Kind as Told, Phase, ReplayedDeployment, ReplayedService};

fn histories() -> impl Iterator<Item = History> {
    Family::ALL.iter().map(|family| History::new(*family, 7))
}

/// The same seed makes the same history, or no failure could be looked into.
#[test]
fn a_history_is_its_seed() {
    for family in [Family::Kitchen, Family::Mirror, Family::Previews] {
        assert_eq!(History::new(family, 3).observations, History::new(family, 3).observations);
        assert_ne!(History::new(family, 3).observations, History::new(family, 4).observations);
    }
}

/// A node fetches no layer twice, unless a pull failed or caches were emptied with the node.
#[test]
fn nodes_fetch_what_they_lack() {
    let one_address = [Family::SharedAddress];
    for history in histories().filter(|history| !one_address.contains(&history.family)) {
        if history.services.iter().any(|service| !service.failures.is_empty()) {
            continue;
        }
        let mut fetched: BTreeMap<_, usize> = BTreeMap::new();
        for observation in &history.observations {
            let is_node = matches!(puller(observation.token_kind, &observation.agent), Puller::Node(_));
            let is_foreign = observation.client.starts_with("10.30.");
            let is_signature = observation.bytes == 240;
            if observation.object == Object::Blob && is_node && !is_foreign && !is_signature {
                let key = (
                    &observation.environment,
                    &observation.client,
                    &observation.repository,
                    observation.digest,
                );
                *fetched.entry(key).or_default() += 1;
            }
        }
        let twice = fetched.iter().find(|(_, count)| **count > 1);
        assert!(twice.is_none(), "{:?}: {twice:?}", history.family);
        assert!(!fetched.is_empty() || history.family == Family::Podman, "{:?}", history.family);
    }
}

/// A HEAD by a node comes before what it leads to, and CRI-O asks none.
#[test]
fn runtimes_ask_in_their_order() {
    for history in histories() {
        let mut asked: BTreeMap<_, usize> = BTreeMap::new();
        for observation in history.observations.iter().filter(|it| it.object == Object::Manifest) {
            let client = (&*observation.agent, &observation.client);
            let (containerd, crio) =
                (observation.agent.starts_with("containerd"), observation.agent.starts_with("cri-o"));
            match observation.method {
                Method::Head => {
                    assert!(!crio, "{:?}", history.family);
                    *asked.entry(client).or_default() += 1;
                }
                Method::Get => assert!(!containerd || asked.contains_key(&client), "{:?}", history.family),
            }
        }
    }
}

/// A finished change is what most pods run.
#[test]
fn the_truth_is_that_of_the_pods() {
    for history in histories() {
        for service in history.services.iter().filter(|service| !service.truth.is_many) {
            for change in service.truth.whole().filter(|change| change.finished_at < change.until) {
                let majority = service.truth.majority(change.finished_at + Span::from_secs(1));
                assert_eq!(majority, Some(change.image), "{:?} {}", history.family, change.started_at);
            }
            let whole = service.truth.whole();
            assert!(whole.filter(|change| change.is_observable).count() > 0, "{:?}", history.family);
        }
    }
}

fn told(service: &Service, change: &Change, started_at: Time) -> ReplayedDeployment {
    let kind = match change.kind_seen {
        Kind::Initial => Told::Initial,
        Kind::Rebuild => Told::Rebuild,
        Kind::Rollback => Told::Rollback,
        Kind::Restore => Told::Restore,
        Kind::Upgrade | Kind::Aborted | Kind::GivenUp | Kind::Beside => Told::Upgrade,
    };
    ReplayedDeployment {
        digest: service.images[change.image].digest(),
        version: None,
        from: None,
        kind,
        state: Phase::Settled,
        confidence: Confidence::Likely,
        started_at,
        settled_at: None,
        clients: 1,
        releases_reverted: Vec::new(),
        reason: String::new(),
    }
}

/// The truth, told as soon as it shows, is all right; what is left out or invented is not.
#[test]
fn the_truth_is_right_and_a_lie_is_not() {
    for history in histories() {
        for service in history.services.iter().filter(|service| !service.truth.is_many) {
            let required = || service.truth.whole().filter(|change| change.is_observable);
            let deployments: Vec<_> =
                required().map(|change| told(service, change, change.first.unwrap())).collect();
            let count = deployments.len();
            let scored = |deployments: Vec<ReplayedDeployment>| {
                let (mut score, mut mistakes) = (Score::default(), Vec::new());
                let answer = ReplayedService { deployments, ..ReplayedService::default() };
                compare(&history, service, Some(&answer), &mut score, &mut mistakes);
                (score, mistakes)
            };
            let (score, mistakes) = scored(deployments.clone());
            assert!(mistakes.is_empty(), "{mistakes:?}");
            assert_eq!((score.happened, score.found, score.reported_right), (count, count, count));
            let (score, mistakes) = scored(deployments[1..].to_vec());
            assert_eq!((score.found, mistakes.len()), (count - 1, 1));
            let never = history.start - Span::from_mins(600);
            let lie =
                ReplayedDeployment { started_at: never, kind: Told::Rollback, ..deployments[0].clone() };
            let (score, _) = scored(deployments.into_iter().chain([lie]).collect());
            assert_eq!((score.reported - score.reported_right, score.found), (1, count));
            assert!(score.rollbacks_reported > score.rollbacks_right);
        }
    }
}
