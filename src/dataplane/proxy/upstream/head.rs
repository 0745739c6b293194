//! Normalizes heads of answers, so that body and connection have a single interpretation (RFC 9112 §6). Pure.
//!
//! hyper accepts ambiguous heads. Forwarded as they are, another reader could see a different end of the body.

use std::str;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, Version};

use crate::proxy::headers::CONTENT_DIGEST;

/// Headers with a single value. Equal repetitions are merged; contradictions are an error, because clients
/// differ in which value they use.
const SINGLE: [HeaderName; 2] = [CONTENT_RANGE, CONTENT_DIGEST];

/// Normalizes a head. Returns whether the connection may take another request after this answer.
///
/// # Errors
/// The head is invalid or ambiguous.
pub(super) fn normalize<B>(response: &mut Response<B>) -> Result<bool, &'static str> {
    // No request asked for a 101 (RFC 9110 §15); hyper has skipped all other 1xx.
    if !matches!(response.status().as_u16(), 200..=599) {
        return Err("its status is not that of an answer");
    }
    let is_http11 = response.version() == Version::HTTP_11;
    let headers = response.headers_mut();
    for name in &SINGLE {
        normalize_single(headers, name)?;
    }
    normalize_length(headers)?;
    let is_coded = headers.contains_key(TRANSFER_ENCODING);
    if is_coded && !is_chunked(headers) {
        return Err("its transfer coding is not just chunked");
    }
    // The coding takes precedence, and the connection must not be reused (RFC 9112 §6.3).
    let is_ambiguous = is_coded && headers.remove(CONTENT_LENGTH).is_some();
    Ok(is_http11 && !is_ambiguous && !says_close(headers))
}

/// Tells whether bytes on an idle connection are a 408, which some servers send before they close (RFC 9110 §15.5.9).
pub(super) fn is_timeout_notice(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 408") || bytes.starts_with(b"HTTP/1.0 408")
}

fn normalize_single(headers: &mut HeaderMap, name: &HeaderName) -> Result<(), &'static str> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next().cloned() else { return Ok(()) };
    let Some(second) = values.next() else { return Ok(()) };
    if *second != first || values.any(|value| *value != first) {
        return Err("two of its headers contradict each other");
    }
    headers.insert(name.clone(), first);
    Ok(())
}

/// `Content-Length` may repeat one value in a list (RFC 9110 §8.6).
fn normalize_length(headers: &mut HeaderMap) -> Result<(), &'static str> {
    const WRONG: &str = "its Content-Length is not a single number";
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = values.next() else { return Ok(()) };
    let is_plain = values.next().is_none() && is_number(first.as_bytes());
    if is_plain {
        return Ok(());
    }
    let mut number: Option<Vec<u8>> = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for item in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if !is_number(item) || number.as_deref().is_some_and(|number| number != item) {
                return Err(WRONG);
            }
            number.get_or_insert_with(|| item.to_owned());
        }
    }
    let value = number.and_then(|number| HeaderValue::from_bytes(&number).ok()).ok_or(WRONG)?;
    headers.insert(CONTENT_LENGTH, value);
    Ok(())
}

fn is_number(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit) && str::from_utf8(text).is_ok_and(|text| text.parse::<u64>().is_ok())
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let first =
        values.next().is_some_and(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    first && values.next().is_none()
}

/// Tells whether the connection closes after the answer (RFC 9112 §9.6).
fn says_close(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'a> = &'a [(&'static str, &'a str)];
    /// Result in a comparable form.
    type Normalized = Result<(bool, Vec<(String, String)>), &'static str>;

    fn normalized(status: u16, headers: Headers<'_>) -> Normalized {
        let mut response = Response::new(());
        *response.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        let keep_alive = normalize(&mut response)?;
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        Ok((
            keep_alive,
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        ))
    }

    #[test]
    fn a_head_has_one_reading_or_is_refused() {
        let digest = ("docker-content-digest", "sha256:1");
        let cases: [(Headers<'_>, Option<(bool, Headers<'_>)>); 27] = [
            (&[], Some((true, &[]))),
            (&[("content-length", "5")], Some((true, &[("content-length", "5")]))),
            (&[("content-length", "5, 5")], Some((true, &[("content-length", "5")]))),
            (&[("content-length", "5"), ("content-length", "5")], Some((true, &[("content-length", "5")]))),
            (&[("content-length", "5,5"), ("content-length", "5")], Some((true, &[("content-length", "5")]))),
            (&[("content-length", "5, 7")], None),
            (&[("content-length", "5"), ("content-length", "7")], None),
            (&[("content-length", "5,")], None),
            (&[("content-length", "")], None),
            (&[("content-length", "+5")], None),
            (&[("content-length", "-5")], None),
            (&[("content-length", "0x5")], None),
            (&[("content-length", "99999999999999999999")], None),
            (&[("transfer-encoding", "chunked")], Some((true, &[("transfer-encoding", "chunked")]))),
            (&[("transfer-encoding", "Chunked")], Some((true, &[("transfer-encoding", "Chunked")]))),
            (
                &[("transfer-encoding", "chunked"), ("content-length", "5")],
                Some((false, &[("transfer-encoding", "chunked")])),
            ),
            (&[("transfer-encoding", "gzip, chunked")], None),
            (&[("transfer-encoding", "chunked, identity"), ("content-length", "5")], None),
            (&[("transfer-encoding", "identity")], None),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], None),
            (&[("transfer-encoding", "")], None),
            (&[("connection", "keep-alive, Close")], Some((false, &[("connection", "keep-alive, Close")]))),
            (&[digest, digest], Some((true, &[digest]))),
            (&[digest, ("docker-content-digest", "sha256:2")], None),
            (&[digest, digest, ("docker-content-digest", "")], None),
            (&[("content-range", "bytes 0-1/2"), ("content-range", "bytes 0-1/3")], None),
            (
                &[("content-range", "bytes 0-1/2"), ("content-range", "bytes 0-1/2")],
                Some((true, &[("content-range", "bytes 0-1/2")])),
            ),
        ];
        for (headers, expected) in cases {
            let expected = expected.map(|(keep_alive, headers)| {
                let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                (keep_alive, owned.collect::<Vec<_>>())
            });
            assert_eq!(normalized(200, headers).ok(), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_what_can_answer_a_request_is_an_answer() {
        for (status, is_answer) in
            [(101, false), (199, false), (200, true), (404, true), (599, true), (600, false)]
        {
            assert_eq!(normalized(status, &[]).is_ok(), is_answer, "{status}");
        }
    }

    #[test]
    fn an_older_version_ends_its_connection() {
        let mut response = Response::new(());
        *response.version_mut() = Version::HTTP_10;
        assert_eq!(normalize(&mut response), Ok(false));
    }
}
