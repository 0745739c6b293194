//! Why a cluster did not do what it was asked, in words for whoever asked Landfall.

use kube::core::Status;

use crate::model::quotes::quoted;

/// Longest piece of an API server's own words that is handed on, in characters.
const WORDS_CHARS_MAX: usize = 300;
/// Managers that a conflict names.
const MANAGERS_MAX: usize = 5;

/// Why a cluster did not do what it was asked. What is inside is for the server's log; the text is for clients.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The configuration leads nowhere.
    #[error(
        "the access to the cluster that the server's configuration names cannot be used; the server's log says why"
    )]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answers.
    #[error("the cluster's API server cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came in time.
    #[error("the cluster's API server did not answer in time")]
    TimedOut,
    /// The credentials are not accepted.
    #[error("the cluster does not accept Landfall's credentials; renew those that the configuration names")]
    Unauthorized,
    /// The role does not allow it.
    #[error(
        "Landfall's role does not allow it to {verb} {resource} in the namespace {namespace}; \
         deploy/kubernetes/deployer.yaml has the role that it needs"
    )]
    Forbidden {
        /// What it may not do.
        verb: &'static str,
        /// To what: a resource, with a name where one was meant.
        resource: String,
        /// Where.
        namespace: String,
    },
    /// Somebody else manages the fields.
    #[error(
        "{what} is managed by {managers}, which would put back what Landfall changes, or lose it: deploy with that, or \
         let Landfall take these fields over (`take_over`, --take-over)"
    )]
    Conflict {
        /// What was to be changed.
        what: String,
        /// By whom, quoted.
        managers: String,
    },
    /// It is not there.
    #[error("{what} is not there")]
    Missing {
        /// What.
        what: String,
    },
    /// The API server refused it for another reason.
    #[error("the cluster refused {what} ({status}): {words}")]
    Refused {
        /// What.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The API server's words, quoted.
        words: String,
    },
    /// There is more than is looked through.
    #[error("the namespace has more than {most} {resource}")]
    TooMany {
        /// Of what.
        resource: String,
        /// How many are looked through.
        most: usize,
    },
    /// The answer is none that an API server gives.
    #[error("what answers for the cluster is no Kubernetes API server")]
    NotKubernetes(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ClusterError {
    /// Whether the change may have been made all the same: the answer is what is missing.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut | Self::NotKubernetes(_))
    }
}

/// What was asked of an API server.
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

    /// Why it failed.
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

/// Who manages the fields of a conflict: each cause says `conflict with "MANAGER" …`, with or without what follows.
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
