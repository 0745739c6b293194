//! Services × environments: which version runs where, and who is ahead.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::image::{Placed, release_of, tag, version};
use super::service::ServiceAt;
use super::states::Phase;
use crate::model::deployments::State;
use crate::model::deployments::current::Current;
use crate::model::deployments::rollout::Rollout;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Named, Number, Relation};
use crate::model::time::Time;

/// One service across the environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The service's repository.
    pub repository: Repository,
    /// Environment by environment; none where nothing of it runs, as far as was seen.
    pub cells: Vec<Option<Cell>>,
    /// Every environment that runs it runs the same.
    pub is_level: bool,
}

/// One service in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The version, or else the digest, short.
    pub label: Rc<str>,
    /// The top-level digest.
    pub digest: Digest,
    /// Its standing beside the latest that runs anywhere.
    pub mark: Mark,
    /// Releases that it lacks: those that the catalogue has, and images that run elsewhere.
    pub lacks: usize,
    /// Tells whether it is still rolling out, or mixed.
    pub state: Phase,
    /// The latest pull that showed it, or until when witnesses saw it.
    pub last_seen_at: Time,
    /// The images that run beside it, by their versions.
    pub beside: Vec<String>,
}

/// The standing of an environment's image beside the latest of it that runs anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nobody is ahead of it.
    Level,
    /// It is the latest, and others are behind.
    Ahead,
    /// A later release runs elsewhere: so many releases later, as far as they are known.
    Behind(usize),
    /// Neither contains the other.
    Apart,
    /// Nothing is known that could tell.
    Unknown,
}

/// One image of a row.
struct Image<'a> {
    digest: &'a Digest,
    placed: Placed,
    label: Rc<str>,
    /// The catalogue has its release.
    is_listed: bool,
}

/// Rows that are shown: as many as somebody looks through.
const ROWS_MAX: usize = 500;

/// Images of one service that are compared with each other: as many versions run beside each other rarely.
const COMPARED_MAX: usize = 24;

/// The rows of these environments, and how many more there would be.
pub(super) fn rows(state: &State, lanes: &[Vec<ServiceAt<'_>>]) -> (Vec<Row>, usize) {
    let mut by_repository: BTreeMap<&Repository, Vec<(usize, &ServiceAt<'_>, &Current)>> = BTreeMap::new();
    for (place, lane) in lanes.iter().enumerate() {
        for asked in lane {
            if let Some(current) = asked.runs() {
                by_repository.entry(asked.repository).or_default().push((place, asked, current));
            }
        }
    }
    let more = by_repository.len().saturating_sub(ROWS_MAX);
    let shown = by_repository.into_iter().take(ROWS_MAX);
    let rows = shown.map(|(repository, running)| row(state, repository, &running, lanes.len()));
    (rows.collect(), more)
}

fn row(
    state: &State,
    repository: &Repository,
    running: &[(usize, &ServiceAt<'_>, &Current)],
    width: usize,
) -> Row {
    // Few images run in many environments: each is looked up once.
    let mut images: Vec<Image<'_>> = Vec::new();
    let mut of: Vec<usize> = Vec::with_capacity(running.len());
    for (_, _, current) in running {
        let rollout = &current.rollout;
        let known = images.iter().position(|image| *image.digest == rollout.digest);
        of.push(known.unwrap_or_else(|| {
            images.push(Image::of(state, repository, rollout));
            images.len() - 1
        }));
    }
    let marks = marks(state, repository, &images);
    let lacks = lacks(state, repository, &images);
    let is_level = marks.iter().all(|mark| *mark == Mark::Level);
    let mut cells = vec![None; width];
    for ((place, asked, current), image) in running.iter().zip(of) {
        cells[*place] = Some(Cell {
            label: images[image].label.clone(),
            digest: *images[image].digest,
            mark: marks[image],
            lacks: lacks[image],
            state: asked.phase_now().unwrap_or(Phase::Settled),
            last_seen_at: asked.seen(current, None).last_seen_at,
            beside: asked.labels_beside(),
        });
    }
    Row { repository: repository.clone(), cells, is_level }
}

impl<'a> Image<'a> {
    fn of(state: &State, repository: &Repository, rollout: &'a Rollout) -> Self {
        let label = version(state, repository, &rollout.digest, tag(rollout));
        let label = label.unwrap_or_else(|| rollout.digest.short());
        let placed = Placed::of(state, repository, &rollout.digest, tag(rollout));
        let is_listed = release_of(state, repository, &rollout.digest, tag(rollout)).is_some();
        Self { digest: &rollout.digest, placed, label: label.into(), is_listed }
    }

    fn named(&self) -> Named<'_> {
        self.placed.named()
    }
}

/// The number of releases that each image lacks: later ones of the catalogue, and later images that nobody registered.
fn lacks(state: &State, repository: &Repository, images: &[Image<'_>]) -> Vec<usize> {
    let line = state.catalogue().line(repository);
    let listed = |image: &Image<'_>| {
        let is_pre = image.named().version.and_then(Number::parse).is_some_and(|it| it.is_prerelease());
        line.map_or(0, |line| line.behind(image.named(), is_pre).later.len())
    };
    let mut lacks: Vec<usize> = images.iter().map(listed).collect();
    let compared = images.iter().take(COMPARED_MAX).enumerate();
    for (here, image) in compared.clone() {
        for (there, other) in compared.clone().skip(here + 1) {
            if image.is_listed && other.is_listed {
                continue;
            }
            match state.catalogue().relation(repository, image.named(), other.named()) {
                Relation::Later => lacks[here] += usize::from(!other.is_listed),
                Relation::Earlier => lacks[there] += usize::from(!image.is_listed),
                Relation::Same | Relation::Incomparable | Relation::Unknown => {}
            }
        }
    }
    lacks
}

/// The standing of each image beside the latest of them.
fn marks(state: &State, repository: &Repository, images: &[Image<'_>]) -> Vec<Mark> {
    let catalogue = state.catalogue();
    let relation =
        |from: &Image<'_>, to: &Image<'_>| catalogue.relation(repository, from.named(), to.named());
    let latest = images
        .iter()
        .reduce(|latest, other| if relation(latest, other) == Relation::Later { other } else { latest });
    let Some(latest) = latest else { return Vec::new() };
    let stands = images.iter().map(|image| {
        if image.digest == latest.digest {
            return Mark::Level;
        }
        match relation(latest, image) {
            // Two digests of one release, as after a rebuild.
            Relation::Same => Mark::Level,
            Relation::Earlier => {
                Mark::Behind(catalogue.between(repository, image.named(), latest.named()).len())
            }
            Relation::Later | Relation::Incomparable => Mark::Apart,
            Relation::Unknown => Mark::Unknown,
        }
    });
    let mut stands: Vec<Mark> = stands.collect();
    if stands.contains(&Mark::Unknown) {
        // A release that may not be the latest is no measure.
        stands.iter_mut().filter(|mark| **mark == Mark::Level).for_each(|mark| *mark = Mark::Unknown);
    }
    if stands.iter().any(|mark| matches!(mark, Mark::Behind(_))) {
        for mark in stands.iter_mut().filter(|mark| **mark == Mark::Level) {
            *mark = Mark::Ahead;
        }
    }
    stands
}
