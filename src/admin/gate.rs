//! What every request passes first: does it name us, and does its address ask too much?
//!
//! A page of another site can make a browser send requests here under a name of its own that it lets point here (DNS
//! rebinding). Such a request names that site in its `Host` header: it is refused, whatever it shows. The probes are
//! open to any name, for the kubelet asks by the pod's address; they tell nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, Uri, header};

use super::App;
use super::caller::Connection;
use super::problem::Problem;

/// Paths that are open to any name and any number of requests.
pub(super) const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// Lets a request through that names this server and whose address does not ask too much.
pub(super) async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let connection = Connection::of(request.extensions());
    if let Err(wait) = app.limits.request(connection.peer, Instant::now()) {
        return Problem::too_many(wait).into_response();
    }
    match authority(request.uri(), request.headers()) {
        None => Problem::malformed("the request needs one Host header with a host").into_response(),
        Some(authority) if is_ours(authority.host(), connection.local, &app.settings.hosts) => {
            next.run(request).await
        }
        Some(authority) => Problem::foreign_host(authority.host()).into_response(),
    }
}

/// RFC 9112 section 3.2: the host of a URI in absolute form, else that of the one `Host` header.
fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// Whether `host` is a name of this machine itself, the address that the request came to, or one of `hosts`.
fn is_ours(host: &str, local: IpAddr, hosts: &[String]) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        let address = address.to_canonical();
        return address.is_loopback() || address == local || hosts.contains(&address.to_string());
    }
    // RFC 6761 section 6.3: names under localhost lead nowhere else.
    host == "localhost" || host.ends_with(".localhost") || hosts.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_ours_or_foreign() {
        let local: IpAddr = "10.1.2.3".parse().unwrap();
        let hosts =
            ["landfall-admin.landfall.svc".to_owned(), "192.0.2.7".to_owned(), "2001:db8::7".to_owned()];
        for ours in [
            "localhost:8081",
            "LOCALHOST",
            "localhost.",
            "demo.localhost:1",
            "127.0.0.1:8081",
            "127.8.9.10",
            "[::1]:8081",
            "[::ffff:127.0.0.1]:8081",
            "10.1.2.3:8081",
            "landfall-admin.landfall.svc:8081",
            "Landfall-Admin.landfall.svc.",
            "192.0.2.7",
            "[2001:db8::7]:80",
        ] {
            let authority: Authority = ours.parse().unwrap();
            assert!(is_ours(authority.host(), local, &hosts), "{ours}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example:8081",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "10.1.2.4:8081",
            "0.0.0.0",
            "landfall-admin.landfall",
            "x.landfall-admin.landfall.svc",
            "[2001:db8::8]:8081",
        ] {
            let authority: Authority = foreign.parse().unwrap();
            assert!(!is_ours(authority.host(), local, &hosts), "{foreign}");
        }
    }

    #[test]
    fn there_is_one_host_and_the_uri_goes_first() {
        let headers = |hosts: &[&'static str]| {
            hosts
                .iter()
                .map(|host| (header::HOST, http::HeaderValue::from_static(host)))
                .collect::<HeaderMap>()
        };
        let host = |uri: &str, hosts: &[&'static str]| {
            authority(&uri.parse().unwrap(), &headers(hosts)).map(|authority| authority.to_string())
        };
        assert_eq!(host("/x", &["localhost:1"]).as_deref(), Some("localhost:1"));
        assert_eq!(host("http://evil.example/x", &["localhost"]).as_deref(), Some("evil.example"));
        for none in [&[][..], &["localhost", "localhost"], &[""], &["a b"], &["/"]] {
            assert_eq!(host("/x", none), None, "{none:?}");
        }
    }
}
