//! The real program, as people start it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;
use super::http::{Answer, Client};
use super::local::free_port;
use super::process::{Process, Said, run};
use super::registry::{PASSWORD, Registry, USER};

/// Longest wait of an answer for its observation. An answer that came sooner was not late.
pub const MAX_WAIT: &str = "5s";

/// The settings that `landfall serve` is started with.
pub struct Setup {
    dir: TempDir,
    config: String,
    flags: Vec<String>,
    files_max: Option<u32>,
    /// The proxy's address; any free port without it.
    listen: String,
    variables: Vec<(String, String)>,
    /// Another program than this one.
    program: Option<PathBuf>,
}

/// A running `landfall serve`. It and its data end with this value.
pub struct Landfall {
    process: Process,
    proxy: String,
    admin: String,
    setup: Setup,
}

/// A token with its secret.
#[derive(Clone, Debug)]
pub struct Token {
    pub environment: String,
    pub id: String,
    pub user: String,
    pub secret: String,
}

/// `landfall` with no variables of the surroundings.
pub fn command() -> Command {
    without_variables(Command::new(env!("CARGO_BIN_EXE_landfall")))
}

/// The same with so many open files at most.
fn command_with_files(files_max: u32) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files_max} && exec \"$0\" \"$@\"")]);
    shell.arg(env!("CARGO_BIN_EXE_landfall"));
    without_variables(shell)
}

fn without_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if text.starts_with("LANDFALL_") || text.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}

impl Setup {
    /// In front of an open registry at this URL.
    pub fn before(url: &str) -> Self {
        let setup = Self {
            dir: super::directory(),
            config: String::new(),
            flags: Vec::new(),
            files_max: None,
            listen: "0.0.0.0:0".into(),
            variables: Vec::new(),
            program: None,
        };
        // An answer that came is in the log, however busy the disk is: no test has to wait for that.
        let setup = setup.flag("--max-wait", MAX_WAIT);
        setup.line(&format!("[[upstream]]\nurl = \"{url}\""))
    }

    /// In front of a registry of the rig, with the credentials that it wants.
    pub fn before_registry(registry: &Registry) -> Self {
        Self::before(&registry.url()).with_credentials()
    }

    /// Gives the credentials of the rig's registries to the upstream.
    pub fn with_credentials(self) -> Self {
        let file = self.dir.path().join("password");
        std::fs::write(&file, PASSWORD).unwrap();
        self.line(&format!("username = \"{USER}\"\npassword_file = \"{}\"", file.display()))
    }

    /// Adds lines to the configuration file.
    pub fn line(mut self, text: &str) -> Self {
        writeln!(self.config, "{text}").unwrap();
        self
    }

    /// Has the proxy listen on a port that is free now, and be known by it to images.
    pub fn on_a_known_port(mut self) -> Self {
        self.listen = format!("127.0.0.1:{}", free_port());
        self
    }

    /// Adds a flag with its value.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Lets the process have so many open files.
    pub fn with_files_max(mut self, files_max: u32) -> Self {
        self.files_max = Some(files_max);
        self
    }

    /// Has another program serve, e.g. that of an earlier release.
    pub fn started_by(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Has the program serve that is tested.
    pub fn started_by_this(mut self) -> Self {
        self.program = None;
        self
    }

    /// Sets a variable of its surroundings.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of everything that belongs to it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The log's folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// `landfall serve` with everything that was set, on free ports.
    pub fn command(&self) -> Command {
        let config = self.dir.path().join("landfall.toml");
        std::fs::write(&config, &self.config).unwrap();
        let mut command = match (&self.program, self.files_max) {
            (Some(program), _) => without_variables(Command::new(program)),
            (None, Some(files_max)) => command_with_files(files_max),
            (None, None) => command(),
        };
        command.arg("serve").arg("--config").arg(config).arg("--data").arg(self.data());
        command.args(["--listen", &self.listen, "--admin-listen", "127.0.0.1:0"]).args(&self.flags);
        command.envs(self.variables.iter().cloned());
        command
    }

    /// Starts it and waits for its `ready` line.
    pub fn start(self) -> Landfall {
        let mut process = Process::piped(&self.command(), &self.dir.path().join("log"));
        let (proxy, admin) = addresses(&mut process);
        Landfall { process, proxy, admin, setup: self }
    }
}

/// Reads `ready proxy=http://ADDR admin=http://ADDR` and returns both as the host itself reaches them.
fn addresses(process: &mut Process) -> (String, String) {
    let (sender, line) = mpsc::channel();
    let output = process.child().stdout.take().unwrap();
    // A thread of its own, which also keeps the pipe open until the program ends.
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        if let Some(Ok(line)) = lines.next() {
            let _ = sender.send(line);
        }
        lines.count()
    });
    let line = line.recv_timeout(PATIENCE);
    let line = line.unwrap_or_else(|_| panic!("landfall did not get ready:\n{}", process.log()));
    let address = |name: &str| {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name)).expect(&line);
        let (_, address) = word.split_once("://").expect(&line);
        address.replace("0.0.0.0", "127.0.0.1")
    };
    assert!(line.starts_with("ready "), "{line}");
    (address("proxy="), address("admin="))
}

impl Landfall {
    /// The proxy's `127.0.0.1:PORT`.
    pub fn proxy(&self) -> &str {
        &self.proxy
    }

    /// The admin server's address.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The proxy's port.
    pub fn port(&self) -> u16 {
        self.proxy.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// A client of the proxy without credentials.
    pub fn stranger(&self) -> Client {
        Client::new(&self.proxy)
    }

    /// A client of the proxy with a token.
    pub fn client(&self, token: &Token) -> Client {
        self.stranger().with_basic(&token.user, &token.secret)
    }

    /// Its data and configuration.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks the admin API as an administrator.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = std::fs::read_to_string(self.setup.data().join("admin.token")).unwrap();
        let client = Client::new(&self.admin).with("authorization", format!("Bearer {}", token.trim()));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        client.send(method, path, &headers, body.into()).await.unwrap()
    }

    /// The JSON that the admin API answers with.
    pub async fn admin_get(&self, path: &str) -> Value {
        self.admin(Method::GET, path, None).await.expect(200).json()
    }

    /// Makes an environment.
    pub async fn environment(&self, name: &str) {
        self.admin(Method::POST, "/api/v1/environments", Some(json!({"name": name}))).await.expect(201);
    }

    /// Makes a cluster token of an environment.
    pub async fn token(&self, environment: &str) -> Token {
        // Of two tokens of one name the second would be refused.
        static MADE: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test-{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.token_with(environment, json!({ "name": name })).await
    }

    /// Makes a token from the fields of the API.
    pub async fn token_with(&self, environment: &str, fields: Value) -> Token {
        let path = format!("/api/v1/environments/{environment}/tokens");
        let made = self.admin(Method::POST, &path, Some(fields)).await.expect(201).json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (id, user, secret) = (text("id"), text("username"), text("secret"));
        Token { environment: environment.into(), id, user, secret }
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &Token) {
        let path = format!("/api/v1/environments/{}/tokens/{}", token.environment, token.id);
        let revoked = self.admin(Method::DELETE, &path, None).await;
        // 200 where other servers of the log have not confirmed it in time.
        assert!(revoked.status.is_success(), "{}", revoked.text());
    }

    /// Every observation in the log.
    pub async fn observations(&self) -> Vec<Value> {
        let export = self.admin(Method::GET, "/api/v1/export", None).await.expect(200);
        export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a client command against this server.
    pub fn cli(&self, arguments: &[&str]) -> Said {
        let mut command = command();
        command.args(arguments).env("LANDFALL_ADMIN", format!("http://{}", self.admin));
        run(command.arg("--admin-token-file").arg(self.setup.data().join("admin.token")))
    }

    /// Its memory: a line of `/proc/PID/status` in bytes, e.g. `VmRSS` (now) or `VmHWM` (at most so far).
    pub fn memory_bytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// `kill -9`, then a new process on the same data.
    pub fn kill_and_start(mut self) -> Self {
        self.process.kill();
        self.setup.start()
    }

    /// `kill -9`; returns what it leaves behind.
    pub fn kill(mut self) -> Setup {
        self.process.kill();
        self.setup
    }

    /// SIGTERM; returns how it ended, and what it leaves behind.
    pub fn stop(mut self) -> (ExitStatus, Setup) {
        self.process.terminate();
        let status = self.process.wait(PATIENCE);
        (status.unwrap_or_else(|| panic!("landfall does not end:\n{}", self.process.log())), self.setup)
    }
}
