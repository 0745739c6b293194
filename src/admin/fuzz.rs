//! Bytes that come to the admin server: names of hosts, queries. Forges' deliveries are in `webhooks::fuzz`.

use http::Uri;
use http::uri::Authority;

use crate::admin::http::fields::Fields;
use crate::admin::http::gate;
use crate::admin::v1::questions;

/// A request's `Host` header: ours in every spelling, or in none.
pub(crate) fn host(bytes: &[u8]) {
    let Some(authority) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Authority>().ok())
    else {
        return;
    };
    let (host, local) = (authority.host(), [10, 1, 2, 3].into());
    let hosts = ["admin.landfall.svc".to_owned()];
    let is_ours = |host: &str| gate::is_ours(host, local, &hosts);
    for spelling in [host.to_ascii_uppercase(), host.to_ascii_lowercase()] {
        assert_eq!(is_ours(&spelling), is_ours(host), "{spelling} and {host}");
    }
    if is_ours(host) {
        let plain = host.to_ascii_lowercase();
        let plain = plain.strip_suffix('.').unwrap_or(&plain);
        let address =
            plain.trim_matches(['[', ']']).parse::<std::net::IpAddr>().map(|address| address.to_canonical());
        let is_named =
            plain == "localhost" || plain.ends_with(".localhost") || hosts.iter().any(|host| host == plain);
        assert!(
            is_named || address.is_ok_and(|address| address.is_loopback() || address == local),
            "{host} is ours"
        );
    }
}

/// A query: known parameters alone, each within its bounds.
pub(crate) fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(uri) = format!("/api/v1/search?{text}").parse::<Uri>() else { return };
    let known = ["q", "repository", "limit", "at"];
    let Ok(fields) = Fields::from_query(&uri, &known) else { return };
    for field in known {
        if let Ok(Some(count)) = fields.count(field, 200) {
            assert!((1..=200).contains(&count));
        }
        if let Ok(Some(at)) = fields.time(field) {
            assert_eq!(at.to_string().parse().ok(), Some(at), "a time is written as another");
        }
        if let Ok(Some(line)) = fields.one_line(field, 500) {
            assert!(line.chars().count() <= 500 && !line.chars().any(char::is_control));
        }
    }
    if let Ok(text) = questions::searched(&fields) {
        assert!(!text.is_empty() && text.trim() == text);
    }
}
