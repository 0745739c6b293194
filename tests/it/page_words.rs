//! Words of pages are those that people use, and their commands are commands.

use crate::admin_support::{HOST, Server};
use crate::pages::Visitor;

#[tokio::test]
async fn words_are_those_that_people_use() {
    let visitor = Visitor::of_a_rollback().await;
    visitor.server.environment("empty").await;
    for (path, words) in [
        ("/", &["Create environment", "last seen"][..]),
        ("/environments", &["Create environment"]),
        ("/environments/production/tokens", &["Create token", "Revoke token"]),
        ("/environments/production", &["first deployment", "no longer live", "Settled by pulls."]),
        ("/environments/empty", &[&format!("docker pull {HOST}/")]),
        ("/activity", &["bootstrap admin"]),
        ("/search?q=zebra+crossing&environment=production", &["no matching change"]),
    ] {
        let page = visitor.has(path, words).await;
        for gone in [
            "unconfirmed since",
            "Make it",
            "Make a token",
            "taken back",
            "stopped being live",
            "token file's",
            "no such change",
        ] {
            assert!(!page.text().contains(gone), "`{gone}` is in {path}: {}", page.text());
        }
    }
    visitor.server.stop().await;
}

/// The commands within a page: what stands in `<code>` and begins with the program's name.
fn commands(page: &str) -> Vec<String> {
    let codes = page.split("<code>").skip(1).filter_map(|rest| rest.split("</code>").next());
    let lines = codes.flat_map(str::lines).filter(|line| line.starts_with("landfall "));
    lines.map(|line| line.replace("&#39;", "'").replace("&#34;", "\"").replace("&#38;", "&")).collect()
}

#[tokio::test]
async fn commands_that_pages_show_are_commands() {
    let empty = Visitor::new(Server::start().await).await;
    let mut shown = Vec::new();
    for path in ["/", "/releases", "/compare", "/insights", "/search?q=zebra+crossing"] {
        shown.extend(commands(empty.has(path, &[]).await.text()));
    }
    empty.server.stop().await;
    let visitor = Visitor::of_a_rollback().await;
    visitor.server.post("/api/v1/environments", serde_json::json!({"name": "empty"})).await;
    let releases = visitor.server.get("/api/v1/releases").await.json();
    let release = releases[0]["id"].as_str().unwrap();
    for path in [
        "/",
        "/environments",
        "/environments/production",
        "/environments/empty",
        "/environments/empty/tokens",
        "/services/docker/payment",
        "/releases",
        &format!("/releases/{release}"),
        "/search?q=zebra+crossing",
    ] {
        shown.extend(commands(visitor.has(path, &[]).await.text()));
    }
    assert!(shown.len() > 7, "{shown:#?}");
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("CHANGELOG.md");
    std::fs::write(&notes, "- fix: a leak\n").unwrap();
    for command in shown {
        let line = command
            .replace("CHANGELOG.md", notes.to_str().unwrap())
            .replace(" VERSION", " v9.9.9")
            .replace(" REPOSITORY", " shop/any")
            .replace(" ENV ", " production ");
        // A visitor's search is one word.
        let words: Vec<String> = match line.split_once(" '") {
            Some((before, quoted)) => before
                .split(' ')
                .map(str::to_owned)
                .chain([quoted.trim_end_matches('\'').to_owned()])
                .collect(),
            None => line.split(' ').map(str::to_owned).collect(),
        };
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let output = crate::admin_cli::command(&visitor.server, &words).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("Usage:"), "`{command}` is no command: {stderr}");
    }
    visitor.server.stop().await;
}
