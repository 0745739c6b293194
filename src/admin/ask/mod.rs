//! Questions in plain English: understood by `model::ask`, answered by the same queries as everybody's, and never acted
//! upon. Where the settings name a language model, it is asked what `model::ask` does not understand.
//!
//! ```text
//! question + turns before it → Asked → answer → words, view, page, what to ask next → a turn of the conversation
//! ```

mod answers;
mod chat;
mod conversations;
mod endpoint;
mod link;
mod meant;
mod pieces;
mod rest;
mod suggest;
mod title;
mod turn;
mod writer;

use std::sync::Arc;

use axum::extract::FromRef;
use http::Extensions;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::admin::http::caller::Caller;
use crate::admin::http::fields::one_line;
use crate::admin::http::in_process::InProcess;
use crate::admin::http::problem::Problem;
use crate::admin::state::{App, Settings};
use crate::admin::v1::planner::Planner;
use crate::answer::{Answers, Moment};
use crate::clock::now;
use crate::model::act::Role;
use crate::model::ask::{self, Asked, Intent, World};
use crate::model::deploy::Wish;
use crate::model::directory::Environment;
use crate::model::time::Time;
use crate::wire::Deploy;

use answers::Reply;
use conversations::Conversations;
pub(in crate::admin) use conversations::Place;
use endpoint::Endpoint;
pub(super) use rest::api;
pub(in crate::admin) use turn::{Signature, Turn};

/// Longest question.
pub(in crate::admin) const QUESTION_CHARS_MAX: usize = 500;
/// Said where a conversation is named that is not known any more.
const LOST: &str = "That conversation is not known any more: one is remembered for an hour after its last question, \
    for whoever began it. This begins a new one.";

/// The parts of the state that questions are answered with.
#[derive(Clone)]
pub(in crate::admin) struct Asking {
    pub(in crate::admin) answers: Arc<Answers>,
    planner: Planner,
    conversations: Arc<Conversations>,
    /// The model that answers what `model::ask` does not understand, where there is one.
    model: Option<Arc<Endpoint>>,
    /// The API that the model reads.
    api: InProcess,
}

/// What happens while an answer is made.
#[derive(Clone, Debug)]
pub(in crate::admin) enum Step {
    /// The model looks something up: the name of the tool.
    LooksUp(&'static str),
    /// The model says more words.
    Says(String),
}

/// Hears the steps of an answer; those that it has no room for are left out.
pub(in crate::admin) type Steps = mpsc::Sender<Step>;

/// An answer.
pub(in crate::admin) struct Told {
    /// The conversation that it is a turn of.
    pub(in crate::admin) conversation: String,
    /// The reason why it begins one although another was named.
    pub(in crate::admin) notice: Option<&'static str>,
    /// The turns before it.
    pub(in crate::admin) before: Vec<Arc<Turn>>,
    /// The turn itself, within the bounds of what is remembered.
    pub(in crate::admin) turn: Arc<Turn>,
    /// The answer in words, whole.
    pub(in crate::admin) text: String,
    /// The view behind it.
    data: Value,
    /// Questions that it leads to.
    pub(in crate::admin) follow_ups: Vec<String>,
}

impl Asking {
    /// As the settings say; a model that cannot be used is left out and logged.
    pub(super) fn new(app: &App, api: InProcess) -> Self {
        let settings = Arc::<Settings>::from_ref(app);
        let model = settings.ask.as_ref().map(Endpoint::new).transpose().unwrap_or_else(|reason| {
            tracing::error!(reason, "ask.model_url cannot be used; `ask` answers without it");
            None
        });
        Self {
            answers: FromRef::from_ref(app),
            planner: FromRef::from_ref(app),
            conversations: Arc::default(),
            model: model.map(Arc::new),
            api,
        }
    }

    /// Answers a question at a place of a conversation, and remembers it there.
    pub(in crate::admin) async fn ask(
        &self,
        question: &str,
        place: &Place,
        caller: Caller,
        steps: Option<&Steps>,
    ) -> Result<Told, Problem> {
        let question = one_line("question", question.trim().to_owned(), QUESTION_CHARS_MAX)?;
        if question.is_empty() {
            return Err(Problem::invalid("question", "must not be empty"));
        }
        let (now, who) = (now(), caller.actor.who.clone());
        let recalled = self.conversations.recall(place, &who, now);
        let understood = self.understood(&question, recalled.turns.last());
        let (asked, mut reply) = answers::answer(&self.answers, understood.clone()).await?;
        if let Some(plan) = self.plan(&asked, now) {
            let mut plan = json!(plan);
            // It has no identifier: nobody made it yet.
            plan.as_object_mut().map(|members| members.remove("id"));
            reply.1["plan"] = plan;
        }
        let is_for_the_model = asked.intent == Intent::Unknown && !asked.is_declined;
        let (text, data, written) = match &self.model {
            Some(model) if is_for_the_model => {
                self.written(model, caller, &question, &recalled.turns, now, steps, reply).await
            }
            _ => (reply.0, reply.1, None),
        };
        let follow_ups = self.follow_ups(&asked);
        let understood = Asked { intent: asked.intent, meant: meant::of(&asked, &data), ..understood };
        let turn = Turn {
            number: recalled.next(),
            question,
            understood,
            asked,
            text: text.clone(),
            written,
            at: now,
        };
        let turn = Arc::new(turn.bounded());
        let conversation = self.conversations.remember(&recalled, turn.clone(), &who, now)?;
        let notice = recalled.is_lost.then_some(LOST);
        Ok(Told { conversation, notice, before: recalled.turns, turn, text, data, follow_ups })
    }

    /// The turns of a conversation up to this place, and the turn that stands there.
    pub(in crate::admin) fn recall(
        &self,
        place: &Place,
        caller: &Caller,
    ) -> (Vec<Arc<Turn>>, Option<Arc<Turn>>) {
        let recalled = self.conversations.recall(place, &caller.actor.who, now());
        (recalled.turns, recalled.there)
    }

    /// Questions that this one leads to.
    pub(in crate::admin) fn follow_ups(&self, asked: &Asked) -> Vec<String> {
        let today = self.answers.now();
        let names: Vec<&str> = today.directory().environments().map(|it| it.name.as_str()).collect();
        suggest::after(asked, &names)
    }

    fn understood(&self, question: &str, before: Option<&Arc<Turn>>) -> Asked {
        let today = self.answers.now();
        title::or_search(understood(&today, question, before), question, &today)
    }

    /// The plan that would put there what the question wants there. Nothing is written down; a person makes the plan.
    pub(in crate::admin) fn plan(&self, asked: &Asked, now: Time) -> Option<Deploy> {
        if asked.intent != Intent::Deploy || asked.ask_back.is_some() {
            return None;
        }
        let wish = Wish {
            repository: Some(asked.repository.as_deref()?.parse().ok()?),
            version: Some(asked.version.clone()?),
            ..Wish::default()
        };
        self.planner.sketch(asked.environment.as_deref()?, &wish, now).ok()
    }

    /// The answer that the model writes: its text, what it looked up, its mark. Where it writes nothing, `otherwise` and
    /// the reason.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one request to the model")]
    async fn written(
        &self,
        model: &Endpoint,
        mut caller: Caller,
        question: &str,
        before: &[Arc<Turn>],
        now: Time,
        steps: Option<&Steps>,
        otherwise: Reply,
    ) -> (String, Value, Option<Signature>) {
        // Whoever asks: a question changes nothing, so no call that it leads to may.
        caller.role = Role::Viewer;
        let mut from = Extensions::new();
        from.insert(caller);
        let writer = writer::Writer { endpoint: model, api: &self.api, asking: &from, now, steps };
        match writer.write(question, before).await {
            Ok(writer::Written { text, looked_up }) => {
                let sources: Vec<String> = looked_up.iter().flat_map(|it| it.from.clone()).collect();
                let text = format!("{text}\n(Answered by {} from: {}.)", model.model, sources.join(", "));
                let mark = Signature { model: model.model.clone(), sources };
                (text, json!({ "looked_up": looked_up }), Some(mark))
            }
            Err(failure) => {
                tracing::warn!(reason = %failure, "the language model gave no answer");
                let (text, data) = otherwise;
                (format!("{text} ({} gave no answer: {}.)", model.model, failure.for_clients()), data, None)
            }
        }
    }
}

/// The question over the names that the log knows, behind the turn before it.
fn understood(moment: &Moment<'_>, question: &str, before: Option<&Arc<Turn>>) -> Asked {
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
    match before {
        Some(turn) => ask::follow(&turn.understood, question, &world),
        None => ask::parse(question, &world),
    }
}
