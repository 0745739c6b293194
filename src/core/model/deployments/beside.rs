//! Side by side: takeovers that contradict each other were none.
//!
//! The rule, by number, is that of README.md: an image that is asked for again after its way back was contradicted runs
//! beside the other.

use super::candidate::Candidate;
use super::correction::{Assumption, Finding};
use super::current::Current;
use super::lineage::Lineage;
use super::past::{Outcome, PastRollout};
use super::rollout::{Rollout, TaggedDigest};
use super::rollouts::{Facts, Rollouts};
use super::rule::Rule;
use super::schedule::joined;
use crate::model::time::Time;

/// Takeovers back and forth that a way back and its undoing make: `1.0`, `1.1`, `1.0`, `1.1`.
const UNDONE: usize = 3;

/// More takeovers back and forth are none where no node moved, or where a single node says each time that it did: it runs
/// both.
const TURNS: usize = 6;

/// The two that a line went back and forth between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// That of the image that runs.
    Current,
    /// That of the image that is about to replace it.
    Candidate,
}

/// Tells the two sides from each other.
struct Sides<'a> {
    current: &'a Rollout,
    candidate: &'a Rollout,
    /// Versions of two numbers that only differ in the first: `13.14` and `16.2`.
    majors: Option<(Lineage, Lineage)>,
}

impl<'a> Sides<'a> {
    fn of(current: &'a Rollout, candidate: &'a Rollout) -> Self {
        let lineage = |rollout: &Rollout| rollout.tag.as_ref().map(Lineage::of);
        let majors = lineage(current).zip(lineage(candidate)).filter(|(one, other)| one != other);
        Self { current, candidate, majors }
    }

    fn side(&self, rollout: &Rollout) -> Option<Side> {
        if rollout.digest == self.candidate.digest {
            return Some(Side::Candidate);
        }
        if rollout.digest == self.current.digest {
            return Some(Side::Current);
        }
        let (current, candidate) = self.majors.as_ref()?;
        let lineage = Lineage::of(rollout.tag.as_ref()?);
        let is_current = lineage == *current;
        (is_current || lineage == *candidate).then_some(if is_current {
            Side::Current
        } else {
            Side::Candidate
        })
    }
}

/// The stints of a line that went back and forth, the oldest first.
struct Stints {
    sides: Vec<Side>,
    /// The number of nodes of each.
    nodes: Vec<u32>,
}

impl Stints {
    /// Number of times that the side changed.
    fn changes(&self) -> usize {
        self.sides.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The most nodes that a side came to at once.
    fn most(&self, side: Side) -> u32 {
        let its = self.sides.iter().zip(&self.nodes).filter(|(it, _)| **it == side);
        its.map(|(_, nodes)| *nodes).max().unwrap_or(0)
    }
}

impl Rollouts {
    /// Tells whether what runs and what is about to replace it run side by side instead, and which of the two is the
    /// one beside the service.
    fn beside(&self, candidate: &Candidate) -> Option<(Side, usize)> {
        let current = self.current.as_ref()?;
        let sides = Sides::of(&current.rollout, &candidate.rollout);
        let mut stints = Stints { sides: Vec::new(), nodes: Vec::new() };
        let replaced = self.history.iter().rev().filter(|past| past.outcome == Outcome::Replaced);
        let tail: Vec<_> =
            replaced.map_while(|past| Some((sides.side(&past.rollout)?, &past.rollout))).collect();
        for (side, rollout) in tail.iter().rev() {
            stints.sides.push(*side);
            stints.nodes.push(rollout.nodes);
        }
        stints.sides.extend([Side::Current, Side::Candidate]);
        stints.nodes.extend([current.rollout.nodes, candidate.rollout.nodes]);
        let (ours, theirs) = (stints.most(Side::Current), stints.most(Side::Candidate));
        let few = current.rollout.nodes;
        let is_unmoved = few <= 1
            && candidate.rollout.nodes <= 1
            && candidate.nodes_returned == 0
            && current.rollout.checks > 0
            && candidate.rollout.checks > 0;
        let changes = stints.changes();
        let is_it = changes == UNDONE && (is_unmoved || sides.majors.is_some() && few <= 1)
            || changes > UNDONE && sides.majors.is_some()
            || changes > TURNS && (few <= 1 && candidate.rollout.nodes <= 1 || candidate.nodes_returned == 0);
        let first = stints.sides.first().copied().unwrap_or(Side::Current);
        // Of the two, the service is the one that came to more nodes, or was there first.
        let is_ours = ours > theirs || ours == theirs && first == Side::Current;
        let minor = if is_ours { Side::Candidate } else { Side::Current };
        is_it.then_some((minor, tail.len()))
    }

    /// Tells two images apart that took turns, if they did: the service has one of them, and the other runs beside it.
    /// Else the candidate is given back.
    pub(super) fn told_apart(&mut self, candidate: Candidate, facts: Facts<'_>) -> Option<Candidate> {
        let Some((minor, length)) = self.beside(&candidate) else { return Some(candidate) };
        let Some(current) = self.current.take() else { return Some(candidate) };
        let settle = facts.settle;
        let mut stints = self.take_last(length, facts);
        let sides = Sides::of(&current.rollout, &candidate.rollout);
        let mut of_stint: Vec<Side> = stints.iter().filter_map(|past| sides.side(&past.rollout)).collect();
        of_stint.extend([Side::Current, Side::Candidate]);
        let at = candidate.rollout.opened_at;
        let last = Current::first(candidate.rollout.clone());
        stints.push(current.into_past(at, settle));
        stints.push(last.into_past(at, settle));
        // A deployment that came to several nodes was one, before the two took turns.
        let was_service = of_stint[0] == minor
            && of_stint[1] != minor
            && stints[0].rollout.nodes > 1
            && stints[1].rollout.nodes > 1;
        let (mut ours, mut theirs): (Vec<PastRollout>, Vec<PastRollout>) = (Vec::new(), Vec::new());
        let before = stints[0].from.clone();
        for (place, (stint, side)) in stints.into_iter().zip(of_stint).enumerate() {
            let line = if side == minor && !(place == 0 && was_service) { &mut theirs } else { &mut ours };
            line.push(stint);
        }
        self.part(ours, theirs, before, at, Rule::Beside, facts);
        None
    }

    /// Gives the service `ours`, and a line beside it `theirs`, whose takeovers are taken back at `at` by `rule`.
    pub(super) fn part(
        &mut self,
        ours: Vec<PastRollout>,
        theirs: Vec<PastRollout>,
        before: Option<TaggedDigest>,
        at: Time,
        rule: Rule,
        facts: Facts<'_>,
    ) {
        let taken_back = theirs.last().map(|past| {
            let was = if past.ran_before { Assumption::WayBack } else { Assumption::Replaced };
            past.rollout.correction(at, was, Finding::Beside, rule)
        });
        self.fill(joined(ours), before, facts);
        if let (Some(current), Some(correction)) = (&mut self.current, taken_back) {
            current.rollout.correct(correction);
        }
        let mut line = Self::default();
        let mut theirs = joined(theirs);
        theirs.iter_mut().for_each(|past| past.rule = rule);
        line.fill(theirs, None, facts);
        self.apart.push(line);
    }

    /// Takes the last `length` deployments that were the service off the history.
    pub(super) fn take_last(&mut self, length: usize, facts: Facts<'_>) -> Vec<PastRollout> {
        let (mut stints, mut others) = (Vec::new(), Vec::new());
        while stints.len() < length {
            let Some(past) = self.history.pop(|past| past.rollout.identity(facts.name)) else { break };
            if past.outcome == Outcome::Replaced { stints.push(past) } else { others.push(past) }
        }
        stints.reverse();
        for other in others.into_iter().rev() {
            self.add_to_history(other, facts);
        }
        stints
    }

    /// Lets these deployments have been one after the other; the last is what runs.
    pub(super) fn fill(&mut self, stints: Vec<PastRollout>, before: Option<TaggedDigest>, facts: Facts<'_>) {
        let mut from = before;
        let mut stints = stints.into_iter().peekable();
        while let Some(mut stint) = stints.next() {
            stint.from = from;
            stint.ran_before = self.history.first_ran_at(&stint.rollout.digest).is_some();
            from = Some(stint.rollout.tagged());
            match stints.peek() {
                Some(next) => {
                    stint.ended_at = next.rollout.opened_at;
                    self.add_to_history(stint, facts);
                }
                None => self.current = Some(Current::again(stint)),
            }
        }
    }
}

impl PastRollout {
    /// Takes a later stint of the same image for a part of this one.
    pub(super) fn go_on(&mut self, later: Self) {
        self.rollout.go_on(later.rollout);
        self.settled_at = self.settled_at.or(later.settled_at);
        self.expected = self.expected.max(later.expected);
        self.size = later.size;
        self.stragglers = self.stragglers.saturating_add(later.stragglers);
    }
}
