//! The data plane in this process, with bounds that a test can wait for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landfall::clock;
use landfall::config::{TlsFiles, Verify};
use landfall::listen::{ListenerLimits, Slots, TrustedProxies};
use landfall::log::Log;
use landfall::model::act::{Action, Actor};
use landfall::model::deployments::Rules;
use landfall::model::event::{EnvironmentName, TokenId, TokenKind};
use landfall::proxy::upstream::Upstreams;
use landfall::proxy::{Listener, Proxy, Settings, WHOLE_BODY_TIMEOUT, serve};
use landfall::tls::{Certificate, Keys};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::http::basic;
use super::tls::Identity;
use crate::upstream::{setting, timeouts};

const SECRET: &str = "a-secret-of-the-rig";

/// A listener with a proxy behind it. It ends with this value.
pub struct Plane {
    pub address: SocketAddr,
    /// The header that clients show.
    pub authorization: String,
    pub log: Log,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Plane {
    /// Before the registry at `url`; over TLS where there is an identity.
    pub async fn start(bounds: ListenerLimits, url: &str, identity: Option<&Identity>) -> Self {
        Self::start_behind(TrustedProxies::default(), false, bounds, url, identity).await
    }

    /// The same behind trusted proxies, which may have to speak the PROXY protocol.
    pub async fn start_behind(
        trusted: TrustedProxies,
        proxy_protocol: bool,
        bounds: ListenerLimits,
        url: &str,
        identity: Option<&Identity>,
    ) -> Self {
        let dir = super::directory();
        let log = Log::open(&dir.path().join("data"), Rules::default()).unwrap();
        let environment: EnvironmentName = "production".parse().unwrap();
        let actions = [
            Action::EnvironmentCreated {
                name: environment.clone(),
                description: "".into(),
                color: "".into(),
            },
            Action::TokenCreated {
                environment,
                id: TokenId::new("tok_rig"),
                name: "rig".to_owned(),
                kind: TokenKind::Cluster,
                secret_sha256: Sha256::digest(SECRET).into(),
                expires_at: None,
            },
        ];
        for action in actions {
            log.append(action.by(Actor::default(), clock::now())).await.unwrap();
        }
        let settings = Settings {
            max_wait: Duration::from_secs(5),
            verify: Verify::default(),
            splice: true,
            whole_body: WHOLE_BODY_TIMEOUT,
            proxy_protocol,
            pipes_max: 64,
        };
        let upstreams = Upstreams::new(&[setting(url)], timeouts()).unwrap();
        let proxy = Arc::new(Proxy::new(log.clone(), upstreams, trusted.clone(), settings));
        let certificate = identity.map(|identity| {
            identity.write(dir.path());
            let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
            Certificate::load(TlsFiles { cert, key }, Keys::PROXY).unwrap()
        });
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), certificate.as_ref()).unwrap();
        let address = listener.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, Slots::new(bounds, trusted), proxy, async {
            let _ = stopped.await;
        }));
        let authorization = basic("production", SECRET);
        Self { address, authorization, log, stop: Some(stop), served, _dir: dir }
    }

    /// Stops it, and waits until everything has ended.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.served).await.unwrap();
        self.log.close();
    }
}
