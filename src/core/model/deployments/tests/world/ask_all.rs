//! Folds a history, and asks on the way as people would ask at that time.

use std::collections::BTreeMap;

use super::claims::{Claim, Claims};
use super::dice::Dice;
use super::history::{History, Service, title};
use super::light::{Light, parts};
use super::score::{Score, compare, number};
use crate::model::deployments::{Rules, State};
use crate::model::questions::{self, Finder};
use crate::model::time::{Span, Time};
use crate::wire::{Phase, Replayed, Standing};

/// The result of a history.
pub(super) struct Asked {
    pub(super) score: Score,
    pub(super) claims: Claims,
    /// Mistakes, a line each.
    pub(super) mistakes: Vec<String>,
}

/// Number of times that a history is asked, beside the middles of its canaries.
const INSTANTS: usize = 90;

impl History {
    /// Folds it and asks.
    pub(super) fn ask(&self) -> Asked {
        let mut state = State::new(Rules::default());
        state.set_catalogue(self.catalogue());
        let mut finder = Finder::default();
        finder.follow(state.catalogue());
        let mut score = Score { histories: 1, ..Score::default() };
        let mut mistakes = Vec::new();
        let mut claims: Vec<Vec<Claim>> = self.services.iter().map(|_| Vec::new()).collect();
        let mut dice = Dice::new(self.seed, "questions");
        let mut observations = self.observations.iter().peekable();
        for at in self.instants(&mut dice) {
            while let Some(observation) = observations.next_if(|observation| observation.at <= at) {
                state.observe(observation);
            }
            for (service, claims) in self.services.iter().zip(&mut claims) {
                let told = questions::replayed(&state, &service.environment, at);
                self.ask_one(service, &told, at, &mut score, claims, &mut mistakes);
                let place = dice.roll(service.images.len());
                let asks = self.is_catalogued && dice.chance(25);
                if asks && service.images[place].is_released {
                    let told = verified(&state, &finder, service, place, at);
                    mistakes.extend(self.judge(service, place, at, told, &mut score));
                }
            }
        }
        observations.for_each(|observation| state.observe(observation));
        let mut all = Claims::default();
        for (service, claims) in self.services.iter().zip(&claims) {
            let told = questions::replayed(&state, &service.environment, self.end);
            compare(self, service, told.services.get(&service.repository), &mut score, &mut mistakes);
            all.add(self.family, self.seed, service, claims);
        }
        Asked { score, claims: all, mistakes }
    }

    /// Times to ask at, some soon after changes, all of them in the order of time.
    fn instants(&self, dice: &mut Dice) -> Vec<Time> {
        let whole = self.end.since(self.start).ms();
        let mut instants: Vec<Time> = (0..INSTANTS)
            .map(|_| {
                self.start + Span::from_ms(i64::try_from(dice.roll(usize::try_from(whole).unwrap())).unwrap())
            })
            .collect();
        for service in &self.services {
            for change in &service.truth.changes {
                instants.extend((0..4).map(|_| change.started_at + dice.hours(0, 6)));
                instants.push(change.started_at + dice.seconds(600, 3000));
            }
            instants.extend(parts(service).map(|(at, _)| at));
        }
        instants.retain(|at| *at <= self.end);
        instants.sort();
        instants
    }

    fn ask_one(
        &self,
        service: &Service,
        told: &Replayed,
        at: Time,
        score: &mut Score,
        claims: &mut Vec<Claim>,
        mistakes: &mut Vec<String>,
    ) {
        let image = told.services.get(&service.repository).and_then(|told| told.current.as_ref());
        let claimed = image.and_then(|image| number(service, image.digest));
        let named =
            |place: Option<usize>| place.map_or("nothing", |place| service.images[place].version.as_str());
        let (family, seed) = (self.family, self.seed);
        let state = image.map_or("", |image| image.state.as_str());
        claims.extend(image.map(|image| Claim::new(service, image, at)));
        if service.truth.is_many && service.truth.light(at) == Light::Clear {
            let runs = service
                .truth
                .running(at)
                .is_some_and(|runs| claimed.is_some_and(|it| runs.contains_key(&it)));
            score.current += 1;
            score.current_right += usize::from(runs);
            if !runs {
                let told = named(claimed);
                mistakes.push(format!(
                    "{family:?} {seed} {} at {at} no pod runs {told} {state}",
                    service.environment
                ));
            }
        }
        if let Some(change) = service.truth.settled(at) {
            let is_right = claimed == Some(change.image);
            score.current += 1;
            score.current_right += usize::from(is_right);
            if !is_right {
                let (runs, told) = (named(Some(change.image)), named(claimed));
                mistakes.push(format!(
                    "{family:?} {seed} {} at {at} runs {runs}, told {told} {state}",
                    service.environment
                ));
            }
        }
        for (_, rest) in parts(service).filter(|(middle, _)| *middle == at) {
            let is_mixed = image.is_some_and(|image| image.state == Phase::Mixed);
            let is_right = claimed == Some(rest) || is_mixed;
            score.parts += 1;
            score.parts_right += usize::from(is_right);
            if !is_right {
                let told = named(claimed);
                mistakes.push(format!(
                    "{family:?} {seed} {} at {at} a part, told {told} {state}",
                    service.environment
                ));
            }
        }
    }

    /// Counts an answer to whether the change of the image at `place` is live; returns the mistake that it is.
    fn judge(
        &self,
        service: &Service,
        place: usize,
        at: Time,
        told: Standing,
        score: &mut Score,
    ) -> Option<String> {
        let truth = &service.truth;
        let last = truth.whole().rfind(|change| change.started_at <= at);
        let is_shown = last.is_some_and(|change| {
            change.is_observable && change.first.is_some_and(|first| first + Span::from_mins(10) <= at)
        });
        // A service without pods asks for nothing; nobody can tell that from silence.
        let lacks = |running: &BTreeMap<usize, usize>| {
            !running.is_empty() && running.keys().all(|image| *image < place)
        };
        let is_false = told == Standing::Live
            && is_shown
            && !truth.shows_what_was_given_up(at)
            && truth.running(at).is_some_and(lacks);
        let is_live = truth.settled(at).is_some_and(|change| change.image >= place);
        score.verified += 1;
        score.false_live += usize::from(is_false);
        score.live += usize::from(is_live);
        score.live_told += usize::from(is_live && told == Standing::Live);
        let version = &service.images[place].version;
        let (family, seed, environment) = (self.family, self.seed, &service.environment);
        if is_false {
            Some(format!("{family:?} {seed} {environment} at {at} {version} is called live"))
        } else if is_live && told != Standing::Live {
            Some(format!("{family:?} {seed} {environment} at {at} {version} is live, told {told:?}"))
        } else {
            None
        }
    }
}

/// The answer to whether the change of the image at `place` is live.
fn verified(state: &State, finder: &Finder, service: &Service, place: usize, at: Time) -> Standing {
    let query = title(place);
    let found = finder.find(&query, |repository| *repository == service.repository, 5);
    questions::verify(state, &service.environment, &query, &found, at).answer
}
