//! A pull as containerd makes it.

use std::sync::Arc;

use landfall::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::{Digest, Reference, Repository};
use landfall::model::time::Time;

/// The requests of a node that does not have the image: HEAD by tag, GET of the manifest, GET of its one layer.
pub(super) fn pull(
    environment: &EnvironmentName,
    client: &Arc<str>,
    repository: &Repository,
    tag: &Reference,
    digest: Digest,
    at: Time,
) -> [Observation; 3] {
    let layer = Digest::of(format!("{digest}/layer").as_bytes());
    let request = |method, reference, digest, object| Observation {
        at,
        environment: environment.clone(),
        token: TokenId::new("tok_1"),
        token_kind: TokenKind::Cluster,
        client: client.clone(),
        agent: "containerd/v1.7.22".into(),
        method,
        repository: repository.clone(),
        reference,
        digest: Some(digest),
        object,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    };
    [
        request(Method::Head, tag.clone(), digest, Object::Manifest),
        request(Method::Get, Reference::Digest(digest), digest, Object::Manifest),
        request(Method::Get, Reference::Digest(layer), layer, Object::Blob),
    ]
}
