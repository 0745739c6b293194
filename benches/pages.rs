//! Speed of the server's pages for a large installation. Fails if the first page misses its budget.

use std::sync::Arc;
use std::time::{Duration, Instant};

use landfall::admin::{AdminToken, App, LIMITS, Readiness, Settings, serve};
use landfall::clock::now;
use landfall::deadline::Deadlines;
use landfall::listen::{Slots, TrustedProxies};
use landfall::log::Log;
use landfall::model::act::{Action, Actor};
use landfall::model::deployments::Rules;
use landfall::model::event::{Method, Object, Observation, TokenId, TokenKind};
use landfall::model::oci::Digest;
use landfall::model::time::Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ENVIRONMENTS: usize = 100;
const SERVICES: usize = 50;
/// Versions that each service ran, one after the other, in the last month.
const VERSIONS: usize = 10;
const NODES: usize = 3;
const REQUESTS: usize = 60;

/// Greatest time of the server for the first page, in the median and on a quiet machine.
const FIRST_PAGE_BUDGET: Duration = Duration::from_millis(30);

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let log = Log::open(dir.path(), Rules::default())?;
    fill(&log).await?;
    let (admin_token, _) = AdminToken::load(None, dir.path())?;
    let settings = Settings {
        admin_token,
        speaks_tls: false,
        hosts: Vec::new(),
        ask: None,
        is_shared: false,
        is_edge: false,
        example_question: None,
        webhooks: Vec::new(),
        forges: landfall::config::Forges::default(),
        registry_host: "registry.example.com".to_owned(),
        registries: Arc::default(),
        registry_tls: true,
        places: std::collections::BTreeMap::default(),
        clusters: std::collections::BTreeMap::default(),
        started_at: now(),
        proxy_figures: Box::new(|| serde_json::json!({})),
    };
    let app = App::new(log, Arc::default(), Readiness::default(), settings);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = listener.local_addr()?.to_string();
    tokio::spawn(serve(
        listener,
        None,
        Slots::new(LIMITS, TrustedProxies::default()),
        app,
        std::future::pending::<()>(),
    ));

    let token = std::fs::read_to_string(dir.path().join("admin.token"))?;
    let form = format!("token={}", token.trim());
    let login =
        format!("POST /login HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{form}", form.len());
    let (head, _) = ask(&host, &login).await?;
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    for path in [
        "/",
        "/environments/environment-7",
        "/compare?left=environment-1&right=environment-2",
        "/insights?environment=environment-7",
        "/activity",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\naccept-encoding: gzip\r\n\r\n"
        );
        let mut times = Vec::with_capacity(REQUESTS);
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            let (head, length) = ask(&host, &request).await?;
            times.push(begun.elapsed());
            assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
            bytes = length;
        }
        times.sort_unstable();
        let (median, slow) = (times[REQUESTS / 2], times[REQUESTS * 9 / 10]);
        println!("{path}: median {median:.1?}, 90 % within {slow:.1?}, {:.1} KiB", bytes as f64 / 1024.0);
        if path == "/" && median > FIRST_PAGE_BUDGET {
            return Err(format!("the first page takes more than {FIRST_PAGE_BUDGET:?}").into());
        }
    }
    Ok(())
}

/// One request on a connection of its own: the answer's head, and how long it was in all.
async fn ask(host: &str, request: &str) -> Result<(String, usize), Failure> {
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.replace("\r\nhost", "\r\nconnection: close\r\nhost").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head")?;
    Ok((String::from_utf8_lossy(&answer[..end]).into_owned(), answer.len()))
}

async fn fill(log: &Log) -> Result<(), Failure> {
    let begun = now() - Span::from_mins(30 * 24 * 60);
    let step = Span::from_mins(30 * 24 * 60 / VERSIONS as i64);
    for environment in 0..ENVIRONMENTS {
        let name = format!("environment-{environment}").parse()?;
        let (description, color) = ("one of many".to_owned(), "#2563eb".to_owned());
        log.append(Action::EnvironmentCreated { name, description, color }.by(Actor::default(), begun))
            .await?;
    }
    for version in 0..VERSIONS {
        for environment in 0..ENVIRONMENTS {
            let mut last = None;
            for service in 0..SERVICES {
                for node in 0..NODES {
                    let at = begun
                        + Span::from_ms(step.ms() * version as i64)
                        + Span::from_secs((environment * 60 + service * 20 + node * 3) as i64);
                    last = Some(log.record(pull(environment, service, version, node, at)?));
                }
            }
            if let Some(receipt) = last {
                receipt.durable(&Deadlines::new(Duration::from_secs(60))).await;
            }
        }
    }
    let logged = log.events()?.count() as u64;
    while log.view().applied < logged {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{logged} events of {ENVIRONMENTS} environments with {SERVICES} services each");
    Ok(())
}

fn pull(
    environment: usize,
    service: usize,
    version: usize,
    node: usize,
    at: landfall::model::time::Time,
) -> Result<Observation, Failure> {
    // Environments are not all at the same version.
    let version = version + (environment + service) % 3;
    Ok(Observation {
        at,
        environment: format!("environment-{environment}").parse()?,
        token: TokenId::new(&format!("tok_{environment}")),
        token_kind: TokenKind::Cluster,
        client: format!("10.0.{environment}.{node}").into(),
        agent: "containerd/v1.7.22".into(),
        method: Method::Head,
        repository: format!("shop/service-number-{service}").parse()?,
        reference: format!("v1.{version}.0").parse()?,
        digest: Some(Digest::of(format!("{service}/{version}").as_bytes())),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    })
}
