//! The proxy on threads of its own in this process, so that its tasks and descriptors can be counted, with short waits.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use landfall::config::{self, CredentialsConfig, Redirects, Secret, Verify};
use landfall::listen::{self, Slots, TrustedProxies};
use landfall::log::Log;
use landfall::model::act::{Action, Actor};
use landfall::model::deployments::Rules;
use landfall::model::event::{TokenId, TokenKind};
use landfall::model::time::Time;
use landfall::proxy::upstream::{Timeouts, Upstreams};
use landfall::proxy::{self, Counters, Listener, Proxy, ProxyRuntime};
use landfall::tls::{Certificate, Keys};
use prometheus_client::registry::Registry;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::Door;
use super::upstream::{Tls, Upstream};
use crate::rig::http::basic;

/// The waits of the proxy, on a machine that has nothing else to do: short enough for a minute.
const LIMITS: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    head: Duration::from_millis(600),
    stall: Duration::from_millis(300),
    resume_pause: Duration::from_millis(5),
    idle: Duration::from_millis(400),
    // Not beyond the case that gave the reason.
    distrust: Duration::from_millis(50),
};
/// The same for a body that is read whole.
const WHOLE_BODY: Duration = Duration::from_millis(600);
/// Lateness of timers that makes the waits longer, and the most that they are made longer.
const LATE: Duration = Duration::from_millis(15);
const SLOWNESS_MAX: u32 = 8;
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Pipes for the blobs of all clients at once.
const PIPES_MAX: usize = 1_024;
const SECRET: &str = "only-between-these-two";

/// A worker's two registries: a plain one, and one with TLS.
pub struct Slot {
    pub plain: Upstream,
    pub tls: Upstream,
}

/// The proxy, its registries, and the way in.
pub struct Bench {
    pub door: Door,
    pub slots: Vec<Slot>,
    pub calm: Upstream,
    pub counters: Counters,
    pub threads: ProxyRuntime,
    /// Factor by which everything may take longer than on a machine with nothing else to do.
    pub slowness: u32,
    pub limits: Timeouts,
    /// Each of a request's waits at the registry, as often as any path waits for it, and as much again.
    pub bound: Duration,
    /// More than all of a listener's waits for a client together, the one after a goodbye among them.
    pub bound_of_silence: Duration,
    stops: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
    _dir: TempDir,
}

impl Bench {
    /// The proxy before so many pairs of registries, and the calm one. `bounds` are its listeners', on a machine that is so
    /// many times slower than one with nothing else to do; `slowness_min` is the least that is reckoned with.
    pub async fn start(
        slots: usize,
        slowness_min: u32,
        bounds: impl Fn(u32) -> listen::ListenerLimits,
    ) -> Self {
        let dir = crate::rig::directory();
        let certificate = certificate(dir.path(), "own");
        let tls =
            Tls { own: certificate.acceptor(), strange: self::certificate(dir.path(), "strange").acceptor() };
        let calm = Upstream::start(None).await;
        let mut all = Vec::new();
        let mut settings = vec![setting("calm", &calm, &certificate)];
        for index in 0..slots {
            let slot =
                Slot { plain: Upstream::start(None).await, tls: Upstream::start(Some(tls.clone())).await };
            settings.push(setting(&format!("p{index}"), &slot.plain, &certificate));
            settings.push(setting(&format!("s{index}"), &slot.tls, &certificate));
            all.push(slot);
        }
        let threads = ProxyRuntime::start().unwrap();
        let plane = threads.handle();
        let data = dir.path().join("data");
        let log = plane.spawn_blocking(move || Log::open(&data, Rules::default()).unwrap()).await.unwrap();
        admit(&log).await;
        let slowness = slowness().await.max(slowness_min);
        println!("all waits are made {slowness} times as long, for what else this machine does");
        let (limits, whole_body) = (times(LIMITS, slowness), WHOLE_BODY * slowness);
        let listeners = bounds(slowness);
        let bound_of_silence =
            (listeners.first_head + listeners.idle + listeners.stall) * 3 + listen::CLOSING_GRACE;
        let bound = (limits.connect + limits.head + limits.stall.max(whole_body)) * 8;
        let upstreams = Upstreams::new(&settings, limits).unwrap();
        let settings = proxy::Settings {
            max_wait: MAX_WAIT,
            verify: Verify::First,
            splice: true,
            whole_body,
            proxy_protocol: false,
            pipes_max: PIPES_MAX,
        };
        let _entered = plane.enter();
        let proxy = Arc::new(Proxy::new(log, upstreams, TrustedProxies::default(), settings));
        let files = config::TlsFiles { cert: certificate.cert.clone(), key: certificate.key.clone() };
        let shown = Certificate::load(files, Keys::PROXY).unwrap();
        let mut stops = Vec::new();
        let mut serve = |certificate: Option<&Certificate>| -> SocketAddr {
            let listener = Listener::bind(([127, 0, 0, 1], 0).into(), certificate).unwrap();
            let address = listener.address().unwrap();
            let (stop, stopped) = oneshot::channel::<()>();
            let (proxy, slots) = (proxy.clone(), Slots::new(listeners, TrustedProxies::default()));
            let serving = plane.spawn(proxy::serve(listener, slots, proxy, async {
                let _ = stopped.await;
            }));
            stops.push((stop, serving));
            address
        };
        let door = Door {
            plain: serve(None),
            tls: serve(Some(&shown)),
            connector: certificate.connector(),
            authorization: basic("faults", SECRET).into(),
        };
        Self {
            door,
            slots: all,
            calm,
            counters: proxy.counters().clone(),
            threads,
            slowness,
            limits,
            bound,
            bound_of_silence,
            stops,
            _dir: dir,
        }
    }

    /// A counter of the proxy.
    pub fn counted(&self, name: &str) -> u64 {
        let mut registry = Registry::default();
        self.counters.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("landfall_proxy_{name}_total ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Stops the listeners. A connection that was not given back keeps them from ending.
    pub async fn stop(&mut self, within: Duration) -> Result<(), String> {
        for (stop, serving) in self.stops.drain(..) {
            let _ = stop.send(());
            let ended = tokio::time::timeout(within, serving).await;
            ended.map_err(|_| "a listener waits for a connection that is over".to_owned())?.unwrap();
        }
        Ok(())
    }
}

/// Factor by which this machine is slower now than one with nothing else to do: by how late its timers are, and by how
/// long a thread that has something to do waits for a core.
pub async fn slowness() -> u32 {
    let waiting: Vec<_> = (0..2).map(|_| tokio::task::spawn_blocking(share_of_a_core)).collect();
    let mut latest = Duration::ZERO;
    for _ in 0..100 {
        let due = Instant::now() + Duration::from_millis(5);
        tokio::time::sleep_until(due.into()).await;
        latest = latest.max(due.elapsed());
    }
    let mut slowness = latest.as_millis().div_ceil(LATE.as_millis()) as u32;
    for share in waiting {
        slowness = slowness.max(share.await.unwrap());
    }
    slowness.clamp(1, SLOWNESS_MAX)
}

/// Factor by which a busy thread takes longer than alone.
fn share_of_a_core() -> u32 {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(500) {
        std::hint::black_box(Sha256::digest([0; 4096]));
    }
    // Time on a core and time waiting for one, both in ns (Linux, Documentation/scheduler/sched-stats.rst).
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let times: Vec<u64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [ran, waited, ..] = times[..] else { return 1 };
    u32::try_from((ran + waited) / ran.max(1)).unwrap_or(SLOWNESS_MAX)
}

fn times(limits: Timeouts, factor: u32) -> Timeouts {
    Timeouts {
        connect: limits.connect * factor,
        head: limits.head * factor,
        stall: limits.stall * factor,
        resume_pause: limits.resume_pause,
        idle: limits.idle * factor,
        distrust: limits.distrust,
    }
}

async fn admit(log: &Log) {
    let environment: landfall::model::event::EnvironmentName = "faults".parse().unwrap();
    let (at, name) = (Time::from_ms(0), environment.clone());
    let made = Action::EnvironmentCreated { name, description: String::new(), color: String::new() };
    log.append(made.by(Actor::default(), at)).await.unwrap();
    let token = Action::TokenCreated {
        environment,
        id: TokenId::new("tok_faults"),
        name: "faults".to_owned(),
        // Pulls with a local token are kept in one bounded list.
        kind: TokenKind::Local,
        secret_sha256: Sha256::digest(SECRET).into(),
        expires_at: None,
    };
    log.append(token.by(Actor::default(), at)).await.unwrap();
}

fn setting(prefix: &str, upstream: &Upstream, identity: &Identity) -> config::UpstreamConfig {
    config::UpstreamConfig {
        prefix: prefix.to_owned(),
        url: upstream.url().parse().unwrap(),
        strip_prefix: false,
        hosts: Vec::new(),
        credentials: Some(CredentialsConfig::Fixed {
            username: "me".to_owned(),
            password: Secret::new("word".to_owned()),
        }),
        ca_file: Some(identity.cert.clone()),
        redirects: Redirects::Follow,
        token_servers: Vec::new(),
        outbound: config::OutboundProxies::default(),
        head_timeout: None,
        stall_timeout: None,
    }
}

/// A self-signed certificate of this machine's own address, and where its files are.
struct Identity {
    cert: std::path::PathBuf,
    key: std::path::PathBuf,
}

fn certificate(dir: &Path, name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = Identity { cert: dir.join(format!("{name}.crt")), key: dir.join(format!("{name}.key")) };
    std::fs::write(&files.cert, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

impl Identity {
    fn chain(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.cert).unwrap()
    }

    fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        Arc::new(config.with_single_cert(vec![self.chain()], key).unwrap()).into()
    }

    fn connector(&self) -> tokio_rustls::TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.chain()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
    }
}
