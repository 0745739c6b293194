//! Kinds of workloads: their API resources, and the few fields that are read of them.

use kube::api::{ApiResource, DynamicObject};
use serde::Deserialize;

use crate::model::deploy::{Container, Found, Workload, WorkloadKind};

/// API resource of a kind.
pub(super) fn resource(kind: WorkloadKind) -> ApiResource {
    let (group, name, plural) = match kind {
        WorkloadKind::Deployment => ("apps", "Deployment", "deployments"),
        WorkloadKind::StatefulSet => ("apps", "StatefulSet", "statefulsets"),
        WorkloadKind::DaemonSet => ("apps", "DaemonSet", "daemonsets"),
        WorkloadKind::CronJob => ("batch", "CronJob", "cronjobs"),
    };
    ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: format!("{group}/v1"),
        kind: name.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Path from a kind's `spec` to its pod template.
pub(super) fn template_path(kind: WorkloadKind) -> &'static [&'static str] {
    match kind {
        WorkloadKind::CronJob => &["jobTemplate", "spec", "template"],
        _ => &["template"],
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Vec<RawContainer>,
    init_containers: Vec<RawContainer>,
    image_pull_secrets: Vec<NameReference>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContainer {
    name: String,
    image: String,
    image_pull_policy: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NameReference {
    name: String,
}

/// Reads an object. Returns `None` if it is malformed.
pub(super) fn found(kind: WorkloadKind, mut object: DynamicObject) -> Option<Found> {
    let mut place = object.data.get_mut("spec")?;
    for step in template_path(kind) {
        place = place.get_mut(step)?;
    }
    let pods: PodSpec = serde_json::from_value(place.get_mut("spec")?.take()).ok()?;
    let name = object.metadata.name?;
    let container = |raw: RawContainer, is_init| {
        // These names become parts of commands, so they are validated.
        let named: Workload = format!("{}/{name}:{}", kind.as_str(), raw.name).parse().ok()?;
        let (name, image, pull_policy) = (named.container?, raw.image, raw.image_pull_policy);
        Some(Container { name, image, is_init, pull_policy })
    };
    let init = pods.init_containers.into_iter().filter_map(|raw| container(raw, true));
    let main = pods.containers.into_iter().filter_map(|raw| container(raw, false));
    let containers = init.chain(main).collect();
    let pull_secrets = pods.image_pull_secrets.into_iter().map(|named| named.name).collect();
    Some(Found { kind, name, containers, pull_secrets })
}
