//! The host that a request names. Requests that name none or several are refused, because another server on
//! the way may choose a different one (RFC 9112 §3.2, RFC 9113 §8.3.1).

use http::header::HOST;
use http::{HeaderMap, Uri, Version};

/// A request without a usable host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request must name exactly one host")]
pub struct NoHost;

/// Returns the host, with its port where it has one. Only HTTP/1.0 may omit it.
///
/// # Errors
/// The host is missing, ambiguous or malformed, or differs from HTTP/2's `:authority`.
pub fn host<'a>(version: Version, uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<&'a str>, NoHost> {
    let mut named = headers.get_all(HOST).iter();
    let header = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(header), None) if is_host(header.as_bytes()) => header.to_str().ok(),
        _ => return Err(NoHost),
    };
    let authority = uri.authority().map(http::uri::Authority::as_str);
    match (authority, header) {
        (Some(authority), Some(header)) if version == Version::HTTP_2 => {
            if authority.eq_ignore_ascii_case(header) { Ok(Some(authority)) } else { Err(NoHost) }
        }
        (None, None) if version >= Version::HTTP_11 => Err(NoHost),
        (Some(_), None) if version == Version::HTTP_11 => Err(NoHost),
        // A target in absolute form beats the header (RFC 9112 §3.2.2).
        (authority, header) => Ok(authority.or(header)),
    }
}

/// Tells whether `value` has only characters that a host and port may have (RFC 3986 §3.2.2).
fn is_host(value: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(byte);
    !value.is_empty() && value.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// A request's version, target and `Host` headers, and the expected host.
    type Case<'a> = (Version, &'a str, &'a [&'a [u8]], Result<Option<&'a str>, NoHost>);

    #[test]
    fn there_is_one_host_and_no_doubt_about_it() {
        use Version as V;
        let cases: [Case; 17] = [
            (V::HTTP_11, "/x", &[b"a:1"], Ok(Some("a:1"))),
            (V::HTTP_11, "/x", &[b"[::1]:5000"], Ok(Some("[::1]:5000"))),
            (V::HTTP_11, "/x", &[], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"a", b"a"], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"a", b"b"], Err(NoHost)),
            (V::HTTP_11, "/x", &[b""], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"a b"], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"a/b"], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"u@a"], Err(NoHost)),
            (V::HTTP_11, "/x", &[b"a\xff"], Err(NoHost)),
            (V::HTTP_11, "http://b/x", &[b"a"], Ok(Some("b"))),
            (V::HTTP_11, "http://b/x", &[], Err(NoHost)),
            (V::HTTP_10, "/x", &[], Ok(None)),
            (V::HTTP_10, "/x", &[b"a", b"b"], Err(NoHost)),
            (V::HTTP_2, "http://b/x", &[], Ok(Some("b"))),
            (V::HTTP_2, "http://b/x", &[b"B"], Ok(Some("b"))),
            (V::HTTP_2, "http://b/x", &[b"a"], Err(NoHost)),
        ];
        for (version, uri, hosts, expected) in cases {
            let value = |host: &&[u8]| (HOST, HeaderValue::from_bytes(host).unwrap());
            let headers: HeaderMap = hosts.iter().map(value).collect();
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(host(version, &uri, &headers), expected, "{version:?} {uri} {hosts:?}");
        }
        assert_eq!(host(V::HTTP_2, &"/x".parse().unwrap(), &HeaderMap::new()), Err(NoHost));
    }
}
