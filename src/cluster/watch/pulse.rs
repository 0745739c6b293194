//! The signs of life of a watch: every piece of its answers, and every end that the server gave it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use kube::Client;
use kube::client::Body;
use tokio::sync::Notify;
use tower_service::Service;

use crate::clock::now;
use crate::model::time::Time;

/// The last sign of life of a watch.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    at_ms: AtomicI64,
    beat: Notify,
}

impl Pulse {
    /// The same client, heard.
    pub(super) fn listen(&self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        Client::new(Listening { client, pulse: self.clone() }, namespace)
    }

    /// The next sign of life.
    pub(super) async fn beat(&self) -> Time {
        self.0.beat.notified().await;
        Time::from_ms(self.0.at_ms.load(Ordering::Acquire))
    }

    fn note(&self) {
        self.0.at_ms.store(now().ms(), Ordering::Release);
        self.0.beat.notify_one();
    }
}

/// A client whose watches are heard.
struct Listening {
    client: Client,
    pulse: Pulse,
}

impl Service<Request<Body>> for Listening {
    type Response = Response<Listened>;
    type Error = kube::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, kube::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, pulse) = (self.client.clone(), self.pulse.clone());
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        Box::pin(async move {
            let response = client.send(request).await?;
            let pulse = Some(pulse).filter(|_| is_watch && response.status().is_success());
            Ok(response.map(|body| Listened { body, pulse }))
        })
    }
}

/// The body of an answer, heard if it is a watch's.
struct Listened {
    body: Body,
    pulse: Option<Pulse>,
}

impl HttpBody for Listened {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, kube::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        let is_sign = matches!(polled, Poll::Ready(None | Some(Ok(_))));
        if let Some(pulse) = this.pulse.as_ref().filter(|_| is_sign) {
            pulse.note();
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(|error| kube::Error::Service(error.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
