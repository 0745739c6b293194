//! Any text that reaches the model: paths, questions, searches, release notes, versions, recorded observations.

#[path = "../core/model/releases/number/laws.rs"]
mod laws;

use std::collections::BTreeSet;

use crate::model::ask::{self, Environment, Intent, Token, World};
use crate::model::deployments::{Rules, State};
use crate::model::event::Observation;
use crate::model::oci::{Reference, Repository, Route};
use crate::model::questions;
use crate::model::registries::{Host, Registries, Registry};
use crate::model::releases::Number;
use crate::model::releases::change::{CHANGES_MAX, TITLE_BYTES_MAX};
use crate::model::releases::notes::{self, NOTES_BYTES_MAX};
use crate::model::search::{Band, Index, Text};
use crate::model::time::Time;

/// A path: what is served has one plain spelling, in which it is the same; what is refused is refused however it is
/// escaped.
pub(super) fn route(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    match served(path) {
        Some(route) => {
            let plain = written(&route);
            assert_eq!(served(&plain).as_ref(), Some(&route), "its plain spelling means something else");
            assert!(plain.len() <= path.len().max("/v2/".len()), "a spelling is shorter than what is served");
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte);
            assert!(plain.bytes().all(is_plain), "{plain:?} goes to a registry");
            assert!(plain[1..].trim_end_matches('/').split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
        // Each of its characters escaped, one at a time: few are enough, they come from anywhere in the path.
        None if path.len() <= 512 => {
            for at in (0..path.len())
                .filter(|at| path.is_char_boundary(*at) && path.is_char_boundary(at + 1))
                .take(64)
            {
                let escaped = format!("{}%{:02X}{}", &path[..at], path.as_bytes()[at], &path[at + 1..]);
                assert_eq!(served(&escaped), None, "{path:?} is refused and {escaped:?} is served");
            }
        }
        None => {}
    }
}

/// A name of an image on the first line; a path's repository, and the registry that it names beside it, on the second and
/// third: an image has one name here, whichever way it was asked for, and nobody else's registry answers.
pub(super) fn registries(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (image, path, ns) = (line(), line(), line());
    let host = |text: &str| text.parse::<Host>().expect("a host");
    let registries = Registries::new(vec![
        Registry::new("", false, &host("rest.example"), 443, &[]),
        Registry::new("docker", true, &host("registry-1.docker.io"), 443, &[]),
        Registry::new("team", false, &host("team.example:5000"), 80, &[host("mirrored.example")]),
    ])
    .known_as(&host("proxy.example"));
    let one_name = |name: &Repository| {
        // A path may look like an image of a registry.
        if name.as_str().split('/').next().is_some_and(|first| first.contains('.')) {
            return;
        }
        let image = registries.image(name, "proxy.example");
        assert_eq!(registries.of_image(&image).as_ref(), Some(name), "{image} has two names here");
    };
    if let Some(name) = registries.of_image(image) {
        one_name(&name);
    }
    let Ok(path) = Repository::in_path(path) else { return };
    let named = ns.parse::<Host>();
    let Ok(routed) = registries.route(&path, named.as_ref().ok()) else { return };
    one_name(&routed.repository);
    if let Ok(named) = named {
        let known = ["proxy", "rest", "docker", "team", "mirrored"];
        let is_known = known.iter().any(|known| named.to_string().to_ascii_lowercase().contains(known));
        assert!(is_known, "{named} is answered by registry {}", routed.registry);
    }
}

/// The route of a path that leads to an answer other than a refusal.
fn served(path: &str) -> Option<Route> {
    Route::parse(path).ok().filter(|route| !matches!(route, Route::Upload | Route::Catalog))
}

fn written(route: &Route) -> String {
    match route {
        Route::Manifest(name, reference) => format!("/v2/{name}/manifests/{reference}"),
        Route::Blob(name, digest) => format!("/v2/{name}/blobs/{digest}"),
        Route::Tags(name) => format!("/v2/{name}/tags/list"),
        Route::Referrers(name, digest) => format!("/v2/{name}/referrers/{digest}"),
        Route::Base | Route::Catalog | Route::Upload => "/v2/".to_owned(),
    }
}

/// A question: what is understood is of this world, within bounds, and nothing that destroys.
pub(super) fn ask(bytes: &[u8]) {
    let question = String::from_utf8_lossy(bytes);
    let environment = |name, description| Environment { name, description, former: Vec::new() };
    let now = Time::from_ms(1_780_488_000_000);
    let world = World {
        environments: vec![
            environment("production", "what customers see"),
            environment("staging", ""),
            environment("prod-us-east", "east coast"),
        ],
        repositories: vec![
            ask::Repository { name: "shop/till", versions: vec!["v1.0.0", "v1.1.0", "v2.0.0"] },
            ask::Repository { name: "shop/stock-api", versions: vec!["v3.0.0", "v2.0.0"] },
        ],
        tokens: vec![Token { environment: "staging", name: "anna-laptop" }],
        now,
        latest_rollback: &|environment| {
            (environment != Some("staging")).then_some(Time::from_ms(1_779_985_200_000))
        },
        latest_deployment: &|_| None,
    };
    let asked = ask::parse(&question, &world);
    let is_environment = |name: &String| world.environments.iter().any(|known| known.name == *name);
    if asked.intent != Intent::CreateEnvironment {
        assert!(
            asked.environment.iter().chain(&asked.from).chain(&asked.environments).all(is_environment),
            "{asked:?}"
        );
    }
    let is_repository = |name: &String| world.repositories.iter().any(|known| known.name == *name);
    assert!(asked.repositories.iter().all(is_repository), "{asked:?}");
    assert!(asked.description.iter().all(|text| text.len() <= question.len().min(2_048)), "{asked:?}");
    assert!(asked.range.iter().all(|range| range.from <= range.to), "{asked:?}");
    assert!(asked.at.is_none_or(|at| at <= now), "{asked:?}");
    assert_eq!(ask::parse(&question, &world), asked, "the same question was understood in two ways");
}

/// A search in titles that come from outside, too. The first line is the query, each other one a title.
pub(super) fn search(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let query = lines.next().unwrap_or_default();
    let titles: Vec<&str> = lines.take(64).collect();
    let Ok(repository) = "shop/till".parse::<Repository>() else { return };
    let mut index = Index::default();
    for (number, chunk) in titles.chunks(8).enumerate() {
        let texts = chunk.iter().enumerate().map(|(at, title)| Text {
            title,
            pr: Some((number * 8 + at) as u64),
            ..Text::default()
        });
        index.put(&repository, &format!("v1.{number}.0"), texts);
    }
    let limit = 5;
    let found = index.find(query, |_| true, limit);
    assert!(found.hits.len() <= limit);
    assert!(found.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)), "{found:?}");
    assert!(found.hits.iter().all(|hit| !hit.places.is_empty()), "{found:?}");
    assert!(found.band == Band::No || !found.hits.is_empty(), "sure of nothing: {found:?}");
    assert_eq!(index.find(query, |_| true, limit), found, "the same query found two things");
    assert!(
        index.find(query, |_| false, limit).hits.is_empty(),
        "a repository that does not count was found"
    );
}

/// Release notes in Markdown: as many changes as there may be, each a line within its bound.
pub(super) fn notes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(read) = notes::read(&text, "v1.2.3") else {
        assert!(text.len() > NOTES_BYTES_MAX);
        return;
    };
    assert!(read.changes.len() <= CHANGES_MAX && (read.left_out == 0 || read.changes.len() == CHANGES_MAX));
    for change in &read.changes {
        assert!(!change.title.trim().is_empty() && change.title.len() <= TITLE_BYTES_MAX, "{change:?}");
        assert!(!change.title.contains(['\n', '\r']), "{change:?}");
        assert!(change.commit.as_ref().is_none_or(|commit| commit.len() <= 64), "{change:?}");
        assert!(change.author.as_ref().is_none_or(|author| author.len() <= text.len()), "{change:?}");
    }
    assert_eq!(notes::read(&text, "v1.2.3").ok(), Some(read), "the same notes were read in two ways");
}

/// Versions, one a line: who is before whom is told alike from both sides and along a row, whatever is compared with what.
pub(super) fn versions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let numbers: Vec<Number> = text.lines().take(12).filter_map(Number::parse).collect();
    laws::in_one_order(&numbers, Number::order);
}

/// Recorded observations, one a line of JSON: each leads back to itself, and what is folded from them is the same when
/// it was kept half way.
pub(super) fn trace(bytes: &[u8]) {
    let observations: Vec<Observation> = bytes
        .split(|&byte| byte == b'\n')
        .take(64)
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let mut state = State::new(Rules::default());
    let mut kept = State::new(Rules::default());
    let mut environments = BTreeSet::new();
    for (number, observation) in observations.iter().enumerate() {
        let line = serde_json::to_string(observation).expect("an observation has a JSON form");
        assert_eq!(serde_json::from_str::<Observation>(&line).ok().as_ref(), Some(observation), "{line}");
        if let Reference::Tag(tag) = &observation.reference {
            assert!(tag.as_str().parse::<Reference>().is_ok_and(|it| it == observation.reference), "{line}");
        }
        environments.insert(&observation.environment);
        state.observe(observation);
        kept.observe(observation);
        if number == observations.len() / 2 {
            let bytes = postcard::to_stdvec(&kept).expect("a state has a byte form");
            kept = postcard::from_bytes(&bytes).expect("a state that was written is read");
            kept.set_rules(Rules::default());
        }
    }
    let now = state.last_at().unwrap_or_default();
    for environment in environments {
        let answer = |state: &State| {
            serde_json::to_string(&questions::replayed(state, environment, now))
                .expect("an answer has a JSON form")
        };
        assert_eq!(answer(&state), answer(&kept), "what was kept half way answers otherwise");
    }
}
