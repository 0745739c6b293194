//! Plans of deploys: made from the log's state, the settings and an environment's cluster, and followed afterwards.

use std::sync::Arc;

use crate::admin::http::params;
use crate::admin::http::problem::Problem;
use crate::admin::state::{Settings, bundle};
use crate::answer::{Answers, Within};
use crate::log::{Log, View};
use crate::model::deploy::{self, Cluster, Followed, NoPlan, Place, Planned, Wish, World};
use crate::model::directory::Environment;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire;

/// The parts of the state that plans are made from.
#[derive(Clone)]
pub(in crate::admin) struct Planner {
    log: Log,
    answers: Arc<Answers>,
    pub(super) settings: Arc<Settings>,
}

bundle!(Planner { log, answers, settings });

impl Planner {
    /// The latest state.
    pub(in crate::admin) fn view(&self) -> Arc<View> {
        self.log.view()
    }

    /// Everything that a plan is made from besides the wish and the cluster.
    pub(super) fn world<'a>(&'a self, view: &'a View, now: Time) -> World<'a> {
        World {
            state: &view.state,
            directory: &view.directory,
            now,
            registry_host: &self.settings.registry_host,
            registries: &self.settings.registries,
        }
    }

    /// Tells whether Landfall can apply a plan there.
    pub(in crate::admin) fn has_cluster(&self, env: &EnvironmentName) -> bool {
        self.settings.clusters.contains_key(env)
    }

    /// A plan, which is not in the log yet.
    pub(super) fn plan(
        &self,
        view: &View,
        environment: &Environment,
        wish: &Wish,
        cluster: Cluster<'_>,
        now: Time,
        id: String,
    ) -> Result<Planned, NoPlan> {
        let within = Within(wish.repository.as_ref().map(Repository::as_str));
        let searched = wish
            .query
            .as_deref()
            .map(|query| self.answers.now().search(query, deploy::CANDIDATES_MAX, within));
        let nowhere = Place::default();
        let place = self.settings.place(view.directory.former(), &environment.name).unwrap_or(&nowhere);
        deploy::plan(&self.world(view, now), &environment.name, wish, searched.as_ref(), place, cluster, id)
    }

    /// The plan that would be made: nothing is written down, and no cluster is asked.
    ///
    /// # Errors
    /// There is no such environment, or no plan.
    pub(in crate::admin) fn sketch(
        &self,
        env: &str,
        wish: &Wish,
        now: Time,
    ) -> Result<wire::Deploy, Problem> {
        let view = self.log.view();
        let environment = params::named(&view.directory, env)?;
        let planned = self.plan(&view, environment, wish, Cluster::Closed, now, String::new());
        let planned = Arc::new(planned.map_err(|no| Problem::no_plan(&no))?);
        let followed = Followed { planned, planned_at: now, applied_at: None, interrupted: None };
        Ok(deploy::follow(&self.world(&view, now), &followed))
    }

    /// The plan with this identifier, and how far it is.
    ///
    /// # Errors
    /// There is none.
    pub(in crate::admin) fn followed(
        &self,
        view: &View,
        id: &str,
        now: Time,
    ) -> Result<wire::Deploy, Problem> {
        let followed = view.deploys.with_id(id).ok_or_else(|| unknown(id))?;
        Ok(deploy::follow(&self.world(view, now), followed))
    }
}

/// There is no plan with this identifier.
pub(super) fn unknown(id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no deploy `{id}`; landfall deploy plans one, and for older ones: landfall audit"
    ))
}
