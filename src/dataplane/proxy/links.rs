//! `Link` headers of paged lists (distribution spec, "Listing Tags"; RFC 8288), rewritten to lead to the proxy.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::registries::Host;

/// Rewrites every link in the header `name` to `path` with the link's own query. The upstream may write
/// absolute URLs, its own host, or its own name for the repository; only the query identifies the next page.
/// Malformed links are removed, because a client would follow a link past the proxy without a token. `ns` is
/// the registry that the client named; the next page needs it as well.
pub(super) fn rewrite(headers: &mut HeaderMap, name: HeaderName, path: &str, ns: Option<&Host>) {
    let rewritten: Vec<HeaderValue> = headers
        .get_all(&name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| HeaderValue::from_str(&rewritten(value, path, ns)?).ok())
        .collect();
    headers.remove(&name);
    for value in rewritten {
        headers.append(name.clone(), value);
    }
}

fn rewritten(link: &str, path: &str, ns: Option<&Host>) -> Option<String> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let ns = ns.map(|ns| format!("ns={ns}"));
    let query: Vec<&str> =
        [Some(query), ns.as_deref()].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    Some(format!("<{path}{mark}{}>{parameters}", query.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_the_proxy() {
        let path = "/v2/docker/app/tags/list";
        let cases = [
            (
                "</v2/app/tags/list?last=v1&n=2>; rel=\"next\"",
                Some("</v2/docker/app/tags/list?last=v1&n=2>; rel=\"next\""),
            ),
            (
                "<https://inside:5000/v2/app/tags/list?n=2>; rel=next",
                Some("</v2/docker/app/tags/list?n=2>; rel=next"),
            ),
            ("<tags/list>; rel=next", Some("</v2/docker/app/tags/list>; rel=next")),
            ("https://inside/next", None),
        ];
        for (link, expected) in cases {
            assert_eq!(rewritten(link, path, None).as_deref(), expected, "{link}");
        }
        let ns: Host = "r.example:5000".parse().unwrap();
        for (link, expected) in [
            (
                "</v2/app/tags/list?n=2>; rel=next",
                "</v2/docker/app/tags/list?n=2&ns=r.example:5000>; rel=next",
            ),
            ("<tags/list>; rel=next", "</v2/docker/app/tags/list?ns=r.example:5000>; rel=next"),
        ] {
            assert_eq!(rewritten(link, path, Some(&ns)).as_deref(), Some(expected), "{link}");
        }
    }
}
