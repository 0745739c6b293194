//! Range requests for the rest of a blob (RFC 9110 §14).

use std::pin::Pin;

use http::header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::Body;

use crate::proxy::upstream::{Target, UpstreamBody, UpstreamRequest};

/// A body that continues a broken one.
pub(super) struct ResumedBody {
    pub(super) body: UpstreamBody,
    /// Bytes at its beginning that were received before.
    pub(super) skip: u64,
    /// Tells whether it may have more bytes than requested.
    pub(super) may_exceed: bool,
}

/// Request for the rest of an answer of known length.
#[derive(Clone)]
pub(super) struct ResumePlan {
    target: Target,
    request: UpstreamRequest,
    range: ByteRange,
    /// Strong validator of the first answer; RFC 9110 §13.1.5 allows no weak one.
    etag: Option<HeaderValue>,
}

/// Bytes `first` to `last` (inclusive) of an object, and its total length where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ByteRange {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl ResumePlan {
    /// Plans resumption of an answer. Returns `None` for answers that are not one plain piece of an object:
    /// errors, several ranges, encoded content. `total` is the object's length, if known.
    pub(super) fn of(
        response: &Response<UpstreamBody>,
        length: u64,
        total: Option<u64>,
        target: Target,
        request: UpstreamRequest,
    ) -> Option<Self> {
        let headers = response.headers();
        let last = length.checked_sub(1)?;
        let range = match response.status() {
            StatusCode::OK => ByteRange { first: 0, last, total: Some(length) },
            StatusCode::PARTIAL_CONTENT => {
                let range = ByteRange::of(headers).filter(|range| range.last - range.first == last)?;
                ByteRange { total: range.total.or(total), ..range }
            }
            _ => return None,
        };
        if headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        Some(Self { target, request, range, etag: strong_etag(headers) })
    }

    /// Requests what follows the first `received` bytes, after a pause that doubles with each fruitless try.
    pub(super) fn start(
        &self,
        received: u64,
        fruitless_tries: u32,
    ) -> Pin<Box<dyn Future<Output = Option<ResumedBody>> + Send>> {
        let pause = self.target.timeouts().resume_pause * 2u32.saturating_pow(fruitless_tries);
        let plan = self.clone();
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            plan.resume(received).await
        })
    }

    async fn resume(self, received: u64) -> Option<ResumedBody> {
        let first = self.range.first + received;
        let header = HeaderValue::try_from(format!("bytes={first}-{}", self.range.last)).ok()?;
        let response = self.target.send(&self.request.for_range(header, self.etag.clone())).await.ok()?;
        let answer = self.fit(&response, first);
        tracing::info!(
            repository = self.target.name(),
            first,
            status = response.status().as_u16(),
            fits = answer.is_some(),
            "resuming a blob that broke off"
        );
        let (skip, may_exceed) = answer?;
        Some(ResumedBody { body: response.into_body(), skip, may_exceed })
    }

    /// Checks that an answer continues the same object at `first`. Returns the bytes to skip, and whether it
    /// may have more bytes than requested.
    fn fit(&self, response: &Response<UpstreamBody>, first: u64) -> Option<(u64, bool)> {
        let headers = response.headers();
        let etag = strong_etag(headers);
        let is_other = matches!((&self.etag, &etag), (Some(one), Some(other)) if one != other);
        if is_other || headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = ByteRange::of(headers)?;
                (range.first == first && range.last <= self.range.last && self.range.same_total(range))
                    .then_some((0, false))
            }
            // The server ignores ranges and sends the object from its beginning.
            StatusCode::OK => {
                let total = response.body().size_hint().exact();
                (total.is_some() && total == self.range.total).then_some((first, true))
            }
            _ => None,
        }
    }
}

/// Total length of the object, from a partial answer (RFC 9110 §14.4).
pub(in crate::proxy) fn total_in(headers: &HeaderMap) -> Option<u64> {
    ByteRange::of(headers)?.total
}

impl ByteRange {
    /// Parses `Content-Range` of a single range (RFC 9110 §14.4).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let (unit, rest) = text.trim().split_once(' ')?;
        let (bounds, total) = rest.split_once('/')?;
        let (first, last) = bounds.split_once('-')?;
        let total = if total == "*" { None } else { Some(number(total)?) };
        let range = Self { first: number(first)?, last: number(last)?, total };
        let is_sound = range.first <= range.last && total.is_none_or(|total| range.last < total);
        (unit.eq_ignore_ascii_case("bytes") && is_sound).then_some(range)
    }

    fn same_total(self, other: Self) -> bool {
        self.total.zip(other.total).is_none_or(|(one, other)| one == other)
    }
}

/// Length of the part that an answer declares. `None` if it is encoded or not a single part.
pub(in crate::proxy) fn part_length_in<B>(response: &Response<B>) -> Option<u64> {
    let headers = response.headers();
    let is_part = response.status() == StatusCode::PARTIAL_CONTENT && !headers.contains_key(CONTENT_ENCODING);
    is_part
        .then(|| ByteRange::of(headers))
        .flatten()
        .and_then(|range| (range.last - range.first).checked_add(1))
}

/// Accepts digits only; `parse` would accept a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\"")).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_not_believed() {
        let range = |first, last, total| Some(ByteRange { first, last, total });
        let cases = [
            ("bytes 0-9/10", range(0, 9, Some(10))),
            ("bytes 5-9/*", range(5, 9, None)),
            ("Bytes 5-5/10", range(5, 5, Some(10))),
            ("bytes 0-10/10", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("bytes 0-9", None),
            ("bytes -9/10", None),
            ("bytes +0-9/10", None),
            ("bytes 0-99999999999999999999/*", None),
            ("lines 0-9/10", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, text.parse().unwrap())]);
            assert_eq!(ByteRange::of(&headers), expected, "{text}");
        }
    }

    #[test]
    fn only_a_strong_etag_ties_parts_together() {
        for (etag, is_strong) in [("\"a\"", true), ("W/\"a\"", false), ("a", false)] {
            let headers = HeaderMap::from_iter([(ETAG, etag.parse().unwrap())]);
            assert_eq!(strong_etag(&headers).is_some(), is_strong, "{etag}");
        }
    }
}
