//! The repository that an image's name in a pod means.

use crate::model::oci::Repository;
use crate::model::registries::Registries;

/// Tells whether `image`, as a pod names it, is of `repository`: `[HOST/]PATH[:TAG][@DIGEST]`. A host that is one of
/// `registries` tells which repository that is; whatever other one it is, and where there is none, the path must be the
/// repository's, letter by letter.
pub(super) fn is_of(image: &str, repository: &Repository, registries: &Registries) -> bool {
    let path = path(image);
    match registries.of_image(path) {
        Some(meant) => meant == *repository,
        None => path == repository.as_str() || without_host(path) == Some(repository.as_str()),
    }
}

/// Without tag and digest. A colon before the last slash is a port's.
fn path(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    image[last..].find(':').map_or(image, |colon| &image[..last + colon])
}

/// The path after the host. As Docker and containerd read it: a first part with a dot or a port is a host, and so is
/// `localhost`.
fn without_host(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::registries::Registry;

    #[test]
    fn an_image_is_of_a_repository_whatever_registry_it_comes_from() {
        let repository: Repository = "shop/web".parse().unwrap();
        let nowhere = Registries::default();
        for image in [
            "shop/web",
            "shop/web:v1",
            "registry.example.com/shop/web",
            "registry.example.com:5000/shop/web:v1",
            "localhost/shop/web",
            "10.0.0.1:5000/shop/web@sha256:24",
            "[fd00::1]:5000/shop/web:v1@sha256:24",
        ] {
            assert!(is_of(image, &repository, &nowhere), "{image}");
        }
        for image in [
            "",
            "web",
            "shop/web-admin",
            "shop/website:v1",
            "team/shop/web",
            "registry.example.com/team/shop/web",
            "registry.example.com/web",
            "shop/web/sub",
            "Shop/Web",
        ] {
            assert!(!is_of(image, &repository, &nowhere), "{image}");
        }
    }
    #[test]
    fn one_path_at_two_registries_is_two_repositories() {
        let at = |prefix, host: &str| Registry::new(prefix, false, &host.parse().unwrap(), 443, &[]);
        let registries = Registries::new(vec![at("", "registry.internal"), at("ghcr", "ghcr.io")]);
        let (ours, ghcrs): (Repository, Repository) =
            ("shop/web".parse().unwrap(), "ghcr.io/shop/web".parse().unwrap());
        for (image, is_ours, is_ghcrs) in [
            ("registry.internal/shop/web:v1", true, false),
            ("ghcr.io/shop/web@sha256:24", false, true),
            // A name that the proxy may have besides, or Docker Hub, which no upstream is.
            ("elsewhere.example/shop/web:v1", true, false),
            ("shop/web:v1", true, false),
        ] {
            assert_eq!(is_of(image, &ours, &registries), is_ours, "{image}");
            assert_eq!(is_of(image, &ghcrs, &registries), is_ghcrs, "{image}");
        }
    }
}
