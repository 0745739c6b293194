//! Changes to cluster objects, limited to the fields that Landfall owns.

use kube::api::ApiResource;
use serde_json::{Map, Value, json};

use super::{kinds, secret};
use crate::model::deploy::{Found, Planned, Target, VERSION_LABEL, label, pull_secret};
use crate::model::event::EnvironmentName;
use crate::model::secret::Secret;

/// A change of one object. Has no `Debug`, because it may hold a secret.
pub struct Change {
    pub(super) resource: ApiResource,
    pub(super) name: String,
    pub(super) body: Value,
    /// Tells whether the object may be created.
    pub(super) may_create: bool,
    what: String,
}

impl Change {
    /// Name of the object, e.g. `deployment/web`.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Sets the plan's image in `target`, and its version as a label. Pods that name pull secrets get the
    /// environment's added. Pods that name none get them from their service account; naming one would disable those.
    pub fn of_workload(planned: &Planned, target: &Target, found: &Found) -> Self {
        let resource = kinds::resource(target.kind);
        let containers = |names: &[String]| -> Vec<Value> {
            names.iter().map(|name| json!({"name": name, "image": planned.image})).collect()
        };
        let mut pods = Map::new();
        let secrets = if found.pull_secrets.is_empty() {
            Vec::new()
        } else {
            vec![json!({"name": pull_secret(&planned.environment)})]
        };
        for (key, list) in [
            ("containers", containers(&target.containers)),
            ("initContainers", containers(&target.init_containers)),
            ("imagePullSecrets", secrets),
        ] {
            if !list.is_empty() {
                pods.insert(key.to_owned(), list.into());
            }
        }
        let mut template = json!({"spec": pods});
        let mut metadata = json!({"name": target.name});
        if let Some(version) = label(&planned.version) {
            template["metadata"] = json!({"labels": {VERSION_LABEL: version}});
            metadata["labels"] = json!({VERSION_LABEL: version});
        }
        let steps = kinds::template_path(target.kind).iter().rev();
        let spec = steps.fold(template, |inner, step| json!({*step: inner}));
        let body = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": metadata,
            "spec": spec,
        });
        let what = target.workload().to_string();
        Self { resource, name: target.name.clone(), body, may_create: false, what }
    }

    /// Creates or updates the environment's pull secret for `host`.
    pub fn of_secret(environment: &EnvironmentName, host: &str, password: &Secret) -> Self {
        let (resource, name) = (secret::resource(), pull_secret(environment));
        let what = format!("secret/{name}");
        Self {
            body: secret::body(&name, environment, host, password),
            resource,
            name,
            may_create: true,
            what,
        }
    }
}
