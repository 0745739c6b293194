//! Words of the registry, byte by byte: honest answers, and what a case makes of them. Pure.

use std::time::Duration;

use super::case::{Case, Fault, Framing, Path, Place};
use super::seed::Rng;
use crate::rig::images::digest_of;

/// An answer as an honest registry means it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
}

/// One thing that the registry does on a connection. After the last it waits for the next request.
#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    /// These bytes again and again, with a pause after each, until the other side leaves or it was done so often.
    Repeat(Vec<u8>, usize, Duration),
    End(End),
}

/// The way in which it leaves a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As an honest registry does: over TLS it says so.
    Close,
    Fin,
    Rst,
    /// Ends its own direction and reads on.
    HalfClose,
    CloseNotify,
    /// Stays, and says nothing.
    Silence,
}

/// More often than any limit allows.
pub const ENDLESS: usize = usize::MAX;
/// Between two bytes of one who trickles: never as long as a stall.
const TRICKLE_PAUSE: Duration = Duration::from_millis(20);
/// The value of `Retry-After` in refusals.
pub const RETRY_AFTER: &str = "7";

impl Answer {
    pub fn ok(content_type: &str, digest: &str, body: Vec<u8>, framing: Framing) -> Self {
        let headers = vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("docker-content-digest".to_owned(), digest.to_owned()),
            ("etag".to_owned(), format!("\"{digest}\"")),
        ];
        Self { status: 200, headers, body, framing }
    }

    /// An error, as the distribution spec has them.
    pub fn refusal(status: u16) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"TOOMANYREQUESTS","message":"scripted {status}"}}]}}"#);
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("retry-after".to_owned(), RETRY_AFTER.to_owned()),
        ];
        Self { status, headers, body: body.into_bytes(), framing: Framing::Length }
    }

    pub fn redirect(to: &str) -> Self {
        let headers = vec![("location".to_owned(), to.to_owned())];
        Self { status: 307, headers, body: Vec::new(), framing: Framing::Length }
    }

    /// The part of it that a range asks for: `bytes=FIRST-LAST`.
    pub fn part(&self, range: &str) -> Self {
        let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        let first: usize = first.parse().unwrap();
        let last = last.parse().unwrap_or(usize::MAX).min(self.body.len() - 1);
        if first > last {
            return Self::refusal(416);
        }
        let mut part = Self { status: 206, body: self.body[first..=last].to_vec(), ..self.clone() };
        let place = format!("bytes {first}-{last}/{}", self.body.len());
        part.headers.push(("content-range".to_owned(), place));
        part
    }

    fn head(&self) -> Vec<u8> {
        let version = if self.framing == Framing::Close { "HTTP/1.0" } else { "HTTP/1.1" };
        let mut head = format!("{version} {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.framing {
            Framing::Length => head += &format!("content-length: {}\r\n", self.body.len()),
            Framing::Chunked => head += "transfer-encoding: chunked\r\n",
            Framing::Close => {}
        }
        (head + "\r\n").into_bytes()
    }

    /// The body as it is sent, without the trailers of a chunked one.
    fn body(&self, rng: &mut Rng) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return self.body.clone();
        }
        let (mut encoded, mut rest) = (Vec::new(), &self.body[..]);
        while !rest.is_empty() {
            let (content, after) = rest.split_at(rest.len().min(1 + rng.below(65_536)));
            encoded.extend(chunk(content));
            rest = after;
        }
        encoded.extend_from_slice(b"0\r\n");
        encoded
    }

    fn trailer(&self) -> Vec<u8> {
        if self.framing == Framing::Chunked { b"x-checked: yes\r\n\r\n".to_vec() } else { Vec::new() }
    }

    /// The steps of an honest registry.
    pub fn honest(&self, rng: &mut Rng) -> Vec<Step> {
        let mut bytes = [self.head(), self.body(rng), self.trailer()].concat();
        // Sometimes the head comes alone.
        let cut = if rng.below(2) == 0 { self.head().len() } else { bytes.len() };
        let body = bytes.split_off(cut);
        let mut steps = vec![Step::Send(bytes), Step::Send(body)];
        if self.framing == Framing::Close {
            steps.push(Step::End(End::Close));
        }
        steps
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a length or coding of its own, so that the test's stand alone.
    fn with_lengths(&self, lines: &str) -> Vec<u8> {
        let mut head = Self { framing: Framing::Close, ..self.clone() }.head();
        head.truncate(head.len() - 2);
        let head = String::from_utf8(head).unwrap().replace("HTTP/1.0", "HTTP/1.1");
        format!("{head}{lines}\r\n").into_bytes()
    }
}

/// The steps of a case while a connection is made, while one is idle, or after all of an answer: no request is before
/// it.
pub fn unasked(case: &Case, other: &Answer) -> Vec<Step> {
    let mut rng = Rng::new(case.seed ^ 1);
    match case.fault {
        Fault::Fin => vec![Step::End(End::Fin)],
        Fault::Rst => vec![Step::End(End::Rst)],
        Fault::HalfClose => vec![Step::End(End::HalfClose)],
        Fault::CloseNotify => vec![Step::End(End::CloseNotify)],
        Fault::Stall => vec![Step::End(End::Silence)],
        Fault::Garbage => vec![Step::Send(garbage(&mut rng)), Step::End(End::Silence)],
        Fault::Late => {
            let pause = Duration::from_millis(rng.pick(&[0, 1, 5, 20]));
            [vec![Step::Pause(pause)], other.honest(&mut rng)].concat()
        }
        Fault::Extra => other.honest(&mut rng),
        _ => Vec::new(),
    }
}

/// The steps that a case makes of an answer. `target` is what was asked for; `other` is the answer to another question.
pub fn faulty(case: &Case, answer: &Answer, other: &Answer, target: &str) -> Vec<Step> {
    let mut rng = Rng::new(case.seed ^ 2);
    let head = answer.head();
    let body = answer.body(&mut rng);
    let trailer = answer.trailer();
    match case.place {
        Place::AfterAnswer => {
            let mut steps = answer.honest(&mut rng);
            steps.extend(unasked(case, other));
            return together(steps);
        }
        Place::Connect | Place::Handshake | Place::Idle => return answer.honest(&mut rng),
        _ => {}
    }
    if case.fault.is_end() || matches!(case.fault, Fault::Stall | Fault::Garbage | Fault::Trickle) {
        let sent = match case.place {
            Place::Head => {
                let cut = rng.below(head.len());
                head[..cut].to_vec()
            }
            Place::AfterHead => head,
            Place::BodyStart => [&head, begin(&body, 1 + rng.below(64))].concat(),
            Place::Trailer => [&head, &body[..], cut(&trailer, rng.below(trailer.len()))].concat(),
            _ => {
                let bytes = 1 + rng.below(body.len().max(2) - 1);
                [&head, begin(&body, bytes)].concat()
            }
        };
        return match (case.fault, case.place) {
            (Fault::Trickle, Place::Head) => {
                let begin = b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec();
                vec![Step::Send(begin), Step::Repeat(b"a".to_vec(), ENDLESS, TRICKLE_PAUSE)]
            }
            (Fault::Trickle, _) => {
                let rest = [answer.head(), body, trailer].concat().split_off(sent.len());
                let bytes =
                    rest.into_iter().flat_map(|byte| [Step::Send(vec![byte]), Step::Pause(TRICKLE_PAUSE)]);
                [Step::Send(sent)].into_iter().chain(bytes).collect()
            }
            _ => [vec![Step::Send(sent)], unasked(case, other)].concat(),
        };
    }
    let length = body.len();
    let plainly = |head: Vec<u8>, body: &[u8]| vec![Step::Send(head), Step::Send(body.to_vec())];
    match case.fault {
        Fault::SameLengthTwice => {
            let lines = match rng.below(2) {
                0 => format!("content-length: {length}, {length}\r\n"),
                _ => format!("content-length: {length}\r\ncontent-length: {length}\r\n"),
            };
            plainly(answer.with_lengths(&lines), &body)
        }
        Fault::TwoLengths => {
            let wrong = length.saturating_sub(1 + rng.below(5));
            let lines = match rng.below(3) {
                0 => format!("content-length: {length}, {wrong}\r\n"),
                1 => format!("content-length: {wrong}\r\ncontent-length: {length}\r\n"),
                _ => format!("content-length: {length}\r\ncontent-length: {wrong}\r\n"),
            };
            plainly(answer.with_lengths(&lines), &body)
        }
        Fault::LengthAndChunked => {
            // A reader that believes the length takes chunk heads for content.
            let chunked = Answer { framing: Framing::Chunked, ..answer.clone() };
            let encoded = [chunked.body(&mut rng), chunked.trailer()].concat();
            let lines = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n");
            plainly(answer.with_lengths(&lines), &encoded)
        }
        Fault::BadCoding => {
            let coding =
                rng.pick(&["xchunked", "chunked, identity", "gzip", "chunked;q=1", "\"chunked\"", ", ,"]);
            let encoded = [body, trailer].concat();
            plainly(answer.with_lengths(&format!("transfer-encoding: {coding}\r\n")), &encoded)
        }
        Fault::TwoDigests => {
            let wrong = digest_of(&other.body);
            let mut twice = answer.clone().with("docker-content-digest", &wrong);
            if rng.below(2) == 0 {
                twice.headers.reverse();
            }
            twice.honest(&mut rng)
        }
        Fault::BadHeader => {
            let line =
                rng.pick(&["no colon", "a b: c", ": nameless", "x: \0", "x: a\r\n folded", "x\x7f: y"]);
            plainly(spliced(&head, line.as_bytes()), &[body, trailer].concat())
        }
        Fault::BigHead => {
            let line = format!("x-big: {}", "b".repeat(160_000 + rng.below(200_000)));
            plainly(spliced(&head, line.as_bytes()), &[body, trailer].concat())
        }
        Fault::EndlessHead => vec![
            Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Step::Repeat(b"x-more: and more\r\n".to_vec(), ENDLESS, Duration::ZERO),
        ],
        Fault::Many1xx => {
            let mut steps = vec![Step::Repeat(early_hints(&mut rng), 20, Duration::ZERO)];
            steps.extend(answer.honest(&mut rng));
            steps
        }
        Fault::Endless1xx => {
            let pause = Duration::from_micros(rng.pick(&[0, 0, 1_000]));
            vec![Step::Repeat(early_hints(&mut rng), ENDLESS, pause)]
        }
        Fault::Switching => vec![
            Step::Send(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n".to_vec(),
            ),
            Step::Send(garbage(&mut rng)),
            Step::End(End::Silence),
        ],
        Fault::TooShort => {
            let more = length + 1 + rng.below(100_000);
            plainly(answer.with_lengths(&format!("content-length: {more}\r\n")), &body)
        }
        Fault::TooLong => {
            // No content at all is the one lie without a byte at which a transfer could still fail.
            let less = if rng.below(4) == 0 { 0 } else { rng.below(length.max(1)) };
            together(plainly(answer.with_lengths(&format!("content-length: {less}\r\n")), &body))
        }
        Fault::WrongDigest => {
            // In the content, not in what frames it.
            let mut wrong = answer.clone();
            let at = rng.below(wrong.body.len());
            wrong.body[at] ^= 1;
            wrong.honest(&mut rng)
        }
        Fault::WrongPart => {
            // From one byte earlier, as it says.
            let mut moved = answer.clone();
            moved.body.rotate_right(1);
            for (name, value) in &mut moved.headers {
                if name == "content-range" {
                    let (range, total) = value.split_once('/').unwrap();
                    let (first, last) = range.trim_start_matches("bytes ").split_once('-').unwrap();
                    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                    *value = format!("bytes {}-{}/{total}", first.saturating_sub(1), last - 1);
                }
            }
            moved.honest(&mut rng)
        }
        Fault::ChangedPart => {
            let mut changed = answer.clone();
            changed.body.iter_mut().for_each(|byte| *byte ^= 1);
            for (name, value) in &mut changed.headers {
                if name == "etag" {
                    *value = "\"another\"".to_owned();
                }
            }
            changed.honest(&mut rng)
        }
        Fault::BadChunk => {
            // The cut comes where a chunk is to begin: within one it would be content.
            let content = cut(&answer.body, rng.below(5_000));
            let bad = rng.pick(&["zz", "-5", "", "0x5"]);
            let good = if content.is_empty() { Vec::new() } else { chunk(content) };
            plainly(head, &[&good[..], bad.as_bytes(), b"\r\n"].concat())
        }
        Fault::HugeChunk => plainly(head, b"fffffffffffffffff\r\nabc"),
        Fault::RedirectSelf => Answer::redirect(target).honest(&mut rng),
        Fault::RedirectLoop => Answer::redirect(&format!("{target}?again={}", rng.next())).honest(&mut rng),
        // Port 1 is nobody's.
        Fault::RedirectNowhere => Answer::redirect("http://127.0.0.1:1/gone").honest(&mut rng),
        Fault::RedirectOdd => {
            let odd = [
                "http://[::1/",
                "gopher://127.0.0.1/",
                "http://me@127.0.0.1/",
                "http://",
                "http://0.0.0.0:1/",
            ];
            Answer::redirect(rng.pick(&odd)).honest(&mut rng)
        }
        fault => match fault.status() {
            Some(status) => Answer::refusal(status).honest(&mut rng),
            None => answer.honest(&mut rng),
        },
    }
}

/// One write, so that what follows an answer comes with it.
fn together(steps: Vec<Step>) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::new();
    for step in steps {
        match (all.last_mut(), step) {
            (Some(Step::Send(before)), Step::Send(bytes)) => before.extend(bytes),
            (_, step) => all.push(step),
        }
    }
    all
}

/// RFC 9112 §7.1
fn chunk(content: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", content.len()).as_bytes(), content, b"\r\n"].concat()
}

fn cut(bytes: &[u8], at: usize) -> &[u8] {
    &bytes[..at.min(bytes.len())]
}

/// The beginning of a body, and never all of it: after that silence is as it should be.
fn begin(body: &[u8], at: usize) -> &[u8] {
    cut(body, at.min(body.len() - 1))
}

/// A head with one more line.
fn spliced(head: &[u8], line: &[u8]) -> Vec<u8> {
    [&head[..head.len() - 2], line, b"\r\n\r\n"].concat()
}

fn early_hints(rng: &mut Rng) -> Vec<u8> {
    rng.pick(&[
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 P\r\n\r\n",
    ])
    .as_bytes()
    .to_vec()
}

fn garbage(rng: &mut Rng) -> Vec<u8> {
    let count = 1 + rng.below(3_000);
    let mut bytes = rng.bytes(count);
    // Never a beginning that could be HTTP's.
    bytes[0] = 0xff;
    bytes
}

/// The sizes that bodies have: empty sockets, one read, several, more than a pipe holds.
pub fn size(case: &Case, rng: &mut Rng) -> usize {
    match case.path {
        _ if case.who.is_deaf() => 5 << 20,
        Path::ManifestTag | Path::ManifestDigest | Path::Token => rng.pick(&[300, 2_000, 20_000, 300_000]),
        Path::Tags | Path::Referrers => rng.pick(&[300, 20_000, 300_000]),
        _ => rng.pick(&[17, 5_000, 70_000, 300_000, 1_500_000]),
    }
}
