//! One case from its beginning to its end: what clients do, what becomes of them, and an honest client beside them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::case::{Case, Crowd, From, Layer};
use super::kind::{End, Said, said};
use crate::faults::bench::Bench;
use crate::faults::client::{Ask, Door, Io};

/// A number of clients that is many: more than [`PLACES`].
const MANY: usize = 120;
/// Connections that the listener has places for.
pub const PLACES: usize = 96;
/// Between two of them. A client that comes at the same time has as long to ask as it takes the rest to come: with all at the
/// same moment that would be luck.
const PAUSE: Duration = Duration::from_millis(1);
/// Time for which the kernel may go on giving what the proxy had sent before it ended a connection.
const BUFFERED: Duration = Duration::from_millis(1_500);

/// The requests of honest clients, and their content.
pub struct Honest {
    pub manifest: (String, Vec<u8>),
    pub blob: (String, Vec<u8>),
}

/// Plays a case.
///
/// # Errors
/// Plays a case; the error says what is wrong with how the proxy took it.
pub async fn play(bench: &Bench, honest: &Honest, case: &Case) -> Result<(), String> {
    let count = if case.crowd == Crowd::Many { MANY } else { 1 };
    let (all_there, mut clients) = (Arc::new(Barrier::new(count + 1)), JoinSet::new());
    for number in 0..count {
        let said = said(case, [&honest.manifest.0, &honest.blob.0], &bench.door.authorization);
        let (door, case, all_there) = (bench.door.clone(), *case, all_there.clone());
        let bound = bench.bound_of_silence;
        clients.spawn(async move {
            tokio::time::sleep(PAUSE * u32::try_from(number).unwrap()).await;
            let stream = connect(&door, &case, number).await;
            all_there.wait().await;
            // In a crowd some are ended before they could say a word.
            match stream {
                Ok(stream) => abuse(stream, said, bound, case.crowd).await,
                Err(_) if case.crowd == Crowd::Many => Ok(()),
                Err(error) => Err(format!("it cannot connect: {error}")),
            }
        });
    }
    all_there.wait().await;
    let pulled = pull(bench, honest).await;
    while let Some(client) = clients.join_next().await {
        client.unwrap()?;
    }
    pulled
}

/// An honest client comes while they are there.
async fn pull(bench: &Bench, honest: &Honest) -> Result<(), String> {
    for is_tls in [false, true] {
        let mut line =
            bench.door.open(false, is_tls).await.map_err(|why| format!("an honest client: {why}"))?;
        for (path, right) in [&honest.manifest, &honest.blob] {
            let got = line.get(&bench.door, &Ask { path: path.clone(), range: None }, bench.bound).await;
            if (got.status, &got.body) != (200, right) {
                return Err(format!("an honest client: status {}, {:?}", got.status, got.end));
            }
        }
    }
    Ok(())
}

async fn connect(door: &Door, case: &Case, number: usize) -> std::io::Result<Box<dyn Io>> {
    let from = match case.from {
        From::Neighbour => [127, 0, 0, 1],
        From::Other => [127, 0, 7, 1],
        From::Each => [127, 0, 8, u8::try_from(1 + number).unwrap_or(u8::MAX)],
    };
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let tcp: TcpStream =
        socket.connect(if case.layer == Layer::Plain { door.plain } else { door.tls }).await?;
    tcp.set_nodelay(true)?;
    if case.layer != Layer::Tls {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from("127.0.0.1").map_err(std::io::Error::other)?;
    Ok(Box::new(door.connector.connect(name, tcp).await?))
}

/// Says what is said until the proxy ends it, and looks at what came of it.
async fn abuse(stream: Box<dyn Io>, said: Said, bound: Duration, crowd: Crowd) -> Result<(), String> {
    let Said { once, mut again, pause, reads, end } = said;
    let (mut read, mut write) = tokio::io::split(stream);
    let mut got = Vec::new();
    let saying = async {
        if write.write_all(&once).await.is_err() || write.flush().await.is_err() {
            return;
        }
        let Some(again) = &mut again else { return };
        for number in 0.. {
            if write.write_all(&again(number)).await.is_err() || write.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    };
    if end == End::Leaves {
        let _ = timeout(bound, saying).await;
        return Ok(());
    }
    let is_ended = if reads {
        // Bytes that are sent after the connection has ended reach nobody.
        let reading = read_to_end(&mut read, &mut got, end);
        let both = async {
            tokio::select! {
                ended = reading => ended,
                () = async { saying.await; std::future::pending().await } => unreachable!("it waits"),
            }
        };
        timeout(bound, both).await.is_ok()
    } else {
        let _ = timeout(bound, async {
            saying.await;
            std::future::pending::<()>().await;
        })
        .await;
        timeout(BUFFERED, read_to_end(&mut read, &mut got, end)).await.is_ok()
    };
    match end {
        _ if !is_ended => Err(format!("the connection stays; {} bytes came", got.len())),
        _ if crowd == Crowd::Many => Ok(()),
        End::Leaves | End::EndedWithin => Ok(()),
        End::Ended(allowed) => match statuses(&got)[..] {
            [] => Ok(()),
            [status] => fits(status, allowed),
            ref many => Err(format!("answers {many:?} to one request")),
        },
        End::Answered(allowed, times) => {
            let all = statuses(&got);
            all.iter().try_for_each(|status| fits(*status, allowed))?;
            if all.len() == times {
                Ok(())
            } else {
                Err(format!("{} answers to {times} requests", all.len()))
            }
        }
    }
}

/// Reads until the connection has ended, or all was answered.
async fn read_to_end(read: &mut (impl tokio::io::AsyncRead + Unpin), got: &mut Vec<u8>, end: End) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        match read.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            // Bodies are of no interest, and there may be many.
            Ok(count) if got.len() < 1 << 20 => got.extend_from_slice(&bytes[..count]),
            Ok(_) => {}
        }
        if matches!(end, End::Answered(_, times) if statuses(got).len() >= times) {
            return;
        }
    }
}

/// The statuses of HTTP/1.1 answers.
fn statuses(got: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(got);
    let heads = text.match_indices("HTTP/1.1 ");
    heads.filter_map(|(at, begin)| text[at + begin.len()..].get(..3)?.parse().ok()).collect()
}

fn fits(status: u16, allowed: &[u16]) -> Result<(), String> {
    if allowed.contains(&status) {
        Ok(())
    } else {
        Err(format!("status {status}, which is none of {allowed:?}"))
    }
}
