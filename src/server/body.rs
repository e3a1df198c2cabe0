//! Reads a request's body, bounded in size, time and memory.
//!
//! A client that declares a large body and sends it slowly must not take memory or time from others. A body
//! that arrives in one piece is used without a copy. One in several pieces goes into one allocation of its
//! declared length, unless that is very large. Only a body that is incomplete needs a permit of the limiter.

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

/// The most that is allocated before a body arrives, whatever length it declares: memory of this size was
/// used before, and is resident again at once. For a larger body, twice of what has arrived.
const AT_FIRST: usize = 1 << 20;
/// After this many bytes a body yields to other requests: 24 MiB that arrive at once would keep a worker for
/// 20 ms.
const SHARE: usize = 128 << 10;
/// How many bytes of an unused body are read so that the client reads the answer and the connection stays
/// usable. Above it, the connection is closed.
const DISCARD_BYTES: usize = 16 << 20;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) enum Gathered {
    Nothing,
    OnePiece(Bytes),
    Joined(Vec<u8>),
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

impl Deref for Gathered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::OnePiece(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

impl Gathered {
    fn push(&mut self, piece: Bytes, expected: usize) {
        match self {
            Self::Nothing => *self = Self::OnePiece(piece),
            Self::OnePiece(first) => {
                let least = first.len() + piece.len();
                let mut joined = Vec::with_capacity(expected.min(AT_FIRST).max(least));
                joined.extend_from_slice(first);
                joined.extend_from_slice(&piece);
                *self = Self::Joined(joined);
            }
            Self::Joined(joined) => joined.extend_from_slice(&piece),
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
