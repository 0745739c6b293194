//! Deploys: planned, applied where somebody says so, and followed until their pulls arrive.

use std::sync::Arc;

use axum::extract::{Request, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::apply::{Order, Reached, no_access, unreached};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::random;
use crate::admin::{Answer, App, json};
use crate::answer::{QUERY_CHARS_MAX, Within};
use crate::clock::{self, now};
use crate::cluster::Conflicts;
use crate::log::View;
use crate::model::deploy::{self, BadWorkload, Cluster, NoPlan, Place, Plan, Wish, World, is_namespace};
use crate::model::directory::Environment;
use crate::model::oci::{Malformed, Repository};
use crate::model::time::Time;

/// Prefix of a plan's identifier.
const ID_PREFIX: &str = "dpl_";
/// Longest version.
const VERSION_CHARS_MAX: usize = 128;
/// Changes that the search of a plan looks at.
const MATCHES_MAX: usize = 10;
/// Plans that are listed.
const LISTED_MAX: usize = 20;

/// What is to be deployed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeployWish)]
struct Body {
    /// Where.
    environment: Option<String>,
    /// What the release changed, in words; or its version.
    query: Option<String>,
    /// Of which repository.
    repository: Option<String>,
    /// Which version.
    version: Option<String>,
    /// In which namespace.
    namespace: Option<String>,
    /// To which workload: KIND/NAME:CONTAINER.
    workload: Option<String>,
    /// A plan that was made before and is to be applied as it is; with nothing else but `environment` and `apply`.
    plan: Option<String>,
    /// Whether Landfall is to tell the cluster. Saying so is the confirmation.
    #[serde(default)]
    apply: bool,
    /// Whether fields of the workloads that something else manages are Landfall's from now on.
    #[serde(default)]
    take_over: bool,
}

/// Plans what puts a release into an environment, and with `apply` tells its cluster. Where several releases may be meant,
/// they are the candidates of the refusal.
///
/// A cluster is told workload by workload, after a dry run of all. Where it stops in between, the refusal and the plan say
/// what was applied and what was not. A plan that was applied already is left as it is.
#[utoipa::path(post, path = "/deploy", tag = "deploys", operation_id = "deploy", request_body = Body,
    responses((status = 200, description = "A plan that was made before is applied", body = deploy::Deploy),
        (status = 201, body = deploy::Deploy), (status = 404), (status = 409),
        (status = 502, description = "The cluster does not answer as it should")))]
pub(super) async fn create(State(app): State<Arc<App>>, admin: Admin, request: Request) -> Answer {
    let body: Body = fields::json_body(request.into_body(), fields::BODY_BYTES_MAX).await?;
    let conflicts = if body.take_over { Conflicts::TakeOver } else { Conflicts::Refuse };
    if let Some(id) = &body.plan {
        check_alone(&body)?;
        app.apply_known(admin, id, body.environment.as_deref(), conflicts).await?;
        return json(StatusCode::OK, &followed(&app, &app.log.view(), id, now())?);
    }
    let name = body.environment.clone().ok_or_else(|| Problem::invalid("environment", "is missing"))?;
    let apply = body.apply;
    let wish = wish(body)?;
    let env = environment(&app.log.view(), &name)?.name.clone();
    let access = app.settings.clusters.get(&env);
    if apply && access.is_none() {
        return Err(no_access());
    }
    let reached = match access {
        Some(access) => Some(Reached::new(&app, &env, access).await),
        None => None,
    };
    let silence = match &reached {
        Some(Err(error)) if apply => return Err(unreached(error)),
        Some(Err(error)) => error.to_string(),
        _ => String::new(),
    };
    let cluster = match &reached {
        None => Cluster::Closed,
        Some(Err(_)) => Cluster::Silent(&silence),
        Some(Ok(reached)) => Cluster::Open(&reached.around),
    };
    let id = random::token_id(ID_PREFIX).map_err(super::tokens::no_randomness)?;
    let (view, now) = (app.log.view(), now());
    let environment = environment(&view, &name)?;
    let plan = app
        .plan(&view, environment, &wish, cluster, now, id.to_string())
        .map_err(|no| Problem::no_plan(&no))?;
    match reached {
        Some(Ok(reached)) if apply => {
            Order::of_new(app.clone(), admin, conflicts, plan)?.carry_out(reached).await?;
        }
        _ => app.act(&admin, now, plan.action()).await?,
    }
    tracing::info!(environment = %environment.name, deploy = %id, "deploy planned");
    json(StatusCode::CREATED, &followed(&app, &app.log.view(), id.as_str(), clock::now())?)
}

/// A plan is applied as it was made.
fn check_alone(body: &Body) -> Result<(), Problem> {
    let others = [&body.query, &body.repository, &body.version, &body.namespace, &body.workload];
    if others.into_iter().any(Option::is_some) {
        return Err(Problem::invalid("plan", "stands alone: a plan is applied as it was made"));
    }
    if !body.apply {
        let how = "must be true for a plan that was made before; GET /api/v1/deploys/{id} shows one";
        return Err(Problem::invalid("apply", how));
    }
    Ok(())
}

/// Tells how far a planned deploy is.
#[utoipa::path(get, path = "/deploys/{id}", tag = "deploys", operation_id = "followDeploy",
    responses((status = 200, body = deploy::Deploy)))]
pub(super) async fn show(State(app): State<Arc<App>>, params: Params) -> Answer {
    json(StatusCode::OK, &followed(&app, &app.log.view(), params.get("id"), now())?)
}

/// Lists an environment's latest plans, the newest first.
#[utoipa::path(get, path = "/environments/{env}/deploys", tag = "deploys", operation_id = "deploys",
    responses((status = 200, body = [deploy::Deploy])))]
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (view, now) = (app.log.view(), now());
    let world = app.world(&view, now);
    let environment = params.environment(&view.directory)?;
    let plans = view.deploys.of(&environment.name).take(LISTED_MAX);
    json(StatusCode::OK, &deploy::follow_all(&world, &environment.name, plans))
}

impl App {
    /// What a plan is made from.
    pub(in crate::admin) fn world<'a>(&'a self, view: &'a View, now: Time) -> World<'a> {
        World {
            state: &view.state,
            directory: &view.directory,
            now,
            registry_host: &self.settings.registry_host,
            registries: &self.settings.registries,
        }
    }

    /// A plan, which is not in the log yet.
    pub(in crate::admin) fn plan(
        &self,
        view: &View,
        environment: &Environment,
        wish: &Wish,
        cluster: Cluster<'_>,
        now: Time,
        id: String,
    ) -> Result<Plan, NoPlan> {
        let within = Within(wish.repository.as_ref().map(Repository::as_str));
        let searched =
            wish.query.as_deref().map(|query| self.answers.now().search(query, MATCHES_MAX, within));
        let nowhere = Place::default();
        let place = self.settings.places.get(&environment.name).unwrap_or(&nowhere);
        deploy::plan(&self.world(view, now), &environment.name, wish, searched.as_ref(), place, cluster, id)
    }
}

fn followed(app: &App, view: &View, id: &str, now: Time) -> Result<deploy::Deploy, Problem> {
    let followed = view.deploys.with_id(id).ok_or_else(|| unknown(id))?;
    Ok(deploy::follow(&app.world(view, now), followed))
}

pub(in crate::admin) fn unknown(id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no deploy `{id}`; POST /api/v1/deploy plans one, and the audit trail has the older ones"
    ))
}

pub(in crate::admin) fn environment<'a>(view: &'a View, name: &str) -> Result<&'a Environment, Problem> {
    let unknown = || Problem::not_found(format!("there is no environment `{name}`"));
    view.directory.environment(name).ok_or_else(unknown)
}

fn wish(body: Body) -> Result<Wish, Problem> {
    let repository = body.repository.map(|text| {
        text.parse::<Repository>()
            .map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))
    });
    let workload = body.workload.map(|text| {
        text.parse().map_err(|error: BadWorkload| Problem::invalid("workload", error.to_string()))
    });
    if body.namespace.as_deref().is_some_and(|text| !is_namespace(text)) {
        return Err(Problem::invalid(
            "namespace",
            "must be 1 to 63 lower-case letters, digits and inner dashes",
        ));
    }
    Ok(Wish {
        query: line("query", body.query, QUERY_CHARS_MAX)?,
        repository: repository.transpose()?,
        version: line("version", body.version, VERSION_CHARS_MAX)?,
        namespace: body.namespace,
        workload: workload.transpose()?,
    })
}

/// A text of one line, trimmed; none where it is empty.
fn line(field: &str, text: Option<String>, chars_max: usize) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, format!("must be one line of {chars_max} characters at most")));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}
