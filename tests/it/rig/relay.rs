//! A TCP relay before a server that can cut connections off in the middle of an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running relay. It ends with this value.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    cuts_left: AtomicUsize,
    cut_after_bytes: AtomicU64,
    cuts: AtomicUsize,
}

impl Relay {
    /// Relays a free port of 127.0.0.1 to the address.
    pub async fn to(upstream: &str) -> Self {
        Self::bound("127.0.0.1:0", upstream).await
    }

    /// Relays a free port, which nodes in namespaces of their own reach too.
    pub async fn on_every_address(upstream: &str) -> Self {
        Self::bound("0.0.0.0:0", upstream).await
    }

    async fn bound(address: &str, upstream: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, upstream) = (Arc::<State>::default(), upstream.to_owned());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, upstream.clone(), shared.clone()));
            }
        });
        Self { address, state, task }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the next `times` connections that carry more than so many bytes towards the client, at that byte.
    pub fn cut(&self, times: usize, after_bytes: u64) {
        self.state.cut_after_bytes.store(after_bytes, Ordering::SeqCst);
        self.state.cuts_left.store(times, Ordering::SeqCst);
    }

    /// The number of connections that were cut.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, upstream: String, state: Arc<State>) {
    let Ok(upstream) = TcpStream::connect(upstream).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_upstream, mut to_upstream) = upstream.into_split();
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_upstream).await });
    let mut passed_bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_upstream.read(&mut buffer).await {
        passed_bytes += count as u64;
        if passed_bytes > state.cut_after_bytes.load(Ordering::SeqCst) && state.takes_a_cut() {
            break;
        }
        if to_client.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    requests.abort();
}

impl State {
    fn takes_a_cut(&self) -> bool {
        let take =
            self.cuts_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if take.is_ok() {
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        take.is_ok()
    }
}
