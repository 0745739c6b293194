//! Fuzz targets for heads of registries' answers.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::challenge::challenges;
use super::head;
use super::limits::CHALLENGES_MAX;

/// `WWW-Authenticate` headers, one a line. Parsed challenges, written in canonical form, parse to the same.
pub(crate) fn challenge(bytes: &[u8]) {
    let values = bytes.split(|&byte| byte == b'\n').take(8);
    let headers: HeaderMap =
        values.filter_map(|value| Some((WWW_AUTHENTICATE, HeaderValue::from_bytes(value).ok()?))).collect();
    let read = challenges(&headers);
    assert!(read.len() <= CHALLENGES_MAX);
    let mut plain = HeaderMap::new();
    for challenge in &read {
        assert!(
            !challenge.scheme.is_empty()
                && !challenge.scheme.contains(|c: char| c.is_ascii_uppercase() || c == ' ')
        );
        let mut text = challenge.scheme.clone();
        for (number, (name, value)) in challenge.parameters().enumerate() {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            text += &format!("{} {name}=\"{quoted}\"", if number == 0 { "" } else { "," });
        }
        let Ok(value) = HeaderValue::try_from(text) else { return };
        plain.append(WWW_AUTHENTICATE, value);
    }
    assert_eq!(challenges(&plain), read, "written out plainly: {plain:?}");
}

/// An answer's status on the first line, then one header a line. Normalizing rejects it or leaves one
/// reading, which is stable.
pub(crate) fn answer(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    let mut response = Response::new(());
    *response.status_mut() = status.unwrap_or_default();
    for line in lines.take(16) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            response.headers_mut().append(name, value);
        }
    }
    let Ok(keep_alive) = head::normalize(&mut response) else { return };
    let headers = response.headers().clone();
    let all = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let (lengths, codings) = (all(CONTENT_LENGTH), all(TRANSFER_ENCODING));
    assert!(lengths.len() + codings.len() <= 1, "two ends: {headers:?}");
    assert!(
        lengths.iter().all(|length| !length.is_empty() && length.iter().all(u8::is_ascii_digit)),
        "{headers:?}"
    );
    assert!(codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")), "{headers:?}");
    assert!(response.status().as_u16() >= 200);
    // Normalizing may have removed the reason to close the connection.
    assert!(head::normalize(&mut response).is_ok_and(|again| again || !keep_alive), "{headers:?}");
    assert_eq!(*response.headers(), headers, "it was not settled");
}
