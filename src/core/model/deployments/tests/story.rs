//! Tells a history in lines such as `2:00:00 a b c pull 1.1 every 30s`, and reads back what was made of it.

use std::sync::Arc;

use serde_json::Value;

use crate::model::deployments::{Rules, State};
use crate::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::questions::{self, Finder};
use crate::model::releases::{Catalogue, Change, ChangeKind, Registration};
use crate::model::time::{Span, Time};
use crate::wire::Standing;

/// The beginning of every story.
const START: Time = Time::from_ms(1_772_431_200_000);

pub(super) const CONTAINERD: &str = "containerd/v1.7.22";
pub(super) const LAPTOP: &str =
    r"docker/27.3.1 kernel/6.10.14-linuxkit UpstreamClient(Docker-Client/27.3.1 \(darwin\))";
pub(super) const SCANNER: &str = "trivy/0.57";

pub(super) fn repository() -> Repository {
    "docker/app".parse().unwrap()
}

pub(super) fn environment() -> EnvironmentName {
    "production".parse().unwrap()
}

pub(super) fn digest(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

pub(super) fn at(seconds: i64) -> Time {
    START + Span::from_secs(seconds)
}

/// A manifest request that was answered; the rest is for the teller to change.
pub(super) fn request(
    at: Time,
    node: &str,
    method: Method,
    reference: Reference,
    digest: Digest,
) -> Observation {
    Observation {
        at,
        environment: environment(),
        token: TokenId::new("tok_1"),
        token_kind: TokenKind::Cluster,
        client: node.into(),
        agent: CONTAINERD.into(),
        method,
        repository: repository(),
        reference,
        digest: Some(digest),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    }
}

/// The requests of containerd for one image: HEAD, GET, a layer; the HEAD alone where `check`.
pub(super) fn pull(at: Time, node: &str, tag: &str, version: &str, check: bool) -> Vec<Observation> {
    let digest = digest(version);
    let head = request(at, node, Method::Head, tag.parse().unwrap(), digest);
    if check {
        return vec![head];
    }
    let get = request(at + Span::from_ms(90), node, Method::Get, Reference::Digest(digest), digest);
    let layer = Digest::of(format!("layer of {version}").as_bytes());
    let mut blob = request(at + Span::from_ms(300), node, Method::Get, Reference::Digest(layer), layer);
    blob.object = Object::Blob;
    vec![head, get, blob]
}

/// Reads a story: `TIME NODES… VERB VERSION [as TAG] [every DURATION] [layer DURATION]`. The last says how long the layer takes
/// to come, or to fail.
pub(super) fn observations(story: &str) -> Vec<Observation> {
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut observations: Vec<Observation> = lines.flat_map(line).collect();
    observations.sort_by_key(|observation| observation.at);
    observations
}

fn line(line: &str) -> Vec<Observation> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let verbs = ["pull", "check", "fail", "break", "prepull", "laptop", "scan"];
    let verb =
        words.iter().position(|word| verbs.contains(word)).unwrap_or_else(|| panic!("no verb: {line}"));
    let version = words[verb + 1];
    let after = |name: &str| words.iter().position(|word| *word == name).map(|place| words[place + 1]);
    let tag = after("as").unwrap_or(version);
    let every = after("every").map_or(1, |text| seconds(text.trim_end_matches('s')));
    let layer = after("layer").map(|text| Span::from_secs(seconds(text.trim_end_matches('s'))));
    let start = seconds(words[0]);
    let nodes = words[1..verb].iter().enumerate();
    nodes
        .flat_map(|(place, node)| {
            let at = at(start + every * i64::try_from(place).unwrap());
            let mut requests = one(words[verb], at, node, tag, version);
            if let (Some(layer), Some(blob)) = (layer, requests.get_mut(2)) {
                blob.at = at + layer;
            }
            requests
        })
        .collect()
}

fn one(verb: &str, at: Time, node: &str, tag: &str, version: &str) -> Vec<Observation> {
    let mut requests = pull(at, node, tag, version, verb == "check");
    let refuse = |request: &mut Observation| (request.status, request.digest) = (503, None);
    match verb {
        "fail" => {
            requests.truncate(2);
            refuse(&mut requests[1]);
        }
        "break" => refuse(&mut requests[2]),
        "prepull" => requests.iter_mut().for_each(|request| request.token_kind = TokenKind::Prepull),
        "laptop" => requests.iter_mut().for_each(|request| request.agent = LAPTOP.into()),
        "scan" => requests.iter_mut().for_each(|request| request.agent = SCANNER.into()),
        _ => {}
    }
    requests
}

/// `1:30:00`, `5:00` (minutes) or `30` as seconds.
fn seconds(text: &str) -> i64 {
    text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap_or_else(|_| panic!("{text}")))
}

/// Releases 1.0 to 1.9 in order; `1.1` may be followed by a rebuild `1.1+b`.
pub(super) fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for minor in 0..10 {
        let version = format!("1.{minor}");
        for digest in [digest(&version), digest(&format!("{version}+b"))] {
            let registration =
                Registration { digests: vec![digest], ..Registration::named(repository(), &*version) };
            catalogue.add(&registration, Time::from_ms(0));
        }
    }
    catalogue
}

pub(super) fn folded(observations: &[Observation]) -> State {
    let mut state = State::new(Rules::default());
    state.set_catalogue(catalogue());
    for observation in observations {
        state.observe(observation);
    }
    state
}

/// The standing of a fix of this release at `now`.
pub(super) fn standing(mut state: State, release: Registration, now: Time) -> Standing {
    let fix = Change {
        kind: ChangeKind::Fix,
        title: "Mend the ledger".into(),
        pr: Some(7),
        issue: None,
        commit: None,
        author: None,
        rule: None,
    };
    let mut catalogue = catalogue();
    catalogue.add(&Registration { changes: vec![fix], ..release }, at(0));
    let mut finder = Finder::default();
    finder.follow(&catalogue);
    state.set_catalogue(catalogue);
    let found = finder.find("Mend the ledger", |_| true, 5);
    questions::verify(&state, &environment(), "Mend the ledger", &found, now).answer
}

/// Asks whether what 1.1 brought is live at `hour`.
pub(super) fn live(story: &str, hour: i64) -> Standing {
    let release = Registration { digests: vec![digest("1.1")], ..Registration::named(repository(), "1.1") };
    standing(folded(&observations(story)), release, at(hour * 3600))
}

/// The observations up to then.
pub(super) fn until(observations: &[Observation], now: Time) -> Vec<Observation> {
    observations.iter().filter(|observation| observation.at <= now).cloned().collect()
}

/// The answer that `replay` would print.
pub(super) fn answer(state: &State, now: Time) -> Value {
    serde_json::to_value(questions::replayed(state, &environment(), now)).unwrap()
}

/// The deployments as lines `kind version state`, then `now version state confidence`.
pub(super) fn summary(state: &State, now: Time) -> Vec<String> {
    let answer = answer(state, now);
    let service = &answer["services"]["docker/app"];
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |deployment: &Value| {
        let mut line = format!(
            "{} {} {}",
            word(&deployment["kind"]),
            word(&deployment["version"]),
            word(&deployment["state"])
        );
        let reverted: Vec<String> =
            deployment["releases_reverted"].as_array().unwrap().iter().map(word).collect();
        if !reverted.is_empty() {
            line.push_str(&format!(" without {}", reverted.join(" ")));
        }
        line
    };
    let mut lines: Vec<String> = service["deployments"].as_array().into_iter().flatten().map(line).collect();
    let current = &service["current"];
    lines.push(format!("now {} {}", word(&current["version"]), word(&current["state"])));
    lines
}

/// Tells `story` up to `now`, asks then, and compares.
#[track_caller]
pub(super) fn check(story: &str, now: &str, expected: &str) {
    let asked_at = at(seconds(now));
    let state = folded(&until(&observations(story), asked_at));
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(summary(&state, asked_at), expected, "asked at {now}, story:\n{story}");
}

/// For properties: a client's name.
pub(super) fn node(number: u8) -> Arc<str> {
    format!("10.0.0.{number}").into()
}
