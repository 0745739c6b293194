//! HTTP/2 frame by frame (RFC 9113 §4.1), for clients that no library would be.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The beginning of a connection (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// SETTINGS_INITIAL_WINDOW_SIZE.
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// One frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A SETTINGS frame with these.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// The HEADERS frame of a whole request without a body.
pub fn request(stream: u32, method: &str, path: &str, authorization: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(method, path, authorization))
}

/// A request's head in HPACK (RFC 7541), as literals whose names are in the static table.
pub fn head(method: &str, path: &str, authorization: &str) -> Vec<u8> {
    let mut head = Vec::new();
    // :scheme: http
    head.push(0x86);
    // :method, :path, :authority, authorization: without indexing (§6.2.2).
    for (index, value) in [(2, method), (4, path), (1, "localhost"), (23, authorization)] {
        if index < 15 {
            head.push(index);
        } else {
            head.extend([0x0f, index - 15]);
        }
        // Lengths below 127 are one byte (§5.1).
        assert!(value.len() < 127, "{value}");
        head.push(u8::try_from(value.len()).unwrap());
        head.extend(value.as_bytes());
    }
    head
}

/// The next frame; none at the end of the connection, however it ends.
pub async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, s @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(s), payload })
}

/// The next frame of this kind; none at the end of the connection.
pub async fn next_of(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> Option<Frame> {
    loop {
        let frame = next(stream).await?;
        if frame.kind == kind {
            return Some(frame);
        }
    }
}
