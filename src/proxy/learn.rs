//! Learning what images say about themselves: from what passes, and in the background from the upstream where a
//! node needed less than that.
//!
//! A node that has an image sends a HEAD and nothing else, and asks for the config of one platform only. So what
//! did not pass a moment after a pull, and is not in the log from before, is asked for here. Nobody waits for it, and it
//! is bounded in number and size, and by what the registry says about its quota.

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
use super::recent::Recent;
use super::upstream::{Lane, Resource, Target, UpstreamRequest};
use crate::clock;
use crate::log::Log;
use crate::model::deployments::Unread;
use crate::model::event::{Event, Facts};
use crate::model::oci::{Digest, Reference, Repository};

/// Largest manifest that is handed on, in bytes. Registries accept 4 MiB at least (distribution spec, "Pushing
/// manifests"), and some more.
pub(super) const MANIFEST_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Largest image config that is looked at, in bytes.
pub(super) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// Images remembered, at least; each takes some 100 B.
const IMAGES_MIN: usize = 20_000;
/// Images that may wait to be looked at.
const WAITING_MAX: usize = 1_024;
/// How long a client is given to ask for it itself.
const FETCH_DELAY: Duration = Duration::from_secs(3);
/// What learning calls itself at the registry.
const AGENT: &str = concat!(
    "landfall/",
    env!("CARGO_PKG_VERSION"),
    " (+learning: reads manifests and configs of images that are pulled)"
);
/// Time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known about a digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learned {
    Manifest,
    Config,
    /// Some manifest names it as its config; its content is not known yet.
    WantedConfig,
}

/// Content to look at.
struct FetchJob {
    target: Target,
    repository: Repository,
    resource: Resource,
    due: Instant,
}

/// Remembers what was learned, and asks for what was not. Cloning shares it.
#[derive(Clone)]
pub(super) struct Learner {
    log: Log,
    counters: Counters,
    memory: Arc<Memory>,
    jobs: Sender<FetchJob>,
}

struct Memory {
    known: Recent<Digest, Learned>,
    /// Images of which the log has everything.
    complete: Recent<Digest, ()>,
    parents: Recent<Digest, Digest>,
    /// What was asked for: until when it is not asked for again, and how often it was.
    fetched: Recent<Digest, (Instant, u32)>,
    backoff: Backoff,
}

impl Learner {
    /// Starts the task that asks; it ends with the last handle.
    pub(super) fn start(log: Log, counters: Counters) -> Self {
        let (jobs, waiting) = channel(WAITING_MAX);
        let memory = Memory {
            known: Recent::new(IMAGES_MIN),
            complete: Recent::new(IMAGES_MIN),
            parents: Recent::new(IMAGES_MIN),
            fetched: Recent::new(IMAGES_MIN),
            backoff: Backoff::default(),
        };
        let memory = Arc::new(memory);
        let fetcher = Fetcher { log: log.clone(), counters: counters.clone(), memory: memory.clone() };
        tokio::spawn(fetcher.run(waiting));
        Self { log, counters, memory, jobs }
    }

    /// The index that a platform manifest belongs to.
    pub(super) fn parent(&self, digest: &Digest) -> Option<Digest> {
        self.memory.parents.get(digest)
    }

    /// Whether this blob is an image config whose content is not known yet.
    pub(super) fn wants_config(&self, digest: &Digest) -> bool {
        self.memory.known.get(digest) == Some(Learned::WantedConfig)
    }

    /// A manifest passed, and has this digest.
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

    /// A config passed, and has this digest.
    pub(super) fn config(&self, repository: &Repository, digest: Digest, body: &[u8]) {
        self.memory.config(&self.log, repository, digest, body);
    }

    /// A manifest was answered with this digest, without its body.
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

    /// The registry answered a manifest request so.
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
    /// Learns from a manifest what is new, and says what to look at next.
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
            // That it says nothing is worth remembering, too.
            self.known.insert(digest, Learned::Manifest);
            return None;
        };
        let view = log.view();
        if let Facts::Index { children, .. } = &facts {
            for child in children {
                self.parents.insert(*child, digest);
            }
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
            return None; // too much at once; it is learned when it passes again
        }
        self.known.insert(digest, Learned::Manifest);
        if let Some(Resource::Blob(config)) = &next {
            self.known.insert(*config, Learned::WantedConfig);
        }
        next
    }

    fn config(&self, log: &Log, repository: &Repository, digest: Digest, body: &[u8]) {
        // That it says nothing is worth remembering, too.
        let facts = facts::of_config(body);
        if !log.learn(Event::Learned { at: clock::now(), repository: repository.clone(), digest, facts }) {
            return;
        }
        self.known.insert(digest, Learned::Config);
    }

    /// Whether content is still to be asked for, and was not asked for a moment ago: the pause doubles each time.
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

/// The task that asks the upstream, one question at a time.
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
            // From an index to a manifest to a config: three steps at most.
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
                tracing::debug!(%repository, %digest, reason, "an image could not be looked at");
                return None;
            }
            Err(_) => {
                self.memory.backoff.failed(target.registry());
                return None;
            }
        };
        if !digest.fits(&body) {
            self.counters.digest_mismatches.inc();
            tracing::warn!(%repository, %digest, "the upstream's content does not have this digest");
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

/// Every manifest type there is: a registry answers 404 for one that was not asked for.
const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";
