//! Answers a request for a trusted blob without hyper: writes the head and splices the body.

use std::fmt::Write;
use std::io;

use bytes::BytesMut;
use http::header::DATE;
use http::response::Parts;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::data_plane::Proxy;
use super::splice::{Pipe, SpliceError, SpliceTimeouts, splice};
use super::transfer::Transfer;
use super::upstream::BodySocket;
use crate::clock;
use crate::listen::StallGuard;

/// Sends a whole answer. The transfer reports its own outcome.
///
/// # Errors
/// The client has not received the whole body; its connection must be closed.
pub(super) async fn relay(
    proxy: &Proxy,
    client: &mut StallGuard<TcpStream>,
    head: &Parts,
    mut transfer: Box<Transfer>,
    pipe: Pipe,
) -> io::Result<()> {
    let mut first_bytes = head_bytes(head);
    let Some(socket) = transfer.take_socket() else { return Err(io::ErrorKind::NotConnected.into()) };
    let BodySocket { stream, received, .. } = &socket;
    let length = transfer.remaining().unwrap_or_default();
    let first = received.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    first_bytes.extend_from_slice(&received[..first]);
    client.write_all(&first_bytes).await?;
    if !transfer.record_spliced(first as u64) {
        return Err(io::ErrorKind::InvalidData.into());
    }

    let timeouts = SpliceTimeouts { source: transfer.stall_limit(), destination: client.limit() };
    let left = length - first as u64;
    match splice(stream, client.get_ref(), &pipe, left, timeouts, |bytes| transfer.record_spliced(bytes))
        .await
    {
        Ok(()) => {
            proxy.counters.spliced.inc();
            proxy.pipes.put_back(pipe);
            if first == received.len() {
                socket.return_to_pool();
            } else {
                socket.distrust();
            }
            Ok(())
        }
        Err(SpliceError::Destination) => Err(io::ErrorKind::BrokenPipe.into()),
        Err(SpliceError::Stopped) => Err(io::ErrorKind::InvalidData.into()),
        Err(SpliceError::Source) => {
            proxy.pipes.put_back(pipe);
            drop(socket);
            transfer.resume_after_splice();
            copy(client, transfer).await
        }
    }
}

/// Writes the rest of a transfer as it arrives.
async fn copy(client: &mut StallGuard<TcpStream>, mut transfer: Box<Transfer>) -> io::Result<()> {
    while let Some(frame) = transfer.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        if let Ok(chunk) = frame.into_data() {
            client.write_all(&chunk).await?;
        }
    }
    if transfer.remaining() == Some(0) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Head of an answer with `Content-Length` (RFC 9112 §4, §6.2) that keeps the connection alive.
fn head_bytes(head: &Parts) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(1024);
    let reason = head.status.canonical_reason().unwrap_or_default();
    // Writing into memory cannot fail.
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", head.status.as_str());
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !head.headers.contains_key(DATE) {
        // Servers send a date (RFC 9110 §6.6.1).
        let _ = write!(bytes, "date: {}\r\n", clock::now().http_date());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
