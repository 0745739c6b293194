//! The names and times that a question is understood with.

use crate::model::time::Time;

/// The names and events that a question can be about.
pub struct World<'a> {
    /// The environments.
    pub environments: Vec<Environment<'a>>,
    /// The repositories, with the versions that are known of them.
    pub repositories: Vec<Repository<'a>>,
    /// The tokens that people gave a name.
    pub tokens: Vec<Token<'a>>,
    /// The time of the question.
    pub now: Time,
    /// The beginning of the latest rollback in this environment (or anywhere), if there was one.
    pub latest_rollback: &'a dyn Fn(Option<&str>) -> Option<Time>,
    /// The start of the latest deployment there, if there was one.
    pub latest_deployment: &'a dyn Fn(Option<&str>) -> Option<Time>,
}

/// An environment, as people name it.
#[derive(Clone, Debug, Default)]
pub struct Environment<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its description, for people. Its words name it too.
    pub description: &'a str,
    /// Names that it had before.
    pub former: Vec<&'a str>,
}

/// A repository, and what is known of it.
#[derive(Clone, Debug)]
pub struct Repository<'a> {
    /// Its whole name.
    pub name: &'a str,
    /// Its versions.
    pub versions: Vec<&'a str>,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// The environment that it belongs to.
    pub environment: &'a str,
    /// Its name.
    pub name: &'a str,
}
