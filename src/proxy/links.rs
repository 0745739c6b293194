//! `Link` headers of paged lists (distribution spec, "Listing Tags"; RFC 8288), made to lead back to the proxy.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Rewrites every link in the header `name` to `path` with the link's own query. The upstream may write absolute
/// URLs, its own host, and its own name for the repository; only the query says where the next page begins. What is
/// not understood is left out: a link that leads past the proxy would be followed without a token.
pub(super) fn rewrite(headers: &mut HeaderMap, name: HeaderName, path: &str) {
    let rewritten: Vec<HeaderValue> = headers
        .get_all(&name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| HeaderValue::from_str(&rewritten(value, path)?).ok())
        .collect();
    headers.remove(&name);
    for value in rewritten {
        headers.append(name.clone(), value);
    }
}

fn rewritten(link: &str, path: &str) -> Option<String> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mark = if query.is_empty() { "" } else { "?" };
    Some(format!("<{path}{mark}{query}>{parameters}"))
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
            assert_eq!(rewritten(link, path).as_deref(), expected, "{link}");
        }
    }
}
