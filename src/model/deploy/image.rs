//! The repository that an image's name in a pod means, whatever registry it is pulled from.

use crate::model::oci::Repository;

/// Whether `image`, as a pod names it, is of `repository`: `[HOST/]PATH[:TAG][@DIGEST]`, whatever the host and none at
/// all; the path must be the repository's, letter by letter.
pub(super) fn is_of(image: &str, repository: &Repository) -> bool {
    let path = path(image);
    path == repository.as_str() || without_host(path) == Some(repository.as_str())
}

/// Without tag and digest. A colon before the last slash is a port's.
fn path(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    image[last..].find(':').map_or(image, |colon| &image[..last + colon])
}

/// What follows the host. As Docker and containerd read it: a first part with a dot or a port is a host, and so is
/// `localhost`.
fn without_host(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_of_a_repository_whatever_registry_it_comes_from() {
        let repository: Repository = "shop/web".parse().unwrap();
        for image in [
            "shop/web",
            "shop/web:v1",
            "registry.example.com/shop/web",
            "registry.example.com:5000/shop/web:v1",
            "localhost/shop/web",
            "10.0.0.1:5000/shop/web@sha256:24",
            "[fd00::1]:5000/shop/web:v1@sha256:24",
        ] {
            assert!(is_of(image, &repository), "{image}");
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
            assert!(!is_of(image, &repository), "{image}");
        }
    }
}
