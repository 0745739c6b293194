//! The course of a plan: seen, settled, and the sightings that speak against it.

use std::ops::RangeInclusive;

use super::{Story, digest};
use crate::model::act::Action;
use crate::model::event::Event;
use crate::model::report::StatementLine;
use crate::model::time::Span;
use crate::wire::{Deploy, DeployState};

#[test]
fn a_plan_is_followed_from_its_first_pull_until_it_settles() {
    let mut story = Story::new();
    story.rolls_out("v1.0.0");
    let planned = story.planned("v1.1.0");
    story.act(Action::DeployPlanned(Box::new(planned)));
    assert_eq!(story.followed().state, DeployState::Planned);
    story.now = story.now + Span::from_mins(31);
    let late = story.followed();
    assert_eq!(late.state, DeployState::NotSeen);
    assert!(late.causes[0].contains("were not run"), "{:?}", late.causes);

    let before = story.now;
    story.rolls_out("v1.1.0");
    let settled = story.followed();
    assert_eq!(settled.state, DeployState::Settled);
    assert!(settled.observed_at > Some(before) && settled.settled_at > settled.observed_at);
    assert!(settled.deployment_id.unwrap().starts_with("dep_"));
    story.now = before + Span::from_secs(20);
    assert_eq!(story.followed().state, DeployState::Observed);
}

#[test]
fn a_plan_is_under_way_from_its_begin_to_its_end_or_until_its_server_must_be_dead() {
    let mut story = Story::new();
    story.rolls_out("v1.0.0");
    let planned = story.planned("v1.1.0");
    let (id, environment) = (planned.id.clone(), planned.environment.clone());
    let under_way = |story: &Story, seconds| {
        story.deploys.under_way(&environment, story.now + Span::from_secs(seconds)).is_some()
    };
    let begun = || Action::DeployBegun { id: id.clone(), environment: environment.clone() };
    let stopped = Action::DeployInterrupted {
        id: id.clone(),
        environment: environment.clone(),
        applied: Vec::new(),
        not_applied: Vec::new(),
        why: "no".to_owned(),
    };
    let applied =
        Action::DeployApplied { id: id.clone(), environment: environment.clone(), workloads: Vec::new() };
    story.act(Action::DeployPlanned(Box::new(planned)));
    assert!(!under_way(&story, 0), "it is only planned");
    for end in [stopped, applied] {
        story.act(begun());
        assert!(under_way(&story, 179));
        assert!(!under_way(&story, 180), "its server is dead by then");
        assert!(story.deploys.under_way(&"elsewhere".parse().unwrap(), story.now).is_none());
        story.act(end);
        assert!(!under_way(&story, 0), "its end is written down");
    }
}

/// A deploy of v1.1.0 to these of ten nodes that had v1.0.0.
fn deployed(nodes: RangeInclusive<u8>) -> Story {
    let mut story = Story::new();
    story.pulled("v1.0.0", 1..=10);
    story.now = story.now + Span::from_mins(30);
    let planned = story.planned("v1.1.0");
    story.act(Action::DeployPlanned(Box::new(planned)));
    story.pulled("v1.1.0", nodes);
    story
}

/// The same half an hour after what is pulled then.
fn deployed_and(then: impl FnOnce(&mut Story)) -> Deploy {
    let mut story = deployed(1..=8);
    then(&mut story);
    story.now = story.now + Span::from_mins(30);
    story.followed()
}

#[test]
fn a_deploy_is_settled_only_while_no_other_image_was_seen_after_it() {
    let settled = deployed_and(|_| ());
    assert_eq!((settled.state, settled.age_s), (DeployState::Settled, Some(1800)));
    assert!(settled.caveat.unwrap().contains("would not show"));
    type Then = fn(&mut Story);
    let spoken_against: [(&str, &str, Then); 6] = [
        ("an old pod that starts again is the last that is heard", "v1.0.0", |story| {
            story.pulled("v1.0.0", 9..=9);
        }),
        ("the old file is applied again at once; one node lacks it", "v1.0.0", |story| {
            story.pulled("v1.0.0", 1..=1);
        }),
        ("the old image is back after an hour", "v1.0.0", |story| {
            story.now = story.now + Span::from_mins(60);
            story.pulled("v1.0.0", 1..=3);
        }),
        ("a further one follows", "v1.2.0", |story| {
            story.now = story.now + Span::from_mins(60);
            story.rolls_out("v1.2.0");
        }),
        ("the old image is back, and a node shows it that never had it", "v1.0.0", |story| {
            story.now = story.now + Span::from_mins(60);
            story.pulled("v1.0.0", 9..=9);
        }),
        ("a canary of a further one stays beside it", "v1.2.0", |story| {
            story.now = story.now + Span::from_mins(60);
            story.pulled("v1.2.0", 9..=9);
            story.pulled("v1.1.0", 8..=8);
        }),
    ];
    for (what, version, then) in spoken_against {
        let deploy = deployed_and(then);
        assert_eq!((deploy.state, deploy.settled_at), (DeployState::Observed, None), "{what}");
        let other = deploy.seen_after.unwrap_or_else(|| panic!("{what}"));
        assert_eq!(other.image.version.as_deref(), Some(version), "{what}");
    }
    let stands: [(&str, Then); 2] = [
        ("an old pod starts again during the rollout", |story| {
            story.pulled("v1.0.0", 9..=9);
            story.pulled("v1.1.0", 9..=9);
        }),
        ("the old image was back before it settled, and this one came again", |story| {
            story.now = story.now + Span::from_mins(5);
            for version in ["v1.0.0", "v1.1.0"] {
                story.pulled(version, 1..=10);
                story.now = story.now + Span::from_mins(30);
            }
        }),
    ];
    for (what, then) in stands {
        let deploy = deployed_and(then);
        assert_eq!((deploy.state, deploy.seen_after), (DeployState::Settled, None), "{what}");
    }
    // While it rolls out, neither what still runs nor an old pod that starts again speaks against it.
    for (nodes, old) in [(1..=1, 2..=2), (1..=8, 9..=9)] {
        let mut story = deployed(nodes);
        story.pulled("v1.0.0", old);
        let deploy = story.followed();
        assert_eq!((deploy.state, deploy.seen_after), (DeployState::Observed, None));
    }
}

#[test]
fn a_plan_whose_containers_do_not_run_says_why() {
    for (reference, is_told) in [
        ("v1.1.0".to_owned(), true),
        (digest("v1.1.0").to_string(), true),
        ("v1.0.0".to_owned(), false),
        (digest("v1.0.0").to_string(), false),
    ] {
        let mut story = Story::new();
        story.rolls_out("v1.0.0");
        let planned = story.planned("v1.1.0");
        story.act(Action::DeployPlanned(Box::new(planned)));
        let mut tell = |line: &str| {
            let at = story.now;
            let line = format!(r#"{{"environment":"staging","witness":"eu-1","at":"{at}",{line}}}"#);
            let report = serde_json::from_str::<StatementLine>(&line).unwrap().into_report();
            story.apply(&Event::Reported(Box::new(report)));
            story.now = story.now + Span::from_secs(1);
        };
        let since = r#""kind":"alive","since":"2026-03-02T06:00:00Z""#;
        tell(since);
        tell(&format!(
            r#""kind":"running","source":"kubernetes","namespace":"shop","workload":"deployment/payment","container":"app",
            "repository":"shop/payment","desired":5,"images":[{{"digest":"{}","reference":"v1.0.0","running":2,"ready":2}}],
            "troubles":[{{"reason":"CrashLoopBackOff","reference":"{reference}","count":3}}]"#,
            digest("v1.0.0")
        ));
        tell(since);
        let followed = story.followed();
        assert_eq!(followed.stuck.len(), usize::from(is_told), "{reference}: {followed:#?}");
        let told = crate::wording::agent::deploy(&followed);
        assert_eq!(told.contains("3 of 5 pods crash: CrashLoopBackOff"), is_told, "{reference}: {told}");
    }
}
