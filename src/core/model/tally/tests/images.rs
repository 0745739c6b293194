//! Names and identifiers of images, as they are written.

use crate::model::tally::{ImageName, digest_of_image_id};

const HEX: &str = "24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227";

#[test]
fn a_name_has_a_host_a_repository_and_a_reference() {
    let pinned = format!("hub.example:5000/shop/web:v1@sha256:{HEX}");
    for (text, host, repository, tag) in [
        ("hub.example/shop/web:v1", "hub.example", "shop/web", Some("v1")),
        ("hub.example:5000/shop/web:v1", "hub.example:5000", "shop/web", Some("v1")),
        ("hub.example:5000/web", "hub.example:5000", "web", Some("latest")),
        ("[fd00::1]:5000/web:v1", "[fd00::1]:5000", "web", Some("v1")),
        ("localhost/web:v1", "localhost", "web", Some("v1")),
        ("redis:7", "docker.io", "library/redis", Some("7")),
        ("shop/web", "docker.io", "shop/web", Some("latest")),
        (&pinned, "hub.example:5000", "shop/web", None),
    ] {
        let name = ImageName::parse(text).unwrap();
        let written = name.tag.as_ref().map(ToString::to_string);
        assert_eq!(
            (&*name.host, name.repository.as_str(), written.as_deref()),
            (host, repository, tag),
            "{text}"
        );
        assert_eq!(name.digest.is_some(), tag.is_none(), "{text}");
    }
    for text in
        ["", ":v1", "hub.example/", "Shop/Web:v1", "shop/web@v1", "shop/web:", "hub.example/shop/web:v 1"]
    {
        assert_eq!(ImageName::parse(text), None, "{text}");
    }
}

#[test]
fn an_identifier_has_a_digest_whatever_runtime_wrote_it() {
    for text in [
        format!("hub.example/shop/web@sha256:{HEX}"), // containerd, CRI-O
        format!("docker-pullable://hub.example:5000/shop/web@sha256:{HEX}"), // dockerd's shim
        format!("docker://sha256:{HEX}"),             // … of an image that was built there
        format!("sha256:{HEX}"),                      // containerd, imported
        HEX.to_owned(),                               // old CRI-O
    ] {
        let digest = digest_of_image_id(&text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(digest.to_string(), format!("sha256:{HEX}"), "{text}");
    }
    for text in ["", "hub.example/shop/web:v1", "docker://", "sha256:24", "hub.example/shop/web@"] {
        assert_eq!(digest_of_image_id(text), None, "{text}");
    }
}
