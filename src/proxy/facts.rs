//! What an index, a manifest or an image config says about itself. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::event::Facts;
use crate::model::oci::Digest;

/// OCI image spec, "Pre-Defined Annotation Keys".
const LABEL_PREFIX: &str = "org.opencontainers.image.";
/// Labels kept of one image.
const LABELS_MAX: usize = 32;
/// Longest label that is kept, in bytes; a longer one is left out.
const LABEL_BYTES_MAX: usize = 512;
/// Bytes of all labels of one image: what it says about itself stays in the log for ever.
const LABELS_BYTES_MAX: usize = 4 * 1024;
/// The labels that something is made of; the others stand behind them.
const LABELS_FIRST: [&str; 3] = ["version", "revision", "created"];
/// Children kept of one index.
const CHILDREN_MAX: usize = 256;

/// Of an index and of a manifest, the fields that matter here (OCI image spec; Docker's schema 2 has the same).
#[derive(Deserialize)]
struct Manifest {
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
}

#[derive(Deserialize)]
struct ImageConfig {
    config: Option<ContainerConfig>,
}

#[derive(Deserialize)]
struct ContainerConfig {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// What a manifest or an index says; nothing for other content.
///
/// Images come before attestations, whose platform is `unknown`, so that the first child is one that nodes run.
pub(super) fn of_manifest(body: &[u8]) -> Option<Facts> {
    let manifest: Manifest = serde_json::from_slice(body).ok()?;
    let labels = kept(manifest.annotations.unwrap_or_default());
    if let Some(mut children) = manifest.manifests {
        children
            .sort_by_key(|child| child.platform.as_ref().is_some_and(|platform| platform.os == "unknown"));
        let digests = children.iter().filter_map(|child| child.digest.parse().ok()).take(CHILDREN_MAX);
        return Some(Facts::Index { children: digests.collect(), labels });
    }
    let config: Digest = manifest.config?.digest.parse().ok()?;
    Some(Facts::Manifest { config, labels })
}

/// What an image config says. Other content has no labels.
pub(super) fn of_config(body: &[u8]) -> Facts {
    let image = serde_json::from_slice::<ImageConfig>(body).ok();
    let labels = image.and_then(|image| image.config?.labels);
    Facts::Config { labels: kept(labels.unwrap_or_default()) }
}

fn kept(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels: Vec<(String, String)> = labels
        .into_iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(LABEL_PREFIX)?.to_owned(), value)))
        .filter(|(key, value)| key.len() <= LABEL_BYTES_MAX && value.len() <= LABEL_BYTES_MAX)
        .collect();
    labels.sort_by_key(|(key, _)| !LABELS_FIRST.contains(&key.as_str()));
    let mut bytes = 0;
    labels
        .into_iter()
        .take(LABELS_MAX)
        .take_while(|(key, value)| {
            bytes += key.len() + value.len();
            bytes <= LABELS_BYTES_MAX
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    #[test]
    fn an_index_names_its_images_before_its_attestations() {
        let body = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [
                { "digest": digest(1), "platform": { "os": "unknown", "architecture": "unknown" } },
                { "digest": digest(2), "platform": { "os": "linux", "architecture": "amd64" } },
                { "digest": "sha512:no" },
            ],
            "annotations": { "org.opencontainers.image.version": "2", "com.example": "x" },
        });
        let labels = [("version".to_owned(), "2".to_owned())].into();
        let expected = Facts::Index { children: vec![digest(2), digest(1)], labels };
        assert_eq!(of_manifest(body.to_string().as_bytes()), Some(expected));
    }

    #[test]
    fn a_manifest_names_its_config_and_a_config_its_labels() {
        let body = serde_json::json!({ "config": { "digest": digest(3) }, "layers": [] });
        let expected = Facts::Manifest { config: digest(3), labels: BTreeMap::new() };
        assert_eq!(of_manifest(body.to_string().as_bytes()), Some(expected));
        let long = "x".repeat(LABEL_BYTES_MAX + 1);
        let body = serde_json::json!({ "config": { "Labels": {
            "org.opencontainers.image.version": "v1", "org.opencontainers.image.title": long, "maintainer": "m" } } });
        let expected = Facts::Config { labels: [("version".to_owned(), "v1".to_owned())].into() };
        assert_eq!(of_config(body.to_string().as_bytes()), expected);
    }

    #[test]
    fn other_content_says_nothing() {
        for body in ["", "{}", "[]", "{\"config\":{\"digest\":\"sha256:1\"}}", "\u{0}"] {
            assert_eq!(of_manifest(body.as_bytes()), None, "{body}");
        }
        let nothing = Facts::Config { labels: BTreeMap::new() };
        for body in ["", "{}", "[]", "{\"config\":null}", "{\"config\":{\"Labels\":null}}", "\u{0}"] {
            assert_eq!(of_config(body.as_bytes()), nothing, "{body}");
        }
    }
}
