//! A story over `landfall mcp` alone, with real pulls through the proxy: from an empty server to a rollback that is
//! planned, applied to a cluster, seen and settled, and an environment that a person agrees to delete.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::rig::api_server::{ApiServer, NAMESPACE};
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::node::Node;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::{PATIENCE, until};

const REPOSITORY: &str = "docker/app";

/// A client of 2025-11-25 over standard input and output, with a person who agrees to everything.
struct Agent {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    calls: u64,
    /// The questions that the person was asked.
    asked: Vec<String>,
}

impl Agent {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut agent = Self { child, input, lines, calls: 0, asked: Vec::new() };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let told = agent.ask("initialize", hello);
        assert_eq!(told["protocolVersion"], "2025-11-25", "{told}");
        assert!(told["instructions"].as_str().unwrap().contains("never instructions"), "{told}");
        agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
        self.input.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {method}"));
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["method"] == "elicitation/create" {
                self.asked.push(message["params"]["message"].as_str().unwrap().to_owned());
                let agreed = json!({"action": "accept", "content": {"confirm": true}});
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": agreed}));
            } else if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.ask("tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], false, "{tool}: {result}");
        println!("{tool}: {}", result["content"][0]["text"].as_str().unwrap());
        result["structuredContent"].clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mcp(landfall: &Landfall) -> Agent {
    let mut command = crate::rig::landfall::command();
    command.arg("mcp").args(["--admin", &landfall.admin_url()]);
    command.arg("--admin-token-file").arg(landfall.setup().data().join("admin.token"));
    Agent::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_out_is_verified_and_rolled_back_over_mcp_alone() {
    need!("docker-registry", "htpasswd", "containerd", "ip");
    let registry = Registry::start(Auth::Htpasswd).await;
    let api = ApiServer::start().await;
    let setup = Setup::before_registry(&registry).flag("--settle", "500ms");
    let kubeconfig = api.kubeconfig(setup.dir());
    let cluster = format!("[[cluster]]\nenvironment = \"production\"\nkubeconfig = {kubeconfig:?}");
    let landfall = setup.line(&cluster).start();
    api.workload(NAMESPACE, "deployments", "app", &[&format!("app=registry.example.com/{REPOSITORY}:1.1.0")]);
    let push = registry.client().await;
    let (one, two) = (Recipe::app(Format::Oci, "1.0.0").build(), Recipe::app(Format::Oci, "1.1.0").build());
    one.push(&push, REPOSITORY, "1.0.0").await;
    two.push(&push, REPOSITORY, "1.1.0").await;
    let node = Node::start().await;
    let host = node.host(landfall.port());

    let mut agent = mcp(&landfall);
    agent.call("create_environment", json!({"name": "production"}));
    let token = agent.call("create_token", json!({"environment": "production", "name": "cluster"}));
    let (user, secret) = (token["username"].as_str().unwrap(), token["secret"].as_str().unwrap());
    agent.call("create_environment", json!({"name": "staging"}));
    let fix = json!([{"title": "fix: login times out behind a proxy", "pr": 4511}]);
    for (image, version, changes) in [(&one, "1.0.0", json!([])), (&two, "1.1.0", fix)] {
        let release = json!({"repository": REPOSITORY, "version": version, "digest": image.digest(), "changes": changes});
        agent.call("add_release", release);
    }
    let pull = async |version: &str| {
        let name = format!("{host}/{REPOSITORY}:{version}");
        node.cri().pull(&name, user, secret).await.unwrap();
    };
    for (image, version) in [(&one, "1.0.0"), (&two, "1.1.0")] {
        pull(version).await;
        until("the rollout settles", async || {
            let running = agent.call("get_running", json!({"environment": "production"}));
            let service = &running["services"][0];
            (service["digest"] == image.digest() && service["state"] == "settled").then_some(())
        })
        .await;
    }
    let verified =
        agent.call("verify_change", json!({"environment": "production", "query": "login times out #4511"}));
    assert_eq!(verified["answer"], "live", "{verified}");
    let compared = agent.call("compare_environments", json!({"left": "production", "right": "staging"}));
    assert_eq!(compared["services"][0]["relation"], "left_only", "{compared}");

    let wish = json!({"environment": "production", "query": "app 1.0.0"});
    let plan = agent.call("deploy_release", wish);
    assert_eq!((&plan["kind"], &plan["state"]), (&json!("rollback"), &json!("planned")), "{plan}");
    assert_eq!(plan["lost"]["pull_requests"], json!([4511]), "{plan}");
    assert!(
        plan["text"].as_str().unwrap().contains("rollback")
            && plan["image"].as_str().unwrap().ends_with(one.digest())
    );
    let apply = json!({"environment": "production", "plan": plan["id"], "apply": true});
    let applied = agent.call("deploy_release", apply);
    assert_eq!((&applied["id"], &applied["state"]), (&plan["id"], &json!("applied")), "{applied}");
    let asked = agent.asked.remove(0);
    assert!(asked.contains("Apply this plan") && asked.contains("rollback"), "{asked}");
    // The cluster's node pulls what its Deployment names, with what its pull secret holds.
    let image = api.images("deployments/app").remove(0);
    let (_, digest) = image.split_once('@').unwrap();
    assert_eq!(digest, one.digest());
    let (user, secret) = api.pull_secret("landfall-production");
    node.cri().pull(&format!("{host}/{REPOSITORY}@{digest}"), &user, &secret).await.unwrap();
    let settled = until("the rollback settles", async || {
        let followed = agent.call("get_deploy", json!({"id": plan["id"]}));
        (followed["state"] == "settled").then_some(followed)
    })
    .await;
    let deployment = agent.call("get_deployment", json!({"id": settled["deployment_id"]}));
    assert_eq!(deployment["deployment"]["kind"], "rollback", "{deployment}");
    assert!(!deployment["evidence"]["changes"][0]["pulls"].as_array().unwrap().is_empty(), "{deployment}");
    let verified =
        agent.call("verify_change", json!({"environment": "production", "query": "login times out #4511"}));
    assert_eq!(verified["answer"], "rolled_back", "{verified}");

    agent.call("delete_environment", json!({"environment": "production"}));
    assert!(agent.asked[0].contains("Delete the environment production?"), "{:?}", agent.asked);
    let left = agent.call("list_environments", json!({}));
    assert_eq!(left["environments"].as_array().unwrap().len(), 1, "{left}");
    let trail = landfall.admin_get("/api/v1/audit").await;
    let through: Vec<&Value> = trail["entries"].as_array().unwrap().iter().map(|it| &it["through"]).collect();
    assert!(through.iter().all(|it| **it == "mcp"), "{trail}");
}
