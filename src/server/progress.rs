//! Which side of a connection must act next, and since when.
//!
//! hyper's only header timeout also bounds the wait between requests. It has to be long for the API server's
//! idle connections, and so cannot stop a head that arrives byte by byte. This watches the bytes instead:
//! from a request's first byte, and from the moment an answer is ready, the client has only a short time.
//! Answers that wait to be read share a limiter: if they hold too much memory, the longest-waiting one is
//! dropped.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::server::limiter::Limiter;

/// The state of a connection. Only one task writes it; it is atomic because the connection's parts share it
/// through an `Arc`.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// A count of changes with a [`Turn`] in the low bits, so that two turns of the same kind differ.
    handshakes: AtomicU64,
    /// The last answer's body, in bytes.
    answer: AtomicUsize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
enum Turn {
    Quiet = 0,
    /// The client's: it has begun a request.
    Head = 1,
    /// Ours: a request is being answered. Its body has its own deadline.
    Ours = 2,
    /// The client's: our answer is ready to be read.
    Answer = 3,
}

const TURN_BITS: u64 = 0b11;

impl Progress {
    /// A request's head is complete.
    pub(crate) fn request(&self) {
        self.set(Turn::Ours);
    }

    /// Its answer is ready, with a body of `length` bytes.
    pub(crate) fn answer(&self, length: usize) {
        self.answer.store(length, Relaxed);
        self.set(Turn::Answer);
    }

    /// Nothing was ever received.
    pub(crate) fn is_unused(&self) -> bool {
        self.handshakes.load(Relaxed) == 0
    }

    /// A request is being answered, or its answer read.
    pub(crate) fn is_under_way(&self) -> bool {
        match self.turn() {
            Turn::Quiet | Turn::Head => false,
            Turn::Ours | Turn::Answer => true,
        }
    }

    fn turn(&self) -> Turn {
        match self.handshakes.load(Relaxed) & TURN_BITS {
            0 => Turn::Quiet,
            1 => Turn::Head,
            2 => Turn::Ours,
            _ => Turn::Answer,
        }
    }

    fn set(&self, turn: Turn) {
        let count = (self.handshakes.load(Relaxed) & !TURN_BITS).wrapping_add(TURN_BITS + 1);
        self.handshakes.store(count | turn as u64, Relaxed);
    }
}

/// Ends when the client has taken too long.
pub(crate) struct Stall {
    progress: Arc<Progress>,
    limit: Duration,
    answers: Arc<Limiter>,
    /// The turn that is being timed.
    timed: Option<(u64, Wait)>,
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

impl fmt::Debug for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stall")
            .field("progress", &self.progress)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Stall {
    pub(crate) fn new(progress: Arc<Progress>, limit: Duration, answers: Arc<Limiter>) -> Self {
        Self {
            progress,
            limit,
            answers,
            timed: None,
        }
    }

    /// Must be polled after the connection itself, in the same task: the connection's poll changes the turn.
    /// A turn that ends within one poll costs no timer.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.progress.handshakes.load(Relaxed);
        let begin: fn(&Self) -> Wait = match self.progress.turn() {
            Turn::Quiet | Turn::Ours => {
                self.timed = None;
                return Poll::Pending;
            }
            Turn::Head => |stall| Box::pin(sleep_until(Instant::now() + stall.limit)),
            Turn::Answer => Self::unread,
        };
        if !matches!(&self.timed, Some((turn, _)) if *turn == now) {
            self.timed = Some((now, begin(self)));
        }
        match &mut self.timed {
            Some((_, wait)) => wait.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Until the answer should have been read, or is evicted.
    fn unread(&self) -> Wait {
        let until = sleep_until(Instant::now() + self.limit);
        let Ok(permit) = self.answers.enter() else {
            return Box::pin(std::future::ready(()));
        };
        permit.grow(self.progress.answer.load(Relaxed));
        Box::pin(async move {
            tokio::select! {
                () = until => {}
                _ = permit.evicted() => {}
            }
        })
    }
}

/// A stream that reports to a [`Progress`] what it reads and writes.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>) -> Self {
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
        // The client has to read the last bytes too.
        if self.progress.turn() == Turn::Quiet {
            self.progress.answer(0);
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Takes everything, and never says goodbye.
    struct Mute;

    impl AsyncWrite for Mute {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_goodbye_that_is_not_taken_is_given_up() {
        let progress = Arc::new(Progress::default());
        let mut stream = Watched::new(Mute, Arc::clone(&progress));
        let limiter = Limiter::new(1, 1);
        let mut stall = Stall::new(progress, Duration::from_millis(1), limiter);
        poll_fn(|cx| {
            let goodbye = Pin::new(&mut stream).poll_shutdown(cx);
            assert!(goodbye.is_pending());
            stall.poll(cx)
        })
        .await;
    }
}
