//! `landfall serve`: puts the log, the proxy and the admin server together, and takes them apart again in order.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

use super::check::check;
use super::error::CommandError;
#[cfg(feature = "shared")]
use super::share::nats;
#[cfg(feature = "cluster")]
use super::watching::watch_clusters;
use crate::admin::{self, AdminToken, AdminTokenError, App, Readiness};
use crate::clock;
use crate::config::{self, Config, ConfigError, SharedConfig};
use crate::listen::{self, DescriptorLimits, Slots, TrustedProxies};
use crate::log::{Log, OpenError};
#[cfg(feature = "shared")]
use crate::log::{NatsError, ShareError};
use crate::model::deployments::Rules;
use crate::proxy::upstream::{SetupError, Timeouts, Upstreams};
use crate::proxy::{self, BindError, Listener, Proxy};
use crate::tls::{Certificate, Keys, TlsError};

/// Run the proxy and the admin server
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    flags: config::Flags,
    /// Try the configuration and every registry once, say what is wrong and what to do, and end
    #[arg(long)]
    check: bool,
}

/// The reason why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An upstream's settings cannot work.
    #[error(transparent)]
    Upstream(#[from] SetupError),
    /// A listener's certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The log does not open.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The stream's settings cannot work.
    #[cfg(feature = "shared")]
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// There is no admin token.
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
    /// The proxy's address cannot be had.
    #[error(transparent)]
    Proxy(#[from] BindError),
    /// The admin server's address cannot be had.
    #[error("admin.listen (--admin-listen): cannot listen on {address}: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The operating system refuses something that every server needs.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

#[cfg(feature = "shared")]
impl From<ShareError> for ServeError {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Nats(error) => error.into(),
            ShareError::Open(error) => error.into(),
        }
    }
}

impl CommandError for ServeError {
    // The exit code, as in sysexits.
    fn exit_code(&self) -> u8 {
        const EX_DATAERR: u8 = 65;
        const EX_NOINPUT: u8 = 66;
        const EX_UNAVAILABLE: u8 = 69;
        const EX_OSERR: u8 = 71;
        const EX_IOERR: u8 = 74;
        const EX_TEMPFAIL: u8 = 75;
        const EX_CONFIG: u8 = 78;
        match self {
            Self::Config(ConfigError::File { .. }) => EX_NOINPUT,
            Self::Config(_) | Self::Upstream(_) | Self::Tls(_) | Self::AdminToken(_) => EX_CONFIG,
            Self::Log(OpenError::InUse { .. } | OpenError::Closed { .. }) => EX_TEMPFAIL,
            #[cfg(feature = "shared")]
            Self::Nats(_) => EX_CONFIG,
            Self::Log(
                OpenError::Alone { .. }
                | OpenError::Replica { .. }
                | OpenError::Renamed { .. }
                | OpenError::Role { .. },
            ) => EX_CONFIG,
            Self::Log(
                OpenError::Damaged { .. }
                | OpenError::DamagedJournal { .. }
                | OpenError::Older { .. }
                | OpenError::Newer { .. },
            ) => EX_DATAERR,
            Self::Log(OpenError::Folder { .. } | OpenError::Io { .. }) => EX_IOERR,
            Self::Proxy(_) | Self::Admin { .. } => EX_UNAVAILABLE,
            Self::System(_) => EX_OSERR,
        }
    }
}

impl ServeArgs {
    /// Runs until SIGTERM or SIGINT; then no connection is accepted any more, open transfers finish within a bound,
    /// and what was seen is written.
    ///
    /// # Errors
    /// The server does not start.
    pub async fn run(self) -> Result<ExitCode, ServeError> {
        if self.check {
            let config = Config::load(self.flags)?;
            certificates(&config)?;
            return Ok(check(&Upstreams::new(&config.upstreams, Timeouts::default())?).await);
        }
        init_tracing();
        let config = Config::load(self.flags)?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        // A file that may not grow any more (RLIMIT_FSIZE) is a write that fails, not the end of every pull.
        let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        // Programs that renew certificates or rotate logs send it to have files read again. Landfall looks at its files by itself,
        // so it is no reason to end.
        let _hang_up = signal(SignalKind::hangup())?;
        let running = start(config).await?;
        // The program that started it may not want to hear it.
        let _ = writeln!(io::stdout(), "ready proxy={} admin={}", running.proxy_url(), running.admin_url());
        running.greet();
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("stopping: open transfers may finish");
        running.stop().await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

/// Logged by default; the client of NATS says each attempt to connect, and `log/shared/nats.rs` says what matters of that.
const LOGGED: &str = "info,async_nats=error";

/// Logs go to stderr; `LANDFALL_LOG` says how much (tracing-subscriber's directives), `info` without it.
pub(super) fn init_tracing() {
    let filter = EnvFilter::try_from_env("LANDFALL_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Stderr may go to a file on a full disk: the thread that has something to say about it must not end by that.
    let subscriber = subscriber.log_internal_errors(false);
    // A second initialisation, as by a test that runs two servers in one process, changes nothing.
    let _ = subscriber.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init();
}

/// A server that accepts on both listeners.
pub struct Running {
    /// The address that the proxy listens on.
    pub proxy: SocketAddr,
    /// The address that the admin server listens on.
    pub admin: SocketAddr,
    /// The file that holds the admin token.
    pub admin_token_file: PathBuf,
    first_start: bool,
    proxy_speaks_tls: bool,
    admin_speaks_tls: bool,
    readiness: Readiness,
    log: Log,
    /// The proxy's; they end with this.
    _threads: proxy::ProxyRuntime,
    stop_proxy: oneshot::Sender<()>,
    stop_admin: oneshot::Sender<()>,
    proxy_task: JoinHandle<()>,
    admin_task: JoinHandle<()>,
    upstreams_task: JoinHandle<()>,
    certificate_tasks: Vec<JoinHandle<()>>,
    /// They end with this.
    #[cfg(feature = "cluster")]
    witnesses: tokio::task::JoinSet<()>,
}

/// Starts a server: the proxy on threads of its own, the rest in the current tokio runtime.
///
/// # Errors
/// Something that it needs cannot be had; then nothing was started.
pub async fn start(config: Config) -> Result<Running, ServeError> {
    let files = DescriptorLimits::of_process();
    let upstreams = Upstreams::new(&config.upstreams, Timeouts::default())?;
    let upstreams = match registry_host(&config, config.proxy.listen).parse() {
        Ok(host) => upstreams.known_as(&host),
        Err(_) => upstreams,
    };
    let registries = upstreams.registries();
    let watched = upstreams.clone();
    let (certificate, admin_certificate) = certificates(&config)?;
    let admin_tls = admin_certificate.as_ref().map(|it| it.acceptor(&[b"http/1.1"])).transpose()?;
    let (data, rules) = (config.data.clone(), config.rules.clone());
    let threads = proxy::ProxyRuntime::start()?;
    // Requests that wait for the log are woken there, too: across threads each wake-up would cost a system call.
    let plane = threads.handle();
    let shared = config.shared.clone();
    let log = plane.spawn_blocking(move || open(&data, rules, shared)).await.map_err(io::Error::other)??;
    log.retain(config.keep)?;
    log.scrub()?;
    let (admin_token, written) = AdminToken::load(config.admin.token_file.as_deref(), &config.data)?;

    let listener = {
        let _entered = plane.enter();
        Listener::bind(config.proxy.listen, certificate.as_ref())?
    };
    let proxy_address = listener.address()?;
    let bind_error = |source| ServeError::Admin { address: config.admin.listen, source };
    let admin_listener = TcpListener::bind(config.admin.listen).await.map_err(bind_error)?;
    let admin_address = admin_listener.local_addr()?;

    let config::ProxyConfig { verify, splice, proxy_protocol, .. } = config.proxy;
    let (max_wait, whole_body, pipes_max) = (config.max_wait, proxy::WHOLE_BODY_TIMEOUT, files.pipes_max);
    let settings = proxy::Settings { max_wait, verify, splice, whole_body, proxy_protocol, pipes_max };
    let trusted = TrustedProxies::new(config.proxy.trusted_proxies.iter().copied());
    let proxy = {
        let _entered = plane.enter();
        Arc::new(Proxy::new(log.clone(), upstreams, trusted.clone(), settings))
    };
    let proxy_slots = slots(&proxy::LIMITS, files.proxy_connections_max, trusted);
    let admin_slots = slots(&admin::LIMITS, files.admin_connections_max, TrustedProxies::default());
    #[cfg(feature = "cluster")]
    let witnesses = watch_clusters(&config, &log, &registries);
    let readiness = Readiness::default();
    let app = App::new(
        log.clone(),
        Arc::new(registry(&log, &proxy, &watched, [&proxy_slots, &admin_slots])),
        readiness.clone(),
        admin::Settings {
            admin_token,
            speaks_tls: admin_tls.is_some(),
            hosts: config.admin.hosts.clone(),
            registry_host: registry_host(&config, proxy_address),
            registries,
            registry_tls: certificate.is_some(),
            places: config.places.clone(),
            clusters: config.clusters.clone(),
            ask: config.ask.clone(),
            is_shared: config.shared.is_some(),
            is_edge: config.shared.as_ref().is_some_and(|shared| shared.is_edge),
            example_question: config.example_question.clone(),
            webhooks: config.webhooks.clone(),
            forges: config.forges.clone(),
            started_at: clock::now(),
            proxy_figures: figures(proxy_address, &proxy, watched.clone()),
        },
    );

    let (stop_proxy, proxy_stopped) = oneshot::channel::<()>();
    let (stop_admin, admin_stopped) = oneshot::channel::<()>();
    let serving = readiness.begin();
    Ok(Running {
        proxy: proxy_address,
        admin: admin_address,
        first_start: written.is_some(),
        admin_token_file: config.admin.token_file.unwrap_or_else(|| config.data.join(admin::TOKEN_FILE)),
        proxy_speaks_tls: certificate.is_some(),
        admin_speaks_tls: admin_tls.is_some(),
        readiness,
        log,
        _threads: threads,
        stop_proxy,
        stop_admin,
        // A sender that is gone means stop as well.
        proxy_task: plane.spawn(async move {
            let _serving = serving;
            let stopped = async {
                let _ = proxy_stopped.await;
            };
            proxy::serve(listener, proxy_slots, proxy, stopped).await;
        }),
        admin_task: tokio::spawn(admin::serve(admin_listener, admin_tls, admin_slots, app, admin_stopped)),
        #[cfg(feature = "cluster")]
        witnesses,
        upstreams_task: plane.spawn(watched.watch()),
        certificate_tasks: [certificate, admin_certificate]
            .into_iter()
            .flatten()
            .map(|certificate| tokio::spawn(certificate.reload_when_changed()))
            .collect(),
    })
}

/// The log in the folder `data`: of its own, or a replica of one that several share.
fn open(data: &Path, rules: Rules, shared: Option<SharedConfig>) -> Result<Log, ServeError> {
    #[cfg(feature = "shared")]
    if let Some(shared) = shared {
        return Ok(Log::share(data, rules, &nats(shared))?);
    }
    #[cfg(not(feature = "shared"))]
    drop(shared);
    Ok(Log::open(data, rules)?)
}

/// The certificates of the proxy and of the admin server, as far as there are any.
fn certificates(config: &Config) -> Result<(Option<Certificate>, Option<Certificate>), TlsError> {
    let load = |files: &Option<config::TlsFiles>, keys| {
        files.clone().map(|files| Certificate::load(files, keys)).transpose()
    };
    Ok((load(&config.proxy.tls, Keys::PROXY)?, load(&config.admin.tls, Keys::ADMIN)?))
}

/// The host, with its port, under which clients reach the proxy.
fn registry_host(config: &Config, listen: SocketAddr) -> String {
    config.proxy.public_host.clone().unwrap_or_else(|| listen.to_string())
}

fn slots(limits: &listen::ListenerLimits, connections_max: usize, trusted: TrustedProxies) -> Arc<Slots> {
    let connections_max = limits.connections_max.min(connections_max);
    Slots::new(listen::ListenerLimits { connections_max, ..*limits }, trusted)
}

fn registry(
    log: &Log,
    proxy: &Proxy,
    upstreams: &Upstreams,
    [proxy_slots, admin_slots]: [&Slots; 2],
) -> Registry {
    let mut registry = Registry::default();
    log.register(&mut registry);
    proxy.counters().register(&mut registry);
    upstreams.register(&mut registry);
    proxy_slots.register(&mut registry, "proxy");
    admin_slots.register(&mut registry, "admin");
    registry
}

fn figures(
    address: SocketAddr,
    proxy: &Proxy,
    upstreams: Upstreams,
) -> Box<dyn Fn() -> serde_json::Value + Send + Sync> {
    let counters = proxy.counters().clone();
    Box::new(move || {
        serde_json::json!({
            "listen": address.to_string(),
            "connections_open": counters.connections_open(),
            "upstreams": upstreams.reports(),
        })
    })
}

fn scheme(speaks_tls: bool) -> &'static str {
    if speaks_tls { "https" } else { "http" }
}

impl Running {
    /// The URL that clients pull from.
    pub fn proxy_url(&self) -> String {
        format!("{}://{}", scheme(self.proxy_speaks_tls), self.proxy)
    }

    /// The URL of the admin API.
    pub fn admin_url(&self) -> String {
        format!("{}://{}", scheme(self.admin_speaks_tls), self.admin)
    }

    fn greet(&self) {
        if self.first_start {
            tracing::info!(path = %self.admin_token_file.display(), "an admin token was made; next: `landfall env create production`");
        }
        if !self.admin_speaks_tls && !self.admin.ip().is_loopback() {
            tracing::warn!(
                address = %self.admin,
                "THE ADMIN SERVER CAN BE REACHED FROM BEYOND THIS MACHINE AND SPEAKS PLAIN HTTP: whoever sees the \
                 network's traffic can read admin tokens and act with them. Give it a certificate (admin.tls_cert and \
                 admin.tls_key), or bind it to 127.0.0.1 (admin.listen) and use an SSH tunnel or `kubectl port-forward`, or let \
                 only a proxy that speaks TLS reach it and name that proxy's host in admin.hosts"
            );
        }
        if !self.proxy_speaks_tls && !self.proxy.ip().is_loopback() {
            tracing::warn!(address = %self.proxy, "the proxy speaks plain HTTP; set proxy.tls_cert and proxy.tls_key, or put TLS in front of it");
        }
    }

    /// Stops accepting, lets open transfers finish within a bound, and writes what was seen.
    pub async fn stop(self) {
        // First of all, so that a prober sends nobody here any more.
        self.readiness.end();
        #[cfg(feature = "cluster")]
        drop(self.witnesses);
        // A task that has ended already needs no telling, and one that panicked has said so.
        let _ = self.stop_proxy.send(());
        let _ = self.proxy_task.await;
        let _ = self.stop_admin.send(());
        let _ = self.admin_task.await;
        self.upstreams_task.abort();
        self.certificate_tasks.iter().for_each(JoinHandle::abort);
        let _ = tokio::task::spawn_blocking(move || self.log.close()).await;
    }
}
