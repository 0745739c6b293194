//! Facts that indexes, manifests and image configs state about themselves. Pure.
//!
//! A digest does not fix the type of a document: one document can be an index to one reader and an image
//! manifest to another (CVE-2021-41190). Ambiguous documents are ignored.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::headers::{MEDIA_TYPE_BYTES_MAX, truncated};
use crate::model::event::Facts;
use crate::model::oci::{Digest, is_artifact_type};

/// OCI image spec, "Pre-Defined Annotation Keys".
const LABEL_PREFIX: &str = "org.opencontainers.image.";
/// Labels kept of one image.
const LABELS_MAX: usize = 32;
/// Longest key or value of a label that is kept, in bytes.
const LABEL_BYTES_MAX: usize = 512;
/// Bytes of all labels kept of one image: they stay in the log for ever.
const LABELS_BYTES_MAX: usize = 4 * 1024;
/// Labels that Landfall evaluates; they are kept before others.
const LABELS_FIRST: [&str; 3] = ["version", "revision", "created"];
/// The config of an artifact that has none: its type is stated (image spec, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
/// Children kept of one index.
const CHILDREN_MAX: usize = 256;

/// A registry's answer to a manifest request.
pub(super) struct Document<'a> {
    /// Type by the `Content-Type` header.
    declared: DeclaredType,
    body: &'a [u8],
}

/// Kind of document that a media type declares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DeclaredType {
    /// One of the known kinds.
    Kind(DocumentKind),
    /// None, or a generic type such as `application/json`.
    Unspecified,
    /// Another type, or several.
    Other,
}

/// Kinds of documents that facts are taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DocumentKind {
    Index,
    Image,
}

/// The evaluated fields of indexes and manifests (OCI image spec; the same in Docker's schema 2).
#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<IgnoredAny>,
    manifests: Option<Vec<Descriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
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

impl<'a> Document<'a> {
    /// Combines a body with the type that its headers declare.
    pub(super) fn new(headers: &HeaderMap, body: &'a [u8]) -> Self {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let declared = match (types.next(), types.next()) {
            (None, _) => DeclaredType::Unspecified,
            (Some(media_type), None) => media_type.to_str().map_or(DeclaredType::Other, DeclaredType::parse),
            _ => DeclaredType::Other,
        };
        Self { declared, body }
    }
}

impl DeclaredType {
    /// Parses a media type, which is case-insensitive and may have parameters (RFC 9110 §8.3.1).
    fn parse(media_type: &str) -> Self {
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Self::Kind(DocumentKind::Index),
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Self::Kind(DocumentKind::Image),
            "" | "application/json" | "application/octet-stream" | "text/plain" => Self::Unspecified,
            _ => Self::Other,
        }
    }

    fn allows(self, kind: DocumentKind) -> bool {
        self == Self::Unspecified || self == Self::Kind(kind)
    }
}

impl Manifest {
    fn parse(document: &Document<'_>) -> Option<Self> {
        // JSON must be UTF-8 in all members, also in those that are not read (RFC 8259 §8.1).
        serde_json::from_str(str::from_utf8(document.body).ok()?).ok()
    }

    /// The type of the artifact that it is: stated, or that of its config (image spec, "Guidelines for Artifact Usage").
    /// None of an image, whatever it states beside its config.
    fn artifact_type(&self) -> Option<&str> {
        let stated = self.artifact_type.as_deref();
        let config = self.config.as_ref().and_then(|config| config.media_type.as_deref());
        match config {
            Some(EMPTY_CONFIG) | None => stated.or(config),
            Some(_) => config,
        }
        .filter(|it| is_artifact_type(it))
    }

    /// Kind by the document's members; `None` if they are of both kinds.
    fn kind(&self) -> Option<DocumentKind> {
        match (&self.manifests, &self.config, &self.layers) {
            (Some(_), None, None) => Some(DocumentKind::Index),
            (None, Some(_), _) => Some(DocumentKind::Image),
            _ => None,
        }
    }
}

/// Returns the facts of an index or a manifest. Returns `None` for other content, and where members,
/// `mediaType` and `Content-Type` disagree about the kind.
///
/// Images are sorted before attestations, whose platform is `unknown`, so that the first child is one that nodes run.
pub(super) fn of_manifest(document: &Document<'_>) -> Option<Facts> {
    let manifest = Manifest::parse(document).filter(|manifest| manifest.artifact_type().is_none())?;
    let own = manifest.media_type.as_deref().map_or(DeclaredType::Unspecified, DeclaredType::parse);
    manifest.kind().filter(|kind| own.allows(*kind) && document.declared.allows(*kind))?;
    let labels = bounded_labels(manifest.annotations.unwrap_or_default());
    if let Some(mut children) = manifest.manifests {
        children
            .sort_by_key(|child| child.platform.as_ref().is_some_and(|platform| platform.os == "unknown"));
        let digests = children.iter().filter_map(|child| child.digest.parse().ok()).take(CHILDREN_MAX);
        return Some(Facts::Index { children: digests.collect(), labels });
    }
    let config: Digest = manifest.config?.digest.parse().ok()?;
    Some(Facts::Manifest { config, labels })
}

/// Returns the type of the artifact that a document is; none for an image.
pub(super) fn artifact_type(document: &Document<'_>) -> Option<Arc<str>> {
    let manifest = Manifest::parse(document)?;
    Some(truncated(manifest.artifact_type()?.as_bytes(), MEDIA_TYPE_BYTES_MAX))
}

/// Returns the facts of an image config; none for other content.
pub(super) fn of_config(body: &[u8]) -> Facts {
    let image = serde_json::from_slice::<ImageConfig>(body).ok();
    let labels = image.and_then(|image| image.config?.labels);
    Facts::Config { labels: bounded_labels(labels.unwrap_or_default()) }
}

fn bounded_labels(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
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

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    fn learned(content_types: &[&str], body: &str) -> Option<Facts> {
        let headers = content_types.iter().map(|value| (CONTENT_TYPE, value.parse().unwrap())).collect();
        of_manifest(&Document::new(&headers, body.as_bytes()))
    }

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
        assert_eq!(learned(&[], &body.to_string()), Some(expected));
    }

    #[test]
    fn a_manifest_names_its_config_and_a_config_its_labels() {
        let body = serde_json::json!({ "config": { "digest": digest(3) }, "layers": [] });
        let expected = Facts::Manifest { config: digest(3), labels: BTreeMap::new() };
        assert_eq!(learned(&[], &body.to_string()), Some(expected));
        let long = "x".repeat(LABEL_BYTES_MAX + 1);
        let body = serde_json::json!({ "config": { "Labels": {
            "org.opencontainers.image.version": "v1", "org.opencontainers.image.title": long, "maintainer": "m" } } });
        let expected = Facts::Config { labels: [("version".to_owned(), "v1".to_owned())].into() };
        assert_eq!(of_config(body.to_string().as_bytes()), expected);
    }

    #[test]
    fn other_content_says_nothing() {
        for body in ["", "{}", "[]", "{\"config\":{\"digest\":\"sha256:1\"}}", "\u{0}"] {
            assert_eq!(learned(&[], body), None, "{body}");
        }
        let nothing = Facts::Config { labels: BTreeMap::new() };
        for body in ["", "{}", "[]", "{\"config\":null}", "{\"config\":{\"Labels\":null}}", "\u{0}"] {
            assert_eq!(of_config(body.as_bytes()), nothing, "{body}");
        }
    }

    #[test]
    fn an_artifact_is_known_by_its_stated_type_or_that_of_its_config() {
        let helm = "application/vnd.cncf.helm.config.v1+json";
        let image = "application/vnd.oci.image.config.v1+json";
        let cases = [
            (None, Some(image), None),
            (None, None, None),
            (None, Some(helm), Some(helm)),
            (Some(helm), Some(EMPTY_CONFIG), Some(helm)),
            (None, Some(EMPTY_CONFIG), Some(EMPTY_CONFIG)),
            (Some(helm), Some(image), None),
        ];
        for (stated, config, expected) in cases {
            let config = serde_json::json!({ "mediaType": config, "digest": digest(1) });
            let body =
                serde_json::json!({ "artifactType": stated, "config": config, "layers": [] }).to_string();
            let document = Document::new(&HeaderMap::new(), body.as_bytes());
            assert_eq!(artifact_type(&document).as_deref(), expected, "{body}");
            assert_eq!(of_manifest(&document).is_none(), expected.is_some(), "{body}");
        }
        let index = serde_json::json!({ "artifactType": helm, "manifests": [] }).to_string();
        assert!(artifact_type(&Document::new(&HeaderMap::new(), index.as_bytes())).is_some());
    }

    /// CVE-2021-41190: a document that is an index to one reader and a manifest to another.
    #[test]
    fn a_document_of_two_kinds_says_nothing() {
        let list = format!(r#""manifests":[{{"digest":"{}"}}]"#, digest(1));
        let config = format!(r#""config":{{"digest":"{}"}}"#, digest(2));
        let of = |media_type: &str| format!(r#""mediaType":"{media_type}""#);
        let document = |members: &[&str]| format!("{{{}}}", members.join(","));
        let is_index = |facts| matches!(facts, Some(Facts::Index { .. }));
        let is_image = |facts| matches!(facts, Some(Facts::Manifest { .. }));

        for content_type in
            [INDEX, "Application/VND.oci.image.index.v1+json; charset=utf-8", "application/json"]
        {
            assert!(is_index(learned(&[content_type], &document(&[&of(INDEX), &list]))), "{content_type}");
        }
        for content_type in [IMAGE, "application/vnd.docker.distribution.manifest.v2+json", "text/plain"] {
            let layers = [r#""layers":[]"#, &config];
            assert!(is_image(learned(&[content_type], &document(&layers))), "{content_type}");
        }
        for content_types in [&[][..], &[INDEX], &[IMAGE]] {
            for members in [
                &[list.as_str(), &config][..],
                &[&list, r#""layers":[]"#],
                &[&of(INDEX), &list, &config],
                &[&of(IMAGE), &list, &config],
                &[&of(IMAGE), &list],
                &[&of(INDEX), &config],
                &[&of("application/vnd.docker.distribution.manifest.v1+prettyjws"), &config],
                &[&list, &list],
                &[&of(INDEX), &of(IMAGE), &list],
            ] {
                assert_eq!(learned(content_types, &document(members)), None, "{content_types:?} {members:?}");
            }
        }
        for (content_types, members) in [
            (&[IMAGE][..], &list),
            (&[INDEX], &config),
            (&[INDEX, IMAGE], &list),
            (&[INDEX, INDEX], &list),
            (&["application/vnd.docker.distribution.manifest.v1+prettyjws"], &config),
            (&["application/vnd.oci.artifact.manifest.v1+json"], &config),
        ] {
            assert_eq!(learned(content_types, &document(&[members])), None, "{content_types:?} {members}");
        }
    }
}
