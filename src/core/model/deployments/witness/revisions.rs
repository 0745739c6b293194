//! Revisions: the images that workloads were told to run before a witness watched them, as their cluster remembers.
//!
//! They prove nothing: a revision may never have run. So no deployment comes of them, and answers show them as what they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::runs::WorkloadName;
use crate::model::oci::{Digest, Reference, Repository, Tag};
use crate::model::report;
use crate::model::time::Time;

/// Most revisions of an environment that are remembered; beyond them the oldest go. Kubernetes keeps ten for each Deployment.
const REVISIONS_MAX: usize = 4_096;

/// A revision of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revision {
    /// The time when it was made, on the log's line.
    pub made_at: Time,
    /// The repository of its image.
    pub repository: Repository,
    /// The workload.
    pub name: WorkloadName,
    /// The witness that found it.
    pub witness: Arc<str>,
    /// The image, where its digest is known.
    pub digest: Option<Digest>,
    /// The tag that it names. One of the two is known.
    pub tag: Option<Tag>,
}

/// The revisions of an environment's workloads, the oldest first. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Revisions(Arc<BTreeSet<Revision>>);

impl Revisions {
    /// Keeps what a witness found to have been made at `made_at`. Told again, it is nothing new.
    pub(super) fn add(&mut self, witness: &Arc<str>, found: &report::Revision, made_at: Time) {
        let revisions = found.images.iter().filter_map(|image| {
            let (tag, pinned) = match image.reference.clone() {
                Some(Reference::Tag(tag)) => (Some(tag), None),
                Some(Reference::Digest(digest)) => (None, Some(digest)),
                None => (None, None),
            };
            let digest = image.digest.or(pinned);
            (tag.is_some() || digest.is_some()).then(|| Revision {
                made_at,
                repository: found.repository.clone(),
                name: WorkloadName {
                    namespace: found.namespace.clone(),
                    workload: found.workload.clone(),
                    container: found.container.clone(),
                    host: found.host.clone(),
                },
                witness: witness.clone(),
                digest,
                tag,
            })
        });
        let new: Vec<Revision> = revisions.filter(|revision| !self.0.contains(revision)).collect();
        if new.is_empty() {
            return;
        }
        let kept = Arc::make_mut(&mut self.0);
        kept.extend(new);
        while kept.len() > REVISIONS_MAX {
            kept.pop_first();
        }
    }

    /// Forgets what a witness found.
    pub(super) fn forget(&mut self, witness: &str) {
        if self.0.iter().any(|revision| *revision.witness == *witness) {
            Arc::make_mut(&mut self.0).retain(|revision| *revision.witness != *witness);
        }
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Revision> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reference: &str) -> report::Revision {
        let line = serde_json::json!({
            "kind": "past", "at": "2026-03-02T06:00:00Z", "source": "kubernetes", "namespace": "shop",
            "workload": "deployment/app", "container": "app", "repository": "docker/app",
            "images": [{"reference": reference}, {}]
        });
        let statement: report::Statement = serde_json::from_value(line).unwrap();
        let report::Statement::Past(found) = statement else { panic!("{statement:?}") };
        found
    }

    #[test]
    fn what_is_told_again_is_kept_once_and_the_oldest_go() {
        let mut revisions = Revisions::default();
        let (one, other): (Arc<str>, Arc<str>) = ("eu-1".into(), "eu-2".into());
        for _ in 0..2 {
            revisions.add(&one, &found("v1"), Time::from_ms(5));
            revisions.add(&one, &found("v2"), Time::from_ms(9));
        }
        revisions.add(&other, &found("v1"), Time::from_ms(7));
        let times = |it: &Revisions| it.iter().map(|it| it.made_at.ms()).collect::<Vec<_>>();
        assert_eq!(times(&revisions), [5, 7, 9]);
        revisions.forget("eu-1");
        assert_eq!(times(&revisions), [7]);
        (10..).take(REVISIONS_MAX).for_each(|at| revisions.add(&one, &found("v1"), Time::from_ms(at)));
        assert_eq!((revisions.0.len(), times(&revisions)[0]), (REVISIONS_MAX, 10));
    }
}
