//! Is an environment up to date, and if not, what does it lack?

use serde::Serialize;
use utoipa::ToSchema;

use super::compare::fixes_and_pull_requests;
use super::release::ReleaseView;
use super::step::{image, ordered_version, tag};
use super::view::Image;
use super::{Asked, asked};
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::releases::{Named, Number, Relation};
use crate::model::time::{Span, Time};

/// What an environment lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Missing {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// No service is behind the latest release that is known of it.
    pub up_to_date: bool,
    /// Service by service, in the order of the repositories.
    pub services: Vec<MissingService>,
}

/// What one service lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingService {
    /// Which.
    pub repository: Repository,
    /// What it runs.
    pub running: Image,
    /// The latest release: in the order of releases, without pre-releases unless one is running. None where no
    /// release of the repository is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<ReleaseView>,
    /// Nothing is missing, as far as the catalogue knows.
    pub up_to_date: bool,
    /// The releases after the running one, in publishing order.
    pub missing: Vec<ReleaseView>,
    /// How many fixes, security fixes among them, those brought.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
    /// How long ago the first missing release was made, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_since_s: Option<i64>,
}

/// What `env` lacks at `now`.
pub fn missing(state: &State, env: &EnvironmentName, now: Time) -> Missing {
    let services: Vec<MissingService> =
        asked(state, env, now).iter().filter_map(|asked| service(asked, now)).collect();
    Missing {
        environment: env.clone(),
        at: now,
        up_to_date: services.iter().all(|service| service.up_to_date),
        services,
    }
}

fn service(asked: &Asked<'_>, now: Time) -> Option<MissingService> {
    let (state, repository) = (asked.state, asked.repository);
    let course = &asked.service.main()?.course;
    let version = ordered_version(state, repository, &course.digest, tag(course));
    let running = Named { digest: &course.digest, version: version.as_deref() };
    let is_pre = version.as_deref().and_then(Number::parse).is_some_and(|number| number.is_prerelease());
    let latest = state.catalogue().line(repository).and_then(|line| line.latest(is_pre));
    let missing: Vec<ReleaseView> = match latest {
        Some(latest) => {
            let digest = latest.digest().unwrap_or(course.digest);
            let latest = Named { digest: &digest, version: Some(&latest.version) };
            let is_behind = state.catalogue().relation(repository, running, latest) == Relation::Later;
            let between =
                if is_behind { state.catalogue().between(repository, running, latest) } else { Vec::new() };
            let is_wanted =
                |version: &str| is_pre || Number::parse(version).is_none_or(|it| !it.is_prerelease());
            let wanted = between.into_iter().filter(|release| is_wanted(&release.version));
            wanted.map(|release| ReleaseView::from(release.as_ref())).collect()
        }
        None => Vec::new(),
    };
    let (fixes, pull_requests) = fixes_and_pull_requests(&missing);
    let first_at = missing.iter().map(|release| release.created_at).min();
    Some(MissingService {
        repository: repository.clone(),
        running: image(state, repository, &course.digest, tag(course)),
        latest: latest.map(|latest| ReleaseView::from(latest.as_ref())),
        up_to_date: missing.is_empty(),
        behind_since_s: first_at.map(|first_at| now.since(first_at).max(Span::from_ms(0)).ms() / 1000),
        missing,
        fixes,
        pull_requests,
    })
}
