//! Images as registries keep them: manifests, indexes around them, layers that versions share.

use crate::model::oci::{Digest, Reference};

/// The manifests between a reference and the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One manifest for all platforms.
    Manifest,
    /// An index of platform manifests.
    Index,
    /// An index in an index, as `docker buildx imagetools create` and some release tools make them.
    Nested,
}

/// The names that pods use for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// A tag for each version.
    Version,
    /// The digest itself.
    Pinned,
    /// One tag that is moved to each build, and a catalogue that knows the builds.
    Moved(&'static str),
    /// A tag for each commit.
    Commit,
}

/// One build.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// The version, as its release has it.
    pub(super) version: String,
    /// Tells whether it is a release, which the catalogue knows.
    pub(super) is_released: bool,
    /// The reference that pods ask for.
    pub(super) reference: Reference,
    /// The manifests from the top-level one down to that of the platform.
    pub(super) chain: Vec<Digest>,
    pub(super) config: Digest,
    /// The layers, with their bytes.
    pub(super) layers: Vec<(Digest, u64)>,
}

fn digest(what: &str, of: &str) -> Digest {
    Digest::of(format!("{what} of {of}").as_bytes())
}

impl Image {
    pub(super) fn new(service: &str, version: &str, shape: Shape, naming: Naming) -> Self {
        let name = format!("{service}:{version}");
        let chain: Vec<Digest> = match shape {
            Shape::Manifest => vec![digest("manifest", &name)],
            Shape::Index => vec![digest("index", &name), digest("manifest", &name)],
            Shape::Nested => {
                vec![digest("outer index", &name), digest("index", &name), digest("manifest", &name)]
            }
        };
        let commit = digest("commit", &name).to_string();
        let reference = match naming {
            Naming::Version => version.parse().unwrap(),
            Naming::Pinned => Reference::Digest(chain[0]),
            Naming::Moved(tag) => tag.parse().unwrap(),
            Naming::Commit => format!("main-{}", &commit[7..14]).parse().unwrap(),
        };
        let layers = vec![
            (digest("base layer", service), 3_000_000),
            (digest("dependencies", service), 4_000_000),
            (digest("layer", &name), 1_500_000),
        ];
        Self {
            version: version.into(),
            is_released: true,
            reference,
            chain,
            config: digest("config", &name),
            layers,
        }
    }

    /// The same content in another index, as a cached rebuild with new provenance gives it.
    pub(super) fn rebuilt(&self, service: &str, version: &str, naming: Naming) -> Self {
        let mut image = Self::new(service, version, Shape::Index, naming);
        image.chain[1] = *self.chain.last().unwrap();
        (image.config, image.layers) = (self.config, self.layers.clone());
        image
    }

    /// The top-level digest: what the image is known by.
    pub(super) fn digest(&self) -> Digest {
        self.chain[0]
    }

    /// The media type of the manifest at a place of the chain.
    pub(super) fn media_type(&self, place: usize) -> &'static str {
        if place + 1 < self.chain.len() {
            "application/vnd.oci.image.index.v1+json"
        } else {
            "application/vnd.oci.image.manifest.v1+json"
        }
    }
}
