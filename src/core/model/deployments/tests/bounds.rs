//! Bounds of memory, whatever names clients make up; and answers that say what they may lack.

use proptest::prelude::*;

use super::story::{self, at, environment, pull};
use crate::model::act::{Action, Actor};
use crate::model::deployments::environment::SERVICES_MAX;
use crate::model::deployments::{EnvironmentState, Rules, State};
use crate::model::event::{Event, Excess, Facts, LeftOut, Method, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::questions;
use crate::model::time::Time;

/// Greatest size of a fold of an environment, as a snapshot, however many names there were. Memory is some four times
/// that.
const BYTES_MAX: usize = 16 * 1024 * 1024;

fn made_up(number: usize) -> Repository {
    format!("made-up/{number}").parse().unwrap()
}

fn answered(time: Time, repository: Repository) -> Observation {
    let digest = Digest::of(repository.as_str().as_bytes());
    let head = story::request(time, "10.0.0.9", Method::Head, "v1".parse().unwrap(), digest);
    Observation { repository, ..head }
}

fn refused(time: Time, repository: Repository, status: u16) -> Observation {
    Observation { status, digest: None, ..answered(time, repository) }
}

fn state() -> State {
    State::new(Rules::default())
}

fn environment_state(state: &State) -> &EnvironmentState {
    state.environment(&environment()).unwrap()
}

fn bytes(state: &State) -> usize {
    postcard::to_stdvec(state).unwrap().len()
}

#[test]
fn what_was_never_answered_is_no_service_but_an_attempt_of_a_bounded_list() {
    let mut state = state();
    for number in 0..20_000 {
        state.observe(&refused(at(number / 1_000), made_up(number as usize), 404));
    }
    let now = at(60);
    assert_eq!(environment_state(&state).services().count(), 0);
    let running = questions::running(&state, &environment(), now);
    assert!(running.failing.len() <= 1_024, "{}", running.failing.len());
    let listed = running.failing.iter().map(|attempt| attempt.count).sum::<u64>();
    assert_eq!(listed + running.incomplete.unwrap().refusals_left_out, 20_000, "each is listed or counted");
    assert!(bytes(&state) < 200_000, "{}", bytes(&state));
}

#[test]
fn made_up_names_do_not_crowd_out_what_fails_of_a_service() {
    let mut state = state();
    pull(at(0), "10.0.0.1", "1.0", "1.0", false).iter().for_each(|it| state.observe(it));
    state.observe(&Observation {
        reference: "1.1".parse().unwrap(),
        ..refused(at(100), story::repository(), 404)
    });
    for number in 0..5_000 {
        state.observe(&refused(at(101), made_up(number), 404));
    }
    let failing = questions::running(&state, &environment(), at(200)).failing;
    let of_service: Vec<_> = failing.iter().filter(|it| it.repository == story::repository()).collect();
    assert_eq!(of_service.len(), 1);
    assert_eq!(of_service[0].reference, "1.1".parse::<Reference>().unwrap());
}

#[test]
fn the_services_that_were_silent_for_longest_are_forgotten_and_answers_say_so() {
    let mut state = state();
    let mut clock = 0;
    let mut ask = |state: &mut State, number: usize| {
        clock += 1_000; // so that what was heard before is proven by then
        state.observe(&answered(at(clock), made_up(number)));
    };
    for number in 0..SERVICES_MAX {
        ask(&mut state, number);
        ask(&mut state, 0);
    }
    assert_eq!(questions::running(&state, &environment(), at(10_000_000)).incomplete, None);
    for number in SERVICES_MAX..SERVICES_MAX + 1_000 {
        ask(&mut state, number);
    }
    let (services, now) = (environment_state(&state), at(10_000_000));
    assert!(services.services().count() <= SERVICES_MAX);
    assert_eq!(services.services().count() as u64 + state.forgotten().services, SERVICES_MAX as u64 + 1_000);
    assert!(services.service_of(&made_up(0)).is_some(), "it was heard all the time");
    assert!(services.service_of(&made_up(1)).is_none(), "it was silent for longest");
    assert!(services.service_of(&made_up(SERVICES_MAX + 999)).is_some());

    let incomplete = questions::running(&state, &environment(), now).incomplete.unwrap();
    assert_eq!(incomplete.services_forgotten, state.forgotten().services);
    assert!(incomplete.text.contains("services were forgotten"), "{}", incomplete.text);
    // One that comes back looks new, and is not said to be.
    ask(&mut state, 1);
    let history = questions::history(&state, &environment(), &made_up(1), now, 1).unwrap();
    assert!(history.changes[0].reason.contains("it may have run before"), "{}", history.changes[0].reason);
}

#[test]
fn what_runs_is_not_forgotten_for_names_that_nothing_proves() {
    let mut state = state();
    for node in ["10.0.0.1", "10.0.0.2"] {
        pull(at(0), node, "1.0", "1.0", false).iter().for_each(|it| state.observe(it));
    }
    for number in 0..3 * SERVICES_MAX {
        state.observe(&answered(at(1_000 + number as i64 / 10), made_up(number)));
    }
    assert!(state.forgotten().services > 0);
    let running = questions::running(&state, &environment(), at(3_000)).services;
    assert!(running.iter().any(|service| service.repository == story::repository()));
}

#[test]
fn what_one_token_left_out_is_said_where_it_matters() {
    let mut state = state();
    pull(at(0), "10.0.0.1", "1.0", "1.0", false).iter().for_each(|it| state.observe(it));
    let left_out = |from, until, what| {
        Event::LeftOut(LeftOut {
            environment: environment(),
            token: TokenId::new("tok_1"),
            from: at(from),
            until: at(until),
            count: 7,
            what,
        })
    };
    state.apply(&left_out(100, 110, Excess::Refusals));
    let running = |state: &State, now| questions::running(state, &environment(), at(now));
    assert_eq!(running(&state, 120).incomplete.unwrap().refusals_left_out, 7);
    assert_eq!(
        running(&state, 120).services[0].seen.unconfirmed_since,
        None,
        "refusals could have shown nothing"
    );

    state.apply(&left_out(200, 210, Excess::Observations));
    state.apply(&left_out(210, 220, Excess::Observations));
    let answer = running(&state, 230);
    assert_eq!(answer.services[0].seen.unconfirmed_since, Some(at(0)), "what came since may be missing");
    let [gap] = &answer.incomplete.unwrap().gaps[..] else { panic!("what goes on is one gap") };
    assert_eq!((gap.from, gap.until, gap.lost), (at(200), at(220), 14));
    assert_eq!(gap.token, Some(TokenId::new("tok_1")));
    // Another environment has lost nothing.
    state.observe(&Observation { environment: "staging".parse().unwrap(), ..answered(at(0), made_up(1)) });
    let staging = questions::running(&state, &"staging".parse().unwrap(), at(230));
    assert_eq!(staging.incomplete, None);
    // Long afterwards it is history.
    assert_eq!(running(&state, 30 * 24 * 3_600).incomplete, None);
}

#[test]
fn refusals_that_were_counted_together_are_one_attempt() {
    let mut state = state();
    let first = refused(at(0), story::repository(), 401);
    state.observe(&first);
    let last = Observation { at: at(50), ..first };
    state.apply(&Event::Refused { last, first_at: at(2), count: 41 });
    let failing = questions::running(&state, &environment(), at(60)).failing;
    let shown: Vec<_> = failing.iter().map(|it| (it.status, it.first_at, it.last_at, it.count)).collect();
    assert_eq!(shown, [(401, at(0), at(50), 42)]);
}

#[test]
fn what_comes_late_for_an_environment_that_was_deleted_does_not_bring_it_back() {
    let mut state = state();
    let act = |action: Action| action.by(Actor::default(), at(0));
    let created = |name: &str| {
        let (description, color) = (String::new(), String::new());
        act(Action::EnvironmentCreated { name: name.parse().unwrap(), description, color })
    };
    state.apply(&created("production"));
    state.observe(&answered(at(1), made_up(1)));
    state.apply(&act(Action::EnvironmentDeleted { name: environment() }));
    state.observe(&answered(at(2), made_up(2)));
    assert_eq!(state.environments().count(), 0);
    state.apply(&created("production"));
    assert_eq!(environment_state(&state).services().count(), 0);
    state.observe(&answered(at(3), made_up(3)));
    assert_eq!(environment_state(&state).services().count(), 1);
}

/// Names of one kind that a client makes up.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Repositories,
    Tags,
    Digests,
    Clients,
    Agents,
    Refused,
    RefusedTags,
    Local,
    Prepull,
    Blobs,
    Parents,
    Labels,
    Versions,
    Children,
}

const KINDS: [Kind; 14] = [
    Kind::Repositories,
    Kind::Tags,
    Kind::Digests,
    Kind::Clients,
    Kind::Agents,
    Kind::Refused,
    Kind::RefusedTags,
    Kind::Local,
    Kind::Prepull,
    Kind::Blobs,
    Kind::Parents,
    Kind::Labels,
    Kind::Versions,
    Kind::Children,
];

impl Kind {
    fn is_of_one_service(self) -> bool {
        matches!(self, Self::Tags | Self::Digests | Self::Clients | Self::Agents | Self::Parents)
    }
}

fn event(kind: Kind, number: usize, long: &str) -> Event {
    let time = at(number as i64 / 50);
    let text = format!("{number}-{long}");
    let digest = Digest::of(text.as_bytes());
    let repository = || -> Repository { format!("made-up/{text}").parse().unwrap() };
    let known = || answered(time, story::repository());
    let tag = || -> Reference { format!("{text:.128}").parse().unwrap() };
    let labels = || {
        let labels = [("version", text.clone()), ("revision", text.clone()), ("title", text.clone())];
        labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let learned = |repository, facts| Event::Learned { at: time, repository, digest, facts };
    Event::Observed(match kind {
        Kind::Repositories => answered(time, repository()),
        Kind::Tags => Observation { reference: tag(), ..known() },
        Kind::Digests => {
            Observation { reference: Reference::Digest(digest), digest: Some(digest), ..known() }
        }
        Kind::Clients => Observation { client: text.as_str().into(), ..known() },
        Kind::Agents => Observation { agent: format!("containerd/{text}").into(), ..known() },
        Kind::Refused => refused(time, repository(), 404),
        Kind::RefusedTags => Observation { reference: tag(), ..refused(time, story::repository(), 401) },
        Kind::Local => Observation { token_kind: TokenKind::Local, ..answered(time, repository()) },
        Kind::Prepull => Observation { token_kind: TokenKind::Prepull, ..answered(time, repository()) },
        Kind::Blobs => Observation {
            object: crate::model::event::Object::Blob,
            reference: Reference::Digest(digest),
            ..answered(time, repository())
        },
        Kind::Parents => {
            Observation { digest: Some(digest), parent: Some(Digest::of(b"an index")), ..known() }
        }
        Kind::Labels => return learned(repository(), Facts::Config { labels: labels() }),
        Kind::Versions => return learned(story::repository(), Facts::Config { labels: labels() }),
        Kind::Children => {
            let children = (0..16_u8).map(|child| Digest::of(&[text.as_bytes(), &[child]].concat()));
            return learned(repository(), Facts::Index { children: children.collect(), labels: labels() });
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, ..ProptestConfig::default() })]

    /// More names of every kind than are remembered of any, in any mixture: the snapshot stays small, and its second half
    /// costs nothing more.
    #[test]
    fn a_fold_over_any_names_stays_within_its_bounds(
        order in Just(KINDS.to_vec()).prop_shuffle(), long in "[a-z]{1,100}",
    ) {
        let mut state = state();
        let rounds = SERVICES_MAX * 9 / 8;
        for number in 0..rounds {
            // Of some there are bounds far below that of services, and taking one more costs more.
            let is_taken = |kind: &Kind| !kind.is_of_one_service() || number % 4 == 0;
            for kind in order.iter().copied().filter(is_taken) {
                state.apply(&event(kind, number, &long));
            }
        }
        let taken = bytes(&state);
        prop_assert!(taken <= BYTES_MAX, "{} MiB", taken >> 20);
        let answer = questions::running(&state, &environment(), at(rounds as i64 / 50));
        prop_assert!(answer.services.len() <= SERVICES_MAX && answer.failing.len() <= 1_024);
        prop_assert!(answer.incomplete.is_some());
        prop_assert!(environment_state(&state).is_weighed_right());
    }
}
