//! Learning facts about images: from answers that pass through the proxy, and in the background from the upstream.
//!
//! A node that has an image sends only a HEAD, and requests the config of a single platform. Content that did
//! not pass shortly after a pull and is not in the log is fetched here. No client waits for it. It is bounded
//! in number and size, and respects the registry's quota.

mod backoff;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until, timeout};

use backoff::{Backoff, pause_after_failures};

use super::counters::Counters;
use super::facts::{self, Document};
use super::indexes::Indexes;
use super::observe::PendingObservation;
use super::recent::Recent;
use super::upstream::{Lane, Resource, Target, UpstreamRequest};
use crate::clock;
use crate::log::Log;
use crate::model::deployments::Unread;
use crate::model::event::{Event, Facts};
use crate::model::oci::{Digest, Reference, Repository};

/// Largest manifest that is forwarded, in bytes. Registries accept at least 4 MiB (distribution spec,
/// "Pushing manifests"), some of them more.
pub(super) const MANIFEST_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Largest image config that is parsed, in bytes.
pub(super) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// Images remembered, at least; each takes some 100 B.
const IMAGES_MIN: usize = 20_000;
/// Artifacts remembered, at least; each takes some 200 B.
const ARTIFACTS_MIN: usize = 5_000;
/// Images in the fetch queue.
const WAITING_MAX: usize = 1_024;
/// Delay before a fetch, in which the client may request the content itself.
const FETCH_DELAY: Duration = Duration::from_secs(3);
/// User agent of background fetches.
const AGENT: &str = concat!(
    "landfall/",
    env!("CARGO_PKG_VERSION"),
    " (+learning: reads manifests and configs of images that are pulled)"
);
/// Longest time for one fetch.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// State of a digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learned {
    Manifest,
    Config,
    /// A manifest names this digest as its config, and its content is not known yet.
    WantedConfig,
}

/// Content to fetch.
struct FetchJob {
    target: Target,
    repository: Repository,
    resource: Resource,
    due: Instant,
}

/// Remembers facts and fetches missing ones. Cloning shares it.
#[derive(Clone)]
pub(super) struct Learner {
    log: Log,
    counters: Counters,
    memory: Arc<Memory>,
    jobs: Sender<FetchJob>,
}

struct Memory {
    known: Recent<Digest, Learned>,
    /// Images whose facts are all in the log.
    complete: Recent<Digest, ()>,
    indexes: Indexes,
    /// The types of artifacts that are no images.
    artifacts: Recent<Digest, Arc<str>>,
    /// Fetched digests, with the earliest time of the next fetch and the number of fetches.
    fetched: Recent<Digest, (Instant, u32)>,
    backoff: Backoff,
}

impl Learner {
    /// Starts the fetching task, which ends with the last handle.
    pub(super) fn start(log: Log, counters: Counters) -> Self {
        let (jobs, waiting) = channel(WAITING_MAX);
        let memory = Memory {
            known: Recent::new(IMAGES_MIN),
            complete: Recent::new(IMAGES_MIN),
            indexes: Indexes::new(),
            artifacts: Recent::new(ARTIFACTS_MIN),
            fetched: Recent::new(IMAGES_MIN),
            backoff: Backoff::default(),
        };
        let memory = Arc::new(memory);
        let fetcher = Fetcher { log: log.clone(), counters: counters.clone(), memory: memory.clone() };
        tokio::spawn(fetcher.run(waiting));
        Self { log, counters, memory, jobs }
    }

    /// Index that a platform manifest belongs to, if this client read it last; notes what it reads now.
    pub(super) fn parent(&self, pending: &PendingObservation, digest: &Digest) -> Option<Digest> {
        self.memory.indexes.parent(pending, digest)
    }

    /// The type of an artifact that is no image, where it was read.
    pub(super) fn artifact_type(&self, digest: &Digest) -> Option<Arc<str>> {
        self.memory.artifacts.get(digest)
    }

    /// Tells whether this blob is an image config whose content is not known yet.
    pub(super) fn wants_config(&self, digest: &Digest) -> bool {
        self.memory.known.get(digest) == Some(Learned::WantedConfig)
    }

    /// Learns from a manifest that passed through the proxy.
    pub(super) fn manifest(
        &self,
        target: &Target,
        repository: &Repository,
        digest: Digest,
        document: &Document<'_>,
    ) {
        if let Some(next) = self.memory.manifest(&self.log, repository, digest, document) {
            self.enqueue(target, repository, next);
        }
    }

    /// Learns from a config that passed through the proxy.
    pub(super) fn config(&self, repository: &Repository, digest: Digest, body: &[u8]) {
        self.memory.config(&self.log, repository, digest, body);
    }

    /// Learns about a manifest that was answered without its body.
    pub(super) fn seen(&self, target: &Target, repository: &Repository, digest: Digest) {
        if self.memory.complete.get(&digest).is_some() {
            return;
        }
        match self.log.view().state.unread(&digest) {
            Some(Unread::Manifest(digest)) => {
                self.enqueue(target, repository, Resource::Manifest(Reference::Digest(digest)));
            }
            Some(Unread::Config(config)) => self.enqueue(target, repository, Resource::Blob(config)),
            None => self.memory.complete.insert(digest, ()),
        }
    }

    /// Applies a manifest answer's status and headers to the registry's backoff.
    pub(super) fn apply_response(&self, target: &Target, status: StatusCode, headers: &HeaderMap) {
        self.memory.backoff.apply_response(target.registry(), status, headers, clock::now());
    }

    fn enqueue(&self, target: &Target, repository: &Repository, resource: Resource) {
        let due = Instant::now() + FETCH_DELAY;
        let memory = &self.memory;
        if memory.is_known(&resource)
            || !memory.backoff.allows(target.registry())
            || !memory.should_fetch(&resource)
        {
            return;
        }
        let job = FetchJob { target: target.clone(), repository: repository.clone(), resource, due };
        if self.jobs.try_send(job).is_err() {
            self.counters.learning_dropped.inc();
        }
    }
}

impl Memory {
    /// Records new facts of a manifest and returns what to fetch next.
    fn manifest(
        &self,
        log: &Log,
        repository: &Repository,
        digest: Digest,
        document: &Document<'_>,
    ) -> Option<Resource> {
        if self.known.get(&digest) == Some(Learned::Manifest) {
            return None;
        }
        let Some(facts) = facts::of_manifest(document) else {
            // A document without facts is remembered as well.
            if let Some(artifact) = facts::artifact_type(document) {
                self.artifacts.insert(digest, artifact);
            }
            self.known.insert(digest, Learned::Manifest);
            return None;
        };
        let view = log.view();
        if let Facts::Index { children, .. } = &facts {
            self.indexes.learn(digest, children);
        }
        let next = match &facts {
            Facts::Index { children, .. } => {
                let is_unknown =
                    |first: &&Digest| self.known.get(first).is_none() && !view.state.has_read(first);
                let first = children.first().filter(is_unknown);
                first.map(|first| Resource::Manifest(Reference::Digest(*first)))
            }
            Facts::Manifest { config, .. } => {
                let unknown = self.known.get(config) != Some(Learned::Config) && !view.state.has_read(config);
                unknown.then_some(Resource::Blob(*config))
            }
            Facts::Config { .. } => None,
        };
        let event = Event::Learned { at: clock::now(), repository: repository.clone(), digest, facts };
        if !view.state.has_read(&digest) && !log.learn(event) {
            return None; // over the rate; it is learned when it passes again
        }
        self.known.insert(digest, Learned::Manifest);
        if let Some(Resource::Blob(config)) = &next {
            self.known.insert(*config, Learned::WantedConfig);
        }
        next
    }

    fn config(&self, log: &Log, repository: &Repository, digest: Digest, body: &[u8]) {
        // A config without facts is remembered as well.
        let facts = facts::of_config(body);
        if !log.learn(Event::Learned { at: clock::now(), repository: repository.clone(), digest, facts }) {
            return;
        }
        self.known.insert(digest, Learned::Config);
    }

    /// Tells whether content is missing and its last fetch is long enough ago; the pause doubles with each fetch.
    fn should_fetch(&self, resource: &Resource) -> bool {
        let Some(digest) = digest_of(resource) else { return false };
        let (until, times) = self.fetched.get(&digest).unwrap_or((Instant::now(), 0));
        if Instant::now() < until {
            return false;
        }
        self.fetched.insert(digest, (Instant::now() + pause_after_failures(times), times.saturating_add(1)));
        true
    }

    fn is_known(&self, resource: &Resource) -> bool {
        digest_of(resource)
            .and_then(|digest| self.known.get(&digest))
            .is_some_and(|known| known != Learned::WantedConfig)
    }
}

fn digest_of(resource: &Resource) -> Option<Digest> {
    match resource {
        Resource::Manifest(Reference::Digest(digest)) | Resource::Blob(digest) => Some(*digest),
        _ => None,
    }
}

/// Task that fetches content from upstreams, one request at a time.
struct Fetcher {
    log: Log,
    counters: Counters,
    memory: Arc<Memory>,
}

impl Fetcher {
    async fn run(self, mut waiting: Receiver<FetchJob>) {
        while let Some(job) = waiting.recv().await {
            sleep_until(job.due).await;
            let mut next = Some(job.resource);
            // Goes from an index to a manifest to a config, at most three steps.
            while let Some(resource) = next.take().filter(|resource| self.may_fetch(&job.target, resource)) {
                next = self.fetch_and_learn(&job.target, &job.repository, resource).await;
            }
        }
    }

    fn may_fetch(&self, target: &Target, resource: &Resource) -> bool {
        !self.memory.is_known(resource) && self.memory.backoff.allows(target.registry())
    }

    async fn fetch_and_learn(
        &self,
        target: &Target,
        repository: &Repository,
        resource: Resource,
    ) -> Option<Resource> {
        let digest = digest_of(&resource)?;
        let (headers, body) = match timeout(ANSWER_TIMEOUT, self.fetch(target, resource.clone())).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(reason)) => {
                tracing::debug!(%repository, %digest, reason, "an image could not be fetched");
                return None;
            }
            Err(_) => {
                self.memory.backoff.failed(target.registry());
                return None;
            }
        };
        if !digest.fits(&body) {
            self.counters.digest_mismatches.inc();
            tracing::warn!(%repository, %digest, "the upstream's content does not match its digest");
            return None;
        }
        match resource {
            Resource::Blob(_) => {
                self.memory.config(&self.log, repository, digest, &body);
                None
            }
            _ => {
                let document = Document::new(&headers, &body);
                self.memory.manifest(&self.log, repository, digest, &document)
            }
        }
    }

    async fn fetch(&self, target: &Target, resource: Resource) -> Result<(HeaderMap, Bytes), String> {
        let bytes_max =
            if matches!(resource, Resource::Blob(_)) { CONFIG_BYTES_MAX } else { MANIFEST_BYTES_MAX };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPT_MANIFESTS));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut request = UpstreamRequest::new(Method::GET, resource, &headers);
        request.lane = Lane::Small;
        let (registry, backoff) = (target.registry(), &self.memory.backoff);
        let answer = target.send(&request).await.map_err(|error| {
            backoff.failed(registry);
            error.to_string()
        })?;
        let status = answer.status();
        if !backoff.apply_response(registry, status, answer.headers(), clock::now()) {
            if status.is_server_error() { backoff.failed(registry) } else { backoff.answered(registry) }
        }
        if status != StatusCode::OK {
            return Err(format!("the upstream answered {status}"));
        }
        let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| error.to_string())?;
        Ok((head.headers, body.to_bytes()))
    }
}

/// Every manifest type: a registry answers 404 for a type that is not accepted.
const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";
