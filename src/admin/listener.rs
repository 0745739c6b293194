//! The admin listener: HTTP/1.1 within bounds, plain or over TLS.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::FromRef;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::admin::http::caller::Connection;
use crate::admin::router::router;
use crate::admin::state::App;
use crate::admin::state::feed::Feed;
use crate::listen::{self, ListenerLimits, ResponseBody, Slot, Slots, StallGuard};

/// The listener's bounds, where the limit on open files allows so many connections: more than an office of dashboards.
pub const LIMITS: ListenerLimits = ListenerLimits {
    connections_max: 512,
    first_head: Duration::from_secs(15),
    idle: Duration::from_secs(30),
    stall: Duration::from_secs(30),
    drain: Duration::from_secs(5),
};
/// Longest request head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Serves the control plane on `listener`, with `tls` over TLS alone, until `shutdown` resolves, then lets open answers finish,
/// within a bound.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    slots: Arc<Slots>,
    app: App,
    shutdown: impl Future,
) {
    let feed = Arc::<Feed>::from_ref(&app);
    let router = router(app);
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
    let http = Arc::new(http);
    let serve_connection = |stream: TcpStream, peer: SocketAddr, slot: Slot| {
        let (http, router, tls) = (http.clone(), router.clone(), tls.clone());
        async move {
            // A connection that is closed already has no ends; what it asked for goes nowhere.
            let Ok(local) = stream.local_addr() else { return };
            // A listener on `[::]` names IPv4 clients as `::ffff:10.0.0.7`.
            let (peer, local) = (peer.ip().to_canonical(), local.ip().to_canonical());
            let router = router.layer(Extension(Connection { peer, local, slot: Some(slot.clone()) }));
            let service = service_fn(|request| answer(router.clone(), slot.clone(), request));
            let Some(tls) = tls else {
                let stream = TokioIo::new(StallGuard::new(stream, slot.clone()));
                return listen::drive_http(http.serve_connection(stream, service), &slot).await;
            };
            // The slot's time to the first head covers the handshake. One that fails is the client's to report.
            let Ok(stream) = Box::pin(tls.accept(stream)).await else { return };
            let stream = TokioIo::new(StallGuard::new(stream, slot.clone()));
            listen::drive_http(http.serve_connection(stream, service), &slot).await;
        }
    };
    let shutdown = async {
        shutdown.await;
        // Streams of events have no other end.
        feed.close();
    };
    listen::serve(listener, slots, shutdown, serve_connection).await;
}

async fn answer(
    mut router: axum::Router,
    slot: Slot,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody<Body>>, Infallible> {
    let Some(active) = slot.begin_request() else { return pending().await };
    let response = router.call(request.map(Body::new)).await?;
    Ok(response.map(|body| ResponseBody::new(body, active)))
}
