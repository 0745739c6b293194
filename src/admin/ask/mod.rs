//! Questions in plain English: understood by `model::ask`, answered by the same queries as everybody's, and never acted
//! upon. Where the settings name a language model, it is asked what `model::ask` does not understand.

mod answers;
mod chat;
mod conversation;
mod deploys;
mod endpoint;
mod everywhere;
mod link;

use std::sync::Arc;

use axum::extract::{FromRef, State};
use http::Extensions;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::http::answers::Json;
use crate::admin::http::caller::Caller;
use crate::admin::http::described::route;
use crate::admin::http::fields::{Body, one_line};
use crate::admin::http::in_process::InProcess;
use crate::admin::http::problem::Problem;
use crate::admin::state::{App, Settings};
use crate::answer::{Answers, Moment};
use crate::clock::now;
use crate::model::act::Role;
use crate::model::ask::{self, Asked, Intent, World};
use crate::model::directory::Environment;
use crate::model::time::Time;
use crate::wire::{Answered, in_words};

use answers::Reply;
use endpoint::Endpoint;

/// Longest question.
const QUESTION_CHARS_MAX: usize = 500;

in_words! {
    Intent => Intent {
        Running, Verify, Missing, Compare, Changes, History, Rollbacks, Search, Deploy, Tokens, CreateEnvironment,
        GenerateToken, Unknown,
    }
}

/// The route of questions.
pub(super) fn api() -> OpenApiRouter<Asking> {
    OpenApiRouter::new().routes(route!(ask))
}

/// The parts of the state that questions are answered with.
#[derive(Clone)]
pub(super) struct Asking {
    answers: Arc<Answers>,
    /// The model that answers what `model::ask` does not understand, where there is one.
    model: Option<Arc<Endpoint>>,
    /// The API that the model reads.
    api: InProcess,
}

impl Asking {
    /// As the settings say; a model that cannot be used is left out and logged.
    pub(super) fn new(app: &App, api: InProcess) -> Self {
        let settings = Arc::<Settings>::from_ref(app);
        let model = settings.ask.as_ref().map(Endpoint::new).transpose().unwrap_or_else(|reason| {
            tracing::error!(reason, "ask.model_url cannot be used; `ask` answers without it");
            None
        });
        Self { answers: FromRef::from_ref(app), model: model.map(Arc::new), api }
    }
}

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// In plain English, on one line.
    #[schema(min_length = 1, max_length = 500)]
    question: String,
}

/// Answers a question in plain English; nothing is ever done by one.
#[utoipa::path(post, path = "/ask", tag = "questions", operation_id = "ask")]
async fn ask(
    State(asking): State<Asking>,
    parts: Parts,
    Body(Question { question }): Body<Question>,
) -> Result<Json<Answered>, Problem> {
    let question = one_line("question", question, QUESTION_CHARS_MAX)?;
    let question = question.trim();
    if question.is_empty() {
        return Err(Problem::invalid("question", "must not be empty"));
    }
    let now = now();
    let asked = understood(&asking.answers.now(), question);
    let is_for_the_model = asked.intent == Intent::Unknown && !asked.is_declined;
    let (asked, (text, data)) = answers::answer(&asking.answers, asked).await?;
    let (text, data, written_by) = match &asking.model {
        Some(model) if is_for_the_model => {
            written(model, &asking.api, parts.extensions, question, now, (text, data)).await
        }
        _ => (text, data, None),
    };
    let answered = Answered {
        link: link::page(&asked),
        intent: asked.intent.into(),
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
    Ok(Json(answered))
}

/// The answer that the model writes: its text, what it looked up, its name. Where it writes nothing, `otherwise` and the reason.
async fn written(
    model: &Endpoint,
    api: &InProcess,
    mut from: Extensions,
    question: &str,
    now: Time,
    otherwise: Reply,
) -> (String, Value, Option<String>) {
    // Whoever asks: a question changes nothing, so no call that it leads to may.
    if let Some(caller) = from.get_mut::<Caller>() {
        caller.role = Role::Viewer;
    }
    match conversation::converse(model, api, &from, question, now).await {
        Ok(conversation::Written { text, looked_up }) => {
            let paths: Vec<&str> = looked_up.iter().flat_map(|it| &it.from).map(String::as_str).collect();
            let text = format!("{text}\n(Answered by {} from: {}.)", model.model, paths.join(", "));
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
