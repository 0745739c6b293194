//! Plays a cluster before a witness: what workloads run, and when somebody looks.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::deployments::State;
use crate::model::deployments::tests::story::{at, catalogue, digest, environment, repository};
use crate::model::deployments::{Rules, tests::story};
use crate::model::event::Observation;
use crate::model::oci::Digest;
use crate::model::report::{Report, RunningImage, Runs, Source, Statement, StatementLine};
use crate::model::time::{Span, Time};

/// A witness tells after so long what changed.
pub(super) const TOLD: Span = Span::from_secs(2);

/// A witness that begins has told everything after so long.
pub(super) const FULL: Span = Span::from_secs(3);

const HEARTBEAT: Span = Span::from_secs(30);

/// From some time on a workload runs this.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) at: Time,
    pub(super) witness: &'static str,
    pub(super) workload: String,
    /// Releases, and the containers that run and are ready of each.
    pub(super) runs: Vec<(String, u64, u64)>,
    /// The replicas that are wanted, where that is told.
    pub(super) desired: Option<u64>,
    pub(super) is_gone: bool,
}

/// A stretch in which a witness looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) witness: &'static str,
    pub(super) from: Time,
    pub(super) until: Time,
}

/// A line of a trace.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Pull(Observation),
    Word(StatementLine),
    Report(Report),
}

impl Line {
    pub(super) fn at(&self) -> Time {
        match self {
            Self::Pull(observation) => observation.at,
            Self::Word(line) => line.statement.at(),
            Self::Report(report) => report.at,
        }
    }
}

/// Statements of the witnesses, in the order of the times.
pub(super) fn told(deeds: &[Deed], looks: &[Look]) -> Vec<Line> {
    let mut lines = Vec::new();
    for look in looks {
        let word = |statement| {
            Line::Word(StatementLine { environment: environment(), witness: look.witness.into(), statement })
        };
        let alive = |at| word(Statement::Alive { at, since: look.from });
        let mut first: BTreeMap<&str, Deed> = BTreeMap::new();
        for deed in deeds.iter().filter(|deed| deed.witness == look.witness) {
            let told_at = deed.at + TOLD;
            if told_at < look.from + FULL {
                first.insert(&deed.workload, deed.clone());
            } else if told_at <= look.until {
                lines.push(word(Statement::Running(runs(deed, told_at))));
            }
        }
        let full = first.values().filter(|deed| !deed.is_gone);
        lines.push(alive(look.from));
        lines.extend(full.map(|deed| word(Statement::Running(runs(deed, look.from + Span::from_secs(1))))));
        let mut beat = look.from + FULL;
        while beat < look.until {
            lines.push(alive(beat));
            beat = beat + HEARTBEAT;
        }
        lines.push(alive(look.until));
    }
    lines.sort_by_key(Line::at);
    lines
}

pub(super) fn runs(deed: &Deed, at: Time) -> Runs {
    let image = |(version, running, ready): &(String, u64, u64)| RunningImage {
        digest: digest(version),
        reference: version.parse().ok(),
        running: *running,
        ready: *ready,
        nodes: *running,
    };
    Runs {
        at,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: deed.workload.as_str().into(),
        container: "app".into(),
        repository: repository(),
        images: deed.runs.iter().map(image).collect(),
        gone: deed.is_gone,
        desired: deed.desired,
        host: None,
        troubles: Vec::new(),
    }
}

pub(super) fn with_pulls(mut lines: Vec<Line>, pulls: Vec<Observation>) -> Vec<Line> {
    lines.extend(pulls.into_iter().map(Line::Pull));
    lines.sort_by_key(Line::at);
    lines
}

pub(super) fn folded<'a>(lines: impl IntoIterator<Item = &'a Line>) -> State {
    let mut state = State::new(Rules::default());
    state.set_catalogue(catalogue());
    for line in lines {
        match line {
            Line::Pull(observation) => state.observe(observation),
            Line::Word(line) => state.report(&line.clone().into_report()),
            Line::Report(report) => state.report(report),
        }
    }
    state
}

pub(super) fn folded_until(lines: &[Line], now: Time) -> State {
    folded(lines.iter().filter(|line| line.at() <= now))
}

/// Images that run at `now`, and the time of their last change.
pub(super) fn truth(deeds: &[Deed], now: Time) -> (BTreeSet<Digest>, Time) {
    let mut latest: BTreeMap<(&str, &str), &Deed> = BTreeMap::new();
    let mut changed_at = at(0);
    for deed in deeds.iter().filter(|deed| deed.at <= now) {
        latest.insert((deed.witness, &deed.workload), deed);
        changed_at = deed.at;
    }
    let running = latest.values().flat_map(|deed| &deed.runs).map(|(version, ..)| digest(version));
    (running.collect(), changed_at)
}

/// Reads a story. Lines are those of [`story`], and
/// `TIME [eu-1] WORKLOAD [wants 5] runs 1.1*3 1.0*2/1` (of two, one is ready), `TIME [eu-1] WORKLOAD gone`,
/// `FROM [eu-1] looks TO`.
pub(super) fn read(text: &str) -> Vec<Line> {
    let (mut pulls, mut deeds, mut looks) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let when = time(words.next().unwrap());
        let mut words: Vec<&str> = words.collect();
        let witness = if words[0] == "us-1" { "us-1" } else { "eu-1" };
        words.retain(|word| *word != witness);
        match words[..] {
            ["looks", until] => looks.push(Look { witness, from: when, until: time(until) }),
            [workload, ..] if ["gone", "runs", "wants"].contains(&words[1]) => {
                deeds.push(deed(when, witness, workload, &words[1..]));
            }
            _ => pulls.push_str(&format!("{line}\n")),
        }
    }
    with_pulls(told(&deeds, &looks), story::observations(&pulls))
}

/// Deeds of a workload from then on: `runs 1.1*3 1.0*2/1`, `wants 5 runs 1.1*3`, `gone`.
pub(super) fn deed(at: Time, witness: &'static str, workload: &str, words: &[&str]) -> Deed {
    let image = |text: &&str| {
        let (version, count) = text.split_once('*').unwrap();
        let (running, ready) = count.split_once('/').unwrap_or((count, count));
        (version.to_owned(), running.parse().unwrap(), ready.parse().unwrap())
    };
    let (desired, words) = match words {
        ["wants", desired, words @ ..] => (Some(desired.parse().unwrap()), words),
        words => (None, words),
    };
    let (is_gone, images) = match words {
        ["gone"] => (true, &[][..]),
        ["runs", images @ ..] => (false, images),
        _ => panic!("no deed: {words:?}"),
    };
    let workload =
        if workload.contains('/') { workload.to_owned() } else { format!("deployment/{workload}") };
    Deed { at, witness, workload, runs: images.iter().map(image).collect(), desired, is_gone }
}

/// `1:30:00`, `5:00` (minutes) or `30`.
pub(super) fn time(text: &str) -> Time {
    at(text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap()))
}

/// Tells `text` up to `now`, asks then, and compares.
#[track_caller]
pub(super) fn check(text: &str, now: &str, expected: &str) {
    println!("story:\n{text}");
    check_lines(&read(text), now, expected);
}

#[track_caller]
pub(super) fn check_lines(told: &[Line], now: &str, expected: &str) {
    let asked_at = time(now);
    let state = folded_until(told, asked_at);
    let answer = story::answer(&state, asked_at);
    let current = &answer["services"]["docker/app"]["current"];
    let mut lines = story::summary(&state, asked_at);
    if let Some(last) = lines.last_mut() {
        last.push_str(&format!(" {}", current["confidence"].as_str().unwrap_or("-")));
    }
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, expected, "asked at {now}");
}
