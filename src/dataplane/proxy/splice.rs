//! Moves bytes between sockets in the kernel with `splice(2)` and a pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Capacity requested for a pipe, in bytes. Smaller pipes need more wake-ups for each byte.
const PIPE_BYTES: usize = 1 << 20;
/// Smallest useful capacity: below this, copying is as cheap.
const PIPE_BYTES_MIN: usize = 256 << 10;
/// Idle pipes kept for reuse.
const PIPES_IDLE_MAX: usize = 64;
/// Bytes after which the task yields.
const YIELD_BYTES: usize = 4 << 20;

/// Pool of pipes, created on demand and reused.
pub(super) struct Pipes {
    open: Arc<Semaphore>,
    idle: Mutex<Vec<PipeEnds>>,
}

/// An empty pipe.
pub(super) struct Pipe {
    ends: PipeEnds,
    _open: OwnedSemaphorePermit,
}

struct PipeEnds {
    read: OwnedFd,
    write: OwnedFd,
    bytes_max: usize,
}

impl Pipes {
    /// Makes a pool of at most `pipes_max` open pipes; further blobs are copied. The pool is empty on systems
    /// without splice.
    pub(super) fn new(pipes_max: usize) -> Self {
        let pipes_max = if cfg!(target_os = "linux") { pipes_max } else { 0 };
        let open = Arc::new(Semaphore::new(pipes_max));
        Self { open, idle: Mutex::default() }
    }

    /// Tells whether another pipe may be opened.
    pub(super) fn is_available(&self) -> bool {
        self.open.available_permits() > 0
    }

    /// Takes a pipe. Returns `None` if too many are open or the system grants no useful capacity: pipe pages
    /// of unprivileged users are limited (`fs.pipe-user-pages-soft`).
    pub(super) fn take(&self) -> Option<Pipe> {
        let open = self.open.clone().try_acquire_owned().ok()?;
        let idle = self.idle.lock().pop();
        Some(Pipe { ends: idle.or_else(|| sys::pipe().ok())?, _open: open })
    }

    /// Returns an empty pipe to the pool.
    pub(super) fn put_back(&self, pipe: Pipe) {
        let mut idle = self.idle.lock();
        if idle.len() < PIPES_IDLE_MAX {
            idle.push(pipe.ends);
        }
    }
}

/// Reason why a move ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpliceError {
    /// The source closed, failed or stalled. All bytes read from it were passed on.
    Source,
    /// The destination closed, failed or stalled.
    Destination,
    /// The callback stopped the move.
    Stopped,
}

/// Longest silence of either side.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpliceTimeouts {
    pub(super) source: Duration,
    pub(super) destination: Duration,
}

/// Moves `bytes` between two sockets. Calls `on_moved` with the length of each piece that the destination has
/// taken; returning false stops the move.
pub(super) async fn splice(
    from: &TcpStream,
    to: &TcpStream,
    pipe: &Pipe,
    bytes: u64,
    timeouts: SpliceTimeouts,
    mut on_moved: impl FnMut(u64) -> bool,
) -> Result<(), SpliceError> {
    let (mut left, mut since_yield) = (bytes, 0);
    while left > 0 {
        let bytes_max = pipe.ends.bytes_max.min(usize::try_from(left).unwrap_or(usize::MAX));
        let filled = fill(from, to, pipe, bytes_max, timeouts.source).await?;
        // The caller may want to stop after a long wait.
        if !on_moved(0) {
            return Err(SpliceError::Stopped);
        }
        drain(pipe, to, filled, timeouts.destination, &mut on_moved).await?;
        left -= filled as u64;
        since_yield += filled;
        if since_yield >= YIELD_BYTES {
            since_yield = 0;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Fills an empty pipe with available bytes. The pipe is empty, so "would block" refers to the socket.
async fn fill(
    from: &TcpStream,
    to: &TcpStream,
    pipe: &Pipe,
    bytes_max: usize,
    timeout_after: Duration,
) -> Result<usize, SpliceError> {
    loop {
        match from.try_io(Interest::READABLE, || sys::splice(from, &pipe.ends.write, bytes_max)) {
            Ok(0) => return Err(SpliceError::Source),
            Ok(filled) => return Ok(filled),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(SpliceError::Source),
        }
        tokio::select! {
            biased;
            ready = timeout(timeout_after, from.readable()) => match ready {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(SpliceError::Source),
            },
            // Without this check, a closed client would hold its upstream until that sends again.
            () = wait_until_closed(to) => return Err(SpliceError::Destination),
        }
    }
}

async fn drain(
    pipe: &Pipe,
    to: &TcpStream,
    filled: usize,
    timeout_after: Duration,
    on_moved: &mut impl FnMut(u64) -> bool,
) -> Result<(), SpliceError> {
    let mut left = filled;
    while left > 0 {
        match to.try_io(Interest::WRITABLE, || sys::splice(&pipe.ends.read, to, left)) {
            Ok(0) => return Err(SpliceError::Destination),
            Ok(taken) => {
                left -= taken;
                if !on_moved(taken as u64) {
                    return Err(SpliceError::Stopped);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match timeout(timeout_after, to.writable()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return Err(SpliceError::Destination),
                }
            }
            Err(_) => return Err(SpliceError::Destination),
        }
    }
    Ok(())
}

/// Waits until the peer has closed. Never completes once the peer has sent more data.
async fn wait_until_closed(stream: &TcpStream) {
    if matches!(stream.peek(&mut [0]).await, Ok(1..)) {
        std::future::pending::<()>().await;
    }
}

#[cfg(target_os = "linux")]
mod sys {
    use std::io;
    use std::os::fd::AsFd;

    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};

    use super::{PIPE_BYTES, PIPE_BYTES_MIN, PipeEnds};

    pub(super) fn pipe() -> io::Result<PipeEnds> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut wanted = PIPE_BYTES;
        loop {
            match fcntl_setpipe_size(&write, wanted) {
                Ok(_) => break,
                Err(error) if wanted <= PIPE_BYTES_MIN => return Err(error.into()),
                Err(_) => wanted /= 2,
            }
        }
        let bytes_max = fcntl_getpipe_size(&write)?;
        Ok(PipeEnds { read, write, bytes_max })
    }

    pub(super) fn splice(from: impl AsFd, to: impl AsFd, bytes_max: usize) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        Ok(rustix::pipe::splice(from, None, to, None, bytes_max, flags)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod sys {
    use std::io;

    use super::PipeEnds;

    pub(super) fn pipe() -> io::Result<PipeEnds> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn splice<From, To>(_: From, _: To, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUTS: SpliceTimeouts =
        SpliceTimeouts { source: Duration::from_secs(60), destination: Duration::from_secs(60) };
    const SHORT: Duration = Duration::from_millis(20);

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    /// A server's end and a client's end, the two sockets between them, and a pipe.
    async fn parts() -> (TcpStream, TcpStream, TcpStream, TcpStream, Pipe) {
        let (server, from) = pair().await;
        let (to, client) = pair().await;
        (server, from, to, client, Pipes::new(2).take().unwrap())
    }

    #[tokio::test]
    async fn just_the_bytes_that_were_asked_for_pass() {
        let (mut server, from, to, mut client, pipe) = parts().await;
        let content: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_be_bytes).collect();
        let (bytes, mut told) = (content.len() as u64 - 5, 0);
        let sent = content.clone();
        let serving = tokio::spawn(async move {
            server.write_all(&sent).await.unwrap();
            server
        });
        let mut got = vec![0; content.len() - 5];
        let moved = splice(&from, &to, &pipe, bytes, TIMEOUTS, |piece| {
            told += piece;
            true
        });
        let (moved, read) = tokio::join!(moved, client.read_exact(&mut got));
        assert_eq!((moved, read.unwrap() as u64, told), (Ok(()), bytes, bytes));
        assert!(got == content[..content.len() - 5]);
        let (mut rest, mut from) = ([0; 5], from);
        from.read_exact(&mut rest).await.unwrap();
        assert!(rest == content[content.len() - 5..]);
        drop(serving.await);
    }

    #[tokio::test]
    async fn a_side_that_ends_or_does_nothing_is_named() {
        let (mut server, from, to, mut client, pipe) = parts().await;
        server.write_all(b"begin").await.unwrap();
        drop(server);
        let ended = splice(&from, &to, &pipe, 10, TIMEOUTS, |_| true).await;
        assert_eq!(ended, Err(SpliceError::Source));
        let mut begin = [0; 5];
        client.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"begin", "what was given was passed on");

        let (_server, from, to, client, pipe) = parts().await;
        let silent = SpliceTimeouts { source: SHORT, ..TIMEOUTS };
        assert_eq!(splice(&from, &to, &pipe, 10, silent, |_| true).await, Err(SpliceError::Source));
        drop(client);
        assert_eq!(splice(&from, &to, &pipe, 10, TIMEOUTS, |_| true).await, Err(SpliceError::Destination));

        let (mut server, from, to, _client, pipe) = parts().await;
        let giving = tokio::spawn(async move { while server.write_all(&[7; 1 << 16]).await.is_ok() {} });
        let full = SpliceTimeouts { destination: SHORT, ..TIMEOUTS };
        assert_eq!(splice(&from, &to, &pipe, u64::MAX, full, |_| true).await, Err(SpliceError::Destination));
        drop((from, to));
        giving.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_asks_for_more_has_not_gone() {
        let (mut server, from, to, mut client, pipe) = parts().await;
        client.write_all(b"GET /next").await.unwrap();
        let moving = splice(&from, &to, &pipe, 4, TIMEOUTS, |_| true);
        let giving = async {
            to.readable().await.unwrap();
            server.write_all(b"blob").await.unwrap();
        };
        assert_eq!(tokio::join!(moving, giving).0, Ok(()));
        let mut blob = [0; 4];
        client.read_exact(&mut blob).await.unwrap();
        assert_eq!(&blob, b"blob");
    }

    #[tokio::test]
    async fn there_is_a_bound_and_pipes_are_used_again() {
        let none = Pipes::new(0);
        assert!(!none.is_available() && none.take().is_none());
        let pipes = Pipes::new(2);
        let pipe = pipes.take().unwrap();
        assert!(pipe.ends.bytes_max >= PIPE_BYTES_MIN);
        assert_eq!(pipes.open.available_permits(), 1);
        pipes.put_back(pipe);
        assert_eq!((pipes.open.available_permits(), pipes.idle.lock().len()), (2, 1));
        drop(pipes.take());
        assert!(pipes.idle.lock().is_empty());
    }
}
