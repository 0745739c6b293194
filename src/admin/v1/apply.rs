//! A plan carried out: rehearsed whole by its cluster, then applied workload by workload, and written down.
//!
//! ```text
//! plan → changes → dry run of all → (the plan into the log) → begun → one by one → applied, or interrupted and where
//! ```
//!
//! The client may be gone before the end: what was begun is finished and written down all the same. The log says that a
//! plan is begun before its cluster is told anything, so that two servers of one log never carry out two at once, and a
//! server that dies in between leaves a trace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::planner::{self, Planner};
use super::reach::{self, Reached, no_access, unreached};
use super::token_views::{NewToken, TokenRequest};
use super::tokens;
use crate::admin::http::caller::Admin;
use crate::admin::http::params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::admin::state::{Rollout, bundle, random};
use crate::clock::now;
use crate::cluster::{Change, ClusterError, Conflicts};
use crate::log::View;
use crate::model::act::Action;
use crate::model::deploy::{Aim, Followed, Planned, PullSecret, Surroundings, Target, outdated, pull_secret};
use crate::model::secret::PULL_PREFIX;

/// After so long no further change is begun.
const APPLY_TIME_MAX: Duration = Duration::from_secs(60);
/// Name of the tokens in pull secrets that are made here.
const TOKEN_NAME: &str = "kubernetes";

/// The parts of the state that carrying a plan out takes.
#[derive(Clone)]
pub(in crate::admin) struct Executor {
    pub(in crate::admin) planner: Planner,
    pub(super) changes: Changes,
    turn: Rollout,
}

bundle!(Executor { planner, changes, turn });

/// A plan that is to be carried out.
pub(super) struct Order {
    executor: Executor,
    admin: Admin,
    conflicts: Conflicts,
    planned: Arc<Planned>,
    aim: Aim,
    /// The plan is not in the log yet: it gets there when the cluster would take it.
    is_new: bool,
}

impl Order {
    /// To carry out a plan that is not in the log yet.
    pub(super) fn of_new(
        executor: Executor,
        admin: Admin,
        conflicts: Conflicts,
        planned: Planned,
    ) -> Result<Self, Problem> {
        let aim = planned.aim.clone().ok_or_else(|| {
            Problem::conflict(
                "nothing was planned or applied: the cluster has no workload for it. Plan without applying: the \
                 plan says what it takes",
            )
        })?;
        Ok(Self { executor, admin, conflicts, planned: Arc::new(planned), aim, is_new: true })
    }

    /// To carry out a plan that was made before.
    pub(super) fn of_known(
        executor: Executor,
        admin: Admin,
        conflicts: Conflicts,
        followed: &Followed,
    ) -> Result<Self, Problem> {
        let id = &followed.planned.id;
        if let Some(why) = outdated(&executor.planner.world(&executor.planner.view(), now()), followed) {
            return Err(Problem::conflict(format!("nothing was applied: {why}; plan again")));
        }
        let aim = followed.planned.aim.clone().ok_or_else(|| {
            Problem::conflict(format!(
                "nothing was applied: when {id} was planned, no workload of a cluster was found for it; run its commands \
                 with kubectl, or plan again"
            ))
        })?;
        Ok(Self { executor, admin, conflicts, planned: followed.planned.clone(), aim, is_new: false })
    }

    fn planner(&self) -> &Planner {
        &self.executor.planner
    }

    /// Carries it out, whether or not who asked waits for the end.
    ///
    /// # Errors
    /// Nothing was changed, or part of it, as the problem and the plan say.
    pub(super) async fn carry_out(self, reached: Reached) -> Result<(), Problem> {
        let done = tokio::spawn(async move { self.run(&reached).await }).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a deploy was not carried out to its end");
            Err(Problem::internal())
        })
    }

    async fn run(&self, reached: &Reached) -> Result<(), Problem> {
        let Ok(_alone) = self.executor.turn.0.try_lock() else {
            return Err(Problem::conflict(
                "nothing was applied: another deploy is being carried out; ask again when it is done",
            ));
        };
        let changes = self.changes(&reached.around)?;
        let needs_secret = !self.can_pull(&reached.around)?;
        self.rehearse(reached, &changes, needs_secret).await?;
        if self.is_new {
            let planned = Box::new(Planned::clone(&self.planned));
            self.executor.changes.append(&self.admin, now(), Action::DeployPlanned(planned)).await?;
        }
        self.claim().await?;
        let secret = match needs_secret {
            true => Some(self.first_secret(&changes).await?),
            false => None,
        };
        let (token, secret) = secret.unzip();
        let changes: Vec<Change> = secret.into_iter().chain(changes).collect();
        self.apply(reached, &changes, token).await
    }

    /// One change for each workload. Only the agreed plan is carried out: workloads that are not as they were planned for
    /// are left alone, all of them.
    fn changes(&self, around: &Surroundings) -> Result<Vec<Change>, Problem> {
        let change = |target: &Target| {
            let found = around.workloads.iter().find(|found| target.is_there(found));
            found.map(|found| Change::of_workload(&self.planned, target, found)).ok_or_else(|| {
                Problem::conflict(format!(
                    "nothing was applied: {} is not in the namespace {} any more as it was when this was planned; plan \
                     again",
                    target.workload(),
                    self.aim.namespace
                ))
            })
        };
        if around.namespace != self.aim.namespace {
            return Err(Problem::conflict(
                "nothing was applied: the environment has another namespace than when this was planned; plan again",
            ));
        }
        self.aim.targets.iter().map(change).collect()
    }

    /// Says whether the cluster's pull secret is good. A secret of another type is not replaced.
    fn can_pull(&self, around: &Surroundings) -> Result<bool, Problem> {
        let env = &self.planned.environment;
        if around.secret == PullSecret::OtherKind {
            return Err(Problem::conflict(format!(
                "nothing was applied: the secret {} of the namespace {} is no pull secret; remove it, or give it another \
                 name",
                pull_secret(env),
                around.namespace
            )));
        }
        Ok(self.planner().world(&self.planner().view(), now()).is_good(env, around.secret))
    }

    /// Has the cluster say whether it would take all of it.
    async fn rehearse(
        &self,
        reached: &Reached,
        changes: &[Change],
        needs_secret: bool,
    ) -> Result<(), Problem> {
        let env = &self.planned.environment;
        if needs_secret {
            // Its token is made when the cluster takes the rest; until then a password that opens nothing.
            let nothing = random::secret(PULL_PREFIX)?;
            let secret = Change::of_secret(env, &self.planner().settings.registry_host, &nothing);
            self.rehearsed(reached.cluster.dry_run(&[secret], self.conflicts).await)?;
        }
        self.rehearsed(reached.cluster.dry_run(changes, self.conflicts).await)
    }

    fn rehearsed(&self, answer: Result<(), ClusterError>) -> Result<(), Problem> {
        answer.map_err(|error| {
            reach::log(&self.planned.environment, &error);
            Problem::cluster(&error, &format!("nothing was applied, in a dry run: {error}"))
        })
    }

    /// Writes down that the plan is begun.
    ///
    /// # Errors
    /// Another one is being carried out in this environment, or this one was carried out meanwhile, by whatever server.
    async fn claim(&self) -> Result<(), Problem> {
        let (id, environment) = (&self.planned.id, &self.planned.environment);
        let begun = |view: &View, at| {
            if view.deploys.with_id(id).is_some_and(|followed| followed.applied_at.is_some()) {
                return Err(Problem::conflict(format!("nothing was applied: {id} was carried out already")));
            }
            if let Some(other) = view.deploys.under_way(environment, at) {
                return Err(Problem::conflict(format!(
                    "nothing was applied: {} is being carried out in {environment}; ask again when it is done",
                    other.planned.id
                )));
            }
            Ok((Some(Action::DeployBegun { id: id.clone(), environment: environment.clone() }), ()))
        };
        self.executor.changes.decide(&self.admin, begun).await
    }

    /// The new secret. Without one the plan, which is begun, ends here and says so: nobody waits for it.
    async fn first_secret(&self, changes: &[Change]) -> Result<(NewToken, Change), Problem> {
        let problem = match self.new_secret().await {
            Ok(made) => return Ok(made),
            Err(problem) => problem,
        };
        let (id, environment) = (self.planned.id.clone(), self.planned.environment.clone());
        let why = "no token could be made for its pull secret".to_owned();
        let not_applied = self.named(changes);
        let end = Action::DeployInterrupted { id, environment, applied: Vec::new(), not_applied, why };
        self.executor.changes.append(&self.admin, now(), end).await?;
        Err(problem)
    }

    /// A new token, and the pull secret that holds it.
    async fn new_secret(&self) -> Result<(NewToken, Change), Problem> {
        let env = &self.planned.environment;
        let view = self.planner().view();
        let name = tokens::free_name(params::exactly(&view.directory, env.as_str())?, TOKEN_NAME, now());
        let wanted = TokenRequest { name, kind: None, expires_at: None };
        let (changes, settings) = (&self.executor.changes, &self.planner().settings);
        let token = tokens::make(changes, settings, &self.admin, env.as_str(), wanted).await?;
        let secret = Change::of_secret(env, &self.planner().settings.registry_host, &token.secret);
        Ok((token, secret))
    }

    /// Applies change by change, up to the first that it does not take; and writes down how far that went.
    async fn apply(
        &self,
        reached: &Reached,
        changes: &[Change],
        token: Option<NewToken>,
    ) -> Result<(), Problem> {
        let began = Instant::now();
        let mut stop = None;
        let mut applied = 0;
        for change in changes {
            if began.elapsed() > APPLY_TIME_MAX {
                stop = Some(ClusterError::TimedOut);
                break;
            }
            match reached.cluster.apply(change, self.conflicts).await {
                Ok(()) => applied += 1,
                Err(error) => {
                    stop = Some(error);
                    break;
                }
            }
        }
        let (done, open) = changes.split_at(applied);
        let is_refused = stop.as_ref().is_some_and(|error| !error.is_outcome_unknown());
        let unused = token.filter(|_| done.is_empty() && is_refused);
        let written = self.write_down(self.named(done), self.named(open), stop).await;
        if let Some(token) = unused {
            // The secret did not get there, so nobody has it.
            let (environment, id) = (self.planned.environment.clone(), token.id);
            let revoked = Action::TokenRevoked { environment, id };
            self.executor.changes.append(&self.admin, now(), revoked).await?;
        }
        written
    }

    fn named(&self, changes: &[Change]) -> Vec<String> {
        let taken = if self.conflicts == Conflicts::TakeOver { ", taken over" } else { "" };
        changes.iter().map(|it| format!("{} in {}{taken}", it.what(), self.aim.namespace)).collect()
    }

    async fn write_down(
        &self,
        applied: Vec<String>,
        not_applied: Vec<String>,
        stop: Option<ClusterError>,
    ) -> Result<(), Problem> {
        let (id, environment) = (self.planned.id.clone(), self.planned.environment.clone());
        let Some(error) = stop else {
            tracing::info!(%environment, deploy = %id, workloads = applied.len(), "deploy applied");
            let action = Action::DeployApplied { id, environment, workloads: applied };
            return Ok(self.executor.changes.append(&self.admin, now(), action).await?);
        };
        reach::log(&environment, &error);
        let open = if error.is_outcome_unknown() {
            "; the first of them may have been applied all the same"
        } else {
            ""
        };
        let why = format!("{error}{open}");
        let done = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
        let problem = Problem::cluster(
            &error,
            &format!(
                "{id} was not carried out to its end. Applied: {done}. Not applied: {}, for {why}. Applying the plan \
                 {id} again goes on with it",
                not_applied.join(", ")
            ),
        );
        let action = Action::DeployInterrupted { id, environment, applied, not_applied, why };
        self.executor.changes.append(&self.admin, now(), action).await?;
        Err(problem)
    }
}

impl Executor {
    /// Carries out the plan with this identifier, as it was made. One that was carried out already is left as it is.
    pub(in crate::admin) async fn apply_known(
        &self,
        admin: Admin,
        id: &str,
        env: Option<&str>,
        conflicts: Conflicts,
    ) -> Result<(), Problem> {
        let view = self.planner.view();
        let followed = view.deploys.with_id(id).ok_or_else(|| planner::unknown(id))?;
        let planned = &followed.planned;
        let environment = &params::named(&view.directory, planned.environment.as_str())?.name;
        let is_it = |env| view.directory.environment(env).is_some_and(|it| it.name == *environment);
        if env.is_some_and(|env| !is_it(env)) {
            let other = format!("`{id}` is a plan for {}", planned.environment);
            return Err(Problem::invalid("environment", other));
        }
        if followed.applied_at.is_some() {
            return Ok(());
        }
        let access =
            self.planner.settings.cluster(view.directory.former(), environment).ok_or_else(no_access)?;
        let order = Order::of_known(self.clone(), admin, conflicts, followed)?;
        let reached = Reached::new(&self.planner.settings.registry_host, environment, access).await;
        let reached = reached.map_err(|error| unreached(&error))?;
        order.carry_out(reached).await
    }
}
