//! Whose turn it is on a connection, and since when.
//!
//! hyper's one header timeout also bounds the wait between requests, so it has to be long for
//! the API server's idle connections and is no guard against a head that trickles in. This
//! watches the bytes instead: from a request's first byte, and from an answer's being ready,
//! it is the peer's turn, and that turn is short.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Where a connection is: a count of changes with a [`Turn`] in the low bits, so that two
/// turns of the same kind are told apart. One task alone writes it; it is atomic only because
/// the connection's parts are tied together by an `Arc`.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
enum Turn {
    /// Nobody's: between requests.
    Quiet = 0,
    /// The peer's: its request has begun.
    Head = 1,
    /// Ours: a request is being answered (its body has a deadline of its own).
    Ours = 2,
    /// The peer's: our answer is ready to be read.
    Answer = 3,
}

const TURN_BITS: u64 = 0b11;

impl Progress {
    /// A request's head is complete.
    pub(super) fn request(&self) {
        self.set(Turn::Ours);
    }

    /// Its answer is ready.
    pub(super) fn answer(&self) {
        self.set(Turn::Answer);
    }

    /// Nothing was ever received.
    pub(super) fn is_unused(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    fn turn(&self) -> Turn {
        match self.0.load(Relaxed) & TURN_BITS {
            0 => Turn::Quiet,
            1 => Turn::Head,
            2 => Turn::Ours,
            _ => Turn::Answer,
        }
    }

    fn set(&self, turn: Turn) {
        let count = (self.0.load(Relaxed) & !TURN_BITS).wrapping_add(TURN_BITS + 1);
        self.0.store(count | turn as u64, Relaxed);
    }
}

/// Ends when the peer has had its turn for too long.
#[derive(Debug)]
pub(super) struct Stall {
    progress: Arc<Progress>,
    limit: Duration,
    /// The turn that is being timed.
    timed: Option<(u64, Pin<Box<Sleep>>)>,
}

impl Stall {
    pub(super) fn new(progress: Arc<Progress>, limit: Duration) -> Self {
        Self {
            progress,
            limit,
            timed: None,
        }
    }

    /// To be polled after the connection itself, in the same task: it is the connection's
    /// poll that changes whose turn it is. A turn that ends within one poll costs no timer.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.progress.0.load(Relaxed);
        match self.progress.turn() {
            Turn::Quiet | Turn::Ours => {
                self.timed = None;
                return Poll::Pending;
            }
            Turn::Head | Turn::Answer => {}
        }
        let sleep = match &mut self.timed {
            Some((turn, sleep)) if *turn == now => sleep,
            other => {
                let sleep = Box::pin(tokio::time::sleep_until(Instant::now() + self.limit));
                &mut other.insert((now, sleep)).1
            }
        };
        sleep.as_mut().poll(cx)
    }
}

/// A stream that notes in a [`Progress`] what passes.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before && self.progress.turn() == Turn::Quiet {
            self.progress.set(Turn::Head);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        if self.progress.turn() == Turn::Answer {
            self.progress.set(Turn::Quiet);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
