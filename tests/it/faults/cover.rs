//! Cases that are run, in their order: first every pair of what can be chosen, then whatever the seed brings. Pure.

use std::collections::HashSet;

use super::case::{Case, Fault, Framing, Path, Place, Pool, Times, Who, Wire};
use super::rules::meaningless;
use super::seed::Rng;

/// Every combination, whether it means something or not, each with a seed of its own.
fn every(rng: &mut Rng) -> impl Iterator<Item = Case> {
    // As the digits of a number: each choice has as many as it has values.
    let counts = [
        Fault::ALL.len(),
        Place::ALL.len(),
        Times::ALL.len(),
        Path::ALL.len(),
        Framing::ALL.len(),
        Wire::ALL.len(),
        Pool::ALL.len(),
        Who::ALL.len(),
    ];
    (0..counts.iter().product()).map(move |mut number: usize| {
        let mut digits = counts.iter().map(|count| {
            let digit = number % count;
            number /= count;
            digit
        });
        let mut digit = || digits.next().unwrap_or_default();
        Case {
            fault: Fault::ALL[digit()],
            place: Place::ALL[digit()],
            times: Times::ALL[digit()],
            path: Path::ALL[digit()],
            framing: Framing::ALL[digit()],
            wire: Wire::ALL[digit()],
            pool: Pool::ALL[digit()],
            who: Who::ALL[digit()],
            seed: rng.next() >> 32,
        }
    })
}

/// All cases: those in front, as many as are returned beside them, have every pair of choices that any case has; what
/// follows is in no order.
pub fn ordered(seed: u64) -> (Vec<Case>, usize) {
    let mut rng = Rng::new(seed);
    let mut rest: Vec<_> = every(&mut rng).filter(|case| meaningless(case).is_none()).collect();
    rng.shuffle(&mut rest);
    let (mut front, mut seen) = (Vec::new(), HashSet::new());
    // A case that brings many new pairs comes first, so that few are needed.
    for at_least in [16, 8, 4, 2, 1] {
        rest.retain(|case| {
            let new: Vec<_> = pairs(case).filter(|pair| !seen.contains(pair)).collect();
            let is_taken = new.len() >= at_least;
            if is_taken {
                seen.extend(new);
                front.push(*case);
            }
            !is_taken
        });
    }
    rng.shuffle(&mut front);
    let covered = front.len();
    front.append(&mut rest);
    (front, covered)
}

/// A choice and another, by their dimensions and values. A fault and its place are one choice.
fn pairs(case: &Case) -> impl Iterator<Item = (usize, u16, usize, u16)> + use<> {
    let values = [
        (case.fault as u16) << 8 | case.place as u16,
        case.times as u16,
        case.path as u16,
        case.framing as u16,
        case.wire as u16,
        case.pool as u16,
        case.who as u16,
    ];
    (0..values.len()).flat_map(move |one| {
        (one + 1..values.len()).map(move |other| (one, values[one], other, values[other]))
    })
}

#[test]
fn every_rule_excludes_something_and_every_choice_is_left() {
    use super::rules::RULES;
    let (cases, covered) = ordered(1);
    println!("{} cases, of which {covered} have every pair of choices", cases.len());
    assert!(covered < 1_500 && cases.len() > 10_000);
    let pairs_of = |cases: &[Case]| cases.iter().flat_map(pairs).collect::<HashSet<_>>();
    assert_eq!(pairs_of(&cases[..covered]), pairs_of(&cases));
    for &fault in Fault::ALL {
        assert!(cases.iter().any(|case| case.fault == fault), "{fault} is never played");
    }
    for place in Place::ALL {
        assert!(cases.iter().any(|case| case.place == *place), "{place}");
    }
    for case in &cases[..100] {
        assert_eq!(case.to_string().parse::<Case>().as_ref(), Ok(case));
    }
    // A rule that excludes only what others exclude anyway says nothing.
    let mut alone = HashSet::new();
    for case in every(&mut Rng::new(1)) {
        let mut excluding = RULES.iter().filter(|(_, excludes)| excludes(&case));
        if let (Some((why, _)), None) = (excluding.next(), excluding.next()) {
            alone.insert(why);
        }
    }
    for (why, _) in RULES {
        assert!(alone.contains(why), "this rule says nothing: {why}");
    }
}
