//! The fold of one history of pulls, without witnesses and with one that tells of each rollout, pod by pod.

use std::sync::Arc;
use std::time::{Duration, Instant};

use landfall::model::deployments::{Rules, State};
use landfall::model::event::{EnvironmentName, Observation, TokenId};
use landfall::model::oci::{Digest, Reference, Repository};
use landfall::model::report::{Report, RunningImage, Runs, Source, Statement};
use landfall::model::time::{Span, Time};

use super::pull::pull;

const OBSERVATIONS: usize = 1_000_000;
const SERVICES: usize = 40;
const NODES: usize = 30;
/// Rounds, of which the median is taken; the order turns.
const ROUNDS: usize = 5;

enum Line {
    Pull(Box<Observation>),
    Report(Report),
}

pub(super) fn measure() {
    let lines = history();
    let pulls = lines.iter().filter(|line| matches!(line, Line::Pull(_))).count();
    let told = lines.len() - pulls;
    let mut rounds: Vec<(Duration, Duration)> = Vec::new();
    for round in 0..ROUNDS {
        // Each way folds the same pulls; the time of reports is not that of pulls, so it is taken apart.
        let (without, (with, _)) = if round % 2 == 0 {
            (fold(&lines, false).0, fold(&lines, true))
        } else {
            let with = fold(&lines, true);
            (fold(&lines, false).0, with)
        };
        rounds.push((without, with));
    }
    rounds.sort_by_key(|(without, with)| with.as_nanos() * 1_000 / without.as_nanos());
    let (without, with) = rounds[ROUNDS / 2];
    let each = |took: Duration| took.as_nanos() as f64 / pulls as f64;
    println!(
        "fold, {NODES} nodes: {:.0} ns an observation without a witness, {:.0} ns with one, {:.2} times",
        each(without),
        each(with),
        with.as_secs_f64() / without.as_secs_f64()
    );
    let (_, of_reports) = fold(&lines, true);
    println!(
        "  {told} reports beside {pulls} observations: {:.1} µs each",
        of_reports.as_secs_f64() * 1e6 / told as f64
    );
}

/// Time in pulls, and in reports.
fn fold(lines: &[Line], with_witness: bool) -> (Duration, Duration) {
    let mut state = State::new(Rules::default());
    let (mut of_pulls, mut of_reports) = (Duration::ZERO, Duration::ZERO);
    let mut begun = Instant::now();
    for line in lines {
        match line {
            Line::Pull(observation) => state.observe(observation),
            Line::Report(report) if with_witness => {
                let now = Instant::now();
                of_pulls += now - begun;
                state.report(report);
                begun = Instant::now();
                of_reports += begun - now;
            }
            Line::Report(_) => {}
        }
    }
    std::hint::black_box(&state);
    (of_pulls + begun.elapsed(), of_reports)
}

/// Rollouts of many services, one after the other, as containerd shows them and a witness tells them.
fn history() -> Vec<Line> {
    let environment: EnvironmentName = "production".parse().expect("a name");
    let clients: Vec<Arc<str>> = (0..NODES).map(|node| format!("10.0.0.{node}").into()).collect();
    let start = Time::from_ms(1_772_431_200_000);
    let mut at = start;
    let mut lines = Vec::new();
    let (mut pulls, mut release, mut sequence) = (0, 0, 0);
    let mut report = |at: Time, statements: Vec<Statement>| {
        sequence += 1;
        let (environment, token) = (environment.clone(), TokenId::new("tok_2"));
        Line::Report(Report { at, environment, token, witness: "eu-1".into(), sequence, statements })
    };
    lines.push(report(at, vec![Statement::Alive { at, since: start }]));
    at = at + Span::from_secs(1);
    lines.push(report(at, vec![Statement::Alive { at, since: start }]));
    while pulls < OBSERVATIONS {
        let (service, number) = (release % SERVICES, release / SERVICES);
        let repository: Repository = format!("docker/service-{service}").parse().expect("a repository");
        let digest_of = |number: usize| Digest::of(format!("{service}/v1.{number}.0").as_bytes());
        let tag: Reference = format!("v1.{number}.0").parse().expect("a tag");
        for (node, client) in clients.iter().enumerate() {
            for observation in pull(&environment, client, &repository, &tag, digest_of(number), at) {
                lines.push(Line::Pull(Box::new(observation)));
                pulls += 1;
            }
            at = at + Span::from_ms(700);
            // A rollout is told from its first pod on, its numbers once a minute, and its end.
            if node % 10 == 0 || node + 1 == NODES {
                let (new, old) = (node as u64 + 1, (NODES - node - 1) as u64);
                let images = [(number, new), (number.saturating_sub(1), if number == 0 { 0 } else { old })];
                let images =
                    images.into_iter().filter(|(_, count)| *count > 0).map(|(number, count)| RunningImage {
                        digest: digest_of(number),
                        reference: format!("v1.{number}.0").parse().ok(),
                        running: count,
                        ready: count,
                        nodes: count,
                    });
                let runs = runs(&repository, at, images.collect());
                lines.push(report(at, vec![Statement::Running(runs), Statement::Alive { at, since: start }]));
            }
        }
        for _ in 0..40 {
            at = at + Span::from_secs(30);
            lines.push(report(at, vec![Statement::Alive { at, since: start }]));
        }
        release += 1;
    }
    lines
}

fn runs(repository: &Repository, at: Time, images: Vec<RunningImage>) -> Runs {
    Runs {
        at,
        source: Source::Kubernetes,
        namespace: "shop".into(),
        workload: format!("deployment/{repository}").into(),
        container: "app".into(),
        repository: repository.clone(),
        images,
        gone: false,
        desired: Some(NODES as u64),
        host: None,
        troubles: Vec::new(),
    }
}
