//! The course of a rollout: the number of nodes that had come to an image, over time.

use serde::Serialize;

use super::rollout::RolloutAt;
use crate::model::deployments::State;
use crate::model::time::{Span, Time};

/// The rollout of a rollout, for a plot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Curve {
    /// After each known arrival: when, and how many nodes had come. Between the first and the last pulls that are kept
    /// as evidence there may be a jump.
    pub points: Vec<(Time, u32)>,
    /// The number of nodes that it was expected to reach; at least those that came.
    pub expected: u32,
    /// From the first node to the last one of the rollout.
    pub took: Span,
}

impl Curve {
    pub(super) fn of(at: &RolloutAt<'_>, state: &State) -> Self {
        let rollout = at.rollout;
        let mut arrivals: Vec<Time> =
            rollout.evidence.iter().filter(|item| item.arrived).map(|item| item.at).collect();
        arrivals.sort_unstable();
        let known = u32::try_from(arrivals.len()).unwrap_or(u32::MAX);
        // The middle is not kept: the first half counts from the beginning, the second from the end.
        let hidden = rollout.nodes.saturating_sub(known);
        let half = arrivals.len().div_ceil(2);
        let points = (1..).zip(arrivals).map(|(count, at)| {
            let is_late = count as usize > half;
            (state.shown(at), if is_late { count + hidden } else { count })
        });
        Self {
            points: points.collect(),
            expected: at.expected.max(rollout.nodes),
            took: at.progressed_at.since(rollout.opened_at),
        }
    }
}
