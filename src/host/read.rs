//! Containers as the daemon tells them, as pods of one container each.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::oci::Digest;
use crate::model::tally::{
    Container, ContainerState, ImageName, OwnerKey, Pod, PodKey, Role, digest_of_image_id, trouble,
};

/// The namespace of what belongs to no project.
const NO_PROJECT: &str = "default";

/// A container in the list: what changes of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Listed {
    pub(super) id: Arc<str>,
    /// `running`, `restarting`, `exited` …
    state: String,
    /// In words; the health is in brackets.
    status: String,
}

/// A container by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RawContainer {
    name: String,
    /// The identifier of its image.
    pub(super) image: String,
    config: RawConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawConfig {
    /// The name that it was started with.
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

/// An image.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Image {
    repo_digests: Option<Vec<String>>,
}

/// The fixed part of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inspected {
    key: PodKey,
    owner: OwnerKey,
    container: Arc<str>,
    image: Option<ImageName>,
    digest: Option<Digest>,
}

impl Inspected {
    pub(super) fn new(container: RawContainer, image: Image) -> Self {
        let RawContainer { name, image: id, config } = container;
        let name = name.trim_start_matches('/');
        let labels = config.labels.unwrap_or_default();
        let named = ImageName::parse(&config.image);
        let digest =
            named.as_ref().and_then(|named| repo_digest(named, &image.repo_digests.unwrap_or_default()));
        let (namespace, owner, container) = place(name, &labels);
        Self {
            key: PodKey { namespace: namespace.into(), name: name.into() },
            owner,
            container: container.into(),
            image: named,
            // Of an image that no registry has: its config's.
            digest: digest.or_else(|| digest_of_image_id(&id)),
        }
    }
}

/// The digest that the registry of this name gave. One image may have come from several.
fn repo_digest(name: &ImageName, digests: &[String]) -> Option<Digest> {
    let read = digests.iter().filter_map(|text| ImageName::parse(text));
    let same = |it: &ImageName| (&it.host, &it.repository) == (&name.host, &name.repository);
    let (own, others): (Vec<_>, Vec<_>) = read.partition(same);
    own.into_iter().chain(others).find_map(|it| it.digest)
}

/// Project, workload and container of one with these labels: those of compose, of a swarm, of a systemd unit; else its name.
fn place(name: &str, labels: &BTreeMap<String, String>) -> (String, OwnerKey, String) {
    let label = |key: &str| labels.get(key).filter(|value| !value.is_empty());
    let compose = |project: &str, service: &str| Some((label(project)?.clone(), label(service)?.clone()));
    let docker = compose("com.docker.compose.project", "com.docker.compose.service");
    let podman = || compose("io.podman.compose.project", "io.podman.compose.service");
    if let Some((project, service)) = docker.or_else(podman) {
        let is_once =
            label("com.docker.compose.oneoff").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        // A container that somebody runs once in a project's surroundings is no part of what the project serves.
        let kind = if is_once { "job" } else { "compose" };
        return (project.clone(), OwnerKey::new(kind, &format!("{project}/{service}")), service);
    }
    if let Some(service) = label("com.docker.swarm.service.name") {
        return (NO_PROJECT.to_owned(), OwnerKey::new("service", service), service.clone());
    }
    if let Some(unit) = label("PODMAN_SYSTEMD_UNIT") {
        return (NO_PROJECT.to_owned(), OwnerKey::new("unit", unit), name.to_owned());
    }
    (NO_PROJECT.to_owned(), OwnerKey::new("container", name), name.to_owned())
}

/// The container as a pod; nothing where it has yet to get a name.
pub(super) fn pod(listed: &Listed, inspected: &Inspected) -> Option<Pod> {
    let Inspected { key, owner, container, image, digest } = inspected.clone();
    let is_ready = !listed.status.contains("unhealthy") && !listed.status.contains("health: starting");
    let state = match &*listed.state {
        "running" => ContainerState::Running { is_ready },
        "paused" => ContainerState::Running { is_ready: false },
        "restarting" => ContainerState::Waiting(trouble("Restarting")),
        "created" => ContainerState::Waiting(None),
        _ => ContainerState::Ended(None),
    };
    let container = Container { name: container, role: Role::Main, image, digest, state };
    let is_named = !key.name.is_empty();
    let pod = Pod { key, owner: Some(owner), hash: None, node: "host".into(), containers: vec![container] };
    is_named.then_some(pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227";

    fn inspected(labels: &[(&str, &str)], repo_digests: &[&str]) -> Inspected {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let config = RawConfig { image: "hub.example/shop/web:v1".into(), labels: Some(labels) };
        let image = format!("sha256:{}", "1".repeat(64));
        let container = RawContainer { name: "/web-1".into(), image, config };
        let repo_digests = repo_digests.iter().map(|text| format!("{text}@{DIGEST}")).collect();
        Inspected::new(container, Image { repo_digests: Some(repo_digests) })
    }

    #[test]
    fn a_workload_is_what_people_started() {
        let (project, service) = ("com.docker.compose.project", "com.docker.compose.service");
        for (labels, namespace, workload) in [
            (&[][..], "default", "container/web-1"),
            (&[(project, "shop"), (service, "web")], "shop", "compose/shop/web"),
            (
                &[(project, "shop"), (service, "web"), ("com.docker.compose.oneoff", "True")],
                "shop",
                "job/shop/web",
            ),
            (&[("com.docker.swarm.service.name", "shop_web")], "default", "service/shop_web"),
            (&[("PODMAN_SYSTEMD_UNIT", "web.service")], "default", "unit/web.service"),
            (&[(project, "shop")], "default", "container/web-1"),
        ] {
            let Inspected { key, owner, .. } = inspected(labels, &[]);
            assert_eq!((&*key.namespace, &*format!("{}/{}", owner.kind, owner.name)), (namespace, workload));
        }
    }

    #[test]
    fn the_digest_is_that_of_the_images_own_registry() {
        for (digests, expected) in [
            (&["hub.example/shop/web"][..], DIGEST.to_owned()),
            (&["elsewhere.example/web"], DIGEST.to_owned()),
            (&[], format!("sha256:{}", "1".repeat(64))),
        ] {
            assert_eq!(inspected(&[], digests).digest.unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_container_runs_and_is_ready_as_its_health_says() {
        for (state, status, expected) in [
            ("running", "Up 5 minutes", ContainerState::Running { is_ready: true }),
            ("running", "Up 5 minutes (healthy)", ContainerState::Running { is_ready: true }),
            ("running", "Up 5 minutes (unhealthy)", ContainerState::Running { is_ready: false }),
            ("running", "Up 2 seconds (health: starting)", ContainerState::Running { is_ready: false }),
            ("restarting", "Restarting (1) 2 seconds ago", ContainerState::Waiting(trouble("Restarting"))),
            ("exited", "Exited (0) 2 seconds ago", ContainerState::Ended(None)),
        ] {
            let listed = Listed { id: "a".into(), state: state.into(), status: status.into() };
            let pod = pod(&listed, &inspected(&[], &[])).unwrap();
            assert_eq!(pod.containers[0].state, expected, "{status}");
        }
    }
}
