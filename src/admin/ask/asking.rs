//! A question asked: understood behind the turns before it, answered, and remembered.

use std::sync::Arc;

use axum::extract::FromRef;
use http::Extensions;
use serde_json::{Value, json};

use super::answers::{self, Reply};
use super::conversations::{Conversations, Place};
use super::endpoint::Endpoint;
use super::steps::Steps;
use super::turn::{Signature, Turn};
use super::understood::understood;
use super::{meant, suggest, title, writer};
use crate::admin::http::caller::Caller;
use crate::admin::http::fields::one_line;
use crate::admin::http::in_process::InProcess;
use crate::admin::http::problem::Problem;
use crate::admin::state::{App, Settings};
use crate::admin::v1::planner::Planner;
use crate::answer::Answers;
use crate::clock::now;
use crate::model::act::Role;
use crate::model::ask::{Asked, Intent};
use crate::model::deploy::Wish;
use crate::model::time::Time;
use crate::wire::{Deploy, DeployKind};

/// Longest question.
pub(in crate::admin) const QUESTION_CHARS_MAX: usize = 500;
/// Said where a conversation is named that is not known any more.
const LOST: &str = "That conversation is not known any more: one is remembered for an hour after its last question, \
    for whoever began it. This begins a new one.";

/// The parts of the state that questions are answered with.
#[derive(Clone)]
pub(in crate::admin) struct Asking {
    answers: Arc<Answers>,
    planner: Planner,
    conversations: Arc<Conversations>,
    /// The model that answers what `model::ask` does not understand, where there is one.
    model: Option<Arc<Endpoint>>,
    /// The API that the model reads.
    api: InProcess,
}

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
    pub(super) data: Value,
    /// Questions that it leads to.
    pub(in crate::admin) follow_ups: Vec<String>,
}

impl Asking {
    /// As the settings say; a model that cannot be used is left out and logged.
    pub(in crate::admin) fn new(app: &App, api: InProcess) -> Self {
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
        // A question that was not understood interrupts, and ends nothing.
        let before = recalled.turns.iter().rev().find(|turn| turn.understood.goes_on());
        let understood = self.understood(&question, before.or(recalled.turns.last()));
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
        let understood = Asked {
            intent: asked.intent,
            meant: meant::of(&asked, &data),
            candidates: meant::candidates(&data),
            ..understood
        };
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

    /// The plan that would put there what the question wants there, unless it is there. Nothing is written down; a person makes the plan.
    pub(in crate::admin) fn plan(&self, asked: &Asked, now: Time) -> Option<Deploy> {
        if asked.intent != Intent::Deploy || asked.ask_back.is_some() {
            return None;
        }
        let wish = Wish {
            repository: Some(asked.repository()?.parse().ok()?),
            version: Some(asked.version.clone()?),
            ..Wish::default()
        };
        let plan = self.planner.sketch(asked.environment.as_deref()?, &wish, now).ok()?;
        Some(plan).filter(|plan| plan.kind != DeployKind::Unchanged)
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
        // A question changes nothing, so no call that it leads to may, for any caller.
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
