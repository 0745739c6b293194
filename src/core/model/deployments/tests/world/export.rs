//! Writes a history as a folder: `trace.jsonl`, `releases.json`, `truth.json`. `landfall replay` reads the first two.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::history::{History, Service};
use super::truth::{Change, Kind};
use crate::model::time::Time;

/// Writes `history` into a folder of its own below `folder`.
pub(super) fn write(history: &History, folder: &Path) -> io::Result<()> {
    let name = format!("{}-{}", history.family.name(), history.seed);
    let folder = folder.join(&name);
    std::fs::create_dir_all(&folder)?;
    let mut trace = io::BufWriter::new(std::fs::File::create(folder.join("trace.jsonl"))?);
    for observation in &history.observations {
        serde_json::to_writer(&mut trace, observation)?;
        writeln!(trace)?;
    }
    trace.flush()?;
    let releases: Vec<Value> = history.releases().iter().map(|release| {
        json!({"repository": release.repository, "version": release.version, "digest": release.digests[0], "parents": [],
            "changes": release.changes})
    }).collect();
    std::fs::write(folder.join("releases.json"), serde_json::to_vec_pretty(&releases)?)?;
    std::fs::write(folder.join("truth.json"), serde_json::to_vec_pretty(&truth(history, &name))?)
}

fn truth(history: &History, name: &str) -> Value {
    let mut environments = serde_json::Map::new();
    for service in &history.services {
        let environment = environments
            .entry(service.environment.as_str())
            .or_insert_with(|| json!({"services": {}, "local": [], "failed": []}));
        environment["services"][service.repository.as_str()] = of(service);
        for local in &service.locals {
            let entry = json!({"repository": service.repository, "digest": service.images[local.image].digest(),
                "at": local.at, "agent": local.agent});
            environment["local"].as_array_mut().unwrap().push(entry);
        }
        for failure in &service.failures {
            let entry = json!({"repository": service.repository, "reference": failure.reference.to_string(),
                "digest": failure.digest, "status": failure.status, "first_at": failure.at, "last_at": failure.at,
                "count": 1});
            environment["failed"].as_array_mut().unwrap().push(entry);
        }
    }
    json!({"trace": name, "family": history.family.name(), "start": history.start, "end": history.end,
        "observations": history.observations.len(), "environments": environments})
}

fn of(service: &Service) -> Value {
    let changes: Vec<Value> = service.truth.changes.iter().map(|change| one(service, change)).collect();
    let span = |(from, to): &(Time, Time)| json!({"from": from, "to": to});
    let busy: Vec<Value> = service.truth.busy.iter().map(span).collect();
    let running: Vec<Value> = service
        .truth
        .runs
        .iter()
        .map(|(at, pods)| {
            let named =
                pods.iter().map(|(image, pods)| (service.images[*image].digest().to_string(), json!(pods)));
            json!({"at": at, "pods": named.collect::<serde_json::Map<_, _>>()})
        })
        .collect();
    json!({"changes": changes, "busy": busy, "running": running})
}

fn one(service: &Service, change: &Change) -> Value {
    let digest = |image: usize| service.images[image].digest();
    let kind = word(change);
    let mut value = json!({
        "digest": digest(change.image), "version": service.images[change.image].version,
        "from": change.from.map(digest), "from_seen": change.from_seen.map(digest),
        "kind": kind, "kind_seen": if change.is_observable { kind_word(change.kind_seen) } else { "none" },
        "kind_knowable": true, "started_at": change.started_at, "finished_at": change.finished_at,
        "observable": change.is_observable, "optional": change.is_optional, "weak": change.is_weak(),
        "first_evidence_at": change.first.filter(|_| change.is_observable), "also_at": change.also,
        "evidence": {"pulls": change.proofs.len()}, "until": change.until,
        "releases_reverted": [], "releases_reverted_ambiguous": true,
    });
    if let Some((from, to, rest)) = change.part {
        value["canary"] = json!({"from": from, "to": to, "digest_of_the_rest": digest(rest)});
    }
    if let Some(promoted_at) = change.promoted_at {
        value["promoted_at"] = json!(promoted_at);
    }
    value
}

/// The kind of a change; where it was given up, the way back is one.
fn word(change: &Change) -> &'static str {
    match change.kind {
        Kind::GivenUp if change.from.is_some_and(|from| change.image < from) => "rollback",
        Kind::GivenUp => "rollout_aborted",
        kind => kind_word(kind),
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Initial => "initial",
        Kind::Upgrade => "upgrade",
        Kind::Rebuild => "rebuild",
        Kind::Rollback => "rollback",
        Kind::Restore => "restore",
        Kind::Aborted => "canary_aborted",
        Kind::GivenUp => "rollout_aborted",
        Kind::Beside => "preview",
    }
}
