//! Position of a follower in the stream, and the meaning of a message there. A pure function of the messages up to that place,
//! so every follower that comes there has the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{ActId, WriterId};
use super::numbers::Numbers;
use super::shipment::{Condition, Kind, Shipment};

/// A place in the stream, after one of its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) struct Place {
    /// The message's sequence number; 0 for the stream's beginning.
    pub(in crate::log) sequence: u64,
    /// The message's stamp.
    pub(in crate::log) stamp: u64,
    /// The position of the last event that was taken: what the log calls its number. 0 for none.
    pub(in crate::log) position: u64,
    /// Numbers that were taken of each writer.
    pub(in crate::log) writers: BTreeMap<WriterId, Progress>,
    /// The latest act that counts.
    pub(in crate::log) last_act: Option<ActId>,
    /// Its position; 0 for none.
    pub(in crate::log) last_act_position: u64,
    /// The last message among the acts, whether it counts or not; 0 for none.
    pub(in crate::log) acts_sequence: u64,
}

/// Numbers that were taken of a writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) struct Progress {
    /// Of its events.
    pub(in crate::log) numbers: Numbers,
    /// The number of its latest act that counts; 0 for none.
    pub(in crate::log) acts: u64,
    /// The last message of its own subject; 0 for none.
    pub(in crate::log) sequence: u64,
    /// Messages of this edge that were set aside; the writer is [`WriterId::replica`] then.
    pub(in crate::log) set_aside: u64,
}

/// Writers of one edge: each data folder that it ever had is one. Whoever has its credentials may make up any number.
const EDGE_WRITERS_MAX: usize = 4_096;

/// A message that was followed: what it brought, and how to take it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) struct Step {
    pub(in crate::log) sequence: u64,
    pub(in crate::log) stamp: u64,
    pub(in crate::log) writer: WriterId,
    pub(in crate::log) kind: Kind,
    /// First and last numbers of what was new in it; empty where nothing was.
    pub(in crate::log) new: Vec<(u64, u64)>,
    before: Before,
}

/// State that a message changed, as it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    sequence: u64,
    stamp: u64,
    position: u64,
    progress: Option<Progress>,
    last_act: Option<ActId>,
    last_act_position: u64,
    acts_sequence: u64,
}

impl Step {
    /// The position of the first event that was new in it, where there is one.
    pub(in crate::log) fn first_position(&self) -> u64 {
        self.before.position + 1
    }

    /// Count of the events that were new in it.
    pub(in crate::log) fn count(&self) -> u64 {
        self.new.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The message before it.
    pub(super) fn sequence_before(&self) -> u64 {
        self.before.sequence
    }

    pub(super) fn is_act(&self) -> bool {
        matches!(self.kind, Kind::Act { .. })
    }

    /// The part that was new in it, for `writer` to ship it again: `events` are those that were new, in order. Its own act counts
    /// whatever came between, for somebody was told that it counts. Another's keeps its condition: that one may have been told
    /// that it does not, and otherwise ships it again itself.
    pub(in crate::log) fn shipments(&self, writer: WriterId, events: Vec<Vec<u8>>) -> Vec<Shipment> {
        let mut events = events.into_iter();
        let shipment = |&(first, last): &(u64, u64)| {
            let kind = match self.kind {
                Kind::Events | Kind::Again { .. } => Kind::Again { after: first - 1 },
                Kind::Act { after, .. } if self.writer == writer => {
                    Kind::Act { after, condition: Condition::Whatever }
                }
                act @ Kind::Act { .. } => act,
            };
            let count = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
            Shipment { writer: self.writer, first, kind, events: events.by_ref().take(count).collect() }
        };
        self.new.iter().map(shipment).collect()
    }
}

impl Place {
    /// Numbers that were taken of this writer.
    pub(in crate::log) fn progress(&self, writer: WriterId) -> Progress {
        self.writers.get(&writer).cloned().unwrap_or_default()
    }

    /// Tells whether everything in the shipment was taken.
    pub(in crate::log) fn has(&self, shipment: &Shipment) -> bool {
        let Some(progress) = self.writers.get(&shipment.writer) else { return shipment.events.is_empty() };
        match shipment.kind {
            Kind::Events | Kind::Again { .. } => {
                shipment.events.is_empty() || progress.numbers.has(shipment.first, shipment.last())
            }
            Kind::Act { .. } => progress.acts >= shipment.first,
        }
    }

    /// Goes on by one message. Repeats bring nothing, and so does an act whose condition does not hold.
    pub(super) fn take(&mut self, sequence: u64, stamp: u64, shipment: &Shipment) -> Step {
        let writer = shipment.writer;
        let is_act = matches!(shipment.kind, Kind::Act { .. });
        let before = self.before(writer);
        if shipment.events.is_empty() {
            (self.sequence, self.stamp) = (sequence, stamp);
            return Step { sequence, stamp, writer, kind: shipment.kind, new: Vec::new(), before };
        }
        let progress = self.writers.entry(writer).or_default();
        let new = match shipment.kind {
            Kind::Again { after } if progress.numbers.until() < after => Vec::new(),
            Kind::Events | Kind::Again { .. } => progress.numbers.take(shipment.first, shipment.last()),
            Kind::Act { after, condition } => {
                let holds = match condition {
                    Condition::Whatever => true,
                    Condition::Seen(seen) => seen == self.last_act,
                };
                let counts = holds && after == progress.acts && shipment.first > progress.acts;
                if counts { vec![(shipment.first, shipment.first)] } else { Vec::new() }
            }
        };
        match shipment.kind {
            Kind::Events => progress.sequence = sequence,
            Kind::Again { .. } => {}
            Kind::Act { .. } => self.acts_sequence = sequence,
        }
        self.position += new.iter().map(|(first, last)| last - first + 1).sum::<u64>();
        if is_act && !new.is_empty() {
            progress.acts = shipment.first;
            self.last_act = Some(ActId { writer, number: shipment.first });
            self.last_act_position = self.position;
        }
        (self.sequence, self.stamp) = (sequence, stamp);
        Step { sequence, stamp, writer, kind: shipment.kind, new, before }
    }

    /// Goes on by one message of this edge that counts for nothing.
    pub(super) fn set_aside(&mut self, sequence: u64, stamp: u64, edge: WriterId) -> Step {
        let before = self.before(edge);
        self.writers.entry(edge).or_default().set_aside += 1;
        (self.sequence, self.stamp) = (sequence, stamp);
        Step { sequence, stamp, writer: edge, kind: Kind::Again { after: 0 }, new: Vec::new(), before }
    }

    /// Tells whether an edge has made up so many writers that there is no room for this one.
    pub(super) fn is_crowded(&self, writer: WriterId) -> bool {
        let others = || self.writers.range(writer.of_same_replica()).count();
        !self.writers.contains_key(&writer) && others() >= EDGE_WRITERS_MAX
    }

    /// The edges of which messages were set aside, and how many.
    pub(in crate::log) fn aside(&self) -> impl Iterator<Item = (WriterId, u64)> {
        let counted = self.writers.iter().filter(|(_, progress)| progress.set_aside > 0);
        counted.map(|(edge, progress)| (*edge, progress.set_aside))
    }

    fn before(&self, writer: WriterId) -> Before {
        Before {
            sequence: self.sequence,
            stamp: self.stamp,
            position: self.position,
            progress: self.writers.get(&writer).cloned(),
            last_act: self.last_act,
            last_act_position: self.last_act_position,
            acts_sequence: self.acts_sequence,
        }
    }

    /// Goes back to before the step, which is the last one that was taken.
    pub(super) fn undo(&mut self, step: &Step) {
        let Before { sequence, stamp, position, progress, last_act, last_act_position, acts_sequence } =
            step.before.clone();
        match progress {
            Some(progress) => self.writers.insert(step.writer, progress),
            None => self.writers.remove(&step.writer),
        };
        (self.sequence, self.stamp, self.position) = (sequence, stamp, position);
        (self.last_act, self.last_act_position) = (last_act, last_act_position);
        self.acts_sequence = acts_sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(writer: u128, first: u64, count: usize) -> Shipment {
        let kind = if count == 0 { Kind::Again { after: 0 } } else { Kind::Events };
        Shipment { writer: WriterId::new(writer), first, kind, events: vec![Vec::new(); count] }
    }

    fn act(writer: u128, first: u64, after: u64, condition: Condition) -> Shipment {
        let kind = Kind::Act { after, condition };
        Shipment { writer: WriterId::new(writer), first, kind, events: vec![Vec::new()] }
    }

    #[test]
    fn each_message_brings_what_is_new_and_can_be_taken_back() {
        let id = |writer, number| Some(ActId { writer: WriterId::new(writer), number });
        use Condition::{Seen, Whatever};
        let cases = [
            (events(1, 1, 3), vec![(1, 3)], 3),
            (events(2, 1, 1), vec![(1, 1)], 4),
            (events(1, 2, 3), vec![(4, 4)], 5),
            (events(1, 1, 4), vec![], 5),
            (events(1, 0, 0), vec![], 5),
            (act(1, 9, 0, Seen(id(2, 1))), vec![], 5),
            (act(1, 10, 0, Seen(None)), vec![(10, 10)], 6),
            (act(2, 1, 0, Seen(None)), vec![], 6),
            (act(2, 2, 0, Seen(id(1, 10))), vec![(2, 2)], 7),
            (act(1, 10, 0, Whatever), vec![], 7),
            (act(1, 12, 11, Whatever), vec![], 7),
            (act(1, 11, 10, Whatever), vec![(11, 11)], 8),
            (events(1, 7, 2), vec![(7, 8)], 10),
            (events(1, 5, 3), vec![(5, 6)], 12),
        ];
        let (mut place, mut before) = (Place::default(), Vec::new());
        for (sequence, (shipment, new, position)) in (1..).zip(cases) {
            let was = place.clone();
            let step = place.take(sequence, 100 + sequence, &shipment);
            assert_eq!((&step.new, place.position), (&new, position), "{shipment:?}");
            let is_void = new.is_empty() && [6, 8, 11].contains(&sequence);
            assert_eq!(place.has(&shipment), !is_void, "{shipment:?}");
            before.push((step, was));
        }
        for (step, was) in before.into_iter().rev() {
            place.undo(&step);
            assert_eq!(place, was);
        }
    }

    #[test]
    fn what_is_set_aside_is_counted_for_its_edge_and_can_be_taken_back() {
        let (mut place, edge) = (Place::default(), WriterId::of("edge-0", [7; _]));
        place.take(1, 1, &Shipment { writer: edge, ..events(1, 1, 2) });
        let was = place.clone();
        let steps = [2, 3].map(|sequence| place.set_aside(sequence, sequence, edge.replica()));
        assert_eq!(place.aside().collect::<Vec<_>>(), [(edge.replica(), 2)]);
        assert_eq!((place.position, place.sequence, place.progress(edge)), (2, 3, was.progress(edge)));
        assert!(steps.iter().all(|step| step.count() == 0 && step.shipments(edge, Vec::new()).is_empty()));
        steps.iter().rev().for_each(|step| place.undo(step));
        assert_eq!(place, was);
    }

    #[test]
    fn an_edge_has_room_for_so_many_writers_and_others_have_theirs() {
        let (mut place, writer) =
            (Place::default(), |name, number: u64| WriterId::of(name, number.to_le_bytes()));
        for number in 1..=EDGE_WRITERS_MAX as u64 {
            assert!(!place.is_crowded(writer("edge-0", number)));
            place.take(number, number, &Shipment { writer: writer("edge-0", number), ..events(1, 1, 1) });
        }
        assert!(place.is_crowded(writer("edge-0", 0)) && !place.is_crowded(writer("edge-1", 0)));
        assert!(!place.is_crowded(writer("edge-0", 1)), "it is there");
        // A message without events makes none.
        place.take(9_999, 1, &Shipment { writer: writer("edge-2", 1), ..events(1, 0, 0) });
        assert_eq!(place.writers.len(), EDGE_WRITERS_MAX);
    }

    #[test]
    fn what_was_new_is_shipped_again_and_nothing_else() {
        let (mut place, writer) = (Place::default(), WriterId::new(2));
        place.take(1, 1, &events(1, 2, 1));
        let step = place.take(2, 2, &events(1, 1, 3));
        let again = step.shipments(writer, vec![b"one".to_vec(), b"three".to_vec()]);
        assert_eq!(again.iter().map(|it| (it.first, it.events.len())).collect::<Vec<_>>(), [(1, 1), (3, 1)]);
        let own = place.take(3, 3, &act(2, 4, 0, Condition::Seen(None)));
        let other = act(1, 9, 0, Condition::Seen(Some(ActId { writer, number: 4 })));
        let others = place.take(4, 4, &other);
        assert_eq!(own.shipments(writer, vec![Vec::new()]), [act(2, 4, 0, Condition::Whatever)]);
        assert_eq!(others.shipments(writer, vec![Vec::new()]), [other]);
    }
}
