//! The state of things when a plan is made or followed.

use super::found::PullSecret;
use crate::model::deployments::State;
use crate::model::directory::Directory;
use crate::model::event::{EnvironmentName, TokenKind};
use crate::model::oci::Repository;
use crate::model::questions::running;
use crate::model::registries::Registries;
use crate::model::time::Time;
use crate::wire::{FailedAttempt, RunningService};

/// The state of things when a plan is made or followed.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The fold of the pulls.
    pub state: &'a State,
    /// Environments and their tokens.
    pub directory: &'a Directory,
    /// The time of the question.
    pub now: Time,
    /// The host, with its port, under which clients reach the proxy.
    pub registry_host: &'a str,
    /// The registries behind it, which tell what their images are called.
    pub registries: &'a Registries,
}

impl World<'_> {
    /// The image of a repository that an environment runs; none where nothing of it does.
    pub(super) fn running(&self, env: &EnvironmentName, repository: &Repository) -> Option<RunningService> {
        self.latest(env, repository).filter(RunningService::runs)
    }

    /// The image of a repository that an environment runs, or ran last.
    pub(super) fn latest(&self, env: &EnvironmentName, repository: &Repository) -> Option<RunningService> {
        let running = running(self.state, env, self.now);
        running.services.into_iter().find(|service| service.repository == *repository)
    }

    /// The pull of a repository that fails in an environment at the moment, if one is proven to.
    pub(super) fn failing(&self, env: &EnvironmentName, repository: &Repository) -> Option<FailedAttempt> {
        let running = running(self.state, env, self.now);
        running.failing.into_iter().find(|attempt| attempt.repository == *repository && !attempt.unproven)
    }

    /// Tells whether some cluster token of the environment is accepted.
    pub(super) fn has_live_token(&self, env: &EnvironmentName) -> bool {
        let environment = self.directory.environment(env.as_str());
        environment.is_some_and(|environment| {
            environment.tokens().any(|token| token.kind == TokenKind::Cluster && token.is_active(self.now))
        })
    }

    /// Tells whether pods that pull with this secret are accepted, as this environment's cluster.
    pub fn is_good(&self, env: &EnvironmentName, secret: PullSecret) -> bool {
        let PullSecret::Holds { sha256 } = secret else { return false };
        let owner = self.directory.authenticate(&sha256, self.now);
        owner.is_ok_and(|(environment, token)| environment.name == *env && token.kind == TokenKind::Cluster)
    }
}
