//! A catalogue that is mended: what is left is what would be there had it been told so from the start.

use super::*;
use crate::model::releases::change::Change;

const AT: Time = Time::from_ms(5);

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

fn repository() -> Repository {
    "shop/cart".parse().unwrap()
}

fn told(version: &str, digests: &[&str], changes: &[&str]) -> Registration {
    Registration {
        digests: digests.iter().map(|of| digest(of)).collect(),
        changes: changes.iter().filter_map(|text| Change::parse(text, None)).collect(),
        ..Registration::named(repository(), version)
    }
}

fn known() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        catalogue.add(&told(version, &[version], &["fix: the cart is empty (#7)"]), Time::from_ms(0));
    }
    catalogue
}

fn versions(catalogue: &Catalogue) -> Vec<&str> {
    catalogue.of(&repository()).iter().map(|release| release.version.as_str()).collect()
}

#[test]
fn an_edit_takes_the_place_of_what_was_told() {
    let mut catalogue = known();
    let edited = told("v1.1.0", &["rebuilt"], &[]);
    catalogue.check_edit(&edited).unwrap();
    catalogue.edit(&edited);
    let line = catalogue.line(&repository()).unwrap();
    assert_eq!(versions(&catalogue), ["v1.0.0", "v1.1.0", "v1.2.0"], "its place in the order stays");
    assert_eq!(line.with_digest(&digest("v1.1.0")), None);
    assert_eq!(line.with_digest(&digest("rebuilt")).unwrap().told, edited);
    let taken = catalogue.check_edit(&told("v1.1.0", &["v1.2.0"], &[])).unwrap_err();
    assert_eq!(taken.version, "v1.2.0");
}

/// An image that labels gave to a later release, and that an edit gives to an earlier one.
#[test]
fn an_image_belongs_to_the_release_that_an_edit_gives_it_to() {
    let mut catalogue = known();
    let labels = Labels { version: Some("v1.9.0"), ..Labels::default() };
    catalogue.see(&repository(), digest("seen"), &labels, AT);
    catalogue.edit(&told("v1.0.0", &["v1.0.0", "seen"], &[]));
    let line = catalogue.line(&repository()).unwrap();
    assert_eq!(line.with_digest(&digest("seen")).unwrap().version, "v1.0.0");
    assert_eq!(line.with_version("v1.9.0").unwrap().all_digests().count(), 0);
}

#[test]
fn what_is_yanked_is_nothing_that_anybody_lacks() {
    let mut catalogue = known();
    let lacks = |catalogue: &Catalogue| -> (Vec<String>, String) {
        let line = catalogue.line(&repository()).unwrap();
        let runs = Named { digest: &digest("v1.0.0"), version: Some("v1.0.0") };
        let behind = line.behind(runs, false).later.iter().map(|it| it.version.clone()).collect();
        (behind, line.latest(false).unwrap().version.clone())
    };
    catalogue.yank(&repository(), "v1.2.0", Some(AT));
    catalogue.yank(&repository(), "v1.2.0", Some(Time::from_ms(9)));
    assert_eq!(lacks(&catalogue), (vec!["v1.1.0".into()], "v1.1.0".into()));
    let yanked = catalogue.line(&repository()).unwrap().with_version("v1.2.0").unwrap();
    assert_eq!(yanked.yanked_at, Some(AT), "the first time counts");
    catalogue.yank(&repository(), "v1.2.0", None);
    assert_eq!(lacks(&catalogue), (vec!["v1.1.0".into(), "v1.2.0".into()], "v1.2.0".into()));
}

#[test]
fn a_deletion_leaves_what_labels_say() {
    let mut catalogue = known();
    let labels = Labels { version: Some("v1.2.0"), ..Labels::default() };
    catalogue.see(&repository(), digest("seen"), &labels, AT);
    for version in ["v1.0.0", "v1.2.0", "v9.0.0"] {
        catalogue.delete(&repository(), version);
    }
    assert_eq!(versions(&catalogue), ["v1.1.0", "v1.2.0"]);
    let line = catalogue.line(&repository()).unwrap();
    let left = line.with_version("v1.2.0").unwrap();
    assert_eq!((left.is_registered, left.changes.len(), left.digest()), (false, 0, Some(digest("seen"))));
    assert_eq!((catalogue.labelled, line.labelled()), (1, 1));
    assert_eq!(line.with_digest(&digest("v1.0.0")), None);
    catalogue.add(&told("v1.0.0", &["v1.0.0"], &[]), AT);
    assert_eq!(versions(&catalogue), ["v1.1.0", "v1.2.0", "v1.0.0"], "it is told of anew");
}
