//! A region of a page, shown on another one: the same markup that keeps the page itself fresh.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tower_service::Service as _;

/// Longest page that is read.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Pages, as the sender of a request sees them.
#[derive(Clone)]
pub(super) struct Pages(pub(super) Router);

impl Pages {
    /// The region `id` of the page at `link`, as the sender of `headers` sees it; nothing where there is none.
    pub(super) async fn region(&self, link: &str, id: &str, headers: &HeaderMap) -> Option<String> {
        let mut request = Request::get(link).body(Body::empty()).ok()?;
        if let Some(cookie) = headers.get(header::COOKIE) {
            request.headers_mut().insert(header::COOKIE, cookie.clone());
        }
        let Ok(response) = self.0.clone().call(request).await;
        if response.status() != StatusCode::OK {
            return None;
        }
        let page = Limited::new(response.into_body(), PAGE_BYTES_MAX).collect().await.ok()?;
        region(str::from_utf8(&page.to_bytes()).ok()?, id).map(str::to_owned)
    }
}

/// From the tag with this `id` to the one that ends it. Whatever a page shows of others' names is escaped, so that no name
/// is taken for a tag.
fn region<'a>(page: &'a str, id: &str) -> Option<&'a str> {
    let at = page.find(&format!(" id=\"{id}\""))?;
    let page = &page[page[..at].rfind('<')?..];
    let name: String = page[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
    let (begin, end) = (format!("<{name}"), format!("</{name}>"));
    let mut depth = 0_usize;
    let mut from = 0;
    loop {
        let close = from + page[from..].find(&end)?;
        depth += page[from..close].matches(&begin).count();
        from = close + end.len();
        depth = depth.checked_sub(1)?;
        if depth == 0 {
            return Some(&page[..from]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn a_region_ends_with_its_own_tag() {
        let page = "<main><section class=\"card\" id=\"a\"><section>x</section><p>y</p></section><div id=\"b\">&lt;/div></div></main>";
        assert_eq!(
            region(page, "a"),
            Some("<section class=\"card\" id=\"a\"><section>x</section><p>y</p></section>")
        );
        assert_eq!(region(page, "b"), Some("<div id=\"b\">&lt;/div></div>"));
        assert_eq!((region(page, "c"), region("<p id=\"d\">", "d")), (None, None));
    }
}
