//! Changes by a loose description, and where each of them is live.

use super::verify::Standings;
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::search::{Band, Found};
use crate::model::time::Time;
use crate::wire::{Certainty, EnvironmentStanding, SearchMatch, Searched};

/// Tells what `found` is, and where each change of it stands at `now`.
pub fn search(state: &State, query: &str, found: &Found, now: Time) -> Searched {
    let environments: Vec<(&EnvironmentName, Standings<'_>)> =
        state.environments().map(|(name, _)| (name, Standings::on(state, name, found, now))).collect();
    let nowhere = Standings::closed(state);
    let matches = found.hits.iter().filter_map(|hit| {
        let carried = Standings::carried(state, hit, found)?;
        let stands = environments.iter().filter_map(|(name, standings)| {
            let (state, since, seen) = standings.standing(&carried)?;
            Some(EnvironmentStanding { name: (*name).clone(), state: state.into(), since, seen })
        });
        let stands: Vec<EnvironmentStanding> = stands.collect();
        let matched = nowhere.matched(hit, &carried)?.view;
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
