//! The images that the demo's registry serves, built in code: real OCI content that a real client can pull.

use bytes::Bytes;
use serde_json::{Value, json};

use super::registry::{Descriptor, INDEX, MANIFEST, Shelf};
use crate::model::oci::Digest;
use crate::model::time::Span;

/// An image by repository and tag.
pub(super) type Image = (&'static str, &'static str);

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Size of the base layer that all images share: large enough to show as a transfer, small enough to be instant.
const BASE_BYTES: usize = 512 * 1024;
/// A tar archive is made of blocks of this size (POSIX.1-2017, pax, "ustar Interchange Format").
const TAR_BLOCK_BYTES: usize = 512;

/// A released image, and what its team says about it.
pub(super) struct Release {
    pub(super) repository: &'static str,
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    /// Time between its making and the demo.
    pub(super) age: Span,
    /// Release notes, as CI registers them.
    pub(super) notes: &'static str,
    /// The architectures it is built for. One is served as a bare manifest, several as an index.
    architectures: &'static [&'static str],
}

const fn hours(hours: i64) -> Span {
    Span::from_mins(hours * 60)
}

/// Releases of the demo's two teams, in publishing order.
pub(super) static RELEASES: [Release; 5] = [
    Release {
        repository: "shop/payment-service",
        version: "v2.3.0",
        revision: "4be1c1f0a2d94a4d8c3f3a1f2f5f0f6d7f9f3b11",
        age: hours(6 * 24 + 5),
        notes: "- feat: pay by invoice (#96)\n- fix: round amounts in yen to whole ones (#101)",
        architectures: &["amd64", "arm64"],
    },
    Release {
        repository: "shop/web",
        version: "v1.4.2",
        revision: "90c6d1be1c1fd2a1f4e0a7c6a0ad31d2f7c4e9aa",
        age: hours(4 * 24 + 2),
        notes: "- fix: the cart page scrolls on small screens (#71)",
        architectures: &["amd64"],
    },
    Release {
        repository: "shop/payment-service",
        version: "v2.3.1",
        revision: "c07fd5a86a1f45c4b9be9c0f1d1bb6c2ce0fd2e7",
        age: hours(22),
        notes: "- fix: login times out behind slow identity providers (#118)\n\
                - security: refuse unsigned webhooks (#124)\n\
                - perf: half the time to the first payment form (#119)",
        architectures: &["amd64", "arm64"],
    },
    Release {
        repository: "shop/web",
        version: "v1.5.0",
        revision: "1f3870be274f6c49b3e31a0c6728957f2c0b1d55",
        age: hours(20),
        notes: "- feat: dark mode (#77)\n- fix: the basket keeps its items after a reload (#80)",
        architectures: &["amd64"],
    },
    Release {
        repository: "shop/payment-service",
        version: "v2.3.2",
        revision: "7b0f6c1ad92f4ce0b9f3d5a1e8c24d6f90ab3e58",
        age: Span::from_mins(0),
        notes: "- fix: a refund is sent once (#131)",
        architectures: &["amd64", "arm64"],
    },
];

/// Everything that is released.
pub(super) fn shelf() -> Shelf {
    let mut shelf = Shelf::default();
    RELEASES.iter().for_each(|release| publish(&mut shelf, release));
    shelf
}

/// Puts `release` on the shelf under its version as the tag.
fn publish(shelf: &mut Shelf, release: &Release) {
    let mut platforms: Vec<Descriptor> = Vec::new();
    for architecture in release.architectures {
        let manifest = manifest_of(shelf, release, architecture);
        let platform = json!({ "os": "linux", "architecture": architecture });
        let stored = shelf.put_manifest(release.repository, MANIFEST, &manifest);
        platforms.push(Descriptor { platform: Some(platform), ..stored });
    }
    let top = match platforms.as_slice() {
        [only] => only.digest,
        _ => {
            let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": platforms });
            shelf.put_manifest(release.repository, INDEX, &index).digest
        }
    };
    shelf.tag(release.repository, release.version, top);
}

fn manifest_of(shelf: &mut Shelf, release: &Release, architecture: &str) -> Value {
    let base = tar("usr/share/base", &base_content());
    let app = tar("app/version", format!("{} {architecture}\n", release.version).as_bytes());
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Labels": {
            "org.opencontainers.image.title": release.repository,
            "org.opencontainers.image.version": release.version,
            "org.opencontainers.image.revision": release.revision,
        } },
        // The digests of the uncompressed layers; these are not compressed.
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&base), Digest::of(&app)] },
    });
    let config = shelf.put_blob(release.repository, CONFIG, config.to_string().into());
    let layers = [base, app].map(|layer| shelf.put_blob(release.repository, LAYER, layer));
    json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers })
}

/// Bytes that differ from one place to the next, and are the same on every run.
fn base_content() -> Vec<u8> {
    (0..BASE_BYTES / 8)
        .flat_map(|word| (word as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .collect()
}

/// An archive of one regular file, readable by all.
fn tar(name: &str, content: &[u8]) -> Bytes {
    let mut header = [0u8; TAR_BLOCK_BYTES];
    let mut field =
        |offset: usize, text: &str| header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000444\0"); // mode
    field(108, "0000000\0"); // owner
    field(116, "0000000\0"); // group
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0"); // modified
    field(148, "        "); // the checksum is summed with blanks in its own place
    field(156, "0"); // a regular file
    field(257, "ustar\x0000");
    let checksum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());

    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    // The file fills its last block, and two blocks of zeros end the archive.
    let end = archive.len().next_multiple_of(TAR_BLOCK_BYTES) + 2 * TAR_BLOCK_BYTES;
    archive.resize(end, 0);
    archive.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_an_archive_that_tar_reads() {
        let archive = tar("app/version", b"v2.3.1 amd64\n");
        assert_eq!(archive.len(), 4 * TAR_BLOCK_BYTES);
        assert_eq!(&archive[..12], b"app/version\0");
        assert_eq!(&archive[124..136], b"00000000015\0", "13 bytes, in octal");
        let stored = u32::from_str_radix(std::str::from_utf8(&archive[148..154]).unwrap(), 8).unwrap();
        let blanked: u32 = archive[..148].iter().chain(&archive[156..512]).map(|&byte| u32::from(byte)).sum();
        assert_eq!(stored, blanked + 8 * u32::from(b' '));
    }

    #[test]
    fn the_same_digests_on_every_run_and_another_one_for_each_release() {
        let shelves = [(); 2].map(|()| shelf());
        let digests = |shelf: &Shelf| {
            RELEASES
                .iter()
                .map(|release| shelf.digest(release.repository, release.version))
                .collect::<Vec<_>>()
        };
        assert_eq!(digests(&shelves[0]), digests(&shelves[1]));
        let distinct: std::collections::HashSet<_> = digests(&shelves[0]).into_iter().flatten().collect();
        assert_eq!(distinct.len(), RELEASES.len());
    }
}
