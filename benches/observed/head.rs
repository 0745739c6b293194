//! A HEAD by tag, which a node sends that may have the image.

use landfall::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::Digest;
use landfall::model::time::Time;

/// The HEAD of a node for a release of a service, by a token of `environment`. One release has one digest.
pub(super) fn head(
    environment: EnvironmentName,
    token: &str,
    client: &str,
    service: &str,
    release: u64,
    at: Time,
) -> Observation {
    Observation {
        at,
        environment,
        token: TokenId::new(token),
        token_kind: TokenKind::Cluster,
        client: client.into(),
        agent: "containerd/v1.7.22".into(),
        method: Method::Head,
        repository: format!("docker/{service}").parse().expect("a repository"),
        reference: format!("v1.{release}.0").parse().expect("a tag"),
        digest: Some(Digest::of(format!("{service}/{release}").as_bytes())),
        object: Object::Manifest,
        media_type: Some("application/vnd.oci.image.manifest.v1+json".into()),
        status: 200,
        bytes: 0,
        parent: None,
    }
}
