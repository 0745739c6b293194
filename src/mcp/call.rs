//! A tool's requests made, and their answers as one.

use http::{Extensions, StatusCode};
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::api::{Api, ApiReply, ApiRequest, Unreachable};
use super::arguments::Arguments;
use super::budget::{bounded, brief};
use super::tool::Tool;
use crate::clock::now;
use crate::model::ask::said::{self, Edge};
use crate::model::time::Time;
use crate::wire::{Incomplete, Problem};
use crate::wording;
use crate::wording::agent::DATA;

/// Said of an answer that cannot be put into words here.
const UNTOLD: &str = "The answer is in the structured content; this version of Landfall has no words for it.";

/// The findings of a tool.
#[derive(Clone, Debug)]
pub struct Said {
    /// The tool.
    pub tool: &'static str,
    /// For a person to read; what comes from outside stands between quotes, and that is said.
    pub text: String,
    /// The API's answer, bounded.
    pub answer: Value,
    /// The sources: path and query of each request to the API.
    pub from: Vec<String>,
}

/// The outcome of a call: an answer, or the API's reason to refuse, in a sentence with the next step.
pub(super) type Outcome = Result<Said, String>;

/// Makes the tool's requests in their order, as the sender of the request with the extensions `from`.
pub(super) async fn outcome(
    api: &impl Api,
    tool: &'static Tool,
    arguments: &Arguments,
    from: &Extensions,
) -> Result<Outcome, Unreachable> {
    let asks = tool.routes.iter().map(|route| arguments.ask(tool, route)).collect();
    let mut outcome = outcome_of(api, tool, asks, from).await?;
    if let Ok(said) = &mut outcome {
        let text = std::mem::take(&mut said.text);
        said.text = wording::as_of(as_of(arguments.text("at"), &said.answer), text);
    }
    Ok(outcome)
}

/// The time that an answer is about, where one was asked for: the answer's own where it names it. A time to come is
/// answered as of now.
fn as_of(asked: &str, answer: &Value) -> Option<Time> {
    if asked.is_empty() {
        return None;
    }
    let told = [&answer["at"], &answer["left_at"]].into_iter().find_map(Value::as_str);
    let told = told.and_then(|told| told.parse().ok());
    told.or_else(|| said::time(asked, now(), Edge::End).ok().map(|asked| asked.min(now())))
}

/// The same for requests that are made already, one for each of the tool's own.
pub(super) async fn outcome_of(
    api: &impl Api,
    tool: &'static Tool,
    asks: Vec<ApiRequest>,
    from: &Extensions,
) -> Result<Outcome, Unreachable> {
    let mut whole = Map::new();
    let mut targets = Vec::new();
    for (route, ask) in tool.routes.iter().zip(asks) {
        targets.push(format!("/api/v1/{}", ask.target));
        let ApiReply { status, body } = api.ask(ask, from).await?;
        if !status.is_success() {
            return Ok(Err(refusal(status, &body)));
        }
        match body {
            Value::Object(members) if route.key.is_empty() => whole.extend(members),
            Value::Null if route.key.is_empty() => {
                whole.insert("done".to_owned(), true.into());
            }
            body => {
                whole.insert(route.key.to_owned(), body);
            }
        }
    }
    let whole = Value::Object(whole);
    let mut text = (tool.words)(&whole).unwrap_or_else(|| UNTOLD.to_owned());
    let incomplete = ["incomplete", "left_incomplete", "right_incomplete"]
        .map(|member| Option::<Incomplete>::deserialize(&whole[member]).unwrap_or_default());
    let lacks = wording::lacks(&incomplete.each_ref());
    if !lacks.is_empty() {
        text.push_str(&format!("\n{}", lacks.trim_start()));
    }
    text = brief(text, &targets);
    if text.contains('“') {
        text.push_str(&format!("\n{DATA}"));
    }
    let answer = bounded(whole, &text, &targets);
    Ok(Ok(Said { tool: tool.name, text, answer, from: targets }))
}

/// A problem (RFC 9457) as a sentence with the next step.
pub(super) fn refusal(status: StatusCode, problem: &Value) -> String {
    let Problem { title, detail, .. } = Problem::deserialize(problem).unwrap_or_default();
    let told = [detail, title].into_iter().find(|text| !text.is_empty());
    let detail = told.unwrap_or_else(|| "the server gave no reason".to_owned());
    let next = match status {
        StatusCode::NOT_FOUND => {
            " list_environments, list_deployments and search_releases show what there is."
        }
        StatusCode::FORBIDDEN => " Ask for an admin token, or leave the change to somebody who has one.",
        StatusCode::TOO_MANY_REQUESTS => " Wait a moment before the next call.",
        StatusCode::UNAUTHORIZED => " The client's token has ended, or is wrong.",
        status if status.is_server_error() => " Nothing may have been changed: look before trying again.",
        _ => "",
    };
    let end = if detail.ends_with(['.', '?']) { "" } else { "." };
    format!("Refused ({}): {detail}{end}{next}", status.as_u16())
}
