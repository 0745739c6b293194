//! A cluster that does what it is told, object by object, over the tests' API server.

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::api_server::{ApiServer, NAMESPACE};

/// The registry's host in the names of images.
pub const HOST: &str = "hub.example";

/// A cluster under a script.
pub struct Scripted {
    pub api: ApiServer,
}

/// State of a pod's container.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// It runs and is ready.
    Run,
    /// It runs and is not ready yet.
    Start,
    /// It waits, for this reason.
    Wait(&'static str),
    /// It has ended.
    End,
}

/// The digest of a version.
pub fn digest(version: &str) -> String {
    Sha256::digest(version).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn image(version: &str) -> String {
    format!("{HOST}/shop/web:{version}")
}

impl Scripted {
    pub async fn start() -> Self {
        Self { api: ApiServer::start().await }
    }

    /// The kubeconfig for it.
    pub fn kubeconfig(&self, folder: &Path) -> std::path::PathBuf {
        self.api.kubeconfig(folder)
    }

    fn path(group: &str, plural: &str, name: &str) -> String {
        let group = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        format!("{group}/namespaces/{NAMESPACE}/{plural}/{name}")
    }

    /// The namespace, as one of an environment.
    pub fn labelled(&self, environment: &str) {
        let labels = json!({"landfall.dev/environment": environment});
        let object = json!({"metadata": {"name": NAMESPACE, "labels": labels}});
        self.api.put(&format!("/api/v1/namespaces/{NAMESPACE}"), object);
    }

    /// A ReplicaSet `DEPLOYMENT-HASH` of so many pods of a version.
    pub fn set(&self, deployment: &str, version: &str, revision: u32, replicas: u32) {
        let name = format!("{deployment}-{}", hash(version));
        let mut object = owner(&name, version, replicas);
        object["metadata"]["ownerReferences"] = parent("Deployment", deployment);
        object["metadata"]["annotations"] =
            json!({"deployment.kubernetes.io/revision": revision.to_string()});
        self.api.put(&Self::path("apps", "replicasets", &name), object);
    }

    /// Deletes it.
    pub fn no_set(&self, deployment: &str, version: &str) {
        self.api.remove(&Self::path("apps", "replicasets", &format!("{deployment}-{}", hash(version))));
    }

    /// A StatefulSet of so many pods.
    pub fn stateful(&self, name: &str, version: &str, replicas: u32) {
        self.api.put(&Self::path("apps", "statefulsets", name), owner(name, version, replicas));
    }

    /// A Job of a CronJob, or of nobody.
    pub fn job(&self, name: &str, cron: Option<&str>, version: &str) {
        let mut object = owner(name, version, 1);
        if let Some(cron) = cron {
            object["metadata"]["ownerReferences"] = parent("CronJob", cron);
        }
        self.api.put(&Self::path("batch", "jobs", name), object);
    }

    /// Pods of a Deployment, all alike.
    pub fn pods(&self, deployment: &str, version: &str, numbers: std::ops::Range<u32>, does: Does) {
        for number in numbers {
            let set = format!("{deployment}-{}", hash(version));
            self.pod(&format!("{set}-{number}"), "ReplicaSet", &set, version, does);
        }
    }

    /// Deletes pods of a Deployment.
    pub fn no_pods(&self, deployment: &str, version: &str, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| self.no_pod(&format!("{deployment}-{}-{number}", hash(version))));
    }

    /// A pod of whatever owns it.
    pub fn pod(&self, name: &str, kind: &str, owner: &str, version: &str, does: Does) {
        self.put_pod(name, kind, owner, version, does, json!({}), json!({}));
    }

    /// A pod with members of its spec and of its status besides.
    #[expect(clippy::too_many_arguments, reason = "what a pod is made of")]
    pub fn put_pod(
        &self,
        name: &str,
        kind: &str,
        owner: &str,
        version: &str,
        does: Does,
        more_spec: Value,
        more_status: Value,
    ) {
        let mut spec = json!({"nodeName": format!("node-{name}"), "containers": [{"name": "app", "image": image(version)}]});
        let mut status = json!({"phase": "Running", "containerStatuses": [container("app", version, does)]});
        merge(&mut spec, more_spec);
        merge(&mut status, more_status);
        let mut labels = json!({"app": "web"});
        if kind == "ReplicaSet" {
            labels["pod-template-hash"] = owner.rsplit('-').next().unwrap().into();
        }
        let metadata = json!({"name": name, "namespace": NAMESPACE, "labels": labels, "uid": name,
            "ownerReferences": parent(kind, owner), "managedFields": [{"manager": "kubelet", "operation": "Update"}]});
        self.api.put(
            &Self::path("", "pods", name),
            json!({"metadata": metadata, "spec": spec, "status": status}),
        );
    }

    pub fn no_pod(&self, name: &str) {
        self.api.remove(&Self::path("", "pods", name));
    }
}

/// A container's status.
pub fn container(name: &str, version: &str, does: Does) -> Value {
    let id = format!("{HOST}/shop/web@{}", digest(version));
    let (state, ready) = match does {
        Does::Run => (json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}), true),
        Does::Start => (json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}), false),
        Does::Wait(reason) => (json!({"waiting": {"reason": reason, "message": "…"}}), false),
        Does::End => (json!({"terminated": {"reason": "Completed", "exitCode": 0}}), false),
    };
    let id = if matches!(does, Does::Wait(_)) { String::new() } else { id };
    json!({"name": name, "image": image(version), "imageID": id, "ready": ready, "state": state, "restartCount": 0})
}

fn hash(version: &str) -> String {
    digest(version)[7..17].to_owned()
}

fn parent(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}])
}

fn owner(name: &str, version: &str, replicas: u32) -> Value {
    let template = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": image(version)}]}});
    let metadata = json!({"name": name, "namespace": NAMESPACE, "creationTimestamp": "2026-01-01T00:00:00Z"});
    json!({"metadata": metadata, "spec": {"replicas": replicas, "template": template}, "status": {}})
}

fn merge(into: &mut Value, from: Value) {
    let (Value::Object(into), Value::Object(from)) = (into, from) else { return };
    into.extend(from);
}
