//! Tests of warnings about tokens, and of its rotation.

use crate::model::act::{Action, Actor};
use crate::model::directory::Directory;
use crate::model::event::{EnvironmentName, Event, Method, Object, Observation, TokenId, TokenKind};
use crate::model::time::{Span, Time};

const CONTAINERD: &str = "containerd/v1.7.22";
const WEEK: i64 = 7 * 24 * 60;

/// A directory of environments, each with a token of its own name.
struct Story(Directory);

impl Story {
    fn of(environments: &[&str], kind: TokenKind) -> Self {
        let mut story = Self(Directory::default());
        for (secret, name) in (0..).zip(environments) {
            let environment: EnvironmentName = name.parse().unwrap();
            let (description, color) = (String::new(), String::new());
            story.act(Action::EnvironmentCreated { name: environment.clone(), description, color });
            let (id, name, secret_sha256) = (TokenId::new(name), (*name).to_owned(), [secret; 32]);
            story.act(Action::TokenCreated { environment, id, name, kind, secret_sha256, expires_at: None });
        }
        story
    }

    fn act(&mut self, action: Action) {
        self.0.apply(&action.by(Actor::default(), Time::from_ms(0)));
    }

    /// The environment's token pulls, so many minutes after the beginning.
    fn pull(&mut self, minutes: i64, environment: &str, client: &str, agent: &str) {
        self.answered(200, minutes, environment, client, agent);
    }

    fn answered(&mut self, status: u16, minutes: i64, environment: &str, client: &str, agent: &str) {
        let token = TokenId::new(environment);
        let kind = self.0.environment(environment).unwrap().token(&token).unwrap().kind;
        self.0.apply(&Event::Observed(Observation {
            at: Time::from_ms(0) + Span::from_mins(minutes),
            environment: environment.parse().unwrap(),
            token,
            token_kind: kind,
            client: client.into(),
            agent: agent.into(),
            method: Method::Head,
            repository: "docker/app".parse().unwrap(),
            reference: "v1".parse().unwrap(),
            digest: None,
            object: Object::Manifest,
            media_type: None,
            status,
            bytes: 0,
            parent: None,
        }));
    }

    /// The warnings about the environment's token, so many minutes after the beginning.
    fn warnings(&self, minutes: i64, environment: &str) -> Vec<(&'static str, String)> {
        let token = self.0.environment(environment).unwrap().token(&TokenId::new(environment)).unwrap();
        let now = Time::from_ms(0) + Span::from_mins(minutes);
        token.warnings(now).map(|warning| (warning.kind.as_str(), warning.detail.clone())).collect()
    }
}

#[test]
fn what_is_new_in_the_first_week_is_ordinary() {
    let mut story = Story::of(&["production"], TokenKind::Cluster);
    story.pull(0, "production", "10.0.0.1", CONTAINERD);
    story.pull(60, "production", "192.168.0.1", "cri-o/1.30");
    story.pull(WEEK - 1, "production", "172.16.0.1", "skopeo/1.0");
    assert_eq!(story.warnings(WEEK, "production"), []);
}

#[test]
fn an_autoscaling_cluster_is_not_warned_about() {
    let mut story = Story::of(&["production"], TokenKind::Cluster);
    for day in 0..60 {
        for node in 0..50 {
            let client = format!("10.0.{}.{}", (day * 7 + node) % 256, node);
            story.pull(day * 24 * 60 + node, "production", &client, &format!("containerd/v1.7.{}", day % 9));
        }
    }
    assert_eq!(story.warnings(60 * 24 * 60, "production"), []);
}

#[test]
fn a_network_and_a_program_that_never_used_a_token_before_are_warned_about_once() {
    let mut story = Story::of(&["production"], TokenKind::Cluster);
    story.pull(0, "production", "10.0.0.1", CONTAINERD);
    story.answered(401, WEEK, "production", "198.51.100.1", "curl/8");
    assert_eq!(story.warnings(WEEK, "production"), [], "a refused token was not used");
    for minutes in [WEEK, WEEK + 60] {
        story.pull(minutes, "production", "203.0.113.9", "curl/8");
        story.pull(minutes + 1, "production", "10.0.0.1", CONTAINERD);
    }
    let expected = [
        ("new_network", "used from 203.0.0.0/16 (203.0.113.9), before only from 10.0.0.0/16"),
        ("new_agent", "used by another program (203.0.113.9), before only by containerd"),
    ];
    let expected = expected.map(|(kind, detail)| (kind, detail.to_owned()));
    assert_eq!(story.warnings(WEEK + 61, "production"), expected);
    assert_eq!(story.warnings(WEEK + 31 * 24 * 60, "production"), [], "after a quiet month they are gone");
}

#[test]
fn however_many_networks_there_are_one_warning_tells_of_them() {
    let mut story = Story::of(&["production"], TokenKind::Cluster);
    story.pull(0, "production", "10.0.0.1", CONTAINERD);
    for number in 0..500 {
        story.pull(WEEK + number, "production", &format!("11.{}.0.1", number % 256), CONTAINERD);
    }
    let warnings = story.warnings(WEEK + 500, "production");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].1.ends_with("and 29 more"), "{warnings:?}");
}

#[test]
fn people_travel() {
    let mut story = Story::of(&["laptops", "staging"], TokenKind::Local);
    story.pull(0, "laptops", "10.0.0.1", "docker/28 Docker-Client");
    story.pull(WEEK, "laptops", "203.0.113.9", "podman/5");
    for minutes in WEEK..WEEK + 10 {
        story.pull(minutes, if minutes % 2 == 0 { "laptops" } else { "staging" }, "10.0.0.1", "podman/5");
    }
    assert_eq!(
        (story.warnings(WEEK + 10, "laptops"), story.warnings(WEEK + 10, "staging")),
        (vec![], vec![])
    );
}

#[test]
fn one_address_that_pulls_for_two_environments_is_warned_about() {
    let mut story = Story::of(&["production", "staging"], TokenKind::Cluster);
    for (minutes, environment) in [(0, "staging"), (5, "production"), (10, "staging")] {
        assert_eq!(story.warnings(minutes, environment), []);
        story.pull(minutes, environment, "10.0.0.1", CONTAINERD);
    }
    let detail = |one, other| {
        let text = format!("10.0.0.1 pulls with it for {one} and, in turns, with another token for {other}");
        vec![("two_environments", text)]
    };
    assert_eq!(story.warnings(11, "staging"), detail("staging", "production"));
    assert_eq!(story.warnings(11, "production"), detail("production", "staging"));
}

#[test]
fn an_address_that_another_node_gets_is_not() {
    let mut story = Story::of(&["production", "staging"], TokenKind::Cluster);
    for hour in 0..20 {
        for minute in [0, 10] {
            let environment = if hour % 2 == 0 { "staging" } else { "production" };
            story.pull(hour * 61 + minute, environment, "10.0.0.1", CONTAINERD);
        }
    }
    assert_eq!((story.warnings(1_300, "staging"), story.warnings(1_300, "production")), (vec![], vec![]));
}

#[test]
fn a_successor_takes_name_kind_and_usage_and_both_work_for_a_while() {
    let mut story = Story::of(&["production"], TokenKind::Prepull);
    story.pull(0, "production", "10.0.0.1", CONTAINERD);
    let at = |minutes| Time::from_ms(0) + Span::from_mins(minutes);
    let rotated = Action::TokenRotated {
        environment: "production".parse().unwrap(),
        id: TokenId::new("production"),
        ends_at: at(WEEK),
        successor: TokenId::new("tok_2"),
        secret_sha256: [9; 32],
        expires_at: None,
    };
    story.0.apply(&rotated.by(Actor::default(), at(60)));
    let environment = story.0.environment("production").unwrap();
    let old = environment.token(&TokenId::new("production")).unwrap();
    let new = environment.token(&TokenId::new("tok_2")).unwrap();
    assert_eq!(
        (&*new.name, new.kind, new.expires_at, new.created_at),
        ("production", old.kind, None, at(60))
    );
    assert_eq!((new.last_used_at, &old.successor), (None, &Some(TokenId::new("tok_2"))));
    assert_eq!(new.usage, old.usage);
    let is_accepted = |secret, minutes| story.0.authenticate(&[secret; 32], at(minutes)).is_ok();
    assert!(is_accepted(0, WEEK - 1) && is_accepted(9, WEEK - 1));
    assert!(!is_accepted(0, WEEK) && is_accepted(9, WEEK));
}
