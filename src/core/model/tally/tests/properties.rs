//! The last statements follow from the cluster's state alone, whatever came before.

use proptest::prelude::*;

use super::build::{at, last, owner, pod, running, unready, waiting};
use crate::model::report::{Source, Statement};
use crate::model::tally::{Batch, Change, Heard, Queue, Witness, pause};
use crate::model::time::Span;

/// A pod by its name, the ReplicaSet that made it, and what it does.
fn some_pod() -> impl Strategy<Value = (u8, u8, u8)> {
    (0..6_u8, 0..3_u8, 0..4_u8)
}

fn change((name, set, deed): (u8, u8, u8)) -> Change {
    let version = ["v1", "v2", "v3"][usize::from(set)];
    let (name, set) = (format!("p{name}-{set}"), format!("web-{set}f"));
    match deed {
        0 => Change::PodGone(super::build::key(&name)),
        1 => pod(&name, &set, vec![waiting(version, "ImagePullBackOff")]),
        2 => pod(&name, &set, vec![unready(version)]),
        _ => pod(&name, &set, vec![running(version)]),
    }
}

fn sets() -> Vec<Change> {
    let set = |revision: u64, parent| {
        let (own, version) = (format!("ReplicaSet/web-{}f", revision - 1), format!("v{revision}"));
        Change::Owner(owner(&own, parent, 1, &version, revision))
    };
    vec![set(1, "Deployment/web"), set(2, "Deployment/web"), set(3, "Rollout/other")]
}

/// Plays changes to a witness that has begun, and hears all that it says.
fn play(changes: Vec<Change>, asked_every: usize) -> Vec<Statement> {
    let mut witness = Witness::new(Source::Kubernetes, 1);
    witness.hear(Heard::Whole(0, at(-1), at(0)));
    let mut said = witness.say(at(0));
    for (place, change) in changes.into_iter().enumerate() {
        witness.hear(Heard::Change(change));
        if place % asked_every == 0 {
            said.extend(witness.say(at(1 + place as i64)));
        }
    }
    said.extend(witness.say(at(100_000)));
    said
}

proptest! {
    #[test]
    fn the_end_is_what_is_there(pods in prop::collection::vec(some_pod(), 0..40), every in 1..5_usize, split in 0..40_usize) {
        // The last word on each pod, told once; and the owners before all.
        let mut finals = std::collections::BTreeMap::new();
        pods.iter().for_each(|it| { finals.insert((it.0, it.1), *it); });
        let plain = play(sets().into_iter().chain(finals.into_values().map(change)).collect(), 1);
        // Everything, with owners in the middle, each change twice.
        let split = split.min(pods.len());
        let (before, after) = pods.split_at(split);
        let twice = |pods: &[(u8, u8, u8)]| pods.iter().flat_map(|it| [change(*it), change(*it)]).collect::<Vec<_>>();
        let wild = twice(before).into_iter().chain(sets()).chain(twice(after)).collect();
        prop_assert_eq!(last(&play(wild, every)), last(&plain));
    }

    #[test]
    fn a_list_is_as_good_as_the_changes(pods in prop::collection::vec(some_pod(), 0..40), every in 1..5_usize) {
        let there = |pods: &[(u8, u8, u8)]| {
            let mut finals = std::collections::BTreeMap::new();
            pods.iter().for_each(|it| { finals.insert((it.0, it.1), *it); });
            finals.into_values().map(change).filter_map(|it| if let Change::Pod(pod) = it { Some(pod) } else { None }).collect::<Vec<_>>()
        };
        let all = Change::Pods(Some("shop".into()), there(&pods));
        let changes = pods.iter().map(|it| change(*it));
        let listed = play(sets().into_iter().chain([all]).collect(), 1);
        prop_assert_eq!(last(&listed), last(&play(sets().into_iter().chain(changes).collect(), every)));
        // A list after changes that it contradicts.
        let wrong: Vec<_> = (0..6).map(|name| change((name, 0, 3))).collect();
        let all = Change::Pods(Some("shop".into()), there(&pods));
        prop_assert_eq!(last(&play(sets().into_iter().chain(wrong).chain([all]).collect(), every)), last(&listed));
    }

    #[test]
    fn every_statement_is_taken_once_and_in_order(steps in prop::collection::vec((0..4_u8, 1..700_usize), 1..40)) {
        let mut queue = Queue::new(7);
        let (mut pushed, mut taken, mut last) = (0_i64, Vec::<i64>::new(), 6_u64);
        for (step, many) in steps {
            match step {
                // A hub takes a report once; without its answer, which is lost, it comes again.
                0..=2 => {
                    let Some(Batch { sequence, statements }) = queue.send().cloned() else { continue };
                    if sequence > last {
                        last = sequence;
                        taken.extend(statements.iter().map(|it| it.at().ms()));
                    }
                    if step > 0 {
                        prop_assert!(queue.accepted(last));
                    }
                }
                _ => {
                    let numbered = (pushed..pushed + many as i64).map(Span::from_ms);
                    let statements = numbered.map(|ms| Statement::Alive { at: crate::model::time::Time::default() + ms, since: crate::model::time::Time::default() - ms });
                    pushed += many as i64;
                    if !queue.push(statements.collect()) {
                        prop_assert!(queue.is_empty());
                        return Ok(());
                    }
                }
            }
        }
        while let Some(Batch { sequence, statements }) = queue.send().cloned() {
            if sequence > last {
                taken.extend(statements.iter().map(|it| it.at().ms()));
            }
            queue.accepted(sequence);
        }
        prop_assert_eq!(taken, (0..pushed).collect::<Vec<_>>());
    }
}

#[test]
fn another_life_of_the_witness_makes_it_begin_anew() {
    let sign = |second| Statement::Alive { at: at(second), since: at(0) };
    let mut queue = Queue::new(5);
    assert!(queue.push(vec![sign(1)]));
    assert_eq!(queue.send().unwrap().sequence, 5);
    assert!(!queue.accepted(9), "the hub knows a later report than this one");
    assert!(queue.push(vec![sign(2)]));
    assert_eq!(queue.send().unwrap().sequence, 10);
}

#[test]
fn signs_of_life_that_wait_are_one() {
    let sign = |second| Statement::Alive { at: at(second), since: at(0) };
    let mut queue = Queue::new(1);
    (0..1_000).for_each(|second| assert!(queue.push(vec![sign(second)])));
    assert_eq!(queue.send().unwrap().statements, [sign(0), sign(999)]);
}

#[test]
fn the_hub_is_asked_again_ever_more_slowly() {
    for (failures, chance, ms) in
        [(1, 0.0, 500), (1, 1.0, 1_000), (4, 1.0, 8_000), (6, 1.0, 30_000), (99, 0.0, 15_000)]
    {
        assert_eq!(pause(failures, chance), Span::from_ms(ms), "{failures} {chance}");
    }
}
