//! Changes by a loose description, and where each of them is live.

use serde::Serialize;
use utoipa::ToSchema;

use super::release::ReleaseRef;
use super::verify::{Eyes, Standing};
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::releases::Change;
use crate::model::search::{Band, Found};
use crate::model::time::Time;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Searched {
    /// What was asked for.
    pub query: String,
    /// How sure it is that the first match is what was meant.
    pub certainty: Certainty,
    /// The best match first.
    pub matches: Vec<SearchMatch>,
}

/// How sure a search is of its first match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It is what was meant.
    Sure,
    /// One of the matches may be.
    Perhaps,
    /// There is no such change; the matches are only the nearest.
    No,
}

/// A change that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SearchMatch {
    /// The first release that has it.
    pub release: ReleaseRef,
    /// The change.
    pub change: Change,
    /// How much of the description it answers, 0 to 1.
    pub score: f64,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Where it stands, in the environments that run a service of its repository.
    pub environments: Vec<StandsWhere>,
}

/// Where a change stands in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StandsWhere {
    /// The environment.
    pub name: EnvironmentName,
    /// Where the change stands in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// What `found` is, and where each change of it stands at `now`.
pub fn search(state: &State, query: &str, found: &Found, now: Time) -> Searched {
    let environments: Vec<(&EnvironmentName, Eyes<'_>)> =
        state.environments().map(|(name, _)| (name, Eyes::on(state, name, found, now))).collect();
    let nowhere = Eyes::closed(state);
    let matches = found.hits.iter().filter_map(|hit| {
        let carriers = Eyes::carriers(state, hit, found);
        let stands = environments.iter().filter_map(|(name, eyes)| {
            let (state, since) = eyes.standing(&carriers)?;
            Some(StandsWhere { name: (*name).clone(), state, since })
        });
        let stands: Vec<StandsWhere> = stands.collect();
        let matched = nowhere.matched(hit, found)?;
        Some(SearchMatch {
            release: matched.release,
            change: matched.change,
            score: matched.score,
            releases: matched.releases,
            environments: stands,
        })
    });
    let certainty = match found.band {
        Band::Sure => Certainty::Sure,
        Band::Perhaps => Certainty::Perhaps,
        Band::No => Certainty::No,
    };
    Searched { query: query.to_owned(), certainty, matches: matches.collect() }
}
