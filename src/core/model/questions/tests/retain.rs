//! Images that a registry must keep.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::cluster::Clusters;
use super::{DAY, after, digest, env, folded, pulled, repository};
use crate::model::act::{Action, Actor};
use crate::model::deployments::State;
use crate::model::event::{Event, Facts, Object, Observation, TokenKind};
use crate::model::oci::Digest;
use crate::model::questions::{ROLLBACK_TARGETS, retain};
use crate::wire::{Retained, RetainedImage};

/// The images of `web` that are kept at a time, each with its reasons: `v1.3 running production`.
fn kept(state: &State, minutes: i64) -> Vec<String> {
    let told = |image: &RetainedImage| {
        let reasons = image.reasons.iter().map(|reason| format!(" {} {}", reason.kind, reason.environment));
        let version = image.version.as_deref().unwrap_or("-");
        format!("{version}{}", reasons.collect::<String>())
    };
    listed(state, minutes).digests.iter().map(told).collect()
}

fn listed(state: &State, minutes: i64) -> Retained {
    retain(state, Some(&repository("web")), after(minutes))
}

fn digests(state: &State, minutes: i64) -> BTreeSet<Digest> {
    listed(state, minutes).digests.into_iter().map(|image| image.digest).collect()
}

#[test]
fn an_image_is_kept_while_it_runs_can_be_gone_back_to_or_was_pulled_lately() {
    let mut laptop = pulled("production", "web", 9, 50 * DAY);
    laptop.truncate(1);
    (laptop[0].token_kind, laptop[0].agent) = (TokenKind::Local, "docker/28.0".into());
    let mut scanner = pulled("production", "web", 8, 50 * DAY);
    scanner.iter_mut().for_each(|request| request.token_kind = TokenKind::Scanner);
    let state = folded([
        scanner,
        pulled("production", "web", 1, 0),
        pulled("production", "web", 2, 40 * DAY),
        pulled("staging", "web", 3, 45 * DAY),
        pulled("production", "pay", 4, 46 * DAY),
        laptop,
    ]);
    assert_eq!(
        kept(&state, 51 * DAY),
        [
            "v1.3 running staging pulled_recently staging",
            "v1.2 running production pulled_recently production",
            "v1.1 rollback_target production",
            "v1.9 pulled_recently production",
        ]
    );
    assert_eq!(
        kept(&state, 200 * DAY),
        ["v1.3 running staging", "v1.2 running production", "v1.1 rollback_target production"],
        "silence is no proof that nothing runs"
    );
    let told = listed(&state, 51 * DAY);
    assert_eq!((told.known_since, told.has_forgotten), (Some(after(0)), false));
    assert_eq!(told.digests[1].reasons[0].since, after(40 * DAY));
    let all = retain(&state, None, after(51 * DAY));
    assert!(all.digests.iter().any(|image| image.digest == digest("pay", 4)));
}

#[test]
fn a_canary_is_kept_beside_what_runs() {
    let mut canary = pulled("production", "web", 2, DAY);
    canary.truncate(1);
    let rack = |rack: usize| {
        let mut pulls = pulled("production", "web", 1, 0);
        pulls
            .iter_mut()
            .for_each(|pull| pull.client = pull.client.replace("10.0.0", &format!("10.0.{rack}")).into());
        pulls
    };
    let state = folded((0..5).map(rack).chain([canary]));
    let kept = kept(&state, DAY + 5);
    assert!(kept.iter().any(|image| image.starts_with("v1.1 running production")), "{kept:?}");
    assert!(kept.iter().any(|image| image.starts_with("v1.2 mixed production")), "{kept:?}");
}

#[test]
fn the_other_manifests_of_an_image_are_kept_with_it() {
    let [index, child] = [digest("web", 1), digest("web", 200)];
    let mut state = folded([pulled("production", "web", 1, 0)]);
    let facts = Facts::Index { children: vec![child], labels: BTreeMap::new() };
    state.apply(&Event::Learned { at: after(1), repository: repository("web"), digest: index, facts });
    let told = listed(&state, 60 * DAY);
    let kin = told.digests.iter().find(|image| image.digest == child).expect("the platform's manifest");
    assert_eq!((kin.kept_with, kin.reasons.len()), (Some(index), 1));
    assert_eq!(kin.reasons[0].kind.as_str(), "running");
}

#[test]
fn an_environment_is_known_by_its_name_of_today_and_a_deleted_one_keeps_nothing() {
    let mut state = folded([pulled("production", "web", 1, 0), pulled("staging", "web", 2, 1)]);
    let mut act = |action: Action| state.apply(&action.by(Actor::default(), after(10)));
    act(Action::EnvironmentRenamed { from: env("production"), to: env("live") });
    act(Action::EnvironmentDeleted { name: env("staging") });
    assert_eq!(kept(&state, 20), ["v1.1 running live pulled_recently live"]);
}

#[test]
fn a_removed_service_is_kept_for_a_month() {
    let mut told = Clusters::of(&["web"]);
    told.runs("production", "web", 0, &[(1, 3, 3)]);
    told.is_gone("production", "web", DAY);
    told.is_alive("production", 60 * DAY);
    assert_eq!(kept(&told.state, 2 * DAY), ["v1.1 rollback_target production"]);
    assert_eq!(kept(&told.state, 40 * DAY), [""; 0]);
}

#[test]
fn an_artifact_that_was_pulled_is_kept_too() {
    let mut signature = pulled("production", "web", 5, 1).remove(0);
    signature.reference = format!("sha256-{}.sig", "ab".repeat(32)).parse().unwrap();
    signature.object = Object::Manifest;
    let state = folded([pulled("production", "web", 1, 0), vec![signature]]);
    assert_eq!(digests(&state, 10), [digest("web", 1), digest("web", 5)].into());
}

proptest! {
    /// Nothing that is let go is asked for again: by a rollback to one of the latest images, or within a month of its last pull.
    #[test]
    fn nothing_is_let_go_that_is_asked_for_later(
        steps in prop::collection::vec((1_i64..25, prop::option::of(1_usize..=ROLLBACK_TARGETS)), 1..40),
    ) {
        let mut state = folded([]);
        // Images in the order in which each was current last, and when each was pulled last.
        let (mut ran, mut pulls) = (Vec::<u8>::new(), BTreeMap::<u8, i64>::new());
        let (mut now, mut newest) = (0, 0_u8);
        for (days, back) in steps {
            let before = now + days * DAY - 1;
            let target = back.and_then(|back| ran.iter().rev().nth(back).copied());
            let let_go: Vec<u8> = {
                let kept = digests(&state, before);
                ran.iter().copied().filter(|image| !kept.contains(&digest("web", *image))).collect()
            };
            let image = target.unwrap_or(newest);
            prop_assert!(!let_go.contains(&image), "{image} is asked for, {let_go:?} are let go, of {ran:?}");
            for gone in &let_go {
                prop_assert!(before - pulls[gone] > 30 * DAY, "{gone} was pulled within a month");
            }
            let most = ROLLBACK_TARGETS + 1;
            prop_assert_eq!(let_go.len().min(ran.len().saturating_sub(most)), let_go.len(), "as many as may go");
            now += days * DAY;
            let observations: Vec<Observation> = pulled("production", "web", image, now);
            observations.into_iter().for_each(|observation| state.apply(&Event::Observed(observation)));
            ran.retain(|other| *other != image);
            ran.push(image);
            pulls.insert(image, now);
            newest += u8::from(target.is_none());
        }
    }
}
