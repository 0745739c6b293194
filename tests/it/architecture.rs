//! The house holds: imports point down only, and the model is pure (ARCHITECTURE.md, "The rooms").

use std::fs;
use std::path::{Path, PathBuf};

/// For each room, what its files may not name. `crate::x` is a module of Landfall, anything else a crate or a module of
/// the standard library.
///
/// `main → cli → {proxy, admin} → log → model`; `admin` and `cli` share `mcp`, which knows only `model`; `admin` alone uses
/// `cluster`, which alone knows kube; `answer` stands between `admin` and `log`, `wording` above `model`; `clock`
/// and `config` stand beside them, above `model`; `listen` stands below `proxy` and `admin`, and knows nothing.
const FORBIDDEN: [(&str, &[&str]); 11] = [
    (
        "model",
        &[
            "crate::admin",
            "crate::answer",
            "crate::wording",
            "crate::cli",
            "crate::clock",
            "crate::cluster",
            "crate::config",
            "crate::log",
            "crate::proxy",
            "axum",
            "getrandom",
            "hyper",
            "kube",
            "redb",
            "rustls",
            "tokio",
            "tracing",
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "RandomState",
            "println!",
            "eprintln!",
        ],
    ),
    (
        "log",
        &[
            "crate::admin",
            "crate::answer",
            "crate::wording",
            "crate::cli",
            "crate::cluster",
            "crate::proxy",
            "crate::config",
            "axum",
            "hyper",
            "kube",
            "rustls",
        ],
    ),
    (
        "listen",
        &[
            "crate::admin",
            "crate::answer",
            "crate::wording",
            "crate::cli",
            "crate::cluster",
            "crate::config",
            "crate::log",
            "crate::mcp",
            "crate::model",
            "crate::proxy",
            "axum",
            "kube",
            "redb",
            "rustls",
        ],
    ),
    (
        "proxy",
        &[
            "crate::admin",
            "crate::answer",
            "crate::wording",
            "crate::cli",
            "crate::cluster",
            "axum",
            "kube",
            "redb",
        ],
    ),
    (
        "cluster",
        &[
            "crate::admin",
            "crate::answer",
            "crate::wording",
            "crate::cli",
            "crate::clock",
            "crate::log",
            "crate::mcp",
            "crate::proxy",
            "axum",
            "redb",
        ],
    ),
    (
        "answer",
        &[
            "crate::admin",
            "crate::cli",
            "crate::cluster",
            "crate::config",
            "crate::mcp",
            "crate::proxy",
            "axum",
            "http",
            "kube",
            "redb",
            "serde_json",
        ],
    ),
    (
        "wording",
        &[
            "crate::admin",
            "crate::answer",
            "crate::cli",
            "crate::clock",
            "crate::cluster",
            "crate::config",
            "crate::log",
            "crate::mcp",
            "crate::proxy",
            "axum",
            "http",
            "kube",
            "redb",
            "serde_json",
            "tokio",
        ],
    ),
    ("admin", &["crate::proxy", "crate::cli", "kube", "redb"]),
    (
        "mcp",
        &[
            "crate::admin",
            "crate::answer",
            "crate::cli",
            "crate::clock",
            "crate::cluster",
            "crate::log",
            "crate::proxy",
            "axum",
            "kube",
            "redb",
            "rustls",
        ],
    ),
    ("cli", &["crate::cluster", "kube", "redb"]),
    ("", &["kube", "redb"]),
];

/// Rooms that a file of `src/` itself is not part of.
const ROOMS: [&str; 10] =
    ["model", "wording", "log", "listen", "proxy", "cluster", "answer", "admin", "mcp", "cli"];

#[test]
fn imports_point_down_and_the_model_is_pure() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    let mut files = 0;
    for file in rust_files(&source) {
        let path = file.strip_prefix(&source).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        files += 1;
        offences
            .extend(offending(room_of(&path), &text).iter().map(|what| format!("src/{path} names {what}")));
    }
    assert!(files > 10, "the sources were found");
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn an_import_upwards_is_seen() {
    for (room, text) in [
        ("model", "use crate::log::Log;"),
        ("model", "use std::{fmt, fs};"),
        ("model", "    let now = std::time::SystemTime::now();"),
        ("model", "use tokio::sync::mpsc;"),
        ("log", "use crate::{\n    model,\n    proxy,\n};"),
        ("proxy", "use crate::admin;"),
        ("proxy", "use redb::Database;"),
        ("admin", "fn f(d: &crate::proxy::auth::Permit) {}"),
        ("admin", "use kube::Client;"),
        ("cli", "use crate::cluster::Cluster;"),
        ("cluster", "use crate::admin::App;"),
        ("answer", "use crate::admin::App;"),
        ("wording", "use crate::log::Log;"),
        ("", "pub use redb::Database;"),
    ] {
        assert_eq!(offending(room, text).len(), 1, "{room}: {text}");
    }
    for (room, text) in [
        ("model", "use std::fmt;"),
        ("model", "//! no clock: std::time::SystemTime stays outside"),
        ("model", "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }"),
        ("log", "use crate::model::event::Event;"),
        ("admin", "use crate::log::Log;"),
        ("cluster", "use kube::Client;"),
        ("proxy", "// the admin side asks for tokio's axum"),
    ] {
        assert_eq!(offending(room, text).len(), 0, "{room}: {text}");
    }
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [rust_files(&root.join("src")), rust_files(&root.join("tests"))].concat();
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, invariants) = text.split_once("## Invariants").unwrap();
    let (invariants, _) = invariants.split_once("\n## ").unwrap();
    // Between backticks: every second piece.
    let named = invariants.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    let is_there = |name: &str| {
        let last = name.rsplit("::").next().unwrap_or_default();
        code.contains(&format!("fn {last}(")) || code.contains(&format!("mod {last};"))
    };
    let (there, missing): (Vec<&str>, Vec<&str>) = named.partition(|name| is_there(name));
    assert!(there.len() > 10, "the table was found");
    assert!(missing.is_empty(), "ARCHITECTURE.md names tests that are not there: {missing:?}");
}

/// The statements of a file's code, without its comments and its tests, that name what its room may not.
fn offending(room: &str, text: &str) -> Vec<String> {
    let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, paths)| paths);
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let without_comments = code.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let joined = without_comments.collect::<Vec<_>>().join(" ");
    let mut offences = Vec::new();
    for statement in joined.split(';') {
        offences
            .extend(forbidden.iter().filter(|path| names(statement, path)).map(|path| format!("`{path}`")));
    }
    offences
}

/// Whether a statement names `path`, also as a member of a braced import: `use std::{fmt, fs}` names `std::fs`.
fn names(statement: &str, path: &str) -> bool {
    if has_word(statement, path) {
        return true;
    }
    let Some((parent, last)) = path.rsplit_once("::") else { return false };
    let Some((_, members)) = statement.split_once(&format!("{parent}::{{")) else { return false };
    has_word(members, last)
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: &char| character.is_alphanumeric() || *character == '_';
    line.match_indices(word).any(|(at, _)| {
        let starts = line[..at].chars().next_back().filter(is_part).is_none();
        let ends = line[at + word.len()..].chars().next().filter(is_part).is_none();
        starts && (ends || word.ends_with('!'))
    })
}

fn room_of(path: &str) -> &str {
    ROOMS.into_iter().find(|room| path.starts_with(&format!("{room}/"))).unwrap_or_default()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
