//! Changes that were taken back and releases that were yanked: nobody is told to have them, or to take them.

use super::{START, after, digest, env, pulled, repository};
use crate::model::deployments::{Rules, State};
use crate::model::event::Event;
use crate::model::questions::{Finder, verify};
use crate::model::releases::{Catalogue, Change, Registration};
use crate::wire::{Standing, Verified};

const FIX: &str = "Fix a leak of the drawer";

/// A state in which v1.0, v1.1 … of web have these changes, and `runs` runs.
fn state(releases: &[(&str, Option<u64>)], runs: u8, yanked: &[&str]) -> State {
    let mut catalogue = Catalogue::default();
    for (version, (title, pr)) in (0..).zip(releases) {
        let change = Change { title: (*title).to_owned(), pr: *pr, ..Change::parse(title, None).unwrap() };
        let told = Registration {
            digests: vec![digest("web", version)],
            changes: vec![change],
            ..Registration::named(repository("web"), format!("v1.{version}"))
        };
        catalogue.add(&told, START);
    }
    for version in yanked {
        catalogue.yank(&repository("web"), version, Some(START));
    }
    let mut state = State::new(Rules::default());
    state.set_catalogue(catalogue);
    for observation in pulled("production", "web", runs, 1) {
        state.apply(&Event::Observed(observation));
    }
    state
}

fn asked(state: &State, query: &str) -> Verified {
    let mut finder = Finder::default();
    finder.follow(state.catalogue());
    let found = finder.find(query, |_| true, 10);
    verify(state, &env("production"), query, &found, after(60))
}

#[test]
fn what_was_taken_back_in_any_writing_is_not_live() {
    let writings: [(&str, Option<u64>); 13] = [
        ("Revert \"Fix a leak of the drawer (#12)\"", Some(34)),
        ("Revert \"Fix a leak of the drawer\" (#34)", None),
        ("Temporarily revert #12", Some(34)),
        ("Temporarily revert #12", None),
        ("Revert fix (!12)", Some(34)),
        ("Revert fix (!12)", None),
        ("Revert fix", Some(12)),
        ("Back out #12 (#34)", None),
        ("Back out the fix of the leak (#12)", None),
        ("Undo \"Fix a leak of the drawer (#12)\" (#34)", None),
        ("Rollback of #12", Some(34)),
        ("Partially revert #12", Some(34)),
        ("Open the drawer slowly (reverts #12)", Some(34)),
    ];
    for (title, pr) in writings {
        let releases = [(FIX, Some(12)), (title, pr)];
        let before = asked(&state(&releases, 0, &[]), "#12");
        assert_eq!(before.answer, Standing::Live, "{title}");
        assert_eq!(before.matches[0].change.title, FIX, "{title}");
        let running = state(&releases, 1, &[]);
        for query in ["#12", FIX, "leak of the drawer"] {
            let answer = asked(&running, query);
            assert_ne!(answer.answer, Standing::Live, "{query} with {title}");
        }
    }
}

#[test]
fn a_question_about_a_revert_is_about_the_revert() {
    for title in [
        "Revert \"Fix a leak of the drawer (#12)\"",
        "Temporarily revert #12",
        "Undo \"Fix a leak of the drawer (#12)\"",
    ] {
        let both = [(FIX, Some(12)), (title, Some(34))];
        for (runs, standing) in [(0, Standing::NotLive), (1, Standing::Live)] {
            let answer = asked(&state(&both, runs, &[]), title);
            assert_eq!((&answer.answer, answer.matches[0].change.title.as_str()), (&standing, title));
        }
        // There is none: the change that it would take back is no answer.
        let answer = asked(&state(&both[..1], 0, &[]), title);
        assert!(matches!(answer.answer, Standing::NoSuchChange | Standing::Unknown), "{title}: {answer:?}");
        // Only the revert is known: it is no answer to what it takes back.
        for query in ["#12", FIX] {
            let answer = asked(&state(&both[1..], 0, &[]), query);
            assert!(
                matches!(answer.answer, Standing::NoSuchChange | Standing::Unknown),
                "{query}: {answer:?}"
            );
        }
    }
}

#[test]
fn the_first_release_that_is_named_is_one_that_is_offered() {
    let releases = [("chore: begin", Some(1)), (FIX, Some(12)), (FIX, Some(12))];
    let named = |yanked: &[&str]| {
        let answer = asked(&state(&releases, 0, yanked), "#12");
        let release = answer.matches[0].release.clone();
        (release.version, release.yanked_at.is_some())
    };
    assert_eq!(named(&[]), ("v1.1".to_owned(), false));
    assert_eq!(named(&["v1.1"]), ("v1.2".to_owned(), false));
    // A yanked release is named, and marked, if there is no other.
    assert_eq!(named(&["v1.1", "v1.2"]), ("v1.1".to_owned(), true));
}

#[test]
fn what_was_brought_again_is_live_again() {
    const AGAIN: [&str; 4] = [
        "Revert \"Revert \"Fix a leak of the drawer (#12)\" (#34)\"",
        "Reapply \"Fix a leak of the drawer (#12)\"",
        "Reland #12",
        "Revert #34",
    ];
    for again in AGAIN {
        let releases = [
            (FIX, Some(12)),
            ("Revert \"Fix a leak of the drawer (#12)\"", Some(34)),
            (again, Some(56)),
            ("Open the drawer slowly", Some(57)),
            ("Revert \"Fix a leak of the drawer (#12)\"", Some(78)),
        ];
        let standing = |runs: u8| asked(&state(&releases, runs, &[]), "#12").answer;
        let told: Vec<Standing> = (0..5).map(standing).collect();
        let wanted = [true, false, true, true, false];
        let wanted = wanted.map(|is_live| if is_live { Standing::Live } else { Standing::NotLive });
        assert_eq!(told, wanted, "{again}");
    }
}

#[test]
fn one_title_and_number_in_several_repositories_is_live_where_all_of_them_have_it() {
    let releases = ["web", "api"].map(|name| {
        let change = |title: &str, pr| Change { pr: Some(pr), ..Change::parse(title, None).unwrap() };
        [(0, change("chore: begin", 1)), (1, change(FIX, 12))].map(|(version, change)| Registration {
            digests: vec![digest(name, version)],
            changes: vec![change],
            ..Registration::named(repository(name), format!("v1.{version}"))
        })
    });
    let mut catalogue = Catalogue::default();
    releases.iter().flatten().for_each(|told| {
        catalogue.add(told, START);
    });
    for (web, api) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut state = State::new(Rules::default());
        state.set_catalogue(catalogue.clone());
        for (name, version) in [("web", web), ("api", api)] {
            for observation in pulled("production", name, version, 1) {
                state.apply(&Event::Observed(observation));
            }
        }
        for query in ["#12", FIX, "leak of the drawer #12"] {
            let answer = asked(&state, query);
            let wanted = match web + api {
                0 => Standing::NotLive,
                1 => Standing::PartlyLive,
                _ => Standing::Live,
            };
            assert_eq!(answer.answer, wanted, "{query}: {answer:?}");
        }
    }
}
