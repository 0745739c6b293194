//! Images whose labels say little: what a base image left in them, or the same word in every build.

use std::collections::BTreeMap;

use super::story::{at, digest, observations, repository, summary};
use crate::model::deployments::{Rules, State};
use crate::model::event::{Event, Facts};
use crate::model::releases::{Catalogue, Registration};
use crate::model::time::Time;

/// An image, and what its labels say of version and revision.
type Image<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// Two images one after the other, and the first again, each by its tag.
const THERE_AND_BACK: &str = "0:00 a b c pull one as v1.0.0
    2:00:00 a b c pull two as v1.1.0 every 20s
    4:00:00 a b c check one as v1.0.0 every 20s";

fn told(story: &str, images: [Image<'_>; 2], catalogue: Catalogue) -> Vec<String> {
    let mut state = State::new(Rules::default());
    state.set_catalogue(catalogue);
    for (image, version, revision) in images {
        let labels = [("version", version), ("revision", revision)];
        let labels =
            labels.into_iter().filter_map(|(label, text)| Some((label.to_owned(), text?.to_owned())));
        let labels: BTreeMap<String, String> = labels.collect();
        let facts = Facts::Manifest { config: digest(&format!("config of {image}")), labels };
        let event = Event::Learned { at: at(0), repository: repository(), digest: digest(image), facts };
        state.apply(&event);
    }
    observations(story).iter().for_each(|observation| state.observe(observation));
    summary(&state, at(5 * 3600))
}

fn registered(releases: [Registration; 2]) -> Catalogue {
    let mut catalogue = Catalogue::default();
    releases.iter().for_each(|release| catalogue.add(release, Time::from_ms(0)));
    catalogue
}

const SEEN: [&str; 4] = [
    "initial v1.0.0 settled",
    "upgrade v1.1.0 settled",
    "rollback v1.0.0 settled without v1.1.0",
    "now v1.0.0 settled",
];

#[test]
fn a_version_that_images_share_gives_way_to_their_tags() {
    let of_base = |image| (image, Some("24.04"), Some("c0ffee1234567"));
    assert_eq!(told(THERE_AND_BACK, [of_base("one"), of_base("two")], Catalogue::default()), SEEN);
    let always = |image| (image, Some("main"), None);
    assert_eq!(told(THERE_AND_BACK, [always("one"), always("two")], Catalogue::default()), SEEN);
    // A label that says what the tag says stays, and so does one that is more exact than a tag that moves along.
    let rebuilt = THERE_AND_BACK.replace("v1.0.0", "1.0").replace("v1.1.0", "1.0");
    let same = |image| (image, Some("1.0.3"), None);
    let expected =
        ["initial 1.0.3 settled", "rebuild 1.0.3 settled", "rollback 1.0.3 settled", "now 1.0.3 settled"];
    assert_eq!(told(&rebuilt, [same("one"), same("two")], Catalogue::default()), expected);
}

#[test]
fn another_revision_is_another_release() {
    let by_one_tag = THERE_AND_BACK.replace("v1.0.0", "latest").replace("v1.1.0", "latest");
    for version in ["main", "24.04"] {
        let images =
            [("one", Some(version), Some("aaaaaaa1111")), ("two", Some(version), Some("bbbbbbb2222"))];
        let told = told(&by_one_tag, images, Catalogue::default());
        let kinds: Vec<&str> = told.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(kinds, ["initial", "changed", "rollback", "now"], "{told:?}");
    }
}

#[test]
fn what_somebody_registered_comes_before_labels() {
    let named = |version: &str| Registration::named(repository(), version);
    let of_base = |image| (image, Some("24.04"), Some("c0ffee1234567"));
    let images = [of_base("one"), of_base("two")];
    let with_digest = |version: &str, image| Registration { digests: vec![digest(image)], ..named(version) };
    let by_digest = registered([with_digest("v1.0.0", "one"), with_digest("v1.1.0", "two")]);
    assert_eq!(told(THERE_AND_BACK, images, by_digest), SEEN);
    let by_tag = registered([named("v1.0.0"), named("v1.1.0")]);
    assert_eq!(told(THERE_AND_BACK, images, by_tag), SEEN);
    let of = |version: &str, revision: &str| Registration {
        revision: Some(revision.to_owned()),
        ..named(version)
    };
    let by_tags_of_builds = THERE_AND_BACK.replace("v1.0.0", "build-70").replace("v1.1.0", "build-71");
    for version in ["latest", "24.04"] {
        let by_revision = registered([of("v1.0.0", "aaaaaaa1111"), of("v1.1.0", "bbbbbbb2222")]);
        let images =
            [("one", Some(version), Some("aaaaaaa1111")), ("two", Some(version), Some("bbbbbbb2222"))];
        assert_eq!(told(&by_tags_of_builds, images, by_revision), SEEN, "{version}");
    }
}
