//! Choices of a visitor: pinned environments, and the days that insights are of.

use http::Method;
use landfall::clock::now;
use landfall::model::time::{Span, Time};
use serde_json::json;

use crate::admin_support::Server;
use crate::pages::Visitor;

/// The texts of the links to environments on cards, in their order.
fn cards(page: &str) -> Vec<&str> {
    page.split("<article")
        .skip(1)
        .filter_map(|card| card.split_once("href=\"/environments/")?.1.split('"').next())
        .collect()
}

#[tokio::test]
async fn what_a_visitor_pins_comes_first_in_this_browser_alone() {
    let mut visitor = Visitor::new(Server::start().await).await;
    for name in ["asia", "europe", "test"] {
        visitor.server.environment(name).await;
    }
    let by_name = "/?order=by+name";
    assert_eq!(cards(visitor.has(by_name, &["Pin test"]).await.text()), ["asia", "europe", "test"]);
    let session = visitor.cookie.clone();
    for (name, wanted) in [
        ("test", &["test", "asia", "europe"][..]),
        ("europe", &["europe", "test", "asia"]),
        ("none", &["europe", "test", "asia"]),
        ("test", &["europe", "asia", "test"]),
    ] {
        let turned = visitor.send("/pins", &format!("environment={name}&next=%2F%3Forder%3Dby%2Bname")).await;
        assert_eq!((turned.status.as_u16(), turned.header("location")), (303, "/?order=by+name"));
        let set = turned.header("set-cookie").split(';').next().unwrap().to_owned();
        visitor.cookie = format!("{session}; {set}");
        let page = visitor.has(by_name, &["Pinned", "Others", "aria-pressed=\"true\""]).await;
        assert_eq!(cards(page.text()), wanted, "{name}");
    }
    // Its column is the first of the matrix, whatever the order; whoever has no such cookie sees no pin.
    visitor.cookie = session;
    assert_eq!(cards(visitor.has(by_name, &[]).await.text()), ["asia", "europe", "test"]);
    let elsewhere = visitor.send("/pins", "environment=asia&next=https%3A%2F%2Fevil.example").await;
    assert_eq!(elsewhere.header("location"), "/");
    let headers = [("cookie", visitor.cookie.as_str()), ("origin", &visitor.server.url)];
    let foreign = visitor.server.send_with(Method::POST, "/pins", "environment=asia&proof=x", &headers).await;
    assert_eq!((foreign.status.as_u16(), foreign.header("set-cookie")), (403, ""));
    visitor.server.stop().await;
}

#[tokio::test]
async fn insights_are_of_the_days_that_were_chosen() {
    let visitor = Visitor::of_a_rollback().await;
    visitor
        .has("/insights", &["<option value=\"\">all", "1 deployment<", "name=\"weeks\" value=\"12\""])
        .await;
    let day = |at: Time| at.to_string()[..10].to_owned();
    let (today, long_ago) = (day(now()), day(now() - Span::from_mins(90 * 24 * 60)));
    let all = visitor.has(&format!("/insights?from={long_ago}&to={today}"), &["1 deployment<"]).await;
    for words in [format!("value=\"{long_ago}\""), format!("value=\"{today}\"")] {
        assert!(all.text().contains(&words), "`{words}` is not in: {}", all.text());
    }
    let before = format!("/insights?from={long_ago}&to={long_ago}&environment=production");
    visitor.has(&before, &["0 deployments", "Nothing changed in that time"]).await;
    visitor.has(&format!("/insights?from={today}&to={long_ago}"), &["The first day comes after"]).await;
    visitor.has("/insights?from=2001-01-01", &["may be a year long"]).await;
    assert_eq!(visitor.see("/insights?from=never").await.status, 422);
    // The lead time says what it counts from.
    let day_ago = (now() - Span::from_mins(60 * 24)).to_string();
    let told = json!({"repository": "docker/payment", "version": "v2", "committed_at": [day_ago]});
    assert_eq!(visitor.server.post("/api/v1/releases", told).await.status, 200);
    visitor.has("/insights", &["from 1 commit to an environment"]).await;
    visitor.server.stop().await;
}
