mod heard;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::memory::{Link, Servers};
use super::replica::{Kind, Shipment, Subject, WriterId};
use super::stream::Stream as _;
use super::{Role, Shared};
use crate::clock::Clock;
use crate::deadline::Deadlines;
use crate::log::codec;
use crate::log::counters::Counters;
use crate::log::late::LATENESS;
use crate::log::tests::{created, observation, stored};
use crate::log::{AppendError, Durability, Log, OpenError};
use crate::model::deployments::Rules;
use crate::model::event::{Event, Observation};
use crate::model::oci::Digest;
use crate::model::questions::replayed;
use crate::model::time::{Span, Time};

fn open(dir: &Path, servers: &Servers) -> Log {
    open_over(dir, &servers.link())
}

fn open_over(dir: &Path, link: &Link) -> Log {
    open_as(dir, link, Role::Full)
}

fn open_edge(dir: &Path, link: &Link) -> Log {
    open_as(dir, &link.clone().of_edge(), Role::Edge)
}

fn open_as(dir: &Path, link: &Link, role: Role) -> Log {
    let (counters, name) = (Counters::default(), dir.display().to_string());
    let shared = Shared::open(dir, &name, role, Arc::new(link.clone()), &counters.failures).unwrap();
    let rules = Rules { lateness: LATENESS, ..Rules::default() };
    Log::start(Arc::new(shared), rules, counters, Clock::default()).unwrap()
}

/// Waits until it is so.
async fn until<F: Future<Output = bool>>(mut is_so: impl FnMut() -> F) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.expect("it is not so within a minute");
}

/// The events of a log, but for those that say that a writer has caught up.
fn history(log: &Log) -> Vec<Event> {
    stored(log).into_iter().filter(|event| !matches!(event, Event::CaughtUp { .. })).collect()
}

/// Waits until these logs have so many events.
async fn have(logs: &[&Log], count: usize) {
    until(async || logs.iter().all(|log| history(log).len() == count)).await;
}

fn long() -> Deadlines {
    Deadlines::new(Duration::from_secs(30))
}

async fn record(log: &Log, numbers: std::ops::Range<u64>) {
    let receipts: Vec<_> = numbers.map(|number| log.record(observation(number))).collect();
    for receipt in receipts {
        assert_eq!(receipt.durable(&long()).await, Durability::Durable);
    }
}

fn folders<const N: usize>() -> [tempfile::TempDir; N] {
    std::array::from_fn(|_| tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn replicas_converge_and_keep_what_they_have() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    one.append(created("production")).await.unwrap();
    record(&one, 0..700).await;
    record(&other, 700..1_000).await;
    have(&[&one, &other], 1_001).await;
    let events = history(&one);
    assert_eq!(events, history(&other));
    for number in 0..1_000 {
        let is_it = |event: &&Event| **event == Event::Observed(observation(number));
        assert_eq!(events.iter().filter(is_it).count(), 1, "{number}");
    }
    one.close();
    other.close();
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    assert_eq!((history(&one), history(&other)), (events.clone(), events));
}

#[tokio::test]
async fn an_act_is_seen_by_its_own_replica_when_it_is_done_and_only_one_of_two_wins() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    for round in 0..20 {
        let name = format!("env-{round}");
        let decide = |log: &Log| {
            let (log, name) = (log.clone(), name.clone());
            async move {
                let decided = log.decide(|view| match view.directory.environment(&name) {
                    None => Ok((Some(created(&name)), ())),
                    Some(_) => Err("it is there"),
                });
                let decided = decided.await.unwrap();
                assert!(log.view().directory.environment(&name).is_some());
                decided
            }
        };
        let won = tokio::join!(decide(&one), decide(&other));
        assert!(won.0.is_ok() != won.1.is_ok(), "{won:?}");
    }
    have(&[&one, &other], 20).await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn without_the_stream_observations_are_durable_and_acts_are_refused() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    one.append(created("production")).await.unwrap();
    servers.set_away(true);
    record(&one, 0..500).await;
    assert_eq!(one.append(created("staging")).await, Err(AppendError::Away));
    one.close();
    let one = open(one_dir.path(), &servers);
    record(&one, 500..600).await;
    servers.set_away(false);
    have(&[&one, &other], 601).await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn what_the_stream_loses_is_there_again_once() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    one.append(created("production")).await.unwrap();
    for round in 0..4 {
        record(&one, 100 * round..100 * round + 50).await;
        other.append(created(&format!("env-{round}"))).await.unwrap();
        record(&other, 100 * round + 50..100 * round + 100).await;
        have(&[&one, &other], 1 + 101 * (round as usize + 1)).await;
        servers.cut((3 + 5 * round).min(servers.head()));
    }
    record(&one, 400..401).await;
    have(&[&one, &other], 406).await;
    assert_eq!(history(&one), history(&other));
    let mut seen: Vec<_> = history(&one).iter().filter_map(|event| event.observation().cloned()).collect();
    seen.sort_by_key(|observation| observation.at);
    assert_eq!(seen, (0..401).map(observation).collect::<Vec<_>>());
    let (one_view, other_view) = (one.view(), other.view());
    for name in ["production", "env-0", "env-1", "env-2", "env-3"] {
        assert!(
            one_view.directory.environment(name).is_some()
                && other_view.directory.environment(name).is_some()
        );
    }
}

#[tokio::test]
async fn what_is_published_keeps_what_the_stream_loses_until_it_is_there_again() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    one.append(created("production")).await.unwrap();
    record(&one, 0..20).await;
    have(&[&one, &other], 21).await;
    let is_known = |log: &Log| log.view().directory.environment("production").is_some();
    for round in 1..4 {
        servers.cut(servers.head());
        record(&other, 20 * round..20 * round + 20).await;
        until(async || {
            assert!(is_known(&one) && is_known(&other), "a token that was made is known");
            [&one, &other].iter().all(|log| history(log).len() as u64 == 21 + 20 * round)
        })
        .await;
    }
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn a_new_replica_takes_everything_from_the_stream() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let one = open(one_dir.path(), &servers);
    one.append(created("production")).await.unwrap();
    record(&one, 0..2_000).await;
    have(&[&one], 2_001).await;
    let other = open(other_dir.path(), &servers);
    have(&[&other], 2_001).await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn what_is_recorded_as_it_ends_is_shipped() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    record(&one, 0..3_000).await;
    one.close();
    have(&[&other], 3_000).await;
}

#[tokio::test]
async fn a_folder_has_a_log_of_its_own_or_a_replica() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    open(one_dir.path(), &servers).close();
    assert!(matches!(Log::open(one_dir.path(), Rules::default()), Err(OpenError::Replica { .. })));
    Log::open(other_dir.path(), Rules::default()).unwrap().close();
    let failures = Counters::default().failures;
    let refused =
        Shared::open(other_dir.path(), "other", Role::Full, Arc::new(servers.link()), &failures).err();
    assert!(matches!(refused, Some(OpenError::Alone { .. })));
}

/// A pull of a version by a node, so many minutes after 07:00.
fn pull(version: &str, node: u64, minutes: i64) -> Observation {
    let seven: Time = "2026-03-02T07:00:00Z".parse().unwrap();
    Observation {
        at: seven + Span::from_mins(minutes) + Span::from_secs(node.try_into().unwrap()),
        client: format!("10.0.0.{node}").into(),
        reference: version.parse().unwrap(),
        digest: Some(Digest::of(version.as_bytes())),
        ..observation(node)
    }
}

fn told(log: &Log) -> serde_json::Value {
    let at = "2026-03-02T12:00:00Z".parse().unwrap();
    serde_json::to_value(replayed(&log.view().state, &"production".parse().unwrap(), at)).unwrap()
}

/// Version 1 from 07:00 at a replica that is cut off, version 2 from 08:00 at another one.
#[tokio::test]
async fn what_comes_late_counts_in_its_own_place_once_its_writer_has_caught_up() {
    let ([one_dir, other_dir, new_dir, alone_dir], servers) = (folders(), Servers::default());
    let link = servers.link();
    let (one, other) = (open(one_dir.path(), &servers), open_over(other_dir.path(), &link));
    one.append(created("production")).await.unwrap();
    have(&[&one, &other], 1).await;
    link.set_down(true);
    let early: Vec<_> = (1..=3).map(|node| pull("v1", node, 0)).collect();
    let later: Vec<_> = (1..=3).flat_map(|node| [pull("v2", node, 60), pull("v2", node, 90)]).collect();
    for pull in &early {
        assert_eq!(other.record(pull.clone()).durable(&long()).await, Durability::Durable);
    }
    let mut in_order = later.clone();
    in_order.sort_by_key(|pull| pull.at);
    for pull in &in_order {
        assert_eq!(one.record(pull.clone()).durable(&long()).await, Durability::Durable);
    }
    have(&[&one], 7).await;
    link.set_down(false);
    let alone = Log::open(alone_dir.path(), Rules::default()).unwrap();
    alone.append(created("production")).await.unwrap();
    for pull in early.iter().chain(&in_order) {
        assert_eq!(alone.record(pull.clone()).durable(&long()).await, Durability::Durable);
    }
    have(&[&alone], 10).await;
    let (new, expected) = (open(new_dir.path(), &servers), told(&alone));
    until(async || [&one, &other, &new].iter().all(|log| told(log) == expected)).await;
    for log in [&one, &other, &new] {
        assert_eq!((history(log).len(), log.view().late().held), (10, 0));
        // As of 10:00, asked of the log.
        let then = log.view_at("2026-03-02T10:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(then.state.last_at(), Some(in_order.last().unwrap().at));
    }
    let text = expected.to_string();
    assert!(text.contains("upgrade") && !text.contains("rollback"), "{text}");
}

/// The stream is away from 07:10 until 08:10. A rollout begins at two replicas at 07:30, each of which has half of the nodes; in the end
/// every replica tells what one server alone would.
#[tokio::test]
async fn an_hour_without_the_stream_leaves_no_trace_in_the_timeline() {
    let ([one_dir, other_dir, alone_dir, _], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    let alone = Log::open(alone_dir.path(), Rules::default()).unwrap();
    alone.append(created("production")).await.unwrap();
    one.append(created("production")).await.unwrap();
    have(&[&one, &other], 1).await;
    // Odd nodes pull at the one, even nodes at the other.
    let at = |node: u64| if node % 2 == 1 { &one } else { &other };
    let nodes =
        |version: &'static str, minutes: i64| (1..=8).map(move |node| (node, pull(version, node, minutes)));
    let before: Vec<_> = nodes("v1", 0).collect();
    let meanwhile: Vec<_> = nodes("v2", 30).chain(nodes("v2", 45)).chain(nodes("v1", 60)).collect();
    let after: Vec<_> = nodes("v1", 75).collect();
    let mut count = 1;
    for (pulls, is_away) in [(&before, false), (&meanwhile, true), (&after, false)] {
        servers.set_away(is_away);
        for (node, pull) in pulls {
            for log in [at(*node), &alone] {
                assert_eq!(log.record(pull.clone()).durable(&long()).await, Durability::Durable);
            }
        }
        count += pulls.len();
        if !is_away {
            have(&[&one, &other], count).await;
        }
    }
    have(&[&alone], count).await;
    let expected = told(&alone);
    until(async || told(&one) == expected && told(&other) == expected).await;
    let text = expected.to_string();
    assert!(text.contains("upgrade") && text.contains("rollback"), "{text}");
}

/// A balancer sends a request to one replica and the next to another: each is answered with all that the ones before did.
#[tokio::test]
async fn whoever_asks_a_replica_sees_what_was_done_at_another() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let link = servers.link();
    let (one, other) = (open(one_dir.path(), &servers), open_over(other_dir.path(), &link));
    until(async || !one.is_behind() && !other.is_behind()).await;
    let knows = |log: &Log, name: &str| log.view().directory.environment(name).is_some();
    for round in 0..20 {
        let name = format!("environment-{round}");
        let (at, asked) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        at.append(created(&name)).await.unwrap();
        asked.catch_up().await;
        assert!(knows(asked, &name), "{name}");
    }
    // Without the stream it is answered from what is there.
    link.set_down(true);
    one.append(created("unheard")).await.unwrap();
    until(async || other.is_behind()).await;
    other.catch_up().await;
    assert!(!knows(&other, "unheard") && other.complete_until().is_some());
}

#[tokio::test]
async fn a_replica_that_is_cut_off_says_until_when_it_knows_everything() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let link = servers.link();
    let (one, other) = (open(one_dir.path(), &servers), open_over(other_dir.path(), &link));
    until(async || [&one, &other].iter().all(|log| !log.is_behind() && log.complete_until().is_none())).await;
    let before = crate::clock::now();
    link.set_down(true);
    until(async || other.is_behind()).await;
    let known = other.complete_until().unwrap();
    assert!(known >= before - Span::from_secs(2) && known <= crate::clock::now(), "{known}");
    assert!(other.health().verdict().unwrap_err().contains("the stream does not answer"));
    // The other one hears nothing of it any more.
    until(async || one.complete_until().is_some()).await;
    assert!(!one.is_behind());
    link.set_down(false);
    until(async || [&one, &other].iter().all(|log| !log.is_behind() && log.complete_until().is_none())).await;
    assert_eq!(other.health().verdict(), Ok(()));
    // One that ended on purpose is not missed.
    other.close();
    assert!(one.health().sharing.unwrap().replicas.len() == 2);
}

#[tokio::test]
async fn an_edge_has_the_directory_and_ships_its_own_and_nothing_else() {
    let ([one_dir, edge_dir], servers) = (folders(), Servers::default());
    let link = servers.link();
    let (one, edge) = (open(one_dir.path(), &servers), open_edge(edge_dir.path(), &link));
    one.append(created("production")).await.unwrap();
    record(&edge, 0..700).await;
    record(&one, 700..1_000).await;
    have(&[&one], 1_001).await;
    let is_known = |log: &Log, name: &str| log.view().directory.environment(name).is_some();
    until(async || is_known(&edge, "production")).await;
    assert_eq!(history(&edge), [created("production")], "nobody's observations");
    assert_eq!(edge.append(created("staging")).await, Err(AppendError::Away), "an edge makes no act");
    // Lost messages come back, also those of the edge, and each of its events is there once.
    for round in 1..4 {
        servers.cut(servers.head());
        record(&edge, 1_000 * round..1_000 * round + 50).await;
        until(async || {
            assert!(is_known(&edge, "production"), "a token that was made is known");
            history(&one).len() as u64 == 1_001 + 50 * round && history(&edge).len() == 1
        })
        .await;
    }
    link.set_down(true);
    until(async || edge.is_behind()).await;
    until(async || one.complete_until().is_some()).await;
    record(&edge, 5_000..5_010).await;
    edge.close();
    let edge = open_edge(edge_dir.path(), &link);
    assert!(is_known(&edge, "production"));
    record(&edge, 5_010..5_020).await;
    one.append(created("staging")).await.unwrap();
    link.set_down(false);
    have(&[&one], 1_172).await;
    until(async || is_known(&edge, "staging") && one.complete_until().is_none()).await;
    let mut seen: Vec<_> = history(&one).iter().filter_map(|event| event.observation().cloned()).collect();
    seen.sort_by_key(|observation| observation.at);
    let rounds = (1..4).flat_map(|round| 1_000 * round..1_000 * round + 50);
    let expected: Vec<_> = (0..1_000).chain(rounds).chain(5_000..5_020).map(observation).collect();
    assert_eq!(seen, expected);
    assert_eq!(history(&edge), [created("production"), created("staging")]);
}

#[tokio::test]
async fn what_an_edge_may_not_say_is_set_aside_and_counted() {
    let ([one_dir, other_dir, edge_dir], servers) = (folders(), Servers::default());
    let (one, other) = (open(one_dir.path(), &servers), open(other_dir.path(), &servers));
    let edge = open_edge(edge_dir.path(), &servers.link());
    let name = edge_dir.path().display().to_string();
    record(&edge, 0..10).await;
    let (mut act, mut pull) = (Vec::new(), Vec::new());
    codec::encode(&created("forged"), &mut act).unwrap();
    codec::encode(&Event::Observed(observation(100)), &mut pull).unwrap();
    let (own, foreign) = (WriterId::of(&name, [9; _]), WriterId::new(7));
    let write = |subject, message: Vec<u8>| servers.link().append(subject, None, message, Box::new(|_| ()));
    let ship =
        |writer, events: Vec<Vec<u8>>| Shipment { writer, first: 1, kind: Kind::Events, events }.encode();
    for message in [
        b"garbage".to_vec(),
        // An event of a later release, an act, and another one's.
        ship(own, vec![pull.clone(), b"\xff".to_vec()]),
        ship(own, vec![pull.clone(), act]),
        ship(foreign, vec![pull.clone()]),
    ] {
        write(Subject::Edge(own), message);
    }
    write(Subject::Mark(own.replica()), b"garbage".to_vec());
    write(Subject::Edge(own), ship(own, vec![pull]));
    record(&edge, 10..20).await;
    have(&[&one, &other], 21).await;
    let told = |log: &Log| {
        let sharing = log.sharing().unwrap();
        let aside = sharing.replicas.iter().find(|peer| peer.name == name).map(|peer| peer.set_aside);
        (sharing.set_aside, aside, sharing.trouble)
    };
    until(async || [&one, &other].iter().all(|log| told(log) == (5, Some(5), None))).await;
    one.append(created("production")).await.unwrap();
    until(async || edge.view().directory.environment("production").is_some()).await;
    one.close();
    let one = open(one_dir.path(), &servers);
    until(async || told(&one) == (5, Some(5), None)).await;
    assert!(one.view().directory.environment("forged").is_none());
    have(&[&one, &other], 22).await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn an_act_among_events_changes_nothing() {
    let ([one_dir], servers) = (folders(), Servers::default());
    let one = open(one_dir.path(), &servers);
    let (mut act, mut pull) = (Vec::new(), Vec::new());
    codec::encode(&created("forged"), &mut act).unwrap();
    codec::encode(&Event::Observed(observation(1)), &mut pull).unwrap();
    let writer = WriterId::new(7);
    let ship = |first, events: Vec<Vec<u8>>| {
        let message = Shipment { writer, first, kind: Kind::Events, events }.encode();
        servers.link().append(Subject::Writer(writer), None, message, Box::new(|_| ()));
    };
    ship(1, vec![pull.clone(), act]);
    ship(1, vec![pull]);
    have(&[&one], 1).await;
    assert_eq!(history(&one), [Event::Observed(observation(1))]);
    assert!(one.view().directory.environment("forged").is_none());
}
