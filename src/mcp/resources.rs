//! Resources: environments, their timelines, and releases, as the API tells them.

use rmcp::model::{Resource, ResourceTemplate};

use super::api::ApiRequest;
use crate::wire::Environment;

/// The format of every resource.
pub(super) const JSON: &str = "application/json";
const ENVIRONMENTS: &str = "landfall://environments";
const RELEASES: &str = "landfall://releases";
/// Longest name in an address.
const NAME_BYTES_MAX: usize = 128;

/// The resources: both lists, and each environment with its timeline.
pub(super) fn list(environments: &[Environment]) -> Vec<Resource> {
    let of = |uri: String, name: String, about: &str| {
        Resource::new(uri, name).with_description(about).with_mime_type(JSON)
    };
    let mut resources = vec![
        of(
            ENVIRONMENTS.to_owned(),
            "environments".to_owned(),
            "Every environment, with what was deployed to it last",
        ),
        of(RELEASES.to_owned(), "releases".to_owned(), "The latest releases, newest first"),
    ];
    for environment in environments {
        let name = environment.name.to_string();
        let uri = format!("{ENVIRONMENTS}/{name}");
        resources.push(of(
            format!("{uri}/timeline"),
            format!("timeline of {name}"),
            "What landed there, newest first",
        ));
        resources.push(of(uri, name, "What runs there"));
    }
    resources
}

/// The shapes of addresses.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let of = |uri: &str, name: &str, about: &str| {
        ResourceTemplate::new(uri, name).with_description(about).with_mime_type(JSON)
    };
    vec![
        of("landfall://environments/{environment}", "environment", "What runs in an environment"),
        of(
            "landfall://environments/{environment}/timeline",
            "timeline",
            "What landed in an environment, newest first",
        ),
        of("landfall://releases/{id}", "release", "One release: its changes, and where it runs"),
    ]
}

/// The request whose answer an address stands for; nothing where it is no address of ours.
pub(super) fn ask(uri: &str) -> Option<ApiRequest> {
    let parts: Vec<&str> = uri.strip_prefix("landfall://")?.split('/').collect();
    let is_name = |text: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(is_part)
    };
    let target = match parts[..] {
        ["environments"] => "environments".to_owned(),
        ["releases"] => "releases".to_owned(),
        ["environments", name] if is_name(name) => format!("environments/{name}/running"),
        ["environments", name, "timeline"] if is_name(name) => format!("environments/{name}/deployments"),
        ["releases", id] if is_name(id) => format!("releases/{id}"),
        _ => return None,
    };
    Some(ApiRequest::get(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_request_or_nothing() {
        let target = |uri: &str| ask(uri).map(|ask| ask.target);
        assert_eq!(
            target("landfall://environments/eu-1/timeline").as_deref(),
            Some("environments/eu-1/deployments")
        );
        assert_eq!(target("landfall://releases/rel_1").as_deref(), Some("releases/rel_1"));
        for none in [
            "file:///etc/passwd",
            "landfall://environments/",
            "landfall://environments/../audit",
            "landfall://audit",
            "landfall://releases/a?b",
        ] {
            assert_eq!(target(none), None, "{none}");
        }
    }
}
