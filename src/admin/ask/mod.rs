//! Questions in plain English: understood by `model::ask`, answered by the same queries as everybody's, and never acted
//! upon. Where the settings name a language model, it is asked what `model::ask` does not understand.

mod answers;
mod chat;
mod conversation;
mod endpoint;
mod link;

use std::sync::Arc;

use axum::extract::{Request, State};
use http::{Extensions, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::admin::http::caller::Caller;
use crate::admin::http::fields::{BODY_BYTES_MAX, json_body, line};
use crate::admin::http::in_process::Here;
use crate::admin::http::problem::Problem;
use crate::admin::{Answer, App, json};
use crate::answer::Moment;
use crate::clock::now;
use crate::model::act::Role;
use crate::model::ask::{self, Asked, Intent, World};
use crate::model::directory::Environment;
use crate::model::time::Time;

use answers::Told;
pub(super) use endpoint::Endpoint;

/// Longest question.
const QUESTION_CHARS_MAX: usize = 500;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// In plain English, on one line.
    #[schema(min_length = 1, max_length = 500)]
    question: String,
}

/// An answer.
#[derive(Serialize, ToSchema)]
struct Answered {
    /// What was understood: `running`, `verify`, `missing`, `compare`, `changes`, `history`, `rollbacks`, `search`,
    /// `deploy`, `tokens`, `create_environment`, `generate_token` or `unknown`.
    #[schema(value_type = String)]
    intent: Intent,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    environments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// The answer in two or three sentences.
    text: String,
    /// The dashboard's page that shows what the answer rests on, where there is one: path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// The language model that wrote the answer; Landfall's own answers have none. Its words prove nothing: `data` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    written_by: Option<String>,
    /// What the query behind it answered; `null` where there was none. `looked_up` where a model wrote the answer.
    data: Value,
}

/// Answers a question in plain English; nothing is ever done by one.
#[utoipa::path(post, path = "/ask", tag = "questions", operation_id = "ask", request_body = Question,
    responses((status = 200, body = Answered)))]
pub(super) async fn ask(State(app): State<Arc<App>>, mut request: Request) -> Answer {
    let asking = std::mem::take(request.extensions_mut());
    let Question { question } = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let question = line("question", question, QUESTION_CHARS_MAX)?;
    let question = question.trim();
    if question.is_empty() {
        return Err(Problem::invalid("question", "must not be empty"));
    }
    let now = now();
    let asked = understood(&app.answers.now(), question);
    let is_for_the_model = asked.intent == Intent::Unknown && !asked.is_declined;
    let (asked, (text, data)) = answers::answer(&app.answers, asked).await?;
    let (text, data, written_by) = match &app.model {
        Some(model) if is_for_the_model => written(model, asking, question, now, (text, data)).await,
        _ => (text, data, None),
    };
    let answered = Answered {
        link: link::page(&asked),
        intent: asked.intent,
        environment: asked.environment,
        environments: asked.environments,
        repository: asked.repository,
        version: asked.version,
        at: asked.at,
        from: asked.range.map(|range| range.from),
        until: asked.range.map(|range| range.to),
        text,
        written_by,
        data,
    };
    json(StatusCode::OK, &answered)
}

/// What the model writes: its text, what it looked up, its name. Where it writes nothing, `otherwise`, and why.
async fn written(
    model: &Endpoint,
    mut asking: Extensions,
    question: &str,
    now: Time,
    otherwise: Told,
) -> (String, Value, Option<String>) {
    let api = asking.remove::<Here>();
    // Whoever asks: a question changes nothing, so no call that it leads to may.
    if let Some(caller) = asking.get_mut::<Caller>() {
        caller.role = Role::Viewer;
    }
    let held = match &api {
        Some(api) => conversation::hold(model, api, &asking, question, now).await,
        None => Err(endpoint::Failure::Silent),
    };
    match held {
        Ok(conversation::Written { text, looked_up }) => {
            let from: Vec<&str> = looked_up.iter().flat_map(|it| &it.from).map(String::as_str).collect();
            let text = format!("{text}\n(Answered by {} from: {}.)", model.model, from.join(", "));
            (text, json!({ "looked_up": looked_up }), Some(model.model.clone()))
        }
        Err(failure) => {
            tracing::warn!(reason = %failure, "the language model gave no answer");
            let (text, data) = otherwise;
            (format!("{text} ({} gave no answer: {}.)", model.model, failure.for_clients()), data, None)
        }
    }
}

/// The question over the names that the log knows.
fn understood(moment: &Moment<'_>, question: &str) -> Asked {
    let environments: Vec<&Environment> = moment.directory().environments().collect();
    let state = moment.state();
    let mut repositories: std::collections::BTreeMap<&str, Vec<&str>> = state
        .catalogue()
        .lines()
        .map(|(name, line)| (name.as_str(), line.releases().iter().map(|it| it.version.as_str()).collect()))
        .collect();
    for (_, tracked) in state.environments() {
        for (repository, _) in tracked.services() {
            repositories.entry(repository.as_str()).or_default();
        }
    }
    let tokens = environments.iter().flat_map(|environment| {
        let tokens = environment.tokens().filter(|token| token.revoked_at.is_none());
        tokens.map(|token| ask::Token { environment: environment.name.as_str(), name: &token.name })
    });
    let world = World {
        environments: environments
            .iter()
            .map(|it| ask::Environment { name: it.name.as_str(), description: &it.description })
            .collect(),
        repositories: repositories
            .into_iter()
            .map(|(name, versions)| ask::Repository { name, versions })
            .collect(),
        tokens: tokens.collect(),
        now: moment.at(),
        latest_rollback: &|environment| moment.latest_rollback(environment),
    };
    ask::parse(question, &world)
}
