//! `deploy_release` with `apply`: a person agrees to one plan, and that one is applied.
//!
//! The plan is made before the question, and goes round with it: between the two nothing that the person did not read can
//! take its place.

use http::{Extensions, Method};
use rmcp::RoleServer;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use rmcp::service::RequestContext;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::api::{Api, ApiReply, ApiRequest, Unreachable};
use super::arguments::Arguments;
use super::call::refusal;
use super::confirm::{Consent, Question, consent};
use super::server::{Server, VIEWER, failed};
use super::tool::{APPLY, CONFIRM, Tool};
use crate::wire::Deploy;
use crate::wording::agent;

impl<A: Api> Server<A> {
    /// Applies the plan that somebody agrees to, or asks for the agreement.
    pub(super) async fn apply(
        &self,
        tool: &'static Tool,
        arguments: &Arguments,
        params: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        from: &Extensions,
    ) -> Result<CallToolResponse, Unreachable> {
        let env = arguments.text("environment");
        if arguments.confirmed.as_deref() == Some(env) {
            return self.answer(tool, arguments, from).await;
        }
        let (who, may_change) = self.caller(from).await?;
        if !may_change {
            return Ok(failed(VIEWER));
        }
        let mut question = Question::default();
        if params.request_state.is_none() {
            match self.question(tool, arguments, from).await? {
                Ok(asked) => question = asked,
                Err(why) => return Ok(failed(&why)),
            }
        }
        let bound = format!("{who}\n{}\n{}", tool.name, arguments.canonical());
        match consent((self.api(), self.consents()), params, (context, from), &bound, question).await? {
            Consent::Given(plan) => self.answer_to(tool, vec![agreed(tool, arguments, &plan)], from).await,
            Consent::Asked(question) => Ok(CallToolResponse::InputRequired(*question)),
            Consent::Missing(why) => Ok(failed(&why)),
        }
    }

    /// Asks about a plan: the one that was named, or a new one. Says why not, where nothing can be applied.
    async fn question(
        &self,
        tool: &Tool,
        arguments: &Arguments,
        from: &Extensions,
    ) -> Result<Result<Question, String>, Unreachable> {
        let named = arguments.text("plan");
        let ask = if named.is_empty() {
            arguments.without(&[APPLY, "take_over"]).ask(tool, &tool.routes[0])
        } else {
            arguments.ask_about("deploys/{plan}")
        };
        let ApiReply { status, body: plan } = self.api().ask(ask, from).await?;
        if !status.is_success() {
            return Ok(Err(refusal(status, &plan)));
        }
        let plan = match Deploy::deserialize(&plan) {
            Ok(plan) => plan,
            Err(error) => {
                return Ok(Err(format!("Nothing was applied: the server's plan cannot be read: {error}.")));
            }
        };
        if plan.workloads.is_empty() {
            let why = "Nothing was applied: the server has no access to this environment's cluster, or the cluster has no \
                       workload for it. A person can run the commands with kubectl.";
            return Ok(Err(format!("{why}\n{}", agent::deploy(&plan))));
        }
        let id = plan.id.clone();
        let env = arguments.text("environment");
        let what =
            format!("Apply this plan to the cluster of {}?\n{}", agent::name(env), agent::deploy(&plan));
        let how = format!(
            "If a person agrees to exactly this, call {} again with `environment`, `plan` {id}, `{APPLY}` true and \
             `{CONFIRM}` set to the value of `environment`, and nothing else.",
            tool.name
        );
        Ok(Ok(Question { what, how, about: id }))
    }
}

/// The request that applies the plan that somebody agreed to.
fn agreed(tool: &Tool, arguments: &Arguments, plan: &str) -> ApiRequest {
    let mut body = Map::new();
    body.insert("environment".to_owned(), arguments.text("environment").into());
    body.insert("plan".to_owned(), plan.into());
    body.insert(APPLY.to_owned(), true.into());
    body.insert("take_over".to_owned(), arguments.is_set("take_over").into());
    ApiRequest {
        method: Method::POST,
        target: tool.routes[0].path.to_owned(),
        body: Some(Value::Object(body)),
    }
}
