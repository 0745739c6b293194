//! The rows of an environment's page: its services, what they lack, what fails, what people pulled.

use super::lag::{Lag, facts};
use super::parts::{Badge, Label, When, count};
use crate::model::time::Time;
use crate::wire::{BesideImage, FailedAttempt, LocalPull, Missing, MissingService, RunningService};
use crate::wording::{beside_as, beside_label, told};

/// Services whose lag is listed: as many as somebody looks through.
const LACKING_MAX: usize = 500;

pub(super) struct ServiceRow {
    pub(super) repository: String,
    pub(super) label: Label,
    pub(super) digest: String,
    pub(super) release_id: Option<String>,
    pub(super) state: Badge,
    pub(super) lag: Option<Lag>,
    pub(super) since: When,
    pub(super) seen: When,
    pub(super) clients: u32,
    pub(super) refused_since: Option<When>,
    /// Sightings of its workloads, in words.
    pub(super) told: String,
    pub(super) beside: Vec<BesideRow>,
}

/// An image beside the service's.
pub(super) struct BesideRow {
    pub(super) as_what: &'static str,
    pub(super) label: String,
    pub(super) digest: String,
    pub(super) since: When,
    pub(super) seen: When,
    pub(super) clients: u32,
}

/// The releases that it lacks.
pub(super) struct Lacking {
    pub(super) verdict: String,
    pub(super) rows: Vec<LackingRow>,
    pub(super) more: usize,
}

pub(super) struct LackingRow {
    pub(super) repository: String,
    pub(super) running: Label,
    pub(super) latest: Option<(String, String)>,
    pub(super) facts: String,
}

/// An image that somebody tries to pull and cannot.
pub(super) struct FailingRow {
    pub(super) repository: String,
    pub(super) reference: String,
    pub(super) status: u16,
    pub(super) cause: String,
    pub(super) count: u64,
    pub(super) when: When,
}

pub(super) struct LocalRow {
    pub(super) repository: String,
    pub(super) label: Label,
    pub(super) client: String,
    pub(super) reason: String,
    pub(super) when: When,
}

impl BesideRow {
    pub(super) fn new(image: &BesideImage, now: Time) -> Self {
        Self {
            as_what: beside_as(image),
            label: beside_label(image),
            digest: image.digest.short(),
            since: When::new(image.since, now),
            seen: When::new(image.seen.last_seen_at, now),
            clients: image.clients,
        }
    }
}

impl ServiceRow {
    pub(super) fn new(service: &RunningService, missing: Option<&MissingService>, now: Time) -> Self {
        Self {
            repository: service.repository.to_string(),
            label: Label::new(service.version.as_deref(), service.digest),
            digest: service.digest.short(),
            release_id: service.release_id.clone(),
            state: Badge::stands(&service.state, &service.confidence),
            lag: missing.and_then(Lag::of),
            since: When::new(service.absent.as_ref().map_or(service.since, |absence| absence.since), now),
            seen: When::new(service.seen.last_seen_at, now),
            clients: service.clients,
            told: told(service),
            refused_since: service.refused_since.map(|at| When::new(at, now)),
            beside: service.beside.iter().map(|image| BesideRow::new(image, now)).collect(),
        }
    }
}

impl Lacking {
    pub(super) fn new(missing: &Missing) -> Self {
        let behind: Vec<&MissingService> = missing.services.iter().filter(|it| !it.up_to_date).collect();
        let lacking = behind.iter().filter(|it| !it.missing.is_empty()).count();
        let verdict = match lacking as u64 {
            0 if missing.services.is_empty() && missing.absent.is_empty() => String::new(),
            0 if missing.services.is_empty() => "Nothing runs, so nothing is missing.".to_owned(),
            0 if !missing.up_to_date => "Whether it is up to date is not known.".to_owned(),
            0 => "Up to date, as far as releases are known.".to_owned(),
            one => format!("Not up to date: {} behind.", count(one, "service")),
        };
        let more = behind.len().saturating_sub(LACKING_MAX);
        let rows = behind.into_iter().take(LACKING_MAX).map(LackingRow::new).collect();
        Self { verdict, rows, more }
    }
}

impl LackingRow {
    pub(super) fn new(service: &MissingService) -> Self {
        Self {
            repository: service.repository.to_string(),
            running: Label::from(&service.running),
            latest: service.latest.as_ref().map(|latest| (latest.id.clone(), latest.version.clone())),
            facts: facts(service),
        }
    }
}

impl FailingRow {
    pub(super) fn new(attempt: &FailedAttempt, now: Time) -> Self {
        Self {
            repository: attempt.repository.to_string(),
            reference: if attempt.unproven { String::new() } else { attempt.reference.to_string() },
            status: attempt.status,
            cause: attempt.cause.to_string(),
            count: attempt.count,
            when: When::new(attempt.last_at, now),
        }
    }
}

impl LocalRow {
    pub(super) fn new(pull: &LocalPull, now: Time) -> Self {
        Self {
            repository: pull.repository.to_string(),
            label: Label::new(pull.version.as_deref(), pull.digest),
            client: pull.client.to_string(),
            reason: pull.reason.to_string(),
            when: When::new(pull.at, now),
        }
    }
}
