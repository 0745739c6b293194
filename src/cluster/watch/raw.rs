//! Pods and their owners as the API server tells them: of each the few fields that a witness needs.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::core::Object;
use serde::Deserialize;

use super::kinds::Kind;
use crate::model::report::Reason;
use crate::model::tally::{
    Container, ContainerState, ImageName, Owner, OwnerKey, Pod, PodKey, Role, Template, digest_of_image_id,
    trouble,
};
use crate::model::time::Time;

/// The labels in which controllers write the hash that ends a ReplicaSet's name.
const HASHES: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];
/// The reason to wait of a container that ended, and is started again after a while.
const CRASHES: &str = "CrashLoopBackOff";
/// The annotation in which Deployments number their ReplicaSets.
const REVISION: &str = "deployment.kubernetes.io/revision";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    node_name: String,
    containers: Vec<ContainerSpec>,
    init_containers: Vec<ContainerSpec>,
    ephemeral_containers: Vec<ContainerSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerSpec {
    name: Arc<str>,
    image: Arc<str>,
    /// `Always` makes an init container a sidecar.
    restart_policy: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    phase: String,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: Arc<str>,
    #[serde(rename = "imageID")]
    image_id: String,
    ready: bool,
    state: State,
    last_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Empty>,
    waiting: Option<Cause>,
    terminated: Option<Cause>,
}

#[derive(Clone, Debug, Deserialize)]
struct Empty {}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerSpec {
    replicas: Option<u64>,
    template: PodTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodTemplate {
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OwnerStatus {
    desired_number_scheduled: Option<u64>,
}

/// Reads a pod; nothing where it has no name.
pub(super) fn pod(object: Object<PodSpec, PodStatus>) -> Option<Pod> {
    let Object { metadata, spec, status, .. } = object;
    let status = status.unwrap_or_default();
    // A pod that has ended, or whose node is lost for good, runs nothing, whatever its containers said last.
    let is_over = ["Succeeded", "Failed"].contains(&&*status.phase);
    let hash = HASHES.iter().find_map(|label| metadata.labels.as_ref()?.get(*label));
    let read = |specs: Vec<ContainerSpec>, statuses: &[ContainerStatus], role: fn(&ContainerSpec) -> Role| {
        let containers = specs.into_iter().map(|spec| {
            let status = statuses.iter().find(|status| status.name == spec.name);
            container(&spec, status, role(&spec), is_over)
        });
        containers.collect::<Vec<_>>()
    };
    let init_role =
        |spec: &ContainerSpec| if spec.restart_policy == "Always" { Role::Sidecar } else { Role::Init };
    let mut containers = read(spec.containers, &status.container_statuses, |_| Role::Main);
    let init = read(spec.init_containers, &status.init_container_statuses, init_role);
    hold_back(&mut containers, &init);
    containers.extend(init);
    containers
        .extend(read(spec.ephemeral_containers, &status.ephemeral_container_statuses, |_| Role::Ephemeral));
    Some(Pod {
        key: PodKey { namespace: metadata.namespace.clone()?.into(), name: metadata.name.clone()?.into() },
        owner: controller(&metadata),
        hash: hash.map(|hash| hash.as_str().into()),
        node: spec.node_name.into(),
        containers,
    })
}

fn container(spec: &ContainerSpec, status: Option<&ContainerStatus>, role: Role, is_over: bool) -> Container {
    let state = match status {
        None => ContainerState::Waiting(None),
        Some(ContainerStatus { ready, state, last_state, .. }) => match state {
            _ if is_over => ContainerState::Ended(None),
            State { terminated: Some(ended), .. } => ContainerState::Ended(trouble(&ended.reason)),
            State { running: Some(_), .. } => ContainerState::Running { is_ready: *ready },
            State { waiting, .. } => ContainerState::Waiting(
                waiting.as_ref().and_then(|waiting| held_up(&waiting.reason, last_state)),
            ),
        },
    };
    let digest = status.and_then(|status| digest_of_image_id(&status.image_id));
    Container { name: spec.name.clone(), role, image: ImageName::parse(&spec.image), digest, state }
}

/// The reason why a container waits. One that crashes again and again has a reason of its own only while it lies down, and
/// some of these say more: `OOMKilled`.
fn held_up(waiting: &str, last: &State) -> Option<Reason> {
    let ended = last.terminated.as_ref().filter(|ended| waiting == CRASHES && ended.reason != "Error");
    ended.and_then(|ended| trouble(&ended.reason)).or_else(|| trouble(waiting))
}

/// Marks containers as held back by one that is to run before them and cannot.
fn hold_back(containers: &mut [Container], init: &[Container]) {
    let reason = init.iter().filter(|it| it.role == Role::Init).find_map(|it| match &it.state {
        ContainerState::Waiting(reason) | ContainerState::Ended(reason) => reason.as_ref()?.of_init(),
        ContainerState::Running { .. } => None,
    });
    for container in containers {
        if container.state == ContainerState::Waiting(None) {
            container.state = ContainerState::Waiting(reason.clone());
        }
    }
}

/// Reads an owner of pods; nothing where it has no name.
pub(super) fn owner(kind: Kind, object: Object<OwnerSpec, OwnerStatus>) -> Option<Owner> {
    let Object { metadata, spec, status, .. } = object;
    let desired = match kind {
        // A Job's end is no scaling to zero.
        Kind::Job | Kind::Pod => None,
        Kind::DaemonSet => status.and_then(|status| status.desired_number_scheduled),
        // One pod is the default.
        Kind::ReplicaSet | Kind::StatefulSet => Some(spec.replicas.unwrap_or(1)),
    };
    let revision =
        metadata.annotations.as_ref().and_then(|annotations| annotations.get(REVISION)?.parse().ok());
    let made_at = metadata.creation_timestamp.as_ref().map(|at| Time::from_ms(at.0.as_millisecond()));
    let init = spec.template.spec.init_containers.into_iter().filter(|it| it.restart_policy == "Always");
    let templates = spec.template.spec.containers.into_iter().chain(init).filter_map(|container| {
        let image = ImageName::parse(&container.image)?;
        Some(Template { container: container.name, image })
    });
    Some(Owner {
        key: OwnerKey::new(kind.as_str(), metadata.name.as_ref()?),
        parent: controller(&metadata),
        desired,
        made: (made_at.unwrap_or_default(), revision.unwrap_or_default()),
        templates: templates.collect(),
        namespace: metadata.namespace?.into(),
    })
}

/// The owner that looks after an object. A node looks after the pods that it starts by itself, and is no workload.
fn controller(metadata: &ObjectMeta) -> Option<OwnerKey> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let is_controller = |owner: &&OwnerReference| owner.controller == Some(true) && owner.kind != "Node";
    owners.iter().find(is_controller).map(|owner| OwnerKey::new(&owner.kind, &owner.name))
}
