//! Debian's docker-registry (CNCF distribution) as the upstream: open, with htpasswd, or with Bearer tokens.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::http::Client;
use super::local::free_port;
use super::process::{Process, run};
use super::signer::{Signer, TokenServer};

/// The user that the registry knows.
pub const USER: &str = "upuser";
/// That user's password; with a colon, as passwords may have one.
pub const PASSWORD: &str = "up:pass";

/// The registry's way of checking its clients.
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
            configure(&dir, &check, &address);
            let mut process = serve(&dir);
            if is_up(&mut process, &address).await {
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

    /// Gives a blob's place in a repository to content of another digest, and returns the file to write that to.
    /// For content that is too large to be pushed.
    pub fn adopt_blob(&self, repository: &str, pushed: &str, digest: &str) -> PathBuf {
        let root = self.dir.path().join("data/docker/registry/v2");
        let (_, hex) = digest.split_once(':').unwrap();
        let (_, pushed) = pushed.split_once(':').unwrap();
        let layers = root.join("repositories").join(repository).join("_layers/sha256");
        std::fs::rename(layers.join(pushed), layers.join(hex)).unwrap();
        std::fs::write(layers.join(hex).join("link"), digest).unwrap();
        let blob = root.join("blobs/sha256").join(&hex[..2]).join(hex);
        std::fs::create_dir_all(&blob).unwrap();
        blob.join("data")
    }

    /// Stops the registry, as when it is down; its content stays.
    pub fn stop(&mut self) {
        self.process.kill();
    }

    /// Starts it again at its old address.
    pub async fn start_again(&mut self) {
        self.process = serve(&self.dir);
        assert!(is_up(&mut self.process, &self.address).await, "{}", self.process.log());
    }
}

/// Waits until the registry answers; false where it ended instead.
async fn is_up(process: &mut Process, address: &str) -> bool {
    let client = Client::new(address);
    super::until("docker-registry answers", async || {
        if process.child().try_wait().unwrap().is_some() {
            return Some(false);
        }
        let answer = client.send(http::Method::GET, "/v2/", &[], bytes::Bytes::new()).await;
        answer.is_ok().then_some(true)
    })
    .await
}

fn htpasswd(dir: &TempDir) -> String {
    // bcrypt at its lowest cost keeps each request cheap.
    let said = run(Command::new("htpasswd").args(["-Bbn", "-C", "4", USER, PASSWORD])).succeeded();
    let path = dir.path().join("htpasswd");
    std::fs::write(&path, said.out).unwrap();
    format!("auth: {{htpasswd: {{realm: registry, path: {}}}}}\n", path.display())
}

fn configure(dir: &TempDir, check: &str, address: &str) {
    let data = dir.path().join("data");
    let text = format!(
        "version: 0.1\nlog: {{level: info, accesslog: {{disabled: false}}}}\n\
         storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
         {check}http: {{addr: '{address}'}}\n",
        data.display()
    );
    std::fs::write(dir.path().join("config.yml"), text).unwrap();
}

fn serve(dir: &TempDir) -> Process {
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(dir.path().join("config.yml"));
    Process::start(&command, &dir.path().join("log"))
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}
