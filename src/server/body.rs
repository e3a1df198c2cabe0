//! Reads a request's body, bounded in size, time and memory.
//!
//! A client that declares a large body and sends it slowly must not take memory or time from others. A body
//! that arrives in one piece is used without a copy. One in several pieces is written into blocks, of which only a
//! large body has more than one: these are joined by whoever reviews it, not by the worker that reads it. Only a body
//! that is incomplete needs a permit of the limiter.

use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::server::args::Limits;
use crate::server::limiter::{Full, Limiter, Permit};

/// The most that is allocated at once for a body that arrives, whatever length it declares: memory of this size was
/// used before, and is resident again at once. A buffer that grows is copied for up to eight milliseconds, in which its
/// worker reads nothing else.
const BLOCK: usize = 1 << 20;
/// After this many bytes a body yields to other requests: 24 MiB that arrive at once would keep a worker for
/// 20 ms.
const SHARE: usize = 128 << 10;
/// How many bytes of an unused body are read so that the client reads the answer and the connection stays
/// usable. Above it, the connection is closed.
const DISCARD_BYTES: usize = 16 << 20;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// A body as it arrived.
#[derive(Debug)]
pub(crate) enum Gathered {
    Nothing,
    OnePiece(Bytes),
    Blocks(Blocks),
}

/// Every block but the last is full. None of them moves while the body arrives.
#[derive(Debug)]
pub(crate) struct Blocks {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
}

/// A body in one piece.
#[derive(Debug)]
pub(crate) enum Whole {
    Shared(Bytes),
    Own(Vec<u8>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyError {
    /// Larger than the limit. The rest of it may have been read and dropped.
    TooLarge {
        drained: bool,
    },
    Slow,
    Shed(Full),
    /// Ended early, or violated HTTP's framing.
    Broken,
}

impl Gathered {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::OnePiece(bytes) => bytes.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// Takes up to a millisecond for every two megabytes of a body that is larger than a block, and no time for others.
    pub(crate) fn whole(self) -> Whole {
        match self {
            Self::Nothing => Whole::Own(Vec::new()),
            Self::OnePiece(bytes) => Whole::Shared(bytes),
            Self::Blocks(blocks) => Whole::Own(blocks.join()),
        }
    }

    fn push(&mut self, piece: Bytes, expected: usize) {
        match self {
            Self::Nothing => *self = Self::OnePiece(piece),
            Self::OnePiece(first) => {
                let mut blocks = Blocks::of(expected);
                blocks.push(first);
                blocks.push(&piece);
                *self = Self::Blocks(blocks);
            }
            Self::Blocks(blocks) => blocks.push(&piece),
        }
    }
}

impl Blocks {
    /// For a body that declares `expected` bytes, or none.
    fn of(expected: usize) -> Self {
        Self {
            full: Vec::new(),
            last: Vec::with_capacity(expected.min(BLOCK)),
        }
    }

    fn len(&self) -> usize {
        self.full.len() * BLOCK + self.last.len()
    }

    fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            if self.last.len() == BLOCK {
                let full = std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK));
                self.full.push(full);
            }
            let room = BLOCK - self.last.len();
            let (fits, rest) = piece.split_at(room.min(piece.len()));
            self.last.extend_from_slice(fits);
            piece = rest;
        }
    }

    fn join(self) -> Vec<u8> {
        if self.full.is_empty() {
            return self.last;
        }
        let mut whole = Vec::with_capacity(self.len());
        // Each block is freed as soon as it is copied.
        for block in self.full {
            whole.extend_from_slice(&block);
        }
        whole.extend_from_slice(&self.last);
        whole
    }
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Reads a body within the limits. The permit is that of a body that was incomplete at first.
pub(crate) async fn gather(
    mut body: Body,
    limits: &Limits,
    limiter: &Arc<Limiter>,
) -> Result<(Gathered, Option<Permit>), BodyError> {
    let deadline = Instant::now() + limits.body_timeout;
    // `lower` is the Content-Length, if there is one.
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > limits.max_body {
        return Err(BodyError::TooLarge {
            drained: discard(body).await,
        });
    }
    let mut gathered = Gathered::Nothing;
    let mut permit: Option<Permit> = None;
    loop {
        let arrived = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame)),
            Poll::Pending => Poll::Ready(None),
        });
        let frame = match arrived.await {
            Some(frame) => frame,
            None => {
                let permit = match &mut permit {
                    Some(permit) => permit,
                    none => {
                        let taken = limiter.enter().map_err(BodyError::Shed)?;
                        taken.grow(gathered.len());
                        none.insert(taken)
                    }
                };
                tokio::select! {
                    biased;
                    frame = body.frame() => frame,
                    full = permit.evicted() => return Err(BodyError::Shed(full)),
                    () = tokio::time::sleep_until(deadline) => return Err(BodyError::Slow),
                }
            }
        };
        let piece = match frame {
            None => return Ok((gathered, permit)),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                // Trailers do not matter for a review.
                Err(_) => continue,
            },
        };
        if gathered.len() + piece.len() > limits.max_body {
            drop((gathered, permit));
            return Err(BodyError::TooLarge {
                drained: discard(body).await,
            });
        }
        if let Some(permit) = &permit {
            permit.grow(piece.len());
        }
        let before = gathered.len() / SHARE;
        gathered.push(piece, expected);
        if gathered.len() / SHARE > before {
            tokio::task::yield_now().await;
        }
    }
}

/// Reads a body to its end without keeping it. Returns whether it ended within the bounds.
pub(crate) async fn discard(mut body: Body) -> bool {
    let to_the_end = async {
        let mut left = DISCARD_BYTES;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let len = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(len) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    tokio::time::timeout(DISCARD_TIME, to_the_end)
        .await
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    /// Of so many bytes, in pieces of 8,000, which is no part of a block.
    fn gathered(len: usize, expected: usize) -> (Gathered, Vec<u8>) {
        let body: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let mut gathered = Gathered::Nothing;
        for piece in body.chunks(8000) {
            gathered.push(Bytes::copy_from_slice(piece), expected);
        }
        (gathered, body)
    }

    #[test]
    fn a_body_is_whole_however_many_blocks_it_took() {
        for len in [
            0,
            1,
            8000,
            8001,
            BLOCK - 1,
            BLOCK,
            BLOCK + 1,
            3 * BLOCK,
            3 * BLOCK + 5,
        ] {
            for expected in [0, len] {
                let (gathered, body) = gathered(len, expected);
                assert_eq!(gathered.len(), len);
                assert!(*gathered.whole() == *body, "{len} bytes");
            }
        }
    }

    #[test]
    fn what_has_arrived_never_moves() {
        let Gathered::Blocks(blocks) = gathered(3 * BLOCK + 5, 24 << 20).0 else {
            panic!("a body of many pieces is in blocks");
        };
        assert_eq!(blocks.full.len(), 3);
        for block in blocks.full.iter().chain([&blocks.last]) {
            assert_eq!(block.capacity(), BLOCK);
        }
    }
}
