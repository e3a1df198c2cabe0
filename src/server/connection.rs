//! One connection from its first byte to its last.
//!
//! A connection costs memory for as long as it is open, and a hostile client never closes it. TLS comes
//! first, within a time; then HTTP/1.1 for as long as the client makes progress. hyper reads and writes; this
//! closes the connection when a limit is reached, and counts the reason.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::server::args::Limits;
use crate::server::handshakes::HandshakeLimiter;
use crate::server::limiter::{Limiter, Permit};
use crate::server::progress::{Progress, Stall, Watched};
use crate::server::shutdown::Phase;
use crate::telemetry::metrics::{DropReason, HandshakeFailure, Metrics};
use crate::tls::acceptor::failure_reason;

/// Bytes that a connection buffers; a request's head must fit in. This is hyper's minimum: each connection
/// keeps its buffer for as long as it is open, and an API server's heads have a few hundred bytes.
const BUFFER: usize = 8 << 10;

/// Everything that a listener's connections share.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) metrics: Arc<Metrics>,
    /// Answers that wait to be read.
    pub(crate) answers: Arc<Limiter>,
    /// Whether a connection that received a good answer keeps its permit. If not, it is closed for newcomers
    /// like any other.
    pub(crate) keeps: bool,
}

impl Plan {
    /// For a listener without limits of its own: the admin port's.
    pub(crate) fn plain(
        router: Router,
        limits: Limits,
        phase: watch::Receiver<Phase>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            router,
            limits,
            phase,
            metrics,
            answers: Limiter::new(usize::MAX, usize::MAX),
            // Otherwise, scrapers that stay connected would shut out the kubelet.
            keeps: false,
        }
    }
}

/// What a connection's task and its requests share.
struct Shared {
    progress: Arc<Progress>,
    /// Whether answers carry `Connection: close`.
    closing: AtomicBool,
    /// Whether a request was answered well, so that the connection keeps its permit.
    proven: AtomicBool,
    keeps: bool,
    permit: Permit,
}

/// TLS for connections to the webhook.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) handshakes: HandshakeLimiter,
}

/// Serves a connection to the webhook.
pub(crate) async fn serve_tls(plan: Plan, tls: Tls, stream: TcpStream, permit: Permit) {
    let _open = plan.metrics.connection();
    // A handshake is twice as large as what follows it, so its memory is freed first.
    if let Some(stream) = Box::pin(tls.shake(&plan, stream, &permit)).await {
        serve_http(plan, stream, permit).await;
    }
}

impl Tls {
    /// The stream after its handshake; `None` if that failed or took too long.
    async fn shake(
        self,
        plan: &Plan,
        stream: TcpStream,
        permit: &Permit,
    ) -> Option<Box<TlsStream<TcpStream>>> {
        let Self {
            acceptor,
            handshakes,
        } = self;
        let handshake = handshakes.take(acceptor.accept(stream));
        let handshake = tokio::time::timeout(plan.limits.handshake_timeout, handshake);
        let shaken = tokio::select! {
            biased;
            shaken = handshake => shaken,
            _ = permit.evicted() => {
                plan.metrics.dropped(DropReason::Evicted);
                return None;
            }
        };
        let failure = match shaken {
            Ok(Ok(stream)) => return Some(Box::new(stream)),
            Ok(Err(error)) => {
                let reason = failure_reason(&error);
                tracing::debug!(%error, reason = reason.as_str(), "TLS handshake failed");
                reason
            }
            Err(_) => HandshakeFailure::Timeout,
        };
        plan.metrics.handshake_failed(failure);
        None
    }
}

/// Serves HTTP/1.1 on a stream.
pub(crate) async fn serve_http<S>(plan: Plan, stream: S, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Plan {
        router,
        limits,
        mut phase,
        metrics,
        answers,
        keeps,
    } = plan;
    let progress = Arc::new(Progress::default());
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&progress)));
    let mut stall = Stall::new(Arc::clone(&progress), limits.stall_timeout, answers);
    let shared = Arc::new(Shared {
        progress,
        // The first request may be answered before the loop below looks.
        closing: AtomicBool::new(*phase.borrow() >= Phase::Closing),
        proven: AtomicBool::new(false),
        keeps,
        permit,
    });
    let service = service_fn(|request| respond(router.clone(), request, Arc::clone(&shared)));
    let mut connection = pin!(
        http1::Builder::new()
            .max_buf_size(BUFFER)
            .timer(TokioTimer::new())
            // This also bounds the wait for the next request: see `progress`.
            .header_read_timeout(limits.idle_timeout)
            .serve_connection(stream, service)
    );
    let mut evicted = pin!(shared.permit.evicted());
    loop {
        let stalled = poll_fn(|cx| stall.poll(cx));
        // A request that has arrived is answered first. Only the connection's own poll, in this task, changes
        // that.
        let evicted = poll_fn(|cx| match shared.progress.is_under_way() {
            true => Poll::Pending,
            false => evicted.as_mut().poll(cx),
        });
        let reason = tokio::select! {
            // The connection comes first: its poll changes what the other branches look at.
            biased;
            ended = connection.as_mut() => match ended {
                Ok(()) => return,
                Err(error) => drop_reason(&error),
            },
            () = stalled => Some(DropReason::Stalled),
            _ = evicted => Some(DropReason::Evicted),
            now = next(&mut phase) => {
                if now >= Phase::Closing {
                    shared.closing.store(true, Relaxed);
                }
                if now >= Phase::Ending {
                    if shared.progress.is_unused() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                continue;
            }
        };
        if let Some(reason) = reason {
            metrics.dropped(reason);
        }
        return;
    }
}

fn respond(
    router: Router,
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> impl Future<Output = Result<axum::response::Response, Infallible>> {
    shared.progress.request();
    let answer = TowerToHyperService::new(router).call(request);
    async move {
        let mut response = answer.await?;
        if shared.closing.load(Relaxed) {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_good = response.status().is_success();
        if shared.keeps && is_good && !shared.proven.swap(true, Relaxed) {
            shared.permit.keep();
        }
        let length = response.body().size_hint().exact().unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        shared.progress.answer(length);
        Ok(response)
    }
}

/// The next phase; never returns if it cannot change any more.
async fn next(phase: &mut watch::Receiver<Phase>) -> Phase {
    match phase.changed().await {
        Ok(()) => *phase.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

/// Why hyper gave up, if the server decided so.
fn drop_reason(error: &hyper::Error) -> Option<DropReason> {
    tracing::debug!(%error, "connection ended");
    if error.is_timeout() {
        Some(DropReason::Idle)
    } else if error.is_parse() {
        Some(DropReason::Protocol)
    } else {
        None
    }
}
