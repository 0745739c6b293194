//! Headers of registries' answers and of clients' requests, read into types.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};

use crate::model::oci::Digest;

/// Digest of an answer's content (distribution spec, "Pulling manifests").
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Longest media type that is kept, in bytes; RFC 6838 §4.2 allows 127 for each half.
pub(super) const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Digest that an answer states, if it is well-formed.
pub(super) fn digest_in(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

/// Media type of an answer.
pub(super) fn media_type_in(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(CONTENT_TYPE).map(|value| truncated(value.as_bytes(), MEDIA_TYPE_BYTES_MAX))
}

/// The beginning of a header's value, at most `bytes_max` bytes of it.
pub(super) fn truncated(bytes: &[u8], bytes_max: usize) -> Arc<str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(bytes_max)]).into()
}
