//! The catalogue mended, over REST and by command: what was wrong is gone from every answer, and the audit trail tells.

use http::Method;
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest};

async fn register(server: &Server, version: u8, changes: Value) -> String {
    let body = json!({
        "repository": "shop/cart", "version": format!("v{version}.0.0"), "digest": digest(version), "changes": changes,
    });
    let answer = server.post("/api/v1/releases", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn found(server: &Server, words: &str) -> usize {
    server.get(&format!("/api/v1/releases?q={words}")).await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn a_release_is_edited_yanked_and_deleted() {
    let server = Server::start().await;
    let one = register(&server, 1, json!([{"title": "fix: the carousel turns (#7)"}])).await;
    let two = register(&server, 2, json!([{"title": "feat: gift cards (#9)"}])).await;
    let path = format!("/api/v1/releases/{one}");
    assert_eq!(found(&server, "carousel").await, 1);

    let body = json!({"digests": [digest(1), digest(5)], "changes": []}).to_string();
    let edited = server.send(Method::PATCH, &path, &body).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert_eq!(edited.json()["digests"], json!([digest(1), digest(5)]));
    assert_eq!(found(&server, "carousel").await, 0, "a change that was wrong is found no more");
    let taken = json!({"digests": [digest(2)]}).to_string();
    check_problem(&server.send(Method::PATCH, &path, &taken).await, 409, None);
    check_problem(&server.send(Method::PATCH, "/api/v1/releases/rel_none", "{}").await, 404, None);

    let yanked = server.send(Method::PATCH, &path, r#"{"yanked": true}"#).await.json();
    assert!(yanked["yanked_at"].is_string(), "{yanked}");
    let back = server.send(Method::PATCH, &path, r#"{"yanked": false}"#).await.json();
    assert_eq!(back["yanked_at"], Value::Null);

    assert_eq!(server.send(Method::DELETE, &format!("/api/v1/releases/{two}"), "").await.status, 204);
    check_problem(&server.get(&format!("/api/v1/releases/{two}")).await, 404, None);
    assert_eq!(found(&server, "gift").await, 0);

    let audit = server.get("/api/v1/audit").await.json();
    let done: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
    assert_eq!(
        done[..4],
        [
            json!("release_deleted"),
            json!("release_unyanked"),
            json!("release_yanked"),
            json!("release_edited")
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn the_commands_mend_too() {
    let server = Server::start().await;
    let id = register(&server, 1, json!([])).await;
    let digests = [digest(1).to_string(), digest(7).to_string()];
    let edit = [
        "release",
        "edit",
        &id,
        "--digest",
        &digests[0],
        "--digest",
        &digests[1],
        "--change",
        "fix: a leak (#3)",
    ];
    for arguments in [&edit[..], &["release", "yank", &id]] {
        let output = command(&server, arguments).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let release = server.get(&format!("/api/v1/releases/{id}")).await.json();
    assert_eq!((&release["digests"], &release["changes"][0]["pr"]), (&json!(digests), &json!(3)));
    assert!(release["yanked_at"].is_string());
    // Nobody is there to be asked.
    let unasked = command(&server, &["release", "delete", &id]).await;
    assert_eq!(unasked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"), "{unasked:?}");
    assert_eq!(server.get(&format!("/api/v1/releases/{id}")).await.status, 200);
    for arguments in [&["release", "yank", &id, "--undo"][..], &["release", "delete", &id, "--yes"]] {
        assert!(command(&server, arguments).await.status.success());
    }
    assert_eq!(server.get("/api/v1/releases").await.json(), json!([]));
    let refused = command(&server, &["release", "delete", &id, "--yes"]).await;
    assert_eq!(refused.status.code(), Some(1));
    server.stop().await;
}

/// Typed input is checked for slips; a program's, over REST, is taken as it is.
#[tokio::test]
async fn a_slip_in_a_command_registers_nothing() {
    let server = Server::start().await;
    register(&server, 1, json!([])).await;
    let add = async |arguments: &[&str]| {
        let output = command(&server, &[&["release", "add"][..], arguments].concat()).await;
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (arguments, is_done, said) in [
        (&["--repository", "cart", "--version", "v1.1.0"][..], true, "v1.1.0 of shop/cart is registered"),
        (&["--repository", "carts", "--version", "v1"], false, "did you mean `shop/cart`?"),
        (&["--repository", "web", "--version", "v1"], false, "--new-repository"),
        (&["--repository", "web", "--version", "v1", "--new-repository"], true, "v1 of web is registered"),
        (&["--repository", "web", "--version", "v2", "--parent", "1"], true, "v2 of web is registered"),
        (&["--repository", "shop/api", "--version", "v1"], true, "v1 of shop/api is registered"),
        (
            &["--repository", "shop/cart", "--version", "v3", "--parent", "v9"],
            false,
            "--parent: no release of shop/cart",
        ),
    ] {
        let (code, out, err) = add(arguments).await;
        assert_eq!(code, Some(i32::from(!is_done)), "{arguments:?}: {out}{err}");
        assert!(if is_done { out } else { err }.contains(said), "{arguments:?}: {said}");
    }
    let listed = server.get("/api/v1/releases").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 5, "{listed}");
    let taken = json!({"repository": "carts", "version": "v1", "parents": ["v9"]});
    assert_eq!(server.post("/api/v1/releases", taken).await.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn an_edit_says_what_it_takes_away_and_takes_nothing_by_accident() {
    let server = Server::start().await;
    let id =
        register(&server, 1, json!([{"title": "fix: the carousel turns (#7)"}, {"title": "feat: gifts"}]))
            .await;
    let dir = tempfile::tempdir().unwrap();
    let notes = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (prose, list) =
        (notes("prose", "A quiet week.\n"), notes("list", "## Fixes\n- the carousel turns (#7)\n"));
    let titles = async || {
        server.get(&format!("/api/v1/releases/{id}")).await.json()["changes"].as_array().unwrap().len()
    };
    for (arguments, code, said) in [
        (&["--notes", &prose][..], 1, "no change was found"),
        (&["--parent", "v9"], 1, "--parent: no release"),
        (&[], 2, "required"),
    ] {
        let refused = command(&server, &[&["release", "edit", &id][..], arguments].concat()).await;
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(said), "{refused:?}");
        assert_eq!(titles().await, 2, "{arguments:?}");
    }
    let edited = command(&server, &["release", "edit", &id, "--notes", &list]).await;
    let out = String::from_utf8(edited.stdout).unwrap();
    assert!(out.contains("no longer in it") && out.contains("feat: gifts"), "{out}");
    assert_eq!(titles().await, 1);
    let all = r#"{"notes": "A week.", "changes": []}"#;
    let path = format!("/api/v1/releases/{id}");
    assert_eq!(server.send(Method::PATCH, &path, all).await.status, 200, "who says so takes all away");
    server.stop().await;
}

/// Every body that the API reads, with a member that it does not know.
#[tokio::test]
async fn a_member_that_is_unknown_is_refused_by_its_name() {
    let server = Server::start().await;
    server.environment("production").await;
    let id = register(&server, 1, json!([])).await;
    let release = format!("/api/v1/releases/{id}");
    let change = r#"{"repository": "shop/cart", "version": "v3", "changes": [{"title": "x", "odd": 1}]}"#;
    for (method, path, body, field) in [
        (
            Method::POST,
            "/api/v1/releases",
            r#"{"repository": "shop/cart", "version": "v3", "odd": 1}"#,
            "odd",
        ),
        (Method::POST, "/api/v1/releases", change, "changes[0].odd"),
        (Method::PATCH, release.as_str(), r#"{"odd": 1}"#, "odd"),
        (Method::PATCH, release.as_str(), r#"{"version": "v2"}"#, "version"),
        (Method::PATCH, release.as_str(), r#"{"changes": [{"title": "x", "odd": 1}]}"#, "changes[0].odd"),
        (Method::POST, "/api/v1/environments", r#"{"name": "eu", "odd": 1}"#, "odd"),
        (Method::PATCH, "/api/v1/environments/production", r#"{"odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/environments/production/tokens", r#"{"name": "a", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/admin-tokens", r#"{"name": "a", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/deploy", r#"{"environment": "production", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/ask", r#"{"question": "a", "odd": 1}"#, "odd"),
    ] {
        check_problem(&server.send(method, path, body).await, 422, Some(field));
    }
    server.stop().await;
}

/// Every member of every body, with a value of another kind: what is expected is said, and no type of this program named.
#[tokio::test]
async fn a_member_of_a_wrong_kind_is_refused_by_what_is_expected() {
    let server = Server::start().await;
    server.environment("production").await;
    let id = register(&server, 1, json!([])).await;
    let document = server.get("/api/v1/openapi.json").await.json();
    let schemas = &document["components"]["schemas"];
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = body.as_str().and_then(|it| it.rsplit('/').next()) else { continue };
            if !path.starts_with("/api/v1/") || path.contains("webhooks") {
                continue;
            }
            let path = path.replace("{env}", "production").replace("{id}", &id);
            for member in schemas[name]["properties"].as_object().unwrap().keys() {
                for wrong in [
                    json!({"odd": {}}),
                    json!([{"odd": 1}]),
                    json!(["odd"]),
                    json!(-1),
                    json!(true),
                    json!(0.5),
                ] {
                    let body = json!({ member: wrong }).to_string();
                    let answer = server.send(method.to_uppercase().parse().unwrap(), &path, &body).await;
                    let said = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
                    let is_code = [
                        "struct",
                        "enum",
                        "u64",
                        "u32",
                        "usize",
                        "i64",
                        "::",
                        "Option",
                        "Vec<",
                        " at line ",
                        "sequence",
                        "variant",
                    ];
                    assert!(
                        !is_code.iter().any(|word| said.contains(word)),
                        "{method} {path} {body}: {said}"
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "{tried}");
    let body = json!({"repository": "shop/cart", "version": "v2", "changes": ["fix: a leak"]});
    let refused = server.post("/api/v1/releases", body).await.json();
    assert_eq!(refused["detail"], "changes[0]: must be an object, not a string");
    server.stop().await;
}
