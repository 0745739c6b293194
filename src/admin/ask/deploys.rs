//! Answers to wishes: the release that would go somewhere, and the way back. Nothing is ever done by a question.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answers::{Answering, Reply};
use crate::answer::CANDIDATES_MAX;
use crate::model::ask::{Asked, Open};
use crate::model::deploy;
use crate::model::oci::{Digest, Repository};
use crate::model::questions;
use crate::model::releases::{Named, Number, Relation, Release};
use crate::model::search::Band;
use crate::wire::{self, AbsentService, Certainty, Image, Phase, RunningService, ServiceChange};
use crate::wording;

/// Changes of a service that are looked through for what ran before.
const BACK_MAX: usize = 50;

impl Answering<'_> {
    /// Names the release that would go there, and how. Nothing is ever deployed by a question.
    pub(super) fn deploy(&self, asked: &mut Asked) -> Reply {
        let state = self.moment.state();
        let env = asked.environment.clone().unwrap_or_default();
        if asked.version.is_none() && asked.description.is_none() {
            asked.version = self.running_version(asked);
        }
        let named = self.named_release(asked).cloned();
        let runs = named.is_none().then(|| self.that_runs(asked, &env)).flatten();
        let release = match (runs.or(named), asked.description.is_some()) {
            (Some(release), _) => Some(release),
            (None, false) if asked.version.is_none() => self.latest_of(asked),
            (None, false) => None,
            (None, true) => {
                let wanted = Self::wanted(asked);
                let found = self.moment.find(&wanted, CANDIDATES_MAX, Self::within(asked));
                let mut best =
                    found.hits.first().into_iter().flat_map(|hit| questions::releases_of(state, hit));
                // A yanked release is meant only by its name.
                let best = best.find(|release| release.yanked_at.is_none()).cloned();
                // A plan is no deed: one change that answers every word of the wish, and no other like it, is enough.
                let stands_out =
                    found.stands_out() && found.hits.first().is_some_and(|best| best.missing.is_empty());
                match (found.band, best) {
                    (Band::Sure, Some(release)) => Some(release),
                    (Band::Perhaps, Some(release)) if stands_out => Some(release),
                    (Band::Sure, None) => return (wording::only_yanked(&wanted), Value::Null),
                    _ => {
                        let searched = self.moment.search(&wanted, CANDIDATES_MAX, Self::within(asked));
                        let mut data = json!(searched);
                        data["ask_back"] = json!(Open::Release);
                        return (wording::not_certain(&wanted), data);
                    }
                }
            }
        };
        let Some(release) = release else {
            let (repository, version) = (asked.repository(), asked.version.as_deref());
            return (wording::unknown_release(repository, version), Value::Null);
        };
        asked.repositories = vec![release.repository.to_string()];
        asked.version = Some(release.version.clone());
        let shown = self.moment.release(&release);
        let text = wording::named_release(&shown, &env);
        (text, json!({ "environment": env, "release": shown }))
    }

    /// Without a release that is named, the latest is meant.
    fn latest_of(&self, asked: &Asked) -> Option<Arc<Release>> {
        let repository: Repository = asked.repository()?.parse().ok()?;
        self.moment.state().catalogue().line(&repository)?.latest(false).cloned()
    }

    /// The release that runs, where it has the change that is asked for.
    fn that_runs(&self, asked: &Asked, env: &str) -> Option<Arc<Release>> {
        asked.description.as_ref()?;
        let name = &self.moment.environment(env).ok()?.name;
        let searched = self.moment.search(&Self::wanted(asked), 1, Self::within(asked));
        let best = searched.matches.first().filter(|_| searched.certainty == Certainty::Sure)?;
        let mut services = self.moment.running(env).ok()?.services.into_iter();
        services.find_map(|runs| deploy::that_runs(self.moment.state(), name, &runs, best)).map(Arc::new)
    }

    /// Of a promotion: what the other environment runs.
    fn running_version(&self, asked: &Asked) -> Option<String> {
        let running = self.moment.running(asked.from.as_deref()?).ok()?;
        let wanted = asked.repository()?;
        let mut services = running.services.into_iter().filter(RunningService::runs);
        services.find(|service| service.repository.as_str() == wanted)?.version
    }

    /// The way back to the version that is named, or else to what ran before, and what that takes away.
    pub(super) fn way_back(&self, asked: &mut Asked) -> Reply {
        let env = asked.environment.clone().unwrap_or_default();
        let repository = asked.repository().map(str::to_owned).or_else(|| self.only_service(&env));
        let repository: Option<Repository> = repository.and_then(|name| name.parse().ok());
        let Some(repository) = repository else { return (wording::nothing_before(&env, None), Value::Null) };
        if let Some(gone) = self.gone(&env, &repository) {
            return (wording::nothing_to_take_back(&env, &gone), Value::Null);
        }
        let history = self.moment.history(&env, repository.as_str(), BACK_MAX);
        let changes: Vec<ServiceChange> = history.map(|history| history.changes).unwrap_or_default();
        let stood = || changes.iter().filter(|change| change.state != Phase::Aborted);
        let runs = stood().next().map(|change| &change.to);
        let mut ran = stood().flat_map(|change| [Some(&change.to), change.from.as_ref()]).flatten();
        let back = runs.and_then(|runs| ran.find(|image| self.is_way_back(&repository, runs, image)));
        let version = asked.version.clone().or_else(|| back.and_then(|image| image.version.clone()));
        let line = self.moment.state().catalogue().line(&repository);
        let release = version.as_deref().and_then(|version| line?.with_version(version));
        let (Some(runs), Some(to)) = (runs, version.or_else(|| back.map(Image::label))) else {
            return (wording::nothing_before(&env, Some(repository.as_str())), Value::Null);
        };
        asked.repositories = vec![repository.to_string()];
        asked.version = release.map(|release| release.version.clone());
        let lost = release.map(|release| self.lost(&repository, release, runs)).unwrap_or_default();
        let text = wording::way_back(&env, repository.as_str(), &runs.label(), &to, &lost);
        let shown = release.map(|release| self.moment.release(release));
        (text, json!({ "environment": env, "release": shown, "lost": lost }))
    }

    /// Another image, none that was yanked, and none that is later: after a rollback the way back does not lead to what was left.
    fn is_way_back(&self, repository: &Repository, runs: &Image, image: &Image) -> bool {
        let (from, to) = (named(runs), named(image));
        let relation = self.moment.state().catalogue().relation(repository, from, to);
        let line = self.moment.state().catalogue().line(repository);
        let release =
            line.and_then(|line| line.with_digest(&image.digest).or_else(|| line.with_version(to.version?)));
        let is_offered = release.is_none_or(|release| release.yanked_at.is_none());
        is_offered && image.digest != runs.digest && !matches!(relation, Relation::Later | Relation::Same)
    }

    /// The releases between `to` and what runs.
    fn lost(&self, repository: &Repository, to: &Release, runs: &Image) -> Vec<wire::Release> {
        let digest = to.digest().unwrap_or_else(|| Digest::of(to.id.as_bytes()));
        let low = Named { digest: &digest, version: Some(&to.version) };
        let between = self.moment.state().catalogue().between(repository, low, named(runs));
        between.into_iter().map(|release| wire::Release::from(release.as_ref())).collect()
    }

    /// The service, where nothing of it runs any more.
    fn gone(&self, env: &str, repository: &Repository) -> Option<AbsentService> {
        let missing = self.moment.missing(env).ok()?;
        missing.absent.into_iter().find(|service| service.repository == *repository)
    }

    /// The service of an environment that runs one alone.
    fn only_service(&self, env: &str) -> Option<String> {
        let running = self.moment.running(env).ok()?;
        let services: Vec<RunningService> =
            running.services.into_iter().filter(RunningService::runs).collect();
        <[_; 1]>::try_from(services).ok().map(|[one]| one.repository.to_string())
    }
}

fn named(image: &Image) -> Named<'_> {
    let version = image.version.as_deref().filter(|version| Number::parse(version).is_some());
    Named { digest: &image.digest, version }
}
