//! Answers to questions in plain English.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::words::words;
use crate::model::time::Time;

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The conversation, for the next question: it is remembered for an hour after its last one.
    #[serde(default)]
    pub conversation: String,
    /// The number of this question in it, from 1.
    #[serde(default)]
    pub turn: usize,
    /// A word about the conversation: the one that was named is not known any more, and this is a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The intent that was understood: `running`, `verify`, `missing`, `compare`, `changes`, `history`, `rollbacks`, `search`,
    /// `deploy`, `tokens`, `create_environment`, `generate_token` or `unknown`.
    #[schema(value_type = String)]
    pub intent: Intent,
    /// The environment that the question names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The environments that it names, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// The repository that it names, or means, where that is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The repositories that it names, in their order, where those are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
    /// The version that it names, or means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The time that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// The beginning of the stretch that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// The end of that stretch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The answer in two or three sentences.
    pub text: String,
    /// The dashboard's page that shows what the answer rests on, where there is one: path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The language model that wrote the answer; Landfall's own answers have none. Its words prove nothing: `data` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_by: Option<String>,
    /// Questions that this answer leads to, a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<String>,
    /// The answer of the query behind it; `null` where there was none. `looked_up` where a model wrote the answer.
    pub data: Value,
}

words! {
    /// Intents of questions in plain English.
    Intent {
        /// The image that runs.
        Running = "running",
        /// Standing of a change.
        Verify = "verify",
        /// Releases that an environment lacks.
        Missing = "missing",
        /// Differences of two environments.
        Compare = "compare",
        /// Changes in a stretch of time.
        Changes = "changes",
        /// The deployments of a service or an environment.
        History = "history",
        /// Rollbacks.
        Rollbacks = "rollbacks",
        /// The release that has a change, or the changes of a release.
        Search = "search",
        /// A plan that would put a release there.
        Deploy = "deploy",
        /// Tokens, and when they were used.
        Tokens = "tokens",
        /// The way to make an environment.
        CreateEnvironment = "create_environment",
        /// The way to make a token.
        GenerateToken = "generate_token",
        /// None of these.
        Unknown = "unknown",
    }
}
