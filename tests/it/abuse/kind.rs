//! Clients' behaviour towards a listener: what they say, and what has to become of them. Pure.

use std::time::Duration;

use super::case::{Case, Crowd, Kind, Layer};
use crate::faults::seed::Rng;
use crate::rig::frames::{
    self, ACK, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PREFACE, frame, head, request,
};

/// Pause between two pieces of what is said slowly.
const DRIP_PAUSE: Duration = Duration::from_millis(20);
/// Pieces of a flood that are written at once.
const AT_ONCE: u32 = 100;
/// Requests that are sent without reading an answer: more than buffers hold, and than a stream's or connection's window lets
/// through.
const UNREAD_REQUESTS: usize = 100;
/// Requests of each HTTP/2 client of a crowd.
const CROWD_STREAMS: u32 = 4;
/// Requests with a token that is none.
const REFUSED_REQUESTS: usize = 40;

/// The bytes of one connection, as the client says them.
pub struct Said {
    /// At first.
    pub once: Vec<u8>,
    /// Then, again and again, with a number that grows.
    pub again: Option<Box<dyn FnMut(u32) -> Vec<u8> + Send>>,
    /// Between two of those.
    pub pause: Duration,
    pub reads: bool,
    pub end: End,
}

/// The end that a connection has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The proxy ends it, after at most one answer, which is such a one.
    Ended(&'static [u16]),
    /// The proxy ends it, whatever of what it asked for it was given before.
    EndedWithin,
    /// It is answered with one of these, as often as it asked.
    Answered(&'static [u16], usize),
    /// It goes away by itself, at once.
    Leaves,
}

impl Said {
    fn once(bytes: impl Into<Vec<u8>>, end: End) -> Self {
        Self { once: bytes.into(), again: None, pause: Duration::ZERO, reads: true, end }
    }

    /// As fast as it is taken.
    fn flood(once: Vec<u8>, mut one: impl FnMut(u32) -> Vec<u8> + Send + 'static) -> Self {
        let again =
            move |number: u32| (AT_ONCE * number..AT_ONCE * (number + 1)).flat_map(&mut one).collect();
        Self { again: Some(Box::new(again)), ..Self::once(once, End::Ended(&[400, 414, 431])) }
    }

    fn drip(once: impl Into<Vec<u8>>, bytes: &'static [u8], end: End) -> Self {
        let again: Box<dyn FnMut(u32) -> Vec<u8> + Send> = Box::new(move |_| bytes.to_vec());
        Self { again: Some(again), pause: DRIP_PAUSE, ..Self::once(once, end) }
    }

    fn unread(self) -> Self {
        Self { reads: false, ..self }
    }
}

/// The words of a client of this case. `paths` are a manifest and a large blob, `authorization` lets it in.
pub fn said(case: &Case, [manifest, blob]: [&str; 2], authorization: &str) -> Said {
    let mut rng = Rng::new(case.seed);
    let get = |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n");
    let authorized = format!("authorization: {authorization}\r\n");
    let silent = |bytes: &[u8]| Said::once(bytes, End::Ended(&[400, 408]));
    let refused = |bytes: String| Said::once(bytes, End::Ended(&[400]));
    let h2 = |more: &[u8]| [PREFACE, &frames::settings(&[]), more].concat();
    let h2_flood = |one: Vec<u8>| Said::flood(h2(b""), move |_| one.clone());
    let asked = head("GET", "/v2/", authorization);
    let odd = |number: u32| 2 * number + 1;
    // Thousands of good requests at once would be a load on the registry, and no abuse of the proxy.
    let streams = |alone: u32| if case.crowd == Crowd::Many { CROWD_STREAMS } else { alone };
    match case.kind {
        Kind::Silence => silent(b""),
        Kind::OneByte => silent(&[rng.pick(b"GP\x16\x00 ")]),
        Kind::HalfPreface => silent(&PREFACE[..1 + rng.below(PREFACE.len() - 1)]),
        Kind::HalfHead => {
            let whole = get(manifest, &authorized);
            silent(&whole.as_bytes()[..1 + rng.below(whole.len() - 2)])
        }
        Kind::EmptyLines => silent(b"\r\n\r\n"),
        Kind::Garbage => {
            let count = 1 + rng.below(20_000);
            silent(&rng.bytes(count))
        }
        Kind::SlowHead => Said::drip("GET / HTTP/1.1\r\nx: ", b"x", End::Ended(&[400, 408, 431])),
        Kind::EndlessHead => Said::flood(b"GET / HTTP/1.1\r\n".to_vec(), |number| {
            format!("x-{number}: and more\r\n").into_bytes()
        }),
        Kind::EndlessTarget => Said::flood(b"GET /".to_vec(), |_| b"a".repeat(100)),
        Kind::EndlessEmptyLines => Said::flood(Vec::new(), |_| b"\r\n".to_vec()),
        Kind::WrongToken => {
            let ask = get(manifest, "authorization: Basic bm86Ym9keQ==\r\n").repeat(REFUSED_REQUESTS);
            Said::once(ask, End::Answered(&[401, 429], REFUSED_REQUESTS))
        }
        Kind::TwoLengths => refused(get(manifest, "content-length: 1\r\ncontent-length: 2\r\n")),
        Kind::LengthAndChunked => {
            let lines = format!("{authorized}content-length: 4\r\ntransfer-encoding: chunked\r\n");
            // The length would make a request of what follows. RFC 9112 §6.3 lets the chunks count, and nothing after them.
            let smuggled = get(manifest, &authorized);
            Said::once(get("/v2/", &lines) + "0\r\n\r\n" + &smuggled, End::Ended(&[200, 400]))
        }
        Kind::BadLength => refused(get(manifest, "content-length: +5\r\n")),
        Kind::NoHost => refused(format!("GET {manifest} HTTP/1.1\r\n{authorized}\r\n")),
        Kind::TwoHosts => refused(get(manifest, &format!("host: b\r\n{authorized}"))),
        Kind::BodyThatNeverComes => {
            let lines = format!("{authorized}content-length: 1000000\r\n");
            Said::once(get(manifest, &lines), End::Ended(&[200, 400, 413]))
        }
        Kind::EndlessBody => {
            let lines = format!("{authorized}transfer-encoding: chunked\r\n");
            let post = format!("POST /v2/calm/a/blobs/uploads/ HTTP/1.1\r\nhost: a\r\n{lines}\r\n");
            Said {
                end: End::Ended(&[405]),
                ..Said::flood(post.into_bytes(), |_| b"8\r\nabcdefgh\r\n".to_vec())
            }
        }
        Kind::Connect => {
            Said::once("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n", End::Ended(&[400, 401, 404, 405]))
        }
        Kind::PipelinedUnread => {
            Said::once(get(blob, &authorized).repeat(UNREAD_REQUESTS), End::EndedWithin).unread()
        }
        Kind::AsksAndLeaves => Said::once(get(blob, &authorized), End::Leaves).unread(),
        Kind::H2Silence => silent(&h2(b"")),
        Kind::H2HalfHead => silent(&h2(&frame(HEADERS, 0, 1, &asked[..rng.below(asked.len())]))),
        Kind::H2HugeFrame => silent(&h2(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01")),
        Kind::H2ZeroWindow => {
            let closed = [PREFACE, &frames::settings(&[(INITIAL_WINDOW_SIZE, 0)])].concat();
            let asks = (0..streams(32)).flat_map(|number| request(odd(number), "GET", blob, authorization));
            Said::once(closed.into_iter().chain(asks).collect::<Vec<_>>(), End::EndedWithin)
        }
        Kind::H2Unread => {
            let window = frames::settings(&[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]);
            let wide = frame(frames::WINDOW_UPDATE, 0, 0, &0x7fff_0000u32.to_be_bytes());
            let asks = (0..streams(100)).flat_map(|number| request(odd(number), "GET", blob, authorization));
            let opening = [PREFACE, &window, &wide].concat();
            Said::once(opening.into_iter().chain(asks).collect::<Vec<_>>(), End::EndedWithin).unread()
        }
        Kind::H2Ping => h2_flood(frame(frames::PING, 0, 0, &[7; 8])),
        Kind::H2Pong => h2_flood(frame(frames::PING, ACK, 0, &[7; 8])),
        Kind::H2Settings => h2_flood(frames::settings(&[(INITIAL_WINDOW_SIZE, 65_535)])),
        Kind::H2WindowUpdate => h2_flood(frame(frames::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        Kind::H2Priority => h2_flood(frame(frames::PRIORITY, 0, 5, &[0, 0, 0, 3, 1])),
        Kind::H2Unknown => h2_flood(frame(0x20, 0, 0, b"")),
        Kind::H2EmptyData => {
            let opened = h2(&frame(HEADERS, END_HEADERS, 1, &asked));
            Said::flood(opened, |_| frame(frames::DATA, 0, 1, b""))
        }
        Kind::H2Continuation => Said::flood(h2(b""), move |number| match number {
            0 => frame(HEADERS, 0, 1, &asked),
            _ => frame(frames::CONTINUATION, 0, 1, b""),
        }),
        Kind::H2RapidReset => Said::flood(h2(b""), move |number| {
            let opened = frame(HEADERS, END_STREAM | END_HEADERS, odd(number), &asked);
            [opened, frame(frames::RST_STREAM, 0, odd(number), &[0, 0, 0, 8])].concat()
        }),
        Kind::H2MadeToReset => Said::flood(h2(b""), move |number| {
            let opened = frame(HEADERS, END_STREAM | END_HEADERS, odd(number), &asked);
            [opened, frame(frames::WINDOW_UPDATE, 0, odd(number), &[0; 4])].concat()
        }),
    }
}

/// The reason why a case means nothing, if it does.
pub fn meaningless(case: &Case) -> Option<&'static str> {
    let is_said_to_tls = matches!(case.kind, Kind::Silence | Kind::OneByte | Kind::Garbage | Kind::HalfHead);
    if case.layer == Layer::InPlaceOfTls && !is_said_to_tls {
        return Some("what is no handshake is no handshake, whatever it would be later");
    }
    None
}
