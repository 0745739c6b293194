//! Images that were pulled lately, by whatever pulled them: what may be asked for again, beside what runs.

use serde::{Deserialize, Serialize};

use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::sharded_map::ShardedMap;
use crate::model::time::{Span, Time};

/// A pull is remembered for so long.
pub const LATELY: Span = Span::from_mins(30 * 24 * 60);

/// Pulls of an image from one place within this time are one: what is remembered need not change with each.
const STEP: Span = Span::from_mins(60);

/// Most manifests that are remembered.
const MANIFESTS_MAX: usize = 65_536;

/// Most places that one manifest is remembered to have been pulled from; beyond them the one that was silent for longest goes,
/// and the manifest stays.
const PLACES_MAX: usize = 16;

/// The manifests that were pulled lately. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PulledLately {
    pulled: ShardedMap<Digest, Pulled>,
    /// The first pull that was noted.
    began_at: Option<Time>,
    /// The latest time at which pulls were forgotten to stay within bounds.
    forgot_at: Option<Time>,
}

/// The pulls of one manifest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Pulled {
    last_at: Time,
    places: Vec<Place>,
}

/// A repository that an environment pulled a manifest from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The environment, by its name at that time.
    pub environment: EnvironmentName,
    /// The repository.
    pub repository: Repository,
    /// The latest pull, less than an hour before the very last one.
    pub at: Time,
}

impl PulledLately {
    /// Notes a request for a manifest that was answered with it.
    pub(super) fn note(
        &mut self,
        environment: &EnvironmentName,
        repository: &Repository,
        digest: &Digest,
        at: Time,
    ) {
        let is_it = |place: &Place| place.repository == *repository && place.environment == *environment;
        let known =
            self.pulled.get(digest).and_then(|pulled| pulled.places.iter().find(|place| is_it(place)));
        if known.is_some_and(|place| at.since(place.at) < STEP) {
            return;
        }
        self.began_at = Some(self.began_at.map_or(at, |began_at| began_at.min(at)));
        let (pulled, gone) = self.pulled.bounded(digest, MANIFESTS_MAX, |pulled| pulled.last_at);
        pulled.last_at = pulled.last_at.max(at);
        if gone > 0 {
            self.forgot_at = self.forgot_at.max(Some(at));
        }
        if let Some(place) = pulled.places.iter_mut().find(|place| is_it(place)) {
            place.at = at;
            return;
        }
        if pulled.places.len() == PLACES_MAX {
            let silent = pulled.places.iter().enumerate().min_by_key(|(_, place)| place.at);
            let silent = silent.map_or(0, |(index, _)| index);
            pulled.places.swap_remove(silent);
        }
        pulled.places.push(Place { environment: environment.clone(), repository: repository.clone(), at });
    }

    /// The manifests that were pulled within [`LATELY`] before `now`, each with a place.
    pub fn at(&self, now: Time) -> impl Iterator<Item = (&Digest, &Place)> {
        let places =
            self.pulled.iter().flat_map(|(digest, pulled)| pulled.places.iter().map(move |it| (digest, it)));
        places.filter(move |(_, place)| now.since(place.at) <= LATELY)
    }

    /// The time since which pulls are noted; none where there was none.
    pub fn began_at(&self) -> Option<Time> {
        self.began_at
    }

    /// Tells whether pulls within [`LATELY`] before `now` may have been forgotten to stay within bounds.
    pub fn has_forgotten(&self, now: Time) -> bool {
        self.forgot_at.is_some_and(|forgot_at| now.since(forgot_at) <= LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        // Manifests are spread by their first byte.
        format!("sha256:{:02x}{number:062x}", number % 256).parse().unwrap()
    }

    fn noted(pulls: &[(usize, &str, i64)]) -> PulledLately {
        let mut lately = PulledLately::default();
        for &(image, environment, minute) in pulls {
            let at = Time::from_ms(0) + Span::from_mins(minute);
            lately.note(&environment.parse().unwrap(), &"shop/web".parse().unwrap(), &digest(image), at);
        }
        lately
    }

    fn seen(lately: &PulledLately, minute: i64) -> Vec<(Digest, String, i64)> {
        let now = Time::from_ms(0) + Span::from_mins(minute);
        let told = |(digest, place): (&Digest, &Place)| {
            (*digest, place.environment.to_string(), place.at.since(Time::from_ms(0)).ms() / 60_000)
        };
        let mut seen: Vec<_> = lately.at(now).map(told).collect();
        seen.sort();
        seen
    }

    #[test]
    fn a_pull_is_remembered_for_thirty_days_to_the_hour() {
        let month = 30 * 24 * 60;
        let lately = noted(&[(1, "a", 0), (1, "a", 59), (2, "a", 10), (1, "b", 100), (2, "a", 70)]);
        let all = [
            (digest(1), "a".to_owned(), 0),
            (digest(1), "b".to_owned(), 100),
            (digest(2), "a".to_owned(), 70),
        ];
        assert_eq!(seen(&lately, 100), all);
        assert_eq!(seen(&lately, month), all);
        assert_eq!(seen(&lately, month + 1), all[1..]);
        assert_eq!(seen(&lately, month + 101), []);
        assert!(!lately.has_forgotten(Time::from_ms(0)));
    }

    #[test]
    fn bounds_forget_the_longest_silent_and_say_so() {
        let images: Vec<_> = (0..MANIFESTS_MAX + 1_000).map(|image| (image, "a", image as i64)).collect();
        let lately = noted(&images);
        let now = Time::from_ms(0) + Span::from_mins(images.len() as i64);
        assert!(lately.pulled.len() <= MANIFESTS_MAX);
        assert!(lately.has_forgotten(now));
        let last = images.len() - 1;
        assert!(lately.at(now).any(|(found, _)| *found == digest(last)), "the latest is there");
        let names: Vec<String> = (0..=PLACES_MAX).map(|number| format!("e{number}")).collect();
        let places: Vec<_> = names.iter().zip(0..).map(|(name, at)| (1, &**name, at)).collect();
        let lately = noted(&places);
        assert_eq!(seen(&lately, 100).len(), PLACES_MAX);
        assert!(!seen(&lately, 100).iter().any(|(_, name, _)| name == "e0"));
        assert!(!lately.has_forgotten(now), "the image is still there");
    }
}
