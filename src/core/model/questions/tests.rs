//! Answers to the questions of the dashboard's pages, from short histories of pulls.

mod absent;
mod cluster;
mod look;
mod measures;
mod pods;
mod retain;
mod silent;
mod troubles;
mod withdrawn;

use proptest::prelude::*;

use super::{
    Confidence, Kind, Mark, Phase, SPARK_DAYS, Standing, detailed_timeline, latest, overview, running, seen,
    timeline, trace,
};
use crate::model::deployments::{Rules, State};
use crate::model::event::{EnvironmentName, Event, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Catalogue, Registration};
use crate::model::time::{Span, Time};
use crate::model::words::word;
use crate::wire::{self, Seen};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const START: Time = Time::from_ms(1_772_431_200_000);

fn env(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

fn repository(name: &str) -> Repository {
    format!("shop/{name}").parse().unwrap()
}

fn digest(service: &str, version: u8) -> Digest {
    Digest::of(format!("{service} {version}").as_bytes())
}

/// Three nodes of `environment` ask for a version, `minutes` after the start.
fn pulled(environment: &str, service: &str, version: u8, minutes: i64) -> Vec<Observation> {
    let node = |node: i64| Observation {
        at: START + Span::from_mins(minutes) + Span::from_secs(node * 20),
        environment: env(environment),
        token: TokenId::new("tok_1"),
        token_kind: TokenKind::Cluster,
        client: format!("10.0.0.{node}").into(),
        agent: "containerd/v1.7.22".into(),
        method: Method::Head,
        repository: repository(service),
        reference: format!("v1.{version}").parse().unwrap(),
        digest: Some(digest(service, version)),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    };
    (0..3).map(node).collect()
}

/// Versions 1.0 to 1.9 of both services, each made a day after the one before.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (service, version) in
        ["web", "pay"].into_iter().flat_map(|it| (0..10).map(move |version| (it, version)))
    {
        let made = START + Span::from_mins(i64::from(version) * DAY);
        let told = Registration {
            digests: vec![digest(service, version)],
            created_at: Some(made),
            ..Registration::named(repository(service), format!("v1.{version}"))
        };
        catalogue.add(&told, made);
    }
    catalogue
}

fn folded(pulls: impl IntoIterator<Item = Vec<Observation>>) -> State {
    let mut state = State::new(Rules::default());
    state.set_catalogue(catalogue());
    let mut observations: Vec<_> = pulls.into_iter().flatten().collect();
    observations.sort_by_key(|observation| observation.at);
    for observation in observations {
        state.apply(&Event::Observed(observation));
    }
    state
}

fn after(minutes: i64) -> Time {
    START + Span::from_mins(minutes)
}

#[test]
fn the_matrix_marks_who_is_ahead_and_by_how_much_the_others_are_behind() {
    let state = folded([
        pulled("staging", "web", 4, 0),
        pulled("production", "web", 2, 1),
        pulled("staging", "pay", 1, 2),
        pulled("production", "pay", 1, 3),
        pulled("canary", "web", 4, 4),
    ]);
    let names = ["canary", "production", "staging"].map(env);
    let seen = overview(&state, &names, after(DAY));
    let marks = |row: usize| {
        seen.rows[row].cells.iter().map(|cell| cell.as_ref().map(|it| it.mark)).collect::<Vec<_>>()
    };
    assert_eq!(seen.rows[0].repository, repository("pay"));
    assert_eq!(marks(0), [None, Some(Mark::Level), Some(Mark::Level)]);
    assert!(seen.rows[0].is_level && !seen.rows[1].is_level);
    assert_eq!(marks(1), [Some(Mark::Ahead), Some(Mark::Behind(2)), Some(Mark::Ahead)]);
    assert_eq!(&*seen.rows[1].cells[1].as_ref().unwrap().label, "v1.2");
}

#[test]
fn an_answer_says_how_old_it_is_and_what_silence_hides() {
    let once = pulled("production", "web", 1, 0);
    let again: Vec<_> = pulled("production", "web", 1, 60).into_iter().take(1).collect();
    let seen = |pulls: &[&Vec<Observation>], minutes| {
        let state = folded(pulls.iter().map(|pulls| (*pulls).clone()));
        running(&state, &env("production"), after(minutes)).services[0].seen.clone()
    };
    let fresh = seen(&[&once], 10);
    assert_eq!((fresh.last_seen_at, fresh.age_s), (once[2].at, 560));
    assert_eq!(fresh.unconfirmed_since, None, "within the settle time");
    let state = folded([once.clone()]);
    let last = running(&state, &env("production"), once[2].at + Span::from_mins(10)).services.remove(0);
    assert_eq!((last.seen.age_s, last.seen.unconfirmed_since), (600, None), "the settle time is over then");
    assert!(
        fresh.caveat.unwrap().contains("a rollback to an image that the nodes still have would not show")
    );
    let old = seen(&[&once], 11);
    assert_eq!((old.age_s, old.unconfirmed_since), (620, Some(once[2].at)));
    // A node that asks although it holds the image would ask for another one, too.
    let heard = seen(&[&once, &again], 71);
    assert_eq!((heard.age_s, heard.unconfirmed_since), (660, Some(again[0].at)));
    assert!(heard.caveat.unwrap().contains("a rollback would likely show"));
    // A past question counts from then.
    assert_eq!(seen(&[&once, &again], 65).age_s, 300);
}

#[test]
fn an_answer_that_rests_on_several_services_is_as_old_as_the_oldest() {
    let mut pulls = vec![pulled("production", "web", 1, 0), pulled("production", "pay", 1, 300)];
    pulls.push(pulled("production", "pay", 1, 310));
    let state = folded(pulls);
    let services = running(&state, &env("production"), after(315)).services;
    let together = seen::together(services.iter().map(|service| &service.seen)).unwrap();
    assert_eq!(together.unconfirmed_since, Some(together.last_seen_at), "pay was seen, web was not");
    assert_eq!(together, services[1].seen);
    assert_eq!(services[0].seen.unconfirmed_since, None);
    assert_ne!(services[0].seen.caveat, services[1].seen.caveat);
    // Starts of pay would be heard of, and those of web would not: the caveat is web's.
    let older = Seen { age_s: 0, last_seen_at: after(0), ..services[0].seen.clone() };
    let together = seen::together([&older, &services[1].seen].into_iter()).unwrap();
    assert_eq!((together.last_seen_at, together.caveat), (after(0), services[1].seen.caveat.clone()));
}

#[test]
fn a_card_tells_the_latest_deployment_and_the_last_days() {
    let state = folded([
        pulled("production", "web", 0, 0),
        pulled("production", "web", 3, 3 * DAY),
        pulled("production", "pay", 0, 3 * DAY + 3),
        pulled("production", "web", 2, 4 * DAY),
    ]);
    let seen = overview(&state, [&env("production")], after(4 * DAY + HOUR));
    let summary = &seen.environments[0];
    assert_eq!((summary.services, summary.state, summary.failing), (2, Some(Phase::Settled), 0));
    let latest = summary.latest.as_ref().unwrap();
    assert_eq!((latest.kind, latest.nodes, latest.more), (Kind::Rollback, 3, 0));
    assert_eq!(latest.changes[0].reverted.len(), 1);
    assert_eq!(latest.curve.as_ref().unwrap().points.len(), 3);
    assert_eq!(summary.spark.iter().sum::<u32>(), 4);
    assert_eq!((summary.spark[SPARK_DAYS - 1], summary.spark[SPARK_DAYS - 2]), (1, 2));
    assert_eq!(overview(&state, [&env("none")], after(DAY)).environments[0].latest, None);
}

#[test]
fn a_story_has_the_rollout_and_the_pulls_behind_each_change() {
    let state = folded([pulled("production", "web", 0, 0), pulled("production", "web", 1, DAY)]);
    let page = detailed_timeline(&state, &env("production"), after(2 * DAY), 1, None);
    let detailed = &page.deployments[0];
    assert_eq!(detailed.deployment.changes[0].kind, wire::Kind::Upgrade);
    let counts: Vec<u32> = detailed.curves[0].points.iter().map(|(_, nodes)| *nodes).collect();
    assert_eq!(counts, [1, 2, 3]);
    assert_eq!(detailed.curves[0].took, Span::from_secs(40));
    assert_eq!(detailed.evidence[0].pulls.len(), 3);
    let next = super::detailed_timeline(&state, &env("production"), after(2 * DAY), 9, page.next.as_deref());
    assert_eq!(next.deployments.len(), 1);
}

#[test]
fn a_release_is_traced_to_where_it_is_live_and_where_it_was_rolled_back() {
    let state = folded([
        pulled("staging", "web", 1, 0),
        pulled("staging", "web", 3, DAY),
        pulled("production", "web", 1, 0),
        pulled("production", "web", 2, DAY),
        pulled("production", "web", 1, 2 * DAY),
        pulled("canary", "web", 2, DAY),
        pulled("old", "web", 0, DAY),
    ]);
    let release = state.catalogue().of(&repository("web"))[2].clone();
    let trace = trace(&state, &release, after(3 * DAY));
    let told: Vec<_> = trace
        .stays
        .iter()
        .map(|stay| {
            (stay.environment.as_str(), stay.state, stay.is_itself, stay.since.map(|at| at.since(START)))
        })
        .collect();
    let day = |days| Some(Span::from_mins(days * DAY));
    assert_eq!(
        told,
        [
            ("canary", Standing::Live, true, day(1)),
            ("old", Standing::NotLive, false, None),
            ("production", Standing::RolledBack, false, day(2)),
            ("staging", Standing::Live, false, day(1)),
        ]
    );
}

proptest! {
    #[test]
    fn the_latest_deployment_of_a_card_is_the_first_of_the_timeline(
        pulls in prop::collection::vec((0..2_usize, 0..4_u8, 0..40_i64), 1..14),
        asked in 0..60_i64,
    ) {
        let mut minutes = 0;
        let told = pulls.into_iter().map(|(service, version, pause)| {
            minutes += pause;
            pulled("production", ["web", "pay"][service], version, minutes)
        });
        let told: Vec<_> = told.collect();
        let state = folded(told);
        let (name, now) = (env("production"), after(minutes + asked));
        let card = latest(&state, &name, now);
        let first = timeline(&state, &name, now, 1, None).deployments.into_iter().next();
        let of_card = card.map(|it| (it.id, it.kind.into(), it.state.into(), it.changes));
        let of_timeline = first.map(|it| (it.id, it.kind, it.state, it.changes));
        prop_assert_eq!(of_card, of_timeline);
    }
}

#[test]
fn states_and_confidences_have_a_word() {
    let phases = [
        Phase::RollingOut,
        Phase::Settled,
        Phase::Mixed,
        Phase::Aborted,
        Phase::Removed,
        Phase::ScaledToZero,
    ];
    let phases = phases.map(|phase| wire::Phase::from(phase).to_string());
    let confidences = [Confidence::Tentative, Confidence::Likely, Confidence::Confirmed];
    let confidences = confidences.map(|confidence| wire::Confidence::from(confidence).to_string());
    for name in phases.into_iter().chain(confidences) {
        assert!(word(&name).is_some(), "{name}");
    }
}
