//! NATS JetStream as the stream. This file and `nats/` alone know the client of NATS: `settings.rs` has the streams' settings,
//! `subjects.rs` their subjects, `message.rs` messages that were read, `acts.rs` reads for an edge, `beats.rs` those of
//! beats; `care.rs` and `careful.rs` read past a message that the client of NATS does not take.
//!
//! It uses the JetStream API's requests as they are on the wire: publish with a condition, direct reads in batches. Any
//! server of the stream answers a read, also one that is behind; the core knows that.

mod acts;
mod beats;
mod care;
mod careful;
mod message;
mod settings;
mod subjects;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions, HeaderMap, Message, Request};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::beat::Heard;
use super::replica::{Appended, Away, Batch, Entry, Look, Role, Subject};
use super::stream::{Done, Stream};
use care::Care;
use message::{entry, number};
use subjects::Subjects;

/// Longest wait for an answer: an election takes 5 to 8 s, and the core asks again.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Messages and bytes of one read.
const READ_MESSAGES: u64 = 64;
const READ_BYTES: u64 = 4 * 1024 * 1024;
/// Pause between two looks at the stream's settings, and while there is none or it does not answer.
const LOOK_PAUSE: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Time that a stream that was followed may be missing until it is made anew: a server that starts does not know it yet.
const MISSING_MAX: Duration = Duration::from_secs(15);
/// JetStream's numbers of errors.
const NO_STREAM: u64 = 10_059;
const NO_CLUSTER: u64 = 10_074;
const WRONG_LAST: u64 = 10_071;
const WRONG_LAST_UNTOLD: u64 = 10_164;

/// Address and name of the stream.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// Servers, `nats://` or `tls://`.
    pub urls: Vec<String>,
    /// The stream's name; subjects begin with it.
    pub stream: String,
    /// A credentials file, as NATS' own tools write it.
    pub credentials_file: Option<PathBuf>,
    /// PEM file with the certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The replica's name, of its subjects.
    pub replica: String,
    /// It is an edge: it ships its own events, and has the acts alone.
    pub is_edge: bool,
}

impl NatsSettings {
    /// The replica's role.
    pub(in crate::log) fn role(&self) -> Role {
        if self.is_edge { Role::Edge } else { Role::Full }
    }
}

/// The reason why the stream cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// The credentials cannot be read.
    #[error("log.shared.credentials_file: {path} cannot be used: {source}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Neither an address nor anything else to connect to.
    #[error("log.shared.url: {0}")]
    Address(String),
    /// The operating system refused.
    #[error("a thread for NATS cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// The stream, over a connection that is made again whenever it breaks.
pub(in crate::log) struct Nats {
    runtime: Option<Runtime>,
    link: Arc<Link>,
}

struct Link {
    client: Client,
    stream: String,
    subjects: Subjects,
    role: Role,
    state: Mutex<State>,
    care: Care,
    care_of_beats: Care,
}

/// Knowledge of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Good,
    /// Its settings would lose what is in it, or it is not Landfall's.
    Refused(String),
}

impl Nats {
    /// Begins to connect; what is not connected yet answers as if the stream were away.
    ///
    /// # Errors
    /// The settings cannot work.
    pub(in crate::log) fn new(settings: &NatsSettings) -> Result<Self, NatsError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("log-nats")
            .enable_all()
            .build()?;
        // On a thread of its own: the caller's may be one of another runtime.
        let connected =
            std::thread::scope(|scope| scope.spawn(|| runtime.block_on(connect(settings))).join());
        let client =
            connected.map_err(|_| NatsError::Address("the connection cannot be prepared".to_owned()))??;
        let (stream, subjects) =
            (settings.stream.clone(), Subjects::new(&settings.stream, &settings.replica));
        let (role, state) = (settings.role(), Mutex::new(State::Unknown));
        let (care, care_of_beats) = Default::default();
        let link = Arc::new(Link { client, stream, subjects, role, state, care, care_of_beats });
        Ok(Self { runtime: Some(runtime), link })
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Nobody waits for the requests that are under way.
            runtime.shutdown_background();
        }
    }
}

async fn connect(settings: &NatsSettings) -> Result<Client, NatsError> {
    let mut options = ConnectOptions::new()
        .name(format!("landfall {}", settings.replica))
        // Its own part of them, so that its rights let it hear its own answers alone.
        .custom_inbox_prefix(Subjects::new(&settings.stream, &settings.replica).inbox())
        .retry_on_initial_connect()
        .connection_timeout(TIMEOUT)
        .ping_interval(TIMEOUT)
        .request_timeout(Some(TIMEOUT))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(100 * u64::try_from(attempts).unwrap_or(u64::MAX).min(10))
        })
        .event_callback(|event| async move {
            match event {
                async_nats::Event::Connected | async_nats::Event::Disconnected => {
                    tracing::info!(%event, "NATS");
                }
                _ => tracing::debug!(%event, "NATS"),
            }
        });
    if let Some(path) = &settings.credentials_file {
        let failed = |source| NatsError::Credentials { path: path.clone(), source };
        options = options.credentials_file(path).await.map_err(failed)?;
    }
    if let Some(path) = &settings.ca_file {
        options = options.add_root_certificates(path.clone());
    }
    let address = |error: &dyn std::fmt::Display| NatsError::Address(error.to_string());
    let urls: Result<Vec<async_nats::ServerAddr>, _> = settings.urls.iter().map(|url| url.parse()).collect();
    let urls = urls.map_err(|error: std::io::Error| address(&error))?;
    options.connect(urls).await.map_err(|error| address(&error))
}

impl Stream for Nats {
    fn begin(&self, is_new: bool) {
        let link = self.link.clone();
        self.spawn(async move { link.look_after(is_new).await });
    }

    fn append(&self, subject: Subject, expected: Option<u64>, message: Vec<u8>, done: Done<Appended>) {
        let link = self.link.clone();
        self.spawn(async move { done(link.append(subject, expected, message).await) });
    }

    fn read(&self, look: Look, done: Done<Result<Batch, Away>>) {
        let link = self.link.clone();
        self.spawn(async move { done(link.read(look).await) });
    }

    fn head(&self, done: Done<Option<u64>>) {
        let link = self.link.clone();
        self.spawn(async move { done(link.head().await) });
    }

    fn last(&self, subject: Subject, done: Done<Result<Option<Entry>, Away>>) {
        let link = self.link.clone();
        self.spawn(async move { done(link.last(&link.subjects.text(subject)).await) });
    }

    fn exchange(&self, beat: Vec<u8>, done: Done<Option<Vec<Heard>>>) {
        let link = self.link.clone();
        self.spawn(async move { done(link.exchange(beat).await) });
    }

    fn refused(&self) -> Option<String> {
        match &*self.link.state() {
            State::Refused(why) => Some(why.clone()),
            State::Unknown | State::Good => None,
        }
    }
}

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_good(&self) -> bool {
        *self.state() == State::Good
    }

    async fn append(&self, subject: Subject, expected: Option<u64>, message: Vec<u8>) -> Appended {
        if !self.is_good() {
            return Appended::Unknown;
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", self.stream.as_str());
        if let Some(expected) = expected {
            headers.insert("Nats-Expected-Last-Subject-Sequence", expected.to_string());
        }
        let request = Request::new().headers(headers).payload(message.into());
        match self.client.send_request(self.subjects.text(subject), request).await {
            Ok(answer) => appended(&answer.payload),
            Err(error) => {
                tracing::debug!(%error, "the stream did not say what became of a message");
                Appended::Unknown
            }
        }
    }

    async fn read(&self, look: Look) -> Result<Batch, Away> {
        if !self.is_good() {
            return Err(Away);
        }
        if self.role == Role::Edge {
            return tokio::time::timeout(TIMEOUT, self.read_acts(look)).await.map_err(|_| Away)?;
        }
        // A server that has this one is not behind, even where it has nothing further.
        let from = look.from.min(look.known.unwrap_or(u64::MAX));
        let mut batch =
            self.care.read(timely(self.read_from(from)), timely(self.read_carefully(from))).await?;
        batch.entries.retain(|entry| entry.sequence >= look.from);
        Ok(batch)
    }

    /// The leader answers this, unlike a read.
    async fn head(&self) -> Option<u64> {
        let info = self.ask("STREAM.INFO", &self.stream, &json!({})).await?;
        info["state"]["last_seq"].as_u64()
    }

    async fn read_from(&self, from: u64) -> Result<Batch, Away> {
        let request = json!({ "seq": from, "batch": READ_MESSAGES, "max_bytes": READ_BYTES });
        let mut batch = Batch::default();
        self.direct(&self.stream, &request, |message| {
            let entry = entry(&self.subjects, message)?;
            batch.head = entry.sequence + number(message, "Nats-Num-Pending")?;
            batch.entries.push(entry);
            Ok(())
        })
        .await?;
        Ok(batch)
    }

    /// Reads what the stream `stream` has, and hands each message to `take`.
    async fn direct(
        &self,
        stream: &str,
        request: &Value,
        mut take: impl FnMut(&Message) -> Result<(), Away>,
    ) -> Result<(), Away> {
        let away = |error: &dyn std::fmt::Display| {
            tracing::debug!(%error, "the stream does not answer a read");
            Away
        };
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.map_err(|error| away(&error))?;
        let (subject, payload) = (format!("$JS.API.DIRECT.GET.{stream}"), request.to_string());
        let asked = self.client.publish_with_reply(subject, inbox, payload.into()).await;
        asked.map_err(|error| away(&error))?;
        while let Some(answer) = answers.next().await {
            match answer.status.map(|status| status.as_u16()) {
                None | Some(200) => take(&answer)?,
                // The end; or nothing there.
                Some(204 | 404) => return Ok(()),
                Some(status) => return Err(away(&format_args!("status {status}"))),
            }
        }
        Err(Away)
    }

    /// Makes the stream where there is none, and looks at its settings from time to time.
    async fn look_after(&self, is_new: bool) {
        let mut missing_since = None;
        loop {
            let info = self.ask("STREAM.INFO", &self.stream, &json!({})).await;
            let found = match &info {
                Some(info) => match error_of(info) {
                    None => {
                        missing_since = None;
                        Some(self.judge(info))
                    }
                    Some(NO_STREAM) => {
                        let since = *missing_since.get_or_insert_with(Instant::now);
                        let is_maker = self.role == Role::Full;
                        if is_maker && (is_new || since.elapsed() >= MISSING_MAX) {
                            self.make().await;
                        }
                        None
                    }
                    Some(_) => None,
                },
                None => None,
            };
            let is_found = found.is_some();
            if let Some(found) = found {
                if found == State::Good && self.role == Role::Full {
                    let beats = self.subjects.beats();
                    self.create(&beats, settings::of_beats(&beats)).await;
                }
                self.note(found);
            }
            tokio::time::sleep(if is_found { LOOK_PAUSE } else { RETRY_PAUSE }).await;
        }
    }

    fn note(&self, found: State) {
        let mut state = self.state();
        if *state != found {
            match &found {
                State::Refused(why) => tracing::error!(
                    stream = self.stream,
                    "THE STREAM IS NOT USED, because {why}; pulls go on, and what they show waits in the outbox"
                ),
                _ => tracing::info!(stream = self.stream, "the stream is there"),
            }
            *state = found;
        }
    }

    /// A request to JetStream about a stream; nothing where nobody answers.
    async fn ask(&self, what: &str, stream: &str, body: &Value) -> Option<Value> {
        let subject = format!("$JS.API.{what}.{stream}");
        match self.client.request(subject, body.to_string().into()).await {
            Ok(answer) => serde_json::from_slice(&answer.payload).ok(),
            Err(error) => {
                tracing::debug!(%error, what, "JetStream does not answer");
                None
            }
        }
    }

    /// Makes the stream.
    async fn make(&self) {
        match self.create(&self.stream, settings::of_log(&self.stream)).await {
            Some(answer) if error_of(&answer).is_some() => {
                tracing::warn!(error = %answer["error"], stream = self.stream, "the stream cannot be made yet");
            }
            Some(_) => tracing::info!(stream = self.stream, "the stream was made"),
            None => {}
        }
    }

    /// Makes a stream: with three copies, or one where there is no cluster.
    async fn create(&self, stream: &str, mut config: Value) -> Option<Value> {
        config["num_replicas"] = json!(settings::COPIES);
        let answer = self.ask("STREAM.CREATE", stream, &config).await;
        if answer.as_ref().and_then(error_of) != Some(NO_CLUSTER) {
            return answer;
        }
        config["num_replicas"] = json!(1);
        self.ask("STREAM.CREATE", stream, &config).await
    }

    /// Judges the stream by its settings, and says so where it has too few copies.
    fn judge(&self, info: &Value) -> State {
        match settings::judge(&self.stream, &info["config"]) {
            Err(why) => State::Refused(why),
            Ok(copies) => {
                if copies < settings::COPIES && !self.is_good() {
                    tracing::warn!(
                        stream = self.stream,
                        copies,
                        "THE STREAM HAS FEWER THAN THREE COPIES: one server that is away stops what replicas tell each other, and one \
                         disk that is lost may take its end; give it three servers and num_replicas 3"
                    );
                }
                State::Good
            }
        }
    }
}

/// The same, unless it takes too long.
async fn timely<T>(read: impl Future<Output = Result<T, Away>>) -> Result<T, Away> {
    tokio::time::timeout(TIMEOUT, read).await.map_err(|_| Away)?
}

/// The number of the error in JetStream's answer; nothing where it is none.
fn error_of(answer: &Value) -> Option<u64> {
    answer.get("error").map(|error| error["err_code"].as_u64().unwrap_or(0))
}

/// JetStream's word on an appended message.
fn appended(answer: &[u8]) -> Appended {
    #[derive(Deserialize)]
    struct Told {
        seq: Option<u64>,
        error: Option<Wrong>,
    }
    #[derive(Deserialize)]
    struct Wrong {
        #[serde(default)]
        err_code: u64,
        #[serde(default)]
        description: String,
    }
    match serde_json::from_slice(answer) {
        Ok(Told { error: Some(Wrong { err_code: WRONG_LAST, description }), .. }) => {
            let last = description.rsplit(' ').next().and_then(|last| last.parse().ok());
            Appended::Conflict { last }
        }
        Ok(Told { error: Some(Wrong { err_code: WRONG_LAST_UNTOLD, .. }), .. }) => {
            Appended::Conflict { last: None }
        }
        Ok(Told { error: Some(Wrong { description, .. }), .. }) => {
            tracing::warn!(description, "the stream refused a message; it is sent again");
            Appended::Unknown
        }
        Ok(Told { seq: Some(sequence), error: None }) => Appended::Stored(sequence),
        Ok(Told { seq: None, .. }) | Err(_) => Appended::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jetstream_says_of_a_message_is_understood() {
        for (answer, expected) in [
            (r#"{"stream":"landfall","seq":17}"#, Appended::Stored(17)),
            (r#"{"stream":"landfall","seq":17,"duplicate":true}"#, Appended::Stored(17)),
            (
                r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"},"stream":"landfall","seq":0}"#,
                Appended::Conflict { last: Some(5) },
            ),
            (
                r#"{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"landfall","seq":0}"#,
                Appended::Conflict { last: None },
            ),
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"l","seq":0}"#,
                Appended::Unknown,
            ),
            ("", Appended::Unknown),
        ] {
            assert_eq!(appended(answer.as_bytes()), expected, "{answer}");
        }
    }
}
