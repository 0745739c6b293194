//! A git history as it truly is, and the less that Landfall is told of it.

use std::collections::BTreeSet;

use crate::model::deployments::{Rules, State};
use crate::model::event::{Event, Method, Object, Observation, TokenId, TokenKind};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Catalogue, Change, Registration, reverts};
use crate::model::time::{Span, Time};

pub(super) const START: Time = Time::from_ms(1_772_431_200_000);
/// Numbers begin so that runs of digits grow by one.
const FIRST: usize = 8;
/// Few titles, so that many changes share one.
const TITLES: [&str; 3] = ["fix: cart is empty", "fix: rounding of tips", "feat: gift wrapping"];

/// Ways of naming the releases of the main line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Family {
    Minor,
    Patch,
    Candidate,
    Package,
    Described,
    Counter,
    Day,
    Commit,
    Hotfix,
}

pub(super) const FAMILIES: [Family; 9] = [
    Family::Minor,
    Family::Patch,
    Family::Candidate,
    Family::Package,
    Family::Described,
    Family::Counter,
    Family::Day,
    Family::Commit,
    Family::Hotfix,
];

impl Family {
    fn version(self, count: usize) -> String {
        let number = FIRST + count;
        match self {
            Self::Minor => format!("v1.{number}.0"),
            Self::Patch => format!("1.4.{number}"),
            Self::Candidate => format!("1.4.0-rc{number}"),
            Self::Package => format!("1.4.0-debian-12-r{number}"),
            Self::Described => format!("v1.4.0-{number}-g{}", commit(count)),
            Self::Counter => format!("build-{number}"),
            Self::Day => format!("20260301.{number}"),
            Self::Commit => commit(count),
            Self::Hotfix => format!("1.4.0-hotfix{number}"),
        }
    }
}

/// As people and bots write the title of a pick.
fn as_pick(title: &str, number: u64, form: usize) -> String {
    match form % 4 {
        0 => format!("{title} (cherry-pick #{number})"),
        1 => format!("[release-1.x] {title} (#{number})"),
        2 => format!("Backport #{number}: {title}"),
        _ => format!("{title} (#{number})"),
    }
}

fn commit(count: usize) -> String {
    Digest::of(&[u8::try_from(count).unwrap()]).to_string()["sha256:".len()..][..6].to_owned() + "a1"
}

/// One release as it truly is.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    version: String,
    parents: Vec<usize>,
    /// The changes that it contains, by the number of the request that first made each.
    pub(super) content: BTreeSet<u64>,
    /// The changes that it lists: title, number, and identity.
    pub(super) listed: Vec<(String, u64, u64)>,
    is_main: bool,
    /// The changes that it takes out and those that it brings again.
    removed: Vec<u64>,
    added: Vec<u64>,
}

/// A step of the history, as the dice have it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The main line's next release, with a change of this title.
    Main(usize),
    /// The main line's next release, which takes a change of an earlier one back.
    Revert(usize),
    /// A release of a branch of the main line's release (the branch is kept): with a change of its own, or a pick.
    Branch { of: usize, title: usize, pick: Option<(usize, usize)> },
}

/// The amount that Landfall is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) family: Family,
    pub(super) has_parents: bool,
    pub(super) has_digests: bool,
    /// Registration begins with the latest; where names say nothing of the order, that would be a lie.
    pub(super) is_reversed: bool,
    /// So many of the latest are registered by nobody.
    pub(super) left_out: usize,
}

pub(super) struct World {
    telling: Telling,
    pub(super) made: Vec<Made>,
    requests: u64,
}

impl World {
    pub(super) fn new(telling: Telling, steps: &[Step]) -> Self {
        let mut world = Self { telling, made: Vec::new(), requests: 9 };
        world.main(0);
        world.main(1);
        for step in steps {
            match *step {
                Step::Main(title) => world.main(title),
                Step::Revert(which) => world.revert(which),
                Step::Branch { of, title, pick } => world.branch(of, title, pick),
            }
        }
        world
    }

    pub(super) fn mains(&self) -> Vec<usize> {
        (0..self.made.len()).filter(|&place| self.made[place].is_main).collect()
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn main(&mut self, title: usize) {
        let mains = self.mains();
        let request = self.request();
        let parents: Vec<usize> = mains.last().copied().into_iter().collect();
        let mut content =
            parents.first().map(|&parent| self.made[parent].content.clone()).unwrap_or_default();
        content.insert(request);
        let listed = vec![(TITLES[title % TITLES.len()].to_owned(), request, request)];
        let version = self.telling.family.version(mains.len());
        self.made.push(Made { version, parents, content, listed, is_main: true, ..Made::default() });
    }

    fn revert(&mut self, which: usize) {
        let mains = self.mains();
        let target = &self.made[mains[which % mains.len()]];
        let (title, number, change) = target.listed[0].clone();
        // A change that takes a revert back brings again what that took out.
        let removed: Vec<u64> = target.added.iter().copied().chain([change]).collect();
        let added = target.removed.clone();
        self.main(0);
        if let Some(made) = self.made.last_mut() {
            made.content.extend(&added);
            made.content.retain(|change| !removed.contains(change));
            (made.removed, made.added) = (removed, added);
            made.listed[0].0 = match which % 5 {
                0 => format!("Revert \"{title} (#{number})\""),
                1 => format!("Temporarily revert #{number}"),
                2 => format!("fix: back out #{number}"),
                3 => format!("Undo \"{title} (#{number})\""),
                _ => format!("Revert the last one (!{number})"),
            };
        }
    }

    /// Only in families that can say so: `v1.8.1` after `v1.8.0`; commits and descriptions say nothing of branches. The
    /// first branch is never of the latest release, so that a catalogue shows that there are branches.
    fn branch(&mut self, of: usize, title: usize, pick: Option<(usize, usize)>) {
        let mains = self.mains();
        let has_branches = mains.len() < self.made.len();
        let choice = if has_branches { mains.len() } else { mains.len() - 1 };
        let line = of % choice;
        let base = match self.telling.family {
            Family::Minor => format!("v1.{}", FIRST + line),
            Family::Commit if self.telling.has_parents => String::new(),
            _ => return,
        };
        let begins = format!("{base}.");
        let is_of_line = |made: &Made| !base.is_empty() && made.version.starts_with(&begins);
        let patches = self.made.iter().filter(|made| is_of_line(made)).count();
        let parent = self.made.iter().rposition(is_of_line).unwrap_or(mains[line]);
        let version = if base.is_empty() {
            commit(100 + self.made.len())
        } else {
            format!("{base}.{}", if patches == 1 { 9 } else { 8 + patches })
        };
        let request = self.request();
        let mut content = self.made[parent].content.clone();
        // A change that only the branch has, or one of the main line.
        let picked = pick.map(|(which, form)| (&self.made[mains[which % mains.len()]], form));
        if let Some((made, _)) = picked {
            content.extend(&made.added);
            content.retain(|change| !made.removed.contains(change));
        }
        let picked = picked.map(|(made, form)| (made.listed[0].clone(), form));
        let (title, change) = match picked {
            Some(((title, number, change), form)) => (as_pick(&title, number, form), change),
            None => (TITLES[title % TITLES.len()].to_owned(), request),
        };
        content.insert(change);
        let listed = vec![(title, request, change)];
        self.made.push(Made { version, parents: vec![parent], content, listed, ..Made::default() });
    }

    fn digest(&self, place: usize) -> Digest {
        Digest::of(self.made[place].version.as_bytes())
    }

    pub(super) fn goes_on_from(&self, place: usize, other: usize) -> bool {
        place == other || self.made[place].parents.iter().any(|&parent| self.goes_on_from(parent, other))
    }

    /// The releases that are registered, in that order.
    pub(super) fn told(&self) -> Vec<usize> {
        // A change that takes another back is registered: nothing else tells of it.
        let takes_back = |made: &Made| reverts(&made.listed[0].0).next().is_some();
        let reverts = self.made.iter().rposition(takes_back);
        let known = self.made.len().saturating_sub(self.telling.left_out).max(1);
        let mut told: Vec<usize> = (0..known.max(reverts.map_or(0, |place| place + 1))).collect();
        if self.telling.is_reversed && !matches!(self.telling.family, Family::Commit) {
            told.reverse();
        }
        told
    }

    fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for place in self.told() {
            let made = &self.made[place];
            let changes = made.listed.iter().map(|(title, number, _)| Change {
                pr: Some(*number),
                ..Change::parse(title, None).unwrap()
            });
            // As people send them: the title as it is.
            let changes = changes
                .zip(&made.listed)
                .map(|(change, (title, ..))| Change { title: title.clone(), ..change });
            let parents = made.parents.iter().filter(|_| self.telling.has_parents);
            catalogue.add(
                &Registration {
                    digests: if self.telling.has_digests { vec![self.digest(place)] } else { Vec::new() },
                    parents: parents.map(|&parent| self.made[parent].version.clone()).collect(),
                    changes: changes.collect(),
                    ..Registration::named(repository(), made.version.as_str())
                },
                START,
            );
        }
        catalogue
    }

    /// The state after each of `runs` ran for a day, the first first.
    pub(super) fn folded(&self, runs: &[usize]) -> State {
        let mut state = State::new(Rules::default());
        state.set_catalogue(self.catalogue());
        for (day, &place) in runs.iter().enumerate() {
            for node in 0..3_i64 {
                let at = START
                    + Span::from_mins(24 * 60 * i64::try_from(day).unwrap())
                    + Span::from_secs(node * 20);
                state.apply(&Event::Observed(self.pull(at, node, place)));
            }
        }
        state
    }

    fn pull(&self, at: Time, node: i64, place: usize) -> Observation {
        Observation {
            at,
            environment: environment(),
            token: TokenId::new("tok_1"),
            token_kind: TokenKind::Cluster,
            client: format!("10.0.0.{node}").into(),
            agent: "containerd/v1.7.22".into(),
            method: Method::Head,
            repository: repository(),
            reference: self.made[place].version.parse().unwrap(),
            digest: Some(self.digest(place)),
            object: Object::Manifest,
            media_type: None,
            status: 200,
            bytes: 0,
            parent: None,
        }
    }
}

fn repository() -> Repository {
    "shop/till".parse().unwrap()
}

pub(super) fn environment() -> EnvironmentName {
    "production".parse().unwrap()
}
