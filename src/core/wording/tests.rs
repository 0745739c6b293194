//! Answers in words over a hundred environments, and where two changes have one title.

use crate::model::act::{Action, Actor};
use crate::model::deployments::{Rules, State};
use crate::model::event::{EnvironmentName, Event, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::Digest;
use crate::model::questions::{self, Finder, Only};
use crate::model::releases::{Change, ChangeKind, Registration};
use crate::model::time::{Span, Time};
use crate::wire::{Changes, Missing, Running, Standing, Verified};

const START: Time = Time::from_ms(1_772_431_200_000);
const DAY: Span = Span::from_mins(24 * 60);
/// Longest answer that asks for no list, in characters.
const CHARS_MAX: usize = 600;
const VERSIONS: [(&str, &[&str]); 4] = [
    ("v1.0.0", &["feat: first shelf (#1)"]),
    ("v1.1.0", &["fix: cart hangs (#10)"]),
    ("v1.2.0", &["fix: cart hangs (#20)", "fix(security): escape names (#21)"]),
    ("v1.3.0", &["feat: gift cards (#30)"]),
];

fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

fn env(place: usize) -> EnvironmentName {
    format!("a-rather-long-name-{place:03}").parse().unwrap()
}

/// `runs` says the versions that each environment ran, a day after each other.
fn folded(runs: &[&[usize]]) -> State {
    let mut state = State::new(Rules::default());
    for (version, titles) in VERSIONS {
        let changes = titles.iter().filter_map(|title| Change::parse(title, None)).collect();
        let named = Registration::named("shop/web".parse().unwrap(), version);
        let told = Registration { digests: vec![digest(version)], changes, ..named };
        state.apply(&Action::ReleaseAdded(Box::new(told)).by(Actor::default(), START));
    }
    let days = runs.iter().map(|runs| runs.len()).max().unwrap_or(0);
    for day in 0..days {
        for (place, runs) in runs.iter().enumerate() {
            let Some(&version) = runs.get(day) else { continue };
            for node in 0..3 {
                state.apply(&Event::Observed(pull(place, VERSIONS[version].0, day, node)));
            }
        }
    }
    state
}

fn pull(place: usize, version: &str, day: usize, node: i64) -> Observation {
    let at = START + Span::from_ms(DAY.ms() * (1 + day as i64)) + Span::from_secs(node * 20 + place as i64);
    Observation {
        at,
        environment: env(place),
        token: TokenId::new("tok_1"),
        token_kind: TokenKind::Cluster,
        client: format!("10.0.{place}.{node}").into(),
        agent: "containerd/v1.7.22".into(),
        method: Method::Get,
        repository: "shop/web".parse().unwrap(),
        reference: version.parse().unwrap(),
        digest: Some(digest(version)),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    }
}

fn now() -> Time {
    START + Span::from_ms(DAY.ms() * 5)
}

fn verified(state: &State, place: usize, text: &str) -> Verified {
    let mut finder = Finder::default();
    finder.follow(state.catalogue());
    let mut verified = questions::verify(state, &env(place), text, &finder.find(text, |_| true, 5), now());
    verified.text = super::verified(&verified);
    verified
}

#[test]
fn words_that_fit_two_changes_ask_back_and_name_both() {
    // The second fix of the same bug does not run.
    let state = folded(&[&[0, 1]]);
    for words in ["cart hangs", "the cart hangs fix", "fix: cart hangs"] {
        let asked = verified(&state, 0, words);
        assert_eq!(asked.answer, Standing::Unknown, "{words}");
        let both = ["(#10) in shop/web v1.1.0", "(#20) in shop/web v1.2.0"];
        assert!(both.iter().all(|one| asked.text.contains(one)), "{words}: {}", asked.text);
        assert!(asked.text.starts_with("It is not certain which change is meant."), "{}", asked.text);
    }
    for (words, answer) in [
        ("#10", Standing::Live),
        ("#20", Standing::NotLive),
        ("cart hangs #10", Standing::Live),
        ("fix: cart hangs (#20)", Standing::NotLive),
    ] {
        assert_eq!(verified(&state, 0, words).answer, answer, "{words}");
    }
}

#[test]
fn of_many_environments_an_answer_stays_short() {
    let kinds: [&[usize]; 4] = [&[0, 1], &[0, 3], &[2, 3], &[0, 2, 1]];
    let runs: Vec<&[usize]> = (0..101).map(|place| kinds[place % 4]).collect();
    let state = folded(&runs);
    let all: Vec<EnvironmentName> = (0..101).map(env).collect();
    let missing: Vec<Missing> = all.iter().map(|env| questions::missing(&state, env, now())).collect();
    let running: Vec<Running> = all.iter().map(|env| questions::running(&state, env, now())).collect();
    let changes: Vec<Changes> =
        all.iter().map(|env| questions::changes(&state, env, START, now(), now())).collect();
    let verified: Vec<Verified> = (0..101).map(|place| verified(&state, place, "gift cards")).collect();
    let repository = "shop/web".parse().unwrap();
    let history: Vec<_> =
        all.iter().filter_map(|env| questions::history(&state, env, &repository, now(), 9)).collect();
    for (text, start) in [
        (
            super::missing_everywhere(&missing, None),
            "51 of 101 environments are behind: a-rather-long-name-000 ",
        ),
        (
            super::missing_everywhere(&missing, Some(ChangeKind::Security)),
            "51 of 101 environments lack security fixes: ",
        ),
        (
            super::running_everywhere(&running, Some("shop/web")),
            "shop/web runs as v1.1.0 in a-rather-long-name-000",
        ),
        (super::running_everywhere(&running, None), "All 101 environments run something: "),
        (super::changes_everywhere(&changes), "All 101 environments saw deployments between "),
        (
            super::rollbacks_everywhere(&changes),
            "25 of 101 environments saw a rollback: a-rather-long-name-003: ",
        ),
        (
            super::verified_everywhere(&verified),
            "“feat: gift cards” (#30) is live in a-rather-long-name-001, ",
        ),
        (super::history_everywhere(101, &history), "All 101 environments ran it"),
        (super::troubles(&running), "Nothing is known to be broken in all 101 environments"),
    ] {
        assert!(text.starts_with(start), "{start}: {text}");
        assert!(text.chars().count() <= CHARS_MAX, "{} characters: {text}", text.chars().count());
        assert!(text.contains("101") || text.contains("more"), "the others are counted: {text}");
    }
}

#[test]
fn an_answer_about_one_service_or_one_kind_says_nothing_of_others() {
    let state = folded(&[&[0, 1], &[0, 3]]);
    let of = |kind| {
        let mut missing = questions::missing(&state, &env(0), now());
        Only { repositories: &[], kind: Some(kind) }.missing(&mut missing);
        super::missing_of_kind(&missing, kind)
    };
    let lacks = "a-rather-long-name-000 lacks ";
    assert_eq!(
        of(ChangeKind::Security),
        format!("{lacks}1 security fix: “fix(security): escape names” (#21) in shop/web v1.2.0.")
    );
    assert!(
        of(ChangeKind::Fix).starts_with(&format!("{lacks}2 fixes: “fix: cart hangs” (#20)")),
        "one is of security"
    );
    assert!(of(ChangeKind::Feature).starts_with(&format!("{lacks}1 feature: “feat: gift cards” (#30)")));
    assert_eq!(of(ChangeKind::Breaking), "No breaking change that a-rather-long-name-000 lacks is known.");
    let mut changes = questions::changes(&state, &env(1), START, now(), now());
    let only = Only { repositories: &["shop/web".to_owned()], kind: Some(ChangeKind::Security) };
    only.changes(&mut changes);
    let text = super::changes_of_kind(&changes, ChangeKind::Security);
    assert!(text.starts_with("1 security fix came to a-rather-long-name-001 "), "{text}");
    Only { repositories: &["shop/pay".to_owned()], kind: None }.changes(&mut changes);
    assert!(changes.deployments.is_empty() && changes.releases.is_empty() && changes.fixes == 0);
}

#[test]
fn of_many_services_an_answer_stays_short() {
    let mut state = State::new(Rules::default());
    for place in 0..60 {
        let repository = format!("a-rather-long-team-name/a-service-of-it-{place:02}");
        for (age, version) in ["v1.0.0", "v1.1.0", "v1.2.0"].into_iter().enumerate() {
            let changes = Change::parse("fix: something that was wrong (#1)", None).into_iter().collect();
            let named = Registration::named(repository.parse().unwrap(), version);
            let of = digest(&format!("{repository}{version}"));
            let told = Registration { digests: vec![of], changes, ..named };
            state.apply(&Action::ReleaseAdded(Box::new(told)).by(Actor::default(), START));
            for node in 0..if age < 1 + place % 2 { 3 } else { 0 } {
                for env in 0..=usize::from(age == 0) {
                    let pulled = pull(env, version, age, node);
                    let digest = Some(of);
                    let repository = repository.parse().unwrap();
                    state.apply(&Event::Observed(Observation { repository, digest, ..pulled }));
                }
            }
        }
    }
    let running = questions::running(&state, &env(0), now());
    let missing = questions::missing(&state, &env(0), now());
    let compared = {
        let (left, right) = (env(0), env(1));
        let side = |environment| questions::Side { state: &state, environment, at: now() };
        questions::compare(side(&left), side(&right))
    };
    for text in [super::running(&running, None), super::missing(&missing), super::comparison(&compared)] {
        assert!(text.chars().count() <= CHARS_MAX, "{} characters: {text}", text.chars().count());
        assert!(text.contains("more"), "{text}");
    }
}
