//! Servers of the log that are gone for good, until they are heard again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::time::Time;

/// Most that are remembered: as many as are ever heard of. Beyond it, the one that was heard of first makes room: its last word is hardly
/// known any more.
const FORGOTTEN_MAX: usize = 1_024;

/// Names of servers, each with the time of its last word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ForgottenReplicas(BTreeMap<String, Time>);

impl ForgottenReplicas {
    pub(super) fn add(&mut self, name: &str, seen_at: Time) {
        let last = self.0.entry(name.to_owned()).or_insert(seen_at);
        *last = seen_at.max(*last);
        while self.0.len() > FORGOTTEN_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone())
        {
            self.0.remove(&oldest);
        }
    }

    pub(super) fn has(&self, name: &str, seen_at: Time) -> bool {
        self.0.get(name).is_some_and(|last| seen_at <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_forgotten_until_it_says_something_later() {
        let (mut forgotten, at) = (ForgottenReplicas::default(), Time::from_ms);
        forgotten.add("edge-0", at(100));
        let has = |forgotten: &ForgottenReplicas, ms| forgotten.has("edge-0", at(ms));
        assert!(has(&forgotten, 100) && !has(&forgotten, 101) && !forgotten.has("edge-1", at(100)));
        forgotten.add("edge-0", at(50));
        assert!(has(&forgotten, 100), "an older word of it is forgotten already");
        forgotten.add("edge-0", at(300));
        assert!(has(&forgotten, 300) && !has(&forgotten, 301));
        (1..=FORGOTTEN_MAX as i64)
            .for_each(|number| forgotten.add(&format!("r-{number}"), at(1_000 + number)));
        assert_eq!(forgotten.0.len(), FORGOTTEN_MAX);
        assert!(!has(&forgotten, 300) && forgotten.has("r-1", at(1_001)), "the oldest makes room");
    }
}
