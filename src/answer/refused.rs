//! The reasons for no answer.

use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// A question without an answer, and why. The texts are for people who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No environment has this name.
    #[error("{}there is no environment `{name}`{}", side.map(|side| format!("{side}: ")).unwrap_or_default(), instead(near))]
    UnknownEnvironment {
        /// The side of a comparison that it was to be.
        side: Option<&'static str>,
        /// As it was named.
        name: String,
        /// Names that may have been meant.
        near: Vec<String>,
    },
    /// No repository has this name.
    #[error("there is no repository `{name}`{}", instead(near))]
    UnknownRepository {
        /// As it was named.
        name: String,
        /// Names that may have been meant.
        near: Vec<String>,
    },
    /// A short name fits several things.
    #[error("`{name}` may be {}: write the whole {what}", choices.join(" or "))]
    Several {
        /// The kind of thing, which is also the field that names it.
        what: &'static str,
        /// As it was named.
        name: String,
        /// The things that it fits.
        choices: Vec<String>,
    },
    /// No deployment has this identifier.
    #[error("there is no deployment `{id}`")]
    UnknownDeployment {
        /// As it was named.
        id: String,
    },
    /// The environment has no such service, or had none then.
    #[error("`{environment}` {}", not_pulled(repository, *at, *first, near))]
    NeverPulled {
        /// The environment.
        environment: EnvironmentName,
        /// The service's repository.
        repository: Repository,
        /// The time that was asked about, where it is past.
        at: Option<Time>,
        /// The first pull, where one came later.
        first: Option<Time>,
        /// Services of the environment that may have been meant.
        near: Vec<String>,
    },
    /// A page is to go on after a deployment of another environment.
    #[error("must be a deployment of {environment}")]
    ForeignDeployment {
        /// The environment whose page it is.
        environment: EnvironmentName,
    },
    /// A stretch of time ends before it begins.
    #[error("must not be after the end of the stretch")]
    FromAfterUntil,
    /// Retention removed what would be needed.
    #[error(
        "must not be before {before}: older observations were removed; ask for that time or a later one, and let \
         `log.keep` say how long observations are kept"
    )]
    Removed {
        /// The field that has the time.
        field: &'static str,
        /// The first moment that can be asked about.
        before: Time,
    },
    /// The log cannot be read. The server's log says why.
    #[error("the log cannot be read for an answer about the past")]
    Unreadable,
}

impl Refused {
    /// The same of one side of a comparison.
    pub(super) fn of(self, side: &'static str) -> Self {
        match self {
            Self::UnknownEnvironment { name, near, .. } => {
                Self::UnknownEnvironment { side: Some(side), name, near }
            }
            other => other,
        }
    }
}

/// The rest of the sentence about an environment that was not seen to pull a repository.
fn not_pulled(repository: &Repository, at: Option<Time>, first: Option<Time>, near: &[String]) -> String {
    match (at, first) {
        (Some(at), Some(first)) => {
            format!("was not seen to pull `{repository}` by {at}; the first pull of it came at {first}")
        }
        (Some(at), None) => {
            format!("was not seen to pull `{repository}` by {at}, nor since{}", instead(near))
        }
        (None, _) => format!("was never seen to pull `{repository}`{}", instead(near)),
    }
}

/// The question that may help: what was meant instead.
fn instead(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        several => format!("; did you mean one of {}?", several.join(", ")),
    }
}
