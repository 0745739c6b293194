//! A registry that has everything that is asked for, or nothing.

use std::net::SocketAddr;
use std::sync::LazyLock;

use landfall::model::oci::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const LARGE_BYTES: usize = 4 * 1024 * 1024 - 1024;

/// The one answer that is large. Made once: it is the proxy that is measured.
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| found(&manifest(&"x".repeat(LARGE_BYTES))));

/// Its answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Nothing,
    /// Each name has an image of its own, whose labels name a version of its own.
    Everything,
    /// Manifests of 4 MiB, but for the repository `small`.
    Large,
}

pub(crate) struct Registry {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Registry {
    pub(crate) async fn start(answers: Answers) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers));
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers until the connection ends.
async fn serve(mut stream: TcpStream, answers: Answers) {
    let mut unread = Vec::new();
    loop {
        let end = loop {
            match unread.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => match stream.read_buf(&mut unread).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
            }
        };
        let head = String::from_utf8_lossy(&unread[..end]).into_owned();
        unread.drain(..end);
        let path = head.split_whitespace().nth(1).unwrap_or_default();
        let answer = match (answers, path.contains("/manifests/")) {
            (Answers::Everything, true) => found(&manifest(path)),
            (Answers::Large, true) if path.starts_with("/v2/small/") => found(&manifest(path)),
            (Answers::Large, true) => LARGE.clone(),
            _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\n{\"errors\":[]}".to_vec(),
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn manifest(name: &str) -> String {
    let config = Digest::of(name.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MEDIA_TYPE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[],"annotations":{{"org.opencontainers.image.version":"{name}"}}}}"#
    )
}

fn found(body: &str) -> Vec<u8> {
    let digest = Digest::of(body.as_bytes());
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {MEDIA_TYPE}\r\ndocker-content-digest: {digest}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
