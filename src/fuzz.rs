//! Targets of fuzzing: every reader of bytes that somebody else wrote, each with what must hold of any bytes.
//!
//! A target is a function that panics where a promise is broken, beside the code that it reads with (`fuzz.rs` of each
//! room). Those of the data plane are in its own crate. The [`runner`] runs every seed in `tests/fuzz/program`, variations of each, and then random mixtures of them
//! for `LANDFALL_TEST_FUZZ_S` seconds a target. None of this is part of the program.

#[path = "dataplane/fuzz/runner.rs"]
mod runner;
mod texts;

use crate::{admin, cli};

/// The seeds: a folder for each target.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/program");

/// Every target.
const TARGETS: [runner::Target; 11] = [
    ("ask", texts::ask),
    ("commits", cli::release::fuzz::commits),
    ("host", admin::fuzz::host),
    ("notes", texts::notes),
    ("query", admin::fuzz::query),
    ("registries", texts::registries),
    ("route", texts::route),
    ("search", texts::search),
    ("trace", texts::trace),
    ("versions", texts::versions),
    ("webhook", admin::webhooks::fuzz::webhook),
];
