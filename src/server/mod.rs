//! The HTTPS webhook server and its admin port.
//!
//! Every Pod creation of a cluster waits for it. So every resource that a client can hold (a connection, an
//! incomplete body, time) is bounded, the bounds cost honest clients nothing, and shutdown loses no review
//! that was begun.
//!
//! [`Server::bind`] binds both ports and returns a [`Bound`], which knows its addresses; [`Bound::serve`]
//! runs until a [`Shutdown`]. [`PlainServer`] is the admin port alone with additional pages, for a program
//! that serves no webhook.

mod accept;
mod admin;
mod args;
mod body;
mod connection;
mod descriptors;
mod handler;
mod handshakes;
mod limiter;
mod plain;
mod progress;
mod routes;
mod shutdown;
mod turns;
pub mod webhook;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::server::danger::ClientCertVerifier;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::reload::ReloadError;
use crate::server::connection::{Plan, Tls, serve_tls};
use crate::server::handshakes::HandshakeLimiter;
use crate::server::limiter::Limiter;
use crate::server::shutdown::Phase;
use crate::server::turns::Turns;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;
use crate::telemetry::traces::Tracer;
use crate::tls::CertStore;
use crate::tls::client_auth::FollowedCa;

pub use crate::server::args::{Grace, Limits, ServerArgs, duration};
pub use crate::server::handler::{Handler, Reply, Route, StatusCode};
pub use crate::server::plain::{BoundPlain, PlainServer};
pub use crate::server::shutdown::{Ended, Shutdown, Stopper};
pub use crate::tls::client_auth::ClientArgs;

/// A server that is not bound yet.
#[derive(Debug)]
pub struct Server {
    pub args: ServerArgs,
    pub certs: Arc<CertStore>,
    /// Shown on the admin port.
    pub metrics: Arc<Metrics>,
    /// Checks that must pass before this is ready. The server adds `certificate` and `shutdown`.
    pub readiness: Readiness,
}

/// A server with both ports, which does not answer yet.
#[derive(Debug)]
pub struct Bound {
    server: Server,
    webhook: TcpListener,
    admin: TcpListener,
    acceptor: AcceptorDebug,
    client_ca: Option<FollowedCa>,
    tracer: Option<Tracer>,
    webhook_address: SocketAddr,
    admin_address: SocketAddr,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The port is in use or privileged.
    #[error("cannot listen on {flag} {address}: {source}")]
    Bind {
        /// The flag with the address.
        flag: &'static str,
        address: SocketAddr,
        source: io::Error,
    },
    /// The CA of the clients' certificates cannot be read or is invalid.
    #[error(transparent)]
    ClientCa(#[from] ReloadError),
    /// The TLS library rejects its configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(#[source] rustls::Error),
}

/// [`TlsAcceptor`] has no `Debug`.
struct AcceptorDebug(TlsAcceptor);

impl std::fmt::Debug for AcceptorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

impl Server {
    /// Binds both ports, and raises the limit of open files.
    ///
    /// # Errors
    /// If a port cannot be bound, or the clients' CA cannot be read or is invalid.
    pub async fn bind(self) -> Result<Bound, ServerError> {
        descriptors::make_room(self.args.limits.max_connections);
        let clients = self.args.clients.open(Arc::clone(&self.metrics)).await?;
        let (verifier, client_ca) = clients.unzip();
        let verifier = verifier.map(|verifier| verifier as Arc<dyn ClientCertVerifier>);
        let acceptor = AcceptorDebug(
            crate::tls::acceptor::acceptor(self.certs.clone(), verifier)
                .map_err(ServerError::Tls)?,
        );
        let (webhook, webhook_address) = listen("--listen", self.args.listen).await?;
        let (admin, admin_address) = listen("--admin-listen", self.args.admin_listen).await?;
        Ok(Bound {
            server: self,
            webhook,
            admin,
            acceptor,
            client_ca,
            tracer: None,
            webhook_address,
            admin_address,
        })
    }
}

impl Bound {
    /// The webhook's address with its actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.webhook_address
    }

    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Sends spans of requests that their callers trace.
    #[must_use]
    pub fn traced(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Serves until shutdown, and then until its connections end.
    pub async fn serve(self, handler: impl Handler, shutdown: Shutdown) -> Ended {
        let Self {
            server,
            webhook,
            admin,
            acceptor: AcceptorDebug(acceptor),
            client_ca,
            tracer,
            webhook_address: _,
            admin_address: _,
        } = self;
        let Server {
            args,
            certs,
            metrics,
            readiness,
        } = server;
        let ServerArgs {
            listen: _,
            admin_listen: _,
            clients: _,
            limits,
            grace,
        } = args;

        let served = Arc::clone(&certs);
        readiness.probe("certificate", move || certs.ready(SystemTime::now()));
        let staying = readiness.check("shutdown");
        staying.pass();

        let (phase, phases) = watch::channel(Phase::Serving);
        let app = Arc::new(routes::App {
            handler: Box::new(handler),
            limits,
            bodies: Limiter::new(limits.max_waiting, limits.max_waiting_memory),
            turns: Turns::new(),
            metrics: Arc::clone(&metrics),
            tracer,
        });
        let plan = Plan {
            router: routes::router(app),
            limits,
            phase: phases.clone(),
            metrics: Arc::clone(&metrics),
            answers: Limiter::new(usize::MAX, limits.max_waiting_memory),
            keeps: true,
        };
        let permits = Limiter::new(limits.max_connections, usize::MAX);
        let tls = Tls {
            acceptor,
            handshakes: HandshakeLimiter::new(),
        };
        let webhook = accept::run(
            webhook,
            permits,
            phases,
            Arc::clone(&metrics),
            |stream, permit| Box::pin(serve_tls(plan.clone(), tls.clone(), stream, permit)),
        );

        let router = admin::router(Arc::clone(&metrics), readiness, admin::PATHS);
        let router = admin::with_certificate(router, served);
        let admin = admin::serve(admin, router, limits, metrics);

        let client_ca = async {
            match client_ca {
                Some(followed) => followed.run().await,
                None => std::future::pending().await,
            }
        };
        let mut at_once = shutdown.clone();
        tokio::select! {
            biased;
            () = at_once.asked_at_once() => Ended::AtOnce,
            () = webhook => Ended::Drained,
            () = admin => Ended::Drained,
            () = client_ca => Ended::Drained,
            () = shutdown::walk(shutdown, &phase, &staying, grace) => Ended::Deadline,
        }
    }
}

/// Listens on an address. On a node without IPv6, the unspecified IPv6 address means that of IPv4.
async fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source| ServerError::Bind {
        flag,
        address,
        source,
    };
    let listener = match TcpListener::bind(address).await {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && no_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    };
    let listener = listener.map_err(failed)?;
    let taken = listener.local_addr().map_err(failed)?;
    Ok((listener, taken))
}

fn no_ipv6(error: &io::Error) -> bool {
    // std has no name for EAFNOSUPPORT.
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}
