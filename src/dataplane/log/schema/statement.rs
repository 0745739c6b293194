//! A statement of a witness. What keeps a workload's containers from running stands beside what it runs: the form of that is
//! older.

use std::sync::Arc;

use serde::ser::{SerializeStruct, SerializeStructVariant};
use serde::{Deserialize, Serializer};

use super::form::{As, Form, stored};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::report::{self, Reason};
use crate::model::time::Time;

stored! {
    struct report::Runs {
        at: Time,
        source: Source,
        namespace: Arc<str>,
        workload: Arc<str>,
        container: Arc<str>,
        repository: Repository,
        images: Vec<RunningImage>,
        gone: bool,
        desired: Option<u64>,
        host: Option<Arc<str>>;
        troubles
    }

    struct report::Trouble { reason: Reason, reference: Option<Reference>, count: u64 }

    struct report::RunningImage {
        digest: Digest,
        reference: Option<Reference>,
        running: u64,
        ready: u64,
        nodes: u64,
    }

    struct report::Revision {
        at: Time,
        source: Source,
        namespace: Arc<str>,
        workload: Arc<str>,
        container: Arc<str>,
        repository: Repository,
        images: Vec<NamedImage>,
        host: Option<Arc<str>>,
    }

    struct report::NamedImage { digest: Option<Digest>, reference: Option<Reference> }

    enum report::Source { Kubernetes, Docker }
}

/// The stored form of a statement.
#[derive(Deserialize)]
pub(in crate::log) enum Statement {
    Running(Runs),
    Alive { at: Time, since: Time },
    Past(Revision),
    Troubled { runs: Runs, troubles: Vec<Trouble> },
}

impl Form for Statement {
    type Model = report::Statement;

    fn write<S: Serializer>(model: &Self::Model, serializer: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "Statement";
        match model {
            report::Statement::Running(runs) if runs.troubles.is_empty() => {
                serializer.serialize_newtype_variant(NAME, 0, "Running", &As::<Runs>(runs))
            }
            report::Statement::Alive { at, since } => {
                let mut form = serializer.serialize_struct_variant(NAME, 1, "Alive", 2)?;
                form.serialize_field("at", at)?;
                form.serialize_field("since", since)?;
                form.end()
            }
            report::Statement::Past(revision) => {
                serializer.serialize_newtype_variant(NAME, 2, "Past", &As::<Revision>(revision))
            }
            report::Statement::Running(runs) => {
                let mut form = serializer.serialize_struct_variant(NAME, 3, "Troubled", 2)?;
                form.serialize_field("runs", &As::<Runs>(runs))?;
                form.serialize_field("troubles", &As::<Vec<Trouble>>(&runs.troubles))?;
                form.end()
            }
        }
    }

    fn into_model(self) -> Self::Model {
        match self {
            Self::Running(runs) => report::Statement::Running(runs.into_model()),
            Self::Alive { at, since } => report::Statement::Alive { at, since },
            Self::Past(revision) => report::Statement::Past(revision.into_model()),
            Self::Troubled { runs, troubles } => report::Statement::Running(report::Runs {
                troubles: troubles.into_model(),
                ..runs.into_model()
            }),
        }
    }
}
