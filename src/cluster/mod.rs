//! Access to an environment's cluster: reads its namespace and applies changes. The only module that uses
//! `kube`.
//!
//! ```text
//! reach → surroundings (list, get) → changes → dry run of all → apply, one by one
//! ```
//!
//! Changes apply only the fields that Landfall owns, under its own field manager (Kubernetes, "Server-Side
//! Apply"). A field with another manager is a conflict, and is taken over only on request. Answers to
//! requests are fresh, without a cache; [`watch`] is apart from them, for witnesses.

mod access;
mod change;
mod error;
mod kinds;
mod secret;
pub mod watch;

use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use tokio::time::timeout;

use crate::config::ClusterAccess;
use crate::model::deploy::{Found, PullSecret, Surroundings, WorkloadKind};

use access::ANSWER_TIME_MAX;
pub use change::Change;
use error::ApiCall;
pub use error::ClusterError;

/// Landfall's field manager.
const FIELD_MANAGER: &str = "landfall";
/// Objects in one page of a list.
const PAGE: u32 = 100;
/// Most workloads of one kind that are read.
const WORKLOADS_MAX: usize = 2_000;

/// A namespace of a cluster.
pub struct Cluster {
    client: Client,
    namespace: String,
}

/// Handling of fields that another manager owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflicts {
    /// Refuse the change.
    Refuse,
    /// Take the fields over, as the caller has requested.
    TakeOver,
}

impl Cluster {
    /// Prepares access to a cluster; sends no request yet.
    ///
    /// # Errors
    /// The access cannot be used.
    pub async fn reach(access: &ClusterAccess) -> Result<Self, ClusterError> {
        let (client, namespace) = access::client(access, ANSWER_TIME_MAX).await?;
        Ok(Self { client, namespace })
    }

    /// The namespace that is read and changed.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads the workloads of every kind in the namespace, and the pull secret of this name for `host`.
    ///
    /// # Errors
    /// The cluster refuses or cannot be reached.
    pub async fn surroundings(&self, secret: &str, host: &str) -> Result<Surroundings, ClusterError> {
        let mut workloads = Vec::new();
        for kind in WorkloadKind::ALL {
            workloads.extend(self.list(kind).await?);
        }
        let secret = self.pull_secret(secret, host).await?;
        Ok(Surroundings { namespace: self.namespace.clone(), workloads, secret })
    }

    async fn list(&self, kind: WorkloadKind) -> Result<Vec<Found>, ClusterError> {
        let resource = kinds::resource(kind);
        let api = self.api(&resource);
        let call =
            ApiCall { verb: "list", resource: &resource.plural, name: None, namespace: &self.namespace };
        let mut params = ListParams::default().limit(PAGE);
        let mut found = Vec::new();
        loop {
            let page = self.answer(&call, api.list(&params)).await?;
            found.extend(page.items.into_iter().filter_map(|object| kinds::found(kind, object)));
            if found.len() > WORKLOADS_MAX {
                return Err(ClusterError::TooMany { resource: resource.plural, most: WORKLOADS_MAX });
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    async fn pull_secret(&self, name: &str, host: &str) -> Result<PullSecret, ClusterError> {
        let resource = secret::resource();
        let call =
            ApiCall { verb: "get", resource: &resource.plural, name: Some(name), namespace: &self.namespace };
        let object = self.answer(&call, self.api(&resource).get_opt(name)).await?;
        Ok(object.map_or(PullSecret::Absent, |object| secret::read(&object.data, host)))
    }

    /// Checks with a dry run that the cluster accepts every change.
    ///
    /// # Errors
    /// The first change that it refuses.
    pub async fn dry_run(&self, changes: &[Change], conflicts: Conflicts) -> Result<(), ClusterError> {
        for change in changes {
            self.patch(change, params(conflicts).dry_run()).await?;
        }
        Ok(())
    }

    /// Applies a change.
    ///
    /// # Errors
    /// The cluster refuses the change. After [`ClusterError::is_outcome_unknown`] it may have been made.
    pub async fn apply(&self, change: &Change, conflicts: Conflicts) -> Result<(), ClusterError> {
        self.patch(change, params(conflicts)).await
    }

    async fn patch(&self, change: &Change, params: PatchParams) -> Result<(), ClusterError> {
        // Applying a missing object creates it and needs both verbs.
        let verb = if change.may_create { "create or patch" } else { "patch" };
        let call = ApiCall {
            verb,
            resource: &change.resource.plural,
            name: Some(&change.name),
            namespace: &self.namespace,
        };
        let api = self.api(&change.resource);
        let patch = Patch::Apply(&change.body);
        self.answer(&call, api.patch(&change.name, &params, &patch)).await.map(drop)
    }

    fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }

    async fn answer<T>(
        &self,
        call: &ApiCall<'_>,
        answer: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ClusterError> {
        let answer = timeout(ANSWER_TIME_MAX, answer).await.map_err(|_| ClusterError::TimedOut)?;
        answer.map_err(|error| call.failed(error))
    }
}

fn params(conflicts: Conflicts) -> PatchParams {
    let params = PatchParams::apply(FIELD_MANAGER);
    match conflicts {
        Conflicts::Refuse => params,
        Conflicts::TakeOver => params.force(),
    }
}
