//! The body of a registry's answer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::bare::{Bare, Socket};

/// A body that arrives: read by hyper, or still in its socket, which can be taken.
pub struct Content(Kind);

enum Kind {
    Whole(Incoming),
    Bare { bare: Box<Bare>, is_begun: bool },
}

impl Content {
    /// Takes the socket that the body is in, if it has one to itself, a length, and was not read from.
    ///
    /// # Errors
    /// Gives the body back otherwise.
    pub fn into_socket(self) -> Result<Socket, Self> {
        match self.0 {
            Kind::Bare { bare, is_begun: false } if bare.size_hint().exact().is_some() => {
                Ok(bare.into_socket())
            }
            kind => Err(Self(kind)),
        }
    }

    /// Whether [`into_socket`](Self::into_socket) would give one.
    pub fn has_socket(&self) -> bool {
        matches!(&self.0, Kind::Bare { bare, is_begun: false } if bare.size_hint().exact().is_some())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("length", &self.size_hint().exact()).finish_non_exhaustive()
    }
}

impl From<Incoming> for Content {
    fn from(body: Incoming) -> Self {
        Self(Kind::Whole(body))
    }
}

impl From<Bare> for Content {
    fn from(bare: Bare) -> Self {
        Self(Kind::Bare { bare: Box::new(bare), is_begun: false })
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let kind = &mut self.get_mut().0;
        match kind {
            Kind::Whole(body) => Pin::new(body).poll_frame(cx),
            Kind::Bare { bare, is_begun } => {
                *is_begun = true;
                bare.poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Bare { bare, .. } => bare.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Bare { bare, .. } => bare.size_hint(),
        }
    }
}
