//! User agent and token kind → who asks: a cluster's runtime, a person's machine, a tool, or nobody we know.
//!
//! The token decides what a pull can prove; the agent is only a hint, for anybody may send any text.

use serde::{Deserialize, Serialize};

use super::event::TokenKind;

/// A family of programs that pull images for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Runtime {
    /// containerd, also as k3s, RKE2 and the clouds ship it.
    Containerd,
    /// CRI-O: it never asks HEAD.
    Crio,
    /// A Docker daemon that a program drives: a kubelet, an orchestrator, compose.
    Docker,
    /// A mirror inside the cluster, which pulls once for many nodes.
    Mirror,
    /// podman, as servers run it too.
    Podman,
}

/// Kinds of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Puller {
    /// A cluster's node: its pulls are evidence for deployments.
    Node(Runtime),
    /// A pre-pull DaemonSet on a node: images arrive before they run.
    Prepull(Runtime),
    /// A person's machine, and what gave it away.
    Laptop(&'static str),
    /// A scanner, an update bot, or an agent that no cluster uses: presence only.
    Other,
}

/// Sorts a request by its token's kind and its `User-Agent`.
pub fn puller(kind: TokenKind, agent: &str) -> Puller {
    match (kind, hint(agent)) {
        (TokenKind::Local, _) => Puller::Laptop("a token of kind local"),
        (TokenKind::Scanner | TokenKind::Agent, _) => Puller::Other,
        // A person at a server deploys by hand.
        (TokenKind::Host, Hint::Laptop(_)) if agent.starts_with(DAEMON) => Puller::Node(Runtime::Docker),
        (TokenKind::Cluster | TokenKind::Host, Hint::Runtime(runtime)) => Puller::Node(runtime),
        (TokenKind::Prepull, Hint::Runtime(runtime)) => Puller::Prepull(runtime),
        (_, Hint::Laptop(reason)) => Puller::Laptop(reason),
        (_, Hint::Unknown) => Puller::Other,
    }
}

/// The kind of program that an agent's text names, in words.
pub fn family(agent: &str) -> &'static str {
    match hint(agent) {
        Hint::Runtime(Runtime::Containerd) => "containerd",
        Hint::Runtime(Runtime::Crio) => "CRI-O",
        Hint::Runtime(Runtime::Docker) => "a Docker daemon",
        Hint::Runtime(Runtime::Mirror) => "a mirror",
        Hint::Runtime(Runtime::Podman) => "podman",
        Hint::Laptop(program) => program,
        Hint::Unknown => "another program",
    }
}

/// The beginning of a Docker daemon's agent.
const DAEMON: &str = "docker/";

/// The reading of an agent's text by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hint {
    Runtime(Runtime),
    Laptop(&'static str),
    Unknown,
}

fn hint(agent: &str) -> Hint {
    // A Docker daemon names the program that drives it; the docker command means a person at a keyboard.
    if agent.starts_with(DAEMON) {
        let by_hand = [
            ("Docker-Client", "the docker command"),
            ("linuxkit", "Docker Desktop"),
            ("orbstack", "OrbStack"),
            ("microsoft-standard-WSL", "WSL"),
        ];
        return by_hand
            .into_iter()
            .find(|(mark, _)| agent.contains(mark))
            .map_or(Hint::Runtime(Runtime::Docker), |(_, reason)| Hint::Laptop(reason));
    }
    let runtimes = [
        ("containerd/", Runtime::Containerd),
        ("cri-o/", Runtime::Crio),
        ("spegel", Runtime::Mirror),
        ("dragonfly", Runtime::Mirror),
        ("dfdaemon", Runtime::Mirror),
        ("kraken", Runtime::Mirror),
        // podman by its own name, or by that of the library that it pulls with.
        ("libpod/", Runtime::Podman),
        ("podman/", Runtime::Podman),
        ("containers/", Runtime::Podman),
    ];
    let machines = [
        ("Docker-Client/", "the docker command"),
        ("Buildah/", "buildah"),
        ("buildkit/", "BuildKit"),
        ("nerdctl/", "nerdctl"),
        ("finch/", "finch"),
    ];
    if let Some((_, runtime)) = runtimes.into_iter().find(|(start, _)| agent.starts_with(start)) {
        return Hint::Runtime(runtime);
    }
    machines
        .into_iter()
        .find(|(start, _)| agent.starts_with(start))
        .map_or(Hint::Unknown, |(_, reason)| Hint::Laptop(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_decides_and_the_agent_hints() {
        let desktop = r"docker/27.3.1 go/go1.22.7 kernel/6.10.14-linuxkit UpstreamClient(Docker-Client/27.3.1 \(darwin\))";
        let daemon =
            "docker/24.0.7 go/go1.20 kernel/5.15.0 os/linux arch/amd64 UpstreamClient(Go-http-client/1.1)";
        let cases = [
            (TokenKind::Cluster, "containerd/v1.7.22", Puller::Node(Runtime::Containerd)),
            (TokenKind::Cluster, "cri-o/1.31.0 go/go1.22 os/linux arch/amd64", Puller::Node(Runtime::Crio)),
            (TokenKind::Cluster, daemon, Puller::Node(Runtime::Docker)),
            (TokenKind::Cluster, desktop, Puller::Laptop("the docker command")),
            (TokenKind::Local, "containerd/v1.7.22", Puller::Laptop("a token of kind local")),
            (TokenKind::Local, "", Puller::Laptop("a token of kind local")),
            (TokenKind::Host, daemon, Puller::Node(Runtime::Docker)),
            (TokenKind::Host, desktop, Puller::Node(Runtime::Docker)),
            (TokenKind::Host, "libpod/5.2.3", Puller::Node(Runtime::Podman)),
            (TokenKind::Host, "Buildah/1.37.0", Puller::Laptop("buildah")),
            (TokenKind::Agent, "containerd/v1.7.22", Puller::Other),
            (TokenKind::Prepull, "containerd/v1.7.22", Puller::Prepull(Runtime::Containerd)),
            (TokenKind::Scanner, "containerd/v1.7.22", Puller::Other),
            (
                TokenKind::Cluster,
                "containers/5.23.1 (github.com/containers/image)",
                Puller::Node(Runtime::Podman),
            ),
            (TokenKind::Cluster, "libpod/5.2.3", Puller::Node(Runtime::Podman)),
            (TokenKind::Local, "libpod/5.2.3", Puller::Laptop("a token of kind local")),
            (TokenKind::Cluster, "Buildah/1.37.0", Puller::Laptop("buildah")),
            (TokenKind::Cluster, "trivy/0.57", Puller::Other),
            (TokenKind::Cluster, "skopeo/1.9.3", Puller::Other),
            (TokenKind::Cluster, "", Puller::Other),
        ];
        for (kind, agent, expected) in cases {
            assert_eq!(puller(kind, agent), expected, "{kind:?} {agent}");
        }
    }
}
