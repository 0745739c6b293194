//! Content behind digests, as far as it was read: the indexes above a manifest, and the labels of an image.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{Facts, Object, Observation};
use crate::model::oci::Digest;
use crate::model::releases::Labels;
use crate::model::sharded_map::{ShardKey, ShardedMap};
use crate::model::time::Time;

/// Most manifests, indexes and configs whose content is remembered.
const CONTENT_MAX: usize = 65_536;

/// Most manifests of one index that are remembered.
const CHILDREN_MAX: usize = CONTENT_MAX / 64;

/// Longest version or revision that labels may name; what is longer is cut.
const LABEL_CHARS_MAX: usize = 128;

/// Most manifests or indexes that are remembered to contain the same content; beyond them the one named longest ago goes.
const ABOVE_MAX: usize = 16;

/// Most manifests of one index that are remembered with it: platforms, and what comes with each.
const BELOW_MAX: usize = 16;

/// The most indexes on the way up from a manifest, one in the other.
const LEVELS_MAX: usize = 4;

/// Most that is looked at on the way up.
const LOOKED_AT_MAX: usize = 64;

/// The most steps on the way to a version: indexes → manifest → config.
const HOPS_MAX: usize = LEVELS_MAX + 2;

/// The content that is known, by digest. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    known: ShardedMap<Digest, Content>,
    /// Some of it is no image: most logs have nothing of that kind, and need not look.
    has_artifacts: bool,
}

/// The content behind a digest, as far as it was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    /// The latest time that it was named.
    at: Time,
    /// It was read itself, not only named by another.
    is_read: bool,
    /// The indexes that contain this manifest, or the manifests with this config; the one named last is the last. Builds
    /// that differ in nothing but their provenance share their platform manifests.
    above: Vec<Digest>,
    is_config: bool,
    /// The manifests that this index is known to contain, as far as it was named by one of them.
    below: Vec<Digest>,
    /// It is no image, nor part of one: a chart, a signature.
    is_artifact: bool,
    /// The next content on the way to its labels.
    leads_to: Option<Digest>,
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
    /// Notes the index that an observation states for its manifest.
    pub(super) fn note_parent(&mut self, observation: &Observation) {
        if let (Object::Manifest, Some(digest), Some(parent)) =
            (observation.object, observation.digest, observation.parent)
        {
            self.add_above(observation.at, digest, parent);
        }
    }

    /// Notes that `above`, an index or a manifest, contains `digest`.
    pub(super) fn add_above(&mut self, at: Time, digest: Digest, above: Digest) {
        let is_last = |content: &Content| content.above.last() == Some(&above);
        if digest == above || self.known.get(&digest).is_some_and(is_last) {
            return;
        }
        let all = &mut self.named(at, digest).above;
        all.retain(|known| *known != above);
        if all.len() == ABOVE_MAX {
            all.remove(0);
        }
        all.push(above);
        let below = &mut self.named(at, above).below;
        if below.len() < BELOW_MAX && !below.contains(&digest) {
            below.push(digest);
        }
    }

    /// The indexes known to contain `digest` directly, and the manifests that it is known to contain.
    pub(super) fn akin(&self, digest: &Digest) -> impl Iterator<Item = &Digest> {
        let content = self.known.get(digest);
        content.into_iter().flat_map(|content| content.below.iter().chain(&content.above))
    }

    /// Notes that `digest` is no image. Returns whether that is news.
    pub(super) fn note_artifact(&mut self, at: Time, digest: Digest) -> bool {
        let is_news = !self.is_artifact(&digest);
        if is_news {
            self.named(at, digest).is_artifact = true;
            self.has_artifacts = true;
        }
        is_news
    }

    /// Tells whether `digest` is known to be no image.
    pub(super) fn is_artifact(&self, digest: &Digest) -> bool {
        self.has_artifacts && self.known.get(digest).is_some_and(|content| content.is_artifact)
    }

    /// Everything that contains `digest`, directly or not; the nearest first.
    pub(super) fn above(&self, digest: &Digest) -> Vec<Digest> {
        let mut all: Vec<Digest> = self.directly_above(digest).to_vec();
        let mut level = 0..all.len();
        for _ in 1..LEVELS_MAX {
            for place in level.clone() {
                for &next in self.directly_above(&all[place]) {
                    if all.len() < LOOKED_AT_MAX && next != *digest && !all.contains(&next) {
                        all.push(next);
                    }
                }
            }
            level = level.end..all.len();
        }
        all
    }

    /// The outermost indexes that contain `digest`, as far as is known; `digest` itself where none does.
    pub(super) fn tops(&self, digest: &Digest) -> Vec<Digest> {
        let mut tops = self.above(digest);
        if tops.is_empty() {
            tops.push(*digest);
        } else {
            tops.retain(|above| self.directly_above(above).is_empty());
        }
        tops
    }

    /// The image that something which runs belongs to: a manifest or a config, the index that contains it. Where there are
    /// several, one that `is_known` here.
    pub(super) fn top(&self, digest: &Digest, is_known: impl Fn(&Digest) -> bool) -> Digest {
        if is_known(digest) {
            return *digest;
        }
        let known = self.above(digest).into_iter().find(is_known);
        known.or_else(|| self.only_top(digest)).unwrap_or(*digest)
    }

    /// The top of `digest`, if it has one alone.
    pub(super) fn only_top(&self, digest: &Digest) -> Option<Digest> {
        match self.tops(digest).as_slice() {
            [top] => Some(*top),
            _ => None,
        }
    }

    fn directly_above(&self, digest: &Digest) -> &[Digest] {
        self.known.get(digest).map_or(&[], |content| &content.above)
    }

    /// The content of a digest that is named at `at`.
    fn named(&mut self, at: Time, digest: Digest) -> &mut Content {
        let (content, _) = self.known.bounded(&digest, CONTENT_MAX, |content| content.at);
        content.at = content.at.max(at);
        content
    }

    /// Takes what was read of `digest` at `at` into account. Returns the digests of the images that people deploy by it:
    /// above a config its manifests, above those their indexes.
    pub(super) fn learn(&mut self, at: Time, digest: Digest, facts: &Facts) -> Vec<Digest> {
        let (labels, leads_to) = match facts {
            Facts::Index { children, labels } => {
                for &child in children.iter().take(CHILDREN_MAX) {
                    self.add_above(at, child, digest);
                }
                (labels, children.first().copied())
            }
            Facts::Manifest { config, labels } => {
                self.add_above(at, *config, digest);
                self.named(at, *config).is_config = true;
                (labels, Some(*config))
            }
            Facts::Config { labels } => (labels, None),
        };
        let labels = ImageLabels::of(labels);
        let content = self.named(at, digest);
        content.is_read = true;
        content.leads_to = leads_to.or(content.leads_to);
        content.labels = labels.map(Arc::new).or_else(|| content.labels.take());
        self.tops(&digest)
    }

    /// The labels of an image: its own annotations, else its platform manifest's, else its config's.
    pub(super) fn labels(&self, digest: &Digest) -> Option<&Arc<ImageLabels>> {
        let mut content = self.known.get(digest)?;
        for _ in 0..HOPS_MAX {
            if let Some(labels) = &content.labels {
                return Some(labels);
            }
            content = self.known.get(&content.leads_to?)?;
        }
        None
    }

    /// Tells whether this content is known to have been read.
    pub(super) fn has_read(&self, digest: &Digest) -> bool {
        self.known.get(digest).is_some_and(|content| content.is_read)
    }

    /// The next unread part of an image on the way to its labels: itself, its first platform manifest, or its config.
    pub(super) fn unread(&self, image: &Digest) -> Option<Unread> {
        let mut unread = Unread::Manifest(*image);
        for _ in 0..HOPS_MAX {
            let (Unread::Manifest(digest) | Unread::Config(digest)) = unread;
            let Some(content) = self.known.get(&digest).filter(|content| content.is_read) else {
                return Some(unread);
            };
            let next = content.leads_to?;
            let is_config = self.known.get(&next).is_some_and(|it| it.is_config);
            unread = if is_config { Unread::Config(next) } else { Unread::Manifest(next) };
        }
        None
    }
}
