//! Speed of the fold with observations, and of the answers to questions. Prints; asserts nothing.

#[path = "observed/pull.rs"]
mod pull;

use std::hint::black_box;
use std::time::Instant;

use landfall::model::deployments::{Rules, State};
use landfall::model::event::{EnvironmentName, Observation};
use landfall::model::oci::{Digest, Reference};
use landfall::model::questions;
use landfall::model::time::{Span, Time};

use pull::pull;

/// The program's allocator: what is folded is allocated and freed, and that is part of the cost.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const OBSERVATIONS: usize = 2_000_000;
const SERVICES: usize = 40;

fn main() {
    for nodes in [3, 30, 300, 3_000] {
        let observations = history(nodes);
        let mut state = State::new(Rules::default());
        let begun = Instant::now();
        for observation in &observations {
            state.observe(observation);
        }
        let took = begun.elapsed();
        let rate = observations.len() as f64 / took.as_secs_f64();
        println!("fold, {nodes} nodes: {:.2} M observations/s", rate / 1e6);

        let environment: EnvironmentName = "production".parse().expect("a name");
        let now = state.last_at().expect("observations");
        let begun = Instant::now();
        black_box(questions::running(&state, &environment, now));
        let running = begun.elapsed();
        let begun = Instant::now();
        black_box(questions::timeline(&state, &environment, now, 20, None));
        let timeline = begun.elapsed();
        let begun = Instant::now();
        black_box(state.clone());
        println!("  running {running:.1?}, timeline {timeline:.1?}, clone {:.1?}", begun.elapsed());

        let far = questions::timeline(&state, &environment, now, 1_000, None).next;
        let Some(far) = far else { continue };
        let begun = Instant::now();
        black_box(questions::timeline(&state, &environment, now, 20, Some(&far)));
        let page = begun.elapsed();
        let begun = Instant::now();
        black_box(questions::deployment(&state, &far, now));
        let one = begun.elapsed();
        let begun = Instant::now();
        black_box(questions::deployment(&state, "dep_000000000000", now));
        println!("  a page far back {page:.1?}, one by id {one:.1?}, none by id {:.1?}", begun.elapsed());
    }
}

/// Rollouts of many services, one after the other, as containerd shows them.
fn history(nodes: usize) -> Vec<Observation> {
    let clients: Vec<_> = (0..nodes)
        .map(|node| format!("10.{}.{}.{}", node >> 16, node >> 8 & 255, node & 255).into())
        .collect();
    let environment: EnvironmentName = "production".parse().expect("a name");
    let mut at = Time::from_ms(1_772_431_200_000);
    let mut observations = Vec::with_capacity(OBSERVATIONS + 8);
    let mut release = 0_usize;
    while observations.len() < OBSERVATIONS {
        let service = release % SERVICES;
        let repository: landfall::model::oci::Repository =
            format!("docker/service-{service}").parse().expect("a repository");
        let tag: Reference = format!("v1.{}.0", release / SERVICES).parse().expect("a tag");
        let digest = Digest::of(format!("{service}/{tag}").as_bytes());
        for client in &clients {
            observations.extend(pull(&environment, client, &repository, &tag, digest, at));
            at = at + Span::from_ms(700);
        }
        at = at + Span::from_mins(20);
        release += 1;
    }
    observations
}
