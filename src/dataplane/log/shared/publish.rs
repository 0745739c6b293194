//! A log that one server wrote → a stream that several share.
//!
//! Everything goes into an empty stream under one writer's name, in its order, so every replica has it under the numbers that
//! it had; but for the steps of that server's clock, which say nothing about others'.

use std::path::Path;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::nats::{Nats, NatsError, NatsSettings};
use super::outbox;
use super::replica::{
    Appended, BYTES_MAX, Batch, Condition, EVENTS_MAX, Kind, Look, Shipment, Subject, WriterId,
};
use super::stream::{Done, Stream};
use crate::clock;
use crate::log::codec;
use crate::log::engine::Engine as _;
use crate::log::error::{OpenError, ReadError};
use crate::log::local::Local;
use crate::model::event::Event;

/// Time that the stream may be away, at the beginning and for each message.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The reason why a log was not published, or not all of it. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The stream's settings cannot work.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Retention removed observations; what they proved is in no event.
    #[error(
        "the log's retention removed the observations up to event {0}: what they proved is in this server's folder alone, and \
         cannot go into a stream by this release"
    )]
    Thinned(u64),
    /// The stream has messages.
    #[error(
        "the stream `{0}` is not empty: name another one in log.shared.stream, or delete it if it was this command's"
    )]
    NotEmpty(String),
    /// The stream does not answer.
    #[error(
        "the stream `{stream}` does not answer; {published} events are there. Nothing uses them: delete the stream, and try again"
    )]
    Away {
        /// Its name.
        stream: String,
        /// The number of events that it took.
        published: u64,
    },
}

/// Publishes the log in the folder `dir`, which no server has open, into the stream, which has to be empty. Returns the number
/// of events that went there.
///
/// # Errors
/// The log is a replica's already, or was thinned; the stream is not empty, or does not answer.
pub fn publish(dir: &Path, settings: &NatsSettings) -> Result<u64, PublishError> {
    let local = Local::open(dir, Counter::default())?;
    // Takes over what only the journal has.
    local.begin(Box::new(|_| ()))?;
    let extent = local.events_after(0)?.extent;
    if extent.thinned > 0 {
        return Err(PublishError::Thinned(extent.thinned));
    }
    let stream = Nats::new(settings)?;
    stream.begin(true);
    let writer = outbox::new_writer(dir, &settings.replica)?;
    let mut publisher =
        Publisher { stream, name: &settings.stream, writer, events: Ends::default(), acts: Ends::default() };
    publisher.check_empty()?;
    publisher.everything(&local)?;
    local.close();
    Ok(publisher.events.number + publisher.acts.number)
}

/// Position in one subject.
#[derive(Default)]
struct Ends {
    /// The last own number.
    number: u64,
    /// The last message.
    sequence: u64,
}

struct Publisher<'a> {
    stream: Nats,
    name: &'a str,
    writer: WriterId,
    events: Ends,
    acts: Ends,
}

impl Publisher<'_> {
    fn away(&self) -> PublishError {
        let published = self.events.number + self.acts.number;
        PublishError::Away { stream: self.name.to_owned(), published }
    }

    fn check_empty(&self) -> Result<(), PublishError> {
        self.patiently(|| match self.read_from(1)? {
            batch if batch.entries.is_empty() => Some(Ok(())),
            _ => Some(Err(PublishError::NotEmpty(self.name.to_owned()))),
        })
    }

    /// Tries until `attempt` has an outcome; a stream that is away for too long ends that.
    fn patiently<T>(&self, attempt: impl Fn() -> Option<Result<T, PublishError>>) -> Result<T, PublishError> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match attempt() {
                Some(outcome) => return outcome,
                None => sleep(RETRY_PAUSE),
            }
        }
        Err(self.away())
    }

    /// Reads messages from the sequence number `from` on; nothing where the stream does not answer.
    fn read_from(&self, from: u64) -> Option<Batch> {
        answered(|done| self.stream.read(Look { from, known: None }, done))?.ok()
    }

    fn everything(&mut self, local: &Local) -> Result<(), PublishError> {
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        for entry in local.events_after(0)? {
            let (number, event) = entry?;
            let mut encoded = Vec::new();
            codec::encode(&event, &mut encoded)
                .map_err(|source| ReadError::Entry { sequence: number, source })?;
            if matches!(event, Event::ClockStepped { .. }) {
                continue;
            }
            let is_full = waiting.len() >= EVENTS_MAX || bytes + encoded.len() > BYTES_MAX;
            if is_full || event.act().is_some() {
                self.ship(std::mem::take(&mut waiting))?;
                bytes = 0;
            }
            if event.act().is_some() {
                self.act(encoded)?;
            } else {
                bytes += encoded.len();
                waiting.push(encoded);
            }
        }
        // After that server's clock was set back, the events that follow came late.
        let mut caught_up = Vec::new();
        if codec::encode(&Event::CaughtUp { at: clock::now() }, &mut caught_up).is_ok() {
            waiting.push(caught_up);
        }
        self.ship(waiting)
    }

    fn ship(&mut self, events: Vec<Vec<u8>>) -> Result<(), PublishError> {
        if events.is_empty() {
            return Ok(());
        }
        let (writer, first) = (self.writer, self.events.number + 1);
        let shipment = Shipment { writer, first, kind: Kind::Events, events };
        let last = shipment.last();
        let sequence = self.append(Subject::Writer(writer), self.events.sequence, &shipment)?;
        self.events = Ends { number: last, sequence };
        Ok(())
    }

    fn act(&mut self, act: Vec<u8>) -> Result<(), PublishError> {
        let kind = Kind::Act { after: self.acts.number, condition: Condition::Whatever };
        let number = self.acts.number + 1;
        let shipment = Shipment { writer: self.writer, first: number, kind, events: vec![act] };
        let sequence = self.append(Subject::Acts, self.acts.sequence, &shipment)?;
        self.acts = Ends { number, sequence };
        Ok(())
    }

    /// Appends a message after the one with the sequence number `expected`. The same message may be there instead, of an attempt
    /// that was not answered; another one is of somebody else, who writes to the stream meanwhile.
    fn append(&self, subject: Subject, expected: u64, shipment: &Shipment) -> Result<u64, PublishError> {
        let message = shipment.encode();
        self.patiently(|| {
            let sent = answered(|done| self.stream.append(subject, Some(expected), message.clone(), done))?;
            match sent {
                Appended::Stored(sequence) => Some(Ok(sequence)),
                Appended::Conflict { last: Some(last) } if last > expected => {
                    let batch = self.read_from(last)?;
                    let is_it =
                        batch.entries.first().is_some_and(|it| it.sequence == last && it.bytes == message);
                    Some(if is_it { Ok(last) } else { Err(PublishError::NotEmpty(self.name.to_owned())) })
                }
                Appended::Conflict { .. } | Appended::Unknown => None,
            }
        })
    }
}

/// Waits for what came of a call.
fn answered<T: Send + 'static>(call: impl FnOnce(Done<T>)) -> Option<T> {
    let (sender, answer) = channel();
    call(Box::new(move |came| drop(sender.send(came))));
    answer.recv().ok()
}
