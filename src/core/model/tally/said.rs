//! Images of a workload's containers, and their difference to those told before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::ImageName;
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::report::{Reason, RunningImage, TROUBLES_MAX, Trouble};
use crate::model::time::{Span, Time};

/// Most images of one container that are told; of more, those that most containers run.
const IMAGES_MAX: usize = 64;

/// Numbers alone are told this often at most.
pub(super) const COUNTS_EVERY: Span = Span::from_mins(1);

/// A container of a workload, with the repository of its image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) container: Arc<str>,
    pub(super) host: Arc<str>,
    pub(super) repository: Repository,
}

/// All that a container of a workload runs from a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) images: BTreeMap<Digest, Image>,
    /// The number of pods that are wanted.
    pub(super) desired: Option<u64>,
    /// The workload does not exist any more.
    pub(super) is_gone: bool,
    /// Reasons that keep containers of an image from running, with their number.
    pub(super) troubles: BTreeMap<(Option<Reference>, Reason), u64>,
    /// The newest template has this container, or no template is known.
    pub(super) is_wanted: bool,
}

/// The containers that run one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    reference: Option<Reference>,
    running: u64,
    ready: u64,
    nodes: BTreeSet<Arc<str>>,
}

/// The last statement.
#[derive(Debug)]
pub(super) struct Told {
    stand: Stand,
    /// The images that were ready while they ran.
    ready: BTreeSet<Digest>,
    at: Time,
}

/// The haste of news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing is new.
    None,
    /// Only numbers are: from this time on they are told.
    Numbers(Time),
    /// The set of images is another one.
    Set,
}

impl Place {
    pub(super) fn of(container: &Arc<str>, image: &ImageName) -> Self {
        let ImageName { host, repository, .. } = image;
        Self { container: container.clone(), host: host.clone(), repository: repository.clone() }
    }
}

impl Stand {
    /// Takes a running container into account.
    pub(super) fn count(&mut self, digest: &Digest, image: &ImageName, is_ready: bool, node: &Arc<str>) {
        let counted = self.images.entry(*digest).or_default();
        // Of two tags for one image the greater one, whatever comes first.
        counted.reference = counted.reference.take().max(image.tag.clone());
        counted.running += 1;
        counted.ready += u64::from(is_ready);
        counted.nodes.insert(node.clone());
    }

    fn is_at_zero(&self) -> bool {
        self.images.is_empty() && self.desired == Some(0)
    }

    fn same_set(&self, other: &Self) -> bool {
        let set = |stand: &Self| {
            let images = stand.images.iter().map(|(digest, image)| (*digest, image.reference.clone()));
            images.collect::<Vec<_>>()
        };
        (set(self), self.is_gone, self.is_at_zero()) == (set(other), other.is_gone, other.is_at_zero())
    }

    fn same_numbers(&self, other: &Self) -> bool {
        (&self.images, self.desired, &self.troubles) == (&other.images, other.desired, &other.troubles)
    }

    /// The images as they are reported.
    pub(super) fn reported(&self) -> Vec<RunningImage> {
        let mut images: Vec<_> = self.images.iter().collect();
        images.sort_by_key(|(_, image)| std::cmp::Reverse(image.running));
        images.truncate(IMAGES_MAX);
        let told = images.into_iter();
        told.map(|(digest, image)| RunningImage {
            digest: *digest,
            reference: image.reference.clone(),
            running: image.running,
            ready: image.ready,
            nodes: image.nodes.len() as u64,
        })
        .collect()
    }

    /// The troubles as they are reported.
    pub(super) fn reported_troubles(&self) -> Vec<Trouble> {
        let mut troubles: Vec<_> = self.troubles.iter().collect();
        troubles.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        troubles.truncate(TROUBLES_MAX);
        let told = troubles.into_iter();
        told.map(|((reference, reason), count)| Trouble {
            reason: reason.clone(),
            reference: reference.clone(),
            count: *count,
        })
        .collect()
    }

    /// Takes a container into account that does not run.
    pub(super) fn count_trouble(&mut self, image: &ImageName, reason: &Reason) {
        let reference = image.tag.clone().or_else(|| image.digest.map(Reference::Digest));
        *self.troubles.entry((reference, reason.clone())).or_default() += 1;
    }

    /// Tells whether it has troubles that `before` had not, or none any more.
    fn has_other_troubles(&self, before: &Self) -> bool {
        self.troubles.is_empty() != before.troubles.is_empty()
            || self.troubles.keys().any(|trouble| !before.troubles.contains_key(trouble))
    }

    /// Tells whether there is anything to say of it.
    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty() && self.troubles.is_empty()
    }

    fn ready(&self) -> impl Iterator<Item = &Digest> {
        self.images.iter().filter(|(_, image)| image.ready > 0).map(|(digest, _)| digest)
    }
}

impl Told {
    /// Statements of now, after those before.
    pub(super) fn new(stand: Stand, before: Option<Self>, at: Time) -> Self {
        let mut ready = before.map(|before| before.ready).unwrap_or_default();
        ready.retain(|digest| stand.images.contains_key(digest));
        ready.extend(stand.ready().copied());
        Self { stand, ready, at }
    }

    /// Compares what there is with what was told. An image that becomes ready for the first time makes another set: traffic
    /// reaches it from then on. So does a trouble that was not there before.
    pub(super) fn news(&self, stand: &Stand) -> News {
        let is_ready_anew = || stand.ready().any(|digest| !self.ready.contains(digest));
        if !self.stand.same_set(stand) || is_ready_anew() || stand.has_other_troubles(&self.stand) {
            News::Set
        } else if !self.stand.same_numbers(stand) {
            News::Numbers(self.at + COUNTS_EVERY)
        } else {
            News::None
        }
    }

    /// Tells whether it may be forgotten: nothing runs, and nothing will.
    pub(super) fn is_over(&self) -> bool {
        self.stand.is_gone || (self.stand.is_empty() && !self.stand.is_wanted)
    }
}
