//! A question over the names that the log knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::turn::Turn;
use crate::answer::Moment;
use crate::model::ask::{self, Asked, World};
use crate::model::directory::Environment;
use crate::model::names::EnvironmentName;
use crate::wire::Kind;

/// The question at this moment, behind the turn before it.
pub(super) fn understood(moment: &Moment<'_>, question: &str, before: Option<&Arc<Turn>>) -> Asked {
    let environments: Vec<&Environment> = moment.directory().environments().collect();
    let (state, former) = (moment.state(), moment.directory().former());
    let mut repositories: BTreeMap<&str, Vec<&str>> = state
        .catalogue()
        .lines()
        .map(|(name, line)| (name.as_str(), line.releases().iter().map(|it| it.version.as_str()).collect()))
        .collect();
    for (_, tracked) in state.environments() {
        for (repository, _) in tracked.services() {
            repositories.entry(repository.as_str()).or_default();
        }
    }
    let tokens = environments.iter().flat_map(|environment| {
        let tokens = environment.tokens().filter(|token| token.revoked_at.is_none());
        tokens.map(|token| ask::Token { environment: environment.name.as_str(), name: &token.name })
    });
    let world = World {
        environments: environments
            .iter()
            .map(|it| ask::Environment {
                name: it.name.as_str(),
                description: &it.description,
                former: former.of(&it.name).map(EnvironmentName::as_str).collect(),
            })
            .collect(),
        repositories: repositories
            .into_iter()
            .map(|(name, versions)| ask::Repository { name, versions })
            .collect(),
        tokens: tokens.collect(),
        now: moment.at(),
        latest_rollback: &|environment| moment.latest(environment, Some(Kind::Rollback)),
        latest_deployment: &|environment| moment.latest(environment, None),
    };
    match before {
        Some(turn) => ask::follow(&turn.understood, question, &world),
        None => ask::parse(question, &world),
    }
}
