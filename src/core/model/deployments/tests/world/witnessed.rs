//! A witness before the world: one that comes and goes, beside the same pulls. What it makes certain is so, and where it is away
//! the answers are no worse than those by pulls alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dice::Dice;
use super::family::Family;
use super::history::{History, Service};
use super::score::share;
use crate::model::deployments::{Rules, State};
use crate::model::oci::Digest;
use crate::model::questions;
use crate::model::report::{RunningImage, Runs, Source, Statement, StatementLine};
use crate::model::time::{Span, Time};
use crate::wire::{Confidence, Phase, ReplayedImage};

/// Instants at which a history is asked about.
const INSTANTS: usize = 48;

/// A witness tells what changed after so long.
const TOLD: Span = Span::from_secs(3);

/// A line of the log.
enum Line<'a> {
    Pull(&'a crate::model::event::Observation),
    Word(StatementLine),
}

impl Line<'_> {
    fn at(&self) -> Time {
        match self {
            Self::Pull(observation) => observation.at,
            Self::Word(line) => line.statement.at(),
        }
    }
}

/// Right answers among all, while the witness is away and while it is alive.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    away: usize,
    away_alone: usize,
    away_with: usize,
    alive: usize,
    alive_with: usize,
}

/// Stretches in which the witness looks.
fn looks(history: &History, dice: &mut Dice) -> Vec<(Time, Time)> {
    let mut looks = Vec::new();
    let mut at = history.start + dice.hours(0, 12);
    while at < history.end {
        let until = (at + dice.hours(1, 20)).min(history.end);
        looks.push((at, until));
        at = until + dice.seconds(180, 12 * 3_600);
    }
    looks
}

fn runs(service: &Service, running: &BTreeMap<usize, usize>, at: Time) -> Runs {
    let nodes = service.truth.nodes(at);
    let image = |(image, count): (&usize, &usize)| RunningImage {
        digest: service.images[*image].digest(),
        reference: service.images[*image].version.parse().ok(),
        running: *count as u64,
        ready: *count as u64,
        nodes: nodes.and_then(|nodes| nodes.get(image)).copied().unwrap_or(*count) as u64,
    };
    Runs {
        at,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: "deployment/app".into(),
        container: "app".into(),
        repository: service.repository.clone(),
        images: running.iter().map(image).collect(),
        gone: false,
        desired: None,
        host: None,
        troubles: Vec::new(),
    }
}

fn words(service: &Service, looks: &[(Time, Time)]) -> Vec<Line<'static>> {
    let word = |statement| {
        let (environment, witness): (_, Arc<str>) = (service.environment.clone(), "eu-1".into());
        Line::Word(StatementLine { environment, witness, statement })
    };
    let mut lines = Vec::new();
    for (from, until) in looks.iter().copied() {
        let alive = |at| word(Statement::Alive { at, since: from });
        let full_at = from + Span::from_secs(2);
        let before = service.truth.running(from).cloned().unwrap_or_default();
        lines.extend([alive(from), word(Statement::Running(runs(service, &before, full_at)))]);
        for (at, running) in &service.truth.runs {
            let told_at = *at + TOLD;
            if *at > from && told_at <= until {
                lines.push(word(Statement::Running(runs(service, running, told_at))));
            }
        }
        let mut beat = from + TOLD;
        while beat < until {
            lines.push(alive(beat));
            beat = beat + Span::from_secs(30);
        }
        lines.push(alive(until));
    }
    lines
}

/// Tells whether an answer names what runs, or what runs most.
fn is_right(service: &Service, current: Option<&ReplayedImage>, at: Time) -> Option<bool> {
    let running = service.truth.running(at).filter(|running| !running.is_empty())?;
    let wanted: Vec<Digest> = match service.truth.majority(at) {
        Some(image) => vec![service.images[image].digest()],
        None => running.keys().map(|image| service.images[*image].digest()).collect(),
    };
    let is_there = |it: &ReplayedImage| !matches!(it.state, Phase::Removed | Phase::ScaledToZero);
    Some(current.is_some_and(|it| is_there(it) && wanted.contains(&it.digest)))
}

fn ask(history: &History, counts: &mut Counts, mistakes: &mut Vec<String>) {
    let mut dice = Dice::new(history.seed, "witness");
    let looks = looks(history, &mut dice);
    let pulls = || history.observations.iter().map(Line::Pull);
    let told = history.services.iter().flat_map(|service| words(service, &looks));
    let mut with: Vec<Line<'_>> = pulls().chain(told).collect();
    with.sort_by_key(Line::at);
    let mut instants: Vec<Time> = (0..INSTANTS)
        .map(|_| {
            history.start
                + dice.hours(0, 1)
                + dice.seconds(0, (history.end.since(history.start).ms() / 1000) as usize)
        })
        .collect();
    instants.sort();
    let (mut alone, mut state) = (State::new(Rules::default()), State::new(Rules::default()));
    alone.set_catalogue(history.catalogue());
    state.set_catalogue(history.catalogue());
    let (mut with, mut pulls) = (with.into_iter().peekable(), history.observations.iter().peekable());
    for now in instants {
        while let Some(observation) = pulls.next_if(|it| it.at <= now) {
            alone.observe(observation);
        }
        while let Some(line) = with.next_if(|it| it.at() <= now) {
            match line {
                Line::Pull(observation) => state.observe(observation),
                Line::Word(line) => state.report(&line.into_report()),
            }
        }
        for service in &history.services {
            compare(history, service, &looks, now, [&alone, &state], counts, mistakes);
        }
    }
}

fn compare(
    history: &History,
    service: &Service,
    looks: &[(Time, Time)],
    now: Time,
    states: [&State; 2],
    counts: &mut Counts,
    mistakes: &mut Vec<String>,
) {
    let changed_at = service.truth.runs.iter().rev().map(|(at, _)| *at).find(|at| *at <= now);
    let is_fresh = changed_at.is_some_and(|at| now.since(at) < Span::from_secs(10));
    let current = states.map(|state| {
        let mut answer = questions::replayed(state, &service.environment, now);
        answer.services.remove(&service.repository).and_then(|service| service.current)
    });
    let [Some(by_pulls), Some(with)] = [0, 1].map(|place| is_right(service, current[place].as_ref(), now))
    else {
        return;
    };
    let is_alive = looks.iter().any(|(from, until)| *from + Span::from_secs(5) <= now && now <= *until);
    let is_away = looks.iter().all(|(from, until)| now < *from || *until + Span::from_secs(121) < now);
    let is_confirmed = current[1].as_ref().is_some_and(|it| it.confidence == Confidence::Confirmed);
    if is_away {
        counts.away += 1;
        counts.away_alone += usize::from(by_pulls);
        counts.away_with += usize::from(with);
        if is_confirmed {
            mistakes.push(format!("{:?} {} {now}: confirmed by nobody", history.family, history.seed));
        }
        if by_pulls && !with {
            let last = looks.iter().rev().find(|(_, until)| *until <= now);
            let [alone, with] = current.map(|it| it.map(|it| (it.version, it.state, it.since)));
            let runs = service.truth.running(now).map(|runs| {
                runs.iter()
                    .map(|(image, count)| format!("{}*{count}", service.images[*image].version))
                    .collect::<Vec<_>>()
            });
            mistakes.push(format!(
                "{:?} {} {now}: worse than by pulls alone: {with:?}, not {alone:?}; {runs:?} run, last seen {last:?}",
                history.family, history.seed
            ));
        }
    } else if is_alive && !is_fresh {
        counts.alive += 1;
        counts.alive_with += usize::from(with);
        if !with {
            mistakes.push(format!("{:?} {} {now}: not what runs", history.family, history.seed));
        }
    }
}

#[test]
fn a_witness_makes_no_answer_worse() {
    let first = super::variable("LANDFALL_TEST_SEED").unwrap_or(1);
    let (mut whole, mut mistakes) = (Counts::default(), Vec::new());
    for family in Family::ALL {
        let mut counts = Counts::default();
        for seed in first..first + 2 {
            ask(&History::new(*family, seed), &mut counts, &mut mistakes);
        }
        let Counts { away, away_alone, away_with, alive, alive_with } = counts;
        println!(
            "{:16} away {away:3}: {:.3} by pulls, {:.3} with a witness; alive {alive:3}: {:.3}",
            family.name(),
            share(away_alone, away),
            share(away_with, away),
            share(alive_with, alive),
        );
        whole = Counts {
            away: whole.away + away,
            away_alone: whole.away_alone + away_alone,
            away_with: whole.away_with + away_with,
            alive: whole.alive + alive,
            alive_with: whole.alive_with + alive_with,
        };
    }
    println!("{whole:?}\n{}", mistakes.join("\n"));
    assert!(!mistakes.iter().any(|mistake| mistake.contains("nobody")), "{mistakes:?}");
    assert_eq!(whole.alive_with, whole.alive, "what a witness sees is so");
    assert!(whole.away_with >= whole.away_alone, "{whole:?}");
}
