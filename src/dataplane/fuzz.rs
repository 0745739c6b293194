//! Targets of fuzzing: every reader of bytes that somebody else wrote, each with what must hold of any bytes.
//!
//! A target is a function that panics where a promise is broken, beside the code that it reads with (`fuzz.rs` of each
//! room). Texts for the model and the control plane are in the program's own crate. The [`runner`] runs every seed in `tests/fuzz/dataplane`, variations of each, and then random mixtures of them
//! for `LANDFALL_TEST_FUZZ_S` seconds a target. None of this is part of the program.

mod runner;

use crate::{log, proxy};

/// The seeds: a folder for each target.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/dataplane");

/// Every target.
const TARGETS: [runner::Target; 11] = [
    ("answer", proxy::upstream::fuzz::answer),
    ("backup", log::fuzz::backup),
    ("challenge", proxy::upstream::fuzz::challenge),
    ("config", proxy::fuzz::config),
    ("event", log::fuzz::event),
    ("frame", log::fuzz::frame),
    ("head", proxy::fuzz::head),
    ("journal", log::fuzz::journal),
    ("link", proxy::fuzz::link),
    ("manifest", proxy::fuzz::manifest),
    ("snapshot", log::fuzz::snapshot),
];
