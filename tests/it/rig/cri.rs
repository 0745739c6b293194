//! The calls that the kubelet makes to a container runtime about images (CRI v1), without generated code.

use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, Message)]
struct ImageSpec {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, Message)]
struct AuthConfig {
    #[prost(string, tag = "1")]
    username: String,
    #[prost(string, tag = "2")]
    password: String,
}

#[derive(Clone, PartialEq, Message)]
struct PullImageRequest {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageSpec>,
    #[prost(message, optional, tag = "2")]
    auth: Option<AuthConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct PullImageResponse {
    #[prost(string, tag = "1")]
    image_ref: String,
}

/// `RemoveImage` and `ImageStatus` both take this.
#[derive(Clone, PartialEq, Message)]
struct OneImage {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Message)]
struct ImageStatusResponse {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageStatus>,
}

/// The runtime's knowledge of an image.
#[derive(Clone, PartialEq, Message)]
pub struct ImageStatus {
    /// The config's digest.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Names with their tags.
    #[prost(string, repeated, tag = "2")]
    pub repo_tags: Vec<String>,
    /// Names with their top-level digests.
    #[prost(string, repeated, tag = "3")]
    pub repo_digests: Vec<String>,
}

/// A runtime's socket.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: String,
}

impl Cri {
    /// The runtime at this Unix socket.
    pub fn new(socket: String) -> Self {
        Self { socket }
    }

    /// Tells whether the runtime answers.
    pub async fn is_up(&self) -> bool {
        self.call::<Empty, Empty>("/runtime.v1.RuntimeService/Version", Empty {}).await.is_ok()
    }

    /// Pulls an image and returns the digest of its config.
    pub async fn pull(&self, image: &str, user: &str, secret: &str) -> Result<String, Status> {
        let request = PullImageRequest {
            image: Some(ImageSpec { image: image.into() }),
            auth: Some(AuthConfig { username: user.into(), password: secret.into() }),
        };
        let answer: PullImageResponse = self.call("/runtime.v1.ImageService/PullImage", request).await?;
        Ok(answer.image_ref)
    }

    /// Removes an image.
    pub async fn remove(&self, image: &str) -> Result<(), Status> {
        let request = OneImage { image: Some(ImageSpec { image: image.into() }) };
        self.call::<_, Empty>("/runtime.v1.ImageService/RemoveImage", request).await.map(|_| ())
    }

    /// Asks for the runtime's knowledge of an image; none where it has none.
    pub async fn status(&self, image: &str) -> Result<Option<ImageStatus>, Status> {
        let request = OneImage { image: Some(ImageSpec { image: image.into() }) };
        let answer: ImageStatusResponse = self.call("/runtime.v1.ImageService/ImageStatus", request).await?;
        Ok(answer.image)
    }

    async fn call<Q, A>(&self, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let unavailable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        let endpoint = Endpoint::from_shared(format!("unix://{}", self.socket)).map_err(unavailable)?;
        let channel: Channel = endpoint.connect().await.map_err(unavailable)?;
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.map_err(unavailable)?;
        let path = http::uri::PathAndQuery::from_static(path);
        let codec = ProstCodec::<Q, A>::default();
        Ok(grpc.unary(Request::new(request), path, codec).await?.into_inner())
    }
}
