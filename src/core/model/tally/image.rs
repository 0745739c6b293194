//! Names of images as workloads write them, and identifiers of images as runtimes write them.

use std::sync::Arc;

use crate::model::oci::{Digest, Reference, Repository};

/// The registry of images whose names have no host, and its namespace for names of one word.
const DOCKER_HUB: (&str, &str) = ("docker.io", "library");

/// `[HOST/]PATH[:TAG][@DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The registry's host; Docker Hub's where the name has none.
    pub host: Arc<str>,
    /// The path there.
    pub repository: Repository,
    /// The tag, unless a digest pins the image. Without both it is `latest`.
    pub tag: Option<Reference>,
    /// The digest that pins it.
    pub digest: Option<Digest>,
}

impl ImageName {
    /// Reads a name; nothing where it is none. As Docker and containerd read it: a first part with a dot or a port is a
    /// host, and so is `localhost`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (text, None),
        };
        // A colon before the last slash is a port's.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], &name[last + colon + 1..]),
            None => (name, "latest"),
        };
        let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
        let (host, path) = name.split_once('/').filter(|(first, _)| is_host(first)).unwrap_or(("", name));
        let (host, repository) = match (host, path.contains('/')) {
            ("", true) => (DOCKER_HUB.0, Repository::in_path(path)),
            ("", false) => (DOCKER_HUB.0, Repository::in_path(&format!("{}/{path}", DOCKER_HUB.1))),
            (host, _) => (host, Repository::in_path(path)),
        };
        let tag = digest.is_none().then(|| tag.parse()).transpose().ok()?;
        Some(Self { host: host.into(), repository: repository.ok()?, tag, digest })
    }
}

/// The digest in an image's identifier, as runtimes write it: `REPOSITORY@DIGEST`, which is the digest that the registry
/// answered with, or that of the config alone, where the image came another way. dockerd's shim puts `docker-pullable://`
/// or `docker://` before it, and old CRI-O leaves the algorithm out.
pub fn digest_of_image_id(text: &str) -> Option<Digest> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let digest = text.rsplit_once('@').map_or(text, |(_, digest)| digest);
    digest.parse().ok().or_else(|| format!("sha256:{digest}").parse().ok())
}
