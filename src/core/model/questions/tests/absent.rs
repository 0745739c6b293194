//! A service of which nothing runs any more is told by no question as running, live, behind or up to date.

use super::cluster::Clusters;
use super::{DAY, HOUR, after, env, repository};
use crate::model::deploy::{self, Cluster, Place, Wish};
use crate::model::directory::Directory;
use crate::model::questions::{
    Mark, Phase, Side, across, compare, insights, missing, overview, release, running, search, timeline,
    trace,
};
use crate::model::registries::Registries;
use crate::model::time::{Span, Time};
use crate::wire::{Ahead, Comparison, Confidence, DeployKind, Standing};
use crate::wording;
use crate::wording::agent;

/// The time of all questions: half a day after the service went.
const NOW: i64 = DAY + 12 * HOUR;

/// Words by which texts call something running.
const RUNS: [&str; 7] =
    ["is live", "is rolling out", "runs shop/web", "shop/web runs", "up to date:", "lacks", "Yes"];

/// Ways in which nothing runs, and what befell the service just before.
#[derive(Clone, Copy, Debug)]
struct Case {
    state: Phase,
    /// It had not settled when it went.
    is_moving: bool,
    /// Its witness is heard of until it is asked.
    is_watched: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for state in [Phase::Removed, Phase::ScaledToZero] {
        for is_moving in [false, true] {
            cases.extend([true, false].map(|is_watched| Case { state, is_moving, is_watched }));
        }
    }
    cases
}

impl Case {
    fn word(self) -> &'static str {
        if self.state == Phase::Removed { "removed since" } else { "scaled to zero since" }
    }

    /// Production ran v1.1 of `web` a day long, and runs nothing of it now; staging runs v1.2.
    fn told(self) -> Clusters {
        let mut told = Clusters::of(&["web", "pay"]);
        told.runs("production", "web", 1, &[(0, 3, 3)]);
        told.runs("staging", "web", 1, &[(2, 3, 3)]);
        if self.is_moving {
            told.runs("production", "web", DAY - 1, &[(0, 2, 2), (1, 1, 1)]);
        } else {
            told.runs("production", "web", 2 * HOUR, &[(1, 3, 3)]);
        }
        match self.state {
            Phase::Removed => told.is_gone("production", "web", DAY),
            _ => told.runs("production", "web", DAY, &[]),
        }
        told.is_alive("staging", NOW);
        if self.is_watched {
            told.is_alive("production", NOW);
        }
        told
    }
}

#[track_caller]
fn says_no_more(case: Case, text: &str) {
    let text = text.replace("othing of shop/web runs", "");
    for word in RUNS {
        assert!(!text.contains(word), "{case:?}: “{word}” in {text}");
    }
    assert!(text.contains(case.word()), "{case:?}: {text}");
}

#[track_caller]
fn is_as_sure_as_its_witness(case: Case, text: &str) {
    assert_eq!(text.contains("s last seen"), !case.is_watched, "{case:?}: {text}");
    assert!(case.is_watched || !text.contains("confirmed"), "{case:?}: {text}");
}

#[test]
fn no_question_calls_it_running() {
    for case in cases() {
        let told = case.told();
        let (state, name, now) = (&told.state, env("production"), after(NOW));
        let all = running(state, &name, now);
        let one = &all.services[0];
        assert!(!one.runs() && one.state == case.state.into(), "{case:?}: {one:?}");
        assert_eq!(one.absent.as_ref().unwrap().since, after(DAY) + Span::from_secs(1));
        let confidence = if case.is_watched { Confidence::Confirmed } else { Confidence::Tentative };
        assert_eq!(one.confidence, confidence, "{case:?}");
        assert_eq!(one.seen.unconfirmed_since.is_some(), !case.is_watched, "{case:?}");
        for text in
            [wording::running(&all, None), wording::running(&all, Some("shop/web")), agent::running(&all)]
        {
            says_no_more(case, &text.replace("last seen to run", ""));
            is_as_sure_as_its_witness(case, &text.replace("was last seen to run", ""));
        }
        let everywhere = [all, running(state, &env("staging"), now)];
        let text = wording::running_everywhere(&everywhere, Some("shop/web"));
        assert!(text.starts_with("shop/web runs as v1.2 in staging. Nothing of it runs"), "{text}");
        assert!(wording::running_everywhere(&everywhere, None).contains("1 of 2 environments"));
    }
}

#[test]
fn no_change_is_live_in_it() {
    for case in cases() {
        let told = case.told();
        for query in ["#10", "login hangs behind a proxy", "#12"] {
            let answer = told.verify("production", query, after(NOW));
            assert_eq!(answer.answer, Standing::NotLive, "{case:?}: {answer:?}");
            assert_eq!(answer.since, None, "{case:?}");
            says_no_more(case, &answer.text);
            is_as_sure_as_its_witness(case, &answer.text);
            assert_eq!(answer.unconfirmed_since.is_some(), !case.is_watched);
            says_no_more(case, &agent::verified(&answer));
            assert_eq!(told.stands("staging", query, NOW), Standing::Live);
            let found = told.finder.find(query, |_| true, 5);
            let searched = search(&told.state, query, &found, after(NOW));
            let places = &searched.matches[0].environments;
            let states: Vec<_> = places.iter().map(|place| (place.name.as_str(), &place.state)).collect();
            assert_eq!(
                states,
                [("production", &Standing::NotLive), ("staging", &Standing::Live)],
                "{case:?}"
            );
        }
        for known in told.state.catalogue().of(&repository("web")) {
            let shown = release(&told.state, known, after(NOW));
            let places: Vec<&str> = shown.environments.iter().flatten().map(|it| it.name.as_str()).collect();
            assert!(!places.contains(&"production"), "{case:?}: {places:?}");
            assert!(wording::release_there(&shown, "production").contains("does not run in production"));
            let stay = &trace(&told.state, known, after(NOW)).stays[0];
            assert_eq!((stay.state, stay.is_itself), (super::Standing::NotLive, false), "{case:?}");
            assert!(stay.absent.is_some() && stay.since.is_none());
        }
    }
}

/// A service that went says nothing against the others that have the change.
#[test]
fn beside_another_service_it_neither_has_a_change_nor_lacks_it() {
    for (of_pay, expected) in [(1, Standing::Live), (0, Standing::NotLive)] {
        for case in cases() {
            let mut told = case.told();
            told.runs("production", "pay", NOW, &[(of_pay, 2, 2)]);
            let answer =
                told.verify("production", "login hangs behind a proxy", after(NOW) + Span::from_secs(3));
            assert_eq!(answer.answer, expected, "{case:?}: {answer:?}");
            assert!(answer.text.contains("nothing of shop/web runs there"), "{}", answer.text);
            assert!(!answer.text.contains("shop/web v"), "{}", answer.text);
        }
    }
}

#[test]
fn it_is_neither_behind_nor_up_to_date() {
    for case in cases() {
        let told = case.told();
        let answer = missing(&told.state, &env("production"), after(NOW));
        assert!(answer.services.is_empty(), "{case:?}: {answer:?}");
        assert_eq!(answer.absent[0].repository, repository("web"));
        for text in [wording::missing(&answer), agent::missing(&answer)] {
            says_no_more(case, &text);
            is_as_sure_as_its_witness(case, &text);
            assert!(!text.contains("is up to date"), "{text}");
        }
        let seen = overview(&told.state, &["production", "staging"].map(env), after(NOW));
        let card = &seen.environments[0];
        assert_eq!((card.services, card.state), (0, None), "{case:?}");
        assert_eq!(seen.rows.len(), 1);
        assert!(seen.rows[0].cells[0].is_none() && seen.rows[0].is_level, "{case:?}");
        assert_eq!(seen.rows[0].cells[1].as_ref().unwrap().mark, Mark::Level);
        let attention = seen.attention;
        assert_eq!((attention.behind.1, attention.rolling_out.1, attention.rolled_back.1), (0, 0, 0));
    }
}

#[test]
fn it_is_not_compared_as_if_it_ran() {
    for case in cases() {
        let told = case.told();
        let side = |name, at| Side { state: &told.state, environment: name, at };
        let (gone, there, now) = (&env("production"), &env("staging"), after(NOW));
        let compared = |left, right| compare(side(left, now), side(right, now));
        let texts = |all: &Comparison| [wording::comparison(all), agent::comparison(all)];
        for (all, relation) in
            [(compared(gone, there), Ahead::RightOnly), (compared(there, gone), Ahead::LeftOnly)]
        {
            let one = &all.services[0];
            assert_eq!(one.relation, relation, "{case:?}");
            assert!(one.left.is_some() != one.right.is_some());
            assert!(one.left_absent.is_some() != one.right_absent.is_some());
            for text in texts(&all) {
                assert!(text.contains(case.word()) && !text.contains("the same"), "{case:?}: {text}");
            }
        }
        let none = compared(gone, gone);
        assert!(none.services.is_empty(), "{case:?}: {none:?}");
        assert!(texts(&none).iter().all(|text| !text.contains("same")));
    }
}

#[test]
fn across_environments_it_has_no_lag_and_its_history_stays() {
    for case in cases() {
        let told = case.told();
        let (state, name, now) = (&told.state, env("production"), after(NOW));
        let seen = across(state, &["production", "staging"].map(env), &repository("web"), None, now, 10);
        let place = &seen.places[0];
        assert!(!place.running.runs() && place.missing.is_none(), "{case:?}: {place:?}");
        assert!(seen.places[1].missing.is_some());
        let deployments = timeline(state, &name, now, 10, None).deployments;
        let latest = &deployments[0].changes[0];
        let is_over = !matches!(latest.state, crate::wire::Phase::RollingOut | crate::wire::Phase::Mixed);
        assert!(is_over, "{case:?}: {latest:?}");
        // A change that landed has landed.
        let landed = |until: Time| {
            let measured = insights(state, [&name], after(0)..until, until).whole;
            (measured.deployments, measured.rollbacks)
        };
        assert_eq!(landed(now).1, 0);
        assert_eq!(landed(now).0, u32::from(!case.is_moving), "{case:?}");
    }
}

#[test]
fn a_plan_brings_it_and_never_says_that_it_is_there() {
    for case in cases() {
        let told = case.told();
        let (directory, registries) = (Directory::default(), Registries::default());
        let world = deploy::World {
            state: &told.state,
            directory: &directory,
            now: after(NOW),
            registry_host: "registry.test",
            registries: &registries,
        };
        for query in ["#10", "#11", "web v1.1", "web v1.0"] {
            let found = told.finder.find(query, |it| *it == repository("web"), 5);
            let searched = search(&told.state, query, &found, after(NOW));
            let wish = Wish { query: Some(query.to_owned()), ..Wish::default() };
            let (name, place) = (env("production"), Place::default());
            let planned = deploy::plan(
                &world,
                &name,
                &wish,
                Some(&searched),
                &place,
                Cluster::Closed,
                "dpl_1".to_owned(),
            );
            let planned = planned.unwrap();
            let is_of_what_runs = [DeployKind::Unchanged, DeployKind::Rollback, DeployKind::Upgrade];
            assert!(!is_of_what_runs.contains(&planned.kind.into()), "{case:?} {query}: {planned:?}");
            assert_eq!(planned.from, None);
            let followed = deploy::Followed {
                planned: planned.into(),
                planned_at: after(NOW),
                applied_at: None,
                interrupted: None,
            };
            let shown = deploy::follow(&world, &followed);
            assert!(shown.absent.is_some() && shown.settled_at.is_none(), "{case:?}: {shown:?}");
            says_no_more(case, &wording::deploy_seen(&shown));
            assert!(!shown.text.contains("not seen"), "{}", shown.text);
        }
    }
}
