//! How fast the fold takes observations, and how fast a question is answered. Prints; asserts nothing.

use std::hint::black_box;
use std::time::Instant;

use landfall::model::deployments::{Rules, State};
use landfall::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::{Digest, Reference};
use landfall::model::questions;
use landfall::model::time::{Span, Time};

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
    let agent: std::sync::Arc<str> = "containerd/v1.7.22".into();
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
        let layer = Digest::of(format!("{service}/{tag}/layer").as_bytes());
        for client in &clients {
            let request = |at, method, reference, digest, object| Observation {
                at,
                environment: environment.clone(),
                token: TokenId::new("tok_1"),
                token_kind: TokenKind::Cluster,
                client: std::sync::Arc::clone(client),
                agent: agent.clone(),
                method,
                repository: repository.clone(),
                reference,
                digest: Some(digest),
                object,
                media_type: None,
                status: 200,
                bytes: 0,
                parent: None,
            };
            let by_digest = Reference::Digest(digest);
            observations.push(request(at, Method::Head, tag.clone(), digest, Object::Manifest));
            observations.push(request(at, Method::Get, by_digest, digest, Object::Manifest));
            observations.push(request(at, Method::Get, Reference::Digest(layer), layer, Object::Blob));
            at = at + Span::from_ms(700);
        }
        at = at + Span::from_mins(20);
        release += 1;
    }
    observations
}
