//! `POST /ask`: an answer as JSON, or step by step as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, poll_fn};
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::asking::{Asking, Told};
use super::conversations::Place;
use super::steps::Step;
use crate::admin::http::answers::Json;
use crate::admin::http::caller::Caller;
use crate::admin::http::described::{Answer, Described, route};
use crate::admin::http::fields::{Body, one_line};
use crate::admin::http::problem::Problem;
use crate::wire::Answered;

/// Steps of an answer that wait for a slow reader.
const STEPS_WAITING_MAX: usize = 256;
/// Longest identifier of a conversation.
const ID_CHARS_MAX: usize = 64;
const EVENT_STREAM: &str = "text/event-stream";

/// The route of questions.
pub(in crate::admin) fn api() -> OpenApiRouter<Asking> {
    OpenApiRouter::new().routes(route!(ask))
}

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// In plain English, on one line.
    #[schema(min_length = 1, max_length = 500)]
    question: String,
    /// The conversation that it goes on with, as an answer named it. One is remembered for an hour after its last question;
    /// one that is not known any more begins anew, and `notice` says so.
    conversation: Option<String>,
    /// The number that the question is to have in it; those that it had from there on are forgotten. Default: the next.
    #[schema(minimum = 1)]
    turn: Option<usize>,
}

/// Answers a question in plain English; nothing is ever done by one.
///
/// With `Accept: text/event-stream` the answer comes step by step: `looks_up` names a tool that a language model uses,
/// `says` has more of its words, and the last event is the `answer` as it would be without steps, or the `problem`.
#[utoipa::path(post, path = "/ask", tag = "questions", operation_id = "ask")]
async fn ask(
    State(asking): State<Asking>,
    caller: Caller,
    headers: HeaderMap,
    Body(Question { question, conversation, turn }): Body<Question>,
) -> Result<Shown, Problem> {
    if turn == Some(0) {
        return Err(Problem::invalid("turn", "is counted from 1"));
    }
    let conversation = conversation.map(|id| one_line("conversation", id, ID_CHARS_MAX)).transpose()?;
    let place = Place { conversation, turn };
    let wanted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if wanted.is_some_and(|accept| accept.contains(EVENT_STREAM)) {
        return Ok(Shown::Stepwise(stepwise(asking, question, place, caller)));
    }
    let told = asking.ask(&question, &place, caller, None).await?;
    Ok(Shown::Whole(Box::new(told.into())))
}

/// The answer with its steps. It ends when nobody reads any more.
fn stepwise(asking: Asking, question: String, place: Place, caller: Caller) -> Events {
    let (sender, mut events) = mpsc::channel(STEPS_WAITING_MAX);
    tokio::spawn(async move {
        let (steps, mut heard) = mpsc::channel(STEPS_WAITING_MAX);
        let answer = async {
            let told = asking.ask(&question, &place, caller, Some(&steps)).await;
            drop(steps);
            told
        };
        let pass_on = async {
            while let Some(step) = heard.recv().await {
                let _ = sender.send(event_of(step)).await;
            }
        };
        let both = async { tokio::join!(answer, pass_on) };
        let told = tokio::select! {
            (told, ()) = both => told,
            () = sender.closed() => return,
        };
        let last = match told {
            Ok(told) => event("answer", &Answered::from(told)),
            Err(problem) => event("problem", &problem.view()),
        };
        let _ = sender.send(last).await;
    });
    Sse::new(Box::pin(poll_fn(move |context| events.poll_recv(context).map(|event| event.map(Ok)))))
}

fn event_of(step: Step) -> Event {
    match step {
        Step::LooksUp(tool) => event("looks_up", &json!({ "tool": tool })),
        Step::Says(words) => event("says", &json!({ "words": words })),
    }
}

fn event(name: &str, data: &impl serde::Serialize) -> Event {
    // Each of these types is JSON; were one not, the reader would see an event without data.
    Event::default().event(name).json_data(data).unwrap_or_default()
}

type Events = Sse<Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>>;

/// An answer, whole or step by step.
enum Shown {
    Whole(Box<Answered>),
    Stepwise(Events),
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        match self {
            Self::Whole(answered) => Json(*answered).into_response(),
            Self::Stepwise(events) => events.into_response(),
        }
    }
}

impl Answer for Shown {
    fn describe(to: &mut Described<'_>) {
        Json::<Answered>::describe(to);
    }
}

impl From<Told> for Answered {
    fn from(told: Told) -> Self {
        let asked = &told.turn.asked;
        Self {
            conversation: told.conversation,
            turn: told.turn.number,
            notice: told.notice.map(str::to_owned),
            link: told.turn.link(),
            intent: asked.intent.into(),
            environment: asked.environment.clone(),
            environments: asked.environments.clone(),
            repository: asked.repository().map(str::to_owned),
            repositories: if asked.repositories.len() > 1 { asked.repositories.clone() } else { Vec::new() },
            version: asked.version.clone(),
            at: asked.at,
            from: asked.range.map(|range| range.from),
            until: asked.range.map(|range| range.to),
            text: told.text,
            written_by: told.turn.written.as_ref().map(|mark| mark.model.clone()),
            follow_ups: told.follow_ups,
            data: told.data,
        }
    }
}
