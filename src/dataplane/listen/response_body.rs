//! The body of an answer on its way to a client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::slot::ActiveRequest;
use super::streams::StreamProgress;

/// Most bytes handed to an HTTP/2 stream at a time. Small pieces show progress on slow clients and bound the
/// memory held beside the body.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// A body that keeps its request active until it is dropped.
pub struct ResponseBody<B> {
    body: B,
    stream: Option<Http2Stream>,
    active: ActiveRequest,
}

/// State of an HTTP/2 stream's body.
struct Http2Stream {
    progress: Arc<StreamProgress>,
    /// Rest of a frame that is larger than one piece.
    rest: Bytes,
}

impl<B> ResponseBody<B> {
    /// Wraps the body of an answer to the active request.
    pub fn new(body: B, active: ActiveRequest) -> Self {
        let stream = StreamProgress::current().map(|progress| Http2Stream { progress, rest: Bytes::new() });
        Self { body, stream, active }
    }

    /// Splits off the inner body, for writing it without hyper.
    pub fn into_parts(self) -> (B, ActiveRequest) {
        (self.body, self.active)
    }

    /// The inner body.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let body = Pin::new(&mut this.body);
        match &mut this.stream {
            None => body.poll_frame(cx),
            Some(stream) => stream.poll_piece(body, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest_bytes() == 0 && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, of_body) = (self.rest_bytes(), self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl<B> ResponseBody<B> {
    fn rest_bytes(&self) -> u64 {
        self.stream.as_ref().map_or(0, |stream| stream.rest.len() as u64)
    }
}

impl Http2Stream {
    fn poll_piece<B: Body<Data = Bytes>>(
        &mut self,
        body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.progress.body_polled();
        if self.rest.is_empty() {
            match body.poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return other,
            }
        }
        let bytes = self.rest.len().min(PIECE_BYTES_MAX);
        self.progress.data_given();
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(bytes)))))
    }
}
