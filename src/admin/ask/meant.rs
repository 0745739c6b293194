//! The release that an answer found, so that “which release is that?” and “deploy it” are questions.

use serde::Deserialize;
use serde_json::Value;

use crate::model::ask::{Asked, Candidate, Intent, Meant};
use crate::wire::{
    Certainty, Changes, History, Kind, Release, ReleaseChange, ReleaseRef, Running, Searched, Verified,
};

/// The one release that this answer to `asked` is about, if it is about one.
pub(super) fn of(asked: &Asked, data: &Value) -> Option<Meant> {
    // Of an answer for each environment, the first.
    let data = data.as_array().and_then(|all| all.first()).unwrap_or(data);
    match asked.intent {
        Intent::Verify => {
            let verified = Verified::deserialize(data).ok();
            let sure = verified.filter(|it| it.confidence.is_some());
            sure.map_or_else(|| shown(data), |it| it.matches.first().map(|best| named(&best.release)))
        }
        Intent::Search => match Searched::deserialize(data) {
            Ok(found) if found.certainty == Certainty::Sure => {
                found.matches.first().map(|best| named(&best.release))
            }
            Ok(_) => None,
            Err(_) => shown(data),
        },
        Intent::Deploy => shown(&data["release"]),
        Intent::History => {
            let history = History::deserialize(data).ok()?;
            let newest = history.changes.into_iter().next()?;
            Some(Meant { repository: history.repository.to_string(), version: newest.to.version? })
        }
        Intent::Running => {
            let running = Running::deserialize(data).ok()?;
            let [service] = <[_; 1]>::try_from(running.services).ok()?;
            Some(Meant { repository: service.repository.to_string(), version: service.version? })
        }
        // The release that was taken back.
        Intent::Rollbacks => {
            let changes = Changes::deserialize(data).ok()?;
            let steps = changes.deployments.into_iter().flat_map(|it| it.changes);
            let back: Vec<_> = steps.filter(|change| change.kind == Kind::Rollback).collect();
            let [back] = <[_; 1]>::try_from(back).ok()?;
            Some(Meant { repository: back.repository.to_string(), version: back.from?.version? })
        }
        // The one change that is told of.
        Intent::Changes => {
            let [release] = <[_; 1]>::try_from(Changes::deserialize(data).ok()?.releases).ok()?;
            (release.changes.len() == 1)
                .then(|| Meant { repository: release.repository.to_string(), version: release.version })
        }
        Intent::Missing
        | Intent::Compare
        | Intent::Tokens
        | Intent::CreateEnvironment
        | Intent::GenerateToken
        | Intent::Unknown => None,
    }
}

/// The changes that this answer names because any of them may be meant, in its order.
pub(super) fn candidates(data: &Value) -> Vec<Candidate> {
    let data = data.as_array().and_then(|all| all.first()).unwrap_or(data);
    if let Ok(verified) = Verified::deserialize(data) {
        let found = verified.matches.iter().filter(|_| verified.confidence.is_none());
        return found.map(|it| candidate(&it.release, &it.change)).collect();
    }
    let searched = Searched::deserialize(data).ok().filter(|it| it.certainty == Certainty::Perhaps);
    let found = searched.iter().flat_map(|searched| &searched.matches);
    found.map(|it| candidate(&it.release, &it.change)).collect()
}

fn candidate(release: &ReleaseRef, change: &ReleaseChange) -> Candidate {
    let description = change.pr.map_or_else(|| change.title.clone(), |pr| format!("#{pr}"));
    Candidate { description, repository: release.repository.to_string() }
}

fn named(release: &ReleaseRef) -> Meant {
    Meant { repository: release.repository.to_string(), version: release.version.clone() }
}

/// The answer is a release itself.
fn shown(data: &Value) -> Option<Meant> {
    let release = Release::deserialize(data).ok()?;
    Some(Meant { repository: release.repository.to_string(), version: release.version })
}
