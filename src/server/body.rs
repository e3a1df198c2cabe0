//! Gathers a request's body: bounded in size, time and, while it is waited for, in memory.
//!
//! A body that arrives in one piece is used where it lies. One that comes in pieces goes into
//! one allocation of its declared length, but for the largest. Only a body that makes us wait takes a seat in the
//! room; what has already arrived is never in anyone's way.

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

/// The most that is allocated for a body before it comes, whatever length is declared: what was allocated and
/// used before is resident again at once. Of a larger one, twice as much as has come.
const AT_FIRST: usize = 1 << 20;
/// After so many bytes a body lets other requests go on: 24 MiB that come at once would keep a worker for 20 ms.
const SHARE: usize = 128 << 10;
/// How much of a body that nobody will read is taken in so that the client reads our answer
/// and the connection stays usable, before it is closed instead.
const DISCARD_BYTES: usize = 16 << 20;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) enum Gathered {
    Nothing,
    OnePiece(Bytes),
    Joined(Vec<u8>),
}

/// Why a body could not be gathered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyError {
    /// Larger than the limit; what was left of it was discarded or not.
    TooLarge {
        drained: bool,
    },
    Slow,
    Shed(Full),
    /// Ended early, or broke HTTP's framing.
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

/// Gathers a body within the limits; with it the seat of one that had to be waited for.
pub(crate) async fn gather(
    mut body: Body,
    limits: &Limits,
    limiter: &Arc<Limiter>,
) -> Result<(Gathered, Option<Permit>), BodyError> {
    let deadline = Instant::now() + limits.body_timeout;
    // `lower` is the Content-Length where there is one.
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
                // Trailers say nothing about a review.
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

/// Reads a body to its end without keeping it, and says whether the end came soon enough.
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
