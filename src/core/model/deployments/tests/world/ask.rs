//! The requests of one pull, as runtimes send them. The refusals before a client shows its secret are no observations.

use std::collections::BTreeSet;

use super::image::Image;
use super::node::Runtime;
use crate::model::event::{Method, Object};
use crate::model::oci::{Digest, Reference};
use crate::model::time::{Span, Time};

/// One answered request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) at: Time,
    pub(super) method: Method,
    pub(super) reference: Reference,
    pub(super) digest: Option<Digest>,
    pub(super) object: Object,
    pub(super) media_type: Option<&'static str>,
    pub(super) status: u16,
    pub(super) bytes: u64,
}

/// A way in which the registry fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The reference does not exist.
    Missing,
    /// The manifest is refused, after a HEAD that succeeds.
    Manifest(u16),
    /// The last layer is refused, so much later.
    Layer(u16, Span),
}

/// One pull.
pub(super) struct Pull {
    pub(super) asked: Vec<Asked>,
    /// The time when it ended; an error where it did not bring the image.
    pub(super) ended: Result<Time, Time>,
}

/// The pull of `image` by a runtime that holds `content`.
pub(super) struct Puller<'a> {
    pub(super) runtime: Runtime,
    pub(super) content: &'a BTreeSet<Digest>,
    pub(super) fault: Option<Fault>,
    pub(super) layer_time: Span,
    asked: Vec<Asked>,
    now: Time,
}

impl<'a> Puller<'a> {
    pub(super) fn new(
        runtime: Runtime,
        content: &'a BTreeSet<Digest>,
        fault: Option<Fault>,
        layer_time: Span,
        now: Time,
    ) -> Self {
        Self { runtime, content, fault, layer_time, asked: Vec::new(), now }
    }

    pub(super) fn pull(mut self, image: &Image, reference: &Reference) -> Pull {
        let is_whole = self.manifests(image, reference) && self.content(image);
        let ended = if is_whole { Ok(self.now) } else { Err(self.now) };
        Pull { asked: self.asked, ended }
    }

    /// Says whether all of them came.
    fn manifests(&mut self, image: &Image, reference: &Reference) -> bool {
        let top = image.digest();
        if self.runtime.asks_head() {
            let status = if self.fault == Some(Fault::Missing) { 404 } else { 200 };
            self.manifest(Method::Head, reference.clone(), top, image.media_type(0), status);
            if status != 200 {
                return false;
            }
        }
        for (place, digest) in image.chain.iter().enumerate() {
            let by_tag = !self.runtime.asks_head() && place == 0;
            if self.runtime.asks_head() && self.content.contains(digest) {
                continue;
            }
            let status = match self.fault {
                Some(Fault::Missing) => 404,
                Some(Fault::Manifest(status)) => status,
                Some(Fault::Layer(..)) | None => 200,
            };
            let reference = if by_tag { reference.clone() } else { Reference::Digest(*digest) };
            self.manifest(Method::Get, reference, *digest, image.media_type(place), status);
            if status != 200 {
                return false;
            }
        }
        true
    }

    fn manifest(
        &mut self,
        method: Method,
        reference: Reference,
        digest: Digest,
        media_type: &'static str,
        status: u16,
    ) {
        self.now = self.now + Span::from_ms(110);
        let is_good = status == 200;
        self.asked.push(Asked {
            at: self.now,
            method,
            reference,
            digest: is_good.then_some(digest),
            object: Object::Manifest,
            media_type: is_good.then_some(media_type),
            status,
            bytes: if is_good && method == Method::Get { 900 } else { 0 },
        });
    }

    /// The config and the layers that are lacking, each told when it ended.
    fn content(&mut self, image: &Image) -> bool {
        if !self.content.contains(&image.config) {
            self.now = self.now + Span::from_ms(150);
            self.blob(image.config, Some(7_000), 200);
        }
        let lacking: Vec<_> =
            image.layers.iter().filter(|(layer, _)| !self.content.contains(layer)).copied().collect();
        for (place, (layer, bytes)) in lacking.iter().enumerate() {
            match self.fault {
                Some(Fault::Layer(status, late)) if place + 1 == lacking.len() => {
                    self.now = self.now + late;
                    self.blob(*layer, None, status);
                    return false;
                }
                _ => {
                    self.now = self.now + self.layer_time;
                    self.blob(*layer, Some(*bytes), 200);
                }
            }
        }
        true
    }

    fn blob(&mut self, digest: Digest, bytes: Option<u64>, status: u16) {
        self.asked.push(Asked {
            at: self.now,
            method: Method::Get,
            reference: Reference::Digest(digest),
            digest: bytes.map(|_| digest),
            object: Object::Blob,
            media_type: Some("application/octet-stream"),
            status,
            bytes: bytes.unwrap_or(0),
        });
    }
}
