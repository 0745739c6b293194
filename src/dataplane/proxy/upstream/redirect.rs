//! Targets that a registry names in `Location` and `realm`. Pure.

use http::header::LOCATION;
use http::{Response, StatusCode, Uri};
use url::{Host, Url};

use super::error::{ForbiddenTarget, UpstreamError};

/// Resolves `location` against `here` and checks whether it may be followed. Its address is checked when connecting.
pub(super) fn follow(here: &Url, location: &str) -> Result<Url, UpstreamError> {
    let refused = |target: String, reason| UpstreamError::Refused { target, reason };
    let mut url =
        here.join(location).map_err(|_| refused("what it wrote".to_owned(), ForbiddenTarget::NotAUrl))?;
    let reason = if !matches!(url.scheme(), "http" | "https") {
        Some(ForbiddenTarget::Scheme)
    } else if here.scheme() == "https" && url.scheme() == "http" {
        Some(ForbiddenTarget::Downgrade)
    } else if has_user_info(&url) {
        Some(ForbiddenTarget::UserInfo)
    } else {
        None
    };
    url.set_fragment(None);
    match reason {
        Some(reason) => Err(refused(without_secrets(&url), reason)),
        None => Ok(url),
    }
}

/// Resolves a registry's token server. Outside the origins in `allowed`, it may receive a password only if it
/// is of the registry's own domain, and nothing at all if it leads from https to http.
pub(super) fn follow_to_realm(
    registry: &Url,
    realm: &str,
    allowed: &[Url],
    sends_password: bool,
) -> Result<Url, UpstreamError> {
    let is_allowed = |url: &Url| allowed.iter().any(|allowed| same_origin(allowed, url));
    let url = match follow(registry, realm) {
        Err(UpstreamError::Refused { target, reason: ForbiddenTarget::Downgrade }) => {
            let mut url = registry.join(realm).ok().filter(|url| !has_user_info(url) && is_allowed(url));
            url.iter_mut().for_each(|url| url.set_fragment(None));
            url.ok_or(UpstreamError::Refused { target, reason: ForbiddenTarget::InsecureRealm })?
        }
        url => url?,
    };
    if sends_password && !is_allowed(&url) && !is_same_domain(registry, &url) {
        return Err(UpstreamError::Refused {
            target: without_secrets(&url),
            reason: ForbiddenTarget::ForeignRealm,
        });
    }
    Ok(url)
}

/// Tells whether both hosts have the same owner: the same host, names below the same registered domain, or the
/// local machine.
fn is_same_domain(one: &Url, other: &Url) -> bool {
    let is_domain =
        |a: &str, b: &str| psl::domain_str(a).is_some_and(|domain| psl::domain_str(b) == Some(domain));
    same_host(one, other)
        || (is_this_machine(one) && is_this_machine(other))
        || matches!((one.host(), other.host()), (Some(Host::Domain(a)), Some(Host::Domain(b))) if is_domain(a, b))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Special use of `localhost` (RFC 6761 §6.3).
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Tells whether both URLs have the same host, on any port.
pub(super) fn same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host()
}

/// Tells whether both URLs have the same scheme, host and port (RFC 6454), so that credentials may be shared.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && same_host(one, other)
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Reason why a URL cannot be a registry's.
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

/// URL for a log: without user name, password, and query, which may be signed.
pub(super) fn without_secrets(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Reads an absolute URL as the URI of a request.
pub(super) fn uri(text: &str) -> Result<Uri, UpstreamError> {
    text.parse().map_err(|_| bad_url())
}

/// Error for a URL that cannot be requested.
pub(super) fn bad_url() -> UpstreamError {
    UpstreamError::Refused { target: "what it wrote".to_owned(), reason: ForbiddenTarget::NotAUrl }
}

/// Target of a redirect for GET or HEAD (RFC 9110 §15.4).
pub(super) fn location<B>(response: &Response<B>) -> Option<String> {
    const FOLLOWED: [StatusCode; 5] = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let location = response.headers().get(LOCATION).filter(|_| FOLLOWED.contains(&response.status()))?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
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
            ("https://r.example/v2/a", "http://r.example/b", Err(ForbiddenTarget::Downgrade)),
            ("https://r.example/v2/a", "http://cdn.example/b", Err(ForbiddenTarget::Downgrade)),
            ("http://r.example/v2/a", "file:///etc/passwd", Err(ForbiddenTarget::Scheme)),
            ("http://r.example/v2/a", "gopher://cdn.example/", Err(ForbiddenTarget::Scheme)),
            ("http://r.example/v2/a", "http://me@cdn.example/", Err(ForbiddenTarget::UserInfo)),
            ("http://r.example/v2/a", "http://me:word@cdn.example/", Err(ForbiddenTarget::UserInfo)),
            ("http://r.example/v2/a", "http://", Err(ForbiddenTarget::NotAUrl)),
            ("http://r.example/v2/a", "http://[::1/", Err(ForbiddenTarget::NotAUrl)),
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
    fn a_password_goes_to_the_registrys_own_domain_and_to_what_is_named() {
        let allowed =
            ["https://sso.example.net", "http://auth.internal:5001"].map(|url| url.parse().unwrap());
        let cases = [
            // Existing registries: the same host, a host below or above it, and one beside it.
            ("https://ghcr.io", "https://ghcr.io/token", true),
            ("https://r.example.com:5000", "https://r.example.com/token", true),
            ("https://registry-1.docker.io", "https://auth.docker.io/token", true),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("https://example.com", "https://auth.example.com/token", true),
            ("https://registry.shop.example.co.uk", "https://git.example.co.uk/jwt/auth", true),
            ("https://r.example", "/token", true),
            ("http://127.0.0.1:5000", "http://localhost:5001/token", true),
            ("http://[::1]:5000", "http://127.0.0.1:5001/token", true),
            // Foreign domains.
            ("https://r.example.com", "https://evil.example/token", false),
            ("https://r.example.com", "https://example.com.evil.example/token", false),
            ("https://shop.co.uk", "https://evil.co.uk/token", false),
            ("https://shop.github.io", "https://evil.github.io/token", false),
            ("https://registry.internal", "https://auth.internal/token", false),
            ("https://registry", "https://auth/token", false),
            ("https://r.example.com", "https://192.0.2.7/token", false),
            ("https://192.0.2.7", "https://192.0.2.8/token", false),
            ("http://127.0.0.1:5000", "http://auth.localhost.example/token", false),
            // Allowed explicitly, with scheme and port.
            ("https://r.example.com", "https://sso.example.net/realms/a#b", true),
            ("https://r.example.com", "https://sso.example.net:8443/realms/a", false),
            ("https://r.example.com", "http://auth.internal:5001/token", true),
        ];
        for (registry, realm, sends) in cases {
            let found =
                |sends_password| follow_to_realm(&registry.parse().unwrap(), realm, &allowed, sends_password);
            match found(true) {
                Ok(url) => assert!(sends && url.fragment().is_none(), "{registry} {realm}"),
                Err(UpstreamError::Refused { reason: ForbiddenTarget::ForeignRealm, .. }) => {
                    assert!(!sends, "{registry} {realm}");
                }
                Err(other) => panic!("{other}"),
            }
            assert!(found(false).is_ok(), "nobody's password is at stake: {registry} {realm}");
        }
    }

    #[test]
    fn a_token_server_without_tls_is_followed_to_by_name_alone() {
        let allowed = ["http://auth.internal:5001", "http://auth.example"].map(|url| url.parse().unwrap());
        let cases = [
            ("https://r.example", "http://auth.internal:5001/token?a=b", Ok(())),
            ("https://r.example", "http://AUTH.example/token", Ok(())),
            ("https://r.example", "https://auth.internal:5001/token", Ok(())),
            ("http://r.example", "http://other.internal/token", Ok(())),
            ("https://r.example", "http://auth.internal/token", Err(ForbiddenTarget::InsecureRealm)),
            ("https://r.example", "http://auth.internal:5002/token", Err(ForbiddenTarget::InsecureRealm)),
            ("https://r.example", "http://sub.auth.example/token", Err(ForbiddenTarget::InsecureRealm)),
            ("https://r.example", "http://r.example/token", Err(ForbiddenTarget::InsecureRealm)),
            ("https://r.example", "http://me:word@auth.example/token", Err(ForbiddenTarget::InsecureRealm)),
            ("https://r.example", "ftp://auth.example/token", Err(ForbiddenTarget::Scheme)),
        ];
        for (registry, realm, expected) in cases {
            let found = follow_to_realm(&registry.parse().unwrap(), realm, &allowed, false);
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
