//! Requests that deploy nothing: scanners, people, builds, pre-pulls, signatures.

use std::sync::Arc;

use super::ask::{Asked, Puller};
use super::image::Image;
use super::node::Runtime;
use super::play::Play;
use super::record::Local;
use crate::model::event::{Method, Object, Observation, TokenKind};
use crate::model::oci::{Digest, Reference};
use crate::model::time::Span;

pub(super) const DESKTOP: &str = r"docker/27.3.1 go/go1.22.7 kernel/6.10.14-linuxkit os/linux arch/arm64 UpstreamClient(Docker-Client/27.3.1 \(darwin\))";
const COMPOSE: &str =
    "docker/27.3.1 go/go1.22.7 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(compose/v2.29.7)";
const TESTCONTAINERS: &str =
    "docker/27.3.1 go/go1.22.7 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(tc-java/1.20.4)";
const BUILDKIT: &str = "buildkit/v0.16.0";
const SCANNERS: [&str; 4] =
    ["trivy/0.57", "crane/v0.20 go-containerregistry/v0.20", "skopeo/1.16.1", "kyverno/v1.13"];

impl Play {
    pub(super) fn observe(&mut self, client: &Arc<str>, agent: &'static str, kind: TokenKind, asked: Asked) {
        self.record.observations.push(Observation {
            at: asked.at,
            environment: self.setup.environment.parse().unwrap(),
            token: self.token.clone(),
            token_kind: kind,
            client: client.clone(),
            agent: agent.into(),
            method: asked.method,
            repository: self.setup.repository.parse().unwrap(),
            reference: asked.reference,
            digest: asked.digest,
            object: asked.object,
            media_type: asked.media_type.map(Into::into),
            status: asked.status,
            bytes: asked.bytes,
            parent: None,
        });
    }

    /// Asks for `sha256-<hex>.sig` before the image, as a runtime with a signature policy does.
    pub(super) fn ask_signature(&mut self, place: usize, image: &Image) {
        let client = self.nodes[place].address.clone();
        let name = image.digest().to_string().replace(':', "-");
        let signature = Digest::of(name.as_bytes());
        let blob = Digest::of(format!("signature {name}").as_bytes());
        let manifest = Asked {
            at: self.now + Span::from_ms(30),
            method: Method::Get,
            reference: format!("{name}.sig").parse().unwrap(),
            digest: Some(signature),
            object: Object::Manifest,
            media_type: Some("application/vnd.oci.image.manifest.v1+json"),
            status: 200,
            bytes: 560,
        };
        let content = Asked {
            at: self.now + Span::from_ms(60),
            reference: Reference::Digest(blob),
            digest: Some(blob),
            object: Object::Blob,
            media_type: Some("application/octet-stream"),
            bytes: 240,
            ..manifest.clone()
        };
        let agent = self.setup.runtime.agent();
        for asked in [manifest, content] {
            self.observe(&client, agent, TokenKind::Cluster, asked);
        }
    }

    /// A scanner, an update bot or an admission check looks at a version, old or new.
    pub(super) fn scan(&mut self) {
        let kind = self.dice.pick(&[TokenKind::Cluster, TokenKind::Scanner]);
        let (agent, client) = (self.dice.pick(&SCANNERS), self.dice.pick(&["10.9.0.3", "10.9.0.4"]));
        let image = self.images[self.dice.roll(self.images.len())].clone();
        let with_content = self.dice.chance(20);
        let held = if with_content { Default::default() } else { self.content_of(&image) };
        self.foreign(agent, client, kind, &image, &held);
    }

    /// A person pulls on a machine of their own.
    pub(super) fn laptop(&mut self) {
        let kind = self.dice.pick(&[TokenKind::Cluster, TokenKind::Local]);
        self.local(DESKTOP, "198.51.100.23", kind);
    }

    /// A build or a test pulls with the environment's token.
    pub(super) fn runner(&mut self) {
        let agent = self.dice.pick(&[COMPOSE, TESTCONTAINERS, BUILDKIT]);
        let client = self.dice.pick(&["10.30.9.9", "10.30.9.10"]);
        self.local(agent, client, TokenKind::Cluster);
    }

    fn local(&mut self, agent: &'static str, client: &str, kind: TokenKind) {
        let number = self.dice.roll(self.images.len());
        let image = self.images[number].clone();
        self.record.locals.push(Local { at: self.now, image: number, agent });
        self.foreign(agent, client, kind, &image, &Default::default());
    }

    fn content_of(&self, image: &Image) -> std::collections::BTreeSet<Digest> {
        let layers = image.layers.iter().map(|(layer, _)| *layer);
        layers.chain([image.config]).collect()
    }

    fn foreign(
        &mut self,
        agent: &'static str,
        client: &str,
        kind: TokenKind,
        image: &Image,
        held: &std::collections::BTreeSet<Digest>,
    ) {
        let puller = Puller::new(Runtime::Dockerd, held, None, Span::from_ms(700), self.now);
        // A tag that was moved leads to what it names now; versions that are gone are asked for by digest.
        let current = self.tags[&image.reference];
        let reference = if self.images[current].digest() == image.digest() {
            image.reference.clone()
        } else {
            Reference::Digest(image.digest())
        };
        let client = client.into();
        for asked in puller.pull(image, &reference).asked {
            self.observe(&client, agent, kind, asked);
        }
    }

    /// A DaemonSet brings an image to the nodes before it runs; some are taken by surprise.
    pub(super) fn prepull(&mut self, image: usize) {
        let reference = self.images[image].reference.clone();
        let reaches = self.dice.pick(&[50, 80, 100]);
        for place in 0..self.nodes.len() {
            if !self.dice.chance(reaches) {
                continue;
            }
            let reference = reference.clone();
            let wait = self.dice.seconds(0, 60);
            self.after(wait, move |play| {
                if !play.nodes[place].is_gone {
                    let _ = play.pull(place, &reference, TokenKind::Prepull, false);
                }
            });
        }
    }

    /// The environment gets another token.
    pub(super) fn rotate_token(&mut self, number: usize) {
        self.token = crate::model::event::TokenId::new(&format!("tok_{}_{number}", self.setup.environment));
    }
}
