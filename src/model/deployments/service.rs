//! One service: which image runs, which ones claim to follow it, and who was it before.
//!
//! The rules, by number, are those of README.md.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{EnvironmentName, Object, Observation};
use crate::model::oci::{Digest, Reference, Repository, Tag};
use crate::model::time::{Span, Time};

use super::claim::{End, Haste, Main, Past, Rival, standstill};
use super::course::Course;
use super::pull::{COMPLETE, Grade, Node, NodeKey, Pull};
use super::shards::Shards;
use super::verdict::{Correction, Rule};

/// Most nodes that are remembered for a service.
const NODES_MAX: usize = 16_384;

/// Most images that claim to follow the current one at the same time.
const RIVALS_MAX: usize = 8;

/// Most past deployments that are remembered for a service.
const PAST_MAX: usize = 4_096;

/// The weight of a past deployment, in nodes.
const DEPLOYMENT_WEIGHT: usize = 2;

/// A service: a repository in an environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    /// Environment and repository, as identifiers name them.
    place: Arc<str>,
    nodes: Shards<NodeKey, Node>,
    /// Open pulls in the order in which they end.
    open: BTreeSet<(Time, NodeKey, Digest)>,
    /// The latest time seen.
    clock: Time,
    main: Option<Main>,
    rivals: Vec<Rival>,
    past: Arc<VecDeque<Arc<Past>>>,
    /// The images before, as far as `past` goes.
    lived: Arc<BTreeMap<Digest, Lived>>,
    /// The opening of each of `past`, by its identity.
    opened: Arc<BTreeMap<u64, Time>>,
    forgotten: u64,
    is_prepulled: bool,
    /// Services were forgotten before this one came: it may have run before.
    may_have_run: bool,
    /// The latest time that a request for it was answered with an image.
    heard_at: Time,
    /// The time when [`super::State`] is to look at it again.
    pub(super) listed_at: Option<Time>,
    /// Pulls that ended and were not taken yet, see [`Service::take_ended`].
    #[serde(skip)]
    ended: Vec<Ended>,
}

/// A pull that ended well: what it pulled works.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Digest,
    pub(crate) at: Time,
}

/// The meaning of a node's request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The index that a platform manifest turned out to belong to.
    pub(crate) index: Option<Digest>,
    /// The tag under which what was refused was asked for, where it is known.
    pub(crate) refused_tag: Option<Tag>,
}

/// An image that ran before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Lived {
    times: u32,
    first_at: Time,
}

impl Service {
    pub(crate) fn new(environment: &EnvironmentName, repository: &Repository, may_have_run: bool) -> Self {
        Self { place: format!("{environment}\0{repository}").into(), may_have_run, ..Self::default() }
    }

    /// The identity of the deployment that this course opened, in 48 bits: the same log gives the same.
    pub fn identity(&self, course: &Course) -> u64 {
        let text = format!("{}\0{}\0{}", self.place, course.digest, course.opened_at.ms());
        let digest = Digest::of(text.as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first) >> 16)
    }

    /// The opening of the deployment that is over and has this identity.
    pub fn opened_at(&self, identity: u64) -> Option<Time> {
        self.opened.get(&identity).copied()
    }

    /// Takes a node's request into account.
    pub(crate) fn node(
        &mut self,
        observation: &Observation,
        runtime: Runtime,
        index: Option<Digest>,
        settle: Span,
    ) -> Told {
        self.clock = self.clock.max(observation.at);
        self.end_pulls(self.clock, settle);
        let key = NodeKey { client: observation.client.clone(), runtime };
        let Some(digest) = arrived(observation) else {
            // An address that was never answered is no node.
            let Some(node) = self.nodes.get_mut(&key) else { return Told::default() };
            node.last_at = node.last_at.max(observation.at);
            return Told { index: None, refused_tag: node.refused(observation) };
        };
        self.heard_at = self.heard_at.max(observation.at);
        if observation.object == Object::Blob {
            if let Some(node) = self.nodes.get_mut(&key) {
                node.last_at = node.last_at.max(observation.at);
                node.blob(observation, digest);
            }
            return Told::default();
        }
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        node.last_at = node.last_at.max(observation.at);
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
        Told { index: guessed, refused_tag: None }
    }

    /// The time when its next pull is complete.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.open.first().map(|(first_at, ..)| *first_at + COMPLETE)
    }

    /// Ends the pulls that are complete at `now`.
    pub(crate) fn wake(&mut self, now: Time, settle: Span) {
        self.clock = self.clock.max(now);
        self.end_pulls(now, settle);
    }

    /// Notes that a node has an image that it need not run.
    pub(crate) fn prepull(&mut self, observation: &Observation, runtime: Runtime, index: Option<Digest>) {
        self.clock = self.clock.max(observation.at);
        let (Some(digest), Object::Manifest) = (arrived(observation), observation.object) else { return };
        self.heard_at = self.heard_at.max(observation.at);
        let key = NodeKey { client: observation.client.clone(), runtime };
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        self.is_prepulled = true;
        node.hold(index.unwrap_or(digest), None);
    }

    /// The service as it looks at `now`, should nothing more happen: open pulls that look well count, and what
    /// waits for time to pass is decided.
    pub(crate) fn at(&self, now: Time, settle: Span) -> Cow<'_, Self> {
        if self.open.is_empty() && self.rivals.is_empty() {
            return Cow::Borrowed(self); // nothing waits
        }
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
        Cow::Owned(then)
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
        self.ended.push(Ended { tag: pull.tag.clone(), digest: pull.digest, at: pull.at });
        let held = before.holds(&pull.digest);
        let arrived = |since: Time| match pull.is_shared {
            true => pull.starts,
            false => u32::from(!before.showed(&pull.digest, since)),
        };
        match main {
            None => {
                let mut course = Course::new(pull.digest, pull.at);
                course.add(&pull, arrived(pull.at), held, true);
                course.is_shared = pull.is_shared;
                self.main = Some(Main::first(course));
            }
            Some((digest, opened_at)) if digest == pull.digest => {
                self.support(&pull, arrived(opened_at), held, &before, settle);
            }
            Some((digest, opened_at)) => {
                let refetched = held && !pull.is_shared && pull.grade == Grade::Transfer;
                let is_always = self.main.as_ref().is_some_and(Main::asks_always);
                let place = self.rival(&pull, &before, settle);
                let rival = &mut self.rivals[place];
                let since = rival.course.opened_at;
                let is_new = arrived(since) > 0 || is_always && !rival.course.is_latest(&pull.node);
                rival.votes += u32::from(is_new && pull.at.since(rival.course.last_at) > settle);
                let in_run = arrived(rival.run_from.unwrap_or(pull.at));
                rival.course.add(&pull, arrived(since), held, true);
                rival.course.is_shared |= pull.is_shared;
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
        let over_at = main.over_at(settle);
        // Earlier verdicts and their rules are those of the moment before this pull.
        let seen = |rival: &Rival| {
            let rule = if rival.straggles(main, settle) { Rule::Stragglers } else { Rule::Hold };
            rival.strayed(main, pull.at, settle, rule)
        };
        let mut seen: VecDeque<Option<Correction>> = self.rivals.iter().map(seen).collect();
        main.progress(pull.at, arrived, settle);
        main.course.add(pull, arrived, held, main.settled_at.is_none());
        main.course.is_shared |= pull.is_shared;
        let hold = main.hold_single(settle);
        let (mut stragglers, mut corrections) = (0, Vec::new());
        self.rivals.retain_mut(|rival| {
            let strayed = seen.pop_front().flatten();
            rival.answered(pull.at, node, arrived > 0, pull.at <= over_at, settle);
            let in_time = rival.course.opened_at <= over_at || main.asks_always();
            let is_straggler = rival.run == 0 && rival.was_live && in_time;
            let in_hold = arrived > 0 && rival.is_doubtful(main) && pull.at <= rival.course.opened_at + hold;
            if is_straggler || in_hold {
                stragglers += rival.course.pulls;
                corrections.extend(strayed);
            }
            !(is_straggler || in_hold)
        });
        main.stragglers = main.stragglers.saturating_add(stragglers);
        corrections.into_iter().for_each(|correction| main.course.correct(correction));
    }

    /// The place of the rival that `pull` speaks for.
    fn rival(&mut self, pull: &Pull, before: &Node, settle: Span) -> usize {
        let Some(main) = &self.main else { return 0 };
        if let Some(place) = self.rivals.iter().position(|rival| rival.course.digest == pull.digest) {
            let rival = &self.rivals[place];
            let is_new = pull.is_shared || !before.showed(&pull.digest, rival.course.opened_at);
            let straggled = rival.straggles(main, settle);
            let paused = pull.at.since(rival.course.last_arrival()) > standstill(settle);
            let is_over = straggled && pull.at.since(rival.course.last_at) > main.hold(settle);
            let begins_anew = is_over || paused && is_new;
            if !begins_anew {
                return place;
            }
            // Earlier verdicts on it are over; this begins anew.
            let rival = self.rivals.remove(place);
            self.give_up(rival, pull.at, settle);
        }
        self.open_rival(pull, settle)
    }

    /// A claim that came to nothing: stragglers, or a deployment that stayed a minority.
    fn give_up(&mut self, rival: Rival, at: Time, settle: Span) {
        let Some(main) = &mut self.main else { return };
        if rival.strays(main, settle) {
            main.straggled(&rival, at, settle);
        } else {
            let end = if rival.left > 0 { End::Aborted } else { End::Mixed };
            let past = rival.into_past(main, end, at, settle);
            self.remember(past);
        }
    }

    fn open_rival(&mut self, pull: &Pull, settle: Span) -> usize {
        if self.rivals.len() == RIVALS_MAX {
            let oldest = self.rivals.remove(0);
            self.give_up(oldest, pull.at, settle);
        }
        let Some(main) = &self.main else { return 0 };
        let (digest, opened_at) = (main.course.digest, main.course.opened_at);
        let lived_at = self.lived.get(&pull.digest).map(|lived| lived.first_at);
        let main_lived_at = self.lived.get(&digest).map_or(opened_at, |lived| lived.first_at);
        let was_live = lived_at.is_some();
        let (mut nodes_then, mut held_by) = (0, 0);
        // Only these can be in caches, and only then is every node asked.
        let may_be_cached = was_live || self.is_prepulled;
        let nodes = self.nodes.values().filter(|node| may_be_cached && node.showed(&digest, opened_at));
        for node in nodes {
            nodes_then += 1;
            held_by += u32::from(node.caches(&pull.digest, was_live));
        }
        self.rivals.push(Rival {
            course: Course::new(pull.digest, pull.at),
            was_live,
            is_late: main.is_whole() && main.stragglers == 0,
            is_down: lived_at.is_some_and(|at| at < main_lived_at),
            votes: 0,
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

    /// Lets the strongest claim win, if one does.
    fn decide(&mut self, now: Time, settle: Span, haste: Haste) {
        while let Some(main) = &self.main {
            let verdict = |rival: &Rival| rival.verdict(main, now, settle, haste);
            let found =
                self.rivals.iter().map(verdict).enumerate().find_map(|(place, rule)| Some((place, rule?)));
            let Some((place, rule)) = found else {
                return;
            };
            let rival = self.rivals.remove(place);
            self.succeed(rival, now, settle, rule);
        }
    }

    /// The rival takes over.
    fn succeed(&mut self, mut rival: Rival, now: Time, settle: Span, rule: Rule) {
        let Some(mut old) = self.main.take() else { return };
        if rival.straggles(&old, settle) {
            // Its first pulls were stragglers; it came back with the run that nothing answered.
            rival.course.opened_at = rival.run_from.unwrap_or(rival.course.opened_at);
        }
        let at = rival.course.opened_at;
        let others = std::mem::take(&mut self.rivals);
        for other in others {
            if other.strays(&old, settle) {
                old.straggled(&other, now, settle);
            } else {
                let past = other.into_past(&old, End::Aborted, at, settle);
                self.remember(past);
            }
        }
        rival.correct(&old, now, settle, rule);
        let main = Main::follow(&old, rival, rule, settle);
        self.remember(old.into_past(at, settle));
        self.main = Some(main);
    }

    fn remember(&mut self, past: Past) {
        let identity = self.identity(&past.course);
        let (all, lived) = (Arc::make_mut(&mut self.past), Arc::make_mut(&mut self.lived));
        if past.end == End::Replaced {
            let first_at = past.course.opened_at;
            lived.entry(past.course.digest).or_insert(Lived { times: 0, first_at }).times += 1;
        }
        Arc::make_mut(&mut self.opened).insert(identity, past.course.opened_at);
        all.push_back(Arc::new(past));
        if all.len() <= PAST_MAX {
            return;
        }
        let Some(oldest) = all.pop_front() else { return };
        let identity = self.identity(&oldest.course);
        Arc::make_mut(&mut self.opened).remove(&identity);
        if oldest.end != End::Replaced {
            return;
        }
        let lived = Arc::make_mut(&mut self.lived);
        if let Entry::Occupied(mut times) = lived.entry(oldest.course.digest) {
            times.get_mut().times -= 1;
            if times.get().times == 0 {
                times.remove();
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
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &Past> {
        self.past.iter().map(Arc::as_ref)
    }

    /// The pulls that ended since this was last called. In a service as it looks at a time: those that look ended then.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// The pulls that look ended, in a service as it looks at a time.
    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// The strength of the evidence that it runs: nothing, a single pull, or more.
    pub(crate) fn proof(&self) -> u8 {
        match &self.main {
            None => 0,
            Some(main) if main.course.pulls <= 1 && self.past.is_empty() => 1,
            Some(_) => 2,
        }
    }

    /// The latest time that a request for it was answered with an image.
    pub(crate) fn heard_at(&self) -> Time {
        self.heard_at
    }

    /// The cost of remembering it: its nodes, and its past deployments, which take more each.
    pub(crate) fn weight(&self) -> usize {
        self.nodes.len() + DEPLOYMENT_WEIGHT * self.past.len()
    }

    /// Whether it may have run before its first deployment here: services were forgotten before it came.
    pub fn may_have_run(&self) -> bool {
        self.may_have_run
    }

    /// The number of nodes that were forgotten to stay within bounds.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number of nodes that are remembered.
    pub fn nodes_remembered(&self) -> usize {
        self.nodes.len()
    }
}

/// The digest of an answer that is one: 2xx, and for a blob the one that was asked for.
pub(super) fn arrived(observation: &Observation) -> Option<Digest> {
    let asked = match observation.reference {
        Reference::Digest(digest) if observation.object == Object::Blob => Some(digest),
        _ => None,
    };
    let is_answer = (200..300).contains(&observation.status);
    if is_answer { observation.digest.or(asked) } else { None }
}
