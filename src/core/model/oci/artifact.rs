//! Artifacts that registries keep beside images: signatures, attestations, lists of contents, charts. No runtime runs them.

use super::Tag;

/// Algorithms whose digests tags are made of.
const ALGORITHMS: [&str; 4] = ["sha256", "sha384", "sha512", "blake3"];

/// Hexadecimal digits of a digest that a tag has at least: the spec cuts longer ones to so many.
const DIGITS_MIN: usize = 64;

/// Types of what runtimes run: indexes, manifests and configs, and (`RUNNABLE_FAMILIES`) those of WebAssembly.
const RUNNABLE: [&str; 8] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.container.image.v1+json",
];
/// Beginnings of such types.
const RUNNABLE_FAMILIES: [&str; 1] = ["application/vnd.wasm."];

/// Types that say nothing of what they are the type of.
const UNSPECIFIC: [&str; 6] =
    ["", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain", "text/html"];

impl Tag {
    /// Tells whether it names what is attached to an image and no image: `sha256-…`, the referrers tag schema of the
    /// distribution spec, or that with an ending (`.sig`, `.att`, `.sbom`), as cosign makes it.
    pub fn is_attachment(&self) -> bool {
        let Some((algorithm, rest)) = self.as_str().split_once('-') else { return false };
        let digits = rest.split('.').next().unwrap_or_default();
        ALGORITHMS.contains(&algorithm)
            && digits.len() >= DIGITS_MIN
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// Tells whether a media type, of a manifest, of its config or stated as its `artifactType`, is that of something else than
/// an image. Types are case-insensitive and may have parameters (RFC 9110 §8.3.1).
pub fn is_artifact_type(media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is = |known: &&str| media_type.eq_ignore_ascii_case(known);
    let begins = |family: &&str| {
        media_type.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family))
    };
    !RUNNABLE.iter().any(is) && !RUNNABLE_FAMILIES.iter().any(begins) && !UNSPECIFIC.iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_attachments_are_made_of_a_digest() {
        let hex = "0123456789abcdef".repeat(4);
        let of = |text: &str| text.parse::<Tag>().unwrap().is_attachment();
        for ending in ["", ".sig", ".att", ".sbom", ".sbom.json"] {
            assert!(of(&format!("sha256-{hex}{ending}")), "{ending}");
        }
        assert!(of(&format!("sha512-{hex}")), "the spec cuts digits off");
        let images = [
            "v1".to_owned(),
            "sha256".to_owned(),
            "sha-0123abc".to_owned(),
            "sha256-0123456789ab".to_owned(),
            format!("sha256-{}", "g".repeat(64)),
            format!("v1-{hex}"),
            hex.clone(),
        ];
        for tag in images {
            assert!(!of(&tag), "{tag}");
        }
    }

    #[test]
    fn types_of_artifacts_are_those_that_nothing_runs() {
        let artifacts = [
            "application/vnd.cncf.helm.config.v1+json",
            "application/vnd.oci.empty.v1+json",
            "application/vnd.oci.artifact.manifest.v1+json",
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            "application/vnd.docker.plugin.v1+json",
            "application/spdx+json",
        ];
        let others = [
            "",
            "application/json",
            "application/vnd.oci.image.index.v1+json",
            "Application/VND.oci.image.manifest.v1+json; charset=utf-8",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.wasm.config.v0+json",
        ];
        assert!(artifacts.into_iter().all(is_artifact_type));
        assert!(!others.into_iter().any(is_artifact_type));
    }
}
