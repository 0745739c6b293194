//! The shapes of OpenAI's Chat Completions, as far as a conversation with tools needs them
//! (<https://platform.openai.com/docs/api-reference/chat>). Additions of endpoints are ignored.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mcp::reading::Offer;

/// A request: the whole conversation so far.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) messages: &'a [Message],
    pub(super) tools: &'a [Value],
    /// `auto`, or `none` where only words are wanted.
    pub(super) tool_choice: &'static str,
    /// Asks for the answer word by word; an endpoint that cannot do that sends it whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) stream: bool,
}

/// A message of the conversation.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message {
    System {
        content: String,
    },
    User {
        content: String,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    Tool {
        tool_call_id: String,
        content: String,
    },
}

/// An answer.
#[derive(Deserialize)]
pub(super) struct Reply {
    pub(super) choices: Vec<Choice>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) message: Said,
}

/// A message of the model: words, or the tools that it wants called.
#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    #[serde(default, deserialize_with = "null_is_none")]
    pub(super) tool_calls: Vec<ToolCall>,
}

/// Some endpoints write `null` where there are no calls.
fn null_is_none<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Vec<ToolCall>, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ToolCall {
    pub(super) id: String,
    #[serde(default)]
    r#type: Function,
    pub(super) function: Called,
}

impl ToolCall {
    /// A call of a function.
    pub(super) fn new(id: String, function: Called) -> Self {
        Self { id, r#type: Function::Function, function }
    }
}

/// The only kind of tool that is offered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Function {
    #[default]
    Function,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Called {
    pub(super) name: String,
    /// A JSON object in a string, as the model wrote it.
    pub(super) arguments: String,
}

/// A tool as it is offered.
pub(super) fn tool(offer: &Offer) -> Value {
    json!({
        "type": "function",
        "function": {"name": offer.name, "description": offer.about, "parameters": offer.input},
    })
}
