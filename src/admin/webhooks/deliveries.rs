//! The deliveries that were taken, in memory: after a restart a replay is a release that is known already.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;

use super::headers::text;
use crate::admin::http::problem::Problem;
use crate::config::Provider;
use crate::model::oci::Digest;

/// Deliveries that are remembered; the oldest are forgotten first.
const DELIVERIES_MAX: usize = 4_096;
/// Longest identifier of a delivery.
const ID_BYTES_MAX: usize = 128;

/// The marks that a delivery is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    provider: Provider,
    id: String,
    /// GitHub signs the body and not the identifier, so the body is known, too.
    body: Option<Digest>,
}

impl Delivery {
    pub(super) fn of(provider: Provider, headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let names: &[&str] = match provider {
            Provider::Github => &["x-github-delivery"],
            Provider::Gitlab => &["webhook-id", "x-gitlab-event-uuid"],
        };
        let id = names.iter().find_map(|name| text(headers, name)).unwrap_or_default();
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            let problem =
                format!("the header {} must have 1 to {ID_BYTES_MAX} characters", names.join(" or "));
            return Err(Problem::malformed(problem));
        }
        let body = (provider == Provider::Github).then(|| Digest::of(body));
        Ok(Self { provider, id: id.to_owned(), body })
    }

    fn is(&self, other: &Self) -> bool {
        self.provider == other.provider
            && (self.id == other.id || (self.body.is_some() && self.body == other.body))
    }
}

/// The deliveries that were taken last.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    taken: Mutex<VecDeque<Delivery>>,
}

impl Deliveries {
    pub(super) fn has(&self, delivery: &Delivery) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().any(|known| known.is(delivery))
    }

    pub(super) fn remember(&self, delivery: Delivery) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.len() >= DELIVERIES_MAX {
            taken.pop_front();
        }
        taken.push_back(delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(provider: Provider, id: &str, body: &str) -> Delivery {
        let name = if provider == Provider::Github { "x-github-delivery" } else { "x-gitlab-event-uuid" };
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), id.parse().unwrap())]);
        Delivery::of(provider, &headers, body.as_bytes()).unwrap()
    }

    #[test]
    fn a_delivery_is_known_by_its_identifier_and_by_what_was_signed() {
        use Provider::{Github, Gitlab};
        let deliveries = Deliveries::default();
        deliveries.remember(delivery(Github, "1", "a"));
        deliveries.remember(delivery(Gitlab, "2", "b"));
        for (provider, id, body, is_known) in [
            (Github, "1", "a", true),
            (Github, "1", "other", true),
            (Github, "9", "a", true),
            (Github, "9", "other", false),
            (Github, "2", "b", false),
            (Gitlab, "2", "other", true),
            (Gitlab, "9", "b", false),
        ] {
            assert_eq!(deliveries.has(&delivery(provider, id, body)), is_known, "{provider:?} {id} {body}");
        }
        assert!(Delivery::of(Github, &HeaderMap::new(), b"").is_err());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let deliveries = Deliveries::default();
        for id in 0..=DELIVERIES_MAX {
            deliveries.remember(delivery(Provider::Gitlab, &id.to_string(), ""));
        }
        assert!(!deliveries.has(&delivery(Provider::Gitlab, "0", "")));
        assert!(deliveries.has(&delivery(Provider::Gitlab, "1", "")));
    }
}
