//! The commands of a plan. Each is one line for a POSIX shell, and every word of it is quoted where it must be.

use std::fmt;

use super::found::{PullSecret, Target as Aimed};
use super::workload::{Workload, WorkloadKind};
use crate::model::event::EnvironmentName;
use crate::model::oci::{Repository, Tag};
use crate::model::shell::quoted;

/// The label that Kubernetes recommends for a version ("Recommended Labels").
pub const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// The name of an environment's pull secret in its cluster.
pub fn pull_secret(environment: &EnvironmentName) -> String {
    format!("landfall-{environment}")
}

/// What the commands are about.
pub(super) struct Target<'a> {
    pub(super) environment: &'a EnvironmentName,
    pub(super) repository: &'a Repository,
    pub(super) version: &'a str,
    pub(super) image: &'a str,
    pub(super) registry_host: &'a str,
}

/// The workload that carries a repository's image where nobody named one: a Deployment that is called as the image.
pub(super) fn guessed(repository: &Repository) -> Workload {
    Workload { kind: WorkloadKind::Deployment, name: name_of(repository), container: None }
}

/// The image's own name, as Kubernetes would take it.
fn name_of(repository: &Repository) -> String {
    let last = repository.as_str().rsplit('/').next().unwrap_or_default();
    last.replace(['_', '.'], "-")
}

/// Image and label of each workload that is named or guessed, in their order.
pub(super) fn deploy(target: &Target<'_>, kubectl: &Kubectl, workloads: &[Workload]) -> Vec<String> {
    let of_one = |workload: &Workload| {
        let container = workload.container.clone().unwrap_or_else(|| name_of(target.repository));
        of_workload(target, kubectl, workload, [&container])
    };
    workloads.iter().flat_map(of_one).collect()
}

/// Image and label of each workload that was found, in their order.
pub(super) fn deploy_found(target: &Target<'_>, kubectl: &Kubectl, found: &[Aimed]) -> Vec<String> {
    found.iter().flat_map(|it| of_workload(target, kubectl, &it.workload(), it.all_containers())).collect()
}

fn of_workload<'a>(
    target: &Target<'_>,
    kubectl: &Kubectl,
    workload: &Workload,
    containers: impl IntoIterator<Item = &'a String>,
) -> Vec<String> {
    let image = quoted(target.image);
    let images: Vec<String> =
        containers.into_iter().map(|container| format!("{}={image}", quoted(container))).collect();
    let set = format!("{kubectl} set image {workload} {}", images.join(" "));
    // A label holds 63 characters of a tag's alphabet; a version that fits no label stays in the image's.
    let label = label(target.version)
        .map(|version| format!("{kubectl} label {workload} {VERSION_LABEL}={version} --overwrite"));
    std::iter::once(set).chain(label).collect()
}

/// A pull secret with a new token, in the place of one that is of no use, and the service account that uses it.
pub(super) fn credentials(target: &Target<'_>, kubectl: &Kubectl, there: PullSecret) -> Vec<String> {
    let (environment, host) = (target.environment, quoted(target.registry_host));
    let name = pull_secret(environment);
    let old = (there != PullSecret::Absent).then(|| format!("{kubectl} delete secret {name}"));
    let token = format!("landfall token create {environment} --name kubernetes --secret-only");
    let secret = format!(
        "{kubectl} create secret docker-registry {name} --docker-server={host} \
         --docker-username={environment} --docker-password=\"$({token})\""
    );
    let account = format!(
        "{kubectl} patch serviceaccount default --type=strategic --patch \
         '{{\"imagePullSecrets\":[{{\"name\":\"{name}\"}}]}}'"
    );
    old.into_iter().chain([secret, account]).collect()
}

/// `kubectl`, and which cluster and namespace it is to speak of.
pub(super) struct Kubectl {
    /// The context; kubectl's current one without.
    pub(super) context: Option<String>,
    /// The namespace; that of the context without.
    pub(super) namespace: Option<String>,
}

impl fmt::Display for Kubectl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kubectl")?;
        for (flag, value) in [("--context", &self.context), ("--namespace", &self.namespace)] {
            if let Some(value) = value {
                write!(f, " {flag}={}", quoted(value))?;
            }
        }
        Ok(())
    }
}

/// The version as the value of a label, where it can be one. Kubernetes, "Labels and Selectors": at most 63 characters
/// that begin and end with a letter or digit.
pub fn label(version: &str) -> Option<&str> {
    let is_tag = version.parse::<Tag>().is_ok() && version.len() <= 63;
    let ends_well = version.ends_with(|last: char| last.is_ascii_alphanumeric());
    let starts_well = version.starts_with(|first: char| first.is_ascii_alphanumeric());
    (is_tag && starts_well && ends_well).then_some(version)
}
