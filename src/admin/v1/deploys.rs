//! Deploys: planned, applied where somebody says so, and followed until their pulls arrive.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::apply::{Executor, Order};
use super::planner::Planner;
use super::reach::{Reached, no_access, unreached};
use crate::admin::http::answers::{Json, List, Stored};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::Body;
use crate::admin::http::params::{self, Params};
use crate::admin::http::problem::Problem;
use crate::admin::state::random;
use crate::answer::{self, QUERY_CHARS_MAX};
use crate::clock::{self, now};
use crate::cluster::Conflicts;
use crate::model::act::Action;
use crate::model::deploy::{self, BadWorkload, Cluster, Wish, is_namespace};
use crate::model::oci::{Malformed, Repository};
use crate::wire;

/// Prefix of a plan's identifier.
const ID_PREFIX: &str = "dpl_";
/// Longest version.
const VERSION_CHARS_MAX: usize = 128;
/// Plans that are listed.
const LISTED_MAX: usize = 20;

/// A release to deploy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeployWish {
    /// Environment that it is deployed into.
    environment: Option<String>,
    /// A change in the release, in words; or its version.
    query: Option<String>,
    /// Repository of the release.
    repository: Option<String>,
    /// Version of the release.
    version: Option<String>,
    /// Namespace of the workload.
    namespace: Option<String>,
    /// Workload that gets it: KIND/NAME:CONTAINER.
    workload: Option<String>,
    /// A plan that was made before and is to be applied as it is; with nothing else but `environment` and `apply`.
    plan: Option<String>,
    /// Apply the plan to the cluster, too. Saying so is the confirmation.
    #[serde(default)]
    apply: bool,
    /// Fields of the workloads that something else manages are Landfall's from now on.
    #[serde(default)]
    take_over: bool,
}

/// Plans what puts a release into an environment, and with `apply` tells its cluster. Where several releases may be meant,
/// they are the candidates of the refusal.
///
/// A cluster gets the plan workload by workload, after a dry run of all. Where it stops in between, the refusal and the plan say
/// what was applied and what was not. A plan that was applied already is left as it is.
#[utoipa::path(post, path = "/deploy", tag = "deploys", operation_id = "deploy",
    responses((status = 200, description = "A plan that was made before is applied"), (status = 404), (status = 409),
        (status = 502, description = "The cluster does not answer as it should")))]
pub(super) async fn create(
    State(executor): State<Executor>,
    admin: Admin,
    Body(wanted): Body<DeployWish>,
) -> Result<Stored<wire::Deploy>, Problem> {
    let conflicts = if wanted.take_over { Conflicts::TakeOver } else { Conflicts::Refuse };
    if let Some(id) = &wanted.plan {
        check_alone(&wanted)?;
        executor.apply_known(admin, id, wanted.environment.as_deref(), conflicts).await?;
        let planner = &executor.planner;
        return planner.followed(&planner.view(), id, now()).map(Stored::Known);
    }
    let name = wanted.environment.clone().ok_or_else(|| Problem::invalid("environment", "is missing"))?;
    let apply = wanted.apply;
    make(&executor, admin, &name, &wish(wanted)?, apply, conflicts).await.map(Stored::Created)
}

/// Plans what `wish` asks for, and with `apply` carries it out.
pub(in crate::admin) async fn make(
    executor: &Executor,
    admin: Admin,
    name: &str,
    wish: &Wish,
    apply: bool,
    conflicts: Conflicts,
) -> Result<wire::Deploy, Problem> {
    let planner = &executor.planner;
    // A plan may be asked for by a short name; what is told to a cluster may not.
    let meant =
        |directory| if apply { params::exactly(directory, name) } else { params::named(directory, name) };
    let view = planner.view();
    let env = meant(&view.directory)?.name.clone();
    let named = wish.repository.as_ref();
    let repository =
        named.map(|named| answer::repository(&view.state, Some(&env), named.as_str())).transpose()?;
    let wish = &Wish { repository, ..wish.clone() };
    let access = planner.settings.cluster(view.directory.former(), &env);
    if apply && access.is_none() {
        return Err(no_access());
    }
    let reached = match access {
        Some(access) => Some(Reached::new(&planner.settings.registry_host, &env, access).await),
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
    let id = random::token_id(ID_PREFIX)?;
    let (view, now) = (planner.view(), now());
    let environment = meant(&view.directory)?;
    let plan = planner
        .plan(&view, environment, wish, cluster, now, id.to_string())
        .map_err(|no| Problem::no_plan(&no))?;
    match reached {
        Some(Ok(reached)) if apply => {
            Order::of_new(executor.clone(), admin, conflicts, plan)?.carry_out(reached).await?;
        }
        _ => executor.changes.append(&admin, now, Action::DeployPlanned(Box::new(plan))).await?,
    }
    tracing::info!(environment = %environment.name, deploy = %id, "deploy planned");
    planner.followed(&planner.view(), id.as_str(), clock::now())
}

/// A plan is applied as it was made.
fn check_alone(body: &DeployWish) -> Result<(), Problem> {
    let others = [&body.query, &body.repository, &body.version, &body.namespace, &body.workload];
    if others.into_iter().any(Option::is_some) {
        return Err(Problem::invalid("plan", "stands alone: a plan is applied as it was made"));
    }
    if !body.apply {
        let how = "must be true for a plan that was made before; to see one: landfall deploy --follow ID";
        return Err(Problem::invalid("apply", how));
    }
    Ok(())
}

/// Tells how far a planned deploy is.
#[utoipa::path(get, path = "/deploys/{id}", tag = "deploys", operation_id = "followDeploy")]
pub(super) async fn show(
    State(planner): State<Planner>,
    params: Params,
) -> Result<Json<wire::Deploy>, Problem> {
    planner.followed(&planner.view(), params.get("id"), now()).map(Json)
}

/// Lists an environment's latest plans, the newest first.
#[utoipa::path(get, path = "/environments/{env}/deploys", tag = "deploys", operation_id = "deploys")]
pub(super) async fn list(
    State(planner): State<Planner>,
    params: Params,
) -> Result<List<wire::Deploy>, Problem> {
    let (view, now) = (planner.view(), now());
    let world = planner.world(&view, now);
    let environment = params.environment(&view.directory)?;
    let plans = view.deploys.of(&environment.name).take(LISTED_MAX);
    Ok(List(deploy::follow_all(&world, &environment.name, plans)))
}

fn wish(body: DeployWish) -> Result<Wish, Problem> {
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
