//! The gate that every request passes first: it names us, its address does not ask too much, and there is room for its body.
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

use super::auth::Access;
use super::caller::Connection;
use super::problem::Problem;
use crate::admin::state::bodies::Bodies;
use crate::admin::state::limits::Limits;
use crate::admin::state::{Settings, bundle};
use crate::clock::now;
use crate::listen::{NoHost, host};
use crate::log::Log;

/// Paths that are open to any name and any number of requests.
pub(in crate::admin) const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The parts of the state that decide about a request as a whole.
#[derive(Clone)]
pub(in crate::admin) struct Gate {
    access: Access,
    limits: Arc<Limits>,
    bodies: Arc<Bodies>,
    settings: Arc<Settings>,
    log: Log,
}

bundle!(Gate { access, limits, bodies, settings, log });

/// Lets a request through that names this server and whose address does not ask too much.
pub(in crate::admin) async fn gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let connection = Connection::of(request.extensions());
    let is_known = gate.access.is_known(request.headers(), now());
    if let Err(wait) = gate.limits.request(connection.peer, is_known, Instant::now()) {
        return Problem::too_many(wait).into_response();
    }
    let named = host(request.version(), request.uri(), request.headers()).ok().flatten();
    match named.and_then(|host| host.parse::<Authority>().ok()) {
        None => Problem::malformed(NoHost.to_string()).into_response(),
        Some(authority) if is_ours(authority.host(), connection.local, &gate.settings.hosts) => {
            // Behind a balancer the request before may have changed something at another replica.
            gate.log.catch_up().await;
            let (parts, body) = request.into_parts();
            let (body, _taken) = gate.bodies.counted(body, is_known);
            next.run(Request::from_parts(parts, body)).await
        }
        Some(authority) => Problem::foreign_host(authority.host()).into_response(),
    }
}

/// Says whether `host` is a name of this machine itself, the address that the request came to, or one of `hosts`.
pub(in crate::admin) fn is_ours(host: &str, local: IpAddr, hosts: &[String]) -> bool {
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
}
