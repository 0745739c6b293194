//! Witnesses in words: whether they watch, and what to do where one does not.

use super::dates::day;
use super::listed::{listed, names};
use crate::model::time::{Time, ago};
use crate::wire::{WitnessPhase, WitnessSeen};

/// "Watched by eu-1, which has seen everything until 8 s ago.", as it is at `at`. Empty where no witness reports. `quoted` makes
/// names safe for the reader.
pub fn watched_by(witnesses: &[WitnessSeen], at: Time, quoted: impl Fn(&str) -> String) -> String {
    let of = |phase: WitnessPhase| witnesses.iter().filter(move |it| it.state == phase);
    let mut told = Vec::new();
    if let Some(until) = of(WitnessPhase::Alive).filter_map(|it| it.seen_until).min() {
        let all = names(of(WitnessPhase::Alive).map(|it| quoted(&it.name)));
        let since = at.since(until).ms().max(0) / 1000;
        let age = if since < 60 { format!("{since} s ago") } else { ago(at, until) };
        let has = if of(WitnessPhase::Alive).count() == 1 { "which has" } else { "which have" };
        told.push(format!("Watched by {all}, {has} seen everything until {age}."));
    }
    if of(WitnessPhase::Beginning).next().is_some() {
        let all = names(of(WitnessPhase::Beginning).map(|it| quoted(&it.name)));
        told.push(format!("Not everything was told yet by {all}: nothing is confirmed until then."));
    }
    if of(WitnessPhase::Silent).next().is_some() {
        let silent = |it: &WitnessSeen| format!("{} since {}", quoted(&it.name), day(it.heard_at));
        let all = listed(of(WitnessPhase::Silent).map(silent));
        told.push(format!("Silent: {all}. Pulls alone tell until the agent reports again."));
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_witness_has_its_sentence() {
        let at = Time::from_ms(1_772_431_248_000);
        let witness = |name: &str, state: WitnessPhase, ago_s: i64| WitnessSeen {
            name: name.into(),
            state,
            heard_at: Time::from_ms(at.ms() - ago_s * 1000),
            seen_until: Some(Time::from_ms(at.ms() - ago_s * 1000)),
        };
        let told = |all: &[WitnessSeen]| watched_by(all, at, str::to_owned);
        let (one, two) = (witness("eu-1", WitnessPhase::Alive, 8), witness("eu-2", WitnessPhase::Alive, 90));
        let begins = witness("us-1", WitnessPhase::Beginning, 1);
        let silent = witness("us-2", WitnessPhase::Silent, 86_400);
        assert_eq!(told(&[]), "");
        assert_eq!(
            told(std::slice::from_ref(&one)),
            "Watched by eu-1, which has seen everything until 8 s ago."
        );
        let all = told(&[one, two, begins, silent]);
        let expected = "Watched by eu-1, eu-2, which have seen everything until 1 min ago. Not everything was told yet by us-1: \
            nothing is confirmed until then. Silent: us-2 since 2026-03-01 06:00 UTC. Pulls alone tell until the agent reports again.";
        assert_eq!(all, expected);
    }
}
