//! Answers that are longer than memory: read from the log block by block, as fast as the client takes them.
//!
//! An open read keeps the database from reusing its pages, so their number and their time have bounds, and so has the
//! patience with a client. Whatever ends one early breaks the answer off: half of it is never taken for the whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::log::ReadError;

/// Blocks that wait for a slow client.
const BLOCKS_WAITING_MAX: usize = 4;
const PATIENCE: Patience = Patience { block: Duration::from_secs(30), whole: Duration::from_secs(60 * 60) };

/// Time that a client may take.
#[derive(Clone, Copy)]
struct Patience {
    /// For the next block.
    block: Duration,
    /// For all of them.
    whole: Duration,
}

/// A body of `blocks`, each of which is read on a thread that may block; `what` is said where it breaks off.
pub(in crate::admin) fn body<B>(what: &'static str, blocks: B, permit: impl Send + 'static) -> Body
where
    B: Iterator<Item = Result<Bytes, ReadError>> + Send + 'static,
{
    Body::new(patient(PATIENCE, what, blocks, permit))
}

fn patient<B>(patience: Patience, what: &'static str, blocks: B, permit: impl Send + 'static) -> Blocks
where
    B: Iterator<Item = Result<Bytes, ReadError>> + Send + 'static,
{
    let (sender, blocks_sent) = mpsc::channel(BLOCKS_WAITING_MAX);
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(reason) = hand_over(patience, blocks, sender).await {
            tracing::warn!(what, reason, "an answer broke off");
        }
    });
    Blocks { blocks: blocks_sent, is_whole: false }
}

/// Hands blocks over until the last one, after which comes nothing, and that is said.
async fn hand_over<B>(
    patience: Patience,
    mut blocks: B,
    sender: mpsc::Sender<Option<Bytes>>,
) -> Result<(), String>
where
    B: Iterator<Item = Result<Bytes, ReadError>> + Send + 'static,
{
    let end = Instant::now() + patience.whole;
    loop {
        let reading = tokio::task::spawn_blocking(move || {
            let block = blocks.next().transpose();
            (blocks, block)
        });
        let (rest, block) = reading.await.map_err(|error| error.to_string())?;
        blocks = rest;
        let block = block.map_err(|error| error.to_string())?;
        let is_last = block.is_none();
        let until = end.min(Instant::now() + patience.block);
        match tokio::time::timeout_at(until, sender.send(block)).await {
            Ok(Ok(())) if is_last => return Ok(()),
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("its client went away".to_owned()),
            Err(_) => return Err("its client was too slow".to_owned()),
        }
    }
}

/// Blocks as they come; an error unless they come to their end.
struct Blocks {
    blocks: mpsc::Receiver<Option<Bytes>>,
    is_whole: bool,
}

/// It ended early; the server's own log says why.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
struct BrokeOff;

impl hyper::body::Body for Blocks {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        self.blocks.poll_recv(context).map(|sent| match sent {
            Some(Some(block)) => Some(Ok(Frame::data(block))),
            Some(None) => {
                self.is_whole = true;
                None
            }
            None if self.is_whole => None,
            None => Some(Err(BrokeOff)),
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::admin::state::readers::{READERS_MAX, Readers};

    const SHORT: Patience = Patience { block: Duration::from_millis(20), whole: PATIENCE.whole };
    /// More than wait for a client.
    const MANY: usize = 4 * BLOCKS_WAITING_MAX;

    fn blocks(count: usize) -> impl Iterator<Item = Result<Bytes, ReadError>> {
        std::iter::repeat_with(|| Ok(Bytes::from_static(b"block "))).take(count)
    }

    /// All that comes, and whether that is all.
    async fn taken(mut body: Blocks) -> (usize, bool) {
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(_) => count += 1,
                Err(BrokeOff) => return (count, false),
            }
        }
        (count, true)
    }

    #[tokio::test]
    async fn an_answer_is_whole_or_breaks_off() {
        let readers = Readers::default();
        let permit = || readers.permit().unwrap();
        assert_eq!(taken(patient(PATIENCE, "a test", blocks(MANY), permit())).await, (MANY, true));
        assert_eq!(taken(patient(PATIENCE, "a test", blocks(0), permit())).await, (0, true));
        let failing = blocks(2).chain([Err(ReadError::Closed)]).chain(blocks(2));
        assert_eq!(taken(patient(PATIENCE, "a test", failing, permit())).await, (2, false));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_gets_no_end_and_gives_its_permit_back() {
        for patience in [SHORT, Patience { block: PATIENCE.block, whole: SHORT.block }] {
            let readers = Readers::default();
            let mut bodies: Vec<_> = (0..READERS_MAX)
                .map(|_| patient(patience, "a test", blocks(MANY), readers.permit().unwrap()))
                .collect();
            let again = readers.all().await;
            assert!(readers.permit().is_none(), "they are all taken");
            drop(again);
            assert_eq!(taken(bodies.remove(0)).await, (BLOCKS_WAITING_MAX, false));
        }
    }

    #[tokio::test]
    async fn a_client_that_goes_gives_its_permit_back() {
        let readers = Readers::default();
        let endless = std::iter::repeat_with(|| Ok(Bytes::from_static(b"block ")));
        let mut body = patient(PATIENCE, "a test", endless, readers.permit().unwrap());
        assert!(body.frame().await.is_some());
        drop(body);
        let _all = readers.all().await;
    }
}
