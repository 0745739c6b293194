//! One history: the services of some environments, what the proxy saw of them, and what was true.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::family::Family;
use super::image::Image;
use super::life::Style;
use super::play::Play;
use super::record::{Failure, Local};
use super::script;
use super::truth::Truth;
use crate::model::event::{EnvironmentName, Method, Object, Observation};
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Catalogue, Change, ChangeKind, Registration};
use crate::model::time::{Span, Time};

/// The beginning of every history.
const START: Time = Time::from_ms(1_772_431_200_000);

/// A service of an environment.
pub(super) struct Service {
    pub(super) environment: EnvironmentName,
    pub(super) repository: Repository,
    pub(super) images: Vec<Image>,
    pub(super) failures: Vec<Failure>,
    pub(super) locals: Vec<Local>,
    pub(super) truth: Truth,
}

/// A history with its truth.
pub(super) struct History {
    pub(super) family: Family,
    pub(super) seed: u64,
    pub(super) start: Time,
    pub(super) end: Time,
    /// In the order of the log.
    pub(super) observations: Vec<Observation>,
    pub(super) services: Vec<Service>,
    /// Tells whether the catalogue knows the releases.
    pub(super) is_catalogued: bool,
}

/// The services of a family: environment, repository, and the first number of its nodes.
fn places(family: Family) -> Vec<(&'static str, &'static str, usize)> {
    match family {
        Family::Together => {
            ["docker/shop", "docker/cart", "docker/mail"].map(|name| ("production", name, 0)).into()
        }
        Family::SharedChild => vec![("production", "docker/shop", 0), ("staging", "docker/shop", 100)],
        Family::Kitchen => vec![
            ("production", "docker/shop", 0),
            ("production", "docker/cart", 0),
            ("staging", "docker/shop", 100),
            ("staging", "docker/cart", 100),
        ],
        _ => vec![("production", "docker/shop", 0)],
    }
}

impl History {
    pub(super) fn new(family: Family, seed: u64) -> Self {
        let mut dice = Dice::new(seed, &family.name());
        let style = if family == Family::OddVersions || family == Family::SideBySide {
            Style::any(&mut dice)
        } else {
            Style::Semantic
        };
        let shared = script::times(family, START, &mut dice);
        let setup = family.setup(&mut dice);
        let (mut observations, mut services, mut end) = (Vec::new(), Vec::new(), START);
        let mut shapes = BTreeMap::new();
        for (place, (environment, repository, first_node)) in places(family).into_iter().enumerate() {
            let mut dice = Dice::new(seed, &format!("{family:?}{place}"));
            let mut own = family.setup(&mut dice);
            (own.environment, own.repository, own.first_node) = (environment, repository, first_node);
            // A tag of a registry is one manifest, whoever asks for it.
            own.shape = *shapes.entry(repository).or_insert(own.shape);
            own.nodes = own.nodes.max(if family == Family::Together { setup.nodes } else { 0 });
            let times = if family == Family::Together {
                shared.iter().map(|at| *at + dice.seconds(0, 240)).collect()
            } else if place == 0 {
                shared.clone()
            } else {
                script::times(family, START, &mut dice)
            };
            let until = *times.last().unwrap() + dice.hours(10, 20);
            let mut play = Play::new(own, START, dice);
            (play.style, play.shares_children) = (style, family == Family::SharedChild);
            script::write(&mut play, family, &times);
            play.run(until);
            end = end.max(until);
            observations.append(&mut play.record.observations);
            services.push(Service {
                environment: environment.parse().unwrap(),
                repository: repository.parse().unwrap(),
                truth: Truth::of(&play, until),
                failures: play.record.failures,
                locals: play.record.locals,
                images: play.images,
            });
        }
        observations.retain(|observation| observation.at <= end);
        observations.sort_by_key(|observation| observation.at);
        // Several cores stamp and record: the order of the log is that of the answers, their times are a little off.
        for observation in &mut observations {
            observation.at = observation.at + Span::from_ms(i64::try_from(dice.roll(250)).unwrap());
        }
        let mut history = Self {
            family,
            seed,
            start: START,
            end,
            observations,
            services,
            is_catalogued: family != Family::OddVersions && family != Family::SideBySide,
        };
        history.learn_parents(&mut dice);
        history
    }

    /// The parents of manifests, as a proxy knows them: it reads each index once, when it first passes, and of several
    /// that name a manifest the one that it read last is what it says.
    fn learn_parents(&mut self, dice: &mut Dice) {
        let mut children: BTreeMap<Digest, Digest> = BTreeMap::new();
        for image in self.services.iter().flat_map(|service| &service.images) {
            for pair in image.chain.windows(2) {
                children.insert(pair[0], pair[1]);
            }
        }
        let (mut parents, mut read) = (BTreeMap::new(), BTreeSet::new());
        for observation in &mut self.observations {
            let Some(digest) = observation.digest.filter(|_| observation.object == Object::Manifest) else {
                continue;
            };
            if observation.method == Method::Get
                && let Some(child) = children.get(&digest)
                && read.insert(digest)
            {
                parents.insert(*child, digest);
            }
            observation.parent = parents.get(&digest).copied().filter(|_| !dice.chance(4));
        }
    }

    /// The releases of a repository in the order of their publishing.
    pub(super) fn releases(&self) -> Vec<Registration> {
        let mut lines: BTreeMap<&Repository, &[Image]> = BTreeMap::new();
        for service in self.services.iter().filter(|_| self.is_catalogued) {
            let line = lines.entry(&service.repository).or_default();
            if service.images.len() > line.len() {
                *line = &service.images;
            }
        }
        let mut releases = Vec::new();
        for (repository, images) in lines {
            for (number, image) in images.iter().enumerate().filter(|(_, image)| image.is_released) {
                let is_rebuilt = images[..number].iter().any(|before| before.version == image.version);
                releases.push(release(repository, number, image, is_rebuilt));
            }
        }
        releases
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for release in self.releases() {
            catalogue.add(&release, Time::from_ms(0));
        }
        catalogue
    }
}

fn release(repository: &Repository, number: usize, image: &Image, is_rebuilt: bool) -> Registration {
    let change = Change {
        kind: ChangeKind::Fix,
        title: title(number),
        pr: Some(1000 + number as u64),
        issue: None,
        commit: None,
        author: None,
        rule: None,
    };
    Registration {
        digests: vec![image.digest()],
        // A rebuild brings nothing of its own.
        changes: if is_rebuilt { Vec::new() } else { vec![change] },
        ..Registration::named(repository.clone(), &*image.version)
    }
}

/// The title of the change that the build number `number` brought; no other has it.
pub(super) fn title(number: usize) -> String {
    let parts =
        ["basket", "invoice", "ledger", "parcel", "voucher", "stock", "refund", "login", "export", "clock"];
    // Words of their own: the same words in another order would be the same title to a search.
    let places = ["page", "mail", "report", "form", "banner", "archive", "queue", "menu", "header", "chart"];
    format!("Mend the {} of the {}", parts[number % 10], places[(number / 10 + number * 7 + 3) % 10])
}
