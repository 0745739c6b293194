//! Containers that do not run are told with their reason, on every surface, for as long as a witness that is alive says so.

use super::cluster::Clusters;
use super::{DAY, after, env};
use crate::model::questions::{across, running};
use crate::wire::{Phase, Running};
use crate::wording::{self, agent};

/// Production as it is asked `minutes` after the day.
fn asked(told: &Clusters, minutes: i64) -> Running {
    running(&told.state, &env("production"), after(DAY + minutes))
}

fn texts(running: &Running) -> [String; 3] {
    [
        wording::running(running, None),
        agent::running(running),
        wording::troubles(std::slice::from_ref(running)),
    ]
}

#[test]
fn reasons_are_grouped_by_what_pods_fail_at() {
    for (troubles, expected) in [
        (&[("CrashLoopBackOff", 1, 3)][..], "deployment/web, v1.1: 3 of 5 pods crash: CrashLoopBackOff"),
        (&[("OOMKilled", 1, 1)], "deployment/web, v1.1: 1 of 5 pods crashes: OOMKilled"),
        (
            &[("Init:CrashLoopBackOff", 1, 2)],
            "deployment/web, v1.1: 2 of 5 pods crash: Init:CrashLoopBackOff",
        ),
        (
            &[("CrashLoopBackOff", 1, 2), ("OOMKilled", 1, 1)],
            ": 3 of 5 pods crash: CrashLoopBackOff, OOMKilled",
        ),
        (
            &[("ImagePullBackOff", 1, 2), ("ErrImagePull", 1, 1)],
            "deployment/web, v1.1: 3 of 5 pods cannot pull their image: ErrImagePull, ImagePullBackOff",
        ),
        (
            &[("CreateContainerConfigError", 1, 1)],
            "deployment/web, v1.1: 1 of 5 pods does not start: CreateContainerConfigError",
        ),
        (
            &[("ImagePullBackOff", 1, 1), ("CrashLoopBackOff", 0, 2)],
            "deployment/web: 1 of 5 pods cannot pull its image: ImagePullBackOff; 2 of 5 pods crash: CrashLoopBackOff",
        ),
        (&[("CrashLoopBackOff", 1, 7)], "7 of 7 pods crash"),
    ] {
        let mut told = Clusters::of(&["web"]);
        told.runs("production", "web", 1, &[(0, 5, 5)]);
        told.fails("production", "web", DAY, &[(0, 5, 5)], troubles);
        for text in texts(&asked(&told, 1)) {
            assert!(text.contains(expected), "{troubles:?}: {text}");
        }
    }
}

#[test]
fn troubles_end_with_what_tells_of_them() {
    let mut told = Clusters::of(&["web"]);
    told.runs("production", "web", 1, &[(0, 5, 5)]);
    told.fails("production", "web", DAY, &[(0, 4, 4)], &[("CrashLoopBackOff", 1, 1)]);
    let before = asked(&told, 1);
    assert_eq!(before.services[0].workloads[0].troubles.len(), 1, "{before:#?}");
    assert_eq!(before.services[0].workloads[0].troubles[0].of, 5);
    let silent = asked(&told, 10);
    assert!(silent.services[0].workloads[0].troubles.is_empty(), "nobody sees: {silent:#?}");
    told.runs("production", "web", DAY + 2, &[(1, 5, 5)]);
    let after = asked(&told, 3);
    assert!(texts(&after).iter().all(|text| !text.contains("crash")), "{after:#?}");
    told.fails("production", "web", DAY + 4, &[], &[("CrashLoopBackOff", 1, 5)]);
    let down = asked(&told, 5);
    assert_eq!(down.services[0].state, Phase::RollingOut, "neither removed nor at zero: {down:#?}");
    told.is_gone("production", "web", DAY + 6);
    assert!(asked(&told, 7).services[0].workloads.is_empty());
}

#[test]
fn a_service_that_never_came_up_is_told() {
    let mut told = Clusters::of(&["web"]);
    told.fails("production", "web", DAY, &[], &[("ImagePullBackOff", 0, 5)]);
    let answer = asked(&told, 1);
    assert!(answer.services.is_empty() && answer.unstarted.len() == 1, "{answer:#?}");
    for text in texts(&answer) {
        assert!(text.contains("5 of 5 pods cannot pull their image: ImagePullBackOff"), "{text}");
    }
    let names = [env("production")];
    let across = across(&told.state, &names, &super::repository("web"), None, after(DAY + 1), 9);
    assert_eq!(across.stuck.len(), 1, "{across:#?}");
}
