//! The first page's first part: what fails, was rolled back, is rolling out, or is behind.

use super::parts::{Badge, Label, When, count, short};
use crate::model::questions::{self, Behind, Moved, Unpulled};
use crate::model::time::Time;
use crate::wire;

/// The lists, and how many entries of each are not shown.
pub(super) struct Attention<'a> {
    pub(super) failing: Vec<FailingLine<'a>>,
    pub(super) failing_more: usize,
    pub(super) moved: [MovedList<'a>; 2],
    pub(super) behind: Vec<BehindLine<'a>>,
    pub(super) behind_more: usize,
}

/// Services that moved in one way.
pub(super) struct MovedList<'a> {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) lines: Vec<MovedLine<'a>>,
    pub(super) more: usize,
}

/// `production web v1.5.0 → v1.4.2`
pub(super) struct MovedLine<'a> {
    pub(super) environment: &'a str,
    pub(super) repository: &'a str,
    pub(super) service: &'a str,
    pub(super) id: &'a str,
    pub(super) from: Option<Label>,
    pub(super) to: Label,
    pub(super) state: Badge,
    pub(super) nodes: String,
    pub(super) when: When,
}

/// `production web v9: 404, no such tag`
pub(super) struct FailingLine<'a> {
    pub(super) environment: &'a str,
    pub(super) repository: &'a str,
    pub(super) service: &'a str,
    pub(super) reference: String,
    pub(super) cause: &'a str,
    pub(super) when: When,
}

/// `production: 3 services, 7 releases`
pub(super) struct BehindLine<'a> {
    pub(super) environment: &'a str,
    pub(super) facts: String,
}

impl<'a> Attention<'a> {
    pub(super) fn new(attention: &'a questions::Attention, now: Time) -> Self {
        let (failing, failing_total) = &attention.failing;
        let (behind, behind_total) = &attention.behind;
        let moved = [
            ("rolled-back", "Rolled back", &attention.rolled_back),
            ("rolling-out", "Rolling out or mixed", &attention.rolling_out),
        ];
        Self {
            failing: failing.iter().map(|one| FailingLine::new(one, now)).collect(),
            failing_more: failing_total - failing.len(),
            moved: moved.map(|(id, title, (all, total))| MovedList {
                id,
                title: title.to_owned(),
                lines: all.iter().map(|one| MovedLine::new(one, now)).collect(),
                more: total - all.len(),
            }),
            behind: behind.iter().map(BehindLine::new).collect(),
            behind_more: behind_total - behind.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.failing.is_empty() && self.behind.is_empty() && self.moved.iter().all(|it| it.lines.is_empty())
    }
}

impl<'a> FailingLine<'a> {
    fn new(one: &'a Unpulled, now: Time) -> Self {
        let attempt = &one.attempt;
        Self {
            environment: one.environment.as_str(),
            repository: attempt.repository.as_str(),
            service: short(&attempt.repository),
            reference: if attempt.unproven { String::new() } else { attempt.reference.to_string() },
            cause: &attempt.cause,
            when: When::new(attempt.last_at, now),
        }
    }
}

impl<'a> MovedLine<'a> {
    fn new(one: &'a Moved, now: Time) -> Self {
        Self {
            environment: one.environment.as_str(),
            repository: one.repository.as_str(),
            service: short(&one.repository),
            id: &one.id,
            from: one.from.as_ref().map(Label::from),
            to: Label::from(&one.to),
            state: Badge::of(wire::Phase::from(one.state).as_str()),
            nodes: count(one.nodes, "node"),
            when: When::new(one.started_at, now),
        }
    }
}

impl<'a> BehindLine<'a> {
    fn new(one: &'a Behind) -> Self {
        let (services, releases) = (one.services as u64, one.releases as u64);
        Self {
            environment: one.environment.as_str(),
            facts: format!("{}, {}", count(services, "service"), count(releases, "release")),
        }
    }
}
