//! The making of a plan: what is known goes in, a record of what a deploy would do comes out.

use super::aim::{self, Cluster};
use super::cautions::{Sight, cautions};
use super::commands;
use super::find::{NoPlan, Wish, find};
use super::found::{PullSecret, Surroundings};
use super::passage::{Passage, is_image_of, recorded};
use super::workload::Place;
use super::world::World;
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::planned::{ChosenFor, Kubectl, NewSecret, Origin, Planned, Workload};
use crate::model::releases::Release;
use crate::wire::Searched;

/// The plan for what `wish` means in `env`; `id` is its identifier, `searched` what the wish's query found, `place`
/// what the environment's settings say, `cluster` what its cluster says.
///
/// # Errors
/// No release fits, or several do; or the wish names another namespace than the cluster's.
pub fn plan(
    world: &World<'_>,
    env: &EnvironmentName,
    wish: &Wish,
    searched: Option<&Searched>,
    place: &Place,
    cluster: Cluster<'_>,
    id: String,
) -> Result<Planned, NoPlan> {
    let found = find(world, env, wish, searched)?;
    let open = if let Cluster::Open(around) = cluster { Some(around) } else { None };
    aim::check_namespace(env, wish, open)?;
    let release = &found.release;
    let repository = &release.repository;
    let runs = world.running(env, repository);
    // Of several images of one release it is the one that runs, if it is one of them.
    let running = runs.as_ref().filter(|runs| is_image_of(release, runs)).map(|runs| runs.digest);
    let digest = running.or_else(|| release.digest());
    let image = image(world, release, digest)?;
    let passage = Passage::of(world, env, release, runs.as_ref());
    let aim = open.map(|around| aim::aim(around, repository, world.registries, wish)).transpose()?.flatten();
    let mut workloads = named(place, wish, repository);
    let is_guessed = workloads.is_empty() && aim.is_none();
    if is_guessed {
        workloads.push(commands::guessed(repository));
    }
    let can_pull = open.map_or_else(|| world.has_live_token(env), |around| world.is_good(env, around.secret));
    let sight = Sight {
        world,
        env,
        found: &found,
        runs: runs.as_ref(),
        passage: &passage,
        cluster,
        aim: aim.as_ref(),
        can_pull,
        is_guessed,
    };
    let cautions = cautions(&sight);
    Ok(Planned {
        id,
        environment: env.clone(),
        repository: repository.clone(),
        version: release.version.clone(),
        digest,
        image,
        kind: passage.kind,
        from: runs.map(|runs| Origin { digest: runs.digest, version: runs.version }),
        chosen_for: found.change.map(|change| ChosenFor { title: change.title, pr: change.pr }),
        gained: recorded(&passage.gained),
        lost: recorded(&passage.lost),
        kubectl: kubectl(place, wish, open),
        aim,
        workloads,
        new_secret: (!can_pull).then(|| new_secret(world, open)),
        cautions,
    })
}

/// The workloads that the wish or, without one, the settings name.
fn named(place: &Place, wish: &Wish, repository: &Repository) -> Vec<Workload> {
    let of_settings = || place.workloads.get(repository).cloned().unwrap_or_default();
    wish.workload.clone().map_or_else(of_settings, |one| vec![one])
}

/// The cluster's namespace, else the wish's, else that of the settings.
fn kubectl(place: &Place, wish: &Wish, open: Option<&Surroundings>) -> Kubectl {
    let namespace = open.map(|around| around.namespace.clone());
    let namespace = namespace.or_else(|| wish.namespace.clone()).or_else(|| place.namespace.clone());
    Kubectl { context: place.context.clone(), namespace }
}

fn new_secret(world: &World<'_>, open: Option<&Surroundings>) -> NewSecret {
    let is_there = open.is_some_and(|around| around.secret != PullSecret::Absent);
    NewSecret { host: world.registry_host.to_owned(), replaces: is_there }
}

/// By digest where one is known, else by the version's tag.
fn image(world: &World<'_>, release: &Release, digest: Option<Digest>) -> Result<String, NoPlan> {
    let name = world.registries.image(&release.repository, world.registry_host);
    if let Some(digest) = digest {
        return Ok(format!("{name}@{digest}"));
    }
    let tag: Tag = release.version.parse().map_err(|_| NoPlan::Nothing {
        text: format!(
            "no image of {} {} is known, and its version is no tag; register the release's digest",
            release.repository, release.version
        ),
    })?;
    Ok(format!("{name}:{}", tag.as_str()))
}
