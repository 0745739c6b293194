//! Clients: many requests, none read, or nothing asked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const CONNECTIONS: usize = 16;
/// Requests that are sent before the first of them is answered.
const PIPELINED: usize = 32;

/// Asks for `count` paths, over a few connections; returns how long it took.
pub(crate) async fn flood(
    proxy: SocketAddr,
    authorization: &str,
    count: usize,
    path: fn(usize) -> String,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            let numbers = (connection..count).step_by(CONNECTIONS);
            tokio::spawn(ask(proxy, authorization.to_owned(), numbers, path))
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(began.elapsed())
}

async fn ask(
    proxy: SocketAddr,
    authorization: String,
    numbers: impl Iterator<Item = usize>,
    path: fn(usize) -> String,
) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(proxy).await?;
    let mut unread = Vec::new();
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let mut requests = String::new();
        let mut sent = 0;
        for number in numbers.by_ref().take(PIPELINED) {
            requests.push_str(&request(proxy, &authorization, &path(number), number));
            sent += 1;
        }
        stream.write_all(requests.as_bytes()).await?;
        for _ in 0..sent {
            answer(&mut stream, &mut unread).await?;
        }
    }
    Ok(())
}

fn request(proxy: SocketAddr, authorization: &str, path: &str, number: usize) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {proxy}\r\nauthorization: {authorization}\r\nuser-agent: containerd/1.{number}\r\n\r\n"
    )
}

/// Reads one answer away.
async fn answer(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<(), Failure> {
    loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let whole = end + 4 + length.ok_or("no length")?.trim().parse::<usize>()?;
            while unread.len() < whole {
                if stream.read_buf(unread).await? == 0 {
                    return Err("an answer broke off".into());
                }
            }
            unread.drain(..whole);
            return Ok(());
        }
        if stream.read_buf(unread).await? == 0 {
            return Err("no answer".into());
        }
    }
}

/// Connections that ask for something large and read nothing, until they are dropped.
pub(crate) async fn hold(
    proxy: SocketAddr,
    authorization: &str,
    count: usize,
) -> Result<Vec<TcpStream>, Failure> {
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let socket = TcpSocket::new_v4()?;
        // Another address than that of those who pull meanwhile.
        socket.bind(([127, 0, 9, 1], 0).into())?;
        socket.set_recv_buffer_size(4096)?;
        let mut stream = socket.connect(proxy).await?;
        let request = request(proxy, authorization, &format!("/v2/large/manifests/t{number}"), number);
        stream.write_all(request.as_bytes()).await?;
        held.push(stream);
    }
    Ok(held)
}

/// Connections that say only this, from so many addresses that no address has many, until they are dropped.
pub(crate) async fn silent(proxy: SocketAddr, said: &[u8], count: usize) -> Result<Vec<TcpStream>, Failure> {
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let socket = TcpSocket::new_v4()?;
        socket
            .bind(([127, 1, u8::try_from(number / 200 % 250)?, u8::try_from(1 + number % 200)?], 0).into())?;
        let mut stream = socket.connect(proxy).await?;
        // One that had to make room has ended by now.
        let _ = stream.write_all(said).await;
        held.push(stream);
    }
    Ok(held)
}

/// Counts those that the other side has not ended yet.
pub(crate) fn alive(held: &[TcpStream]) -> usize {
    let is_alive = |stream: &&TcpStream| {
        let answer = stream.try_read(&mut [0; 4096]);
        answer.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    held.iter().filter(is_alive).count()
}
