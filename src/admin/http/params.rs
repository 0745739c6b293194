//! The parts of a path that name something.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use super::problem::Problem;
use crate::answer::{self, Refused};
use crate::model::directory::{Directory, Environment};

/// The named parts of a request's path, unescaped.
pub(in crate::admin) struct Params(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        params.map(Self).map_err(|_| Problem::malformed("the path is not UTF-8"))
    }
}

impl Params {
    /// The part called `name`; empty if the route has none.
    pub(in crate::admin) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The environment that the path names.
    pub(in crate::admin) fn environment<'a>(
        &self,
        directory: &'a Directory,
    ) -> Result<&'a Environment, Problem> {
        named(directory, self.get("env"))
    }
}

/// The environment that `name` means.
pub(in crate::admin) fn named<'a>(directory: &'a Directory, name: &str) -> Result<&'a Environment, Problem> {
    Ok(answer::environment(directory, name)?)
}

/// The environment to change: what changes something wants its name, today's or a former one, and never guesses.
pub(in crate::admin) fn exactly<'a>(
    directory: &'a Directory,
    name: &str,
) -> Result<&'a Environment, Problem> {
    if let Some(exact) = directory.environment(name) {
        return Ok(exact);
    }
    let near = vec![answer::environment(directory, name)?.name.to_string()];
    Err(Refused::UnknownEnvironment { side: None, name: name.to_owned(), near }.into())
}
