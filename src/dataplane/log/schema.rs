//! The events as the log's bytes have them: postcard's encoding of these types, in this order of fields and variants.
//!
//! They are a copy of the model's types on purpose, and the only types that the bytes depend on. The model's may change as
//! the code needs it: the compiler then asks how the stored form becomes the new one. They have no behaviour and no
//! sentences, so nothing that is shown is stored. One list of plain data is smaller than keeping each type of the model in
//! the shape that its bytes once had, and a later version can freeze this file as it is and decode with it.
//!
//! Rules of change: a new variant goes at the end of its enum and keeps the version; any other change is a new version
//! (`codec`). `tests/golden` pins the bytes.

mod form;
mod statement;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{SerializeStruct, SerializeStructVariant};
use serde::{Deserialize, Serializer};

use form::stored;
pub(super) use form::{As, Form};
use statement::Statement;

use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::releases;
use crate::model::time::Time;
use crate::model::{act, event, names, planned, report};

stored! {
    enum event::Event {
        Observed(it: Observation),
        Learned { at: Time, repository: Repository, digest: Digest, facts: Facts },
        Gap { from: Time, until: Time, lost: u64 },
        Acted(it: Box<Act>),
        Refused { last: Observation, first_at: Time, count: u64 },
        LeftOut(it: LeftOut),
        ClockStepped { at: Time, by_ms: i64 },
        Reported(it: Box<Report>),
        CaughtUp { at: Time },
    }

    struct event::Observation {
        at: Time,
        environment: EnvironmentName,
        token: TokenId,
        token_kind: TokenKind,
        client: Arc<str>,
        agent: Arc<str>,
        method: Method,
        repository: Repository,
        reference: Reference,
        digest: Option<Digest>,
        object: Object,
        media_type: Option<Arc<str>>,
        status: u16,
        bytes: u64,
        parent: Option<Digest>,
    }

    enum names::TokenKind { Cluster, Local, Prepull, Scanner, Host, Agent }

    enum event::Method { Head, Get }

    enum event::Object { Manifest, Blob }

    enum event::Facts {
        Index { children: Vec<Digest>, labels: BTreeMap<String, String> },
        Manifest { config: Digest, labels: BTreeMap<String, String> },
        Config { labels: BTreeMap<String, String> },
    }

    struct event::LeftOut {
        environment: EnvironmentName,
        token: TokenId,
        from: Time,
        until: Time,
        count: u64,
        what: Excess,
    }

    enum event::Excess { Observations, Refusals }
}

stored! {
    struct report::Report {
        at: Time,
        environment: EnvironmentName,
        token: TokenId,
        witness: Arc<str>,
        sequence: u64,
        statements: Vec<Statement>,
    }
}

stored! {
    struct act::Act { at: Time, by: Actor, action: Action }

    struct act::Actor { who: Who, through: Through, from: Option<Arc<str>> }

    enum act::Who {
        Unknown,
        TokenFile,
        AdminToken { id: TokenId, name: String },
        Webhook { name: String },
    }

    enum act::Through { Unknown, Api, Cli, Dashboard, Mcp, Webhook }

    enum act::Action {
        EnvironmentCreated { name: EnvironmentName, description: String, color: String },
        EnvironmentUpdated { name: EnvironmentName, description: Option<String>, color: Option<String> },
        EnvironmentDeleted { name: EnvironmentName },
        TokenCreated {
            environment: EnvironmentName,
            id: TokenId,
            name: String,
            kind: TokenKind,
            secret_sha256: [u8; 32],
            expires_at: Option<Time>,
        },
        TokenRevoked { environment: EnvironmentName, id: TokenId },
        TokenRotated {
            environment: EnvironmentName,
            id: TokenId,
            ends_at: Time,
            successor: TokenId,
            secret_sha256: [u8; 32],
            expires_at: Option<Time>,
        },
        AdminTokenCreated {
            id: TokenId,
            name: String,
            role: Role,
            secret_sha256: [u8; 32],
            expires_at: Option<Time>,
        },
        AdminTokenRevoked { id: TokenId },
        ReleaseAdded(it: Box<Registration>),
        DeployPlanned(it: Box<Planned>),
        DeployApplied { id: String, environment: EnvironmentName, workloads: Vec<String> },
        DeployInterrupted {
            id: String,
            environment: EnvironmentName,
            applied: Vec<String>,
            not_applied: Vec<String>,
            why: String,
        },
        BackupTaken,
        ReleaseEdited(it: Box<Registration>),
        ReleaseYanked { repository: Repository, version: String, is_yanked: bool },
        ReleaseDeleted { repository: Repository, version: String },
        PublisherTokenCreated {
            id: TokenId,
            name: String,
            repositories: Vec<Repository>,
            secret_sha256: [u8; 32],
            expires_at: Option<Time>,
        },
        EnvironmentRenamed { from: EnvironmentName, to: EnvironmentName },
        ReleaseDated { repository: Repository, version: String, committed_at: Vec<Time> },
        DeployBegun { id: String, environment: EnvironmentName },
        TicketUsed { kind: TicketKind, id: [u8; 16], ends_at: Time },
        ReplicaForgotten { name: String, seen_at: Time },
    }

    enum act::TicketKind { Session, Agreement }

    enum act::Role { Viewer, Admin, Publisher }
}

stored! {
    struct releases::Registration {
        repository: Repository,
        version: String,
        digests: Vec<Digest>,
        revision: Option<String>,
        created_at: Option<Time>,
        parents: Vec<String>,
        changes: Vec<Change>,
    }

    struct releases::Change {
        kind: ChangeKind,
        title: String,
        pr: Option<u64>,
        issue: Option<u64>,
        commit: Option<String>,
        author: Option<String>,
        rule: Option<Rule>,
    }

    enum releases::ChangeKind { Feature, Fix, Perf, Security, Breaking, Docs, Other }

    enum releases::Rule {
        Given,
        BreakingMarker,
        Cve,
        SecurityScope,
        Section,
        Dependency,
        SecurityPhrase,
        ConventionalType,
        Gitmoji,
        FirstWord,
        Unclassified,
    }
}

stored! {
    struct planned::Planned {
        id: String,
        environment: EnvironmentName,
        repository: Repository,
        version: String,
        digest: Option<Digest>,
        image: String,
        kind: DeployKind,
        from: Option<Origin>,
        chosen_for: Option<ChosenFor>,
        gained: Releases,
        lost: Releases,
        kubectl: Kubectl,
        aim: Option<Aim>,
        workloads: Vec<Workload>,
        new_secret: Option<NewSecret>,
        cautions: Vec<Caution>,
    }

    struct planned::Origin { digest: Digest, version: Option<String> }

    struct planned::ChosenFor { title: String, pr: Option<u64> }

    struct planned::Releases {
        versions: Vec<String>,
        count: u64,
        fixes: u64,
        security_fixes: u64,
        titles: Vec<String>,
    }

    enum planned::DeployKind { Initial, Upgrade, Rollback, Rebuild, Changed, Unchanged }

    struct planned::Kubectl { context: Option<String>, namespace: Option<String> }

    struct planned::Aim { namespace: String, targets: Vec<Target> }

    struct planned::Target {
        kind: WorkloadKind,
        name: String,
        containers: Vec<String>,
        init_containers: Vec<String>,
    }

    struct planned::Workload { kind: WorkloadKind, name: String, container: Option<String> }

    enum planned::WorkloadKind { Deployment, StatefulSet, DaemonSet, CronJob }

    struct planned::NewSecret { host: String, replaces: bool }

    enum planned::Caution {
        Rollback,
        AlreadyRunning,
        AlreadyLive,
        RollingOut,
        Failing { status: u16 },
        NoLiveToken,
        DigestUnknown,
        NeverSeen,
        HeldByNodes,
        ClusterUnknown { why: String },
        NoWorkload { namespace: String },
        PullSecret { namespace: String, flaw: SecretFlaw },
        PullPolicy { containers: Vec<SilentContainer> },
        WorkloadGuessed,
        RolledBack { at: Time, from: String, to: String, fixes: u64, titles: Vec<String> },
        Yanked,
    }

    enum planned::SecretFlaw { Absent, OtherKind, OtherHost, NotAccepted }

    struct planned::SilentContainer { container: String, policy: String }
}
