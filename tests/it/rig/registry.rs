//! Debian's docker-registry (CNCF distribution) as the upstream: open, with htpasswd, or with Bearer tokens.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::http::Client;
use super::process::{Process, run};
use super::signer::{Signer, TokenServer};

/// The user that the registry knows.
pub const USER: &str = "upuser";
/// That user's password; with a colon, as passwords may have one.
pub const PASSWORD: &str = "up:pass";

/// How the registry checks who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    Open,
    /// Basic credentials, [`USER`] and [`PASSWORD`].
    Htpasswd,
    /// Bearer tokens, which a token server gives for [`USER`] and [`PASSWORD`].
    Token,
}

/// A running registry. It and its content end with this value.
pub struct Registry {
    process: Process,
    address: String,
    auth: Auth,
    tokens: Option<TokenServer>,
    dir: TempDir,
}

impl Registry {
    /// Starts a registry and waits until it answers.
    pub async fn start(auth: Auth) -> Self {
        let dir = super::directory();
        let (check, tokens) = match auth {
            Auth::Open => (String::new(), None),
            Auth::Htpasswd => (htpasswd(&dir), None),
            Auth::Token => {
                let signer = Signer::new();
                let roots = dir.path().join("roots.pem");
                std::fs::write(&roots, signer.certificate_pem()).unwrap();
                let server = TokenServer::start(signer, USER, PASSWORD).await;
                let roots = roots.display();
                let token = format!(
                    "auth: {{token: {{realm: '{}', service: test, issuer: test, rootcertbundle: {roots}}}}}\n",
                    server.realm()
                );
                (token, Some(server))
            }
        };
        loop {
            // The port is free now and may be taken a moment later: then the registry ends, and another is tried.
            let address = free_address();
            let mut process = serve(&dir, &check, &address);
            let client = Client::new(address.clone());
            let is_up = super::until("docker-registry answers", async || {
                if process.child().try_wait().unwrap().is_some() {
                    return Some(false);
                }
                let answer = client.send(http::Method::GET, "/v2/", &[], bytes::Bytes::new()).await;
                answer.is_ok().then_some(true)
            });
            if is_up.await {
                return Self { process, address, auth, tokens, dir };
            }
            assert!(process.log().contains("address already in use"), "{}", process.log());
        }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that may do everything: what CI pushes with.
    pub async fn client(&self) -> Client {
        let client = Client::new(self.address.clone());
        match (self.auth, &self.tokens) {
            (Auth::Open, _) => client,
            (_, Some(tokens)) => client.with("authorization", format!("Bearer {}", tokens.for_everything())),
            _ => client.with_basic(USER, PASSWORD),
        }
    }

    /// The token server of [`Auth::Token`].
    pub fn tokens(&self) -> &TokenServer {
        self.tokens.as_ref().unwrap()
    }

    /// The log so far, with a line for each answered request.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// How many requests with this method and path prefix were answered so far.
    pub fn answered(&self, request: &str) -> usize {
        let request = format!("\"{request}");
        self.log().lines().filter(|line| line.contains(&request)).count()
    }

    /// The file that holds a blob.
    pub fn blob_path(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// Stops the registry, as when it is down; its content stays.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}

fn htpasswd(dir: &TempDir) -> String {
    // bcrypt at its lowest cost keeps each request cheap.
    let said = run(Command::new("htpasswd").args(["-Bbn", "-C", "4", USER, PASSWORD])).succeeded();
    let path = dir.path().join("htpasswd");
    std::fs::write(&path, said.out).unwrap();
    format!("auth: {{htpasswd: {{realm: registry, path: {}}}}}\n", path.display())
}

fn serve(dir: &TempDir, check: &str, address: &str) -> Process {
    let data = dir.path().join("data");
    let config = dir.path().join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: false}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
         {check}http: {{addr: '{address}'}}\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    Process::start(Command::new("docker-registry").arg("serve").arg(&config), &dir.path().join("log"))
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
