//! Sightings: what witnesses of an environment say that runs.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;

use crate::admin::http::answers::Accepted;
use crate::admin::http::caller::Reporter;
use crate::admin::http::fields::{Body, one_line};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::admin::state::limits::Reports;
use crate::clock::now;
use crate::log::{Log, View};
use crate::model::event::Event;
use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::{Digest, Repository};
use crate::model::registries::{Host, Registries};
use crate::model::report::{
    NamedImage, Reason, Report, Revision, RunningImage, Runs, Source, Statement, TROUBLES_MAX, Trouble,
};
use crate::wire::{
    self, NewSightings, SightedImage, SightedRevision, SightedTrouble, SightedWorkload, Sighting,
    SightingsAccepted, WitnessSource,
};

/// Longest body of a report: two thousand workloads.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most statements of one report.
const STATEMENTS_MAX: usize = 2_000;
/// Most images of a container of a workload.
const IMAGES_MAX: usize = 64;
/// Most containers of one image that a workload runs or wants, and most nodes: more than any cluster has.
const COUNT_MAX: u64 = 1_000_000;
/// Longest name of a witness, a namespace, a workload or a container.
const NAME_CHARS_MAX: usize = 256;
/// Longest host of a registry, or identifier of an image.
const IMAGE_CHARS_MAX: usize = 512;

/// Takes a report of a witness, by a token of kind `agent` of this environment. The same report again is nothing new.
#[utoipa::path(post, path = "/environments/{env}/sightings", tag = "environments", operation_id = "report_sightings",
    params(("env" = String, Path, description = "The environment")),
    responses(
        (status = 403, description = "The token is another environment's"),
        (status = 409, description = "Another token reports by this witness's name, and is alive")))]
pub(super) async fn report(
    State(log): State<Log>,
    State(settings): State<Arc<Settings>>,
    State(reports): State<Arc<Reports>>,
    reporter: Reporter,
    params: Params,
    Body(body): Body<NewSightings, BODY_BYTES_MAX>,
) -> Result<Accepted<SightingsAccepted>, Problem> {
    let environment = params.environment(&log.view().directory)?.name.clone();
    reporter.check(&environment)?;
    let sequence = body.sequence;
    let report = read(body, &environment, reporter, &settings.registries)?;
    let (witness, token) = (report.witness.clone(), report.token.clone());
    let is_refused = |view: &View| is_refused(view, &environment, &witness, &token);
    let accepted = |view: &View| accepted_until(view, &environment, &witness, &token);
    if is_refused(&log.view()) {
        return Err(name_in_use(&witness));
    }
    if accepted(&log.view()).is_none_or(|accepted| accepted < sequence) {
        let taken = reports.take(&token, report.statements.len(), Instant::now());
        taken.map_err(Problem::too_many_reports)?;
        log.append(Event::Reported(Box::new(report))).await.map_err(|error| {
            tracing::error!(%error, "a report was not written");
            Problem::log_unavailable()
        })?;
        // Another one may have come first.
        if is_refused(&log.view()) {
            return Err(name_in_use(&witness));
        }
    }
    let accepted_until = accepted(&log.view()).unwrap_or(sequence);
    Ok(Accepted(SightingsAccepted { accepted_until }))
}

fn is_refused(view: &View, environment: &EnvironmentName, witness: &str, token: &TokenId) -> bool {
    let now = view.state.time().now(now());
    let environment = view.state.environment(environment);
    environment.is_some_and(|environment| environment.witnesses().refuses(witness, token, now))
}

fn accepted_until(view: &View, environment: &EnvironmentName, witness: &str, token: &TokenId) -> Option<u64> {
    view.state.environment(environment)?.witnesses().accepted_until(witness, token)
}

fn name_in_use(witness: &str) -> Problem {
    Problem::conflict(format!(
        "another token reports as the witness `{witness}`, and is alive; where that is another agent, give this one a name of its \
         own with --name; where its token is to be replaced, rotate or revoke the one before"
    ))
}

fn read(
    body: NewSightings,
    environment: &EnvironmentName,
    reporter: Reporter,
    registries: &Registries,
) -> Result<Report, Problem> {
    let NewSightings { witness, sequence, sightings } = body;
    if witness.is_empty() {
        return Err(Problem::invalid("witness", "is empty"));
    }
    if sequence == 0 {
        return Err(Problem::invalid("sequence", "must be 1 or more"));
    }
    if sightings.len() > STATEMENTS_MAX {
        let detail = format!("there may be {STATEMENTS_MAX} at most; send the rest with the next report");
        return Err(Problem::invalid("sightings", detail));
    }
    let witness: Arc<str> = one_line("witness", witness, NAME_CHARS_MAX)?.into();
    let statement = |(place, sighting): (usize, Sighting)| -> Result<Statement, Problem> {
        let at = |field: &str| format!("sightings[{place}].{field}");
        Ok(match sighting {
            Sighting::Alive { at, since } => Statement::Alive { at, since },
            Sighting::Running(workload) => Statement::Running(runs(workload, registries, at)?),
            Sighting::Past(found) => Statement::Past(revision(found, registries, at)?),
        })
    };
    let statements = sightings.into_iter().enumerate().map(statement).collect::<Result<_, Problem>>()?;
    let (at, environment, token) = (now(), environment.clone(), reporter.into_token());
    Ok(Report { at, environment, token, witness, sequence, statements })
}

fn runs(
    told: SightedWorkload,
    registries: &Registries,
    place: impl Fn(&str) -> String,
) -> Result<Runs, Problem> {
    check_names([&told.namespace, &told.workload, &told.container], &place)?;
    check_images(told.images.len(), &place)?;
    if told.troubles.len() > TROUBLES_MAX {
        return Err(Problem::invalid(&place("troubles"), format!("there may be {TROUBLES_MAX} at most")));
    }
    if let Some(desired) = told.desired {
        check_count(desired, || place("desired"))?;
    }
    let source = source(&told.source, &place)?;
    let (repository, host) = here(told.repository, told.host, registries, &place)?;
    let image = |image: SightedImage| running_image(image, &place);
    Ok(Runs {
        at: told.at,
        source,
        namespace: told.namespace,
        workload: told.workload,
        container: told.container,
        repository,
        images: told.images.into_iter().map(image).collect::<Result<_, Problem>>()?,
        gone: told.gone,
        desired: told.desired,
        host,
        troubles: told.troubles.into_iter().map(|it| trouble(it, &place)).collect::<Result<_, Problem>>()?,
    })
}

fn revision(
    found: SightedRevision,
    registries: &Registries,
    place: impl Fn(&str) -> String,
) -> Result<Revision, Problem> {
    check_names([&found.namespace, &found.workload, &found.container], &place)?;
    check_images(found.images.len(), &place)?;
    let source = source(&found.source, &place)?;
    let (repository, host) = here(found.repository, found.host, registries, &place)?;
    Ok(Revision {
        at: found.at,
        source,
        namespace: found.namespace,
        workload: found.workload,
        container: found.container,
        repository,
        images: found
            .images
            .into_iter()
            .map(|wire::NamedImage { digest, reference }| NamedImage { digest, reference })
            .collect(),
        host,
    })
}

fn check_names(
    [namespace, workload, container]: [&Arc<str>; 3],
    place: impl Fn(&str) -> String,
) -> Result<(), Problem> {
    for (field, name) in [("namespace", namespace), ("workload", workload), ("container", container)] {
        one_line(&place(field), name.to_string(), NAME_CHARS_MAX)?;
    }
    Ok(())
}

fn check_images(count: usize, place: impl Fn(&str) -> String) -> Result<(), Problem> {
    let detail = || format!("there may be {IMAGES_MAX} at most");
    if count > IMAGES_MAX { Err(Problem::invalid(&place("images"), detail())) } else { Ok(()) }
}

fn source(told: &WitnessSource, place: impl Fn(&str) -> String) -> Result<Source, Problem> {
    match told {
        WitnessSource::Kubernetes => Ok(Source::Kubernetes),
        WitnessSource::Docker => Ok(Source::Docker),
        WitnessSource::Unlisted(_) => Err(Problem::invalid(&place("source"), "must be kubernetes or docker")),
    }
}

/// The name that a repository at a host has here; the host stays where no registry behind the proxy is there.
fn here(
    repository: Repository,
    host: Option<Arc<str>>,
    registries: &Registries,
    place: impl Fn(&str) -> String,
) -> Result<(Repository, Option<Arc<str>>), Problem> {
    let Some(host) = host else { return Ok((repository, None)) };
    one_line(&place("host"), host.to_string(), IMAGE_CHARS_MAX)?;
    let named =
        host.parse::<Host>().map_err(|_| Problem::invalid(&place("host"), "is no host of a registry"))?;
    Ok(match registries.route(&repository, Some(&named)) {
        Ok(routed) => (routed.repository, None),
        Err(_) => (repository, Some(host)),
    })
}

fn running_image(image: SightedImage, place: impl Fn(&str) -> String) -> Result<RunningImage, Problem> {
    let SightedImage { digest, image_id, reference, running, ready, nodes } = image;
    if let Some(id) = &image_id {
        one_line(&place("images.image_id"), id.to_string(), IMAGE_CHARS_MAX)?;
    }
    let digest = match (digest, image_id) {
        (Some(digest), _) => digest,
        (None, Some(id)) => {
            digest_of(&id).ok_or_else(|| Problem::invalid(&place("images.image_id"), "names no digest"))?
        }
        (None, None) => return Err(Problem::invalid(&place("images.digest"), "is missing")),
    };
    for (field, count) in [("images.running", running), ("images.ready", ready), ("images.nodes", nodes)] {
        check_count(count, || place(field))?;
    }
    Ok(RunningImage { digest, reference, running, ready, nodes })
}

fn trouble(told: SightedTrouble, place: impl Fn(&str) -> String) -> Result<Trouble, Problem> {
    let SightedTrouble { reason, reference, count } = told;
    let reason = Reason::try_from(reason)
        .map_err(|error| Problem::invalid(&place("troubles.reason"), error.to_string()))?;
    check_count(count, || place("troubles.count"))?;
    Ok(Trouble { reason, reference, count })
}

fn check_count(count: u64, field: impl Fn() -> String) -> Result<(), Problem> {
    let detail = || format!("there may be {COUNT_MAX} at most");
    if count > COUNT_MAX { Err(Problem::invalid(&field(), detail())) } else { Ok(()) }
}

/// The digest in an image's identifier, as runtimes write it: `sha256:…`, `app@sha256:…`, `docker-pullable://app@sha256:…`,
/// `docker://sha256:…`.
fn digest_of(id: &str) -> Option<Digest> {
    let name = id.split_once("://").map_or(id, |(_, name)| name);
    name.rsplit_once('@').map_or(name, |(_, digest)| digest).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_write_the_digest_in_their_own_ways() {
        let digest = Digest::of(b"app");
        for id in [
            format!("{digest}"),
            format!("docker.io/library/app@{digest}"),
            format!("docker-pullable://registry.example.com:5000/app@{digest}"),
            format!("docker://{digest}"),
        ] {
            assert_eq!(digest_of(&id), Some(digest), "{id}");
        }
        for id in ["", "app:v1", "docker-pullable://app", "@"] {
            assert_eq!(digest_of(id), None, "{id}");
        }
    }
}
