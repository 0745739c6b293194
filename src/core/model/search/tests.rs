//! Each rule of the search with a case that fails without it, over a small catalogue.

use super::*;
use crate::model::oci::Repository;

/// Repository, version, and the titles of its changes with their numbers.
type Entry = (&'static str, &'static str, &'static [(u64, &'static str)]);

const CATALOGUE: &[Entry] = &[
    (
        "shop/till",
        "v1.0.0",
        &[
            (101, "feat: pay with gift cards"),
            (102, "fix(ui): receipt printer dialog closes too soon"),
            (103, "fix: crash when the drawer is opened twice"),
            (104, "Add `max_drawer_cash` setting to limit the cash in a drawer"),
        ],
    ),
    (
        "shop/till",
        "v1.0.1",
        &[
            (111, "fix: crash when the drawer is opened twice (cherry-pick #103)"),
            (112, "fix: rounding of small coins in Swiss francs"),
            (113, "Fix CVE-2031-12345 in the barcode parser"),
        ],
    ),
    (
        "shop/till",
        "v1.1.0",
        &[
            (121, "Speed up the search of articles"),
            (122, "chore: bump serde from 1.0.1 to 1.0.2"),
            (123, "chore: bump serde from 1.0.2 to 1.0.3"),
            (124, "Fix broken migration in 1.0.1"),
            (125, "feat: export the daily ledger as spreadsheet"),
            (126, "fix: configuration reload loses the opening hours"),
            (127, "Retry uploads of the ledger with exponential backoff"),
        ],
    ),
    (
        "shop/stock",
        "v9.0.0",
        &[
            (101, "Memory leak while counting pallets"),
            (202, "Warn about whitespace in shelf names"),
            (203, "Let staff sign in with their badge"),
            (204, "Pallet labels show the weight in pounds"),
            (205, "Pallet labels show the weight in stones"),
            (206, "Fix parsePalletLabel on empty input, closes #77"),
            (
                207,
                "Scanner: Fix a rare hang of the pallet scanner that was introduced together with the new shelf names, when \
               a badge was read while the drawer of the till beside it stood open and the receipt printer was busy",
            ),
        ],
    ),
];

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

fn index() -> Index {
    let mut index = Index::default();
    for (name, version, changes) in CATALOGUE {
        index.put(&repository(name), version, changes.iter().map(|&(pr, title)| text(pr, title)));
    }
    index
}

fn text(pr: u64, title: &str) -> Text<'_> {
    let commit = (pr == 112).then_some("c0ffee1234567890aaaabbbbccccddddeeeeffff");
    Text { title, pr: Some(pr), issue: (pr == 104).then_some(9), commit, kind: None }
}

/// The titles that a query finds, best first, with what it is found to be.
fn find(index: &Index, query: &str) -> (Band, Vec<&'static str>) {
    let found = index.find(query, |_| true, 5);
    (found.band, found.hits.iter().map(title).collect())
}

fn title(hit: &Hit) -> &'static str {
    let place = &hit.places[0];
    let same = |entry: &&Entry| entry.0 == place.repository.as_str() && entry.1 == &*place.version;
    CATALOGUE.iter().find(same).unwrap().2[place.index].1
}

#[track_caller]
fn check(cases: &[(&str, Band, &str)]) {
    let index = index();
    let mut wrong = Vec::new();
    for (query, band, begins) in cases {
        let found = find(&index, query);
        let first = found.1.first().copied().unwrap_or("");
        if found.0 != *band
            || !first.starts_with(begins)
            || begins.is_empty() != (found.1.is_empty() || *band == Band::No)
        {
            wrong.push(format!("{query:?} → {:?} {first:?}", found.0));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn words_of_the_title_in_any_form_are_sure() {
    check(&[
        ("receipt printer dialog", Band::Sure, "fix(ui): receipt"),
        ("paying with a gift card", Band::Sure, "feat: pay"),
        // Irregular forms, other words from the same root, the beginning of a word, British spelling.
        ("lost opening hours on config reload", Band::Sure, "fix: configuration"),
        ("barcode parsing cve", Band::Sure, "Fix CVE"),
        ("exporting daily ledgers", Band::Sure, "feat: export"),
        ("exponen backoff", Band::Sure, "Retry"),
    ]);
}

#[test]
fn identifiers_are_cut_and_joined() {
    check(&[
        ("max_drawer_cash", Band::Sure, "Add `max"),
        ("maxDrawerCash", Band::Sure, "Add `max"),
        ("max drawer cash", Band::Sure, "Add `max"),
        ("parse pallet label", Band::Sure, "Fix parsePallet"),
        ("parsepalletlabel", Band::Sure, "Fix parsePallet"),
        ("white space in shelf names", Band::Sure, "Warn about whitespace"),
        ("giftcards", Band::Sure, "feat: pay"),
    ]);
}

#[test]
fn slips_are_forgiven_in_words_that_no_title_has() {
    check(&[
        ("reciept printer dialog", Band::Sure, "fix(ui): receipt"),
        ("exponental backof", Band::Sure, "Retry"),
        // `stones` is a word of a title: it is not taken for `stores` or anything else.
        ("pallet labels in stones", Band::Sure, "Pallet labels show the weight in stones"),
        // Two slips in a short word are another word.
        ("gufd card", Band::No, ""),
    ]);
}

#[test]
fn synonyms_find_and_do_not_assert() {
    check(&[
        ("segfault opening the drawer twice", Band::Perhaps, "fix: crash"),
        ("memory hog counting pallets", Band::Perhaps, "Memory leak"),
        ("login with a badge", Band::Sure, "Let staff sign in"),
        ("article lookup is faster", Band::Perhaps, "Speed up"),
    ]);
}

#[test]
fn numbers_in_any_writing_name_a_change_or_nothing() {
    check(&[
        ("#112", Band::Sure, "fix: rounding"),
        ("PR 112", Band::Sure, "fix: rounding"),
        ("pull request no. 112", Band::Sure, "fix: rounding"),
        ("!112", Band::Sure, "fix: rounding"),
        ("GH-112", Band::Sure, "fix: rounding"),
        ("112", Band::Sure, "fix: rounding"),
        ("https://git.example/shop/till/pull/112/files", Band::Sure, "fix: rounding"),
        ("shop/till#112", Band::Sure, "fix: rounding"),
        ("is #112 live?", Band::Sure, "fix: rounding"),
        ("issue 9", Band::Sure, "Add `max"),
        ("#77", Band::Sure, "Fix parsePallet"),
        ("c0ffee12", Band::Sure, "fix: rounding"),
        ("CVE-2031-12345", Band::Sure, "Fix CVE"),
        // Two repositories have a pull request 101; a word decides, or nothing does.
        ("#101", Band::Perhaps, "feat: pay"),
        ("#101 gift cards", Band::Sure, "feat: pay"),
        // The number says one thing and the words another.
        ("#112 gift cards", Band::Perhaps, "fix: rounding"),
        ("#4711", Band::No, ""),
        ("PR 4711 gift cards", Band::No, ""),
        ("CVE-2031-99999", Band::No, ""),
        ("deadbeef1", Band::No, ""),
    ]);
}

#[test]
fn a_number_is_of_the_project_that_is_named_with_it() {
    check(&[
        ("shop/till#112", Band::Sure, "fix: rounding"),
        ("shop/stock#112", Band::No, ""),
        ("shop/stock!112", Band::No, ""),
        ("https://git.example/shop/stock/pull/112", Band::No, ""),
        ("#112 in shop/stock", Band::No, ""),
        ("PR 112 of shop/stock", Band::No, ""),
        ("112 in shop/stock", Band::No, ""),
        ("is shop/stock#112 live?", Band::No, ""),
        ("#112 in shop/till", Band::Sure, "fix: rounding"),
        // Of the two requests 101 it is that one.
        ("shop/stock#101", Band::Sure, "Memory leak"),
        ("#101 in shop/till", Band::Sure, "feat: pay"),
        // Images may have other names than their project.
        ("https://git.example/acme/everything/pull/112", Band::Sure, "fix: rounding"),
        ("acme/everything#112", Band::Sure, "fix: rounding"),
    ]);
}

#[test]
fn versions_are_titles_words_or_releases() {
    check(&[
        ("broken migration in 1.0.1", Band::Sure, "Fix broken migration"),
        ("bump serde to 1.0.3", Band::Sure, "chore: bump serde from 1.0.2"),
        ("rounding fix in v1.0.1", Band::Sure, "fix: rounding"),
        ("rounding fix in v1.1.0", Band::Perhaps, "fix: rounding"),
    ]);
}

#[test]
fn the_frame_of_a_question_is_no_part_of_it() {
    check(&[
        ("is the fix for the receipt printer dialog live in production?", Band::Sure, "fix(ui): receipt"),
        ("did we ship gift cards yet", Band::Sure, "feat: pay"),
        ("has the exponential backoff landed", Band::Sure, "Retry"),
    ]);
}

#[test]
fn what_does_not_exist_is_never_sure() {
    check(&[
        // One rare word is missing.
        ("receipt printer driver dialog", Band::Perhaps, "fix(ui): receipt"),
        ("gift cards with kerberos", Band::Perhaps, "feat: pay"),
        ("Retry deletion of the ledger", Band::Perhaps, "Retry"),
        // A word that tells what happens, and that no title says.
        ("when did the exponential backoff happen again", Band::Perhaps, "Retry"),
        ("gift cards never come", Band::Perhaps, "feat: pay"),
        // Nothing is near.
        ("kerberos authentication", Band::No, ""),
        ("zebra", Band::No, ""),
        ("", Band::No, ""),
        ("the of and", Band::No, ""),
        // Many changes answer equally.
        ("pallet labels weight", Band::Perhaps, "Pallet labels"),
        // Common words, scattered over a long title.
        ("badge drawer names", Band::Perhaps, "Scanner"),
    ]);
}

#[test]
fn a_change_is_one_hit_wherever_it_stands() {
    let index = index();
    let found = index.find("crash drawer opened twice", |_| true, 5);
    let versions: Vec<&str> = found.hits[0].places.iter().map(|place| &*place.version).collect();
    assert_eq!((found.band, versions), (Band::Sure, vec!["v1.0.0", "v1.0.1"]));
    // Two bumps of one library are two changes.
    let bumps = index.find("bump serde", |_| true, 5);
    assert_eq!((bumps.band, bumps.hits[0].places.len()), (Band::Perhaps, 1));
}

#[test]
fn only_the_repositories_that_count_are_searched() {
    let index = index();
    let of_till = |repository: &Repository| repository.as_str() == "shop/till";
    assert_eq!(index.find("#101", of_till, 5).band, Band::Sure);
    assert_eq!(index.find("memory leak counting pallets", of_till, 5).band, Band::No);
}

#[test]
fn putting_a_release_again_replaces_it() {
    let mut index = index();
    let before = index.len();
    let till = repository("shop/till");
    for _ in 0..2 {
        index.put(&till, "v1.0.1", [text(131, "Refund vouchers by mail")]);
        assert_eq!(index.len(), before - 3 + 1);
        assert_eq!(find_version(&index, "refund vouchers"), (Band::Sure, "v1.0.1".to_owned()));
        assert_eq!(index.find("rounding of coins", |_| true, 5).band, Band::No);
        assert_eq!(index.find("#112", |_| true, 5).band, Band::No);
        assert_eq!(index.find("c0ffee12", |_| true, 5).band, Band::No);
        // A word that also stands elsewhere stays.
        assert_eq!(find_version(&index, "crash drawer opened twice"), (Band::Sure, "v1.0.0".to_owned()));
    }
    index.put(&till, "v1.0.1", []);
    assert_eq!(index.find("refund vouchers", |_| true, 5).band, Band::No);
}

fn find_version(index: &Index, query: &str) -> (Band, String) {
    let found = index.find(query, |_| true, 5);
    (found.band, found.hits[0].places[0].version.to_string())
}

#[test]
fn a_hit_explains_itself() {
    let found = index().find("reciept printers modal", |_| true, 1);
    let told: Vec<(&str, Option<&str>, Way)> = found.hits[0]
        .matched
        .iter()
        .map(|matched| (matched.asked.as_str(), matched.found.as_deref(), matched.way))
        .collect();
    assert_eq!(
        told,
        [
            ("reciept", Some("receipt"), Way::Spelling),
            ("printers", Some("printer"), Way::Inflection),
            ("modal", Some("dialog"), Way::Synonym),
        ]
    );
}

#[test]
fn every_synonym_can_be_asked_for() {
    let index = index();
    let members = include_str!("synonyms.txt").lines().filter(|line| !line.starts_with('#'));
    for member in members.flat_map(|line| line.split([',', '>', '=', '~'])) {
        assert_eq!(words::tokens(member).is_empty(), member.trim().is_empty(), "{member}");
        index.find(member, |_| true, 1);
    }
}

#[test]
fn no_query_panics_and_scores_stay_within_bounds() {
    use proptest::prelude::*;
    let index = index();
    proptest!(|(query in "(?s).{0,600}")| {
        let found = index.find(&query, |_| true, 5);
        for hit in &found.hits {
            prop_assert!((0.0..=1.0).contains(&hit.score) && !hit.places.is_empty());
        }
    });
    proptest!(|(query in "(#|!|v|cve-|gh-|fix |the |\\.|/|[0-9]|[a-f]|Aa|_|-){0,40}")| {
        let _ = index.find(&query, |_| true, 5);
    });
}
