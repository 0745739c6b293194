//! A developer's machine: dockerd with a containerd of its own, and the docker command.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use serde_json::json;
use tempfile::TempDir;

use super::node::containerd_config;
use super::process::{Process, Said, run};

/// A running Docker. Fields end in this order: dockerd before its containerd, so that nothing stays mounted.
pub struct Laptop {
    _dockerd: Process,
    _containerd: Process,
    dir: TempDir,
}

impl Laptop {
    /// Starts Docker and waits until it answers.
    pub async fn start() -> Self {
        let dir = super::directory();
        let path = |name: &str| dir.path().join(name);
        let mut containerd = Command::new("containerd");
        containerd.arg("--config").arg(containerd_config(&dir, false));
        let mut containerd = Process::start(&containerd, &path("containerd.log"));
        super::until("containerd opens its socket", async || {
            containerd.assert_running("containerd");
            path("sock").exists().then_some(())
        })
        .await;
        let mut dockerd = Process::start(&dockerd(dir.path()), &path("dockerd.log"));
        super::until("dockerd answers", async || {
            dockerd.assert_running("dockerd");
            (docker(dir.path(), &["version"]).code == Some(0)).then_some(())
        })
        .await;
        Self { _dockerd: dockerd, _containerd: containerd, dir }
    }

    /// The daemon's socket.
    pub fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("docker")
    }

    /// Runs `docker` with these arguments.
    pub fn docker(&self, arguments: &[&str]) -> Said {
        docker(self.dir.path(), arguments)
    }

    /// `docker login` with the secret on standard input, as people should.
    pub fn login(&self, host: &str, user: &str, secret: &str) -> Said {
        let mut command = docker_command(self.dir.path());
        command.args(["login", "-u", user, "--password-stdin", host]);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Puts credentials where `docker login` would, without asking the registry.
    pub fn remember(&self, host: &str, user: &str, secret: &str) {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
        let config = json!({"auths": {host: {"auth": auth}}}).to_string();
        std::fs::create_dir_all(self.dir.path().join("cli")).unwrap();
        std::fs::write(self.dir.path().join("cli/config.json"), config).unwrap();
    }
}

fn dockerd(dir: &Path) -> Command {
    let mut command = Command::new("dockerd");
    command.arg("-H").arg(format!("unix://{}/docker", dir.display()));
    for (flag, name) in
        [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid"), ("--containerd", "sock")]
    {
        command.arg(flag).arg(dir.join(name));
    }
    // Pulls need no network of containers, and a machine of tests may have neither iptables nor bridges.
    command.args(["--iptables=false", "--bridge=none", "--max-download-attempts", "1"]);
    command
}

fn docker_command(dir: &Path) -> Command {
    let mut command = Command::new("docker");
    command.arg("--config").arg(dir.join("cli")).arg("-H").arg(format!("unix://{}/docker", dir.display()));
    command
}

fn docker(dir: &Path, arguments: &[&str]) -> Said {
    run(docker_command(dir).args(arguments))
}
