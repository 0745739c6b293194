//! Images made in memory, in both formats that registries hold, and pushed over HTTP.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::Client;

/// The two families of media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/vnd.oci.image.…`
    Oci,
    /// `application/vnd.docker.distribution.…`, schema 2.
    Docker,
}

/// Bytes with what identifies them.
#[derive(Clone, Debug)]
pub struct Content {
    pub media_type: &'static str,
    pub digest: String,
    pub bytes: Bytes,
}

/// A manifest or an index with everything that it refers to.
#[derive(Clone, Debug)]
pub struct Image {
    pub manifest: Content,
    /// Config first, then layers. Empty for an index.
    pub blobs: Vec<Content>,
    /// The platform images of an index.
    pub children: Vec<Image>,
}

/// `sha256:…` of the bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Format {
    fn media_types(self) -> [&'static str; 4] {
        match self {
            Self::Oci => [
                "application/vnd.oci.image.index.v1+json",
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            ],
            Self::Docker => [
                "application/vnd.docker.distribution.manifest.list.v2+json",
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ],
        }
    }
}

impl Content {
    fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type, digest: digest_of(&bytes), bytes }
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// The ingredients of an image.
#[derive(Clone, Debug)]
pub struct Recipe {
    format: Format,
    architecture: String,
    labels: Value,
    files: Vec<(String, Vec<u8>, u32)>,
}

impl Recipe {
    /// An image for amd64 without labels and layers.
    pub fn new(format: Format) -> Self {
        Self { format, architecture: "amd64".into(), labels: json!({}), files: Vec::new() }
    }

    /// An application as CI builds it: a base layer that every version shares, a layer of its own, and labels.
    pub fn app(format: Format, version: &str) -> Self {
        Self::new(format)
            .label("org.opencontainers.image.version", version)
            .label("org.opencontainers.image.revision", &digest_of(version.as_bytes())[7..47])
            .layer("etc/base", &[7; 100_000])
            .layer("app/version", version.as_bytes())
    }

    /// Sets a label of the image config.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels[name] = value.into();
        self
    }

    /// Sets the architecture, as Go names it.
    pub fn architecture(mut self, name: &str) -> Self {
        self.architecture = name.into();
        self
    }

    /// Adds a layer that holds one file.
    pub fn layer(mut self, path: &str, content: &[u8]) -> Self {
        self.files.push((path.into(), content.into(), 0o644));
        self
    }

    /// Adds a layer that holds the program which the image starts: it waits for ever. Each version's is another one.
    pub fn program(mut self, version: &str) -> Self {
        self.files.push(("app".into(), waiting_program(version), 0o755));
        self
    }

    /// The image.
    pub fn build(&self) -> Image {
        let [_, manifest_type, config_type, layer_type] = self.format.media_types();
        let tars: Vec<_> =
            self.files.iter().map(|(path, content, mode)| tar_of(path, content, *mode)).collect();
        let layers: Vec<_> = tars.iter().map(|tar| Content::new(layer_type, gzip(tar))).collect();
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "config": {"Cmd": ["/app"], "Labels": self.labels},
            // Of the uncompressed tar: clients refuse to unpack anything else.
            "rootfs": {"type": "layers", "diff_ids": tars.iter().map(|tar| digest_of(tar)).collect::<Vec<_>>()},
        });
        let config = Content::new(config_type, config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": config.descriptor(),
            "layers": layers.iter().map(Content::descriptor).collect::<Vec<_>>(),
        });
        let manifest = Content::new(manifest_type, manifest.to_string());
        Image { manifest, blobs: std::iter::once(config).chain(layers).collect(), children: Vec::new() }
    }

    /// The same image for amd64 and arm64, under one index.
    pub fn build_index(&self) -> Image {
        let architectures = ["amd64", "arm64"];
        let children: Vec<_> =
            architectures.iter().map(|name| self.clone().architecture(name).build()).collect();
        let manifests = children.iter().zip(architectures).map(|(child, name)| {
            let mut descriptor = child.manifest.descriptor();
            descriptor["platform"] = json!({"architecture": name, "os": "linux"});
            descriptor
        });
        let [index_type, ..] = self.format.media_types();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": index_type,
            "manifests": manifests.collect::<Vec<_>>(),
        });
        let manifest = Content::new(index_type, index.to_string());
        Image { manifest, blobs: Vec::new(), children }
    }
}

impl Image {
    /// The top-level digest: what the image is.
    pub fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// Pushes the image and everything below it under a tag.
    pub async fn push(&self, registry: &Client, repository: &str, tag: &str) {
        for child in &self.children {
            // By its own digest: a platform image needs no tag. Boxed, as an image may hold images.
            Box::pin(child.push(registry, repository, child.digest())).await;
        }
        for blob in &self.blobs {
            push_blob(registry, repository, &blob.digest, blob.bytes.clone()).await;
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let media_type = [("content-type", self.manifest.media_type)];
        let bytes = self.manifest.bytes.clone();
        registry.send(Method::PUT, &path, &media_type, bytes).await.unwrap().expect(201);
    }
}

/// Pushes one blob.
pub async fn push_blob(registry: &Client, repository: &str, digest: &str, bytes: Bytes) {
    let uploads = format!("/v2/{repository}/blobs/uploads/");
    let started = registry.send(Method::POST, &uploads, &[], Bytes::new()).await.unwrap().expect(202);
    let location: http::Uri = started.header("location").unwrap().parse().unwrap();
    let path = format!("{}&digest={digest}", location.path_and_query().unwrap());
    let media_type = [("content-type", "application/octet-stream")];
    registry.send(Method::PUT, &path, &media_type, bytes).await.unwrap().expect(201);
}

/// A Linux program for amd64 of three instructions: pause(2), again and again.
fn waiting_program(version: &str) -> Vec<u8> {
    const CODE: [u8; 9] = [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];
    const AT: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + CODE.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // Executable, amd64, version; entry, program headers, no section headers, flags; sizes of headers.
    elf.extend([2_u16.to_le_bytes(), 62_u16.to_le_bytes()].concat());
    elf.extend(1_u32.to_le_bytes());
    elf.extend([AT + HEADERS, 64, 0].map(u64::to_le_bytes).concat());
    elf.extend(0_u32.to_le_bytes());
    elf.extend([64_u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    // One segment to load, readable and executable.
    elf.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    elf.extend([0, AT, AT, size, size, 0x1000].map(u64::to_le_bytes).concat());
    elf.extend(CODE);
    elf.extend(version.as_bytes());
    elf
}

fn tar_of(path: &str, content: &[u8], mode: u32) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, path, content).unwrap();
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
