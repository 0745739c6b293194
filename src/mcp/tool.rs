//! A tool: a row of the table.

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// Advice on when to use it, for the model that chooses.
    pub(super) about: &'static str,
    pub(super) effect: Effect,
    pub(super) fields: &'static [Field],
    /// The requests that it makes, in their order.
    pub(super) routes: &'static [Route],
    /// Its answer in words; none where a server of another version answers otherwise.
    pub(super) words: fn(&Value) -> Option<String>,
}

/// A request of a tool. The answers of several, and lists, stand under a key of the tool's answer.
pub(super) struct Route {
    /// The key of the answer; empty where it is the tool's answer itself.
    pub(super) key: &'static str,
    pub(super) method: Method,
    /// The path below `/api/v1/`; `{field}` is replaced by that argument.
    pub(super) path: &'static str,
}

/// The effect of a tool on the world.
pub(super) enum Effect {
    /// Nothing.
    Reads,
    /// Nothing, but the next question may go on from it. A model that answers questions has none of its own to ask.
    Converses,
    /// It adds something.
    Adds,
    /// It changes something, and repeating it changes no more.
    Sets,
    /// It plans; and where its argument `apply` says so it applies the plan, which somebody has to agree to first.
    Applies,
    /// It takes something away: somebody has to agree first.
    Destroys {
        /// The argument that has to be said once more to agree.
        confirm: &'static str,
        /// The effect in words; `{field}` is replaced by that argument.
        what: &'static str,
    },
}

/// An argument.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) location: Location,
    pub(super) is_required: bool,
    pub(super) about: &'static str,
}

/// The kinds of arguments.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A point in time, RFC 3339.
    Time,
    /// A number from 1 to this.
    Count(u64),
    /// Yes or no.
    Flag,
    /// A list of texts.
    Texts,
    /// A list of a release's changes.
    Changes,
}

/// The places of arguments in a request.
#[derive(Clone, Copy)]
pub(super) enum Location {
    /// Into the path, where its name stands.
    Path,
    /// Into the query, under this name.
    Query(&'static str),
    /// Into the body, under its own name.
    Body,
    /// Into the body, under this name: its own is another argument's.
    BodyAs(&'static str),
}

/// The name of the argument that confirms.
pub(super) const CONFIRM: &str = "confirm";
/// The argument by which a plan is applied.
pub(super) const APPLY: &str = "apply";

impl Effect {
    pub(super) fn is_reading(&self) -> bool {
        matches!(self, Self::Reads)
    }

    /// Tells whether a viewer may do it.
    pub(super) fn is_for_viewers(&self) -> bool {
        matches!(self, Self::Reads | Self::Converses)
    }
}

pub(super) const fn needed(name: &'static str, kind: Kind, location: Location, about: &'static str) -> Field {
    Field { name, kind, location, is_required: true, about }
}

pub(super) const fn may(name: &'static str, kind: Kind, location: Location, about: &'static str) -> Field {
    Field { name, kind, location, is_required: false, about }
}

pub(super) const fn route(key: &'static str, method: Method, path: &'static str) -> Route {
    Route { key, method, path }
}

/// The answer in words.
pub(super) fn said<T: DeserializeOwned>(answer: &Value, words: fn(&T) -> String) -> Option<String> {
    T::deserialize(answer).ok().as_ref().map(words)
}
