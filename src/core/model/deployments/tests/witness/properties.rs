//! Properties of any cluster before witnesses that come and go.

use proptest::collection::vec;
use proptest::prelude::*;

use super::play::{Deed, FULL, Line, Look, TOLD, folded, folded_until, told, truth, with_pulls};
use crate::model::deployments::tests::properties::{played, scene};
use crate::model::deployments::tests::story::{self, answer, at};
use crate::model::time::{Span, Time};

/// Wait before, workload, releases with their containers, and whether the workload goes.
type Act = (i64, u8, Vec<(u8, u64)>, bool);

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let wait = prop_oneof![1..20_i64, 20..2_000_i64, 2_000..20_000_i64];
    let runs = vec((0..4_u8, 1..8_u64), 0..3);
    vec((wait, 0..3_u8, runs, prop::bool::weighted(0.1)), 1..16)
}

/// The same acts in one cluster, or each in the cluster of its workload.
fn deeds(acts: &[Act], clusters: &[&'static str]) -> Vec<Deed> {
    let mut clock = 100;
    let deed = |(wait, workload, runs, is_gone): &Act| {
        clock += wait;
        let mut runs: Vec<_> =
            runs.iter().map(|(version, count)| (format!("1.{version}"), *count, *count)).collect();
        runs.sort();
        runs.dedup_by(|a, b| a.0 == b.0);
        if *is_gone {
            runs.clear();
        }
        let witness = clusters[usize::from(*workload) % clusters.len()];
        let workload = format!("deployment/{workload}");
        Deed { at: at(clock), witness, workload, runs, desired: None, is_gone: *is_gone }
    };
    acts.iter().map(deed).collect()
}

fn end(deeds: &[Deed]) -> Time {
    deeds.last().map_or(at(0), |deed| deed.at) + Span::from_mins(60)
}

fn complete(deeds: &[Deed], clusters: &[&'static str]) -> Vec<Look> {
    clusters.iter().map(|witness| Look { witness, from: at(0), until: end(deeds) }).collect()
}

fn cut(now: Time, state: &crate::model::deployments::State) -> serde_json::Value {
    let mut answer = answer(state, now);
    for service in answer["services"].as_object_mut().unwrap().values_mut() {
        service["workloads"] = serde_json::Value::Null;
        for deployment in service["deployments"].as_array_mut().unwrap() {
            deployment["reason"] = serde_json::Value::Null;
        }
    }
    answer
}

proptest! {
    /// A witness that sees other services changes nothing of what pulls say.
    #[test]
    fn pulls_alone_give_what_they_gave(scenes in vec(scene(), 1..12)) {
        let (observations, now) = played(&scenes);
        let alone = story::folded(&observations);
        let lines = with_pulls(told(&[], &[Look { witness: "eu-1", from: at(0), until: now }]), observations);
        prop_assert_eq!(answer(&folded(&lines), now), answer(&alone, now));
    }

    /// With a complete witness, what is current is what runs, ten seconds after it changed, whatever the pulls.
    #[test]
    fn what_a_complete_witness_sees_is_so(acts in acts(), scenes in vec(scene(), 0..6)) {
        let deeds = deeds(&acts, &["eu-1"]);
        let lines = with_pulls(told(&deeds, &complete(&deeds, &["eu-1"])), played(&scenes).0);
        for deed in &deeds {
            for wait in [10, 300, 3_000] {
                let now = deed.at + Span::from_secs(wait);
                let (running, changed_at) = truth(&deeds, now);
                if now.since(changed_at) < Span::from_secs(10) {
                    continue;
                }
                let answer = answer(&folded_until(&lines, now), now);
                let current = &answer["services"]["docker/app"]["current"];
                let is_right = running.iter().any(|digest| current["digest"] == digest.to_string());
                let is_absent = ["removed", "scaled_to_zero"].iter().any(|state| current["state"] == *state);
                prop_assert_eq!(is_right && !is_absent, !running.is_empty(), "{} at {}", current, now);
                let is_told = deeds.iter().any(|deed| deed.at <= now && !deed.is_gone);
                if !current.is_null() && is_told {
                    prop_assert_eq!(&current["confidence"], "confirmed");
                }
                if running.len() == 1 {
                    prop_assert_eq!(&current["state"], "settled");
                }
            }
        }
    }

    /// Nothing is confirmed two minutes after a witness fell silent, and right again seconds after it is back.
    #[test]
    fn a_witness_that_lies_low_confirms_nothing(
        acts in acts(),
        scenes in vec(scene(), 0..6),
        away in (0..40_000_i64, 200..20_000_i64),
    ) {
        let deeds = deeds(&acts, &["eu-1"]);
        let (left, back) = (at(away.0), at(away.0 + away.1));
        let look = |from, until| Look { witness: "eu-1", from, until };
        let later = end(&deeds).max(back + Span::from_mins(60));
        let looks = [look(at(0), left), look(back, later)];
        let lines = with_pulls(told(&deeds, &looks), played(&scenes).0);
        let silent = left + Span::from_secs(121);
        for now in [silent, back - Span::from_secs(1)].into_iter().filter(|now| *now >= silent && *now < back) {
            let answer = answer(&folded_until(&lines, now), now);
            prop_assert_ne!(&answer["services"]["docker/app"]["current"]["confidence"], "confirmed");
        }
        let now = back + FULL + TOLD + Span::from_secs(5);
        let (running, changed_at) = truth(&deeds, now);
        if running.len() == 1 && now.since(changed_at) >= Span::from_secs(10) {
            let answer = answer(&folded_until(&lines, now), now);
            let current = &answer["services"]["docker/app"]["current"];
            prop_assert_eq!(&current["digest"], &running.first().unwrap().to_string());
            prop_assert_eq!(&current["confidence"], "confirmed");
        }
    }

    /// Witnesses of several clusters say together what one of all of them would.
    #[test]
    fn witnesses_add_up(acts in acts()) {
        let (one, two) = (deeds(&acts, &["eu-1"]), deeds(&acts, &["eu-1", "us-1"]));
        let now = end(&one);
        let one = folded(&told(&one, &complete(&one, &["eu-1"])));
        let two = folded(&told(&two, &complete(&two, &["eu-1", "us-1"])));
        prop_assert_eq!(cut(now, &two), cut(now, &one));
    }

    /// The order of pulls and sightings within a minute changes no settled answer.
    #[test]
    fn the_order_of_pulls_and_sightings_changes_no_settled_answer(
        acts in acts(),
        scenes in vec(scene(), 1..6),
        delays in vec(0..50_000_i64, 1..8),
    ) {
        // Before the first that a witness tells of a service, pulls are all that there is.
        let runs = vec![("1.0".to_owned(), 3, 3)];
        let first = Deed { at: at(10), witness: "eu-1", workload: "deployment/first".into(), runs, desired: None, is_gone: false };
        let deeds: Vec<Deed> = std::iter::once(first).chain(deeds(&acts, &["eu-1"])).collect();
        let words = told(&deeds, &complete(&deeds, &["eu-1"]));
        let (mut pulls, over) = played(&scenes);
        pulls.iter_mut().for_each(|pull| pull.at = pull.at + Span::from_secs(120));
        let now = end(&deeds).max(over) + Span::from_mins(62);
        let words: Vec<Line> = words
            .into_iter()
            .chain(told(&deeds, &[Look { witness: "eu-1", from: at(0), until: now }]).into_iter().filter(|line| line.at() > end(&deeds)))
            .collect();
        let mut late = Time::from_ms(i64::MIN);
        // Each is received some time after it was made, in its order.
        let mut lines: Vec<(Time, &Line)> = (0..).zip(&words).map(|(place, line): (usize, _)| {
            late = late.max(line.at() + Span::from_ms(delays[place % delays.len()]));
            (late, line)
        }).collect();
        let pulls: Vec<Line> = pulls.into_iter().map(Line::Pull).collect();
        lines.extend(pulls.iter().map(|line| (line.at(), line)));
        let prompt = {
            let mut lines = lines.clone();
            lines.sort_by_key(|(_, line)| line.at());
            folded(lines.into_iter().map(|(_, line)| line))
        };
        lines.sort_by_key(|(received, _)| *received);
        let late = folded(lines.into_iter().map(|(_, line)| line));
        prop_assert_eq!(cut(now, &late), cut(now, &prompt));
    }
}
