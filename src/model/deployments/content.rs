//! Content behind digests, as far as it was read: the index above a manifest, and the labels of an image.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{Facts, Object, Observation};
use crate::model::oci::{Digest, Reference};
use crate::model::releases::Labels;
use crate::model::sharded_map::{ShardKey, ShardedMap};
use crate::model::time::Time;

/// Most manifests, indexes and configs whose content is remembered.
const CONTENT_MAX: usize = 65_536;

/// Most manifests of one index that are remembered.
const CHILDREN_MAX: usize = CONTENT_MAX / 64;

/// Longest version or revision that labels may name; what is longer is cut.
const LABEL_CHARS_MAX: usize = 128;

/// The most steps on the way to a version: index → manifest → config.
const HOPS_MAX: usize = 3;

/// The content that is known, by digest. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents(ShardedMap<Digest, Content>);

/// The content behind a digest, as far as it was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    /// The latest time that it was named.
    at: Time,
    /// It was read itself, not only named by another.
    is_read: bool,
    /// The index above it.
    index: Option<Digest>,
    /// The next content on the way to its labels.
    leads_to: Option<Digest>,
    /// The manifest whose config it is.
    config_of: Option<Digest>,
    labels: Option<Arc<ImageLabels>>,
}

/// Content of an image that is only known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A manifest or an index.
    Manifest(Digest),
    /// An image config.
    Config(Digest),
}

/// The release that labels or annotations name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ImageLabels {
    version: Option<String>,
    revision: Option<String>,
    created_at: Option<Time>,
}

impl ImageLabels {
    /// Nothing where they name neither version nor revision.
    fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let text = |label: &str| {
            let text = labels.get(label).map(|text| text.trim()).filter(|text| !text.is_empty());
            text.map(|text| text.chars().take(LABEL_CHARS_MAX).collect::<String>())
        };
        let (version, revision) = (text("version"), text("revision"));
        let created_at = labels.get("created").and_then(|text| text.parse().ok());
        (version.is_some() || revision.is_some()).then_some(Self { version, revision, created_at })
    }

    /// The same, as the catalogue reads it.
    pub(super) fn labels(&self) -> Labels<'_> {
        Labels {
            version: self.version.as_deref(),
            revision: self.revision.as_deref(),
            created_at: self.created_at,
        }
    }
}

impl ShardKey for Digest {
    fn shard_hash(&self) -> u64 {
        self.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

impl Contents {
    /// The index that an observed manifest belongs to, where it is known; notes it where the observation says so.
    pub(super) fn index_of(&mut self, observation: &Observation) -> Option<Digest> {
        let (Object::Manifest, Some(digest)) = (observation.object, observation.digest) else { return None };
        if observation.parent.is_none() {
            let by_digest = matches!(observation.reference, Reference::Digest(_));
            return if by_digest { self.0.get(&digest)?.index } else { None };
        }
        if self.0.get(&digest).is_none_or(|content| content.index != observation.parent) {
            self.set_index(observation.at, digest, observation.parent);
        }
        observation.parent
    }

    /// Notes the index above a manifest.
    pub(super) fn set_index(&mut self, at: Time, manifest: Digest, index: Option<Digest>) {
        self.named(at, manifest).index = index;
    }

    /// The content of a digest that is named at `at`.
    fn named(&mut self, at: Time, digest: Digest) -> &mut Content {
        let (content, _) = self.0.bounded(&digest, CONTENT_MAX, |content| content.at);
        content.at = content.at.max(at);
        content
    }

    /// Takes what was read of `digest` at `at` into account. Returns the digest of the manifest or index that people
    /// deploy: above a config its manifest, above that its index.
    pub(super) fn learn(&mut self, at: Time, digest: Digest, facts: &Facts) -> Digest {
        let (labels, leads_to) = match facts {
            Facts::Index { children, labels } => {
                for &child in children.iter().take(CHILDREN_MAX) {
                    self.set_index(at, child, Some(digest));
                }
                (labels, children.first().copied())
            }
            Facts::Manifest { config, labels } => {
                self.named(at, *config).config_of = Some(digest);
                (labels, Some(*config))
            }
            Facts::Config { labels } => (labels, None),
        };
        let labels = ImageLabels::of(labels);
        let content = self.named(at, digest);
        content.is_read = true;
        content.leads_to = leads_to.or(content.leads_to);
        content.labels = labels.map(Arc::new).or_else(|| content.labels.take());
        let manifest = content.config_of.unwrap_or(digest);
        self.0.get(&manifest).and_then(|content| content.index).unwrap_or(manifest)
    }

    /// The labels of an image: its own annotations, else its platform manifest's, else its config's.
    pub(super) fn labels(&self, digest: &Digest) -> Option<&Arc<ImageLabels>> {
        let mut content = self.0.get(digest)?;
        for _ in 0..HOPS_MAX {
            if let Some(labels) = &content.labels {
                return Some(labels);
            }
            content = self.0.get(&content.leads_to?)?;
        }
        None
    }

    /// Tells whether this content is known to have been read.
    pub(super) fn has_read(&self, digest: &Digest) -> bool {
        self.0.get(digest).is_some_and(|content| content.is_read)
    }

    /// The next unread part of an image on the way to its labels: itself, its first platform manifest, or its config.
    pub(super) fn unread(&self, image: &Digest) -> Option<Unread> {
        let mut unread = Unread::Manifest(*image);
        for _ in 0..HOPS_MAX {
            let (Unread::Manifest(digest) | Unread::Config(digest)) = unread;
            let Some(content) = self.0.get(&digest).filter(|content| content.is_read) else {
                return Some(unread);
            };
            let next = content.leads_to?;
            let is_config = self.0.get(&next).is_some_and(|it| it.config_of == Some(digest));
            unread = if is_config { Unread::Config(next) } else { Unread::Manifest(next) };
        }
        None
    }
}
