//! Which release is meant: by its version, or by what it changed.

use super::world::World;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::planned::Workload;
use crate::model::questions::history;
use crate::model::quotes::quoted;
use crate::model::releases::{Registration, Relation, Release};
use crate::wire::{Candidate, Certainty, ReleaseChange, ReleaseRef, SearchMatch, Searched, Standing};

/// Candidates that are listed at most, and so that a search looks for.
pub const CANDIDATES_MAX: usize = 10;
/// Changes of one service that are looked through for an image that only its tag names.
const HISTORY_MAX: usize = 4_096;

/// What somebody wants to deploy.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What the release changed, or its version, in words.
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

/// Why there is no plan, in words for whoever asked, with the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPlan {
    /// The wish itself is wrong.
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What is wrong with it.
        text: String,
    },
    /// No release fits.
    Nothing {
        /// What was looked for, and what to do.
        text: String,
    },
    /// Several may be meant: somebody has to choose.
    Several {
        /// What to do.
        text: String,
        /// The best first.
        candidates: Vec<Candidate>,
    },
}

/// A release that was found, and the change that was asked for.
pub(super) struct Found {
    pub(super) release: Release,
    pub(super) change: Option<ReleaseChange>,
    /// What runs in the environment has the change already.
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
            text: "say what to deploy: `query`, or `version` and `repository`".to_owned(),
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
                format!("no release {version} of {repository} is known; GET /api/v1/releases lists them")
            }
            None => format!("no release {version} is known; GET /api/v1/releases lists them"),
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

/// By what it changed: the first release with the change that is later than what runs, else the first with it.
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
            let chosen = repository.and_then(|repository| carrier(world, env, repository, best));
            let release = chosen.ok_or_else(nothing)?;
            let stands = best.environments.iter().find(|stands| stands.name == *env);
            let is_live = stands.is_some_and(|stands| stands.state == Standing::Live);
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

fn carrier(
    world: &World<'_>,
    env: &EnvironmentName,
    repository: &Repository,
    best: &SearchMatch,
) -> Option<Release> {
    let line = world.state.catalogue().line(repository)?;
    let of_it = best.releases.iter().filter(|release| release.repository == *repository);
    let mut carriers: Vec<_> = of_it.filter_map(|release| line.with_version(&release.version)).collect();
    // A withdrawn release is meant only where nothing else has the change, or by its name.
    if carriers.iter().any(|carrier| carrier.yanked_at.is_none()) {
        carriers.retain(|carrier| carrier.yanked_at.is_none());
    }
    let runs = world.running(env, repository).and_then(|running| running.version);
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
        format!("{} {}{title}", release.repository, release.version)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    NoPlan::Several {
        text: format!(
            "{why}, so nothing was planned; choose one and ask again with its `repository` and `version`: {named}"
        ),
        candidates,
    }
}
