//! The subjects of a log's stream, and of the beats' beside it. They say who wrote what, so NATS' rights for subjects are rights for
//! parts of the log:
//!
//! ```text
//! STREAM.acts.act                    acts: full replicas
//! STREAM.acts.mark.REPLICA           an edge's word that the stream takes something
//! STREAM.events.REPLICA.WRITER       a full replica's own events
//! STREAM.edge.REPLICA.WRITER         an edge's own events
//! STREAM.again.REPLICA.WRITER        what the stream lost, of any replica: full replicas
//! STREAM-replicas.REPLICA            a replica's beat
//! _INBOX.STREAM.REPLICA.>            answers to a replica
//! ```
//!
//! A writer is one of the replica that its subject names ([`WriterId::is_of`]); what says another one is nobody's.

use async_nats::Message;

use crate::log::shared::replica::{Subject, WriterId};

/// The header in which a direct read tells a message's subject.
pub(super) const SUBJECT: &str = "Nats-Subject";

/// The subjects of one replica.
#[derive(Debug)]
pub(super) struct Subjects {
    stream: String,
    replica: String,
}

impl Subjects {
    pub(super) fn new(stream: &str, replica: &str) -> Self {
        Self { stream: stream.to_owned(), replica: replica.to_owned() }
    }

    /// The text of a subject of this replica.
    pub(super) fn text(&self, subject: Subject) -> String {
        let Self { stream, replica } = self;
        match subject {
            Subject::Acts => format!("{stream}.acts.act"),
            Subject::Mark(_) | Subject::Aside(_) => format!("{stream}.acts.mark.{replica}"),
            Subject::Edge(writer) => format!("{stream}.edge.{replica}.{writer}"),
            Subject::Writer(writer) => format!("{stream}.events.{replica}.{writer}"),
            Subject::Again(writer) => format!("{stream}.again.{replica}.{writer}"),
        }
    }

    /// Everything that an edge follows.
    pub(super) fn acts(&self) -> String {
        format!("{}.acts.>", self.stream)
    }

    /// The subject of a message that was read directly, of any replica; nothing where it is none of a replica's. A message that
    /// brought such a header itself has two, and counts for nothing: somebody tries to pass it for another one. The server's comes last.
    pub(super) fn told(&self, message: &Message) -> Option<Subject> {
        let headers = message.headers.as_ref()?;
        self.of(headers.get_last(SUBJECT)?.as_str(), headers.get_all(SUBJECT).count() > 1)
    }

    /// The subject of a message under this one, which may have brought such a header itself.
    pub(super) fn of(&self, text: &str, is_passed: bool) -> Option<Subject> {
        let subject = self.parse(text)?;
        if is_passed { subject.edge().map(Subject::Aside) } else { Some(subject) }
    }

    /// Likewise of a message that a consumer delivered, under its own subject.
    pub(super) fn delivered(&self, message: &Message) -> Option<Subject> {
        let is_passed = message.headers.as_ref().is_some_and(|headers| headers.get(SUBJECT).is_some());
        self.of(&message.subject, is_passed)
    }

    /// The subject of this text.
    fn parse(&self, text: &str) -> Option<Subject> {
        let rest = text.strip_prefix(&self.stream)?.strip_prefix('.')?;
        let writer =
            |replica: &str, writer: &str| WriterId::from_text(writer).filter(|writer| writer.is_of(replica));
        match *rest.split('.').collect::<Vec<_>>() {
            ["acts", "act"] => Some(Subject::Acts),
            ["acts", "mark", replica] => Some(Subject::Mark(WriterId::of(replica, [0; _]))),
            ["edge", replica, ref rest @ ..] => {
                let own = if let [text] = rest { writer(replica, text) } else { None };
                Some(own.map_or(Subject::Aside(WriterId::of(replica, [0; _])), Subject::Edge))
            }
            ["events", replica, text] => writer(replica, text).map(Subject::Writer),
            ["again", replica, text] => writer(replica, text).map(Subject::Again),
            _ => None,
        }
    }

    /// The stream of beats, which keeps the latest of each replica.
    pub(super) fn beats(&self) -> String {
        format!("{}-replicas", self.stream)
    }

    /// The subject of this replica's beat.
    pub(super) fn beat(&self) -> String {
        format!("{}.{}", self.beats(), self.replica)
    }

    /// The replica that said this beat.
    pub(super) fn teller(&self, beat: &Message) -> Option<String> {
        self.beating(the_one(beat, SUBJECT)?)
    }

    /// The replica whose beats stand under this subject.
    pub(super) fn beating(&self, text: &str) -> Option<String> {
        Some(text.strip_prefix(&self.beats())?.strip_prefix('.')?.to_owned())
    }

    /// The beginning of the subjects of answers to this replica.
    pub(super) fn inbox(&self) -> String {
        format!("_INBOX.{}.{}", self.stream, self.replica)
    }

    /// The name of this replica's consumer, which it makes for a read.
    pub(super) fn consumer(&self) -> &str {
        &self.replica
    }
}

/// The value of a header that the server tells; nothing where the message brought one itself, too.
fn the_one<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let mut values = message.headers.as_ref()?.get_all(name);
    let value = values.next()?;
    values.next().is_none().then_some(value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_who_wrote_and_a_writer_of_another_replica_is_nobodys() {
        let subjects = Subjects::new("landfall", "edge-0");
        let (own, other) = (WriterId::of("edge-0", [7; _]), WriterId::of("r-0", [7; _]));
        for subject in [Subject::Acts, Subject::Writer(own), Subject::Again(own), Subject::Edge(own)] {
            assert_eq!(subjects.parse(&subjects.text(subject)), Some(subject));
        }
        assert!(matches!(subjects.parse("landfall.acts.mark.edge-0"), Some(Subject::Mark(_))));
        for text in [
            subjects.text(Subject::Edge(other)),
            format!("landfall.edge.edge-0.{own}.more"),
            "landfall.edge.edge-0.garbage".to_owned(),
            "landfall.edge.edge-0".to_owned(),
        ] {
            assert_eq!(subjects.parse(&text), Some(Subject::Aside(own.replica())), "{text}");
        }
        for text in [
            subjects.text(Subject::Writer(other)),
            subjects.text(Subject::Again(other)),
            format!("landfall.events.edge-0.{own}.more"),
            format!("landfall.events.edge-0.+{}", &own.to_string()[1..]),
            "landfall.events.edge-0".to_owned(),
            "landfall.acts".to_owned(),
            "landfall.acts.act.more".to_owned(),
            "landfallx.acts.act".to_owned(),
            "other.acts.act".to_owned(),
        ] {
            assert_eq!(subjects.parse(&text), None, "{text}");
        }
    }
}
