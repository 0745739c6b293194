//! The target of an image: a context and a namespace of kubectl, and workloads in it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::model::oci::Repository;
use crate::model::planned::{Workload, WorkloadKind};

/// Longest name of a namespace, in bytes: a DNS label (Kubernetes, "Object Names and IDs").
const LABEL_BYTES_MAX: usize = 63;
/// Longest name of a workload, in bytes: a DNS subdomain.
const SUBDOMAIN_BYTES_MAX: usize = 253;

/// The place of an environment's workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// kubectl's context; its current one without.
    pub context: Option<String>,
    /// The namespace; that of the context without.
    pub namespace: Option<String>,
    /// The workloads that use a repository, by repository.
    pub workloads: BTreeMap<Repository, Vec<Workload>>,
}

/// A text that names no workload.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no workload: write KIND/NAME or KIND/NAME:CONTAINER, e.g. deployment/web:app; kinds are deployment, \
     statefulset, daemonset and cronjob"
)]
pub struct BadWorkload(String);

impl WorkloadKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::CronJob];

    /// The kind as kubectl writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::CronJob => "cronjob",
        }
    }
}

impl FromStr for Workload {
    type Err = BadWorkload;
    fn from_str(text: &str) -> Result<Self, BadWorkload> {
        let bad = || BadWorkload(text.chars().take(SUBDOMAIN_BYTES_MAX).collect());
        let (kind, rest) = text.split_once('/').unwrap_or(("deployment", text));
        let (name, container) = match rest.split_once(':') {
            Some((name, container)) => (name, Some(container)),
            None => (rest, None),
        };
        let kind = WorkloadKind::ALL.into_iter().find(|it| it.as_str() == kind.to_lowercase());
        let fits = is_subdomain(name) && container.is_none_or(is_label);
        let kind = kind.filter(|_| fits).ok_or_else(bad)?;
        Ok(Self { kind, name: name.to_owned(), container: container.map(str::to_owned) })
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// Tells whether `text` can be a namespace, or a container.
pub fn is_namespace(text: &str) -> bool {
    is_label(text)
}

fn is_label(text: &str) -> bool {
    text.len() <= LABEL_BYTES_MAX && !text.contains('.') && is_subdomain(text)
}

/// RFC 1123: labels of lower-case letters, digits and inner dashes, between dots.
fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(fits)
    };
    text.len() <= SUBDOMAIN_BYTES_MAX && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_a_kind_a_name_and_perhaps_a_container() {
        let read = |text: &str| {
            let read = text.parse::<Workload>().ok()?;
            Some(format!("{read} {}", read.container.clone().unwrap_or_default()))
        };
        assert_eq!(read("web").as_deref(), Some("deployment/web "));
        assert_eq!(read("StatefulSet/db.main:app").as_deref(), Some("statefulset/db.main app"));
        for bad in ["", "pod/web", "deployment/", "deployment/Web", "deployment/web:", "a b", "web;reboot"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(is_namespace("shop-1") && !is_namespace("shop.a") && !is_namespace("-shop"));
    }
}
