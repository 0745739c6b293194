//! The kinds of things that are watched.

use kube::api::ApiResource;

/// The number of watches of a namespace; the first is that of its pods.
pub const SOURCES: usize = Kind::ALL.len();

/// Namespaces, as a resource of the API.
pub(super) fn namespace() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        plural: "namespaces".to_owned(),
    }
}

/// A kind of thing that is watched: pods, and what tells the workload that they belong to. Deployments and CronJobs are
/// named by their ReplicaSets and Jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Pod, Self::ReplicaSet, Self::StatefulSet, Self::DaemonSet, Self::Job];

    /// The kind in lower case.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::ReplicaSet => "replicaset",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
        }
    }

    /// The resource of the API.
    pub(super) fn resource(self) -> ApiResource {
        let (group, kind) = match self {
            Self::Pod => ("", "Pod"),
            Self::ReplicaSet => ("apps", "ReplicaSet"),
            Self::StatefulSet => ("apps", "StatefulSet"),
            Self::DaemonSet => ("apps", "DaemonSet"),
            Self::Job => ("batch", "Job"),
        };
        let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version,
            kind: kind.to_owned(),
            plural: format!("{}s", self.as_str()),
        }
    }
}
