//! The commands of a plan. Each is one line for a POSIX shell, and every word of it is quoted where it must be.

use std::fmt;

use crate::model::event::EnvironmentName;
use crate::model::oci::{Repository, Tag};
use crate::model::planned::{Kubectl, NewSecret, Planned, Workload, WorkloadKind};
use crate::model::shell::quoted;

/// The label that Kubernetes recommends for a version ("Recommended Labels").
pub const VERSION_LABEL: &str = "app.kubernetes.io/version";

/// The name of an environment's pull secret in its cluster.
pub fn pull_secret(environment: &EnvironmentName) -> String {
    format!("landfall-{environment}")
}

/// The commands that carry a plan out, in their order: a pull secret where one is needed, then image and label of each
/// workload.
pub(super) fn of(planned: &Planned) -> Vec<String> {
    let secret = planned.new_secret.as_ref().map(|secret| credentials(planned, secret));
    let mut commands = secret.unwrap_or_default();
    match &planned.aim {
        Some(aim) => {
            for target in &aim.targets {
                commands.extend(of_workload(planned, &target.workload(), target.all_containers()));
            }
        }
        None => {
            for workload in &planned.workloads {
                let container = workload.container.clone().unwrap_or_else(|| name_of(&planned.repository));
                commands.extend(of_workload(planned, workload, [&container]));
            }
        }
    }
    commands
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

fn of_workload<'a>(
    planned: &Planned,
    workload: &Workload,
    containers: impl IntoIterator<Item = &'a String>,
) -> impl Iterator<Item = String> {
    let (kubectl, image) = (&planned.kubectl, quoted(&planned.image));
    let images: Vec<String> =
        containers.into_iter().map(|container| format!("{}={image}", quoted(container))).collect();
    let set = format!("{kubectl} set image {workload} {}", images.join(" "));
    // A label holds 63 characters of a tag's alphabet; a version that fits no label stays in the image's.
    let label = label(&planned.version)
        .map(|version| format!("{kubectl} label {workload} {VERSION_LABEL}={version} --overwrite"));
    std::iter::once(set).chain(label)
}

/// A pull secret with a new token, in the place of one that is of no use, and the service account that uses it.
fn credentials(planned: &Planned, secret: &NewSecret) -> Vec<String> {
    let (kubectl, environment, host) = (&planned.kubectl, &planned.environment, quoted(&secret.host));
    let name = pull_secret(environment);
    let old = secret.replaces.then(|| format!("{kubectl} delete secret {name}"));
    // A plan that is only sketched has no identifier.
    let of_plan = planned.id.strip_prefix("dpl_").map(|id| format!("-{id}")).unwrap_or_default();
    let token = format!("landfall token create {environment} --name kubernetes{of_plan} --secret-only");
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
