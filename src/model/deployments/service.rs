//! One service: which image runs, which ones claim to follow it, and who was it before.
//!
//! The rules, by number, are those of ARCHITECTURE.md, "How deployments are derived".

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{Object, Observation};
use crate::model::oci::{Digest, Reference, Tag};
use crate::model::time::{Span, Time};

use super::course::Course;
use super::pull::{COMPLETE, Grade, Node, NodeKey, PULL, Pull};
use super::shards::Shards;

/// The part of the nodes that speaks for the service: two fifths of those that would ask. A canary has less; a whole
/// rollout may show less than all, for several pods may find place on one node.
const PART: (u64, u64) = (2, 5);

/// Of so few nodes one is enough: pods of a small service may all find place on one node, and a canary needs many.
const FEW: u32 = 3;

/// The same where caches hide most nodes, and nobody canaries what ran before: a third of the few that would ask.
const PART_CACHED: (u64, u64) = (1, 3);

/// A claim that stood still for so many settle times, while another image ran, begins anew with its next node.
const STANDSTILL: i64 = 6;

/// A rollout is over after a pause of so many times its longest pause …
const PAUSES: i64 = 2;

/// … though never before this, or the settle time, has passed: pods do not start faster than they pull.
const PAUSE_MIN: Span = PULL;

/// Most nodes that are remembered for a service.
const NODES_MAX: usize = 16_384;

/// Most images that claim to follow the current one at the same time.
const RIVALS_MAX: usize = 8;

/// Most past deployments that are remembered for a service.
const PAST_MAX: usize = 4_096;

/// Most failing references that are remembered for a service.
const ATTEMPTS_MAX: usize = 64;

/// A service: a repository in an environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    nodes: Shards<NodeKey, Node>,
    /// Open pulls in the order in which they end.
    open: BTreeSet<(Time, NodeKey, Digest)>,
    /// The latest time seen.
    clock: Time,
    main: Option<Main>,
    rivals: Vec<Rival>,
    past: Vec<Arc<Past>>,
    attempts: VecDeque<Attempt>,
    forgotten: u64,
    is_prepulled: bool,
    /// When the service was last seen to lack observations.
    gap_at: Option<Time>,
}

/// The image that runs, as far as the pulls tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Main {
    /// Its course.
    pub course: Course,
    /// The image that it replaced.
    pub from: Option<Digest>,
    /// When quiet time had passed without a new node.
    pub settled_at: Option<Time>,
    /// Pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// It was up before.
    pub was_live: bool,
    /// The last arrival that belongs to the rollout, not to later scaling.
    last_progress: Time,
    longest_pause: Span,
    /// How many nodes were to be expected when it took over.
    expected: u32,
    /// How many nodes its predecessor had, where the nodes' caches hid most of this one's.
    hidden: u32,
}

/// An image that claims to follow the one that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rival {
    /// Its course.
    pub course: Course,
    /// It was up before.
    pub was_live: bool,
    /// How many of `nodes_then` held it already when it opened.
    held_by: u32,
    nodes_then: u32,
    /// A node that held it fetched it again: caches were emptied, and cannot explain who did not ask.
    refetched: bool,
    /// Nodes that pulled it since the last pull of the main image.
    run: u32,
    run_from: Option<Time>,
    /// Nodes that had moved to the main image and now show this one.
    returned: u32,
    /// Pulls of the main image by nodes that had shown this one.
    left: u32,
}

/// A deployment that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Past {
    /// Its course.
    pub course: Course,
    /// The image that ran before.
    pub from: Option<Digest>,
    /// How it ended.
    pub end: End,
    /// The last arrival that belongs to the rollout.
    pub progressed_at: Time,
    /// When quiet time had passed without a new node, if it came to that.
    pub settled_at: Option<Time>,
    /// When it was over.
    pub ended_at: Time,
    /// It was up before.
    pub was_live: bool,
    /// Pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// The nodes that would have made it whole.
    pub expected: u32,
}

/// How soon a way back is believed that began during a rollout, or that a single pull shows: shown as soon as it may
/// be true, kept only when the settle time passed in which it could have turned out to be a straggler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    Show,
    Keep,
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It ran until another took over.
    Replaced,
    /// It stayed a minority, and was not seen to be given up.
    Mixed,
    /// It was given up.
    Aborted,
}

/// A reference that could not be pulled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// What was asked for: the tag, where it is known.
    pub reference: Reference,
    /// The latest refusal's status.
    pub status: u16,
    /// The first refusal.
    pub first_at: Time,
    /// The latest refusal.
    pub last_at: Time,
    /// How many there were.
    pub count: u64,
    /// When it was pulled after all.
    pub cleared_at: Option<Time>,
}

impl Service {
    /// Takes a node's request into account. Returns the index that a platform manifest turned out to belong to.
    pub(crate) fn node(
        &mut self,
        observation: &Observation,
        runtime: Runtime,
        index: Option<Digest>,
        settle: Span,
    ) -> Option<Digest> {
        self.clock = self.clock.max(observation.at);
        self.end_pulls(self.clock, settle);
        let key = NodeKey { client: observation.client.clone(), runtime };
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        node.last_at = node.last_at.max(observation.at);
        let Some(digest) = arrived(observation) else {
            let tag = node.refused(observation);
            self.refuse(observation, tag);
            return None;
        };
        if observation.object == Object::Blob {
            node.blob(observation, digest);
            return None;
        }
        let guessed = if index.is_none() { node.reading_index(observation, &digest) } else { None };
        let top = index.or(guessed).unwrap_or(digest);
        let begun = node.manifest(observation, top);
        if let Some(first_at) = begun.replaced {
            self.open.remove(&(first_at, key.clone(), top));
        }
        if let Some((first_at, digest)) = begun.dropped {
            self.open.remove(&(first_at, key.clone(), digest));
        }
        if let Some(first_at) = begun.at {
            self.open.insert((first_at, key, top));
        }
        guessed
    }

    /// Notes that a node has an image that it need not run.
    pub(crate) fn prepull(&mut self, observation: &Observation, runtime: Runtime, index: Option<Digest>) {
        self.clock = self.clock.max(observation.at);
        let (Some(digest), Object::Manifest) = (arrived(observation), observation.object) else { return };
        let key = NodeKey { client: observation.client.clone(), runtime };
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        self.is_prepulled = true;
        node.hold(index.unwrap_or(digest), None);
    }

    /// Notes that observations are missing.
    pub(crate) fn gap(&mut self, until: Time) {
        self.gap_at = self.gap_at.max(Some(until));
    }

    /// The service as it looks at `now`, should nothing more happen: open pulls that look well count, and what
    /// waits for time to pass is decided.
    pub(crate) fn at(&self, now: Time, settle: Span) -> Self {
        let mut then = self.clone();
        then.end_pulls(now, settle);
        for (first_at, key, digest) in std::mem::take(&mut then.open) {
            let node = then.nodes.get(&key);
            let pull = node.and_then(|node| node.looks(&key, first_at, &digest, now));
            if let Some(pull) = pull {
                then.take(pull, settle);
            }
        }
        then.decide(now, settle, Haste::Show);
        then
    }

    /// Ends the pulls that began long enough before `now`, in the order in which they began.
    fn end_pulls(&mut self, now: Time, settle: Span) {
        while let Some((first_at, ..)) = self.open.first() {
            if now.since(*first_at) <= COMPLETE {
                break;
            }
            let Some((first_at, key, digest)) = self.open.pop_first() else { break };
            let pull = self.nodes.get_mut(&key).and_then(|node| node.close(&key, first_at, &digest));
            if let Some(pull) = pull {
                self.take(pull, settle);
            }
        }
    }

    /// Takes a complete pull into account.
    fn take(&mut self, pull: Pull, settle: Span) {
        // A third image ends the race between two: what looks decided then is.
        let is_third = self.main.as_ref().is_some_and(|main| main.course.digest != pull.digest)
            && self.rivals.iter().all(|rival| rival.course.digest != pull.digest);
        self.decide(pull.at, settle, if is_third { Haste::Show } else { Haste::Keep });
        let main = self.main.as_ref().map(|main| (main.course.digest, main.course.opened_at));
        let before = self.nodes.get(&pull.node).cloned().unwrap_or_default();
        self.clear(&pull);
        let held = before.holds(&pull.digest);
        let arrived = |since: Time| match before.shared {
            true => pull.starts,
            false => u32::from(!before.showed(&pull.digest, since)),
        };
        match main {
            None => {
                let mut course = Course::new(pull.digest, pull.at);
                course.add(&pull, arrived(pull.at), held, true);
                self.main = Some(Main::first(course));
            }
            Some((digest, opened_at)) if digest == pull.digest => {
                self.support(&pull, arrived(opened_at), held, &before, settle);
            }
            Some((digest, opened_at)) => {
                let refetched = held && !before.shared && pull.grade == Grade::Transfer;
                let place = self.rival(&pull, &before, settle);
                let rival = &mut self.rivals[place];
                let since = rival.course.opened_at;
                let in_run = arrived(rival.run_from.unwrap_or(pull.at));
                rival.course.add(&pull, arrived(since), held, true);
                rival.run = rival.run.saturating_add(in_run);
                rival.run_from.get_or_insert(pull.at);
                rival.returned += u32::from(before.showed(&digest, opened_at));
                rival.refetched |= refetched;
            }
        }
        if let Some(node) = self.nodes.get_mut(&pull.node) {
            node.hold(pull.digest, Some(pull.at));
        }
        self.decide(pull.at, settle, Haste::Keep);
    }

    /// A pull of the image that runs.
    fn support(&mut self, pull: &Pull, arrived: u32, held: bool, node: &Node, settle: Span) {
        let Some(main) = &mut self.main else { return };
        main.progress(pull.at, arrived, settle);
        main.course.add(pull, arrived, held, main.settled_at.is_none());
        let (over_at, hold) = (main.over_at(settle), main.hold(settle));
        let mut stragglers = 0;
        self.rivals.retain_mut(|rival| {
            rival.left += u32::from(node.showed(&rival.course.digest, rival.course.opened_at));
            // A new node ends the way back. A node that was on the image only speaks against it: a pod restarted.
            rival.run = if arrived > 0 { 0 } else { rival.run.saturating_sub(1) };
            if rival.run == 0 {
                rival.run_from = None;
            }
            let in_time = rival.course.opened_at <= over_at || main.asks_always();
            let straggled = rival.run == 0 && rival.was_live && in_time;
            let strayed = arrived > 0 && rival.is_doubtful(main) && pull.at <= rival.course.opened_at + hold;
            if straggled || strayed {
                stragglers += rival.course.pulls;
            }
            !(straggled || strayed)
        });
        main.stragglers = main.stragglers.saturating_add(stragglers);
    }

    /// The place of the rival that `pull` speaks for.
    fn rival(&mut self, pull: &Pull, before: &Node, settle: Span) -> usize {
        let Some(main) = &mut self.main else { return 0 };
        if let Some(place) = self.rivals.iter().position(|rival| rival.course.digest == pull.digest) {
            let rival = &self.rivals[place];
            let is_new = before.shared || !before.showed(&pull.digest, rival.course.opened_at);
            let straggled = rival.straggles(main, settle);
            if straggled && (pull.at <= main.over_at(settle) || rival.run > 1) {
                return place;
            }
            let pause = Span::from_ms(settle.ms().saturating_mul(STANDSTILL));
            let paused = pull.at.since(rival.course.last_arrival()) > pause;
            if !straggled && !(paused && is_new) {
                return place;
            }
            // What was said of it before is over; this begins anew.
            let rival = self.rivals.remove(place);
            if straggled {
                main.stragglers = main.stragglers.saturating_add(rival.course.pulls);
            } else {
                let end = if rival.left > 0 { End::Aborted } else { End::Mixed };
                let past = rival.into_past(main, end, pull.at, settle);
                self.remember(past);
            }
        }
        self.open_rival(pull)
    }

    fn open_rival(&mut self, pull: &Pull) -> usize {
        let Some(main) = &self.main else { return 0 };
        let (digest, opened_at) = (main.course.digest, main.course.opened_at);
        let was_live = self.was_live(&pull.digest);
        let (mut nodes_then, mut held_by) = (0, 0);
        // Only these can be in caches, and only then is every node asked.
        let may_be_cached = was_live || self.is_prepulled;
        let nodes = self.nodes.values().filter(|node| may_be_cached && node.showed(&digest, opened_at));
        for node in nodes {
            nodes_then += 1;
            held_by += u32::from(node.caches(&pull.digest, was_live));
        }
        if self.rivals.len() == RIVALS_MAX {
            self.rivals.remove(0);
        }
        self.rivals.push(Rival {
            course: Course::new(pull.digest, pull.at),
            was_live,
            held_by,
            nodes_then,
            refetched: false,
            run: 0,
            run_from: None,
            returned: 0,
            left: 0,
        });
        self.rivals.len() - 1
    }

    fn was_live(&self, digest: &Digest) -> bool {
        self.past.iter().any(|past| past.end == End::Replaced && past.course.digest == *digest)
    }

    /// Lets the strongest claim win, if one does.
    fn decide(&mut self, now: Time, settle: Span, haste: Haste) {
        while let Some(main) = &self.main {
            let wins =
                |rival: &Rival| rival.claims(main, now, settle, haste) && rival.is_majority(main, settle);
            let Some(place) = self.rivals.iter().position(wins) else { return };
            let rival = self.rivals.remove(place);
            self.succeed(rival, settle);
        }
    }

    /// The rival takes over.
    fn succeed(&mut self, mut rival: Rival, settle: Span) {
        let Some(mut old) = self.main.take() else { return };
        if rival.straggles(&old, settle) {
            // Its first pulls were stragglers; it came back with the run that nothing answered.
            rival.course.opened_at = rival.run_from.unwrap_or(rival.course.opened_at);
        }
        let at = rival.course.opened_at;
        let others = std::mem::take(&mut self.rivals);
        for other in others {
            if other.straggles(&old, settle) {
                old.stragglers = old.stragglers.saturating_add(other.course.pulls);
            } else {
                let past = other.into_past(&old, End::Aborted, at, settle);
                self.remember(past);
            }
        }
        let main = Main::follow(&old, rival, settle);
        self.remember(old.into_past(at, settle));
        self.main = Some(main);
    }

    fn remember(&mut self, past: Past) {
        if self.past.len() == PAST_MAX {
            self.past.remove(0);
        }
        self.past.push(Arc::new(past));
    }

    /// Counts a refusal.
    fn refuse(&mut self, observation: &Observation, tag: Option<Tag>) {
        let reference = tag.map_or_else(|| observation.reference.clone(), Reference::Tag);
        let at = observation.at;
        let found = self.attempts.iter_mut().find(|attempt| attempt.reference == reference);
        if let Some(attempt) = found {
            attempt.status = observation.status;
            attempt.last_at = attempt.last_at.max(at);
            attempt.count += 1;
            attempt.cleared_at = None;
            return;
        }
        if self.attempts.len() == ATTEMPTS_MAX {
            self.attempts.pop_front();
        }
        let status = observation.status;
        self.attempts.push_back(Attempt {
            reference,
            status,
            first_at: at,
            last_at: at,
            count: 1,
            cleared_at: None,
        });
    }

    /// What failed before works now.
    fn clear(&mut self, pull: &Pull) {
        for attempt in &mut self.attempts {
            let is_it = match &attempt.reference {
                Reference::Tag(tag) => pull.tag.as_ref() == Some(tag),
                Reference::Digest(digest) => *digest == pull.digest,
            };
            if is_it && attempt.cleared_at.is_none() && attempt.last_at <= pull.at {
                attempt.cleared_at = Some(pull.at);
            }
        }
    }

    /// The image that runs.
    pub fn main(&self) -> Option<&Main> {
        self.main.as_ref()
    }

    /// The images that claim to follow, those that only straggle left out.
    pub fn rivals(&self, now: Time, settle: Span) -> impl Iterator<Item = &Rival> {
        let main = self.main.as_ref();
        self.rivals.iter().filter(move |rival| main.is_some_and(|main| rival.shows(main, now, settle)))
    }

    /// Deployments that are over, in the order in which they ended.
    pub fn past(&self) -> &[Arc<Past>] {
        &self.past
    }

    /// References that could not be pulled.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter()
    }

    /// How many nodes were forgotten to stay within bounds.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many nodes are remembered.
    pub fn nodes_remembered(&self) -> usize {
        self.nodes.len()
    }

    /// The end of the latest gap in the log.
    pub fn gap_at(&self) -> Option<Time> {
        self.gap_at
    }
}

/// The digest of an answer that is one: 2xx, and for a blob the one that was asked for.
fn arrived(observation: &Observation) -> Option<Digest> {
    let asked = match observation.reference {
        Reference::Digest(digest) if observation.object == Object::Blob => Some(digest),
        _ => None,
    };
    let is_answer = (200..300).contains(&observation.status);
    if is_answer { observation.digest.or(asked) } else { None }
}

impl Main {
    fn first(course: Course) -> Self {
        let last_progress = course.opened_at;
        Self {
            course,
            from: None,
            settled_at: None,
            stragglers: 0,
            was_live: false,
            last_progress,
            longest_pause: Span::default(),
            expected: 0,
            hidden: 0,
        }
    }

    fn follow(old: &Main, rival: Rival, settle: Span) -> Self {
        let full = old.nodes(rival.stretch(settle));
        let longest_pause = rival.course.arrivals.longest_pause().min(settle);
        Self {
            from: Some(old.course.digest),
            settled_at: None,
            stragglers: 0,
            was_live: rival.was_live,
            last_progress: rival.course.last_arrival(),
            longest_pause,
            expected: rival.expected(full),
            hidden: if rival.is_cached() { full } else { 0 },
            course: rival.course,
        }
    }

    fn progress(&mut self, at: Time, arrived: u32, settle: Span) {
        if arrived == 0 || self.settled_at.is_some() {
            return;
        }
        if at > self.over_at(settle).max(self.last_progress + settle) {
            self.settled_at = Some(self.last_progress + settle);
        } else {
            self.longest_pause = self.longest_pause.max(at.since(self.last_progress)).min(settle);
            self.last_progress = self.last_progress.max(at);
        }
    }

    /// When the rollout is over, if no further node comes: after twice its longest pause. Before a second node
    /// came, the pace is unknown and the settle time stands for it, unless one node is all there is. No pause counts
    /// for more than the settle time.
    fn over_at(&self, settle: Span) -> Time {
        let is_pace_known = self.course.nodes > 1 || self.expected <= 1;
        let pause = Span::from_ms(self.longest_pause.ms().saturating_mul(PAUSES));
        self.last_progress + if is_pace_known { pause.max(PAUSE_MIN.min(settle)) } else { settle }
    }

    /// Whether its nodes were seen to ask although they hold it: then silence means something.
    fn asks_always(&self) -> bool {
        self.course.checks > 0
    }

    /// How long a way back may turn out to have been a straggler.
    fn hold(&self, settle: Span) -> Span {
        self.over_at(settle).since(self.last_progress).max(settle)
    }

    /// When it settled, or will have if no further node comes.
    pub fn settles_at(&self, settle: Span) -> Time {
        self.settled_at.unwrap_or(self.last_progress + settle)
    }

    /// The last arrival that belongs to the rollout, not to later scaling.
    pub fn progressed_at(&self) -> Time {
        self.last_progress
    }

    /// How many nodes were to be expected when it took over.
    pub fn expected(&self) -> u32 {
        self.expected
    }

    /// How many nodes came to it within the best stretch of such length.
    fn nodes(&self, stretch: Span) -> u32 {
        self.course.arrivals.best(stretch).max(self.hidden)
    }

    fn into_past(self, at: Time, settle: Span) -> Past {
        let settles_at = self.settles_at(settle);
        Past {
            from: self.from,
            end: End::Replaced,
            progressed_at: self.last_progress,
            settled_at: (settles_at <= at).then_some(settles_at),
            ended_at: at,
            was_live: self.was_live,
            stragglers: self.stragglers,
            expected: self.expected,
            course: self.course.closed(),
        }
    }
}

impl Rival {
    /// Whether all its pulls may come from pods that the running image has not replaced yet: it ran before, and its
    /// claim began while the rollout went on. A tag that said otherwise before and says this now excludes that.
    fn straggles(&self, main: &Main, settle: Span) -> bool {
        let is_tag_moved = self.course.tag.is_some() && self.course.tag == main.course.tag;
        self.was_live && !is_tag_moved && self.course.opened_at <= main.over_at(settle)
    }

    /// Whether a single pull is all that speaks for a way back.
    fn is_doubtful(&self, main: &Main) -> bool {
        self.was_live && self.course.nodes <= 1 && main.course.nodes > 1
    }

    /// Whether it may follow the image that runs, or be the way back. What began during the rollout does if the
    /// rollout stopped, and since its last pull several nodes showed this image and none came to the other.
    fn claims(&self, main: &Main, now: Time, settle: Span, haste: Haste) -> bool {
        let hold = if haste == Haste::Keep { main.hold(settle) } else { Span::default() };
        if self.straggles(main, settle) {
            return self.run > 1 && now > main.over_at(settle) + hold;
        }
        let is_answered = self.was_live && main.asks_always() && self.run == 0;
        !is_answered && (!self.is_doubtful(main) || now >= self.course.opened_at + hold)
    }

    /// Whether people see it: as a claim, or as a way back that just opened.
    fn shows(&self, main: &Main, now: Time, settle: Span) -> bool {
        let just_opened = self.returned > 0 && now <= main.over_at(settle);
        just_opened || self.claims(main, now, settle, Haste::Show)
    }

    /// The stretch in which it is compared with the image that runs: as long as its nodes took to come.
    fn stretch(&self, settle: Span) -> Span {
        self.course.last_arrival().since(self.course.opened_at).max(settle)
    }

    /// Whether nodes that hold it need not ask for it: none of them was seen to ask nevertheless.
    fn is_cached(&self) -> bool {
        self.held_by > 0 && self.course.checks == 0 && !self.refetched
    }

    /// How many of `nodes` would ask for it in a rollout.
    fn expected(&self, nodes: u32) -> u32 {
        if !self.is_cached() || self.nodes_then == 0 {
            return nodes;
        }
        let asking = u64::from(self.nodes_then - self.held_by) * u64::from(nodes);
        u32::try_from(asking.div_ceil(u64::from(self.nodes_then))).unwrap_or(nodes)
    }

    /// Whether it speaks for the service: enough of the nodes that would ask for it did.
    fn is_majority(&self, main: &Main, settle: Span) -> bool {
        let nodes = main.nodes(self.stretch(settle));
        let is_cached = self.is_cached() && !main.asks_always();
        let (expected, (part, whole)) =
            if is_cached { (self.expected(nodes), PART_CACHED) } else { (nodes, PART) };
        expected <= FEW || u64::from(self.course.nodes) * whole >= u64::from(expected) * part
    }

    /// How many nodes would have made it whole.
    pub fn whole(&self, main: &Main, settle: Span) -> u32 {
        self.expected(main.nodes(self.stretch(settle)))
    }

    /// Its state at `now`.
    pub fn end(&self, now: Time, settle: Span) -> Option<End> {
        if now.since(self.course.last_arrival()) <= settle {
            None
        } else if self.left > 0 {
            Some(End::Aborted)
        } else {
            Some(End::Mixed)
        }
    }

    fn into_past(self, main: &Main, end: End, at: Time, settle: Span) -> Past {
        Past {
            from: Some(main.course.digest),
            end,
            progressed_at: self.course.last_arrival(),
            settled_at: None,
            ended_at: at,
            was_live: self.was_live,
            stragglers: 0,
            expected: self.whole(main, settle),
            course: self.course.closed(),
        }
    }
}
