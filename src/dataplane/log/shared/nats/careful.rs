//! Careful reads: each message by a request of its own, whose answer has the message's headers as text. The client of NATS drops its
//! connection over headers that are none, and whoever may write to one subject may write such. So after a read that failed, a full replica
//! reads in this way for a while; where it has no right to, or nobody answers, the next read is an ordinary one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::subjects::SUBJECT;
use super::{Link, error_of};
use crate::log::shared::replica::{Away, Batch, Entry};

/// Messages of one careful read.
const MESSAGES: usize = 32;
/// JetStream's number of the error that there is no such message.
const NO_MESSAGE: u64 = 10_037;

/// A message as JetStream tells it in JSON.
#[derive(Deserialize)]
pub(super) struct Told {
    seq: u64,
    pub(super) subject: String,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

impl Told {
    /// Its payload.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Away> {
        STANDARD.decode(&self.data).map_err(|_| Away)
    }

    /// Time at which the stream stored it.
    pub(super) fn stamp(&self) -> Result<jiff::Timestamp, Away> {
        self.time.parse().map_err(|_| Away)
    }

    /// It brought a header that only the servers give: as the client of NATS would see it.
    pub(super) fn is_passed(&self) -> bool {
        let headers = STANDARD.decode(&self.hdrs).unwrap_or_default();
        let headers = String::from_utf8_lossy(&headers);
        headers.lines().skip(1).any(|line| line.split_once(':').is_some_and(|(name, _)| name == SUBJECT))
    }
}

impl Link {
    /// Some messages of the log from `from` on.
    pub(super) async fn read_carefully(&self, from: u64) -> Result<Batch, Away> {
        let mut batch = Batch { entries: Vec::new(), head: self.head().await.ok_or(Away)? };
        let mut next = from;
        while batch.entries.len() < MESSAGES && next <= batch.head {
            let asked = json!({ "seq": next, "next_by_subj": ">" });
            let Some(told) = self.told_alone(&self.stream, &asked).await? else { break };
            next = told.seq + 1;
            batch.entries.push(Entry {
                sequence: told.seq,
                stamp: u64::try_from(told.stamp()?.as_nanosecond()).map_err(|_| Away)?,
                subject: self.subjects.of(&told.subject, told.is_passed()),
                bytes: told.bytes()?,
            });
        }
        Ok(batch)
    }

    /// A message that is asked for alone; nothing where there is none.
    pub(super) async fn told_alone(&self, stream: &str, asked: &Value) -> Result<Option<Told>, Away> {
        let answer = self.ask("STREAM.MSG.GET", stream, asked).await.ok_or(Away)?;
        match error_of(&answer) {
            None => Told::deserialize(&answer["message"]).map(Some).map_err(|_| Away),
            Some(NO_MESSAGE) => Ok(None),
            Some(_) => Err(Away),
        }
    }
}
