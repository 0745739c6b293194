//! The commands of a plan. Each is one line for a POSIX shell, and every word of it is quoted where it must be.

use std::fmt;

use super::workload::{Workload, WorkloadKind};
use crate::model::event::EnvironmentName;
use crate::model::oci::{Repository, Tag};
use crate::model::shell::quoted;

/// The label that Kubernetes recommends for a version ("Recommended Labels").
const VERSION_LABEL: &str = "app.kubernetes.io/version";

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

/// Image and label of each workload, in their order.
pub(super) fn deploy(target: &Target<'_>, kubectl: &Kubectl, workloads: &[Workload]) -> Vec<String> {
    let of_one = |workload: &Workload| {
        let container = workload.container.clone().unwrap_or_else(|| name_of(target.repository));
        let image = quoted(target.image);
        let set = format!("{kubectl} set image {workload} {container}={image}");
        // A label holds 63 characters of a tag's alphabet; a version that fits no label stays in the image's.
        let label = label(target.version)
            .map(|version| format!("{kubectl} label {workload} {VERSION_LABEL}={version} --overwrite"));
        [Some(set), label]
    };
    workloads.iter().flat_map(of_one).flatten().collect()
}

/// A pull secret with a new token, and the service account that uses it.
pub(super) fn credentials(target: &Target<'_>, kubectl: &Kubectl) -> Vec<String> {
    let (environment, host) = (target.environment, quoted(target.registry_host));
    let token = format!("landfall token create {environment} --name kubernetes --secret-only");
    let secret = format!(
        "{kubectl} create secret docker-registry landfall-{environment} --docker-server={host} \
         --docker-username={environment} --docker-password=\"$({token})\""
    );
    let account = format!(
        "{kubectl} patch serviceaccount default --type=strategic --patch \
         '{{\"imagePullSecrets\":[{{\"name\":\"landfall-{environment}\"}}]}}'"
    );
    vec![secret, account]
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

/// Kubernetes, "Labels and Selectors": at most 63 characters that begin and end with a letter or digit.
fn label(version: &str) -> Option<&str> {
    let is_tag = version.parse::<Tag>().is_ok() && version.len() <= 63;
    let ends_well = version.ends_with(|last: char| last.is_ascii_alphanumeric());
    let starts_well = version.starts_with(|first: char| first.is_ascii_alphanumeric());
    (is_tag && starts_well && ends_well).then_some(version)
}
