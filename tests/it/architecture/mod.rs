//! The walls within the three crates: which room may import from which, and what the model may not know (ARCHITECTURE.md, "The
//! map"). The compiler holds those between them: the core knows neither I/O nor its libraries, and the data plane does not
//! know the control plane.

mod cycles;
mod imports;
mod layers;

use std::fs;
use std::path::{Path, PathBuf};

use cycles::{Module, cycles};
use imports::{code, names, room, rooms};

/// The crates of the workspace besides the program: folders of `src/`.
const MEMBERS: [&str; 2] = ["core", "dataplane"];

/// The rooms that each room may import from, besides those of the model (see [`MODEL`]). A room that is not here may import
/// from none.
const ROOMS: [(&str, &[&str]); 18] = [
    ("admin", &["answer", "clock", "cluster", "config", "listen", "log", "mcp", "tls", "wire", "wording"]),
    ("answer", &["clock", "log", "wire", "wording"]),
    (
        "cli",
        &[
            "admin", "clock", "cluster", "config", "host", "listen", "log", "mcp", "proxy", "tls", "wire",
            "witness", "wording",
        ],
    ),
    ("clock", &[]),
    ("cluster", &["clock", "config"]),
    ("config", &[]),
    ("host", &["clock"]),
    ("listen", &[]),
    ("log", &["clock", "deadline"]),
    ("mcp", &["clock", "wire", "wording"]),
    ("model/convert", &["wire"]),
    ("model/deploy", &["wire"]),
    ("model/questions", &["wire"]),
    ("proxy", &["clock", "config", "deadline", "listen", "log", "tls"]),
    ("tls", &["config"]),
    ("wire", &[]),
    ("witness", &["clock", "cluster", "config", "host"]),
    ("wording", &["wire"]),
];

/// The rooms of the model that a room may import from, where not from all.
const MODEL: [(&str, &[&str]); 3] =
    [("listen", &[]), ("tls", &["model/time"]), ("wire", &["model/names", "model/oci", "model/time"])];

/// Crates that one room alone knows.
const ALONE: [(&str, &[&str]); 5] = [
    ("redb", &["log"]),
    ("kube", &["cluster"]),
    ("askama", &["admin"]),
    ("rmcp", &["admin", "cli", "mcp"]),
    ("utoipa", &["admin", "wire"]),
];

/// The files that events are made of, and the rooms that each may import from: none that is derived from events.
const STORED: [(&str, &[&str]); 8] = [
    ("model/act", &["model/names", "model/oci", "model/planned", "model/releases", "model/time"]),
    ("model/event", &["model/act", "model/names", "model/oci", "model/report", "model/time"]),
    ("model/names", &[]),
    ("model/oci", &[]),
    ("model/planned", &["model/names", "model/oci", "model/time"]),
    ("model/releases", &["model/oci", "model/time"]),
    ("model/report", &["model/names", "model/oci", "model/time"]),
    ("model/time", &[]),
];

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
            let is_model = other == "model" || other.starts_with("model/");
            let of_model = MODEL.iter().find(|(name, _)| *name == own).map(|(_, rooms)| rooms);
            let is_allowed = is_model && of_model.is_none_or(|rooms| rooms.contains(&&*other));
            if !is_allowed && !allowed.contains(&&*other) {
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
fn what_is_stored_stands_on_its_own() {
    let mut offences = Vec::new();
    let mut seen = 0;
    for File { path, module, code } in &sources() {
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let own = room(&module);
        let is_schema = module.starts_with(&["log", "schema"]);
        let allowed: Vec<&str> = match STORED.iter().find(|(name, _)| *name == own) {
            Some((_, allowed)) => allowed.to_vec(),
            None if is_schema => STORED.iter().map(|(name, _)| *name).collect(),
            None => continue,
        };
        seen += 1;
        for other in rooms(&module, code).iter().filter(|other| !allowed.contains(&other.as_str())) {
            offences.push(format!("src/{path}: what is stored may not know {other}"));
        }
    }
    assert!(seen > STORED.len(), "the sources were found");
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

/// Siblings that must know each other say so in their head: "import each other".
#[test]
fn files_that_import_each_other_say_why() {
    let sources = sources();
    let modules: Vec<Module<'_>> = sources
        .iter()
        .map(|file| (file.module.iter().map(String::as_str).collect(), file.code.as_str()))
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let says_why = |&file: &usize| {
        let text = fs::read_to_string(root.join(&sources[file].path)).unwrap();
        text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("import each other"))
    };
    let folder = |file: usize| Path::new(&sources[file].path).parent();
    let is_excused = |cycle: &Vec<usize>| {
        cycle.iter().all(|&file| folder(file) == folder(cycle[0])) && cycle.iter().any(says_why)
    };
    let offences: Vec<String> = cycles(&modules)
        .into_iter()
        .filter(|cycle| !is_excused(cycle))
        .map(|cycle| cycle.iter().map(|&file| &*sources[file].path).collect::<Vec<_>>().join(", "))
        .collect();
    assert!(offences.is_empty(), "these import each other:\n{}", offences.join("\n"));
}

#[test]
fn a_cycle_is_seen_however_long_it_is() {
    for (modules, expected) in [
        (&[("a", "use crate::b::B;"), ("b", "use crate::a::A;")][..], &[&[0, 1][..]][..]),
        (
            &[("a", "use crate::b::B;"), ("b", "fn f() { crate::c::g() }"), ("c", "use super::a;")],
            &[&[0, 1, 2]],
        ),
        (&[("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "")], &[]),
        // A parent that uses its child, and a child that uses its parent.
        (&[("a", "mod b; use b::B;"), ("a/b", "use super::A;")], &[&[0, 1]]),
        // A parent that only passes a name on.
        (&[("a", "mod b; mod c; pub use b::B;"), ("a/b", ""), ("a/c", "use super::B;")], &[]),
        (&[("a", "pub(crate) use b::B;"), ("a/b", "use super::c::C;"), ("a/c", "use super::B;")], &[&[1, 2]]),
    ] {
        let modules: Vec<Module<'_>> =
            modules.iter().map(|(path, code)| (path.split('/').collect(), *code)).collect();
        assert_eq!(cycles(&modules), expected, "{modules:?}");
    }
}

#[test]
fn every_test_that_an_invariant_names_exists() {
    let invariants = include_str!("../invariants.md");
    // Between backticks: every second piece.
    let named = invariants.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
    let (there, missing): (Vec<&str>, Vec<&str>) = named.partition(|name| is_test(name));
    assert!(there.len() > 10, "the table was found");
    assert!(missing.is_empty(), "invariants.md names tests that are not there: {missing:?}");
}

/// Tells whether there is a test, or a module of tests, with this path: the file of its longest part that is a file has the
/// rest as modules and functions.
fn is_test(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path: Vec<&str> = name.split("::").collect();
    let (folder, path) = match path[..] {
        ["it", ..] => (root.join("tests/it"), &path[1..]),
        _ => (root.join("src"), &path[..]),
    };
    let text = |end: usize| {
        let crates = [""].into_iter().chain(MEMBERS);
        let files = crates.map(|member| folder.join(member).join(path[..end].join("/")));
        let candidates = files.flat_map(|file| [file.with_extension("rs"), file.join("mod.rs")]);
        candidates.filter_map(|file| fs::read_to_string(file).ok()).next()
    };
    let found = (1..=path.len()).rev().find_map(|end| Some((end, text(end)?)));
    found.is_some_and(|(end, text)| {
        let is_in =
            |part: &&str| text.contains(&format!("mod {part} ")) || text.contains(&format!("fn {part}("));
        path[end..].iter().all(is_in)
    })
}

#[test]
fn the_map_matches_the_folders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|name| name.contains('/')).collect();
    let missing: Vec<_> = named
        .iter()
        .filter(|name| {
            !["", "src", "src/core", "src/dataplane"].iter().any(|base| root.join(base).join(name).exists())
        })
        // Within a folder that its row names: `rig/`.
        .filter(|name| name.starts_with("src/") || name.starts_with("tests/"))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    for parent in ["src", "src/core", "src/core/model", "src/dataplane", "tests"] {
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

/// Files that `#[cfg(test)]` modules are made of, the simulation, and the fuzz targets.
fn is_of_tests(path: &str) -> bool {
    path.split(['/', '.']).any(|part| matches!(part, "tests" | "fuzz" | "simulation"))
}

/// The module of a file: `log/journal.rs` and `log/mod.rs` are `log::journal` and `log`. The modules of the other crates are
/// known by their names everywhere.
fn module_of(path: &str) -> Vec<String> {
    let in_member = MEMBERS.iter().find_map(|member| path.strip_prefix(member)?.strip_prefix('/'));
    let path = in_member.unwrap_or(path).trim_end_matches(".rs").trim_end_matches("/mod");
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
