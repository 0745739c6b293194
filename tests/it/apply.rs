//! Plans that are applied, by REST and by command, to a cluster whose API server checks every request.

use std::process::Command;

use http::Method;
use landfall::clock::now;
use landfall::config::{ClusterAccess, ClusterLogin};
use landfall::model::act::{Action, Actor};
use landfall::model::event::Method::Get;
use landfall::model::event::{Observation, TokenId};
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_support::{Answer, Clusters, HOST, Server, check_problem, digest, pull};
use crate::deploys::releases;
use crate::mcp::Agent;
use crate::rig::api_server::{ApiServer, NAMESPACE, Trouble};
use crate::rig::landfall::command;
use crate::rig::process::{Said, run};
use crate::rig::skip::need;

/// A server with access to a cluster, whose environment `production` ran v1 an hour ago.
struct Scene {
    api: ApiServer,
    server: Server,
    token: TokenId,
    _files: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        let api = ApiServer::start().await;
        let files = tempfile::tempdir().unwrap();
        let login = ClusterLogin::Kubeconfig { file: api.kubeconfig(files.path()), context: None };
        let access = ClusterAccess { login, namespace: None };
        let server = Server::start_with(Clusters::from([("production".parse().unwrap(), access)])).await;
        let (token, _) = server.environment("production").await;
        releases(&server).await;
        for node in 1..=3 {
            let at = now() - Span::from_mins(60);
            server.pulled(pull("production", &token, at, &format!("10.0.0.{node}"), 1)).await;
        }
        Self { api, server, token, _files: files }
    }

    /// … with a Deployment and a CronJob of two containers that use the repository.
    async fn with_two() -> Self {
        let scene = Self::start().await;
        scene.api.workload(NAMESPACE, "deployments", "payment", &["app=old.example.com/docker/payment:v1"]);
        let both = ["init-db=docker/payment:v1", "app=docker/payment:v1", "log=fluent/fluent-bit"];
        scene.api.workload(NAMESPACE, "cronjobs", "cleanup", &both);
        scene
    }

    async fn deploy(&self, more: Value) -> Answer {
        let mut body = json!({"environment": "production"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.post("/api/v1/deploy", body).await
    }

    async fn planned(&self) -> Value {
        let answer = self.deploy(json!({"version": "v2.0.0"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    async fn applied(&self) -> Value {
        let answer = self.deploy(json!({"version": "v2.0.0", "apply": true})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    async fn refused(&self, body: Value, status: u16, parts: &[&str]) -> String {
        let answer = self.deploy(body).await;
        check_problem(&answer, status, None);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(parts.iter().all(|part| detail.contains(part)), "not all of {parts:?} in: {detail}");
        detail
    }

    /// Every node fetches this version now.
    async fn pulled(&self, version: u8) {
        for node in 1..=3 {
            let pull = pull("production", &self.token, now(), &format!("10.0.0.{node}"), version);
            self.server.pulled(Observation { method: Get, bytes: 100, ..pull }).await;
        }
    }

    async fn plans(&self) -> Vec<Value> {
        let plans = self.server.get("/api/v1/environments/production/deploys").await.json();
        plans.as_array().unwrap().clone()
    }

    /// The latest acts, newest first.
    async fn acts(&self) -> Vec<String> {
        let trail = self.server.get("/api/v1/audit?environment=production&limit=20").await.json();
        let entries = trail["entries"].as_array().unwrap().clone();
        entries.iter().map(|it| it["summary"].as_str().unwrap().to_owned()).collect()
    }

    async fn cli(&self, arguments: &[&str]) -> Said {
        let mut command = command();
        command.arg("deploy").args(arguments).env("LANDFALL_ADMIN", &self.server.url);
        command.stdin(std::process::Stdio::null());
        command.arg("--admin-token-file").arg(self.server.dir.path().join("admin.token"));
        tokio::task::block_in_place(|| run(&mut command))
    }
}

fn image(version: u8) -> String {
    format!("{HOST}/docker/payment@{}", digest(version))
}

fn warnings(plan: &Value) -> Vec<&str> {
    plan["warnings"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_workloads_of_a_plan_are_those_of_the_namespace_that_use_the_repository() {
    let scene = Scene::with_two().await;
    let api = &scene.api;
    api.workload(NAMESPACE, "statefulsets", "ledger", &["app=localhost:5000/docker/payment:v1@sha256:24"]);
    api.workload(NAMESPACE, "daemonsets", "agent", &["init-only=registry.test:5000/docker/payment", "app=x"]);
    for other in 1..=5 {
        let image = format!("app=registry.test:5000/docker/payment-{other}");
        api.workload(NAMESPACE, "deployments", &format!("other-{other}"), &[&image]);
    }
    api.workload("elsewhere", "deployments", "payment-elsewhere", &["app=docker/payment:v1"]);
    let plan = scene.planned().await;
    let target = |kind: &str, name: &str, containers: &[&str], init: &[&str]| json!({"kind": kind, "name": name, "containers": containers, "init_containers": init});
    assert_eq!(
        plan["workloads"],
        json!([
            target("deployment", "payment", &["app"], &[]),
            target("statefulset", "ledger", &["app"], &[]),
            target("daemonset", "agent", &[], &["init-only"]),
            target("cronjob", "cleanup", &["app"], &["init-db"]),
        ])
    );
    let commands = plan["commands"].as_array().unwrap();
    let both = format!(
        "kubectl --namespace=shop set image cronjob/cleanup init-db={image} app={image}",
        image = image(2)
    );
    assert!(commands.contains(&json!(both)), "{commands:#?}");
    assert_eq!((&plan["namespace"], &plan["state"]), (&json!("shop"), &json!("planned")));
    assert_eq!(warnings(&plan), ["pull_secret"], "{plan}");
    assert_eq!(api.changes(), []);
    let one = scene.deploy(json!({"version": "v2.0.0", "workload": "cronjob/cleanup:log"})).await.json();
    assert_eq!(one["workloads"], json!([target("cronjob", "cleanup", &["log"], &[])]), "{one}");
    let elsewhere = json!({"version": "v2.0.0", "namespace": "elsewhere"});
    check_problem(&scene.deploy(elsewhere).await, 422, Some("namespace"));
    let none = scene.deploy(json!({"version": "v2.0.0", "workload": "deployment/none"})).await.json();
    assert_eq!((&none["workloads"], warnings(&none).contains(&"no_workload")), (&json!([]), true), "{none}");
}

#[tokio::test]
async fn a_plan_is_applied_after_a_dry_run_of_all_of_it() {
    let scene = Scene::with_two().await;
    let applied = scene.applied().await;
    assert_eq!(applied["state"], "applied", "{applied}");
    assert_eq!(scene.api.images("deployments/payment"), [image(2)]);
    assert_eq!(scene.api.images("cronjobs/cleanup"), [image(2), image(2), "fluent/fluent-bit".to_owned()]);
    let deployment = scene.api.object("deployments/payment").unwrap();
    let template = &deployment["spec"]["template"];
    assert_eq!(
        (&deployment["metadata"]["labels"], &template["metadata"]["labels"]),
        (
            &json!({"app.kubernetes.io/version": "v2.0.0"}),
            &json!({"app": "payment", "app.kubernetes.io/version": "v2.0.0"})
        )
    );
    assert_eq!(template["spec"]["containers"][0]["env"][0]["value"], "1", "what is not ours stays");
    let order: Vec<(String, bool)> = scene.api.changes();
    let names = ["landfall-production of secrets", "payment of deployments", "cleanup of cronjobs"];
    let expected = [true, false].into_iter().flat_map(|dry| names.map(|name| (name.to_owned(), dry)));
    assert_eq!(order, expected.collect::<Vec<_>>());
    assert!(scene.api.seen().iter().all(|seen| !seen.query.contains_key("force")), "nothing is forced");

    let acts = scene.acts().await;
    let id = applied["id"].as_str().unwrap();
    let expected = format!(
        "carried out {id} in production: secret/landfall-production in shop, deployment/payment in shop, \
         cronjob/cleanup in shop"
    );
    assert!(acts[0].contains(&expected), "{acts:#?}");
    assert!(acts[1].contains("made the cluster token kubernetes"), "{acts:#?}");
    assert!(acts[2].contains("began to carry out"), "the token is made for a plan that is begun: {acts:#?}");
    let again = scene.deploy(json!({"plan": id, "apply": true})).await;
    assert_eq!((again.status.as_u16(), &again.json()["state"]), (200, &json!("applied")));
    assert_eq!((scene.api.changes().len(), scene.acts().await.len()), (6, acts.len()), "twice is once");

    scene.pulled(2).await;
    let seen = scene.server.get(&format!("/api/v1/deploys/{id}")).await.json();
    assert_eq!(seen["state"], "observed", "{seen}");
    assert!(seen["deployment_id"].as_str().unwrap().starts_with("dep_"), "{seen}");
}

#[tokio::test]
async fn a_pull_secret_is_made_once_and_made_anew_when_its_token_ends() {
    let scene = Scene::with_two().await;
    let first = scene.applied().await;
    assert!(first["commands"][0].as_str().unwrap().contains("create secret docker-registry"), "{first}");
    let secret = || scene.api.object("secrets/landfall-production").unwrap();
    assert_eq!(secret()["type"], "kubernetes.io/dockerconfigjson");
    let made = secret();
    let plan = scene.planned().await;
    assert!(!warnings(&plan).contains(&"pull_secret"), "its token is accepted: {plan}");
    scene.applied().await;
    assert_eq!(secret(), made);

    let tokens = scene.server.get("/api/v1/environments/production/tokens").await.json();
    let mut tokens = tokens.as_array().unwrap().iter();
    let token =
        tokens.find(|token| token["name"] == "kubernetes").unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/environments/production/tokens/{token}");
    assert_eq!(scene.server.send(Method::DELETE, &path, "").await.status, 204);
    let plan = scene.planned().await;
    assert!(warnings(&plan).contains(&"pull_secret"), "{plan}");
    assert!(plan["commands"][0].as_str().unwrap().contains("delete secret landfall-production"), "{plan}");
    scene.applied().await;
    assert_ne!(secret(), made);
}

#[tokio::test]
async fn pods_that_name_pull_secrets_get_the_environments_and_others_keep_their_accounts() {
    let scene = Scene::with_two().await;
    let secrets = |object: &Value| object["spec"]["template"]["spec"]["imagePullSecrets"].clone();
    scene.api.edit("deployments/payment", |object| {
        object["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "of-another-registry"}]);
    });
    scene.applied().await;
    let named = secrets(&scene.api.object("deployments/payment").unwrap());
    assert_eq!(named, json!([{"name": "of-another-registry"}, {"name": "landfall-production"}]));
    let pods =
        &scene.api.object("cronjobs/cleanup").unwrap()["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert!(pods.get("imagePullSecrets").is_none(), "{pods}");

    // A secret of that name that is something else is not ours to replace.
    scene.api.edit("secrets/landfall-production", |secret| secret["type"] = "Opaque".into());
    let before = scene.api.changes().len();
    scene.refused(json!({"version": "v1.0.0", "apply": true}), 409, &["is no pull secret"]).await;
    assert_eq!(scene.api.changes().len(), before);
}

#[tokio::test]
async fn what_the_role_does_not_allow_is_refused_by_name() {
    let scene = Scene::with_two().await;
    let apply = json!({"version": "v2.0.0", "apply": true});
    scene.api.trouble("/cronjobs", Trouble::Forbid("list"));
    let said = ["list cronjobs", "namespace shop", "deploy/kubernetes/deployer.yaml"];
    scene.refused(apply.clone(), 409, &said).await;
    let plan = scene.planned().await;
    assert!(warnings(&plan).contains(&"cluster_unknown"), "a plan is made all the same: {plan}");
    let text = plan["warnings"].to_string();
    assert!(text.contains("list cronjobs"), "{text}");

    scene.api.calm();
    scene.api.trouble("/cleanup", Trouble::Forbid("patch"));
    let detail = scene.refused(apply, 409, &["nothing was applied", "patch cronjobs/cleanup"]).await;
    assert!(!detail.contains("system:serviceaccount"), "{detail}");
    assert!(scene.api.changes().iter().all(|(_, is_dry_run)| *is_dry_run));
    assert_eq!(scene.plans().await.len(), 1, "a plan that the cluster refuses is none");
}

#[tokio::test]
async fn a_field_of_somebody_elses_is_taken_over_only_where_that_is_said() {
    let scene = Scene::with_two().await;
    scene.api.trouble("/payment", Trouble::Managed("helm"));
    let said = ["deployments/payment", "“helm”", "take_over", "nothing was applied"];
    scene.refused(json!({"version": "v2.0.0", "apply": true}), 409, &said).await;
    let is_dry = |(_, is_dry_run): &(String, bool)| *is_dry_run;
    assert!(scene.api.changes().iter().all(is_dry), "a dry run that fails stops everything");
    assert_eq!(scene.plans().await, [] as [Value; 0]);
    assert!(!scene.acts().await.iter().any(|act| act.contains("token kubernetes")));

    let answer = scene.deploy(json!({"version": "v2.0.0", "apply": true, "take_over": true})).await;
    assert_eq!((answer.status.as_u16(), scene.api.images("deployments/payment")), (201, vec![image(2)]));
    assert!(scene.acts().await[0].contains("taken over"), "{:?}", scene.acts().await);
}

#[tokio::test]
async fn where_applying_stops_the_plan_says_what_was_applied_and_goes_on() {
    let scene = Scene::with_two().await;
    scene.applied().await;
    let plan = scene.deploy(json!({"version": "v1.0.0"})).await.json();
    scene.api.trouble("/cleanup", Trouble::Vanish);
    let body = json!({"plan": plan["id"], "apply": true});
    let said =
        ["Applied: deployment/payment in shop.", "Not applied: cronjob/cleanup in shop", "may have been"];
    scene.refused(body.clone(), 502, &said).await;
    let path = format!("/api/v1/deploys/{}", plan["id"].as_str().unwrap());
    let stopped = scene.server.get(&path).await.json();
    assert_eq!(stopped["state"], "planned", "{stopped}");
    assert_eq!(stopped["interrupted"]["applied"], json!(["deployment/payment in shop"]));
    assert_eq!(stopped["interrupted"]["not_applied"], json!(["cronjob/cleanup in shop"]));
    assert_eq!(
        (
            scene.api.images("deployments/payment")[0] == image(1),
            scene.api.images("cronjobs/cleanup")[0] == image(1)
        ),
        (true, false)
    );
    assert!(scene.acts().await[0].contains("applied: deployment/payment in shop; not applied: cronjob"));

    scene.api.calm();
    let done = scene.deploy(body).await.json();
    assert_eq!((&done["state"], &done["interrupted"]), (&json!("applied"), &Value::Null), "{done}");
    assert_eq!(scene.api.images("cronjobs/cleanup")[0], image(1));
}

#[tokio::test]
async fn the_log_says_that_a_plan_is_begun_before_its_cluster_is_told_and_no_other_server_begins_one() {
    let scene = Scene::with_two().await;
    let plan = scene.planned().await;
    let id = plan["id"].as_str().unwrap().to_owned();
    // Another server of the same log has begun it, and says nothing more.
    let begun = Action::DeployBegun { id: id.clone(), environment: "production".parse().unwrap() };
    scene.server.log.append(begun.by(Actor::default(), now())).await.unwrap();
    let body = json!({"plan": id, "apply": true});
    scene.refused(body, 409, &["nothing was applied", &id, "is being carried out in production"]).await;
    scene
        .refused(json!({"environment": "production", "version": "v2.0.0", "apply": true}), 409, &[&id])
        .await;
    assert!(scene.api.changes().iter().all(|(_, is_dry)| *is_dry), "{:?}", scene.api.changes());
    let stopped = scene.server.get(&format!("/api/v1/deploys/{id}")).await.json();
    assert_eq!(stopped["state"], "planned", "{stopped}");
    assert_eq!(
        stopped["interrupted"]["not_applied"],
        json!(["deployment/payment in shop", "cronjob/cleanup in shop"])
    );
    assert!(stopped["interrupted"]["why"].as_str().unwrap().contains("no end is written down"), "{stopped}");

    // A plan that has its end keeps nobody out.
    let ended =
        Action::DeployApplied { id, environment: "production".parse().unwrap(), workloads: Vec::new() };
    scene.server.log.append(ended.by(Actor::default(), now())).await.unwrap();
    let applied = scene.applied().await;
    let acts = scene.acts().await;
    let place = |what: &str| acts.iter().position(|act| act.contains(what)).unwrap();
    let id = applied["id"].as_str().unwrap();
    assert!(place(&format!("carried out {id}")) < place(&format!("began to carry out {id}")), "{acts:#?}");
}

#[tokio::test]
async fn a_cluster_that_is_gone_is_told_apart_and_plans_are_made_without_it() {
    let Scene { api, server, token, _files } = Scene::with_two().await;
    let file = _files.path().join("kubeconfig");
    let other = ApiServer::start().await;
    drop(api);
    let scene = Scene { api: other, server, token, _files };
    let apply = json!({"version": "v2.0.0", "apply": true});
    scene.refused(apply.clone(), 502, &["nothing was applied", "cannot be reached"]).await;
    assert!(warnings(&scene.planned().await).contains(&"cluster_unknown"));
    std::fs::write(file, "{}").unwrap();
    let detail = scene.refused(apply, 502, &["the configured access to the cluster"]).await;
    assert!(!detail.contains('/'), "no path of the server's: {detail}");
}

#[tokio::test]
async fn a_plan_is_applied_as_it_was_made_or_not_at_all() {
    let scene = Scene::with_two().await;
    let plan = scene.planned().await;
    let body = json!({"plan": plan["id"], "apply": true});
    let with = |key: &str, value: &str| {
        let mut body = body.clone();
        body[key] = value.into();
        body
    };
    check_problem(&scene.deploy(with("version", "v1.0.0")).await, 422, Some("plan"));
    check_problem(&scene.deploy(with("environment", "staging")).await, 422, Some("environment"));
    check_problem(&scene.deploy(json!({"plan": plan["id"]})).await, 422, Some("apply"));
    check_problem(&scene.deploy(json!({"plan": "dpl_none", "apply": true})).await, 404, None);
    scene.api.workload(NAMESPACE, "deployments", "payment", &["main=docker/payment:v1"]);
    scene.refused(body.clone(), 409, &["deployment/payment is not in the namespace shop any more"]).await;
    scene.api.workload(NAMESPACE, "deployments", "payment", &["app=docker/payment:v1"]);
    scene.pulled(2).await;
    scene.refused(body, 409, &["runs another image"]).await;
    assert_eq!(scene.api.changes(), []);
}

#[tokio::test]
async fn a_viewer_applies_nothing() {
    let scene = Scene::with_two().await;
    let made = scene.server.post("/api/v1/admin-tokens", json!({"name": "v", "kind": "viewer"})).await.json();
    let (viewer, body) = (
        made["secret"].as_str().unwrap(),
        json!({"environment": "production", "version": "v2.0.0", "apply": true}),
    );
    let answer = scene.server.send_as(viewer, Method::POST, "/api/v1/deploy", &body.to_string()).await;
    check_problem(&answer, 403, None);
    assert_eq!(scene.api.seen().len(), 0, "the cluster is not even asked");
}

#[tokio::test]
async fn an_agent_applies_the_plan_that_a_person_agreed_to_and_no_other() {
    let scene = Scene::with_two().await;
    let wish = json!({"environment": "production", "query": "#4511", "apply": true});
    // A client that cannot ask is told what to say once somebody agreed.
    let agent = Agent::of(&scene.server);
    let why = agent.refused("deploy_release", wish.clone()).await;
    let plans = scene.plans().await;
    let id = plans[0]["id"].as_str().unwrap();
    for part in ["Nothing was done", id, "deployment/payment", "`confirm`"] {
        assert!(why.contains(part), "no `{part}` in: {why}");
    }
    let wrong = json!({"environment": "production", "plan": id, "apply": true, "confirm": "staging"});
    agent.refused("deploy_release", wrong).await;
    assert_eq!(scene.api.changes(), []);

    // One that can asks about a plan, and comes back with the answer to that.
    let asking = Agent::of(&scene.server).that_asks();
    let question = asking.result("deploy_release", wish.clone()).await;
    assert_eq!(question["resultType"], "input_required", "{question}");
    let asked = question["inputRequests"]["confirm"]["params"]["message"].as_str().unwrap();
    let planned = scene.plans().await[0]["id"].as_str().unwrap().to_owned();
    assert!(asked.contains("Apply this plan") && asked.contains(&planned), "{asked}");
    let answered = async |action: &str, wish: &Value| {
        let params = json!({
            "name": "deploy_release",
            "arguments": wish,
            "inputResponses": {"confirm": {"action": action, "content": {"confirm": true}}},
            "requestState": question["requestState"],
        });
        asking.ask("tools/call", params).await.unwrap()
    };
    let other = json!({"environment": "production", "version": "v1.0.0", "apply": true});
    assert_eq!(answered("accept", &other).await["isError"], true);
    assert_eq!(scene.api.changes(), []);
    let done = answered("accept", &wish).await;
    assert_eq!(done["structuredContent"]["id"], json!(planned), "{done}");
    assert_eq!(done["structuredContent"]["state"], "applied", "{done}");
    assert_eq!(scene.api.images("deployments/payment"), [image(2)]);
    assert_eq!(answered("accept", &wish).await["isError"], true, "good for one use");

    let said = json!({"environment": "production", "plan": id, "apply": true, "confirm": "production"});
    assert_eq!(agent.call("deploy_release", said).await["state"], "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_applies_the_plan_that_it_shows_when_somebody_says_yes() {
    let scene = Scene::with_two().await;
    let arguments = ["login fix #4511", "--env", "production", "--apply"];
    scene.cli(&arguments).await.failed_with("--yes");
    assert_eq!(scene.plans().await, [] as [Value; 0]);
    let said = scene.cli(&[&arguments[..], &["--yes"]].concat()).await.succeeded();
    for part in
        ["It goes to deployment/payment, cronjob/cleanup in the namespace shop", "applied", "--follow dpl_"]
    {
        assert!(said.out.contains(part), "no `{part}` in:\n{}", said.out);
    }
    assert_eq!(scene.api.images("deployments/payment"), [image(2)]);
    scene.api.trouble("/payment", Trouble::Managed("helm"));
    let back = ["--version", "v1.0.0", "--env", "production", "--apply", "--yes"];
    scene.cli(&back).await.failed_with("helm");
    scene.cli(&[&back[..], &["--take-over"]].concat()).await.succeeded();
    assert_eq!(scene.api.images("deployments/payment"), [image(1)]);
}

#[tokio::test]
async fn kubectl_takes_every_command_for_workloads_that_were_found() {
    need!("kubectl");
    let scene = Scene::with_two().await;
    let (plan, dir) = (scene.planned().await, tempfile::tempdir().unwrap());
    let mut taken = 0;
    for command in plan["commands"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()) {
        for (named, path, kind) in [
            ("deployment/payment", "deployments/payment", ("apps/v1", "Deployment")),
            ("cronjob/cleanup", "cronjobs/cleanup", ("batch/v1", "CronJob")),
        ] {
            if !command.contains(named) {
                continue;
            }
            let mut object = scene.api.object(path).unwrap();
            (object["apiVersion"], object["kind"]) = (kind.0.into(), kind.1.into());
            let file = dir.path().join("object.json");
            std::fs::write(&file, object.to_string()).unwrap();
            let local = format!(" --local -f {} --dry-run=client -o yaml", file.display());
            let script = command.replacen(named, "", 1) + &local;
            let said =
                run(Command::new("bash").args(["-c", &script]).env("KUBECONFIG", "/dev/null")).succeeded();
            let expected = if command.contains(" label ") { "v2.0.0".to_owned() } else { image(2) };
            assert!(said.out.contains(&expected), "{command}\n{}", said.all());
            taken += 1;
        }
    }
    assert_eq!(taken, 4, "{plan}");
}
