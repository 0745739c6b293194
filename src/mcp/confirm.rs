//! A person agrees before anything is taken away.
//!
//! Where the client can ask (elicitation), the person is asked: in one more round of the same call by clients of
//! 2026-07-28, by a request of the server by older ones. Else the call has to come again with the argument `confirm`.
//! What goes round is sealed, bound to the caller, the tool and its arguments, ends soon, and is good for one use.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationSchema, InputRequest, InputRequests, InputRequiredResult,
    RequestStateCodec, SealOptions,
};
use rmcp::service::RequestContext;

/// How long a person may think.
const THINKING_MAX: Duration = Duration::from_secs(300);
/// Questions that may be open; the oldest one is dropped, and has to be asked again.
const OPEN_MAX: usize = 1_024;
/// What the question is called on its way, and what its form asks for.
const QUESTION: &str = "confirm";
/// Bytes of a question's number.
const NONCE_BYTES: usize = 16;

type Nonce = [u8; NONCE_BYTES];

/// The system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

/// The questions that are open. They live in memory: after a restart they have to be asked again.
pub struct Consents {
    codec: RequestStateCodec,
    open: Mutex<VecDeque<Nonce>>,
}

/// What came of asking.
pub(super) enum Consent {
    /// Somebody agreed.
    Given,
    /// The client is to ask, and to come back.
    Asked(Box<InputRequiredResult>),
    /// Nobody agreed, and what to do.
    Missing(String),
}

impl Consents {
    /// No question yet, and a key of its own.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new() -> Result<Self, NoRandomness> {
        let mut key = [0; RequestStateCodec::MIN_KEY_LENGTH];
        getrandom::fill(&mut key).map_err(|_| NoRandomness)?;
        let codec = RequestStateCodec::try_new(key).map_err(|_| NoRandomness)?;
        Ok(Self { codec, open: Mutex::default() })
    }

    /// Seals a question that is bound to `bound`.
    fn seal(&self, bound: &str) -> Option<String> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).ok()?;
        let mut open = self.lock();
        if open.len() >= OPEN_MAX {
            open.pop_front();
        }
        open.push_back(nonce);
        Some(
            self.codec
                .seal_with(&nonce, &SealOptions::new().associated_data(bound.as_bytes()).ttl(THINKING_MAX)),
        )
    }

    /// Whether `state` is an open question that is bound to `bound`; it is open no more.
    fn redeem(&self, state: &str, bound: &str) -> bool {
        let Ok(nonce) = self.codec.open_with(state, bound.as_bytes()) else { return false };
        let mut open = self.lock();
        let place = open.iter().position(|known| known[..] == nonce[..]);
        place.and_then(|place| open.remove(place)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Nonce>> {
        // A list of numbers is whole at every instant, whoever panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks whether `what` may happen. `bound` names caller, tool and arguments; `how` is what to say otherwise.
pub(super) async fn consent(
    consents: &Consents,
    params: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    bound: &str,
    what: &str,
    how: &str,
) -> Consent {
    let missing = || Consent::Missing(format!("Nothing was done. {what} {how}"));
    if let Some(state) = &params.request_state {
        if !consents.redeem(state, bound) {
            return Consent::Missing("Nothing was done: the question was answered already, took too long, or was about something else. Call the tool again to be asked once more.".to_owned());
        }
        let answer = params.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
        let answer = answer.and_then(|answer| serde_json::from_value(answer.clone()).ok());
        return given(answer.as_ref());
    }
    if !can_ask(context.client_capabilities().as_ref()) {
        return missing();
    }
    let form = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: what.to_owned(),
        requested_schema: ElicitationSchema::builder().required_bool(QUESTION).build_unchecked(),
    };
    if has_rounds(context) {
        let Some(state) = consents.seal(bound) else { return missing() };
        let question = InputRequest::Elicitation(ElicitRequest::new(form));
        let questions = InputRequests::from([(QUESTION.to_owned(), question)]);
        return Consent::Asked(Box::new(InputRequiredResult::new(Some(questions), Some(state))));
    }
    match context.peer.create_elicitation_with_timeout(form, Some(THINKING_MAX)).await {
        Ok(answer) => given(Some(&answer)),
        // The client said that it can ask and could not: the argument remains.
        Err(_) => missing(),
    }
}

fn given(answer: Option<&ElicitResult>) -> Consent {
    let agrees = answer.is_some_and(|answer| {
        let is_set = answer.content.as_ref().is_some_and(|content| content[QUESTION] == true);
        answer.action == ElicitationAction::Accept && is_set
    });
    if agrees {
        Consent::Given
    } else {
        Consent::Missing("Nothing was done: the person did not agree.".to_owned())
    }
}

/// Whether the client can show a form. One that names no mode means forms.
fn can_ask(capabilities: Option<&ClientCapabilities>) -> bool {
    let modes = capabilities.and_then(|capabilities| capabilities.elicitation.as_ref());
    modes.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

/// Whether questions go round with the call, as since 2026-07-28, instead of being requests of the server.
fn has_rounds(context: &RequestContext<RoleServer>) -> bool {
    let first = rmcp::model::ProtocolVersion::V_2026_07_28;
    context.protocol_version().is_some_and(|version| version.as_str() >= first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_good_once_and_for_one_caller_and_request() {
        let consents = Consents::new().unwrap();
        let state = consents.seal("ada delete a").unwrap();
        assert!(!consents.redeem(&state, "bob delete a") && !consents.redeem(&state, "ada delete b"));
        assert!(!consents.redeem("rs1.x.y", "ada delete a"));
        assert!(consents.redeem(&state, "ada delete a"));
        assert!(!consents.redeem(&state, "ada delete a"));
        assert!(!Consents::new().unwrap().redeem(&consents.seal("x").unwrap(), "x"));
    }

    #[test]
    fn open_questions_are_bounded() {
        let consents = Consents::new().unwrap();
        let first = consents.seal("x").unwrap();
        let states: Vec<String> = (0..OPEN_MAX).map(|_| consents.seal("x").unwrap()).collect();
        assert_eq!(consents.lock().len(), OPEN_MAX);
        assert!(!consents.redeem(&first, "x") && consents.redeem(&states[0], "x"));
    }
}
