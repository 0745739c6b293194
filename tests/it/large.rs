//! A layer of a gibibyte: its digest is right and the proxy's memory stays small, also when the upstream breaks off.
//!
//! `LANDFALL_TEST_LAYER_MIB` sets another size.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::rig::http::Client;
use crate::rig::images::push_blob;
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::registry::{Auth, Registry};
use crate::rig::relay::Relay;
use crate::rig::skip::need;

const LAYER_MIB: u64 = 1024;
const MIB: u64 = 1024 * 1024;
/// The memory that one transfer may cost, above that of the idle program.
const MEMORY_BYTES_MAX: u64 = 64 * MIB;
const REPOSITORY: &str = "docker/large";

/// A layer in the registry's files.
struct Layer {
    digest: String,
    bytes: u64,
}

impl Layer {
    /// Puts a layer into the registry. It is sparse, and every 64 KiB of it say where they belong, so that a resume
    /// at the wrong byte is seen.
    async fn new(registry: &Registry) -> Self {
        let size_mib =
            std::env::var("LANDFALL_TEST_LAYER_MIB").map_or(LAYER_MIB, |text| text.parse().unwrap());
        let bytes = size_mib * MIB;
        let mut block = vec![0; 64 * 1024];
        let mut sha256 = Sha256::new();
        for position in (0..bytes).step_by(block.len()) {
            block[..8].copy_from_slice(&position.to_be_bytes());
            sha256.update(&block);
        }
        let digest = hex(sha256);
        // Pushed small, so that the registry makes its links, and then made large under the same name.
        let small = crate::rig::images::digest_of(b"layer");
        push_blob(&registry.client().await, REPOSITORY, &small, Bytes::from_static(b"layer")).await;
        let path = registry.adopt_blob(REPOSITORY, &small, &digest);
        let mut file = File::create(path).unwrap();
        for position in (0..bytes).step_by(block.len()) {
            file.seek(SeekFrom::Start(position)).unwrap();
            file.write_all(&position.to_be_bytes()).unwrap();
        }
        file.set_len(bytes).unwrap();
        Self { digest, bytes }
    }

    /// Pulls the layer as a client does and checks every byte.
    async fn pull(&self, client: &Client) {
        let path = format!("/v2/{REPOSITORY}/blobs/{}", self.digest);
        let started = Instant::now();
        let answer = client.open(Method::GET, &path, &[], Bytes::new()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-length"], self.bytes.to_string());
        let (mut body, mut sha256, mut bytes) = (answer.into_body(), Sha256::new(), 0);
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            bytes += data.len() as u64;
            sha256.update(&data);
        }
        assert_eq!(bytes, self.bytes);
        assert_eq!(hex(sha256), self.digest);
        println!("{} MiB in {:?}", bytes / MIB, started.elapsed());
    }
}

fn hex(sha256: Sha256) -> String {
    let hex: String = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Pulls the layer through Landfall and compares its greatest memory with that of the idle program.
async fn pull_within_memory(landfall: &Landfall, layer: &Layer) {
    landfall.environment("production").await;
    let client = landfall.client(&landfall.token("production").await);
    client.get("/v2/").await.expect(200);
    let idle = landfall.memory_bytes("VmRSS");
    layer.pull(&client).await;
    let above = landfall.memory_bytes("VmHWM").saturating_sub(idle);
    println!("memory: {} MiB idle, {} MiB more at most", idle / MIB, above / MIB);
    assert!(above < MEMORY_BYTES_MAX, "{} MiB above idle", above / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_layer_streams_in_little_memory() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let layer = Layer::new(&registry).await;
    let landfall = Setup::before(&registry.url()).start();
    pull_within_memory(&landfall, &layer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_layer_is_whole_though_the_upstream_breaks_off_twice() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let layer = Layer::new(&registry).await;
    let relay = Relay::to(registry.address()).await;
    let landfall = Setup::before(&relay.url()).start();
    relay.cut(2, layer.bytes / 3);
    pull_within_memory(&landfall, &layer).await;
    assert_eq!(relay.cuts(), 2);
}
