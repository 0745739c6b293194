//! The steps of an answer, for a reader who watches it being made.

use tokio::sync::mpsc;

/// Steps on the way to an answer.
#[derive(Clone, Debug)]
pub(in crate::admin) enum Step {
    /// The model looks something up: the name of the tool.
    LooksUp(&'static str),
    /// The model says more words.
    Says(String),
}

/// Hears the steps of an answer; those that it has no room for are left out.
pub(in crate::admin) type Steps = mpsc::Sender<Step>;
