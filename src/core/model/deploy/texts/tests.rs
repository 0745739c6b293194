//! Texts that people read of a record, word for word.

use super::*;
use crate::model::oci::Digest;
use crate::model::planned::{ChosenFor, Kubectl, Origin, WorkloadKind};

fn planned() -> Planned {
    let workload = Workload { kind: WorkloadKind::Deployment, name: "pay".into(), container: None };
    Planned {
        id: "dpl_1".into(),
        environment: "staging".parse().unwrap(),
        repository: "shop/pay".parse().unwrap(),
        version: "v1.0.0".into(),
        digest: Some(Digest::from_bytes([0x24; 32])),
        image: "registry.test/shop/pay@sha256:24".into(),
        kind: DeployKind::Rollback,
        from: Some(Origin { digest: Digest::from_bytes([0x42; 32]), version: Some("v1.2.0".into()) }),
        chosen_for: None,
        gained: Releases::default(),
        lost: Releases::default(),
        kubectl: Kubectl::default(),
        aim: None,
        workloads: vec![workload],
        new_secret: None,
        cautions: Vec::new(),
    }
}

#[test]
fn every_caution_is_a_warning_with_what_to_do() {
    let container = |container: &str, policy: &str| SilentContainer {
        container: container.into(),
        policy: policy.into(),
    };
    let secret = |flaw| Caution::PullSecret { namespace: "shop".into(), flaw };
    let of_secret = |what: &str| {
        format!(
            "the secret landfall-staging of the namespace shop {what}; the first commands make it anew with a new token \
             and let the default service account use it. Landfall makes the secret when it applies the plan, and adds it \
             to pods that name pull secrets; where pods rely on their service account, patch that yourself"
        )
    };
    for (caution, kind, text) in [
        (
            Caution::Rollback,
            DeployWarningKind::Rollback,
            "this is a rollback: it reverts 2 releases with 1 fix (1 of security)",
        ),
        (
            Caution::AlreadyRunning,
            DeployWarningKind::AlreadyRunning,
            "staging was last seen to run this image already",
        ),
        (
            Caution::AlreadyLive,
            DeployWarningKind::AlreadyLive,
            "what staging runs contains the change already: there is nothing to deploy",
        ),
        (
            Caution::RollingOut,
            DeployWarningKind::RollingOut,
            "a rollout of shop/pay is going on in staging; wait until it has settled, or end it first",
        ),
        (
            Caution::Failing { status: 404 },
            DeployWarningKind::Failing,
            "pulls of shop/pay fail in staging at the moment: the registry does not have it",
        ),
        (
            Caution::NoLiveToken,
            DeployWarningKind::NoLiveToken,
            "no cluster token of staging is accepted, so nodes cannot pull; the first commands make one and its pull \
             secret (or make it with create_token and use the command that it returns)",
        ),
        (
            Caution::DigestUnknown,
            DeployWarningKind::DigestUnknown,
            "no digest of the release is known, so the image is named by its tag, which can move; register the release's \
             digest to pin it",
        ),
        (
            Caution::NeverSeen,
            DeployWarningKind::NeverSeen,
            "staging was never seen to run shop/pay: make sure that the environment and the names are right",
        ),
        (
            Caution::HeldByNodes,
            DeployWarningKind::PullPolicy,
            "nodes of staging pulled this image before: those that still hold it ask for nothing under imagePullPolicy \
             IfNotPresent (the default for an image by digest), and Landfall may not see the rollout; with Always each \
             start asks",
        ),
        (
            Caution::PullPolicy {
                containers: vec![
                    container("deployment/pay:app", "Never"),
                    container("deployment/pay:log", "IfNotPresent"),
                ],
            },
            DeployWarningKind::PullPolicy,
            "nodes that hold the image ask for nothing under the imagePullPolicy of deployment/pay:app (Never), \
             deployment/pay:log (IfNotPresent), and Landfall may not see the rollout; with Always each start asks",
        ),
        (
            Caution::ClusterUnknown { why: "it does not answer".into() },
            DeployWarningKind::ClusterUnknown,
            "the cluster of staging did not say which workloads it has: it does not answer",
        ),
        (
            Caution::NoWorkload { namespace: "shop".into() },
            DeployWarningKind::NoWorkload,
            "no workload of the namespace shop uses shop/pay, or not the one that was named: Landfall applies nothing \
             here. Make the workload first, or name its container (workload KIND/NAME:CONTAINER)",
        ),
        (secret(SecretFlaw::Absent), DeployWarningKind::PullSecret, &of_secret("is not there")),
        (
            secret(SecretFlaw::OtherKind),
            DeployWarningKind::PullSecret,
            &of_secret("is no pull secret (kubernetes.io/dockerconfigjson)"),
        ),
        (
            secret(SecretFlaw::OtherHost),
            DeployWarningKind::PullSecret,
            &of_secret("has no password for this proxy"),
        ),
        (
            secret(SecretFlaw::NotAccepted),
            DeployWarningKind::PullSecret,
            &of_secret("holds a token that is not accepted as this environment's cluster"),
        ),
        (
            Caution::RolledBack {
                at: "2026-05-13T11:15:00Z".parse().unwrap(),
                from: "v1.2.0".into(),
                to: "v1.1.0".into(),
                fixes: 2,
                titles: vec!["fix: login".into()],
            },
            DeployWarningKind::RolledBack,
            "staging was rolled back from v1.2.0 to v1.1.0 at 2026-05-13T11:15:00.000Z, which took away 2 fixes: \
             “fix: login” and more",
        ),
        (
            Caution::WorkloadGuessed,
            DeployWarningKind::WorkloadGuessed,
            "nobody named the workload: the commands mean deployment/pay and a container of the image's name; say which \
             (workload KIND/NAME:CONTAINER), and the namespace if it is another",
        ),
        (
            Caution::Yanked,
            DeployWarningKind::Yanked,
            "the release was yanked: its publisher wants it deployed no more",
        ),
    ] {
        let lost = Releases { count: 2, fixes: 1, security_fixes: 1, ..Releases::default() };
        let planned = Planned { lost, cautions: vec![caution], ..planned() };
        assert_eq!(warnings(&planned), [DeployWarning { kind, text: text.to_owned() }]);
    }
}

#[test]
fn a_plan_says_from_what_to_what_and_what_that_weighs() {
    let origin = |version: Option<&str>| {
        Some(Origin { digest: Digest::from_bytes([0x42; 32]), version: version.map(str::to_owned) })
    };
    for (kind, from, expected) in [
        (
            DeployKind::Initial,
            None,
            "This brings shop/pay v1.0.0 to staging, where nothing of it was seen to run when this was planned.",
        ),
        (
            DeployKind::Upgrade,
            origin(Some("v0.9.0")),
            "This upgrades staging from v0.9.0 to shop/pay v1.0.0.",
        ),
        (DeployKind::Upgrade, origin(None), "This upgrades staging from 424242424242 to shop/pay v1.0.0."),
        (
            DeployKind::Rollback,
            origin(Some("v1.2.0")),
            "This is a rollback of staging from v1.2.0 to shop/pay v1.0.0.",
        ),
        (
            DeployKind::Rebuild,
            origin(Some("v1.0.0")),
            "This moves staging to another image of shop/pay v1.0.0, the version that it runs.",
        ),
        (
            DeployKind::Changed,
            origin(Some("v1.2.0")),
            "This moves staging from v1.2.0 to shop/pay v1.0.0; which of the two is later cannot be told, or neither \
             contains the other.",
        ),
        (
            DeployKind::Unchanged,
            origin(Some("v1.0.0")),
            "staging ran shop/pay v1.0.0 when this was planned: there was nothing to deploy then.",
        ),
    ] {
        assert_eq!(text(&Planned { kind, from, ..planned() }, None), expected);
    }
    let titles = |titles: &[&str]| titles.iter().map(|&title| title.to_owned()).collect();
    let gained = Releases { count: 1, fixes: 1, titles: titles(&["fix: a leak"]), ..Releases::default() };
    let lost = Releases {
        count: 3,
        fixes: 5,
        titles: titles(&["fix: b", "fix: c", "fix: d"]),
        ..Releases::default()
    };
    let chosen_for = Some(ChosenFor { title: "fix: a leak".into(), pr: Some(12) });
    assert_eq!(
        text(&Planned { chosen_for, gained, lost, ..planned() }, None),
        "This is a rollback of staging from v1.2.0 to shop/pay v1.0.0. It was chosen for “fix: a leak” (#12). What comes: \
         1 release with 1 fix: “fix: a leak”. What is lost: 3 releases with 5 fixes: “fix: b”, “fix: c”, “fix: d” and more."
    );
    let lost = Releases { count: 1, ..Releases::default() };
    assert!(text(&Planned { lost, ..planned() }, None).ends_with(" What is lost: 1 release with 0 fixes."));
}
