//! A registry on one address that answers honestly, but for the one fault that it was told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::case::{Case, Fault, Framing, Place, Times};
use super::script::{Answer, End, Step, faulty, unasked};
use super::seed::Rng;
use super::stream::{After, Stream};

/// Longest head that is read.
const HEAD_BYTES_MAX: usize = 64 << 10;
const BACKLOG: u32 = 1_024;
/// Delay of the answer that follows one that nobody asked for.
const TARDY_PAUSE: Duration = Duration::from_millis(30);
/// Places in the answer to a request.
const IN_AN_ANSWER: [Place; 6] =
    [Place::Head, Place::AfterHead, Place::BodyStart, Place::BodyMiddle, Place::Trailer, Place::AfterAnswer];

/// The content that is served, and the fault.
pub struct Script {
    pub case: Case,
    /// By path, without the query.
    pub answers: HashMap<String, Answer>,
    /// The path that the fault is in, and the answer that stands in for another's.
    pub at: String,
    pub other: Answer,
    /// The paths at which a token is wanted.
    pub wants_token: Vec<String>,
    faults_left: AtomicUsize,
    /// The first answer of a blob that is to be resumed breaks off.
    breaks_left: AtomicUsize,
    /// The answer after the next comes late, so that what nobody asked for comes first.
    tardy: AtomicBool,
    asked: AtomicU64,
}

impl Script {
    pub fn new(
        case: Case,
        answers: HashMap<String, Answer>,
        at: String,
        other: Answer,
        wants_token: Vec<String>,
    ) -> Self {
        Self {
            case,
            answers,
            at,
            other,
            wants_token,
            faults_left: AtomicUsize::new(0),
            breaks_left: AtomicUsize::new(0),
            tardy: AtomicBool::new(false),
            asked: AtomicU64::new(0),
        }
    }

    /// From now on the fault is played.
    pub fn arm(&self) {
        let times = if self.case.times == Times::Once { 1 } else { usize::MAX };
        self.faults_left.store(times, Ordering::SeqCst);
        self.breaks_left.store(usize::from(self.case.path.is_resumed()), Ordering::SeqCst);
    }

    /// From now on everything is honest.
    pub fn heal(&self) {
        self.faults_left.store(0, Ordering::SeqCst);
        self.breaks_left.store(0, Ordering::SeqCst);
    }

    fn is_due(&self, place: &[Place]) -> bool {
        place.contains(&self.case.place) && take(&self.faults_left)
    }

    fn answer_to(&self, request: &Request) -> Vec<Step> {
        let mut rng = Rng::new(self.case.seed ^ self.asked.fetch_add(1, Ordering::SeqCst));
        let path = request.target.split('?').next().unwrap_or_default();
        if self.wants_token.iter().any(|wanting| wanting == path) && request.header("authorization").is_none()
        {
            let mut refusal = Answer::refusal(401);
            let realm = "Bearer realm=\"/token\",service=\"fake\"".to_owned();
            refusal.headers.push(("www-authenticate".to_owned(), realm));
            return refusal.honest(&mut rng);
        }
        let Some(answer) = self.answers.get(path) else {
            return Answer::refusal(404).honest(&mut rng);
        };
        let range = request.header("range");
        let answer = range.map_or_else(|| answer.clone(), |range| answer.part(range));
        if self.tardy.swap(false, Ordering::SeqCst) {
            return [vec![Step::Pause(TARDY_PAUSE)], answer.honest(&mut rng)].concat();
        }
        if path != self.at {
            return answer.honest(&mut rng);
        }
        if range.is_none() && take(&self.breaks_left) {
            let cut = Case { fault: Fault::Fin, place: Place::BodyMiddle, ..self.case };
            let answer = Answer { framing: Framing::Length, ..answer };
            return faulty(&cut, &answer, &self.other, &request.target);
        }
        let is_fault = (!self.case.path.is_resumed() || range.is_some()) && self.is_due(&IN_AN_ANSWER);
        if !is_fault {
            return answer.honest(&mut rng);
        }
        self.tardy.store(self.case.fault == Fault::Late, Ordering::SeqCst);
        faulty(&self.case, &answer, &self.other, &request.target)
    }
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

struct Request {
    target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

struct Shared {
    tls: Option<Tls>,
    script: Mutex<Option<Arc<Script>>>,
    open: watch::Sender<usize>,
    /// Connections between two requests, and how to make them say something.
    idle: Mutex<HashMap<usize, mpsc::Sender<(Vec<Step>, mpsc::Sender<()>)>>>,
    count: AtomicUsize,
}

/// A registry's certificate, and one that nobody trusts.
#[derive(Clone)]
pub struct Tls {
    pub own: TlsAcceptor,
    pub strange: TlsAcceptor,
}

/// A registry's address. It keeps its port while it does not listen.
pub struct Upstream {
    pub address: SocketAddr,
    _placeholder: TcpSocket,
    shared: Arc<Shared>,
    door: Mutex<Option<JoinHandle<()>>>,
    is_closed: AtomicBool,
    hole: Mutex<Vec<TcpStream>>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

impl Upstream {
    pub async fn start(tls: Option<Tls>) -> Self {
        let placeholder = socket(([127, 0, 0, 1], 0).into());
        let shared = Arc::new(Shared {
            tls,
            script: Mutex::default(),
            open: watch::Sender::new(0),
            idle: Mutex::default(),
            count: AtomicUsize::new(0),
        });
        let upstream = Self {
            address: placeholder.local_addr().unwrap(),
            _placeholder: placeholder,
            shared,
            door: Mutex::default(),
            is_closed: AtomicBool::new(true),
            hole: Mutex::default(),
            connections: Arc::default(),
        };
        upstream.open_door().await;
        upstream
    }

    pub fn url(&self) -> String {
        format!("http{}://{}", if self.shared.tls.is_some() { "s" } else { "" }, self.address)
    }

    /// Serves this from now on.
    pub fn serve(&self, script: &Arc<Script>) {
        *self.shared.script.lock().unwrap() = Some(script.clone());
    }

    /// Open connections, as far as this side knows.
    pub fn open(&self) -> usize {
        *self.shared.open.borrow()
    }

    /// Open connections that are not between two requests.
    pub fn busy(&self) -> usize {
        self.open().saturating_sub(self.shared.idle.lock().unwrap().len())
    }

    /// Accepts connections.
    pub async fn open_door(&self) {
        if !self.is_closed.swap(false, Ordering::SeqCst) {
            return;
        }
        self.take_down().await;
        let listener = socket(self.address).listen(BACKLOG).unwrap();
        let (shared, connections) = (self.shared.clone(), self.connections.clone());
        *self.door.lock().unwrap() = Some(tokio::spawn(accept(listener, shared, connections)));
    }

    /// Refuses connections from now on; with `swallowing`, does not even refuse them.
    pub async fn close_door(&self, swallowing: bool) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.take_down().await;
        if swallowing {
            let listener = socket(self.address).listen(1).unwrap();
            let mut filling = Vec::new();
            // A full queue swallows what comes next.
            while let Ok(Ok(stream)) =
                tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(self.address)).await
            {
                filling.push(stream);
                assert!(filling.len() < 16, "the queue has no end");
            }
            *self.hole.lock().unwrap() = filling;
            *self.door.lock().unwrap() = Some(tokio::spawn(async move {
                let _listener = listener;
                std::future::pending::<()>().await;
            }));
        }
    }

    async fn take_down(&self) {
        self.hole.lock().unwrap().clear();
        let door = self.door.lock().unwrap().take();
        if let Some(door) = door {
            door.abort();
            let _ = door.await;
        }
    }

    /// Lets every connection that is between two requests say or do this, and waits until it is done.
    pub async fn strike(&self, steps: &[Step]) {
        let idle: Vec<_> = self.shared.idle.lock().unwrap().values().cloned().collect();
        let (done, mut all_done) = mpsc::channel(1);
        for connection in idle {
            let _ = connection.send((steps.to_vec(), done.clone())).await;
        }
        drop(done);
        // Every sender is gone when every connection has done it, or has ended.
        let _ = tokio::time::timeout(Duration::from_secs(5), all_done.recv()).await;
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let shared = shared.clone();
        let mut connections = connections.lock().await;
        while connections.try_join_next().is_some() {}
        connections.spawn(async move { shared.connection(tcp).await });
    }
}

/// Counts a connection as open while it lives.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl Shared {
    async fn connection(self: Arc<Self>, tcp: TcpStream) {
        self.open.send_modify(|open| *open += 1);
        let _open = Open(self.clone());
        let _ = tcp.set_nodelay(true);
        let script = || self.script.lock().unwrap().clone();
        if let Some(script) = script().filter(|script| script.is_due(&[Place::Connect])) {
            return play_out(tcp, unasked(&script.case, &script.other)).await;
        }
        let stream = match &self.tls {
            None => Some(Stream::Plain(tcp)),
            Some(tls) => match script().filter(|script| script.is_due(&[Place::Handshake])) {
                None => tls.own.accept(tcp).await.ok().map(|tls| Stream::Tls(Box::new(tls))),
                Some(script) => handshake(tcp, &script, tls).await,
            },
        };
        if let Some(stream) = stream {
            self.requests(stream).await;
        }
    }

    async fn requests(&self, mut stream: Stream) {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let (strike, mut struck) = mpsc::channel(1);
        let mut unread = Vec::new();
        loop {
            if unread.is_empty() {
                self.idle.lock().unwrap().insert(number, strike.clone());
            }
            let idle = Idle(self, number);
            let next = tokio::select! {
                request = read_request(&mut stream, &mut unread, &idle) => Next::Request(request),
                Some((steps, done)) = struck.recv() => Next::Strike(steps, done),
            };
            drop(idle);
            let after = match next {
                Next::Request(None) => return,
                Next::Request(Some(request)) => {
                    let script = self.script.lock().unwrap().clone();
                    let Some(script) = script else { return };
                    stream.play(script.answer_to(&request)).await
                }
                Next::Strike(steps, done) => {
                    let after = stream.play(steps).await;
                    drop(done);
                    after
                }
            };
            stream = match after {
                After::Open(stream) => stream,
                After::Held(stream) => return stream.hold().await,
                After::Over => return,
            };
        }
    }
}

enum Next {
    Request(Option<Request>),
    Strike(Vec<Step>, mpsc::Sender<()>),
}

/// A connection that is between two requests while this lives.
struct Idle<'a>(&'a Shared, usize);

impl Idle<'_> {
    fn is_over(&self) {
        self.0.idle.lock().unwrap().remove(&self.1);
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.is_over();
    }
}

async fn handshake(mut tcp: TcpStream, script: &Script, tls: &Tls) -> Option<Stream> {
    if script.case.fault == Fault::Stranger {
        return tls.strange.accept(tcp).await.ok().map(|tls| Stream::Tls(Box::new(tls)));
    }
    // Something of the client's hello must have come: it is a handshake that breaks, and not the connection.
    let mut hello = [0; 16];
    tcp.read_exact(&mut hello).await.ok()?;
    let steps = match script.case.fault {
        // In the middle of a handshake that is the alert itself, RFC 8446 §6.
        Fault::CloseNotify => {
            vec![Step::Send(b"\x15\x03\x03\x00\x02\x01\x00".to_vec()), Step::End(End::Silence)]
        }
        _ => unasked(&script.case, &script.other),
    };
    play_out(tcp, steps).await;
    None
}

/// Plays what ends a connection.
async fn play_out(tcp: TcpStream, steps: Vec<Step>) {
    if let After::Open(stream) | After::Held(stream) = Stream::Plain(tcp).play(steps).await {
        stream.hold().await;
    }
}

async fn read_request(stream: &mut Stream, unread: &mut Vec<u8>, idle: &Idle<'_>) -> Option<Request> {
    let end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if unread.len() > HEAD_BYTES_MAX {
            return None;
        }
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).await.ok()?;
        if count == 0 {
            return None;
        }
        idle.is_over();
        unread.extend_from_slice(&bytes[..count]);
    };
    let head: Vec<u8> = unread.drain(..end + 4).collect();
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Some(Request { target, headers })
}
