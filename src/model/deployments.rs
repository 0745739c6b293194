//! The fold from observations to deployments.

use super::event::Event;
use super::time::Span;

/// What the fold can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Quiet time after which a rollout counts as settled.
    pub settle: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self { settle: Span::from_mins(10) }
    }
}

/// What the log says so far.
#[derive(Clone, Debug, Default)]
pub struct State {}

impl State {
    /// Nothing seen yet.
    pub fn new(_rules: Rules) -> Self {
        Self {}
    }

    /// Takes the log's next event into account.
    pub fn apply(&mut self, _event: &Event) {}
}
