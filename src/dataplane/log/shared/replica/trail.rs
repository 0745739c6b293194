//! The steps that a follower took last: what tells where a stream went back to, and what is gone from it.

use std::collections::VecDeque;

use super::place::Step;

/// Steps that are remembered: of a stream that takes a hundred messages a second, ten minutes; some 10 MB.
pub(in crate::log) const STEPS_MAX: usize = 65_536;

/// The latest steps, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(VecDeque<Step>);

impl Trail {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self(steps.into())
    }

    pub(super) fn push(&mut self, step: Step) {
        if self.0.len() >= STEPS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(step);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Step> {
        self.0.get(index)
    }

    /// Tells whether it has steps, and goes back to the stream's beginning.
    pub(super) fn is_complete(&self) -> bool {
        self.0.front().is_some_and(|first| first.sequence_before() == 0)
    }

    /// Takes the steps after the first `len` away, and returns them in order.
    pub(super) fn cut(&mut self, len: usize) -> Vec<Step> {
        self.0.split_off(len.min(self.0.len())).into()
    }
}
