//! The pull that a refusal breaks: of a blob, of a manifest by its digest, or by the tag that a HEAD found before.

use super::{OpenPull, OpenPulls};
use crate::model::event::{Method, Object, Observation};
use crate::model::oci::{Digest, Reference, Tag};
use crate::model::time::Time;

impl OpenPulls {
    /// Takes a refusal into account. Returns the tag under which the image was asked for, where it is known.
    pub(crate) fn refused(&mut self, observation: &Observation) -> Option<Tag> {
        let (at, is_shared) = (observation.at, self.shared_at.is_some());
        let (open, digest) = match (&observation.reference, observation.object) {
            (Reference::Tag(tag), _) => {
                let open = self.asked_by(tag, observation.method, at)?;
                let digest = open.digest;
                (open, digest)
            }
            (&Reference::Digest(digest), Object::Blob) => (self.receiving(at, digest)?, digest),
            (&Reference::Digest(digest), Object::Manifest) => {
                (self.reading(at, digest, observation.method)?, digest)
            }
        };
        open.last_at = open.last_at.max(at);
        // Behind a shared address another node may have succeeded.
        if !(is_shared && open.transfers > 0) {
            open.broken = true;
            open.broken_by = (observation.object == Object::Blob).then_some(digest);
        }
        let (image, tag) = (open.digest, open.tag.clone());
        if open.broken {
            self.lacking.add(image, digest, at);
        }
        tag
    }

    /// The pull that fetches a manifest: its own, else the latest that may still fetch one. A HEAD is about an image of its
    /// own: what an index names is fetched at once.
    fn reading(&mut self, at: Time, digest: Digest, method: Method) -> Option<&mut OpenPull> {
        let is_it = |open: &OpenPull| open.digest == digest && at <= open.ends_at();
        let is_due = |open: &OpenPull| {
            method == Method::Get && (open.is_within(at) || open.is_content_due() && at <= open.ends_at())
        };
        let place = self.open.iter().rposition(is_it).or_else(|| self.open.iter().rposition(is_due))?;
        self.open.get_mut(place)
    }

    /// The pull that began with a HEAD of `tag`, where the manifest is asked for by the same name.
    fn asked_by(&mut self, tag: &Tag, method: Method, at: Time) -> Option<&mut OpenPull> {
        let is_it =
            |open: &&mut OpenPull| open.tag.as_ref() == Some(tag) && !open.got && at <= open.ends_at();
        self.open.iter_mut().rev().find(is_it).filter(|_| method == Method::Get)
    }
}
