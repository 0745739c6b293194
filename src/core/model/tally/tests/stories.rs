//! Statements after one change and another.

use super::build::{at, begun, ended, key, owner, pod, running, told, unready, waiting};
use crate::model::report::{Source, Statement, TROUBLES_MAX};
use crate::model::tally::{Change, Container, ContainerState, Heard, OwnerKey, Role, Witness, trouble};

#[test]
fn a_beginning_is_all_that_there_is_between_two_signs_of_life() {
    let mut witness = Witness::new(Source::Kubernetes, 2);
    witness.hear(Heard::Change(pod("a", "web-1f", vec![running("v1")])));
    witness.hear(Heard::Whole(0, at(0), at(1)));
    assert_eq!(witness.say(at(2)), [], "the other source has yet to tell");
    witness.hear(Heard::Change(Change::Owner(owner("ReplicaSet/web-1f", "Deployment/web", 1, "v1", 1))));
    witness.hear(Heard::Change(Change::Owner(owner("ReplicaSet/idle-1f", "Deployment/idle", 0, "v2", 1))));
    witness.hear(Heard::Whole(1, at(1), at(3)));
    let said = witness.say(at(4));
    assert_eq!(said[0], Statement::Alive { at: at(1), since: at(1) });
    assert_eq!(
        said[said.len() - 1],
        Statement::Alive { at: at(1) + crate::model::time::Span::from_ms(1), since: at(1) }
    );
    assert_eq!(told(&said), ["deployment/idle app:  of 0", "deployment/web app: v1 1/1 on 1 of 1"]);
    assert_eq!(witness.say(at(5)), []);
}

#[test]
fn each_change_of_the_set_is_told_at_once() {
    let mut witness = begun(vec![pod("a", "web-1f", vec![running("v1")])]);
    for (change, expected) in [
        (pod("b", "web-2f", vec![waiting("v2", "ContainerCreating")]), ""),
        (
            pod("b", "web-2f", vec![waiting("v2", "ImagePullBackOff")]),
            "deployment/web app: v1 1/1 on 1; v2 ImagePullBackOff ×1",
        ),
        (pod("b", "web-2f", vec![unready("v2")]), "deployment/web app: v1 1/1 on 1, v2 0/1 on 1"),
        (pod("b", "web-2f", vec![running("v2")]), "deployment/web app: v1 1/1 on 1, v2 1/1 on 1"),
        (pod("b", "web-2f", vec![unready("v2")]), ""),
        (pod("b", "web-2f", vec![running("v2")]), ""),
        (Change::PodGone(key("a")), "deployment/web app: v2 1/1 on 1"),
        (Change::PodGone(key("a")), ""),
        (
            pod("b", "web-2f", vec![waiting("v2", "CrashLoopBackOff")]),
            "deployment/web app: ; v2 CrashLoopBackOff ×1",
        ),
        (Change::PodGone(key("b")), "deployment/web app:  gone"),
        (Change::PodGone(key("b")), ""),
    ] {
        let what = format!("{change:?}");
        witness.hear(Heard::Change(change));
        assert_eq!(told(&witness.say(at(1))).join("; "), expected, "{what}");
    }
}

#[test]
fn numbers_alone_are_told_once_a_minute() {
    let mut witness = begun(vec![pod("a", "web-1f", vec![running("v1")])]);
    for (second, name) in [(1, "b"), (20, "c"), (59, "d")] {
        witness.hear(Heard::Change(pod(name, "web-1f", vec![running("v1")])));
        assert_eq!(told(&witness.say(at(second))), [""; 0], "{name}");
    }
    assert_eq!(witness.due(at(59)), at(60));
    assert_eq!(told(&witness.say(at(60))), ["deployment/web app: v1 4/4 on 4"]);
    assert_eq!(told(&witness.say(at(120))), [""; 0]);
}

#[test]
fn a_workload_at_zero_is_not_one_that_is_gone() {
    let set = |desired| Change::Owner(owner("ReplicaSet/web-1f", "Deployment/web", desired, "v1", 1));
    let mut witness = begun(vec![set(1), pod("a", "web-1f", vec![running("v1")])]);
    witness.hear(Heard::Change(set(0)));
    assert_eq!(told(&witness.say(at(1))), [""; 0]);
    witness.hear(Heard::Change(Change::PodGone(key("a"))));
    assert_eq!(told(&witness.say(at(2))), ["deployment/web app:  of 0"]);
    witness.hear(Heard::Change(Change::OwnerGone("shop".into(), OwnerKey::new("ReplicaSet", "web-1f"))));
    assert_eq!(told(&witness.say(at(3))), ["deployment/web app:  gone"]);
    assert_eq!(told(&witness.say(at(90))), [""; 0]);
}

#[test]
fn what_runs_is_told_of_what_a_pod_is_for() {
    let beside = |role, version: &str| Container { name: version.into(), role, ..running(version) };
    let containers = vec![
        beside(Role::Init, "job"),
        beside(Role::Ephemeral, "v3"),
        beside(Role::Sidecar, "side"),
        running("v1"),
    ];
    let mut witness = begun(vec![]);
    witness.hear(Heard::Change(pod("a", "web-1f", containers)));
    assert_eq!(
        told(&witness.say(at(1))),
        ["deployment/web app: v1 1/1 on 1", "deployment/web side: side 1/1 on 1"]
    );
}

#[test]
fn a_finished_job_runs_nothing() {
    let mut witness = begun(vec![]);
    let job = || Change::Owner(owner("Job/nightly-29500000", "CronJob/nightly", 1, "job", 1));
    witness.hear(Heard::Change(job()));
    witness.say(at(1));
    witness.hear(Heard::Change(pod("n", "Job/nightly-29500000", vec![running("job")])));
    assert_eq!(told(&witness.say(at(2))), ["cronjob/nightly app: job 1/1 on 1 of 1"]);
    witness.hear(Heard::Change(pod("n", "Job/nightly-29500000", vec![ended("job")])));
    assert_eq!(told(&witness.say(at(3))), ["cronjob/nightly app:  of 1"]);
}

#[test]
fn the_top_owner_is_the_workload() {
    for (owner_of_pod, known, expected) in [
        ("web-1f", None, "deployment/web"), // by its name, until it is known
        ("web-1f", Some(owner("ReplicaSet/web-1f", "Rollout/web", 1, "v1", 1)), "rollout/web"),
        ("web-1f", Some(owner("ReplicaSet/web-1f", "", 1, "v1", 1)), "replicaset/web-1f"),
        ("StatefulSet/db", None, "statefulset/db"),
        ("DaemonSet/logs", None, "daemonset/logs"),
        ("Job/migrate", None, "job/migrate"),
        ("Job/nightly-29500000", None, "cronjob/nightly"),
        ("Job/by-hand", Some(owner("Job/by-hand", "CronJob/nightly", 1, "v1", 1)), "cronjob/nightly"),
        ("Game/lobby", None, "game/lobby"),
        ("", None, "pod/a"),
    ] {
        let mut witness = begun(vec![]);
        witness.hear(Heard::Change(pod("a", owner_of_pod, vec![running("v1")])));
        let mut said = witness.say(at(1));
        if let Some(known) = known {
            witness.hear(Heard::Change(Change::Owner(known)));
            said.extend(witness.say(at(2)));
        }
        let told = told(&said);
        assert!(
            told.last().unwrap().starts_with(expected) || told.iter().any(|it| it.starts_with(expected)),
            "{told:?}"
        );
        let gone = told.iter().filter(|it| it.ends_with("gone")).count();
        assert_eq!(gone, usize::from(told.len() > 1), "what was guessed wrong is taken back: {told:?}");
    }
}

#[test]
fn a_sign_of_life_says_only_what_every_source_has_seen() {
    let mut witness = Witness::new(Source::Kubernetes, 2);
    witness.hear(Heard::Whole(0, at(0), at(1)));
    witness.hear(Heard::Whole(1, at(0), at(1)));
    witness.say(at(1));
    witness.hear(Heard::Until(0, at(31)));
    witness.hear(Heard::Until(1, at(20)));
    assert_eq!(witness.say(at(31)), [Statement::Alive { at: at(20), since: at(0) }]);
    witness.hear(Heard::Until(0, at(60)));
    assert_eq!(witness.say(at(62)), [], "the other source has fallen silent");
    witness.hear(Heard::Lost(1));
    assert_eq!(witness.say(at(100)), []);
    witness.hear(Heard::Whole(1, at(110), at(111)));
    let said = witness.say(at(112));
    assert_eq!(said[0], Statement::Alive { at: at(110), since: at(110) });
}

#[test]
fn a_new_beginning_is_later_than_what_was_said() {
    let mut witness = begun(vec![]);
    witness.hear(Heard::Until(0, at(40)));
    witness.say(at(41));
    witness.begin_anew();
    let Statement::Alive { since, .. } = witness.say(at(42))[0] else { panic!() };
    assert!(since > at(40), "{since}");
}

#[test]
fn revisions_are_history() {
    let mut witness = Witness::new(Source::Kubernetes, 1);
    witness.hear(Heard::Change(Change::Owner(owner("ReplicaSet/web-2f", "Deployment/web", 1, "v2", 2))));
    witness.hear(Heard::Change(Change::Owner(owner("ReplicaSet/web-1f", "Deployment/web", 0, "v1", 1))));
    witness.hear(Heard::Change(pod("a", "web-2f", vec![running("v2")])));
    witness.hear(Heard::Whole(0, at(9), at(10)));
    let past = |said: Vec<Statement>| -> Vec<_> {
        let past =
            said.into_iter().filter_map(|it| if let Statement::Past(it) = it { Some(it) } else { None });
        past.map(|it| {
            (it.at, it.images[0].reference.as_ref().unwrap().to_string(), it.images[0].digest.is_some())
        })
        .collect()
    };
    assert_eq!(past(witness.say(at(10))), [(at(1), "v1".to_owned(), false), (at(2), "v2".to_owned(), false)]);
    witness.begin_anew();
    assert_eq!(past(witness.say(at(11))), [], "history is told once");
}

#[test]
fn troubles_are_kept_by_their_names() {
    let mut witness = begun(vec![pod("a", "web-1f", vec![waiting("v1", "ImagePullBackOff")])]);
    witness.hear(Heard::Change(pod("b", "web-1f", vec![waiting("v1", "ContainerCreating")])));
    let ended = Container { state: ContainerState::Ended(trouble("OOMKilled")), ..running("v1") };
    witness.hear(Heard::Change(pod("c", "web-1f", vec![ended])));
    let said = told(&witness.say(at(1)));
    assert_eq!(said, ["deployment/web app: ; v1 ImagePullBackOff ×1; v1 OOMKilled ×1"], "at once");
    witness.hear(Heard::Change(pod("d", "web-1f", vec![waiting("v1", "ImagePullBackOff")])));
    assert_eq!(told(&witness.say(at(2))), Vec::<String>::new(), "another pod, the same troubles");
    assert_eq!(told(&witness.say(at(61))), ["deployment/web app: ; v1 ImagePullBackOff ×2; v1 OOMKilled ×1"]);
    for name in ["a", "b", "c", "d"] {
        witness.hear(Heard::Change(pod(name, "web-1f", vec![running("v1")])));
    }
    assert_eq!(told(&witness.say(at(62))), ["deployment/web app: v1 4/4 on 4"], "none any more");
}

#[test]
fn more_reasons_than_may_be_told_are_those_that_keep_most_from_running() {
    let mut witness = begun(vec![]);
    for reason in 0..20 {
        for number in 0..=reason {
            let container = waiting("v1", &format!("Reason{reason}"));
            witness.hear(Heard::Change(pod(&format!("{reason}-{number}"), "web-1f", vec![container])));
        }
    }
    let said = witness.say(at(1));
    let Some(Statement::Running(runs)) = said.first() else { panic!("{said:?}") };
    assert_eq!((runs.troubles.len(), runs.troubles[0].count), (TROUBLES_MAX, 20));
}
