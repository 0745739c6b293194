//! The first page of a large installation stays small. `benches/pages.rs` says how fast it is.

use std::io::Read as _;
use std::time::Duration;

use http::Method;
use landfall::clock::now;
use landfall::deadline::Deadlines;
use landfall::model::event::{Observation, TokenId};
use landfall::model::oci::Digest;
use landfall::model::time::Span;

use crate::admin_support::{Server, pull};

const ENVIRONMENTS: usize = 100;
const SERVICES: usize = 50;
/// Greatest weight of the first page on the wire.
const BYTES_MAX: usize = 100 * 1024;
/// Greatest weight of the stylesheet and the script together.
const ASSETS_BYTES_MAX: usize = 16 * 1024;

/// Pulls of three versions by two nodes, spread so that environments differ.
fn pulls(environment: usize) -> impl Iterator<Item = Observation> {
    (0..SERVICES).flat_map(move |service| {
        (0..3_u8).flat_map(move |round| {
            (0..2).map(move |node| {
                let version = 1 + round + u8::try_from(environment * 7 + service * 3).unwrap_or(u8::MAX) % 5;
                let at = now() - Span::from_mins(300 - i64::from(round) * 100) + Span::from_secs(node);
                let client = format!("10.0.{environment}.{node}");
                let token = TokenId::new("tok_1");
                let seen = pull(&name(environment), &token, at, &client, version);
                let digest = Digest::of(format!("{service}/{version}").as_bytes());
                let repository = format!("shop/service-number-{service}").parse().unwrap();
                let reference = format!("v1.{version}.0").parse().unwrap();
                Observation { digest: Some(digest), repository, reference, ..seen }
            })
        })
    })
}

fn name(environment: usize) -> String {
    format!("environment-{environment}")
}

fn zipped(answer: &crate::admin_support::Answer) -> String {
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_hundred_environments_of_fifty_services_fit_into_a_hundred_kibibytes() {
    let server = Server::start().await;
    let cookie = crate::dashboard::log_in(&server).await;
    for environment in 0..ENVIRONMENTS {
        let body = serde_json::json!({ "name": name(environment), "description": "one of many" });
        server.post("/api/v1/environments", body).await;
        let receipts: Vec<_> = pulls(environment).map(|pull| server.log.record(pull)).collect();
        for receipt in receipts {
            receipt.durable(&Deadlines::new(Duration::from_secs(20))).await;
        }
    }
    let logged = server.log.events().unwrap().count() as u64;
    crate::rig::until("everything is folded", async || (server.log.view().applied == logged).then_some(()))
        .await;

    let headers = [("cookie", cookie.as_str()), ("accept-encoding", "gzip")];
    let see = async |path: &str| server.send_with(Method::GET, path, "", &headers).await;
    let page = see("/").await;
    let text = zipped(&page);
    assert_eq!(text.matches("<article").count(), ENVIRONMENTS);
    assert_eq!(text.matches("<td title=").count(), ENVIRONMENTS * SERVICES);
    println!("the first page: {} bytes, {} unpacked", page.body.len(), text.len());
    assert!(page.body.len() <= BYTES_MAX, "{} bytes", page.body.len());
    let (style, script) = (see("/style.css").await, see("/app.js").await);
    let assets = style.body.len() + script.body.len();
    println!("stylesheet and script: {assets} bytes");
    assert!(assets <= ASSETS_BYTES_MAX, "{assets} bytes");
    server.stop().await;
}
