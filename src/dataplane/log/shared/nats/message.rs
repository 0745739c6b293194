//! Messages that were read directly: what the server tells of each is in headers, behind those that its writer gave it.

use async_nats::Message;

use super::subjects::Subjects;
use crate::log::shared::replica::{Away, Entry};

/// The value that the server told: the last one.
fn last<'a>(message: &'a Message, name: &str) -> Result<&'a str, Away> {
    let value = message.headers.as_ref().and_then(|headers| headers.get_last(name));
    value.map(async_nats::HeaderValue::as_str).ok_or(Away)
}

/// A number that the server told.
pub(super) fn number(message: &Message, name: &str) -> Result<u64, Away> {
    last(message, name)?.parse().map_err(|_| Away)
}

/// Time at which the stream stored a message that was read.
pub(super) fn stamp(message: &Message) -> Result<jiff::Timestamp, Away> {
    last(message, "Nats-Time-Stamp")?.parse().map_err(|_| Away)
}

/// A message of the log's stream that was read directly.
pub(super) fn entry(subjects: &Subjects, message: &Message) -> Result<Entry, Away> {
    Ok(Entry {
        sequence: number(message, "Nats-Sequence")?,
        stamp: u64::try_from(stamp(message)?.as_nanosecond()).map_err(|_| Away)?,
        subject: subjects.told(message),
        bytes: message.payload.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderMap;

    use super::*;
    use crate::log::shared::replica::Subject;

    #[test]
    fn what_a_writer_gives_its_message_is_not_taken_for_what_the_server_tells() {
        let message = |given: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            let told = [
                ("Nats-Subject", "landfall.acts.act"),
                ("Nats-Sequence", "7"),
                ("Nats-Time-Stamp", "2026-12-01T11:49:19.231572428Z"),
            ];
            given.iter().chain(&told).for_each(|(name, value)| headers.append(*name, *value));
            let (subject, payload) = ("_INBOX.landfall.r-0.1".into(), Vec::new().into());
            Message {
                subject,
                reply: None,
                payload,
                headers: Some(headers),
                status: None,
                description: None,
                length: 0,
            }
        };
        let subjects = Subjects::new("landfall", "r-0");
        let plain = entry(&subjects, &message(&[])).unwrap();
        assert_eq!((plain.sequence, plain.subject), (7, Some(Subject::Acts)));
        let given = [
            ("Nats-Subject", "landfall.acts.act"),
            ("Nats-Sequence", "9"),
            ("Nats-Time-Stamp", "2020-01-01T00:00:00Z"),
        ];
        let forged = entry(&subjects, &message(&given)).unwrap();
        assert_eq!((forged.sequence, forged.stamp, forged.subject), (7, plain.stamp, None));
    }
}
