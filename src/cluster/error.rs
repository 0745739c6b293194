//! Errors of cluster requests, worded for clients.

use kube::core::Status;

use crate::model::quotes::quoted;

/// Longest quote of an API server's message, in characters.
const WORDS_CHARS_MAX: usize = 300;
/// Managers that a conflict names.
const MANAGERS_MAX: usize = 5;

/// Errors of cluster requests. The sources are for the server's log; the text is for clients.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The configured access cannot be used.
    #[error("the configured access to the cluster cannot be used; the server's log says why")]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API server cannot be reached.
    #[error("the cluster's API server cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API server did not answer in time.
    #[error("the cluster's API server did not answer in time")]
    TimedOut,
    /// The API server refuses the credentials.
    #[error("the cluster does not accept Landfall's credentials; renew those that the configuration names")]
    Unauthorized,
    /// The role does not allow the request.
    #[error(
        "Landfall's role does not allow it to {verb} {resource} in the namespace {namespace}; \
         deploy/kubernetes/deployer.yaml has the role that it needs"
    )]
    Forbidden {
        /// Verb that the role lacks.
        verb: &'static str,
        /// Resource, with a name if one was requested.
        resource: String,
        /// Namespace of the request.
        namespace: String,
    },
    /// Another manager owns the fields.
    #[error(
        "{what} is managed by {managers}, which would revert Landfall's change or lose its own: deploy with that \
         manager, or let Landfall take these fields over (`take_over`, --take-over)"
    )]
    Conflict {
        /// Object of the change.
        what: String,
        /// Managers of the fields, quoted.
        managers: String,
    },
    /// The object does not exist.
    #[error("{what} is not there")]
    Missing {
        /// Name of the object.
        what: String,
    },
    /// The API server refused the request for another reason.
    #[error("the cluster refused {what} ({status}): {words}")]
    Refused {
        /// Object of the request.
        what: String,
        /// HTTP status of the refusal.
        status: u16,
        /// The API server's message, quoted.
        words: String,
    },
    /// The namespace has too many objects.
    #[error("the namespace has more than {most} {resource}")]
    TooMany {
        /// Kind of the objects, e.g. `deployments`.
        resource: String,
        /// Bound on the number of objects.
        most: usize,
    },
    /// Not an answer of a Kubernetes API server.
    #[error("the answer is not that of a Kubernetes API server")]
    NotKubernetes(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ClusterError {
    /// Tells whether the change may have been made despite the error, because only the answer is missing.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut | Self::NotKubernetes(_))
    }

    /// Tells whether the cluster answered, and refused.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Forbidden { .. }
            | Self::Missing { .. }
            | Self::Refused { .. }
            | Self::TooMany { .. } => true,
            Self::Access(_)
            | Self::Unauthorized
            | Self::Unreachable(_)
            | Self::TimedOut
            | Self::NotKubernetes(_) => false,
        }
    }
}

/// A request to an API server, as errors describe it.
pub(super) struct ApiCall<'a> {
    pub(super) verb: &'static str,
    pub(super) resource: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) namespace: &'a str,
}

impl ApiCall<'_> {
    fn what(&self) -> String {
        match self.name {
            Some(name) => format!("{}/{name}", self.resource),
            None => self.resource.to_owned(),
        }
    }

    /// Converts an error of this request.
    pub(super) fn failed(&self, error: kube::Error) -> ClusterError {
        match error {
            kube::Error::Api(status) => self.refused(&status),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                ClusterError::NotKubernetes(error.into())
            }
            kube::Error::Auth(_) => ClusterError::Access(error.into()),
            _ => ClusterError::Unreachable(error.into()),
        }
    }

    fn refused(&self, status: &Status) -> ClusterError {
        let what = self.what();
        match status.code {
            401 => ClusterError::Unauthorized,
            403 => ClusterError::Forbidden {
                verb: self.verb,
                resource: what,
                namespace: self.namespace.to_owned(),
            },
            404 => ClusterError::Missing { what },
            409 => match managers(status) {
                Some(managers) => ClusterError::Conflict { what, managers },
                None => self.in_its_words(status),
            },
            _ => self.in_its_words(status),
        }
    }

    fn in_its_words(&self, status: &Status) -> ClusterError {
        let words: String = status.message.chars().take(WORDS_CHARS_MAX).collect();
        ClusterError::Refused { what: self.what(), status: status.code, words: quoted(&words) }
    }
}

/// Names the managers of conflicting fields. Each cause says `conflict with "MANAGER" …`, with or without more text.
fn managers(status: &Status) -> Option<String> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let conflicts = causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
    let mut managers: Vec<&str> = conflicts.filter_map(|cause| cause.message.split('"').nth(1)).collect();
    managers.sort_unstable();
    managers.dedup();
    managers.truncate(MANAGERS_MAX);
    let named: Vec<String> = managers.into_iter().map(quoted).collect();
    Some(named.join(", ")).filter(|named| !named.is_empty())
}
