//! NATS servers that are a cluster, on addresses of the loopback device.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::local::{directory, free_port};
use super::process::Process;
use super::tls::Identity;

/// Servers of one cluster. They and what they keep end with this value.
pub struct Nats {
    dir: TempDir,
    ports: Vec<u16>,
    servers: Vec<Option<Process>>,
    /// The folder of its certificate.
    identity: Option<TempDir>,
}

impl Nats {
    /// Starts so many.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, "")
    }

    /// Starts one that speaks TLS as `identity`, and knows the holder of a credentials file alone. Returns that file's text.
    pub fn start_guarded(identity: &Identity) -> (Self, String) {
        let folder = directory();
        identity.write(folder.path());
        let (guarded, credentials, _) = guarded(&[]);
        let dir = folder.path().display();
        let text = format!("tls {{ cert_file: \"{dir}/tls.crt\", key_file: \"{dir}/tls.key\" }}\n{guarded}");
        let mut nats = Self::start_with(1, &text);
        nats.identity = Some(folder);
        (nats, credentials)
    }

    /// Starts one that knows a full replica and these edges alone, each by a credentials file. Returns those files' texts.
    pub fn start_for_edges(edges: &[&str]) -> (Self, String, Vec<String>) {
        let (guarded, full, edges) = guarded(edges);
        (Self::start_with(1, &guarded), full, edges)
    }

    fn start_with(count: usize, more: &str) -> Self {
        let dir = directory();
        let free: Vec<u16> = (0..2 * count).map(|_| free_port()).collect();
        let (ports, routes) = free.split_at(count);
        for (index, port) in ports.iter().enumerate() {
            let store = dir.path().join(format!("store-{index}"));
            let all: Vec<String> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
            let cluster = match count {
                1 => String::new(),
                _ => format!(
                    "cluster {{ name: test, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
                    routes[index],
                    all.join(", ")
                ),
            };
            let text = format!(
                "server_name: nats-{index}\nlisten: \"127.0.0.1:{port}\"\n\
                 jetstream {{ store_dir: \"{}\", sync_interval: always, max_mem: 64MB, max_file: 4GB }}\n{cluster}{more}",
                store.display()
            );
            std::fs::write(dir.path().join(format!("nats-{index}.conf")), text).unwrap();
        }
        let servers = (0..count).map(|_| None).collect();
        let mut nats = Self { dir, ports: ports.to_vec(), servers, identity: None };
        (0..count).for_each(|index| nats.start_server(index));
        nats
    }

    /// The servers' addresses, as Landfall's configuration has them.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        urls.join(",")
    }

    /// The port of the first one.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// `[log.shared]` of a replica with this name.
    pub fn table(&self, replica: &str) -> String {
        format!("[log.shared]\nurl = \"{}\"\nreplica = \"{replica}\"", self.url())
    }

    /// Starts a server that does not run.
    pub fn start_server(&mut self, index: usize) {
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(self.dir.path().join(format!("nats-{index}.conf")));
        let log = self.dir.path().join(format!("log-{index}"));
        self.servers[index] = Some(Process::start(&command, &log));
    }

    /// `kill -9`
    pub fn kill(&mut self, index: usize) {
        if let Some(mut server) = self.servers[index].take() {
            server.kill();
        }
    }

    /// Removes what a server that does not run has kept.
    pub fn wipe(&mut self, index: usize) {
        std::fs::remove_dir_all(self.dir.path().join(format!("store-{index}"))).unwrap();
    }

    /// SIGSTOP, or SIGCONT.
    pub fn pause(&mut self, index: usize, is_paused: bool) {
        let signal = if is_paused { Signal::STOP } else { Signal::CONT };
        if let Some(server) = &mut self.servers[index] {
            kill_process(Pid::from_child(server.child()), signal).unwrap();
        }
    }
}

/// The rights of a full replica, and nothing else: to publish, and to listen.
fn of_full() -> Value {
    let publish = [
        "landfall.>",
        "landfall-replicas.>",
        "$JS.API.STREAM.INFO.landfall",
        "$JS.API.STREAM.INFO.landfall-replicas",
        "$JS.API.STREAM.MSG.GET.landfall",
        "$JS.API.STREAM.MSG.GET.landfall-replicas",
        "$JS.API.STREAM.CREATE.landfall",
        "$JS.API.STREAM.CREATE.landfall-replicas",
        "$JS.API.DIRECT.GET.landfall",
        "$JS.API.DIRECT.GET.landfall-replicas",
    ];
    json!({"pub": {"allow": publish}, "sub": {"allow": ["_INBOX.>"]}})
}

/// The rights of the edge `name`, and nothing else.
fn of_edge(name: &str) -> Value {
    let publish = [
        format!("landfall.edge.{name}.*"),
        format!("landfall.acts.mark.{name}"),
        format!("landfall-replicas.{name}"),
        "$JS.API.STREAM.INFO.landfall".to_owned(),
        "$JS.API.DIRECT.GET.landfall.landfall.acts.>".to_owned(),
        format!("$JS.API.DIRECT.GET.landfall.landfall.edge.{name}.*"),
        "$JS.API.DIRECT.GET.landfall-replicas".to_owned(),
        format!("$JS.API.CONSUMER.CREATE.landfall.{name}.landfall.acts.>"),
        format!("$JS.API.CONSUMER.MSG.NEXT.landfall.{name}"),
        format!("$JS.API.CONSUMER.DELETE.landfall.{name}"),
    ];
    json!({"pub": {"allow": publish}, "sub": {"allow": [format!("_INBOX.landfall.{name}.>")]}})
}

/// The part of a server's configuration that knows a full replica and these edges, by tokens that its operator signed; and the
/// credentials of each.
fn guarded(edges: &[&str]) -> (String, String, Vec<String>) {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    // JetStream's own requests come by an account of the servers'.
    let system = KeyPair::new_account();
    let all = json!({
        "subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "wildcards": true,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1
    });
    let of_operator = token(&operator, &operator, json!({"type": "operator", "version": 2}));
    let of_account = token(&operator, &account, json!({"type": "account", "version": 2, "limits": all}));
    let of_system = token(&operator, &system, json!({"type": "account", "version": 2}));
    let config = format!(
        "operator: {of_operator}\nsystem_account: {1}\nresolver: MEMORY\n\
         resolver_preload: {{ {0}: {of_account}, {1}: {of_system} }}\n",
        account.public_key(),
        system.public_key()
    );
    let credentials = |mut rights: Value| {
        let user = KeyPair::new_user();
        rights["type"] = json!("user");
        rights["version"] = json!(2);
        ["subs", "data", "payload"].iter().for_each(|limit| rights[*limit] = json!(-1));
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            token(&account, &user, rights),
            user.seed().unwrap()
        )
    };
    let edges = edges.iter().map(|name| credentials(of_edge(name))).collect();
    (config, credentials(of_full()), edges)
}

/// A token about `subject` that `issuer` signed.
fn token(issuer: &KeyPair, subject: &KeyPair, nats: Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": subject.public_key(), "iat": 1_700_000_000, "iss": issuer.public_key(), "name": "test",
        "sub": subject.public_key(), "nats": nats
    });
    let said = format!("{}.{}", part(json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(said.as_bytes()).unwrap());
    format!("{said}.{signature}")
}
