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

/// A question to a person.
#[derive(Default)]
pub(super) struct Question {
    /// What would happen.
    pub(super) what: String,
    /// What to do where nobody can be asked.
    pub(super) how: String,
    /// What it is about, for whoever goes on when somebody agreed.
    pub(super) about: String,
}

/// The system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

/// The questions that are open. They live in memory: after a restart they have to be asked again.
pub struct Consents {
    codec: RequestStateCodec,
    /// Each with what it is about.
    open: Mutex<VecDeque<(Nonce, String)>>,
}

/// What came of asking.
pub(super) enum Consent {
    /// Somebody agreed, to what the question is about.
    Given(String),
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
    fn seal(&self, bound: &str, about: String) -> Option<String> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).ok()?;
        let mut open = self.lock();
        if open.len() >= OPEN_MAX {
            open.pop_front();
        }
        open.push_back((nonce, about));
        Some(
            self.codec
                .seal_with(&nonce, &SealOptions::new().associated_data(bound.as_bytes()).ttl(THINKING_MAX)),
        )
    }

    /// What `state` is about, if it is an open question that is bound to `bound`; it is open no more.
    fn redeem(&self, state: &str, bound: &str) -> Option<String> {
        let nonce = self.codec.open_with(state, bound.as_bytes()).ok()?;
        let mut open = self.lock();
        let place = open.iter().position(|(known, _)| known[..] == nonce[..])?;
        open.remove(place).map(|(_, about)| about)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Nonce, String)>> {
        // A list of numbers is whole at every instant, whoever panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a question. `bound` names caller, tool and arguments; a question that comes back answered is not asked again.
pub(super) async fn consent(
    consents: &Consents,
    params: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    bound: &str,
    question: Question,
) -> Consent {
    let Question { what, how, about } = question;
    let missing = || Consent::Missing(format!("Nothing was done. {what} {how}"));
    if let Some(state) = &params.request_state {
        let Some(about) = consents.redeem(state, bound) else {
            return Consent::Missing("Nothing was done: the question was answered already, took too long, or was about something else. Call the tool again to be asked once more.".to_owned());
        };
        let answer = params.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
        let answer = answer.and_then(|answer| serde_json::from_value(answer.clone()).ok());
        return given(answer.as_ref(), about);
    }
    if !can_ask(context.client_capabilities().as_ref()) {
        return missing();
    }
    let form = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: what.clone(),
        requested_schema: ElicitationSchema::builder().required_bool(QUESTION).build_unchecked(),
    };
    if has_rounds(context) {
        let Some(state) = consents.seal(bound, about) else { return missing() };
        let question = InputRequest::Elicitation(ElicitRequest::new(form));
        let questions = InputRequests::from([(QUESTION.to_owned(), question)]);
        return Consent::Asked(Box::new(InputRequiredResult::new(Some(questions), Some(state))));
    }
    match context.peer.create_elicitation_with_timeout(form, Some(THINKING_MAX)).await {
        Ok(answer) => given(Some(&answer), about),
        // The client said that it can ask and could not: the argument remains.
        Err(_) => missing(),
    }
}

fn given(answer: Option<&ElicitResult>, about: String) -> Consent {
    let agrees = answer.is_some_and(|answer| {
        let is_set = answer.content.as_ref().is_some_and(|content| content[QUESTION] == true);
        answer.action == ElicitationAction::Accept && is_set
    });
    if agrees {
        Consent::Given(about)
    } else {
        Consent::Missing("Nothing was done: the person did not agree.".to_owned())
    }
}

/// Tells whether the client can show a form. One that names no mode means forms.
fn can_ask(capabilities: Option<&ClientCapabilities>) -> bool {
    let modes = capabilities.and_then(|capabilities| capabilities.elicitation.as_ref());
    modes.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

/// Tells whether questions go round with the call, as since 2026-07-28, instead of being requests of the server.
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
        let seal = |bound| consents.seal(bound, "a".to_owned()).unwrap();
        let state = seal("ada delete a");
        for (state, bound) in
            [(&*state, "bob delete a"), (&*state, "ada delete b"), ("rs1.x.y", "ada delete a")]
        {
            assert_eq!(consents.redeem(state, bound), None, "{bound}");
        }
        assert_eq!(consents.redeem(&state, "ada delete a").as_deref(), Some("a"));
        assert_eq!(consents.redeem(&state, "ada delete a"), None);
        assert_eq!(Consents::new().unwrap().redeem(&seal("x"), "x"), None);
    }

    #[test]
    fn open_questions_are_bounded() {
        let consents = Consents::new().unwrap();
        let seal = || consents.seal("x", String::new()).unwrap();
        let first = seal();
        let states: Vec<String> = (0..OPEN_MAX).map(|_| seal()).collect();
        assert_eq!(consents.lock().len(), OPEN_MAX);
        assert!(consents.redeem(&first, "x").is_none() && consents.redeem(&states[0], "x").is_some());
    }
}
