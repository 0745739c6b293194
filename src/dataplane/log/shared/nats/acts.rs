//! Reads for an edge, whose rights are for the acts' subjects and its own alone: a direct read of any other message is not one
//! of them, so it asks for the last message of a subject, which names that subject in the request's own; and where there is more
//! than that one, for a consumer of the acts, which lives for one read. A request for one names what it is to deliver, too.

use std::time::Duration;

use async_nats::{Message, StatusCode};
use futures_util::StreamExt as _;
use serde_json::json;

use super::message::entry;
use super::{Link, error_of};
use crate::log::shared::replica::{Away, Batch, Entry, Look};

/// Messages of one request to a consumer.
const MESSAGES: u64 = 256;
/// Time after which the servers forget a consumer that nobody asks any more.
const IDLE: Duration = Duration::from_secs(10);

impl Link {
    /// The last message of these subjects, as some server has it; nothing where there is none.
    pub(super) async fn last(&self, subjects: &str) -> Result<Option<Entry>, Away> {
        if !self.is_good() {
            return Err(Away);
        }
        let asked = format!("$JS.API.DIRECT.GET.{}.{subjects}", self.stream);
        let answer = self.client.request(asked, "".into()).await;
        let answer = answer.map_err(|error| {
            tracing::debug!(%error, "the stream does not answer for its last message");
            Away
        })?;
        match answer.status.map(|status| status.as_u16()) {
            None | Some(200) => entry(&self.subjects, &answer).map(Some),
            Some(404) => Ok(None),
            Some(_) => Err(Away),
        }
    }

    /// Reads some messages of the acts' subjects.
    pub(super) async fn read_acts(&self, look: Look) -> Result<Batch, Away> {
        let Some(last) = self.last(&self.subjects.acts()).await? else { return Ok(Batch::default()) };
        // A server that has this one is not behind, even where it has nothing further.
        let from = look.from.min(look.known.unwrap_or(u64::MAX)).max(1);
        let mut batch = match last.sequence > from {
            false => Batch { head: last.sequence, entries: vec![last] },
            true => {
                let read = self.consume(from, look.known.unwrap_or(0)).await;
                let gone = format!("$JS.API.CONSUMER.DELETE.{}.{}", self.stream, self.subjects.consumer());
                let _ = self.client.request(gone, "".into()).await;
                read?
            }
        };
        batch.entries.retain(|entry| entry.sequence >= look.from);
        Ok(batch)
    }

    /// Has a consumer deliver messages from `from` on: some, and all up to `known`.
    async fn consume(&self, from: u64, known: u64) -> Result<Batch, Away> {
        let (stream, consumer, acts) = (&self.stream, self.subjects.consumer(), self.subjects.acts());
        let config = json!({
            "name": consumer,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": from,
            "ack_policy": "none",
            "filter_subject": acts,
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": u64::try_from(IDLE.as_nanos()).unwrap_or(u64::MAX),
        });
        let made = self
            .ask(
                &format!("CONSUMER.CREATE.{stream}.{consumer}"),
                &acts,
                &json!({"stream_name": stream, "config": config}),
            )
            .await;
        if made.as_ref().is_none_or(|made| error_of(made).is_some()) {
            tracing::debug!(?made, "the stream makes no consumer");
            return Err(Away);
        }
        let mut batch = Batch::default();
        loop {
            let pending = self.deliver(&mut batch).await?;
            batch.head = batch.entries.last().map_or(0, |last| last.sequence) + pending;
            if pending == 0 || batch.entries.last().is_some_and(|last| last.sequence >= known) {
                return Ok(batch);
            }
        }
    }

    /// Asks the consumer once. Returns the number of messages that it has left.
    async fn deliver(&self, batch: &mut Batch) -> Result<u64, Away> {
        let away = |_| Away;
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await.map_err(away)?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.subjects.consumer());
        let request = json!({"batch": MESSAGES, "no_wait": true}).to_string();
        self.client.publish_with_reply(next, inbox, request.into()).await.map_err(|_| Away)?;
        let (mut taken, mut left) = (0, 0);
        while taken < MESSAGES {
            let answer = answers.next().await.ok_or(Away)?;
            match answer.status {
                None | Some(StatusCode::OK) => {
                    let (entry, pending) = self.delivered(&answer).ok_or(Away)?;
                    (taken, left) = (taken + 1, pending);
                    batch.entries.push(entry);
                }
                // Nothing is left.
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Ok(left),
                Some(_) => return Err(Away),
            }
        }
        Ok(left)
    }

    /// A message that a consumer delivered, and how many it has left: `$JS.ACK.STREAM.CONSUMER.COUNT.SEQUENCE.NUMBER.STAMP.PENDING`,
    /// or the same with the domain and the account's hash before the stream, and a token behind.
    fn delivered(&self, message: &Message) -> Option<(Entry, u64)> {
        let parts: Vec<_> = message.reply.as_deref()?.split('.').collect();
        let (["$JS", "ACK", _, _, _, sequence, _, stamp, pending]
        | ["$JS", "ACK", _, _, _, _, _, sequence, _, stamp, pending, ..]) = *parts
        else {
            return None;
        };
        let subject = self.subjects.delivered(message);
        let (sequence, stamp) = (sequence.parse().ok()?, stamp.parse().ok()?);
        Some((Entry { sequence, stamp, subject, bytes: message.payload.to_vec() }, pending.parse().ok()?))
    }
}
