//! Decoding of content that is encoded although the request asked for none (RFC 9110 §8.4): registries and
//! their reverse proxies compress what looks like text. Digests and lengths refer to the decoded content, so
//! it is decoded here.

use std::io::{self, BufRead, ErrorKind, Read};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body as _, Frame};

use super::body::UpstreamBody;

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

/// Decodes an answer. The result has no length, because that is known only at the end.
pub(super) fn decode_response(
    mut response: Response<UpstreamBody>,
) -> Result<Response<UpstreamBody>, UnsupportedEncoding> {
    if !response.headers().contains_key(CONTENT_ENCODING) {
        return Ok(response);
    }
    let names = names(response.headers());
    let decoder = match names.as_str() {
        "" | "identity" => None,
        // A part of an encoded whole cannot be decoded.
        _ if response.status() == StatusCode::PARTIAL_CONTENT => return Err(UnsupportedEncoding(names)),
        "gzip" | "x-gzip" => Some(Decoder::new()),
        // The status is the answer; only the error's text stays encoded.
        _ if !response.status().is_success() => return Ok(response),
        _ => return Err(UnsupportedEncoding(names)),
    };
    response.headers_mut().remove(CONTENT_ENCODING);
    let Some(decoder) = decoder else { return Ok(response) };
    let headers = response.headers_mut();
    for name in [CONTENT_LENGTH, ACCEPT_RANGES, CONTENT_RANGE] {
        headers.remove(name);
    }
    weaken(headers);
    // The answer to a HEAD has no body.
    if !response.body().is_end_stream() {
        response.body_mut().decode(Box::new(decoder));
    }
    Ok(response)
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
