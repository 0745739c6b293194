"""The static registry's files: one image with a real OCI manifest and one large layer.

Landfall hashes what passes, so every digest has to be right.
"""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "bench/payment-service"
TAG = "v2.3.1"
BLOB_BYTES = 100_000_000
HERD_BYTES = 50 << 20
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
SMALL_LAYERS = 6


@dataclass(frozen=True)
class Image:
    """Where the image's parts are found, as paths of the distribution API."""

    root: Path
    manifest_digest: str
    manifest_bytes: int
    blob: str
    herd_blob: str
    by_tag: str
    by_digest: str


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def build(root: Path) -> Image:
    """Writes the image below `root` under the very paths that a registry serves it at."""
    blobs = root / "v2" / REPOSITORY / "blobs"
    manifests = root / "v2" / REPOSITORY / "manifests"
    blobs.mkdir(parents=True)
    manifests.mkdir(parents=True)

    def add(data: bytes, media_type: str) -> dict:
        (blobs / digest_of(data)).write_bytes(data)
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    # The same bytes in every run: differences between runs never come from the content.
    pseudo_random = random.Random(20240917)
    large = add(pseudo_random.randbytes(BLOB_BYTES), LAYER_TYPE)
    layers = [large] + [add(pseudo_random.randbytes(4096), LAYER_TYPE) for _ in range(SMALL_LAYERS)]
    # In no manifest: nobody has asked for it before its row.
    herd = add(pseudo_random.randbytes(HERD_BYTES), LAYER_TYPE)
    labels = {
        "org.opencontainers.image.version": TAG.removeprefix("v"),
        "org.opencontainers.image.revision": hashlib.sha1(TAG.encode()).hexdigest(),
    }
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-09-17T10:00:00Z",
        "config": {"Entrypoint": ["/payment-service"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": add(json.dumps(config).encode(), CONFIG_TYPE),
        "layers": layers,
        "annotations": labels,
    }
    document = json.dumps(manifest, indent=2).encode()
    digest = digest_of(document)
    for reference in (TAG, digest):
        (manifests / reference).write_bytes(document)
    base = f"/v2/{REPOSITORY}"
    return Image(
        root=root,
        manifest_digest=digest,
        manifest_bytes=len(document),
        blob=f"{base}/blobs/{large['digest']}",
        herd_blob=f"{base}/blobs/{herd['digest']}",
        by_tag=f"{base}/manifests/{TAG}",
        by_digest=f"{base}/manifests/{digest}",
    )
