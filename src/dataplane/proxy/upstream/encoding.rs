//! Decoding of content that is encoded although the request asked for none (RFC 9110 §8.4): registries and
//! their reverse proxies compress what looks like text. Digests and lengths refer to the decoded content, so
//! it is decoded here.

use std::io::{self, BufRead, ErrorKind, Read};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Frame;

/// Bytes decoded at a time; bounds the memory for highly compressed content.
const DECODED_BYTES: usize = 64 << 10;

/// Reasons why a body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke off or delivered invalid HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The body is not in the declared encoding.
    #[error("the content cannot be decoded: {0}")]
    Encoded(io::Error),
}

/// An encoding that cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnsupportedEncoding(pub(super) String);

/// Chooses the decoder for an answer and removes the headers that are about its encoded bytes. `None` if it is not
/// encoded. The length is known only at the end.
///
/// # Errors
/// The encoding is unknown, or the answer is a part of an encoded whole.
pub(super) fn decoder_for(
    status: StatusCode,
    headers: &mut HeaderMap,
) -> Result<Option<Box<Decoder>>, UnsupportedEncoding> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(None);
    }
    let names = names(headers);
    let is_encoded = match names.as_str() {
        "" | "identity" => false,
        // A part of an encoded whole cannot be decoded.
        _ if status == StatusCode::PARTIAL_CONTENT => return Err(UnsupportedEncoding(names)),
        "gzip" | "x-gzip" => true,
        // The status is the answer; only the error's text stays encoded.
        _ if !status.is_success() => return Ok(None),
        _ => return Err(UnsupportedEncoding(names)),
    };
    headers.remove(CONTENT_ENCODING);
    if !is_encoded {
        return Ok(None);
    }
    for name in [CONTENT_LENGTH, ACCEPT_RANGES, CONTENT_RANGE] {
        headers.remove(name);
    }
    weaken(headers);
    Ok(Some(Box::new(Decoder::new())))
}

/// Encodings in the order in which they were applied.
fn names(headers: &HeaderMap) -> String {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let names: Vec<_> = names.map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    names.join(",")
}

/// Weakens a strong validator, which refers to the encoded bytes (RFC 9110 §8.8.3.3).
fn weaken(headers: &mut HeaderMap) {
    let weak = headers.get(ETAG).filter(|etag| etag.as_bytes().starts_with(b"\""));
    let weak = weak.and_then(|etag| HeaderValue::from_bytes(&[b"W/", etag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
}

/// Decodes gzip (RFC 1952) while the body arrives. gzip ends with a checksum, so a truncated body is detected.
pub(super) struct Decoder {
    gzip: MultiGzDecoder<DecoderInput>,
    buffer: Box<[u8]>,
}

impl Decoder {
    fn new() -> Self {
        Self { gzip: MultiGzDecoder::new(DecoderInput::default()), buffer: vec![0; DECODED_BYTES].into() }
    }

    /// Polls the next decoded piece; `next` polls the next encoded one.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.gzip.read(&mut self.buffer) {
                Ok(0) => return Poll::Ready(None),
                Ok(bytes) => {
                    let piece = Bytes::copy_from_slice(&self.buffer[..bytes]);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let input = self.gzip.get_mut();
                    match ready!(next(cx)) {
                        Some(Ok(frame)) => input.piece = frame.into_data().unwrap_or_default(),
                        Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        None => input.is_over = true,
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(BodyError::Encoded(error)))),
            }
        }
    }
}

/// Encoded bytes that are not decoded yet.
#[derive(Default)]
struct DecoderInput {
    piece: Bytes,
    is_over: bool,
}

impl BufRead for DecoderInput {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() && !self.is_over {
            Err(ErrorKind::WouldBlock.into())
        } else {
            Ok(&self.piece)
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.piece.advance(bytes);
    }
}

impl Read for DecoderInput {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}
