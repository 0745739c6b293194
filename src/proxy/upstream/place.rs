//! Places that a registry points to: `Location` and `realm`. Pure.

use url::Url;

use super::error::{Refusal, UpstreamError};

/// Where `location`, read at `here`, leads, if it may be followed at all. Its address is looked at when it is
/// connected to.
pub(super) fn follow(here: &Url, location: &str) -> Result<Url, UpstreamError> {
    let refused = |target: String, reason| UpstreamError::Refused { target, reason };
    let mut place = here.join(location).map_err(|_| refused("what it wrote".to_owned(), Refusal::NotAUrl))?;
    let reason = if !matches!(place.scheme(), "http" | "https") {
        Some(Refusal::Scheme)
    } else if here.scheme() == "https" && place.scheme() == "http" {
        Some(Refusal::Downgrade)
    } else if has_user_info(&place) {
        Some(Refusal::UserInfo)
    } else {
        None
    };
    place.set_fragment(None);
    match reason {
        Some(reason) => Err(refused(shown(&place), reason)),
        None => Ok(place),
    }
}

/// Where a registry's token server is. From https it may lead to http only to the origins in `insecure`: a password would
/// be sent there for everybody to read.
pub(super) fn follow_to_realm(registry: &Url, realm: &str, insecure: &[Url]) -> Result<Url, UpstreamError> {
    follow(registry, realm).or_else(|error| {
        let UpstreamError::Refused { target, reason: Refusal::Downgrade } = error else { return Err(error) };
        let place = registry.join(realm).ok().filter(|place| !has_user_info(place));
        let is_named = |place: &Url| insecure.iter().any(|named| same_origin(named, place));
        place.filter(is_named).ok_or(UpstreamError::Refused { target, reason: Refusal::InsecureRealm })
    })
}

/// Whether both are served by the same host, on whatever port.
pub(super) fn same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host()
}

/// Whether credentials for one are for the other: scheme, host and port are the same (RFC 6454).
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && same_host(one, other)
        && one.port_or_known_default() == other.port_or_known_default()
}

/// What keeps a URL from being a registry's.
pub(super) fn unfit_for_registry(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        Some("it must begin with http:// or https:// and name a host")
    } else if has_user_info(url) {
        Some("write the user into username and the password into password_file")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("it must be without query and fragment")
    } else {
        None
    }
}

/// A URL for a log: without user name and password, and without the query, which may be signed.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_followed_or_refused() {
        let cases = [
            ("https://r.example/v2/a/blobs/x", "/b?c=d#e", Ok("https://r.example/b?c=d")),
            ("https://r.example/v2/a/blobs/x", "y", Ok("https://r.example/v2/a/blobs/y")),
            ("https://r.example/v2/a", "https://cdn.example/b", Ok("https://cdn.example/b")),
            ("https://r.example/v2/a", "//cdn.example/b", Ok("https://cdn.example/b")),
            ("http://r.example/v2/a", "https://cdn.example/b", Ok("https://cdn.example/b")),
            ("http://r.example/v2/a", "http://cdn.example/b", Ok("http://cdn.example/b")),
            ("https://r.example/v2/a", "http://r.example/b", Err(Refusal::Downgrade)),
            ("https://r.example/v2/a", "http://cdn.example/b", Err(Refusal::Downgrade)),
            ("http://r.example/v2/a", "file:///etc/passwd", Err(Refusal::Scheme)),
            ("http://r.example/v2/a", "gopher://cdn.example/", Err(Refusal::Scheme)),
            ("http://r.example/v2/a", "http://me@cdn.example/", Err(Refusal::UserInfo)),
            ("http://r.example/v2/a", "http://me:word@cdn.example/", Err(Refusal::UserInfo)),
            ("http://r.example/v2/a", "http://", Err(Refusal::NotAUrl)),
            ("http://r.example/v2/a", "http://[::1/", Err(Refusal::NotAUrl)),
        ];
        for (here, location, expected) in cases {
            let found = follow(&here.parse().unwrap(), location).map_err(|error| match error {
                UpstreamError::Refused { reason, target } if !target.contains("word@") => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found.as_ref().map(Url::as_str), expected.as_ref().map(|url| *url), "{location}");
        }
    }

    #[test]
    fn a_token_server_without_tls_is_followed_to_by_name_alone() {
        let insecure = ["http://auth.internal:5001", "http://auth.example"].map(|url| url.parse().unwrap());
        let cases = [
            ("https://r.example", "http://auth.internal:5001/token?a=b", Ok(())),
            ("https://r.example", "http://AUTH.example/token", Ok(())),
            ("https://r.example", "https://auth.internal:5001/token", Ok(())),
            ("http://r.example", "http://other.internal/token", Ok(())),
            ("https://r.example", "http://auth.internal/token", Err(Refusal::InsecureRealm)),
            ("https://r.example", "http://auth.internal:5002/token", Err(Refusal::InsecureRealm)),
            ("https://r.example", "http://sub.auth.example/token", Err(Refusal::InsecureRealm)),
            ("https://r.example", "http://r.example/token", Err(Refusal::InsecureRealm)),
            ("https://r.example", "http://me:word@auth.example/token", Err(Refusal::InsecureRealm)),
            ("https://r.example", "ftp://auth.example/token", Err(Refusal::Scheme)),
        ];
        for (registry, realm, expected) in cases {
            let found = follow_to_realm(&registry.parse().unwrap(), realm, &insecure);
            let found = found.map(|_| ()).map_err(|error| match error {
                UpstreamError::Refused { reason, target } if !target.contains("word") => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found, expected, "{registry} {realm}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let cases = [
            ("https://r.example", "https://R.example:443/a", true, true),
            ("https://r.example", "https://r.example:444", true, false),
            ("https://r.example", "http://r.example:443", true, false),
            ("https://r.example", "https://r.example.evil.example", false, false),
            ("http://127.0.0.1:5000", "http://127.1:5000", true, true),
            ("http://127.0.0.1:5000", "http://localhost:5000", false, false),
        ];
        for (one, other, host, origin) in cases {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((same_host(&one, &other), same_origin(&one, &other)), (host, origin), "{one} {other}");
        }
    }
}
