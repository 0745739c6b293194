//! `landfall replay`: the deriver over recorded observations, without a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::error::CommandError;
use crate::model::deployments::{RULES_VERSION, Rules, State};
use crate::model::event::Observation;
use crate::model::log_time::LogTime;
use crate::model::misread::{field, misread};
use crate::model::oci::{Digest, Repository};
use crate::model::questions;
use crate::model::releases::{Catalogue, Change, Registration};
use crate::model::report::StatementLine;
use crate::model::time::Time;
use crate::wire::Replayed;

mod difference;

/// Bytes of a line that are read before it is refused: an observation has some hundred.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The member that tells a sighting from an observation.
const KIND: &[u8] = b"\"kind\"";

/// Arguments of `landfall replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Observations, one JSON object a line, in log order; `-` reads from the standard input
    trace: PathBuf,
    /// The release catalogue: a JSON list in publishing order
    #[arg(long, value_name = "FILE")]
    releases: Option<PathBuf>,
    /// Answer as of this time, from the lines up to it alone [default: the last observation]
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Compare with what an earlier replay printed: say what appears, vanishes or changes, and exit 1 if anything does
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// A release as the file has it.
#[derive(Deserialize)]
struct Release {
    repository: Repository,
    digest: Digest,
    version: String,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default)]
    created_at: Option<Time>,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    changes: Vec<Change>,
}

/// The reason why a replay could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is no observation.
    #[error("{path}:{line}: not an observation: {}", said(source))]
    Line {
        /// In which file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// The cause.
        source: serde_json::Error,
    },
    /// The catalogue is no list of releases.
    #[error("{path}: not a list of releases ({{repository, digest, version, …}}): {}", placed(source))]
    Releases {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The saved text is no answer of a replay.
    #[error("{path}: not what `landfall replay` prints: {}", placed(source))]
    Saved {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The answer could not be written.
    #[error("cannot write the answer: {0}")]
    Write(#[from] io::Error),
}

/// The fault, with the field that it is about where that is known.
fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let name = field(&message).map(|name| format!("`{name}` ")).unwrap_or_default();
    name + &misread(&message)
}

/// The same in a file of many lines.
fn placed(error: &serde_json::Error) -> String {
    format!("line {}: {}", error.line(), said(error))
}

impl CommandError for ReplayError {
    // The exit code, as in sysexits: 66 no input, 65 bad data, 74 output.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } => 66,
            Self::Line { .. } | Self::Releases { .. } | Self::Saved { .. } => 65,
            Self::Write(_) => 74,
        }
    }
}

/// A line of a trace.
enum Line {
    Observed(Box<Observation>),
    Sighted(Box<StatementLine>),
}

impl Line {
    /// Reads a line: one with a `kind` is a sighting.
    fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(default)]
            kind: Option<serde::de::IgnoredAny>,
        }
        let is_sighting = text.windows(KIND.len()).any(|part| part == KIND)
            && serde_json::from_slice::<Kind>(text)?.kind.is_some();
        Ok(if is_sighting {
            Self::Sighted(serde_json::from_slice(text)?)
        } else {
            Self::Observed(serde_json::from_slice(text)?)
        })
    }

    /// Its time on the log's own line.
    fn place(&self, time: &mut LogTime) -> Time {
        match self {
            Self::Observed(observation) => time.observed(observation.at),
            Self::Sighted(line) => time.of(line.statement.at()),
        }
    }

    fn fold(self, state: &mut State) {
        match self {
            Self::Observed(observation) => state.observe(&observation),
            Self::Sighted(line) => state.report(&line.into_report()),
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    rules_version: u32,
    environments: BTreeMap<&'a str, Replayed>,
}

/// Folds the trace and prints what it says.
pub fn run(args: &Args) -> Result<ExitCode, ReplayError> {
    let mut state = State::new(Rules::default());
    if let Some(path) = &args.releases {
        state.set_catalogue(catalogue(path)?);
    }
    fold(&args.trace, args.at, &mut state)?;
    let now = args.at.or(state.last_at()).unwrap_or_default();
    let environments =
        state.environments().map(|(name, _)| (name.as_str(), questions::replayed(&state, name, now)));
    let answer = Answer { rules_version: RULES_VERSION, environments: environments.collect() };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(path) = &args.against {
        let now = serde_json::to_value(&answer).and_then(serde_json::from_value).map_err(io::Error::from)?;
        let lines = difference::lines(&saved(path)?, &now);
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        out.flush()?;
        return Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    serde_json::to_writer_pretty(&mut out, &answer).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn saved(path: &Path) -> Result<difference::Saved, ReplayError> {
    let text = std::fs::read(path).map_err(|source| ReplayError::Read { path: path.into(), source })?;
    serde_json::from_slice(&text).map_err(|source| ReplayError::Saved { path: path.into(), source })
}

fn catalogue(path: &Path) -> Result<Catalogue, ReplayError> {
    let text = std::fs::read(path).map_err(|source| ReplayError::Read { path: path.into(), source })?;
    let releases: Vec<Release> = serde_json::from_slice(&text)
        .map_err(|source| ReplayError::Releases { path: path.into(), source })?;
    let mut catalogue = Catalogue::default();
    for Release { repository, digest, version, revision, created_at, parents, changes } in releases {
        let digests = vec![digest];
        let told = Registration { repository, version, digests, revision, created_at, parents, changes };
        catalogue.add(&told, created_at.unwrap_or_default());
    }
    Ok(catalogue)
}

/// Folds the lines that people are shown as not after `until`. That takes two readings: what the clock said is put
/// right by what comes later.
fn fold(path: &Path, until: Option<Time>, state: &mut State) -> Result<(), ReplayError> {
    let Some(until) = until else {
        return each(open(path)?, path, |line| line.fold(state));
    };
    let mut text = Vec::new();
    open(path)?.read_to_end(&mut text).map_err(|source| ReplayError::Read { path: path.into(), source })?;
    let (mut whole, mut so_far) = (LogTime::default(), LogTime::default());
    each(&text[..], path, |line| {
        line.place(&mut whole);
    })?;
    each(&text[..], path, |line| {
        let at = line.place(&mut so_far);
        if whole.shown(at) <= until {
            line.fold(state);
        }
    })
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, ReplayError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|source| ReplayError::Read { path: path.into(), source })?;
    Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
}

/// Reads lines, and lets `take` have them.
fn each(mut lines: impl BufRead, path: &Path, mut take: impl FnMut(Line)) -> Result<(), ReplayError> {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = Read::take(&mut lines, LINE_BYTES_MAX).read_until(b'\n', &mut text);
        let length = read.map_err(|source| ReplayError::Read { path: path.into(), source })?;
        if length == 0 {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        take(Line::read(&text).map_err(|source| ReplayError::Line { path: path.into(), line, source })?);
    }
    Ok(())
}
