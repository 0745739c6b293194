//! Headers of deliveries.

use http::HeaderMap;

use crate::config::Provider;

/// The header that names the event of a delivery.
pub(super) fn event_header(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "x-github-event",
        Provider::Gitlab => "x-gitlab-event",
    }
}

/// The text of a header, where it has one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
