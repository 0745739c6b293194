//! A publisher's token: it registers releases of its repositories, and is good for nothing else.

use std::path::Path;
use std::process::Command;

use http::Method;
use landfall::model::secret::{PUBLISHER_PREFIX, is_well_formed};
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest};
use crate::rig::skip::need;

const ADMIN_TOKENS: &str = "/api/v1/admin-tokens";
const RELEASES: &str = "/api/v1/releases";

async fn publisher(server: &Server) -> String {
    let wanted =
        json!({"name": "ci", "kind": "publisher", "repositories": ["shop/cart", "shop/web", "shop/web"]});
    let made = server.post(ADMIN_TOKENS, wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (&made["kind"], &made["repositories"]),
        (&json!("publisher"), &json!(["shop/cart", "shop/web"]))
    );
    made["secret"].as_str().unwrap().to_owned()
}

fn release(repository: &str, more: Value) -> String {
    let mut body = json!({"repository": repository, "version": "v1.0.0", "digest": digest(1)});
    body.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn it_registers_releases_of_its_repositories() {
    let server = Server::start().await;
    let secret = publisher(&server).await;
    assert!(is_well_formed(PUBLISHER_PREFIX, &secret));
    let send = async |body: String| server.send_as(&secret, Method::POST, RELEASES, &body).await;
    let made = send(release("shop/web", json!({}))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(made.json().get("environments").is_none(), "where it runs is not for it to see");
    assert_eq!(send(release("shop/web", json!({"revision": "0a1b2c3"}))).await.status, 200);
    check_problem(&send(release("shop/web", json!({"digest": digest(2)}))).await, 409, None);
    check_problem(&send(release("shop/payment", json!({}))).await, 403, None);
    // A short name is one of its own, and tells nothing of others.
    server.post(RELEASES, json!({"repository": "shop/payment", "version": "v1"})).await;
    let short = |name: &str| release(name, json!({"known_repository": true, "known_parents": true}));
    assert_eq!(send(short("web")).await.json()["repository"], "shop/web");
    check_problem(&send(short("payment")).await, 403, None);
    server
        .send(
            Method::DELETE,
            &format!("{RELEASES}/{}", server.get(RELEASES).await.json()[0]["id"].as_str().unwrap()),
            "",
        )
        .await;
    assert_eq!(server.get(RELEASES).await.json().as_array().unwrap().len(), 1);

    let id = server.get(ADMIN_TOKENS).await.json()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.send(Method::DELETE, &format!("{ADMIN_TOKENS}/{id}"), "").await.status, 204);
    assert_eq!(send(release("shop/cart", json!({}))).await.status, 401);
    server.stop().await;
}

/// Every operation of the OpenAPI document but the one, and what else the listener serves to whoever has a token.
#[tokio::test]
async fn it_does_nothing_else() {
    let server = Server::start().await;
    server.environment("production").await;
    let secret = publisher(&server).await;
    let document = server.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let mut tried = 0;
    for (path, operations) in paths {
        let open = ["/api/v1/webhooks", "/api/v1/openapi.json"];
        let guarded = path.starts_with("/api/v1/") && !open.iter().any(|open| path.starts_with(open));
        for method in operations.as_object().unwrap().keys().filter(|_| guarded) {
            let method: Method = method.to_uppercase().parse().unwrap();
            if (method.as_str(), path.as_str()) == ("POST", RELEASES) {
                continue;
            }
            let path = path.replace("{env}", "production").replace("{id}", "none");
            let answer = server.send_as(&secret, method.clone(), &path, "{}").await;
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
    assert_eq!(server.send_as(&secret, Method::POST, "/mcp", "{}").await.status, 403);
    let form = format!("token={secret}");
    let login = server.send_with(Method::POST, "/login", &form, &[("origin", &server.url)]).await;
    assert_eq!((login.status.as_u16(), login.header("set-cookie")), (403, ""));
    assert!(login.text().contains("CI registers releases with it"), "{}", login.text());
    let (_, pulls) = server.environment("staging").await;
    let form = format!("token={pulls}");
    let login = server.send_with(Method::POST, "/login", &form, &[("origin", &server.url)]).await;
    assert!(login.text().contains("clusters pull images with it"), "{}", login.text());
    server.stop().await;
}

#[tokio::test]
async fn repositories_are_for_publishers_and_publishers_have_some() {
    let server = Server::start().await;
    for body in [
        json!({"name": "ci", "kind": "publisher"}),
        json!({"name": "ci", "kind": "viewer", "repositories": ["shop/web"]}),
        json!({"name": "ci", "kind": "publisher", "repositories": ["No/Capitals"]}),
    ] {
        let answer = server.post(ADMIN_TOKENS, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.json()["field"].as_str().unwrap().starts_with("repositories"), "{body}");
    }
    let made = ["admin-token", "create", "--name", "ci", "--kind", "publisher"];
    assert_eq!(command(&server, &made).await.status.code(), Some(2), "a publisher needs a repository");
    let made = command(&server, &[&made[..], &["--repository", "shop/web"]].concat()).await;
    assert!(String::from_utf8_lossy(&made.stdout).contains("release add"), "{made:?}");
    let listed = command(&server, &["admin-token", "list"]).await;
    assert!(String::from_utf8_lossy(&listed.stdout).contains("shop/web"), "{listed:?}");
    server.stop().await;
}

/// The script of the action for CI, as it stands in `deploy/`.
#[tokio::test(flavor = "multi_thread")]
async fn the_action_registers_a_release() {
    need!("bash", "curl", "jq");
    let server = Server::start().await;
    let secret = publisher(&server).await;
    let run = async |repository: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/action/register.sh");
        let mut bash = Command::new("bash");
        bash.arg(script).env("LANDFALL_ADMIN", &server.url).env("LANDFALL_ADMIN_TOKEN", &secret);
        bash.env("REPOSITORY", repository).env("VERSION", "v1.5.0").env("REVISION", "0a1b2c3d");
        bash.env("DIGESTS", format!("{}\n{}\n", digest(1), digest(2)));
        bash.env("NOTES", "## Fixes\n- the \"cart\" is $(kept) (#4)\n");
        tokio::task::spawn_blocking(move || bash.output().unwrap()).await.unwrap()
    };
    let done = run("shop/web").await;
    assert!(done.status.success(), "{done:?}");
    let releases = server.get(RELEASES).await.json();
    assert_eq!(releases[0]["digests"], json!([digest(1), digest(2)]));
    let change = &releases[0]["changes"][0];
    assert_eq!((&change["title"], &change["pr"]), (&json!("the \"cart\" is $(kept)"), &json!(4)));
    let refused = run("shop/payment").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("shop/payment"), "{refused:?}");
    server.stop().await;
}
