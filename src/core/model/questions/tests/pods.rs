//! A change is live as far as containers that are ready have it, and answers count them.

use proptest::prelude::*;

use super::cluster::Clusters;
use super::{DAY, HOUR, after, env};
use crate::model::questions::{running, timeline};
use crate::model::time::Span;
use crate::wire::{CarrierPods, Standing, Verified};
use crate::wording::{self, agent};

/// Containers of a version, and how many of them are ready.
type Images<'a> = &'a [(u8, u64, u64)];

/// Production settled on v1.0 a day ago, came to run `images`, and is asked `minutes` later for what v1.1 brought.
fn asked(images: Images<'_>, minutes: i64) -> (Clusters, Verified) {
    let mut told = Clusters::of(&["web"]);
    told.runs("production", "web", 1, &[(0, 6, 6)]);
    told.runs("production", "web", DAY, images);
    told.is_alive("production", DAY + minutes);
    let answer = told.verify("production", "login hangs behind a proxy", after(DAY + minutes));
    (told, answer)
}

#[test]
fn ready_containers_decide_and_are_counted() {
    let cases: [(Images<'_>, i64, Standing, &str); 9] = [
        (&[(1, 3, 0)], 1, Standing::RollingOut, "0 of 3 pods are ready."),
        (&[(1, 3, 0)], 5 * HOUR, Standing::RollingOut, "0 of 3 pods are ready."),
        (&[(0, 6, 6), (1, 1, 0)], 5 * HOUR, Standing::RollingOut, "0 of 1 pod are ready."),
        (&[(1, 2, 0), (2, 1, 0)], 5 * HOUR, Standing::RollingOut, "0 of 3 pods are ready."),
        (&[(1, 2, 1), (0, 4, 4)], 1, Standing::RollingOut, "1 of 6 pods."),
        (&[(1, 2, 2), (0, 4, 4)], 5 * HOUR, Standing::PartlyLive, "in a part of production: 2 of 6 pods;"),
        (&[(1, 3, 3)], 5 * HOUR, Standing::Live, "Yes, confirmed: 3 of 3 pods"),
        (&[(1, 3, 1)], 5 * HOUR, Standing::Live, "Yes, confirmed: 1 of 3 pods"),
        (&[(1, 2, 0), (2, 4, 4)], 5 * HOUR, Standing::Live, "Yes, confirmed: 4 of 6 pods"),
    ];
    for (images, minutes, standing, text) in cases {
        let (_, answer) = asked(images, minutes);
        assert_eq!(answer.answer, standing, "{images:?}: {answer:?}");
        assert!(answer.text.contains(text), "{images:?}: {}", answer.text);
    }
}

#[test]
fn every_surface_says_that_none_is_ready() {
    let (told, answer) = asked(&[(1, 3, 0)], 5);
    let (name, now) = (env("production"), after(DAY + 5));
    let all = running(&told.state, &name, now);
    let change = &timeline(&told.state, &name, now, 1, None).deployments[0].changes[0];
    let texts = [
        agent::verified(&answer),
        wording::running(&all, None),
        wording::told(&all.services[0]),
        agent::running(&all),
        change.reason.clone(),
    ];
    for text in texts {
        assert!(text.contains("0 of 3 pods are ready"), "{text}");
    }
}

#[test]
fn a_canary_is_told_by_its_exact_counts() {
    let (_, answer) = asked(&[(1, 2, 2), (0, 4, 4)], 5 * HOUR);
    let service = &answer.matches[0].services[0];
    assert_eq!(service.pods, Some(CarrierPods { ready: 2, running: 2, of: 6 }));
    assert!(agent::verified(&answer).contains("partly live, 2 of 6 pods"), "{}", agent::verified(&answer));
    // Of what the others have as well, it is live on all.
    let (told, _) = asked(&[(1, 2, 2), (0, 4, 4)], 5 * HOUR);
    let answer = told.verify("production", "the first gallery", after(DAY + 5 * HOUR));
    assert!(answer.text.starts_with("Yes, confirmed: 6 of 6 pods"), "{}", answer.text);
}

proptest! {
    #[test]
    fn nothing_is_live_that_no_ready_container_has(
        counts in prop::collection::vec((0..3_u8, 1..5_u64, 0..5_u64), 1..4),
        minutes in 1..40_i64,
    ) {
        let mut images: Vec<(u8, u64, u64)> = Vec::new();
        for (version, running, ready) in counts {
            if images.iter().all(|(other, ..)| *other != version) {
                images.push((version, running, ready.min(running)));
            }
        }
        let (_, answer) = asked(&images, minutes);
        let has = |(version, ..): &&(u8, u64, u64)| *version >= 1;
        let ready: u64 = images.iter().filter(has).map(|(.., ready)| ready).sum();
        let is_everywhere = images.iter().all(|image| has(&image));
        let is_somewhere = images.iter().any(|image| has(&image));
        prop_assert_eq!(answer.answer == Standing::Live, ready > 0 && is_everywhere, "{:?}", &answer);
        prop_assert!(answer.answer != Standing::PartlyLive || ready > 0);
        prop_assert_eq!(answer.answer == Standing::NotLive, !is_somewhere, "{:?}", &answer);
        let pods = answer.matches[0].services[0].pods.map(|pods| (pods.ready, pods.of));
        let of: u64 = images.iter().map(|(_, running, _)| running).sum();
        let expected = is_somewhere.then(|| (u32::try_from(ready).unwrap(), u32::try_from(of).unwrap()));
        prop_assert_eq!(pods, expected);
    }
}

/// A witness that is silent counts nothing any more.
#[test]
fn what_a_silent_witness_counted_is_not_counted_now() {
    let (told, _) = asked(&[(1, 2, 2), (0, 4, 4)], 5);
    let answer = told.verify("production", "login hangs behind a proxy", after(DAY + 5) + Span::from_mins(3));
    assert_eq!(answer.matches[0].services[0].pods, None);
}
