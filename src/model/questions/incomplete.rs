//! What an answer may lack, because what clients name is kept within bounds.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::deployments::{Gap, State};
use crate::model::event::{EnvironmentName, TokenId};
use crate::model::time::{Span, Time};

/// For so long after its end, answers name a stretch without all of its pulls.
const GAP_TOLD: Span = Span::from_mins(7 * 24 * 60);

/// What an answer about an environment may lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Incomplete {
    /// How many services were forgotten, those that were silent for longest first, because the environment had more than
    /// are kept. One that runs may be among them, and one that comes back looks new.
    #[serde(skip_serializing_if = "is_zero")]
    pub services_forgotten: u64,
    /// How many refused requests are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub refusals_left_out: u64,
    /// The latest stretches of which not every pull is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<GapView>,
    /// The same in words.
    pub text: String,
}

/// A stretch of which not every pull is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GapView {
    /// When the first pull was lost.
    pub from: Time,
    /// When pulls were kept again.
    pub until: Time,
    /// How many requests were lost.
    pub lost: u64,
    /// The token that made more requests than are kept; none where the log could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What answers about `env` may lack at `now`; none where nothing was left out.
pub(super) fn incomplete(state: &State, env: &EnvironmentName, now: Time) -> Option<Incomplete> {
    let tracked = state.environment(env)?;
    let now = state.time().now(now);
    let recent = tracked.gaps().filter(|gap| now.since(gap.until) <= GAP_TOLD);
    let gaps: Vec<GapView> = recent.map(|gap| GapView::new(state, gap)).collect();
    let (services_forgotten, refusals_left_out) =
        (tracked.services_forgotten(), tracked.attempts().left_out(now));
    let mut parts = Vec::new();
    if services_forgotten > 0 {
        parts.push(format!(
            "{services_forgotten} services were forgotten, those that were silent for longest first: one that runs may be among them"
        ));
    }
    parts.extend(gaps.iter().map(GapView::in_words));
    if refusals_left_out > 0 {
        parts.push(format!("{refusals_left_out} refused requests are not listed"));
    }
    let text = parts.join("; ");
    (!text.is_empty()).then_some(Incomplete { services_forgotten, refusals_left_out, gaps, text })
}

/// What answers lack, as a further sentence; empty where they lack nothing.
pub fn in_words(parts: &[&Option<Incomplete>]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(|part| Some(part.as_ref()?.text.as_str())).collect();
    if texts.is_empty() { String::new() } else { format!(" Not everything is known: {}.", texts.join("; ")) }
}

impl GapView {
    fn new(state: &State, gap: &Gap) -> Self {
        let (from, until) = (state.shown(gap.from), state.shown(gap.until));
        Self { from, until, lost: gap.lost, token: gap.token.clone() }
    }

    fn in_words(&self) -> String {
        let Self { from, until, lost, token } = self;
        match token {
            Some(token) => format!(
                "{lost} requests of token {token} between {from} and {until} were not kept: it made more than a cluster does"
            ),
            None => {
                format!("{lost} requests between {from} and {until} are lost: the log could not be written")
            }
        }
    }
}
