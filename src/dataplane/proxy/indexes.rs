//! Indexes, and the one that each client read last: the index that its next platform manifest belongs to.
//!
//! A platform manifest may be in several indexes, so an index that somebody else read says nothing of this client's pull.

use std::sync::Arc;

use super::observe::PendingObservation;
use super::recent::Recent;
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Repository};

/// Indexes remembered, at least, and clients that read one; each takes some 200 B.
const REMEMBERED_MIN: usize = 20_000;

/// A client, as an environment knows it, and the repository that it asks for.
type Reader = (EnvironmentName, Arc<str>, Repository);

/// Remembers what indexes contain and who read them.
pub(super) struct Indexes {
    children: Recent<Digest, Arc<[Digest]>>,
    read_last: Recent<Reader, Digest>,
}

impl Indexes {
    pub(super) fn new() -> Self {
        Self { children: Recent::new(REMEMBERED_MIN), read_last: Recent::new(REMEMBERED_MIN) }
    }

    /// Notes what an index contains.
    pub(super) fn learn(&self, index: Digest, children: &[Digest]) {
        self.children.insert(index, children.into());
    }

    /// Returns the index that the manifest belongs to, if this client read it last, and notes what it reads now.
    pub(super) fn parent(&self, pending: &PendingObservation, digest: &Digest) -> Option<Digest> {
        self.parent_for(&pending.reader(), digest)
    }

    fn parent_for(&self, reader: &Reader, digest: &Digest) -> Option<Digest> {
        let last = self.read_last.get(reader);
        let contains = |index: &Digest| self.children.get(index).is_some_and(|all| all.contains(digest));
        let parent = last.filter(contains);
        if self.children.get(digest).is_some() {
            self.read_last.insert(reader.clone(), *digest);
        }
        parent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    fn reader(environment: &str, client: &str, repository: &str) -> Reader {
        (environment.parse().unwrap(), client.into(), repository.parse().unwrap())
    }

    #[test]
    fn a_manifest_belongs_to_the_index_that_this_client_read_last() {
        let [a, b, inner, shared, other] = [1, 2, 3, 4, 5].map(digest);
        let indexes = Indexes::new();
        indexes.learn(a, &[shared, other]);
        indexes.learn(b, &[inner]);
        indexes.learn(inner, &[shared]);
        let node = || reader("production", "10.0.0.1", "app");
        let steps = [
            ("nothing was read", node(), shared, None),
            ("an index is in none", node(), a, None),
            ("its manifest", node(), shared, Some(a)),
            ("another node", reader("production", "10.0.0.2", "app"), shared, None),
            (
                "another environment behind the same address",
                reader("staging", "10.0.0.1", "app"),
                shared,
                None,
            ),
            ("another repository", reader("production", "10.0.0.1", "web"), shared, None),
            ("the other image", node(), b, None),
            ("an index in it", node(), inner, Some(b)),
            ("the manifest in that", node(), shared, Some(inner)),
            ("a manifest of the index before", node(), other, None),
        ];
        for (step, reader, asked, expected) in steps {
            assert_eq!(indexes.parent_for(&reader, &asked), expected, "{step}");
        }
    }
}
