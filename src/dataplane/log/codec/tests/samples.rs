//! Events that together have every variant of every stored form, named as in the golden file.

use crate::model::act::{Action, Actor, Role, Through, TicketKind, Who};
use crate::model::event::{Event, Excess, Facts, LeftOut, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Reference};
use crate::model::planned::{
    Aim, Caution, ChosenFor, DeployKind, Kubectl, NewSecret, Origin, Planned, Releases, SecretFlaw,
    SilentContainer, Target, Workload, WorkloadKind,
};
use crate::model::releases::{Change, ChangeKind, Registration, Rule};
use crate::model::report::{
    NamedImage, Reason, Report, Revision, RunningImage, Runs, Source, Statement, Trouble,
};
use crate::model::time::Time;

pub(super) struct Named {
    pub(super) name: String,
    pub(super) event: Event,
}

const AT: Time = Time::from_ms(1_772_431_248_032);

/// Number of events, and of actions: those that the two functions below tell apart.
pub(super) const EVENTS: usize = 9;
pub(super) const ACTIONS: usize = 22;

/// A number for each event. A new one gets the next, and a sample.
pub(super) fn event_place(event: &Event) -> usize {
    match event {
        Event::Observed(_) => 0,
        Event::Learned { .. } => 1,
        Event::Gap { .. } => 2,
        Event::Acted(_) => 3,
        Event::Refused { .. } => 4,
        Event::LeftOut(_) => 5,
        Event::ClockStepped { .. } => 6,
        Event::Reported(_) => 7,
        Event::CaughtUp { .. } => 8,
    }
}

/// A number for each action. A new one gets the next, and a sample.
pub(super) fn action_place(action: &Action) -> usize {
    match action {
        Action::EnvironmentCreated { .. } => 0,
        Action::EnvironmentUpdated { .. } => 1,
        Action::EnvironmentDeleted { .. } => 2,
        Action::TokenCreated { .. } => 3,
        Action::TokenRevoked { .. } => 4,
        Action::TokenRotated { .. } => 5,
        Action::AdminTokenCreated { .. } => 6,
        Action::AdminTokenRevoked { .. } => 7,
        Action::ReleaseAdded(_) => 8,
        Action::DeployPlanned(_) => 9,
        Action::DeployApplied { .. } => 10,
        Action::DeployInterrupted { .. } => 11,
        Action::BackupTaken => 12,
        Action::ReleaseEdited(_) => 13,
        Action::ReleaseYanked { .. } => 14,
        Action::ReleaseDeleted { .. } => 15,
        Action::PublisherTokenCreated { .. } => 16,
        Action::EnvironmentRenamed { .. } => 17,
        Action::ReleaseDated { .. } => 18,
        Action::DeployBegun { .. } => 19,
        Action::TicketUsed { .. } => 20,
        Action::ReplicaForgotten { .. } => 21,
    }
}

pub(super) fn samples() -> Vec<Named> {
    let mut samples = Vec::new();
    let mut add = |name: &str, event| samples.push(Named { name: name.to_owned(), event });
    observed(&mut add);
    counted(&mut add);
    reported(&mut add);
    for (name, by) in actors() {
        add(&format!("by-{name}"), Action::BackupTaken.by(by, AT));
    }
    let (_, ada) = actors().remove(0);
    let mut act = |name: &str, action: Action| add(name, action.by(ada.clone(), AT));
    of_environments(&mut act);
    of_tokens(&mut act);
    of_deploys(&mut act);
    let rolled_back = Caution::RolledBack {
        at: AT,
        from: "v1.2.0".into(),
        to: "v1.1.0".into(),
        fixes: 1,
        titles: vec!["fix: a".into()],
    };
    let again = Planned { cautions: vec![rolled_back], ..planned() };
    act("deploy-planned-again", Action::DeployPlanned(Box::new(again)));
    of_releases(&mut act);
    let (id, environment) = ("dpl_f147a6a9931f".to_owned(), "production".parse().unwrap());
    act("deploy-begun", Action::DeployBegun { id, environment });
    for (name, kind) in [("logged-out", TicketKind::Session), ("agreed", TicketKind::Agreement)] {
        act(name, Action::TicketUsed { kind, id: [9; 16], ends_at: AT });
    }
    act("replica-forgotten", Action::ReplicaForgotten { name: "edge-0".to_owned(), seen_at: AT });
    samples
}

fn observed(add: &mut impl FnMut(&str, Event)) {
    let digest = Digest::from_bytes([0x24; 32]);
    add("observed", Event::Observed(observation()));
    add("observed-refused", Event::Observed(refused()));
    let sha512: Digest = format!("sha512:{}", "51".repeat(64)).parse().unwrap();
    let reference = Reference::Digest(sha512);
    let blob = Observation { reference, digest: Some(sha512), object: Object::Blob, ..observation() };
    add("observed-sha512", Event::Observed(blob));
    let labels = || [("version".to_owned(), "v2.3.1".to_owned())].into();
    for (name, facts) in [
        ("index", Facts::Index { children: vec![digest], labels: labels() }),
        ("manifest", Facts::Manifest { config: digest, labels: labels() }),
        ("config", Facts::Config { labels: labels() }),
    ] {
        let learned = Event::Learned { at: AT, repository: "docker/app".parse().unwrap(), digest, facts };
        add(&format!("learned-{name}"), learned);
    }
}

fn counted(add: &mut impl FnMut(&str, Event)) {
    add("gap", Event::Gap { from: AT, until: AT, lost: 17 });
    add("refused", Event::Refused { last: refused(), first_at: AT, count: 23 });
    for (name, what) in [("observations", Excess::Observations), ("refusals", Excess::Refusals)] {
        let token = TokenId::new("tok_f147a6a9931f");
        let environment = "production".parse().unwrap();
        let left_out = LeftOut { environment, token, from: AT, until: AT, count: 42, what };
        add(&format!("left-out-{name}"), Event::LeftOut(left_out));
    }
    add("clock-stepped", Event::ClockStepped { at: AT, by_ms: -7_200_000 });
    add("caught-up", Event::CaughtUp { at: AT });
}

fn reported(add: &mut impl FnMut(&str, Event)) {
    let image = RunningImage {
        digest: Digest::from_bytes([0x24; 32]),
        reference: Some("v2.3.1".parse().unwrap()),
        running: 3,
        ready: 2,
        nodes: 2,
    };
    let runs = Runs {
        at: AT,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: "deployment/app".into(),
        container: "app".into(),
        repository: "docker/app".parse().unwrap(),
        images: vec![image.clone(), RunningImage { reference: None, ..image }],
        gone: false,
        desired: Some(3),
        host: None,
        troubles: Vec::new(),
    };
    let elsewhere =
        Runs { source: Source::Docker, host: Some("quay.io".into()), desired: None, ..runs.clone() };
    let gone = Runs { images: Vec::new(), gone: true, desired: Some(0), ..runs.clone() };
    let revision = Revision {
        at: AT,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: "deployment/app".into(),
        container: "app".into(),
        repository: "docker/app".parse().unwrap(),
        images: vec![NamedImage { digest: None, reference: Some("v2.3.0".parse().unwrap()) }],
        host: Some("quay.io".into()),
    };
    let reason = Reason::try_from(std::sync::Arc::from("Init:CrashLoopBackOff")).unwrap();
    let troubles = vec![Trouble { reason, reference: Some("v2.3.2".parse().unwrap()), count: 3 }];
    let troubled = Runs { troubles, ..runs.clone() };
    for (name, statement) in [
        ("running", Statement::Running(runs.clone())),
        ("elsewhere", Statement::Running(elsewhere)),
        ("gone", Statement::Running(gone)),
        ("alive", Statement::Alive { at: AT, since: AT }),
        ("past", Statement::Past(revision)),
        ("troubled", Statement::Running(troubled)),
    ] {
        let report = Report {
            at: AT,
            environment: "production".parse().unwrap(),
            token: TokenId::new("tok_f147a6a9931f"),
            witness: "eu-1".into(),
            sequence: 7,
            statements: vec![statement],
        };
        add(&format!("reported-{name}"), Event::Reported(Box::new(report)));
    }
}

fn observation() -> Observation {
    Observation {
        at: AT,
        environment: "production".parse().unwrap(),
        token: TokenId::new("tok_f147a6a9931f"),
        token_kind: TokenKind::Cluster,
        client: "10.10.0.7".into(),
        agent: "containerd/v1.7.22".into(),
        method: Method::Get,
        repository: "docker/app".parse().unwrap(),
        reference: "v2.3.1".parse().unwrap(),
        digest: Some(Digest::from_bytes([0x24; 32])),
        object: Object::Manifest,
        media_type: Some("application/vnd.oci.image.manifest.v1+json".into()),
        status: 200,
        bytes: 1234,
        parent: Some(Digest::from_bytes([0x42; 32])),
    }
}

fn refused() -> Observation {
    Observation {
        token_kind: TokenKind::Local,
        method: Method::Head,
        reference: Reference::Digest(Digest::from_bytes([0x24; 32])),
        digest: None,
        media_type: None,
        status: 404,
        bytes: 0,
        parent: None,
        ..observation()
    }
}

fn actors() -> Vec<(&'static str, Actor)> {
    let ada = Who::AdminToken { id: TokenId::new("adm_f147a6a9931f"), name: "ada".into() };
    let forge = Who::Webhook { name: "forge".into() };
    let from = || Some("10.10.0.9".into());
    vec![
        ("admin-token", Actor { who: ada.clone(), through: Through::Cli, from: from() }),
        ("token-file", Actor { who: Who::TokenFile, through: Through::Api, from: None }),
        ("dashboard", Actor { who: ada.clone(), through: Through::Dashboard, from: from() }),
        ("mcp", Actor { who: ada, through: Through::Mcp, from: from() }),
        ("webhook", Actor { who: forge, through: Through::Webhook, from: from() }),
        ("unknown", Actor { who: Who::Unknown, through: Through::Unknown, from: None }),
    ]
}

fn of_environments(act: &mut impl FnMut(&str, Action)) {
    let name = || "production".parse().unwrap();
    let (description, color) = ("what customers use".into(), "#cc3344".into());
    act("environment-created", Action::EnvironmentCreated { name: name(), description, color });
    let color = Some("#3344cc".into());
    act("environment-updated", Action::EnvironmentUpdated { name: name(), description: None, color });
    let to = "live".parse().unwrap();
    act("environment-renamed", Action::EnvironmentRenamed { from: name(), to });
    act("environment-deleted", Action::EnvironmentDeleted { name: name() });
}

fn of_tokens(act: &mut impl FnMut(&str, Action)) {
    let environment = || "production".parse().unwrap();
    let (id, successor) = (TokenId::new("tok_f147a6a9931f"), TokenId::new("tok_0123456789ab"));
    for kind in TokenKind::ALL {
        let action = Action::TokenCreated {
            environment: environment(),
            id: id.clone(),
            name: "nodes".into(),
            kind,
            secret_sha256: [9; 32],
            expires_at: Some(AT),
        };
        act(&format!("token-created-{}", kind.as_str()), action);
    }
    act("token-revoked", Action::TokenRevoked { environment: environment(), id: id.clone() });
    let (environment, secret_sha256) = (environment(), [8; 32]);
    let rotated =
        Action::TokenRotated { environment, id, ends_at: AT, successor, secret_sha256, expires_at: None };
    act("token-rotated", rotated);
    let id = TokenId::new("adm_f147a6a9931f");
    for role in Role::ALL {
        let (id, name, secret_sha256) = (id.clone(), "ada".into(), [7; 32]);
        let created = Action::AdminTokenCreated { id, name, role, secret_sha256, expires_at: Some(AT) };
        act(&format!("admin-token-created-{}", role.as_str()), created);
    }
    act("admin-token-revoked", Action::AdminTokenRevoked { id: id.clone() });
    let (name, repositories) = ("ci".into(), vec!["docker/app".parse().unwrap()]);
    let created = Action::PublisherTokenCreated {
        id,
        name,
        repositories,
        secret_sha256: [6; 32],
        expires_at: Some(AT),
    };
    act("publisher-token-created", created);
}

fn of_releases(act: &mut impl FnMut(&str, Action)) {
    let repository = || "docker/app".parse().unwrap();
    let version = || "v2.3.1".to_owned();
    act("release-added", Action::ReleaseAdded(Box::new(registration())));
    act("release-edited", Action::ReleaseEdited(Box::new(registration())));
    for (name, is_yanked) in [("release-yanked", true), ("release-unyanked", false)] {
        act(name, Action::ReleaseYanked { repository: repository(), version: version(), is_yanked });
    }
    act("release-deleted", Action::ReleaseDeleted { repository: repository(), version: version() });
    let committed_at = vec![AT, Time::from_ms(0)];
    act("release-dated", Action::ReleaseDated { repository: repository(), version: version(), committed_at });
}

fn of_deploys(act: &mut impl FnMut(&str, Action)) {
    let environment = || "production".parse().unwrap();
    let id = || "dpl_f147a6a9931f".to_owned();
    for kind in [
        DeployKind::Initial,
        DeployKind::Upgrade,
        DeployKind::Rollback,
        DeployKind::Rebuild,
        DeployKind::Changed,
        DeployKind::Unchanged,
    ] {
        let name = format!("deploy-planned-{kind:?}").to_lowercase();
        act(&name, Action::DeployPlanned(Box::new(Planned { kind, ..planned() })));
    }
    let cautions = cautions();
    act(
        "deploy-planned-aimed",
        Action::DeployPlanned(Box::new(Planned { aim: Some(aim()), cautions, ..planned() })),
    );
    let yanked = Planned { cautions: vec![Caution::Yanked], ..planned() };
    act("deploy-planned-yanked", Action::DeployPlanned(Box::new(yanked)));
    let workloads = vec!["deployment/app in shop".into()];
    act("deploy-applied", Action::DeployApplied { id: id(), environment: environment(), workloads });
    let interrupted = Action::DeployInterrupted {
        id: id(),
        environment: environment(),
        applied: vec!["deployment/app in shop".into()],
        not_applied: vec!["cronjob/cleanup in shop".into()],
        why: "the cluster does not answer".into(),
    };
    act("deploy-interrupted", interrupted);
}

fn planned() -> Planned {
    let lost = Releases {
        versions: vec!["v2.3.1".into()],
        count: 1,
        fixes: 3,
        security_fixes: 2,
        titles: vec!["Login times out".into()],
    };
    let workload =
        Workload { kind: WorkloadKind::Deployment, name: "app".into(), container: Some("main".into()) };
    Planned {
        id: "dpl_f147a6a9931f".into(),
        environment: "production".parse().unwrap(),
        repository: "docker/app".parse().unwrap(),
        version: "v2.3.0".into(),
        digest: Some(Digest::from_bytes([0x24; 32])),
        image: "registry.test/docker/app@sha256:2424".into(),
        kind: DeployKind::Rollback,
        from: Some(Origin { digest: Digest::from_bytes([0x42; 32]), version: Some("v2.3.1".into()) }),
        chosen_for: Some(ChosenFor { title: "Login times out".into(), pr: Some(4511) }),
        gained: Releases::default(),
        lost,
        kubectl: Kubectl { context: Some("prod".into()), namespace: Some("shop".into()) },
        aim: None,
        workloads: vec![workload],
        new_secret: Some(NewSecret { host: "registry.test".into(), replaces: true }),
        cautions: Vec::new(),
    }
}

fn aim() -> Aim {
    let target = |kind| Target {
        kind,
        name: "cleanup".into(),
        containers: vec!["app".into()],
        init_containers: vec!["migrate".into()],
    };
    Aim { namespace: "shop".into(), targets: WorkloadKind::ALL.into_iter().map(target).collect() }
}

fn cautions() -> Vec<Caution> {
    let namespace = || "shop".to_owned();
    let secret = |flaw| Caution::PullSecret { namespace: namespace(), flaw };
    let container = SilentContainer { container: "deployment/app:main".into(), policy: "Never".into() };
    vec![
        Caution::Rollback,
        Caution::AlreadyRunning,
        Caution::AlreadyLive,
        Caution::RollingOut,
        Caution::Failing { status: 404 },
        Caution::NoLiveToken,
        Caution::DigestUnknown,
        Caution::NeverSeen,
        Caution::HeldByNodes,
        Caution::ClusterUnknown { why: "it does not answer".into() },
        Caution::NoWorkload { namespace: namespace() },
        secret(SecretFlaw::Absent),
        secret(SecretFlaw::OtherKind),
        secret(SecretFlaw::OtherHost),
        secret(SecretFlaw::NotAccepted),
        Caution::PullPolicy { containers: vec![container] },
        Caution::WorkloadGuessed,
    ]
}

/// With every kind of change and every rule.
fn registration() -> Registration {
    let kinds = [
        ChangeKind::Feature,
        ChangeKind::Fix,
        ChangeKind::Perf,
        ChangeKind::Security,
        ChangeKind::Breaking,
        ChangeKind::Docs,
        ChangeKind::Other,
    ];
    let rules = [
        Rule::Given,
        Rule::BreakingMarker,
        Rule::Cve,
        Rule::SecurityScope,
        Rule::Section,
        Rule::Dependency,
        Rule::SecurityPhrase,
        Rule::ConventionalType,
        Rule::Gitmoji,
        Rule::FirstWord,
        Rule::Unclassified,
    ];
    let change = |(kind, rule)| Change {
        kind,
        title: "Login times out".into(),
        pr: Some(4511),
        issue: None,
        commit: Some("0123456".into()),
        author: Some("ada".into()),
        rule: Some(rule),
    };
    Registration {
        digests: vec![Digest::from_bytes([0x24; 32])],
        revision: Some("0123456789abcdef".into()),
        created_at: Some(AT),
        parents: vec!["v2.3.0".into()],
        changes: kinds.into_iter().cycle().zip(rules).map(change).collect(),
        ..Registration::named("docker/app".parse().unwrap(), "v2.3.1")
    }
}
