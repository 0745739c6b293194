//! A cluster node as far as images go: a containerd of its own, with the CRI service that the kubelet talks to.

use std::process::Command;

use tempfile::TempDir;

use super::cri::Cri;
use super::netns::Netns;
use super::process::{Process, Said, run};
use super::skip;

/// A running node. Fields end in this order: the runtime, its network, its files.
pub struct Node {
    _containerd: Process,
    cri: Cri,
    netns: Option<Netns>,
    dir: TempDir,
}

/// The configuration of containerd, with `{dir}` for its directory.
const CONFIG: &str = r#"version = 2
root = "{dir}/root"
state = "{dir}/state"
[grpc]
  address = "{dir}/sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{dir}/opt"
"#;
const CRI_CONFIG: &str = r#"[plugins."io.containerd.grpc.v1.cri"]
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{dir}/certs.d"
"#;
const NO_CRI_CONFIG: &str = "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";

/// Writes the configuration of a containerd that lives in `dir`, and returns its path.
pub fn containerd_config(dir: &TempDir, with_cri: bool) -> std::path::PathBuf {
    let (before, after) = if with_cri { ("", CRI_CONFIG) } else { (NO_CRI_CONFIG, "") };
    let text = format!("{before}{CONFIG}{after}").replace("{dir}", dir.path().to_str().unwrap());
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    path
}

impl Node {
    /// Starts a node in a network namespace of its own (on 127.0.0.1 where there can be none).
    pub async fn start() -> Self {
        let dir = super::directory();
        let netns = Netns::new();
        if netns.is_none() {
            skip::skipped("nodes with addresses of their own", "`ip netns add` is not possible here");
        }
        let mut command =
            netns.as_ref().map_or_else(|| Command::new("containerd"), |it| it.command("containerd"));
        command.arg("--config").arg(containerd_config(&dir, true));
        let mut containerd = Process::start(&command, &dir.path().join("log"));
        let cri = Cri::new(format!("{}/sock", dir.path().display()));
        super::until("containerd's CRI service answers", async || {
            containerd.assert_running("containerd");
            cri.is_up().await.then_some(())
        })
        .await;
        Self { _containerd: containerd, cri, netns, dir }
    }

    /// The kubelet's door.
    pub fn cri(&self) -> &Cri {
        &self.cri
    }

    /// `HOST:PORT` under which the node reaches a port of the host, made known to it as plain http.
    pub fn host(&self, port: u16) -> String {
        let host = format!("{}:{port}", self.host_address());
        self.hosts_toml(&host, &host, &host);
        host
    }

    /// Lets the node ask a port of the host, as a mirror, for images of `registry`, which itself cannot be reached.
    pub fn mirror(&self, registry: &str, port: u16) {
        let host = format!("{}:{port}", self.host_address());
        self.hosts_toml(registry, "127.0.0.1:1", &host);
    }

    fn host_address(&self) -> String {
        self.netns.as_ref().map_or_else(|| "127.0.0.1".into(), Netns::host_address)
    }

    fn hosts_toml(&self, registry: &str, server: &str, host: &str) {
        let dir = self.dir.path().join("certs.d").join(registry);
        std::fs::create_dir_all(&dir).unwrap();
        // Without the [host] table containerd 1.6 ignores the file and speaks https.
        let hosts = format!(
            "server = \"http://{server}\"\n\n[host.\"http://{host}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
        );
        std::fs::write(dir.join("hosts.toml"), hosts).unwrap();
    }

    /// The address that servers on the host see.
    pub fn address(&self) -> String {
        self.netns.as_ref().map_or_else(|| "127.0.0.1".into(), Netns::own_address)
    }

    /// `ctr images pull`, in a containerd namespace of its own.
    pub fn ctr_pull(&self, image: &str, user: &str, secret: &str) -> Said {
        let mut command = self.netns.as_ref().map_or_else(|| Command::new("ctr"), |it| it.command("ctr"));
        command.arg("-a").arg(self.dir.path().join("sock")).args([
            "-n",
            "ctr",
            "images",
            "pull",
            "--plain-http",
        ]);
        run(command.arg("-u").arg(format!("{user}:{secret}")).arg(image))
    }
}
