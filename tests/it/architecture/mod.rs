//! The walls: which room may import from which, and what the model may not know (ARCHITECTURE.md, "The map").

mod imports;
mod layers;

use std::fs;
use std::path::{Path, PathBuf};

use imports::{code, names, room, rooms};

/// The rooms that each room may import from, besides those of the model (see [`MODEL`]). A room that is not here may import
/// from none.
const ROOMS: [(&str, &[&str]); 11] = [
    ("admin", &["answer", "clock", "cluster", "config", "listen", "log", "mcp", "wording"]),
    ("answer", &["clock", "log", "wording"]),
    ("cli", &["admin", "clock", "config", "listen", "log", "mcp", "proxy", "wording"]),
    ("clock", &[]),
    ("cluster", &["config"]),
    ("config", &[]),
    ("listen", &[]),
    ("log", &["clock", "deadline"]),
    ("mcp", &[]),
    ("proxy", &["clock", "config", "deadline", "listen", "log"]),
    ("wording", &[]),
];

/// Crates that one room alone knows.
const ALONE: [(&str, &[&str]); 4] =
    [("redb", &["log"]), ("kube", &["cluster"]), ("askama", &["admin"]), ("rmcp", &["admin", "cli", "mcp"])];

/// Names that the model may not use: it has no clock, no I/O, no threads, no randomness.
const IMPURE: [&str; 17] = [
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
    "std::net::TcpStream",
    "std::process",
    "std::thread",
    "std::time",
    "std::collections::hash_map::RandomState",
    "jiff::Timestamp::now",
];

#[test]
fn imports_point_down() {
    let mut offences = Vec::new();
    for File { path, module, code } in &sources() {
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let own = room(&module);
        let allowed = ROOMS.iter().find(|(name, _)| *name == own).map_or(&[][..], |(_, allowed)| allowed);
        for other in rooms(&module, code) {
            let is_model = (other == "model" || other.starts_with("model/")) && own != "listen";
            if !is_model && !allowed.contains(&&*other) {
                offences.push(format!("src/{path}: {own} may not import from {other}"));
            }
        }
        for (library, known_to) in ALONE {
            if names(code, library) && !known_to.contains(&&*own) {
                offences.push(format!("src/{path}: {own} may not know {library}"));
            }
        }
        for impure in IMPURE.iter().filter(|_| own.starts_with("model")) {
            if names(code, impure) {
                offences.push(format!("src/{path}: the model may not know {impure}"));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn an_import_is_seen_however_it_is_written() {
    for (path, text, expected) in [
        ("log/journal.rs", "use crate::admin::App;", &["admin"][..]),
        (
            "log/journal.rs",
            "use crate::{\n    model::time::Time,\n    proxy::{auth, blob},\n};",
            &["model/time", "proxy"],
        ),
        ("log/journal.rs", "use super::super::admin;", &["admin"]),
        ("log/journal.rs", "use super::store::Store;", &[]),
        ("log/journal.rs", "fn f(d: &crate::proxy::Permit) { crate::config::load() }", &["config", "proxy"]),
        ("log/mod.rs", "use super::mcp;\nuse self::store::Store;", &["mcp"]),
        (
            "log/mod.rs",
            "#[cfg(test)]\nmod tests { fn f() { g('{', \"}\") } use crate::admin::App; }\nuse crate::mcp;",
            &["mcp"],
        ),
        ("log/mod.rs", "// crate::admin\nconst TEXT: &str = \"crate::admin\";", &[]),
    ] {
        let module = module_of(path);
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let seen: Vec<String> = rooms(&module, &code(text)).into_iter().collect();
        assert_eq!(seen, expected, "{text}");
    }
    for (text, name, is_named) in [
        ("use std::{fmt, fs};", "std::fs", true),
        ("use std::fmt;", "std::fs", false),
        ("redb::Database::open()", "redb", true),
        ("fn a(my_redb: u8) {}", "redb", false),
        ("use crate::redb::X;", "redb", false),
    ] {
        assert_eq!(names(text, name), is_named, "{text}: {name}");
    }
}

#[test]
fn every_test_that_an_invariant_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [rust_files(&root.join("src")), rust_files(&root.join("tests"))].concat();
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let invariants = include_str!("../invariants.md");
    // Between backticks: every second piece.
    let named = invariants.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    let is_there = |name: &str| {
        let last = name.rsplit("::").next().unwrap_or_default();
        code.contains(&format!("fn {last}(")) || code.contains(&format!("mod {last};"))
    };
    let (there, missing): (Vec<&str>, Vec<&str>) = named.partition(|name| is_there(name));
    assert!(there.len() > 10, "the table was found");
    assert!(missing.is_empty(), "invariants.md names tests that are not there: {missing:?}");
}

#[test]
fn the_map_matches_the_folders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|name| name.contains('/')).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !root.join(name).exists() && !root.join("src").join(name).exists())
        // Within a folder that its row names: `rig/`.
        .filter(|name| name.starts_with("src/") || name.starts_with("tests/"))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    for parent in ["src", "src/model", "tests"] {
        for entry in fs::read_dir(root.join(parent)).unwrap() {
            let entry = entry.unwrap();
            let folder = format!("{parent}/{}/", entry.file_name().display());
            let is_code = rust_files(&entry.path()).len() > 1;
            assert!(
                !entry.path().is_dir() || !is_code || named.contains(&&*folder),
                "ARCHITECTURE.md lacks {folder}"
            );
        }
    }
}

/// A file below `src/`.
struct File {
    path: String,
    module: Vec<String>,
    code: String,
}

fn sources() -> Vec<File> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source).into_iter().filter(|file| !file.ends_with("main.rs"));
    let sources: Vec<File> = files
        .map(|file| {
            let path = file.strip_prefix(&source).unwrap().display().to_string();
            let code = code(&fs::read_to_string(&file).unwrap());
            File { module: module_of(&path), code, path }
        })
        .filter(|file| !is_of_tests(&file.path))
        .collect();
    assert!(sources.len() > 100, "the sources were found");
    sources
}

/// Files that `#[cfg(test)]` modules are made of, and the fuzz targets.
fn is_of_tests(path: &str) -> bool {
    path.split(['/', '.']).any(|part| matches!(part, "tests" | "fuzz"))
}

/// The module of a file: `log/journal.rs` and `log/mod.rs` are `log::journal` and `log`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|name| *name != "lib").map(str::to_owned).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return files;
    }
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
