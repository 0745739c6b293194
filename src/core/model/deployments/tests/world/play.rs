//! A service on its nodes: an agenda of deeds, and the pods that come and go by them.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Fault, Pull, Puller};
use super::deeds::MAIN;
use super::dice::Dice;
use super::image::{Image, Naming, Shape};
use super::life::Style;
use super::node::{Node, Runtime};
use super::record::{Failure, Record, Shown};
use super::workload::Workload;
use crate::model::event::{TokenId, TokenKind};
use crate::model::oci::Reference;
use crate::model::time::{Span, Time};

/// The way in which a service is set up.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) environment: &'static str,
    pub(super) repository: &'static str,
    pub(super) runtime: Runtime,
    /// `imagePullPolicy: Always`.
    pub(super) asks_always: bool,
    pub(super) replicas: usize,
    pub(super) nodes: usize,
    pub(super) regions: usize,
    pub(super) shape: Shape,
    pub(super) naming: Naming,
    /// Peers hand images on (Spegel), so the registry hears of the first of them.
    pub(super) has_mirror: bool,
    /// All nodes come from one address.
    pub(super) one_address: bool,
    /// The runtime asks for a signature first.
    pub(super) is_signed: bool,
    /// One pod after the other, none before another is gone: a StatefulSet, a DaemonSet.
    pub(super) one_by_one: bool,
    /// Seconds that a layer takes, at least and at most.
    pub(super) layer_s: (usize, usize),
    /// Seconds from the image to readiness, at least and at most.
    pub(super) ready_s: (usize, usize),
    /// The first of its nodes' numbers.
    pub(super) first_node: usize,
}

/// Something that will happen.
type Deed = Box<dyn FnOnce(&mut Play)>;

/// A running container of the image, or one that is about to be.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    /// The workload that made it; none for jobs.
    pub(super) workload: Option<usize>,
    pub(super) revision: u32,
    pub(super) node: usize,
    pub(super) reference: Reference,
    pub(super) image: Option<usize>,
    pub(super) is_ready: bool,
    pub(super) tries: u32,
}

/// One service, while it is played.
pub(super) struct Play {
    pub(super) setup: Setup,
    pub(super) dice: Dice,
    pub(super) now: Time,
    agenda: BTreeMap<(Time, u64), Deed>,
    deeds: u64,
    pub(super) images: Vec<Image>,
    /// The registry's references.
    pub(super) tags: BTreeMap<Reference, usize>,
    pub(super) faults: Vec<(usize, Fault)>,
    /// Images whose containers end soon after their start.
    pub(super) crashing: BTreeSet<usize>,
    pub(super) nodes: Vec<Node>,
    pub(super) pods: BTreeMap<u32, Pod>,
    pub(super) next_pod: u32,
    pub(super) workloads: Vec<Workload>,
    /// The workload that serves, where two fleets take turns.
    pub(super) live: usize,
    pub(super) token: TokenId,
    /// The way of naming versions.
    pub(super) style: Style,
    /// Tells whether builds that changed nothing share a platform's manifest.
    pub(super) shares_children: bool,
    pub(super) record: Record,
}

impl Play {
    pub(super) fn new(setup: Setup, start: Time, dice: Dice) -> Self {
        let mut play = Self {
            dice,
            now: start,
            agenda: BTreeMap::new(),
            deeds: 0,
            images: Vec::new(),
            tags: BTreeMap::new(),
            faults: Vec::new(),
            crashing: BTreeSet::new(),
            nodes: Vec::new(),
            pods: BTreeMap::new(),
            next_pod: 0,
            workloads: Vec::new(),
            live: MAIN,
            token: TokenId::new(&format!("tok_{}", setup.environment)),
            style: Style::Semantic,
            shares_children: false,
            record: Record::default(),
            setup,
        };
        for number in 0..play.setup.nodes {
            play.add_node(number % play.setup.regions);
        }
        play
    }

    pub(super) fn add_node(&mut self, region: usize) -> usize {
        let number = self.setup.first_node + self.nodes.len();
        let address = if self.setup.one_address {
            "203.0.113.7".to_owned()
        } else {
            format!("10.{}.{}.{}", 20 + region, number / 200, 5 + number % 200)
        };
        let (low, high) = self.setup.layer_s;
        let layer_time = Span::from_ms(self.dice.seconds(low, high).ms() + 200);
        self.nodes.push(Node::new(address.into(), region, layer_time));
        self.nodes.len() - 1
    }

    /// Plans `deed`.
    pub(super) fn after(&mut self, wait: Span, deed: impl FnOnce(&mut Play) + 'static) {
        self.at(self.now + wait, deed);
    }

    pub(super) fn at(&mut self, at: Time, deed: impl FnOnce(&mut Play) + 'static) {
        self.deeds += 1;
        self.agenda.insert((at, self.deeds), Box::new(deed));
    }

    /// Lets everything happen that is due until `end`.
    pub(super) fn run(&mut self, end: Time) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at, _) = *entry.key();
            if at > end {
                break;
            }
            let deed = entry.remove();
            self.now = self.now.max(at);
            deed(self);
        }
        self.now = end;
    }

    /// Builds the next version.
    pub(super) fn build(&mut self, version: &str) -> usize {
        let image = Image::new(self.setup.repository, version, self.setup.shape, self.setup.naming);
        self.publish(image)
    }

    /// Adds a build; a tag that is moved stays where it is until a deployment moves it.
    pub(super) fn publish(&mut self, image: Image) -> usize {
        let number = self.images.len();
        self.tags.entry(image.reference.clone()).or_insert(number);
        self.images.push(image);
        number
    }

    /// The node that gets the next pod: one with few of them, or any.
    pub(super) fn place(&mut self, region: Option<usize>) -> usize {
        let free: Vec<usize> = (0..self.nodes.len())
            .filter(|node| !self.nodes[*node].is_gone)
            .filter(|node| region.is_none_or(|region| self.nodes[*node].region == region))
            .collect();
        if self.dice.chance(20) {
            return self.dice.pick(&free);
        }
        let least = free.iter().map(|node| self.nodes[*node].pods).min().unwrap_or(0);
        let least: Vec<usize> = free.into_iter().filter(|node| self.nodes[*node].pods == least).collect();
        self.dice.pick(&least)
    }

    /// The kubelet gets the image of a pod: from the node, or by a pull.
    pub(super) fn fetch(&mut self, id: u32) {
        let Some(pod) = self.pods.get(&id).cloned() else { return };
        let node = &self.nodes[pod.node];
        if let Some(until) = node.pulling.get(&pod.reference).filter(|until| **until > self.now) {
            let wait = until.since(self.now) + Span::from_ms(200);
            return self.after(wait, move |play| play.fetch(id));
        }
        if !self.setup.asks_always
            && let Some(image) = node.images.get(&pod.reference)
        {
            let image = *image;
            return self.got(id, image);
        }
        match self.pull(pod.node, &pod.reference, TokenKind::Cluster, pod.workload.is_some()) {
            Ok((image, at)) => self.at(at, move |play| play.got(id, image)),
            Err(at) => {
                let back_off = self.back_off(id);
                self.at(at + back_off, move |play| play.fetch(id));
            }
        }
    }

    /// The time until the kubelet tries again: 10 s, 20 s, … 5 min.
    fn back_off(&mut self, id: u32) -> Span {
        let Some(pod) = self.pods.get_mut(&id) else { return Span::from_secs(10) };
        pod.tries += 1;
        Span::from_secs((5_i64 << pod.tries.min(6)).min(300))
    }

    /// A pull by a node. Returns the image and the time at which it is there, or the time of the failure.
    pub(super) fn pull(
        &mut self,
        place: usize,
        reference: &Reference,
        kind: TokenKind,
        serves: bool,
    ) -> Result<(usize, Time), Time> {
        let number = self.tags[reference];
        let image = self.images[number].clone();
        let fault = self.faults.iter().find(|(broken, _)| *broken == number).map(|(_, fault)| *fault);
        let is_held = |node: &Node| !node.is_gone && node.content.contains(&image.config);
        let from_peer = self.setup.has_mirror && self.nodes.iter().any(is_held) && self.dice.chance(96);
        if self.setup.is_signed && !from_peer {
            self.ask_signature(place, &image);
        }
        let node = &self.nodes[place];
        let puller = Puller::new(self.setup.runtime, &node.content, fault, node.layer_time, self.now);
        let Pull { asked, ended } = puller.pull(&image, reference);
        let client = node.address.clone();
        let at = match ended {
            Ok(at) | Err(at) => at,
        };
        self.nodes[place].pulling.insert(reference.clone(), at);
        if !from_peer {
            for request in &asked {
                self.observe(&client, self.setup.runtime.agent(), kind, request.clone());
            }
            if let Some(request) = asked.first().filter(|_| ended.is_ok() && kind == TokenKind::Cluster) {
                self.record.shown.push(Shown {
                    at: request.at,
                    image: number,
                    serves,
                    client: client.clone(),
                });
            }
        }
        match ended {
            Ok(at) => {
                let reference = reference.clone();
                self.at(at, move |play| play.keep(place, reference, number));
                Ok((number, at))
            }
            Err(at) => {
                let status = asked.last().map_or(0, |request| request.status);
                let digest = image.digest();
                self.record.failures.push(Failure { at, reference: reference.clone(), digest, status });
                // Layers of a broken pull go to waste; what arrived before stays, until the node tidies up.
                if self.dice.chance(60) {
                    let whole = asked.iter().filter(|it| it.bytes > 0).filter_map(|it| it.digest);
                    self.nodes[place].content.extend(whole);
                }
                Err(at)
            }
        }
    }

    fn keep(&mut self, place: usize, reference: Reference, number: usize) {
        let image = &self.images[number];
        let node = &mut self.nodes[place];
        node.images.insert(reference, number);
        node.content.extend(&image.chain);
        node.content.insert(image.config);
        node.content.extend(image.layers.iter().map(|(layer, _)| *layer));
    }

    fn got(&mut self, id: u32, image: usize) {
        let Some(pod) = self.pods.get_mut(&id) else { return };
        pod.image = Some(image);
        if self.crashing.contains(&image) {
            let wait = self.back_off(id) + Span::from_secs(3);
            return self.after(wait, move |play| play.fetch(id));
        }
        let (low, high) = self.setup.ready_s;
        let wait = self.dice.seconds(low, high);
        self.after(wait, move |play| play.ready(id));
    }
}
