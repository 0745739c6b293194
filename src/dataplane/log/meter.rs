//! Limits on what one token may write: no more than a large cluster does, however much is asked for with it.
//!
//! A token that is accepted has a rate. Observations beyond it are left out and counted: the first of it is written at once, so
//! that the log says from when on something is missing, and the rest from time to time. A token that is not accepted proves
//! nothing: its requests are written once a minute for each repository, for a few repositories, and the others are counted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::event::{EnvironmentName, Event, Excess, LeftOut, Observation, TokenId};
use crate::model::oci::Repository;
use crate::model::time::Time;

/// So many observations at once, and then one in every so often.
struct Rate {
    burst: u32,
    every: Duration,
}

/// Rates of a token's observations. A thousand nodes that pull thirty images each within two minutes, eight requests an
/// image, make 240,000 observations: the first rate lets 300,000 pass. The second is one that a disk can take for days.
const RATES: [Rate; 2] = [
    Rate { burst: 60_000, every: Duration::from_micros(500) },
    Rate { burst: 1_000_000, every: Duration::from_millis(10) },
];
/// The rate of what images say about themselves, all together: a day of a large team, at once, and then 864,000 a day.
const LEARNED: Rate = Rate { burst: 20_000, every: Duration::from_millis(100) };
/// Pause between two records of what was left out, as long as that goes on.
const LEFT_OUT_PAUSE: Duration = Duration::from_secs(10);
/// For so long refusals of a repository are counted together.
const REFUSALS_PAUSE: Duration = Duration::from_secs(60);
/// Repositories whose refusals are written for a token that is not accepted, in each such stretch.
const REFUSED_REPOSITORIES_MAX: usize = 32;
/// Tokens that are known; those that have been idle make room.
const TOKENS_MAX: usize = 16_384;

/// The tokens that write, and how much.
#[derive(Default)]
pub(super) struct Meters(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    tokens: HashMap<TokenId, Meter>,
    /// The time when something is to be written next.
    due: Option<Instant>,
    /// Until when what was learned keeps [`LEARNED`] busy.
    learned_until: Option<Instant>,
}

struct Meter {
    environment: EnvironmentName,
    /// Until when what was written keeps the token busy, for each of [`RATES`].
    busy_until: [Instant; RATES.len()],
    left_out: Option<Count>,
    /// Before this, it is not written again how much was left out.
    silent_until: Instant,
    refused: Option<Refused>,
}

/// A number of observations, with the first and the last time.
#[derive(Clone, Copy)]
struct Count {
    from: Time,
    until: Time,
    count: u64,
}

/// The refusals since the last time that they were written.
struct Refused {
    due: Instant,
    by_repository: HashMap<Repository, Option<Together>>,
    /// Of further repositories.
    others: Option<Count>,
}

/// Refusals that are counted together.
struct Together {
    first_at: Time,
    last: Observation,
    count: u64,
}

/// The decision on an observation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is to be written.
    Write,
    /// It was counted; the writer is to be told where it has slept until now.
    Count {
        /// Nothing was due before.
        is_news: bool,
    },
}

impl Rate {
    /// Until when one more keeps it busy that was so until `busy_until`; none where that is too much at `now`.
    fn next(&self, busy_until: Instant, now: Instant) -> Option<Instant> {
        let next = busy_until.max(now) + self.every;
        (next - now <= self.every * self.burst).then_some(next)
    }
}

impl Count {
    fn add(slot: &mut Option<Self>, at: Time) {
        let count = slot.get_or_insert(Self { from: at, until: at, count: 0 });
        count.until = count.until.max(at);
        count.count += 1;
    }
}

impl Meters {
    /// Tells whether an observation of a token that is accepted is written; else it was counted.
    pub(super) fn admit(&self, observation: &Observation, now: Instant) -> Verdict {
        let mut inner = self.lock();
        let Some(meter) = inner.meter(observation, now) else { return Verdict::Write };
        if meter.is_within(now) {
            return Verdict::Write;
        }
        Count::add(&mut meter.left_out, observation.at);
        let due = meter.silent_until.max(now);
        inner.is_due(due)
    }

    /// Tells whether a request with a token that is not accepted is written; else it was counted.
    pub(super) fn refuse(&self, observation: &Observation, now: Instant) -> Verdict {
        let mut inner = self.lock();
        let Some(meter) = inner.meter(observation, now) else { return Verdict::Write };
        let refused = meter.refused.get_or_insert_with(|| Refused {
            due: now + REFUSALS_PAUSE,
            by_repository: HashMap::new(),
            others: None,
        });
        let due = refused.due;
        let count = refused.by_repository.len();
        match refused.by_repository.get_mut(&observation.repository) {
            Some(Some(together)) => {
                together.count += 1;
                together.last = observation.clone();
            }
            Some(slot) => {
                *slot = Some(Together { first_at: observation.at, last: observation.clone(), count: 1 });
            }
            None if count < REFUSED_REPOSITORIES_MAX => {
                refused.by_repository.insert(observation.repository.clone(), None);
                inner.due = Some(inner.due.map_or(due, |other| other.min(due)));
                return Verdict::Write;
            }
            None => Count::add(&mut refused.others, observation.at),
        }
        inner.is_due(due)
    }

    /// Tells whether one more thing may be learned.
    pub(super) fn may_learn(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        let next = LEARNED.next(inner.learned_until.unwrap_or(now), now);
        inner.learned_until = next.or(inner.learned_until);
        next.is_some()
    }

    /// In what time something is to be written; none while nothing is.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        self.lock().due.map(|due| due.saturating_duration_since(now))
    }

    /// Takes the events that are to be written at `now`, about what was counted.
    pub(super) fn take_due(&self, now: Instant) -> Vec<Event> {
        let mut inner = self.lock();
        if inner.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        inner.take(now, |due| due <= now)
    }

    /// All that was counted and is not written yet.
    pub(super) fn take_all(&self, now: Instant) -> Vec<Event> {
        self.lock().take(now, |_| true)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counts are whole at every instant, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The meter of a token. None while as many as may be known are at work: then it writes unmeasured.
    fn meter(&mut self, observation: &Observation, now: Instant) -> Option<&mut Meter> {
        if self.tokens.len() >= TOKENS_MAX && !self.tokens.contains_key(&observation.token) {
            self.tokens.retain(|_, meter| !meter.is_idle(now));
        }
        let is_full = self.tokens.len() >= TOKENS_MAX;
        match self.tokens.entry(observation.token.clone()) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(new) => Some(new.insert(Meter::new(observation.environment.clone(), now))),
        }
    }

    fn is_due(&mut self, due: Instant) -> Verdict {
        let is_news = self.due.is_none_or(|known| due < known);
        if is_news {
            self.due = Some(due);
        }
        Verdict::Count { is_news }
    }

    fn take(&mut self, now: Instant, is_due: impl Fn(Instant) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        self.due = None;
        for (token, meter) in &mut self.tokens {
            meter.take(token, now, &is_due, &mut events);
            self.due = self.due.into_iter().chain(meter.due()).min();
        }
        events
    }
}

impl Meter {
    fn new(environment: EnvironmentName, now: Instant) -> Self {
        Self { environment, busy_until: [now; RATES.len()], left_out: None, silent_until: now, refused: None }
    }

    /// Tells whether one more observation is within every rate; if so, it is taken into account.
    fn is_within(&mut self, now: Instant) -> bool {
        let [first, second] = [0, 1].map(|place| RATES[place].next(self.busy_until[place], now));
        let next = first.zip(second).map(|(first, second)| [first, second]);
        self.busy_until = next.unwrap_or(self.busy_until);
        next.is_some()
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.due().is_none() && self.busy_until.iter().all(|until| *until <= now)
    }

    fn due(&self) -> Option<Instant> {
        let left_out = self.left_out.map(|_| self.silent_until);
        left_out.into_iter().chain(self.refused.as_ref().map(|refused| refused.due)).min()
    }

    fn take(
        &mut self,
        token: &TokenId,
        now: Instant,
        is_due: &impl Fn(Instant) -> bool,
        events: &mut Vec<Event>,
    ) {
        let environment = &self.environment;
        let left_out = |Count { from, until, count }, what| {
            let (environment, token) = (environment.clone(), token.clone());
            Event::LeftOut(LeftOut { environment, token, from, until, count, what })
        };
        if is_due(self.silent_until)
            && let Some(count) = self.left_out.take()
        {
            events.push(left_out(count, Excess::Observations));
            self.silent_until = now + LEFT_OUT_PAUSE;
        }
        let Some(refused) = self.refused.as_mut().filter(|refused| is_due(refused.due)) else { return };
        // A repository that is asked for again stays known, so that it is counted on, and written once a minute.
        refused.by_repository.retain(|_, slot| match slot.take() {
            Some(Together { first_at, last, count }) => {
                events.push(Event::Refused { last, first_at, count });
                true
            }
            None => false,
        });
        events.extend(refused.others.take().map(|count| left_out(count, Excess::Refusals)));
        refused.due = now + REFUSALS_PAUSE;
        if refused.by_repository.is_empty() {
            self.refused = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::observation;
    use super::*;

    fn of(repository: &str) -> Observation {
        Observation { repository: repository.parse().unwrap(), status: 401, digest: None, ..observation(1) }
    }

    fn written(meters: &Meters, now: Instant, count: usize) -> usize {
        (0..count).filter(|_| meters.admit(&observation(1), now) == Verdict::Write).count()
    }

    #[test]
    fn a_thousand_nodes_that_pull_thirty_images_within_two_minutes_are_written_whole() {
        let (meters, start) = (Meters::default(), Instant::now());
        for second in 0..120 {
            assert_eq!(
                written(&meters, start + Duration::from_secs(second), 2_000),
                2_000,
                "second {second}"
            );
        }
        assert!(meters.take_all(start).is_empty());
    }

    #[test]
    fn what_goes_beyond_the_rate_is_counted_the_first_of_it_at_once() {
        let (meters, start) = (Meters::default(), Instant::now());
        let burst = RATES[0].burst as usize;
        assert_eq!(written(&meters, start, burst), burst);
        assert_eq!(meters.admit(&observation(7), start), Verdict::Count { is_news: true });
        assert_eq!(meters.admit(&observation(9), start), Verdict::Count { is_news: false });
        assert_eq!(meters.due_in(start), Some(Duration::ZERO));
        let counted = |event: &Event| match event {
            Event::LeftOut(it) => (it.count, it.from.ms(), it.until.ms(), it.what),
            other => panic!("{other:?}"),
        };
        let told: Vec<_> = meters.take_due(start).iter().map(counted).collect();
        assert_eq!(told, [(2, 7, 9, Excess::Observations)]);

        // From then on every now and then, as long as it goes on.
        assert_eq!(meters.due_in(start), None);
        for _ in 0..1_000 {
            meters.admit(&observation(20), start);
        }
        assert!(meters.take_due(start + LEFT_OUT_PAUSE / 2).is_empty());
        let told: Vec<_> = meters.take_due(start + LEFT_OUT_PAUSE).iter().map(counted).collect();
        assert_eq!(told, [(1_000, 20, 20, Excess::Observations)]);
        // Another token is not held up, and this one goes on when its time has come.
        let other = Observation { token: TokenId::new("tok_2"), ..observation(1) };
        assert_eq!(meters.admit(&other, start), Verdict::Write);
        assert_eq!(written(&meters, start + RATES[0].every * 10, 100), 10);
    }

    #[test]
    fn what_goes_on_for_days_has_a_lower_rate() {
        let (meters, start) = (Meters::default(), Instant::now());
        assert_eq!(written(&meters, start, 1), 1);
        let rate = &RATES[1];
        // As if it had written as much as it may.
        for meter in meters.lock().tokens.values_mut() {
            meter.busy_until[1] = start + rate.every * rate.burst;
        }
        assert_eq!(written(&meters, start, 10), 0);
        assert_eq!(written(&meters, start + Duration::from_secs(10), 2_000), 1_000);
    }

    #[test]
    fn refusals_are_written_once_a_minute_for_each_of_a_few_repositories() {
        let (meters, start) = (Meters::default(), Instant::now());
        let names: Vec<String> = (0..10_000).map(|number| format!("made/up-{number}")).collect();
        let mut events = 0;
        for minute in 0..3 {
            let now = start + REFUSALS_PAUSE * minute;
            events += meters.take_due(now).len();
            for name in names.iter().chain(&names[..5]) {
                events += usize::from(meters.refuse(&of(name), now) == Verdict::Write);
            }
        }
        let last = meters.take_due(start + REFUSALS_PAUSE * 3);
        let counted: u64 = last
            .iter()
            .map(|event| match event {
                Event::Refused { count, .. } => *count,
                Event::LeftOut(it) if it.what == Excess::Refusals => it.count,
                other => panic!("{other:?}"),
            })
            .sum();
        assert!(events + last.len() <= 3 * (REFUSED_REPOSITORIES_MAX + 6), "{events} and {}", last.len());
        assert!((9_900..=10_005).contains(&counted), "{counted}");
    }

    #[test]
    fn a_repository_that_is_refused_again_and_again_is_told_with_all_its_refusals() {
        let (meters, start) = (Meters::default(), Instant::now());
        assert_eq!(meters.refuse(&of("docker/app"), start), Verdict::Write);
        for at in 2..=5 {
            let again = Observation { at: Time::from_ms(at), ..of("docker/app") };
            meters.refuse(&again, start);
        }
        assert!(meters.take_due(start).is_empty(), "not before its minute is over");
        let told = meters.take_due(start + REFUSALS_PAUSE);
        let [Event::Refused { last, first_at, count }] = &told[..] else { panic!("{told:?}") };
        assert_eq!((last.at.ms(), first_at.ms(), *count), (5, 2, 4));
        // Nothing came since: then it is forgotten, and the next one is written at once.
        assert!(meters.take_due(start + REFUSALS_PAUSE * 2).is_empty());
        assert_eq!(meters.due_in(start), None);
        assert_eq!(meters.refuse(&of("docker/app"), start + REFUSALS_PAUSE * 2), Verdict::Write);
    }

    #[test]
    fn tokens_that_are_idle_make_room() {
        let (meters, start) = (Meters::default(), Instant::now());
        for number in 0..TOKENS_MAX + 10 {
            let token = TokenId::new(&format!("tok_{number}"));
            let now = start + Duration::from_secs(number as u64);
            assert_eq!(meters.admit(&Observation { token, ..observation(1) }, now), Verdict::Write);
        }
        assert!(meters.lock().tokens.len() <= TOKENS_MAX);
    }
}
