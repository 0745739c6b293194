//! The seam between sources of evidence and the rules: whatever speaks in sightings is decided by the same rules.

use std::iter;

use proptest::collection::vec;
use proptest::prelude::*;

use super::properties::{played, scene};
use super::story::{answer, at, digest, environment, folded, observations};
use crate::model::deployments::images::Images;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollouts::{Facts, Rollouts};
use crate::model::deployments::sighting::{Grade, Shows, Sighting};
use crate::model::questions;
use crate::model::time::Span;

const FACTS: Facts<'static> =
    Facts { name: "production\0docker/app", is_prepulled: false, settle: Span::from_mins(10) };

fn sighting(seconds: i64, place: &str, version: &str, shows: Shows) -> Sighting {
    let mut before = Images::default();
    if let Shows::Presence { last_at } = shows {
        before.add(digest(version), Some(last_at));
    }
    Sighting {
        place: place.into(),
        agent: None,
        digest: digest(version),
        at: at(seconds),
        tag: None,
        grade: Grade::Pull,
        shows,
        tried_since: None,
        starts: 1,
        is_shared: false,
        before,
    }
}

fn taken(sightings: impl IntoIterator<Item = Sighting>) -> Rollouts {
    let mut rollouts = Rollouts::default();
    sightings.into_iter().for_each(|sighting| rollouts.take(&sighting, iter::empty(), FACTS));
    rollouts
}

const WORKLOADS: [&str; 4] =
    ["shop/deployment/web", "shop/deployment/worker", "shop/cronjob/report", "shop/job/migrate"];

/// A source without requests: four workloads that are seen at `version`, one after the other.
fn workloads_at(version: &'static str, from: i64) -> impl Iterator<Item = Sighting> {
    (0..).zip(WORKLOADS).map(move |(number, name)| sighting(from + number * 20, name, version, Shows::Change))
}

#[test]
fn workloads_of_a_service_are_decided_as_nodes_are() {
    let rollouts = taken(workloads_at("1.0", 0).chain(workloads_at("1.1", 7_200)));
    let current = rollouts.current.as_ref().unwrap();
    assert_eq!((current.rollout.digest, current.rollout.nodes), (digest("1.1"), 4));
    let past: Vec<_> = rollouts.history.iter().map(|past| (past.rollout.digest, past.outcome)).collect();
    assert_eq!(past, [(digest("1.0"), Outcome::Replaced)]);
    let places: Vec<&str> = current.rollout.evidence.iter().map(|item| &*item.place).collect();
    assert_eq!(places, WORKLOADS);
}

#[test]
fn arrivals_are_those_since_a_rollout_opened() {
    let presence = |last| Shows::Presence { last_at: at(last) };
    for (shows, is_shared, arrivals) in [
        (Shows::Change, false, 1),
        (presence(99), false, 1),
        (presence(100), false, 0),
        (Shows::Change, true, 3),
        (presence(100), true, 3),
        (Shows::Absence, false, 0),
        (Shows::Absence, true, 0),
    ] {
        let sighting = Sighting { is_shared, starts: 3, ..sighting(200, "a", "1.0", shows) };
        assert_eq!(sighting.arrivals(at(100)), arrivals, "{shows:?}, {is_shared}");
    }
}

#[test]
fn no_rule_of_pulls_reads_an_absence() {
    let absences = || WORKLOADS.map(|name| sighting(9_000, name, "1.1", Shows::Absence));
    for before in [vec![], workloads_at("1.0", 0).collect(), workloads_at("1.1", 0).collect()] {
        let without = postcard::to_stdvec(&taken(before.clone())).unwrap();
        let with = postcard::to_stdvec(&taken(before.into_iter().chain(absences()))).unwrap();
        assert_eq!(with, without);
    }
}

#[test]
fn evidence_names_its_source() {
    let state = folded(&observations("0:00 a b c pull 1.0\n 2:00:00 a check 1.0"));
    let now = at(10_000);
    let timeline = questions::timeline(&state, &environment(), now, 1, None);
    let evidence = questions::evidence(&state, &timeline.deployments[0].id, now).unwrap();
    let evidence = serde_json::to_value(evidence).unwrap();
    let items = evidence["changes"][0]["pulls"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    assert!(items.iter().all(|item| item["source"] == "pull"), "{items:?}");
}

proptest! {
    /// Pulls cannot show that nothing runs, nor what runs for certain.
    #[test]
    fn pulls_alone_claim_neither_that_something_is_removed_nor_confirmed(scenes in vec(scene(), 1..12)) {
        let (observations, now) = played(&scenes);
        let answer = answer(&folded(&observations), now).to_string();
        prop_assert!(!answer.contains("\"removed\"") && !answer.contains("\"confirmed\""), "{}", answer);
    }
}
