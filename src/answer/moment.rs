//! One moment, and the queries over it.

use std::ops::Range;
use std::sync::Arc;

use super::finder::SharedFinder;
use super::names;
use super::refused::Refused;
use super::{CANDIDATES_MAX, CHANGES_SPAN, Past, ROLLBACKS_SPAN};
use crate::log::View;
use crate::model::deployments::State;
use crate::model::directory::{Directory, Environment};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::questions;
use crate::model::releases::Release;
use crate::model::search::{Band, Found};
use crate::model::time::{Span, Time};
use crate::wire;
use crate::wording;

/// A moment, present or past, with the state of the log at that time.
pub struct Moment<'a> {
    shared: &'a SharedFinder,
    view: Arc<View>,
    past: Option<Past>,
    now: Time,
}

/// The repositories that a search looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Within<'a>(pub Option<&'a str>);

impl Within<'_> {
    fn has(self, repository: &Repository) -> bool {
        self.0.is_none_or(|wanted| wanted == repository.as_str())
    }
}

impl<'a> Moment<'a> {
    pub(super) fn new(shared: &'a SharedFinder, view: Arc<View>, now: Time, past: Option<Past>) -> Self {
        Self { shared, view, past, now }
    }

    /// Its time.
    pub fn at(&self) -> Time {
        self.past().unwrap_or(self.now)
    }

    /// Its time where it is past; none for the present.
    pub fn past(&self) -> Option<Time> {
        self.past.as_ref().map(|past| past.at)
    }

    /// The state of the log at that time.
    pub fn state(&self) -> &State {
        self.past.as_ref().map_or(&self.view.state, |past| &past.state)
    }

    /// Environments and tokens, as they are today.
    pub fn directory(&self) -> &Directory {
        &self.view.directory
    }

    /// The environment that `name` means: by its name, or by a short form that fits no other.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn environment(&self, name: &str) -> Result<&Environment, Refused> {
        names::environment(&self.view.directory, name)
    }

    fn name(&self, name: &str) -> Result<&EnvironmentName, Refused> {
        self.environment(name).map(|environment| &environment.name)
    }

    /// The repository that `name` means today: by its whole name, or by the end of it that fits no other.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn repository(&self, name: &str) -> Result<Repository, Refused> {
        names::repository(&self.view.state, None, name)
    }

    /// Tells what runs in `env`.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn running(&self, env: &str) -> Result<wire::Running, Refused> {
        Ok(questions::running(self.state(), self.name(env)?, self.at()))
    }

    /// Tells whether `env` is up to date, and what it lacks.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn missing(&self, env: &str) -> Result<wire::Missing, Refused> {
        Ok(questions::missing(self.state(), self.name(env)?, self.at()))
    }

    /// Tells which images must not be deleted from the registry: those of one repository, where one is named.
    ///
    /// # Errors
    /// There is no such repository, or there are several.
    pub fn retain(&self, repository: Option<&str>) -> Result<wire::Retained, Refused> {
        let repository = repository.map(|name| self.repository(name)).transpose()?;
        Ok(questions::retain(self.state(), repository.as_ref(), self.at()))
    }

    /// Tells whether the change that `text` describes is live in `env`. Wants a moment whose changes can be searched.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn verify(&self, env: &str, text: &str, within: Within<'_>) -> Result<wire::Verified, Refused> {
        let name = self.name(env)?;
        let found = self.find(text, CANDIDATES_MAX, within);
        let mut verified = questions::verify(self.state(), name, text, &found, self.at());
        let mut said = wording::verified(&verified);
        if verified.answer == wire::Standing::NoSuchChange
            && let Some(later) = self.registered_later(text, within)
        {
            said += &wording::registered_later(&later.repository, &later.version, later.added_at);
        }
        verified.text = wording::as_of(self.past(), said);
        Ok(verified)
    }

    /// The release of the change that `text` is sure to mean today, where it became known after this moment.
    fn registered_later(&self, text: &str, within: Within<'_>) -> Option<Arc<Release>> {
        let past = self.past()?;
        let today = &self.view.state;
        let within = |repository: &Repository| within.has(repository);
        let found = self.shared.find(today.catalogue(), text, 1, within);
        let hit = found.hits.first().filter(|_| found.band == Band::Sure)?;
        questions::releases_of(today, hit).find(|release| release.added_at > past).cloned()
    }

    /// Finds changes by a loose description, and tells where each is live. Wants a moment whose changes can be searched.
    pub fn search(&self, text: &str, limit: usize, within: Within<'_>) -> wire::Searched {
        questions::search(self.state(), text, &self.find(text, limit, within), self.at())
    }

    /// The changes that `text` may mean, the best first.
    pub fn find(&self, text: &str, limit: usize, within: Within<'_>) -> Found {
        let within = |repository: &Repository| within.has(repository);
        match &self.past {
            None => self.shared.find(self.view.state.catalogue(), text, limit, within),
            Some(Past { finder: Some(finder), .. }) => finder.find(text, within, limit),
            Some(Past { state, .. }) => {
                let mut finder = questions::Finder::default();
                finder.follow(state.catalogue());
                finder.find(text, within, limit)
            }
        }
    }

    /// Compares `left` now with `right` at another moment, or the same.
    pub(super) fn compare(&self, left: &str, other: &Self, right: &str) -> Result<wire::Comparison, Refused> {
        let left = questions::Side { state: self.state(), environment: self.name(left)?, at: self.at() };
        let right = questions::Side { state: other.state(), environment: other.name(right)?, at: other.at() };
        Ok(questions::compare(left, right))
    }

    /// Tells what changed in `env` from `from` to `until`: in the week before `until`, and until this moment, unless
    /// told.
    ///
    /// # Errors
    /// There is no such environment, or the stretch ends before it begins.
    pub fn changes(
        &self,
        env: &str,
        from: Option<Time>,
        until: Option<Time>,
    ) -> Result<wire::Changes, Refused> {
        self.changes_within(env, from, until, CHANGES_SPAN)
    }

    /// The same, to find the rollbacks among them: in the quarter before, unless told.
    ///
    /// # Errors
    /// As [`Moment::changes`].
    pub fn rollbacks(
        &self,
        env: &str,
        from: Option<Time>,
        until: Option<Time>,
    ) -> Result<wire::Changes, Refused> {
        self.changes_within(env, from, until, ROLLBACKS_SPAN)
    }

    fn changes_within(
        &self,
        env: &str,
        from: Option<Time>,
        until: Option<Time>,
        span: Span,
    ) -> Result<wire::Changes, Refused> {
        let name = self.name(env)?;
        let until = until.unwrap_or(self.at());
        let from = from.unwrap_or(until - span);
        if from > until {
            return Err(Refused::FromAfterUntil);
        }
        Ok(questions::changes(self.state(), name, from, until, self.at()))
    }

    /// Tells the history of one service, the newest change first.
    ///
    /// # Errors
    /// There is no such environment, or it has no such service.
    pub fn history(&self, env: &str, repository: &str, limit: usize) -> Result<wire::History, Refused> {
        let name = self.name(env)?;
        let repository = names::service(&self.view.state, name, repository)?;
        questions::history(self.state(), name, &repository, self.at(), limit)
            .ok_or_else(|| self.never_pulled(name, repository))
    }

    /// The refusal, with what may help: the first pull that came later, or the services that may have been meant.
    fn never_pulled(&self, name: &EnvironmentName, repository: Repository) -> Refused {
        let today = questions::history(&self.view.state, name, &repository, self.now, usize::MAX);
        let first = today.and_then(|history| history.changes.last().map(|change| change.started_at));
        let near =
            if first.is_none() { names::served_as(&self.view.state, name, &repository) } else { Vec::new() };
        Refused::NeverPulled { environment: name.clone(), repository, at: self.past(), first, near }
    }

    /// Lists the deployments of `env`, the newest first; only those before the deployment `before`, if one is named.
    ///
    /// # Errors
    /// There is no such environment, or `before` is none of its deployments.
    pub fn timeline(&self, env: &str, limit: usize, before: Option<&str>) -> Result<wire::Timeline, Refused> {
        let name = self.name(env)?;
        let is_its_own = |id| self.deployment(id).is_ok_and(|found| found.environment == *name);
        if before.is_some_and(|id| !is_its_own(id)) {
            return Err(Refused::ForeignDeployment { environment: name.clone() });
        }
        Ok(questions::timeline(self.state(), name, self.at(), limit, before))
    }

    /// Shows a deployment.
    ///
    /// # Errors
    /// There is none with this identifier.
    pub fn deployment(&self, id: &str) -> Result<wire::Deployment, Refused> {
        let found = questions::deployment(self.state(), id, self.at());
        found.ok_or_else(|| Refused::UnknownDeployment { id: id.to_owned() })
    }

    /// Shows the pulls behind a deployment.
    ///
    /// # Errors
    /// There is none with this identifier.
    pub fn evidence(&self, id: &str) -> Result<wire::Evidence, Refused> {
        let found = questions::evidence(self.state(), id, self.at());
        found.ok_or_else(|| Refused::UnknownDeployment { id: id.to_owned() })
    }

    /// Lists the pulls of people's machines in `env`, which changed nothing.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn local(&self, env: &str) -> Result<Vec<wire::LocalPull>, Refused> {
        Ok(questions::local(self.state(), self.name(env)?))
    }

    /// Tells the deployments of `env` with their evidence, a page of them.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn detailed_timeline(
        &self,
        env: &str,
        limit: usize,
        before: Option<&str>,
    ) -> Result<questions::DetailedTimeline, Refused> {
        Ok(questions::detailed_timeline(self.state(), self.name(env)?, self.at(), limit, before))
    }

    /// Tells one deployment with its evidence.
    ///
    /// # Errors
    /// There is none with this identifier.
    pub fn detailed_deployment(&self, id: &str) -> Result<questions::DetailedDeployment, Refused> {
        let found = questions::detailed_deployment(self.state(), id, self.at());
        found.ok_or_else(|| Refused::UnknownDeployment { id: id.to_owned() })
    }

    /// Tells of every environment what a glance wants to know, and which version runs where.
    pub fn overview(&self) -> questions::Overview {
        let names = self.directory().environments().map(|environment| &environment.name);
        questions::overview(self.state(), names, self.at())
    }

    /// Tells how often and how well `env`, or every environment, was shipped to in a stretch of time.
    ///
    /// # Errors
    /// There is no such environment.
    pub fn insights(&self, env: Option<&str>, during: Range<Time>) -> Result<questions::Insights, Refused> {
        let one = env.map(|env| self.name(env)).transpose()?;
        let all = self.directory().environments().map(|environment| &environment.name);
        let wanted = all.filter(|name| one.is_none_or(|one| one == *name));
        Ok(questions::insights(self.state(), wanted, during, self.at()))
    }

    /// Tells of one service what every environment runs, and its latest changes: those in `of` alone, where that is named.
    ///
    /// # Errors
    /// There is no environment `of`.
    pub fn across(
        &self,
        repository: &Repository,
        of: Option<&str>,
        limit: usize,
    ) -> Result<questions::Across, Refused> {
        let of = of.map(|of| self.name(of)).transpose()?;
        let names = self.directory().environments().map(|environment| &environment.name);
        Ok(questions::across(self.state(), names, repository, of, self.at(), limit))
    }

    /// Tells what became of a release in each environment.
    pub fn trace(&self, release: &Release) -> questions::Trace {
        questions::trace(self.state(), release, self.at())
    }

    /// Shows a release, and where it runs.
    pub fn release(&self, release: &Release) -> wire::Release {
        questions::release(self.state(), release, self.at())
    }

    /// The beginning of the latest deployment in `env`, or anywhere, of a `kind` or of any, within [`ROLLBACKS_SPAN`].
    pub fn latest(&self, env: Option<&str>, kind: Option<wire::Kind>) -> Option<Time> {
        let all = self.directory().environments().map(|it| it.name.as_str());
        let changes = all.filter(|name| env.is_none_or(|env| env == *name)).filter_map(|name| {
            let changes = self.rollbacks(name, None, None).ok()?;
            Some(changes.deployments)
        });
        let meant = changes.flatten().filter(|it| kind.as_ref().is_none_or(|kind| it.kind == *kind));
        meant.map(|deployment| deployment.started_at).max()
    }
}
