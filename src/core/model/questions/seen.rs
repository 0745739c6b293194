//! Age of an answer: when a pull last showed what runs, and what silence since then hides.
//!
//! Nodes that ask although they hold the image (rule 6) let each start be heard of, and so another image. Elsewhere a
//! node asks for nothing that it holds, and a way back to such an image makes no request at all.

use std::borrow::Cow;

use super::image::{image, tag};
use super::service::{ServiceAt, services_at};
use crate::model::deployments::State;
use crate::model::deployments::current::Current;
use crate::model::deployments::witness::Watching;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{Seen, SeenAfter};

/// Caveat where caches hide ways back.
const CACHES_HIDE: &str = "a rollback to an image that the nodes still have would not show";
/// Caveat where nothing runs, as far as is known.
const STARTS_HIDDEN: &str = "a start of an image that the nodes still have would not show";
/// Caveat where starts are heard of. One request of a node that holds the image is no proof that all ask: a kubelet asks
/// once, too, when its pull secret was made anew.
const STARTS_ASK: &str =
    "nodes asked for it although they have it, so a rollback would likely show; a removal would not";

impl ServiceAt<'_> {
    /// Age of what is known of the image that runs; `gap_at` is when observations of the environment were last missing.
    pub(super) fn seen(&self, current: &Current, gap_at: Option<Time>) -> Seen {
        if let Some(confirmed_at) = self.confirmed_at() {
            let age_s = self.now.since(confirmed_at).ms().max(0) / 1000;
            let last_seen_at = self.state.shown(confirmed_at);
            return Seen { last_seen_at, age_s, unconfirmed_since: None, caveat: None };
        }
        let pulled_at = current.rollout.last_at;
        let last_at = self.told_until(current).map_or(pulled_at, |until| until.max(pulled_at));
        let age = self.now.since(last_at);
        let is_behind_gap = gap_at.is_some_and(|gap| gap > last_at);
        let is_silent = matches!(self.watching, Watching::Silent { .. });
        let is_unconfirmed = is_silent || age > self.state.rules().settle || is_behind_gap;
        let last_seen_at = self.state.shown(last_at);
        Seen {
            last_seen_at,
            age_s: age.ms().max(0) / 1000,
            unconfirmed_since: is_unconfirmed.then_some(last_seen_at),
            caveat: Some(Cow::Borrowed(match self.runs() {
                None => STARTS_HIDDEN,
                Some(_) if current.asks_always() => STARTS_ASK,
                Some(_) => CACHES_HIDE,
            })),
        }
    }
}

/// Age of an answer that rests on all of these: that of the oldest, with the caveat that hides most.
pub(super) fn together<'a>(all: impl Iterator<Item = &'a Seen> + Clone) -> Option<Seen> {
    let oldest = all.clone().min_by_key(|seen| seen.last_seen_at)?;
    let hides = all.clone().find(|seen| seen.caveat.as_deref() == Some(CACHES_HIDE)).unwrap_or(oldest);
    Some(Seen {
        unconfirmed_since: all.filter_map(|seen| seen.unconfirmed_since).min(),
        caveat: hides.caveat.clone(),
        ..oldest.clone()
    })
}

/// Another image of the service that speaks against what runs at `now`: one that came later and stays beside it, or whose
/// sighting is the latest of all, be it an old pod's.
pub fn seen_after(
    state: &State,
    env: &EnvironmentName,
    repository: &Repository,
    now: Time,
) -> Option<SeenAfter> {
    let settle = state.rules().settle;
    let asked = services_at(state, env, now).into_iter().find(|asked| asked.repository == repository)?;
    let current = &asked.service.current()?.rollout;
    let came_later = asked.service.candidates(asked.now, settle).map(|it| &it.rollout);
    let came_later = came_later.filter(|it| it.opened_at > current.opened_at);
    let latest = asked.service.latest_beside().filter(|it| it.last_at > current.last_at);
    let other = came_later.chain(latest).max_by_key(|it| it.last_at)?;
    let image = image(state, repository, &other.digest, tag(other));
    Some(SeenAfter { image, at: state.shown(other.last_at) })
}
