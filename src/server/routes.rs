//! HTTP routes: which requests are reviews, and how others are answered.
//!
//! Every error is `{"error": "..."}`. A fault of ours is a 5xx, so that the API server's `failurePolicy`
//! decides, and not a bug.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Response};
use axum::routing::any;
use rustix::process::setpriority_process;

use crate::server::args::Limits;
use crate::server::body::{BodyError, Gathered, discard, gather};
use crate::server::handler::{Handler, Reply, Route, StatusCode};
use crate::server::limiter::{Full, Limiter, Permit};
use crate::server::turns::{Queue, Turn, Turns};
use crate::telemetry::logs::panic_text;
use crate::telemetry::metrics::{Metrics, RequestLabels, RouteLabel, ShedReason};
use crate::telemetry::traces::{StartedSpan, Tracer, Words};

pub(crate) struct App {
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) limits: Limits,
    pub(crate) bodies: Arc<Limiter>,
    pub(crate) turns: Turns,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tracer: Option<Tracer>,
}

/// A reply, and what else an HTTP answer needs.
struct Answer {
    reply: Reply,
    header: Option<(axum::http::HeaderName, HeaderValue)>,
    /// The request was not read to its end, so the connection must be closed.
    close: bool,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let mutate = |app, request| review(app, Route::Mutate, request);
    let verify = |app, request| review(app, Route::Verify, request);
    let warn = |app, request| review(app, Route::Warn, request);
    Router::new()
        .route(Route::Mutate.path(), any(mutate))
        .route(Route::Verify.path(), any(verify))
        .route(Route::Warn.path(), any(warn))
        .fallback(unknown)
        .with_state(app)
}

async fn review(State(app): State<Arc<App>>, route: Route, request: Request) -> Response<Body> {
    let started = Instant::now();
    let tracer = app.tracer.as_ref();
    let mut span = tracer.and_then(|tracer| tracer.begin(request.headers()));
    let answer = answer(&app, route, request, &mut span).await;
    if let Some(span) = span {
        let status = answer.reply.status.as_u16();
        span.end(route.path(), status, started.elapsed());
    }
    let label = match route {
        Route::Mutate => RouteLabel::Mutate,
        Route::Verify => RouteLabel::Verify,
        Route::Warn => RouteLabel::Warn,
    };
    finish(&app, label, started, answer)
}

async fn unknown(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let drained = discard(request.into_body()).await;
    let message = "no such path; reviews go to POST /mutate, /verify or /warn";
    let answer = Answer::error(StatusCode::NOT_FOUND, message).closing(!drained);
    finish(&app, RouteLabel::Other, started, answer)
}

async fn answer(
    app: &Arc<App>,
    route: Route,
    request: Request,
    span: &mut Option<StartedSpan<'_>>,
) -> Answer {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let drained = discard(body).await;
        return Answer::error(StatusCode::METHOD_NOT_ALLOWED, "reviews are sent by POST")
            .with(ALLOW, HeaderValue::from_static("POST"))
            .closing(!drained);
    }
    if let Err(message) = is_plain_json(&head.headers) {
        let drained = discard(body).await;
        return Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).closing(!drained);
    }
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let (turn, limits) = match turn_for(app, declared).await {
        Ok(turn) => turn,
        Err(error) => return refuse(app, error),
    };
    let (body, permit) = match gather(body, &limits, &app.bodies).await {
        Ok(gathered) => gathered,
        Err(error) => return refuse(app, error),
    };
    let is_traced = span.is_some();
    let called = match app.turns.queue(body.len()) {
        None => call(app, route, &body.whole(), is_traced),
        Some(queue) => {
            let waiting = (body, permit, turn);
            match call_beside(app, route, queue, waiting, is_traced).await {
                Ok(called) => called,
                Err(full) => return refuse(app, BodyError::Shed(full)),
            }
        }
    };
    let (reply, words) = called;
    if let Some(span) = span {
        span.words = words;
    }
    Answer::from(reply)
}

/// Waits for the turn of a body that declares more than a worker reviews, before it is read: while it waits it
/// takes no memory, and cannot be evicted. Also returns the limits for reading it.
async fn turn_for(app: &App, declared: usize) -> Result<(Option<Turn>, Limits), BodyError> {
    let limits = app.limits;
    let queue = match app.turns.queue(declared) {
        Some(queue) if declared <= limits.max_body => queue,
        Some(_) | None => return Ok((None, limits)),
    };
    match tokio::time::timeout(limits.body_timeout, queue.turn()).await {
        Ok(turn) => Ok((
            turn,
            Limits {
                body_timeout: limits.body_timeout.min(queue.arrives()),
                ..limits
            },
        )),
        Err(_) => Err(BodyError::Shed(Full::Memory)),
    }
}

/// Calls the handler on another thread, in the turn of its queue. A body that declared no length has been read
/// already; while it waits it can be evicted like an incomplete one.
async fn call_beside(
    app: &Arc<App>,
    route: Route,
    queue: &Queue,
    (body, mut permit, mut turn): (Gathered, Option<Permit>, Option<Turn>),
    is_traced: bool,
) -> Result<(Reply, Words), Full> {
    if turn.is_none() {
        let permit = match &mut permit {
            Some(permit) => permit,
            none => {
                let taken = app.bodies.enter()?;
                taken.grow(body.len());
                none.insert(taken)
            }
        };
        turn = tokio::select! {
            biased;
            turn = queue.turn() => turn,
            full = permit.evicted() => return Err(full),
        };
    }
    let own = Arc::clone(app);
    // Turn and permit are returned at its end, even if the caller has gone away.
    let called = tokio::task::spawn_blocking(move || {
        yield_to_workers();
        let body = body.whole();
        let called = call(&own, route, &body, is_traced);
        drop((body, permit, turn));
        called
    });
    Ok(called.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a review's task failed");
        (failed(), Words::new())
    }))
}

/// Lowers the priority of the calling thread, so that the workers go first if processors are scarce. On Linux
/// it affects this thread alone.
fn yield_to_workers() {
    const NICENESS: i32 = 10;
    // Lowering one's priority needs no permission. If it fails, the review runs all the same.
    let _ = setpriority_process(None, NICENESS);
}

/// Calls the handler. A panic in it fails only this request.
fn call(app: &App, route: Route, body: &[u8], is_traced: bool) -> (Reply, Words) {
    let handle = || match is_traced {
        false => (app.handler.handle(route, body), Words::new()),
        true => app.handler.handle_traced(route, body),
    };
    // Unwind safety: the handler is shared and read-only, and what it was building is dropped.
    catch_unwind(AssertUnwindSafe(handle)).unwrap_or_else(|panic| {
        app.metrics.panicked();
        tracing::error!(
            panic = panic_text(panic.as_ref()),
            "a review's handler panicked"
        );
        (failed(), Words::new())
    })
}

fn failed() -> Reply {
    Reply::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "dind-injector failed on this review; its log says where",
    )
}

fn refuse(app: &App, error: BodyError) -> Answer {
    match error {
        BodyError::TooLarge { drained } => {
            let message = format!("a review is at most {} bytes here", app.limits.max_body);
            Answer::error(StatusCode::PAYLOAD_TOO_LARGE, &message).closing(!drained)
        }
        BodyError::Slow => Answer::error(
            StatusCode::REQUEST_TIMEOUT,
            "the body was not complete in time",
        )
        .closing(true),
        BodyError::Broken => Answer::error(
            StatusCode::BAD_REQUEST,
            "the body ended early or broke HTTP's framing",
        )
        .closing(true),
        BodyError::Shed(full) => {
            let (reason, message) = match full {
                Full::Permits => (
                    ShedReason::Requests,
                    "too many requests wait for their body",
                ),
                Full::Memory => (ShedReason::Memory, "bodies waited for hold too much memory"),
            };
            app.metrics.shed(reason);
            // The API server retries a 503 with an integer Retry-After, within its deadline.
            Answer::error(StatusCode::SERVICE_UNAVAILABLE, message)
                .with(RETRY_AFTER, HeaderValue::from_static("1"))
                .closing(true)
        }
    }
}

/// Whether the body is uncompressed JSON. The API server compresses no request, and refusing to decompress is
/// the simplest guard against a body that grows.
fn is_plain_json(headers: &HeaderMap) -> Result<(), &'static str> {
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !json {
        return Err("a review has Content-Type application/json");
    }
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !plain {
        return Err("a review is sent without Content-Encoding");
    }
    Ok(())
}

fn finish(app: &App, route: RouteLabel, started: Instant, answer: Answer) -> Response<Body> {
    let Answer {
        reply: Reply { status, body },
        header,
        close,
    } = answer;
    app.metrics.request(
        &RequestLabels {
            route,
            code: status.as_u16(),
        },
        started.elapsed(),
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some((name, value)) = header {
        headers.insert(name, value);
    }
    if close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            header: None,
            close: false,
        }
    }
}

impl Answer {
    fn error(status: StatusCode, message: &str) -> Self {
        Self::from(Reply::error(status, message))
    }

    fn with(self, name: axum::http::HeaderName, value: HeaderValue) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    fn closing(self, close: bool) -> Self {
        Self { close, ..self }
    }
}
