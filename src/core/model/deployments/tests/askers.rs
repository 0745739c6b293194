//! Nodes of an environment: the runtimes that most of its addresses run; a Docker daemon or podman beside them is none.

use super::story::{CONTAINERD, answer, at, digest, folded, pull};
use crate::model::event::Observation;

const CRIO: &str = "cri-o/1.31.0 go/go1.22 os/linux arch/amd64";
const COMPOSE: &str =
    "docker/27.3.1 go/go1.22.7 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(compose/v2.29.7)";
const TESTCONTAINERS: &str =
    "docker/27.3.1 go/go1.22.7 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(tc-java/1.20.4)";
const RUNNER: &str =
    "docker/27.3.1 go/go1.22.7 kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Go-http-client/1.1)";
const PODMAN: &str = "libpod/5.2.3";
const IMAGE_LIBRARY: &str = "containers/5.32.2 (github.com/containers/image)";

/// Pulls of `version` with `agent`, by each node after the other.
fn pulls(seconds: i64, nodes: &[&str], version: &str, agent: &str) -> Vec<Observation> {
    let one = |(place, node): (i64, &&str)| pull(at(seconds + place * 5), node, version, version, false);
    let mut all: Vec<Observation> = (0..).zip(nodes).flat_map(one).collect();
    all.iter_mut().for_each(|it| it.agent = agent.into());
    all
}

/// The version that runs, the number of deployments, and who pulled locally.
fn told(observations: &[Observation], seconds: i64) -> (String, usize, Vec<String>) {
    let answer = answer(&folded(observations), at(seconds));
    let service = &answer["services"]["docker/app"];
    let current = service["current"]["digest"].as_str().unwrap_or("nothing");
    let version = ["1.0", "1.1"].into_iter().find(|it| digest(it).to_string() == current);
    let local = answer["local"].as_array().unwrap();
    (
        version.unwrap_or(current).to_owned(),
        service["deployments"].as_array().map_or(0, Vec::len),
        local.iter().map(|it| it["client"].as_str().unwrap().to_owned()).collect(),
    )
}

const THREE: &[&str] = &["a", "b", "c"];

/// Those that ran 1.0 at first and their program; how much later, who and by which program asks for 1.1; whether those are nodes.
type Case = (&'static [&'static str], &'static str, i64, &'static [&'static str], &'static str, bool);

#[test]
fn what_most_addresses_run_is_a_node_and_what_is_driven_beside_them_is_none() {
    const MONTH: i64 = 30 * 24 * 3_600;
    let cases: [Case; 14] = [
        (THREE, CONTAINERD, 7_200, &["x"], COMPOSE, false),
        (THREE, CONTAINERD, 7_200, &["x"], TESTCONTAINERS, false),
        (THREE, CRIO, 7_200, &["x"], RUNNER, false),
        (THREE, CONTAINERD, 7_200, &["x"], PODMAN, false),
        (&["a"], CONTAINERD, 7_200, &["x"], RUNNER, false),
        (&["a"], CONTAINERD, 7_200, &["w", "x", "y", "z"], RUNNER, false),
        (THREE, CONTAINERD, MONTH + 7_200, THREE, COMPOSE, true),
        (&[], CONTAINERD, 7_200, THREE, COMPOSE, true),
        (THREE, RUNNER, 7_200, THREE, RUNNER, true),
        (THREE, PODMAN, 7_200, THREE, PODMAN, true),
        (THREE, IMAGE_LIBRARY, 7_200, THREE, IMAGE_LIBRARY, true),
        (THREE, RUNNER, 7_200, &["x"], PODMAN, false),
        (THREE, PODMAN, 7_200, &["x"], COMPOSE, false),
        (THREE, RUNNER, 7_200, &["x", "y", "z"], CONTAINERD, true),
    ];
    for (nodes, runtime, later, others, agent, are_nodes) in cases {
        let all = [pulls(0, nodes, "1.0", runtime), pulls(later, others, "1.1", agent)].concat();
        let (version, deployments, local) = told(&all, later + 3_600);
        let expected = usize::from(!nodes.is_empty()) + usize::from(are_nodes);
        let is_told = (version.as_str(), deployments) == (if are_nodes { "1.1" } else { "1.0" }, expected);
        assert!(is_told, "{nodes:?} {runtime}, then {others:?} {agent}: {version} {deployments}");
        assert_eq!(
            local,
            if are_nodes { &[] } else { others },
            "{nodes:?} {runtime}, then {others:?} {agent}"
        );
    }
}

#[test]
fn a_daemon_that_came_first_is_no_node_once_a_cluster_outnumbers_it() {
    let first = pulls(0, &["x"], "1.0", RUNNER);
    let cluster = pulls(60, THREE, "1.0", CONTAINERD);
    let later = pulls(7_200, &["x"], "1.1", RUNNER);
    let told = told(&[first, cluster, later].concat(), 9_000);
    assert_eq!(told, ("1.0".to_owned(), 1, vec!["x".to_owned()]));
}

#[test]
fn what_such_a_daemon_cannot_pull_is_no_failing_deployment() {
    let mut failing = pulls(7_200, &["x"], "1.1", RUNNER);
    failing.iter_mut().for_each(|it| (it.status, it.digest) = (404, None));
    let beside = [pulls(0, THREE, "1.0", CONTAINERD), failing.clone()].concat();
    let attempts =
        |all: &[Observation]| answer(&folded(all), at(7_260))["attempts"].as_array().unwrap().len();
    assert_eq!(attempts(&beside), 0);
    assert_ne!(attempts(&[pulls(0, THREE, "1.0", RUNNER), failing].concat()), 0);
}
