//! The follower: takes the stream's messages in their order, and notices when the stream went back.
//!
//! Each read begins with the message that was followed last, so what comes after it surely follows it. Where that message is
//! not what it was, the server may only be behind. So something is published, and reads count from then on only if the server
//! has what was published. If the message is still another one, the stream went back: the last common message is
//! looked for among the steps that are remembered, and everything after it is undone.

use std::time::{Duration, Instant};

use super::place::{Place, Step};
use super::shipment::{Shipment, Unreadable};
use super::stream::{Away, Batch, Entry, Look, Subject};
use super::trail::Trail;

/// Pause before the next read where a read brought nothing: how old a view of another replica's events is at least.
const IDLE_PAUSE: Duration = Duration::from_millis(50);
/// Pause where the stream does not answer, or shows what cannot be followed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Time that a server behind gets before its answer is doubted: elections take some seconds.
const DOUBT_PAUSE: Duration = Duration::from_secs(2);
/// Time after which what was published to confirm a doubt is published again: it may be gone, too.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// A follower.
#[derive(Debug)]
pub(super) struct Follower {
    place: Place,
    trail: Trail,
    mode: Mode,
    /// Time of the next read.
    read_at: Instant,
    /// The last sequence number that a server told.
    head: u64,
    /// The message that it stands still at.
    halt: Option<Halt>,
    /// Beginning of the read that last showed the message which was followed last; nothing before that, and while it is doubted.
    proved_at: Option<Instant>,
    /// Beginning of the read that is under way.
    asked_at: Instant,
    #[cfg(test)]
    pub(super) plant: super::plant::Plants,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Following,
    /// The last message was not what it was, at the time `since`; something was stored under `confirmed` afterwards.
    Doubting {
        since: Instant,
        confirmed: Option<u64>,
    },
    /// The stream went back. Of the first `common` steps each is still there; that at `other` is not.
    Searching {
        since: Instant,
        confirmed: u64,
        common: usize,
        other: usize,
    },
}

/// The reason why a follower stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Halt {
    /// A message that this release does not read.
    Message { sequence: u64, why: Unreadable },
    /// The stream and what was followed have nothing in common that is remembered.
    TooFarBack,
}

/// Outcome of a read.
#[derive(Debug)]
pub(in crate::log) enum Change {
    /// New steps, each with the events that were new in it: their bytes.
    Taken(Vec<(Step, Vec<Vec<u8>>)>),
    /// The stream went back: the position of the last event that is left, and the steps that are undone, in order.
    Back { position: u64, undone: Vec<Step> },
}

impl Follower {
    /// A follower that goes on from `place`, to which the `steps` led.
    pub(super) fn new(place: Place, steps: Vec<Step>, now: Instant) -> Self {
        Self {
            place,
            trail: Trail::new(steps),
            mode: Mode::Following,
            read_at: now,
            head: 0,
            halt: None,
            proved_at: None,
            asked_at: now,
            #[cfg(test)]
            plant: super::plant::Plants::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The last sequence number that a server told.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    pub(super) fn halt(&self) -> Option<Halt> {
        self.halt
    }

    /// Tells whether what was followed is still what the stream has, as far as is known.
    pub(super) fn is_following(&self) -> bool {
        self.proved_at.is_some()
    }

    /// Beginning of the read that last showed that the stream has everything that was followed.
    pub(super) fn proved_at(&self) -> Option<Instant> {
        self.proved_at
    }

    /// Takes note that a read begins.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked_at = now;
    }

    /// Tells whether something is to be published, so that servers that are behind can be told from a stream that went back.
    pub(super) fn wants_confirmation(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| now >= due)
    }

    /// Takes note that what was sent at the time `sent_at` is stored under `sequence`.
    pub(super) fn stored(&mut self, sent_at: Instant, sequence: u64) {
        match self.mode {
            Mode::Doubting { since, .. } if sent_at >= since => {
                self.mode = Mode::Doubting { since: sent_at, confirmed: Some(sequence) };
                self.read_at = sent_at;
            }
            Mode::Following => self.told(sent_at, sequence),
            // It went back once more: what was found may not hold.
            Mode::Searching { since, .. } if sent_at >= since => {
                self.mode = Mode::Doubting { since: sent_at, confirmed: Some(sequence) };
            }
            _ => {}
        }
    }

    /// Takes note at `now` that the stream has a message with this sequence number: what was not followed yet can be read at once.
    pub(super) fn told(&mut self, now: Instant, sequence: u64) {
        if matches!(self.mode, Mode::Following) && sequence > self.place.sequence {
            self.read_at = self.read_at.min(now);
        }
    }

    /// Time from which a message may have to be published to settle a doubt.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.mode {
            // An operator fills a stream that is empty.
            _ if self.halt == Some(Halt::TooFarBack) => None,
            Mode::Following => None,
            Mode::Doubting { confirmed: None, since } => Some(since + DOUBT_PAUSE),
            Mode::Doubting { confirmed: Some(_), since } | Mode::Searching { since, .. } => {
                Some(since + CONFIRM_TIMEOUT)
            }
        }
    }

    /// Time of the next read.
    pub(super) fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The next read.
    pub(super) fn next_read(&self) -> Look {
        match self.mode {
            Mode::Searching { common, other, confirmed, .. } => {
                let middle = self.trail.get(common.midpoint(other));
                Look { from: middle.map_or(1, |step| step.sequence), known: Some(confirmed) }
            }
            Mode::Doubting { confirmed, .. } => Look { from: self.place.sequence.max(1), known: confirmed },
            Mode::Following => Look { from: self.place.sequence.max(1), known: None },
        }
    }

    /// Takes what a read brought that began at [`Self::next_read`].
    pub(super) fn read(&mut self, now: Instant, answer: Result<Batch, Away>) -> Option<Change> {
        let Ok(batch) = answer else {
            self.read_at = now + RETRY_PAUSE;
            return None;
        };
        match self.mode {
            Mode::Following => {
                self.head = batch.head;
                if self.is_there(self.place.sequence, self.place.stamp, &batch) {
                    return self.take(now, batch);
                }
                self.doubt(now);
            }
            Mode::Doubting { confirmed, .. } => {
                self.read_at = now + RETRY_PAUSE;
                if confirmed.is_some_and(|sequence| batch.head >= sequence) {
                    self.head = batch.head;
                    if self.is_there(self.place.sequence, self.place.stamp, &batch) {
                        self.mode = Mode::Following;
                        return self.take(now, batch);
                    }
                    self.search(now, confirmed.unwrap_or_default());
                }
            }
            Mode::Searching { confirmed, .. } if batch.head < confirmed => self.read_at = now + RETRY_PAUSE,
            Mode::Searching { since, confirmed, common, other } => {
                self.read_at = now;
                let middle = common.midpoint(other);
                let is_there = self
                    .trail
                    .get(middle)
                    .is_some_and(|step| self.is_there(step.sequence, step.stamp, &batch));
                let (common, other) = if is_there { (middle + 1, other) } else { (common, middle) };
                self.mode = Mode::Searching { since, confirmed, common, other };
                return self.go_back_if_found(now);
            }
        }
        None
    }

    /// Tells whether the message under `sequence` is the first one of what was read from there on.
    fn is_there(&self, sequence: u64, stamp: u64, batch: &Batch) -> bool {
        let is_it = |first: &super::stream::Entry| (first.sequence, first.stamp) == (sequence, stamp);
        sequence == 0 || batch.entries.first().is_some_and(is_it)
    }

    fn doubt(&mut self, now: Instant) {
        (self.read_at, self.proved_at) = (now + RETRY_PAUSE, None);
        self.mode = Mode::Doubting { since: now, confirmed: None };
        #[cfg(test)]
        if self.plant.is_planted(super::plant::Plant::TrustsHeads) {
            self.search(now, 0);
        }
    }

    fn search(&mut self, now: Instant, confirmed: u64) {
        self.read_at = now;
        // The last step is known to be gone.
        let other = self.trail.len().saturating_sub(1);
        self.mode = Mode::Searching { since: now, confirmed, common: 0, other };
    }

    /// Undoes what is gone, once that is known.
    fn go_back_if_found(&mut self, now: Instant) -> Option<Change> {
        let Mode::Searching { confirmed, common, other, .. } = self.mode else { return None };
        if common < other {
            return None;
        }
        if common == 0 && !self.trail.is_complete() {
            (self.halt, self.read_at) = (Some(Halt::TooFarBack), now + CONFIRM_TIMEOUT);
            // An operator may bring it back.
            self.mode = Mode::Doubting { since: now, confirmed: Some(confirmed) };
            return None;
        }
        let undone = self.trail.cut(common);
        for step in undone.iter().rev() {
            self.place.undo(step);
        }
        // A read is to show first that it really is there.
        self.proved_at = None;
        (self.mode, self.read_at, self.halt) = (Mode::Following, now, None);
        Some(Change::Back { position: self.place.position, undone })
    }

    /// Tells whether a message that can be read is for its writer to say, as far as its subject tells.
    fn counts(&self, entry: &Entry, shipment: &Shipment) -> bool {
        let counts = entry.subject.is_some_and(|subject| {
            let has_room = || subject.edge().is_none() || !self.place.is_crowded(shipment.writer);
            subject.entitles(shipment) && (shipment.events.is_empty() || has_room())
        });
        #[cfg(test)]
        let counts = counts || self.plant.is_planted(super::plant::Plant::BelievesAnySubject);
        counts
    }

    /// Follows what comes after the last message.
    fn take(&mut self, now: Instant, batch: Batch) -> Option<Change> {
        (self.proved_at, self.halt) = (Some(self.asked_at), None);
        let mut taken = Vec::new();
        for entry in batch.entries {
            if entry.sequence <= self.place.sequence {
                continue;
            }
            let edge = entry.subject.and_then(Subject::edge);
            let shipment = match (Shipment::decode(&entry.bytes), edge) {
                (Ok(shipment), _) if self.counts(&entry, &shipment) => shipment,
                #[cfg(test)]
                (Err(why), Some(_)) if self.plant.is_planted(super::plant::Plant::HaltsAtEdges) => {
                    self.halt = Some(Halt::Message { sequence: entry.sequence, why });
                    break;
                }
                (_, Some(edge)) => {
                    let step = self.place.set_aside(entry.sequence, entry.stamp, edge);
                    self.trail.push(step.clone());
                    taken.push((step, Vec::new()));
                    continue;
                }
                (Ok(shipment), None) => Shipment::empty(shipment.writer),
                (Err(why), None) => {
                    self.halt = Some(Halt::Message { sequence: entry.sequence, why });
                    break;
                }
            };
            #[cfg(test)]
            let shipment = self.plant.changed(shipment);
            #[cfg_attr(not(test), allow(unused_mut, reason = "a test plants a fault"))]
            let mut step = self.place.take(entry.sequence, entry.stamp, &shipment);
            #[cfg(test)]
            self.plant.take_again(&shipment, &mut step, &mut self.place);
            let is_new =
                |number: u64| step.new.iter().any(|(first, last)| (*first..=*last).contains(&number));
            let numbered = (shipment.first..).zip(shipment.events);
            let events = numbered.filter(|(number, _)| is_new(*number)).map(|(_, event)| event).collect();
            self.trail.push(step.clone());
            taken.push((step, events));
        }
        self.read_at = match (taken.is_empty(), self.halt) {
            (_, Some(_)) => now + RETRY_PAUSE,
            (true, None) => now + IDLE_PAUSE,
            (false, None) => now,
        };
        (!taken.is_empty()).then_some(Change::Taken(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::WriterId;
    use super::super::memory::Memory;
    use super::super::shipment::{Condition, Kind};
    use super::*;

    const OWN: Subject = Subject::Writer(WriterId::new(1));

    fn message(first: u64) -> Vec<u8> {
        let (writer, events) = (WriterId::new(1), vec![first.to_le_bytes().to_vec()]);
        Shipment { writer, first, kind: Kind::Events, events }.encode()
    }

    fn filled(count: u64) -> Memory {
        let mut stream = Memory::default();
        (1..=count).for_each(|first| {
            stream.append(OWN, None, &message(first));
        });
        stream
    }

    /// Reads until there is nothing new, or `Some` other change comes.
    fn follow(follower: &mut Follower, stream: &Memory, now: &mut Instant) -> Option<(u64, usize)> {
        for _ in 0..60 {
            *now += Duration::from_secs(1);
            follower.asked(*now);
            let batch = stream.read(follower.next_read().from, 0);
            if let Some(Change::Back { position, undone }) = follower.read(*now, Ok(batch)) {
                return Some((position, undone.len()));
            }
            if follower.wants_confirmation(*now) {
                follower.stored(*now, stream.head());
            }
        }
        None
    }

    #[test]
    fn a_stream_that_went_back_is_followed_back_to_the_last_common_message() {
        for (length, cut, more) in
            [(1, 1, 0), (1, 1, 3), (40, 1, 0), (40, 1, 1), (40, 17, 5), (40, 40, 0), (40, 40, 50)]
        {
            let (mut stream, mut now) = (filled(length), Instant::now());
            let mut follower = Follower::new(Place::default(), Vec::new(), now);
            assert_eq!(follow(&mut follower, &stream, &mut now), None);
            assert_eq!(follower.place().position, length);
            stream.cut(cut);
            (0..more).for_each(|_| {
                stream.append(OWN, None, &message(1));
            });
            let back = follow(&mut follower, &stream, &mut now);
            assert_eq!(back, Some((length - cut, cut as usize)), "{length} {cut} {more}");
            assert_eq!(follow(&mut follower, &stream, &mut now), None);
            assert_eq!(follower.place().sequence, stream.head());
            assert!(follower.is_following());
        }
    }

    #[test]
    fn it_stands_still_where_nothing_common_is_remembered_and_goes_on_when_the_stream_is_back() {
        let (mut stream, mut now) = (filled(9), Instant::now());
        let mut first = Follower::new(Place::default(), Vec::new(), now);
        follow(&mut first, &stream, &mut now);
        // Only the last steps are remembered.
        let mut steps = first.trail.cut(6);
        let mut follower = Follower::new(first.place.clone(), std::mem::take(&mut steps), now);
        follow(&mut follower, &stream, &mut now);
        assert!(follower.is_following());
        let lost = stream.cut(5);
        assert_eq!(follow(&mut follower, &stream, &mut now), None);
        assert_eq!((follower.halt(), follower.is_following()), (Some(Halt::TooFarBack), false));
        assert_eq!(follower.place().position, 9, "what was followed stays");
        assert_eq!(lost.len(), 5);
        stream = filled(9);
        stream.append(OWN, None, &message(10));
        assert_eq!(follow(&mut follower, &stream, &mut now), None);
        assert_eq!((follower.halt(), follower.place().position), (None, 10));
    }

    #[test]
    fn a_message_of_an_edge_that_is_not_for_it_to_say_is_set_aside() {
        let (edge, other) = (WriterId::of("edge-0", [1; _]), WriterId::of("r-0", [1; _]));
        let events =
            |writer, kind| Shipment { writer, first: 1, kind, events: vec![b"one".to_vec()] }.encode();
        let act = Kind::Act { after: 0, condition: Condition::Whatever };
        let mut newer = events(edge, Kind::Events);
        newer[4] += 1;
        let aside = [
            b"garbage".to_vec(),
            Vec::new(),
            newer,
            events(other, Kind::Events),
            events(edge, act),
            events(edge, Kind::Again { after: 0 }),
            Shipment::empty(edge).encode(),
        ];
        let mut stream = Memory::default();
        for subject in [Subject::Edge(edge), Subject::Aside(edge), Subject::Mark(edge.replica())] {
            for bytes in &aside {
                stream.append(subject, None, bytes);
            }
        }
        stream.append(Subject::Aside(edge), None, &events(edge, Kind::Events));
        stream.append(Subject::Edge(edge), None, &events(edge, Kind::Events));
        let mut now = Instant::now();
        let mut follower = Follower::new(Place::default(), Vec::new(), now);
        follow(&mut follower, &stream, &mut now);
        assert_eq!((follower.halt(), follower.place().sequence), (None, stream.head()));
        // A mark says nothing, and that is for it to say.
        let counted = 3 * aside.len() as u64 - 1 + 1;
        assert_eq!(follower.place().aside().collect::<Vec<_>>(), [(edge.replica(), counted)]);
        assert_eq!((follower.place().position, follower.place().progress(edge).numbers.until()), (1, 1));
        assert!(!follower.place().writers.contains_key(&other));
    }

    #[test]
    fn it_stands_still_at_a_message_that_it_does_not_read_and_skips_none() {
        let (mut stream, mut now) = (filled(2), Instant::now());
        let mut newer = message(3);
        newer[4] += 1;
        stream.append(OWN, None, &newer);
        stream.append(OWN, None, &message(4));
        let mut follower = Follower::new(Place::default(), Vec::new(), now);
        follow(&mut follower, &stream, &mut now);
        assert_eq!(follower.halt(), Some(Halt::Message { sequence: 3, why: Unreadable::Newer(2) }));
        assert_eq!(follower.place().position, 2);
        assert!(follower.is_following(), "what is shipped goes on");
    }
}
