//! A person agrees before anything is taken away.
//!
//! A client that can ask (elicitation) asks the person: in one more round of the same call by clients of 2026-07-28, by
//! a request of the server by older ones. Else the call has to come again with the argument `confirm`.
//! The question on its way is sealed, bound to the caller, the tool and its arguments, ends soon, and is good for one
//! use.

use std::time::Duration;

use http::Extensions;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationSchema, InputRequest, InputRequests, InputRequiredResult,
    RequestStateCodec, RequestStateError, SealOptions,
};
use rmcp::service::RequestContext;

use super::api::{Api, Unreachable};
use crate::clock::now;
use crate::model::act::TicketId;
use crate::model::time::Span;

/// Time that a person may think.
const THINKING_MAX: Duration = Duration::from_secs(300);
/// Name of the question on its way, and of the field that its form asks for.
const QUESTION: &str = "confirm";
const AGAIN: &str = "Nothing was done: the question was answered already, took too long, or was about something else. Call \
                     the tool again to be asked once more.";

/// A question to a person.
#[derive(Default)]
pub(super) struct Question {
    /// The effect, in words.
    pub(super) what: String,
    /// The next step where nobody can be asked.
    pub(super) how: String,
    /// The subject, for the code that goes on when somebody agreed.
    pub(super) about: String,
}

/// The seal of open questions: any server with the same key takes the answer to another one's.
pub struct Consents {
    codec: RequestStateCodec,
}

/// The outcome of asking.
pub(super) enum Consent {
    /// Somebody agreed, to what the question is about.
    Given(String),
    /// The client is to ask, and to come back.
    Asked(Box<InputRequiredResult>),
    /// Nobody agreed, and what to do.
    Missing(String),
}

impl Consents {
    /// Questions sealed with this key.
    ///
    /// # Errors
    /// None: the key is as long as it has to be.
    pub fn new(key: [u8; RequestStateCodec::MIN_KEY_LENGTH]) -> Result<Self, RequestStateError> {
        Ok(Self { codec: RequestStateCodec::try_new(key)? })
    }

    /// Seals a question that is bound to `bound`.
    fn seal(&self, bound: &str, about: &str) -> Option<String> {
        let mut id = TicketId::default();
        getrandom::fill(&mut id).ok()?;
        let options = SealOptions::new().associated_data(bound.as_bytes()).ttl(THINKING_MAX);
        Some(self.codec.seal_with(&[&id, about.as_bytes()].concat(), &options))
    }

    /// The question's ticket, and what it is about, if it is bound to `bound` and has not ended.
    fn open(&self, state: &str, bound: &str) -> Option<(TicketId, String)> {
        let text = self.codec.open_with(state, bound.as_bytes()).ok()?;
        let (id, about) = text.split_first_chunk()?;
        Some((*id, String::from_utf8(about.to_vec()).ok()?))
    }
}

/// Asks a question. `bound` names caller, tool and arguments; a question that comes back answered is not asked again.
///
/// # Errors
/// The API, which knows the questions that were answered, gave no answer.
pub(super) async fn consent<A: Api>(
    (api, consents): (&A, &Consents),
    params: &CallToolRequestParams,
    (context, from): (&RequestContext<RoleServer>, &Extensions),
    bound: &str,
    question: Question,
) -> Result<Consent, Unreachable> {
    let Question { what, how, about } = question;
    let missing = || Consent::Missing(format!("Nothing was done. {what} {how}"));
    if let Some(state) = &params.request_state {
        let ends_at = now() + Span::from_ms(i64::try_from(THINKING_MAX.as_millis()).unwrap_or(i64::MAX));
        let about = match consents.open(state, bound) {
            Some((id, about)) if api.use_up(id, ends_at, from).await? => about,
            _ => return Ok(Consent::Missing(AGAIN.to_owned())),
        };
        let answer = params.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
        let answer = answer.and_then(|answer| serde_json::from_value(answer.clone()).ok());
        return Ok(given(answer.as_ref(), about));
    }
    if !can_ask(context.client_capabilities().as_ref()) {
        return Ok(missing());
    }
    let form = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: what.clone(),
        requested_schema: ElicitationSchema::builder().required_bool(QUESTION).build_unchecked(),
    };
    if has_rounds(context) {
        let Some(state) = consents.seal(bound, &about) else { return Ok(missing()) };
        let question = InputRequest::Elicitation(ElicitRequest::new(form));
        let questions = InputRequests::from([(QUESTION.to_owned(), question)]);
        return Ok(Consent::Asked(Box::new(InputRequiredResult::new(Some(questions), Some(state)))));
    }
    Ok(match context.peer.create_elicitation_with_timeout(form, Some(THINKING_MAX)).await {
        Ok(answer) => given(Some(&answer), about),
        // The client said that it can ask and could not: the argument remains.
        Err(_) => missing(),
    })
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
    fn a_question_is_good_for_one_caller_and_request_at_every_server_of_its_key() {
        let [one, other] = [(); 2].map(|()| Consents::new([7; 32]).unwrap());
        let state = one.seal("ada delete a", "a").unwrap();
        for (state, bound) in
            [(&*state, "bob delete a"), (&*state, "ada delete b"), ("rs1.x.y", "ada delete a")]
        {
            assert_eq!(one.open(state, bound), None, "{bound}");
        }
        let (id, about) = other.open(&state, "ada delete a").unwrap();
        assert_eq!(about, "a");
        assert_ne!(
            one.open(&one.seal("x", "a").unwrap(), "x").unwrap().0,
            id,
            "each has a ticket of its own"
        );
        assert_eq!(Consents::new([8; 32]).unwrap().open(&state, "ada delete a"), None);
    }
}
