//! An agent that reports by itself: with a clock, a token and numbers of its own, and with what goes wrong with it.

use super::play::{Line, deed, runs, time};
use crate::model::deployments::tests::story::environment;
use crate::model::names::TokenId;
use crate::model::report::{Report, Statement};
use crate::model::time::{Span, Time};

/// One process of an agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    name: &'static str,
    token: &'static str,
    /// Its clock is ahead by so many seconds.
    pub(super) ahead_s: i64,
    /// The beginning of what it has seen, by its clock.
    since: Time,
    pub(super) told: Vec<Line>,
}

impl Agent {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, token: "tok_agent", ahead_s: 0, since: Time::from_ms(0), told: Vec::new() }
    }

    pub(super) fn with_token(name: &'static str, token: &'static str) -> Self {
        Self { token, ..Self::new(name) }
    }

    pub(super) fn with_clock(name: &'static str, ahead_s: i64) -> Self {
        Self { ahead_s, ..Self::new(name) }
    }

    /// Its token is replaced.
    pub(super) fn set_token(&mut self, token: &'static str) {
        self.token = token;
    }

    fn clock(&self, at: Time) -> Time {
        at + Span::from_secs(self.ahead_s)
    }

    /// Reports, and is heard at once.
    pub(super) fn say(&mut self, at: Time, statements: Vec<Statement>) {
        self.told.push(Line::Report(Report {
            at,
            environment: environment(),
            token: TokenId::new(self.token),
            witness: self.name.into(),
            sequence: 0,
            statements,
        }));
    }

    fn sign(&self, at: Time) -> Statement {
        Statement::Alive { at: self.clock(at), since: self.since }
    }

    /// A workload's deed in the words of a story: `web runs 1.1*3`.
    pub(super) fn statement(&self, at: Time, text: &str) -> Statement {
        let words: Vec<&str> = text.split_whitespace().collect();
        let at = self.clock(at);
        Statement::Running(runs(&deed(at, self.name, words[0], &words[1..]), at))
    }

    /// Says that it is alive.
    pub(super) fn beat(&mut self, at: Time) {
        self.say(at, vec![self.sign(at)]);
    }

    /// Says so every half a minute.
    pub(super) fn beats(&mut self, from: &str, until: &str) {
        let (mut at, until) = (time(from), time(until));
        while at <= until {
            self.beat(at);
            at = at + Span::from_secs(30);
        }
    }

    /// Begins: the first sign of life, and no more.
    pub(super) fn starts(&mut self, at: Time) {
        self.since = self.clock(at);
        self.beat(at);
    }

    /// Begins, and tells all that there is within three seconds.
    pub(super) fn begins(&mut self, at: Time, all: &[&str]) {
        self.starts(at);
        let told_at = at + Span::from_secs(1);
        self.say(told_at, all.iter().map(|text| self.statement(told_at, text)).collect());
        self.beat(at + Span::from_secs(3));
    }

    /// Tells what one workload does.
    pub(super) fn tells(&mut self, at: &str, text: &str) {
        let at = time(at);
        self.say(at, vec![self.statement(at, text)]);
    }
}

/// Reports and pulls, in the order of the log.
pub(super) fn log(agents: &[Agent], pulls: &str) -> Vec<Line> {
    let pulls = crate::model::deployments::tests::story::observations(pulls);
    let said = agents.iter().flat_map(|agent| agent.told.iter().cloned()).collect();
    super::play::with_pulls(said, pulls)
}
