//! Gaps that an answer may have, because the names that clients make up are kept within bounds.

use crate::model::deployments::{self, State};
use crate::model::names::EnvironmentName;
use crate::model::time::{Span, Time};
use crate::wire::{Gap, Incomplete};

/// For so long after its end, answers name a stretch without all of its pulls.
const GAP_TOLD: Span = Span::from_mins(7 * 24 * 60);

/// Gaps in what is known of `env` at `now`; none where nothing was left out.
pub(super) fn incomplete(state: &State, env: &EnvironmentName, now: Time) -> Option<Incomplete> {
    let tracked = state.environment(env)?;
    let now = state.time().now(now);
    let recent = tracked.gaps().filter(|gap| now.since(gap.until) <= GAP_TOLD);
    let gaps: Vec<Gap> = recent.map(|gap| told(state, gap)).collect();
    let (services_forgotten, refusals_left_out) =
        (tracked.services_forgotten(), tracked.attempts().left_out(now));
    let mut parts = Vec::new();
    if services_forgotten > 0 {
        parts.push(format!(
            "{services_forgotten} services were forgotten, those that were silent for longest first: one that runs may be among them"
        ));
    }
    parts.extend(gaps.iter().map(gap_in_words));
    if refusals_left_out > 0 {
        parts.push(format!("{refusals_left_out} refused requests are not listed"));
    }
    let complete_until = state.complete_until();
    if let Some(until) = complete_until {
        parts.push(format!("what other servers of this log saw since {until} may be missing"));
    }
    let text = parts.join("; ");
    (!text.is_empty()).then_some(Incomplete {
        services_forgotten,
        refusals_left_out,
        gaps,
        complete_until,
        text,
    })
}

fn told(state: &State, gap: &deployments::Gap) -> Gap {
    let (from, until) = (state.shown(gap.from), state.shown(gap.until));
    Gap { from, until, lost: gap.lost, token: gap.token.clone() }
}

fn gap_in_words(gap: &Gap) -> String {
    let Gap { from, until, lost, token } = gap;
    match token {
        Some(token) => format!(
            "{lost} requests of token {token} between {from} and {until} were not kept: it made more than a cluster does"
        ),
        None => format!("{lost} requests between {from} and {until} are lost: the log could not be written"),
    }
}
