//! Every observation and every statement of a witness as JSON Lines, in log order: a trace that `landfall replay` reads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use serde::Serialize;

use crate::admin::http::caller::Caller;
use crate::admin::http::problem::Problem;
use crate::admin::http::stream;
use crate::admin::state::readers::Readers;
use crate::log::{Events, Log, ReadError, View};
use crate::model::act::{Act, Action};
use crate::model::event::{EnvironmentName, Event, Observation};
use crate::model::former_names::FormerNames;

/// Lines are handed on in blocks of about this size.
const BLOCK_BYTES: usize = 64 * 1024;

/// Hands out every recorded pull as JSON Lines, in log order: what `landfall replay` reads.
#[utoipa::path(get, path = "/export", tag = "operations", operation_id = "export",
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = 503)))]
pub(super) async fn export(
    State(log): State<Log>,
    State(readers): State<Readers>,
    caller: Caller,
) -> Result<Response, Problem> {
    let permit = readers.of(&caller.actor).map_err(Problem::too_many_streams)?;
    let read = move || -> Result<_, ReadError> {
        let events = log.events()?;
        let acts = log.acts(u64::MAX, usize::MAX, |act| act.action.environment().is_some())?;
        Ok((events, Fates::new(log.view(), &acts)))
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::internal())?;
    let (events, fates) = read.map_err(|error| {
        tracing::error!(%error, "the log cannot be read for an export");
        Problem::log_unreadable()
    })?;
    let head = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((head, stream::body("an export", in_blocks(events, fates), permit)).into_response())
}

fn in_blocks(mut events: Events, fates: Fates) -> impl Iterator<Item = Result<Bytes, ReadError>> {
    std::iter::from_fn(move || {
        let mut block = Vec::with_capacity(BLOCK_BYTES + 1024);
        while block.len() < BLOCK_BYTES {
            match events.next() {
                Some(Ok((sequence, event))) => {
                    if let Some(observation) = event.observation()
                        && let Some(name) = fates.today(sequence, &observation.environment)
                    {
                        line(&mut block, &*called(observation, name));
                    }
                    if let Event::Reported(report) = &event
                        && let Some(name) = fates.today(sequence, &report.environment)
                    {
                        report.lines(name).for_each(|told| line(&mut block, &told));
                    }
                }
                // Nobody asks for more after this.
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!block.is_empty()).then(|| Ok(block.into()))
    })
}

/// The environments that the names in the log led to, as they are today.
struct Fates {
    view: Arc<View>,
    /// Each name of a deleted environment, with its latest deletion: what was observed under it before is of that one.
    freed: BTreeMap<EnvironmentName, u64>,
}

impl Fates {
    /// From the acts on environments, the newest first.
    fn new(view: Arc<View>, acts: &[(u64, Act)]) -> Self {
        let (mut former, mut freed) = (FormerNames::default(), BTreeMap::new());
        for (sequence, act) in acts.iter().rev() {
            if let Action::EnvironmentRenamed { from, to } = &act.action {
                former.rename(from, to);
            } else if let Action::EnvironmentDeleted { name } = &act.action {
                freed.extend(former.of(name).chain([name]).map(|name| (name.clone(), *sequence)));
                former.forget(name);
            }
        }
        Self { view, freed }
    }

    /// The name that an event's environment has today: who reads it knows of no other. None where that was deleted: it is in
    /// no answer any more.
    fn today<'a>(&'a self, sequence: u64, name: &'a EnvironmentName) -> Option<&'a EnvironmentName> {
        let directory = &self.view.directory;
        let freed = self.freed.get(name);
        let is_gone = freed
            .is_some_and(|deleted| sequence < *deleted || directory.environment(name.as_str()).is_none());
        (!is_gone).then(|| directory.former().today(name))
    }
}

/// Adds a line. It holds text and numbers, which always have a JSON form.
fn line(block: &mut Vec<u8>, told: &impl Serialize) {
    if serde_json::to_writer(&mut *block, told).is_ok() {
        block.push(b'\n');
    }
}

/// The observation under the name that its environment has today.
fn called<'a>(observation: &'a Observation, name: &EnvironmentName) -> Cow<'a, Observation> {
    if *name == observation.environment {
        return Cow::Borrowed(observation);
    }
    Cow::Owned(Observation { environment: name.clone(), ..observation.clone() })
}
