//! A connection as its fake end has it: with all the ways to leave it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::script::{End, Step};

/// Time for which one end waits for the other to leave before it leaves itself. Longer than all limits together: a
/// connection that is held until then is found.
const HELD_MAX: Duration = Duration::from_secs(60);

pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The fate of a connection.
pub enum After {
    /// It goes on.
    Open(Stream),
    /// Nothing more is said on it, and it is there until the other side leaves.
    Held(Stream),
    Over,
}

impl Stream {
    /// Does what is written.
    pub async fn play(mut self, steps: Vec<Step>) -> After {
        for step in steps {
            let done = match step {
                Step::Send(bytes) => self.say(&bytes).await,
                Step::Pause(pause) => {
                    tokio::time::sleep(pause).await;
                    Ok(())
                }
                Step::Repeat(bytes, times, pause) => self.repeat(&bytes, times, pause).await,
                Step::End(end) => return self.end(end).await,
            };
            if done.is_err() {
                return After::Over;
            }
        }
        After::Open(self)
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }

    async fn repeat(&mut self, bytes: &[u8], times: usize, pause: Duration) -> io::Result<()> {
        // In large writes, where nothing is between them: the flood is to be the proxy's work and not the fake's.
        let at_once = if pause.is_zero() { (16_384 / bytes.len()).clamp(1, times) } else { 1 };
        let block = bytes.repeat(at_once);
        let mut left = times;
        while left > 0 {
            self.say(if left < at_once { &block[..bytes.len() * left] } else { &block }).await?;
            left = left.saturating_sub(at_once);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    async fn end(mut self, end: End) -> After {
        match end {
            End::Close => {
                let _ = self.shutdown().await;
                return After::Over;
            }
            End::Fin => return After::Over,
            End::Rst => {
                let _ = self.tcp().set_zero_linger();
                return After::Over;
            }
            End::HalfClose => {
                let _ = self.tcp().shutdown().await;
            }
            End::CloseNotify => {
                if let Self::Tls(tls) = &mut self {
                    tls.get_mut().1.send_close_notify();
                    let _ = tls.flush().await;
                }
            }
            End::Silence => {}
        }
        After::Held(self)
    }

    /// Reads what comes until the other side leaves.
    pub async fn hold(mut self) {
        let mut bytes = [0; 4096];
        let leaving = async { while matches!(self.tcp().read(&mut bytes).await, Ok(1..)) {} };
        let _ = tokio::time::timeout(HELD_MAX, leaving).await;
    }

    fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_mut().0,
        }
    }
}

macro_rules! either {
    ($self:expr, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($io) => $call,
            Stream::Tls(tls) => {
                let $io = &mut **tls;
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}
