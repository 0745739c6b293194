//! The release that is meant: found by its version, or by what it changed.

use super::passage::named;
use super::world::World;
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::planned::Workload;
use crate::model::questions::history;
use crate::model::quotes::quoted;
use crate::model::releases::{Registration, Relation, Release};
use crate::wire::{
    Candidate, Certainty, ReleaseChange, ReleaseRef, RunningService, SearchMatch, Searched, Standing,
};

/// Candidates that are listed at most, and so that a search looks for.
pub const CANDIDATES_MAX: usize = 10;
/// Changes of one service that are looked through for an image that only its tag names.
const HISTORY_MAX: usize = 4_096;

/// A wish to deploy.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The change or the version, in words.
    pub query: Option<String>,
    /// Of which repository.
    pub repository: Option<Repository>,
    /// Its version.
    pub version: Option<String>,
    /// In which namespace, if not that of the environment's settings.
    pub namespace: Option<String>,
    /// To which workload, if not those of the environment's settings.
    pub workload: Option<Workload>,
}

/// The reason why there is no plan, in words for the person who asked, with the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// The wish itself is wrong.
    Invalid {
        /// The part of it that is wrong.
        field: &'static str,
        /// The fault in it.
        text: String,
    },
    /// No release fits.
    Nothing {
        /// The words that were looked for, and the next step.
        text: String,
    },
    /// Several may be meant: somebody has to choose.
    Several {
        /// The next step.
        text: String,
        /// The best first.
        candidates: Vec<Candidate>,
    },
}

/// A release that was found, and the change that was asked for.
pub(super) struct Found {
    pub(super) release: Release,
    pub(super) change: Option<ReleaseChange>,
    /// The image that runs in the environment has the change already.
    pub(super) is_live: bool,
}

/// The one release that `wish` means; `searched` is what its query found.
pub(super) fn find(
    world: &World<'_>,
    env: &EnvironmentName,
    wish: &Wish,
    searched: Option<&Searched>,
) -> Result<Found, NoPlan> {
    if let Some(version) = &wish.version {
        return by_version(world, env, version, wish.repository.as_ref(), None);
    }
    let Some(query) = wish.query.as_deref().map(str::trim).filter(|query| !query.is_empty()) else {
        return Err(NoPlan::Invalid {
            field: "query",
            text: "say what to deploy: what it changed, in words, or its version and repository".to_owned(),
        });
    };
    // "payment v2.3.1" names a release.
    let (rest, last) = query.rsplit_once(char::is_whitespace).unwrap_or(("", query));
    match by_version(world, env, last, wish.repository.as_ref(), Some(rest.trim())) {
        Err(NoPlan::Nothing { .. }) => {}
        found => return found,
    }
    by_change(world, env, query, searched)
}

/// By a version; `part`, where given, is a part of the repository's name, or nothing.
fn by_version(
    world: &World<'_>,
    env: &EnvironmentName,
    version: &str,
    repository: Option<&Repository>,
    part: Option<&str>,
) -> Result<Found, NoPlan> {
    let fits = |name: &Repository| {
        repository.is_none_or(|wanted| wanted == name)
            && part.is_none_or(|part| name.as_str().contains(&part.to_lowercase()))
    };
    let catalogue = world.state.catalogue();
    let known = catalogue.lines().filter(|(name, _)| fits(name));
    let mut found: Vec<Release> =
        known.filter_map(|(_, line)| line.with_version(version)).map(|it| Release::clone(it)).collect();
    if found.iter().all(|release| release.digest().is_none()) {
        let ran = images_that_ran(world, version, fits);
        found.retain(|release| ran.iter().all(|other| other.repository != release.repository));
        found.extend(ran);
    }
    let release = one_of(world, env, found, |release| &release.repository);
    let release = release.map_err(|several| several_of(several.iter().map(ReleaseRef::from), None))?;
    let release = release.ok_or_else(|| NoPlan::Nothing {
        text: match repository {
            Some(repository) => {
                format!(
                    "no release {version} of {repository} is known; to see those that are: landfall release list \
                     --repository {repository}"
                )
            }
            None => format!("no release {version} is known; to see those that are: landfall release list"),
        },
    })?;
    Ok(Found { release, change: None, is_live: false })
}

/// Images that ran somewhere and of which only a tag or a label tells the version.
fn images_that_ran(world: &World<'_>, version: &str, fits: impl Fn(&Repository) -> bool) -> Vec<Release> {
    let mut found: Vec<Release> = Vec::new();
    for (env, tracked) in world.state.environments() {
        for (repository, _) in tracked.services().filter(|(repository, _)| fits(repository)) {
            let Some(history) = history(world.state, env, repository, world.now, HISTORY_MAX) else {
                continue;
            };
            let ran = history.changes.iter().find(|change| change.to.version.as_deref() == Some(version));
            let Some(ran) = ran.filter(|_| found.iter().all(|known| known.repository != *repository)) else {
                continue;
            };
            let named = Registration::named(repository.clone(), version);
            found.push(Release::registered(
                Registration { digests: vec![ran.to.digest], ..named },
                ran.started_at,
            ));
        }
    }
    found
}

/// By what it changed: the release that runs, where that has the change; else the first release with it that is later than
/// what runs, else the first with it.
fn by_change(
    world: &World<'_>,
    env: &EnvironmentName,
    query: &str,
    searched: Option<&Searched>,
) -> Result<Found, NoPlan> {
    let matches = searched.map_or(&[][..], |searched| &searched.matches);
    let nothing = || NoPlan::Nothing {
        text: format!(
            "no known change fits {}; ask with other words, its pull request's number, or a version",
            quoted(query)
        ),
    };
    match (searched.map(|searched| &searched.certainty), matches.first()) {
        (Some(Certainty::Sure), Some(best)) => {
            let mut repositories: Vec<&Repository> =
                best.releases.iter().map(|release| &release.repository).collect();
            repositories.sort();
            repositories.dedup();
            let repository = one_of(world, env, repositories, |name| name);
            let repository = repository.map_err(|several| {
                let first = |name: &&Repository| best.releases.iter().find(|it| it.repository == **name);
                several_of(several.iter().filter_map(first).cloned(), Some(&best.change))
            })?;
            let repository = repository.ok_or_else(nothing)?;
            let runs =
                world.running(env, repository).and_then(|runs| that_runs(world.state, env, &runs, best));
            let release =
                runs.or_else(|| carrier(world, env, repository, best)).ok_or_else(|| all_yanked(best))?;
            let is_live = standing(best, env) == Some(&Standing::Live);
            Ok(Found { release, change: Some(best.change.clone()), is_live })
        }
        (Some(Certainty::Perhaps), Some(_)) => {
            let candidates = matches.iter().take(CANDIDATES_MAX).map(|found| Candidate {
                release: found.release.clone(),
                change: Some(found.change.clone()),
            });
            Err(several(
                &format!("it is not certain which change {} means", quoted(query)),
                candidates.collect(),
            ))
        }
        _ => Err(nothing()),
    }
}

/// The release that runs, where something of it runs and has the change: nothing needs to be brought there, least of all an
/// older release.
pub fn that_runs(
    state: &State,
    env: &EnvironmentName,
    runs: &RunningService,
    best: &SearchMatch,
) -> Option<Release> {
    let is_there = [Standing::Live, Standing::RollingOut, Standing::PartlyLive];
    standing(best, env).filter(|standing| is_there.contains(standing) && runs.runs())?;
    let (catalogue, repository) = (state.catalogue(), &runs.repository);
    let carriers: Vec<&str> = best
        .releases
        .iter()
        .filter(|release| release.repository == *repository)
        .map(|release| release.version.as_str())
        .collect();
    let image = named(&runs.digest, runs.version.as_deref());
    catalogue.line(repository)?.contains(image, &carriers).filter(|is_in| *is_in)?;
    let known = runs.release_id.as_deref().and_then(|id| catalogue.with_id(id));
    let unknown = || Some(Registration::named(repository.clone(), runs.version.clone()?));
    known.map(|release| Release::clone(release)).or_else(|| Some(Release::registered(unknown()?, runs.since)))
}

fn standing<'a>(best: &'a SearchMatch, env: &EnvironmentName) -> Option<&'a Standing> {
    best.environments.iter().find(|stands| stands.name == *env).map(|stands| &stands.state)
}

/// Nobody is offered what was withdrawn; who wants it says so.
fn all_yanked(best: &SearchMatch) -> NoPlan {
    let names = best.releases.iter().map(|release| format!("{} {}", release.repository, release.version));
    NoPlan::Nothing {
        text: format!(
            "every release that has {} was yanked: {}; ask with its `repository` and `version` to deploy it all the same",
            quoted(&best.change.title),
            names.collect::<Vec<_>>().join(", ")
        ),
    }
}

fn carrier(
    world: &World<'_>,
    env: &EnvironmentName,
    repository: &Repository,
    best: &SearchMatch,
) -> Option<Release> {
    let line = world.state.catalogue().line(repository)?;
    let of_it = best.releases.iter().filter(|release| release.repository == *repository);
    let mut carriers: Vec<_> = of_it.filter_map(|release| line.with_version(&release.version)).collect();
    // A withdrawn release is meant only by its name.
    carriers.retain(|carrier| carrier.yanked_at.is_none());
    let runs = world.latest(env, repository).and_then(|running| running.version);
    let relation = |from: &str, to: &str| line.relation_of_versions(from, to);
    if let Some(runs) = runs {
        let later: Vec<_> = carriers
            .iter()
            .copied()
            .filter(|carrier| relation(&runs, &carrier.version) == Relation::Later)
            .collect();
        carriers = if later.is_empty() { carriers } else { later };
    }
    let first = carriers.into_iter().reduce(|first, other| {
        if relation(&first.version, &other.version) == Relation::Earlier { other } else { first }
    });
    first.map(|release| Release::clone(release))
}

/// The one, or the one whose repository the environment runs; several where that does not decide.
fn one_of<T>(
    world: &World<'_>,
    env: &EnvironmentName,
    mut found: Vec<T>,
    repository: impl Fn(&T) -> &Repository,
) -> Result<Option<T>, Vec<T>> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let runs = |one: &T| world.running(env, repository(one)).is_some();
    if found.iter().filter(|one| runs(one)).count() == 1 {
        return Ok(found.into_iter().find(runs));
    }
    Err(found)
}

fn several_of(releases: impl Iterator<Item = ReleaseRef>, change: Option<&ReleaseChange>) -> NoPlan {
    let candidates =
        releases.take(CANDIDATES_MAX).map(|release| Candidate { release, change: change.cloned() });
    several("several repositories have such a release", candidates.collect())
}

/// Titles come from outside: they stand between quotes.
fn several(why: &str, candidates: Vec<Candidate>) -> NoPlan {
    let named = candidates.iter().map(|Candidate { release, change }| {
        let title = change.as_ref().map(|change| format!(" ({})", quoted(&change.title))).unwrap_or_default();
        format!("{} {}{title}", release.repository, release.label())
    });
    let named = named.collect::<Vec<_>>().join(", ");
    NoPlan::Several {
        text: format!("{why}, so nothing was planned; choose one by its repository and version: {named}"),
        candidates,
    }
}
