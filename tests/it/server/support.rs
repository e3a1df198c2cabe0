//! A server on free ports with a handler made for tests, and clients good and bad.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use dind_injector::server::{
    Bound, Ended, Handler, Reply, Route, Server, ServerArgs, Shutdown, StatusCode, Stopper,
};
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use dind_injector::telemetry::traces::Tracer;
use dind_injector::tls::{CertStore, SelfSigned};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use crate::support::patience::{until, within};

/// Answers with its input, and does as told by some words.
pub struct Echo;

impl Handler for Echo {
    fn handle(&self, route: Route, body: &[u8]) -> Reply {
        match body {
            b"panic" => panic!("told to"),
            b"unprocessable" => Reply::error(StatusCode::UNPROCESSABLE_ENTITY, "told to"),
            b"huge" => Reply {
                status: StatusCode::OK,
                body: vec![b'x'; 32 << 20],
            },
            b"route" => Reply {
                status: StatusCode::OK,
                body: format!("{route:?}").into_bytes(),
            },
            body => Reply {
                status: StatusCode::OK,
                body: body.to_vec(),
            },
        }
    }
}

pub struct Running {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub ca_pem: String,
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub stopper: Stopper,
    pub ended: JoinHandle<Ended>,
}

/// Starts a server with a self-signed certificate for localhost.
pub async fn start(adapt: impl FnOnce(&mut ServerArgs)) -> Running {
    let metrics = Arc::new(Metrics::new());
    let store = Arc::new(CertStore::new(Arc::clone(&metrics)));
    let names = vec!["localhost".to_owned()];
    let made = SelfSigned::generate(names, Arc::clone(&store), SystemTime::now()).unwrap();
    let ca_pem = made.ca_pem().to_owned();
    start_with(store, metrics, ca_pem, adapt).await
}

pub async fn start_with(
    certs: Arc<CertStore>,
    metrics: Arc<Metrics>,
    ca_pem: String,
    adapt: impl FnOnce(&mut ServerArgs),
) -> Running {
    let readiness = Readiness::new();
    let bound = bind(certs, Arc::clone(&metrics), readiness.clone(), adapt).await;
    run(bound, Echo, metrics, readiness, ca_pem)
}

/// Starts a server with another handler, that makes spans where there is a tracer.
pub async fn start_handler(
    handler: impl Handler,
    metrics: Arc<Metrics>,
    tracer: Option<Tracer>,
) -> Running {
    let store = Arc::new(CertStore::new(Arc::clone(&metrics)));
    let names = vec!["localhost".to_owned()];
    let made = SelfSigned::generate(names, Arc::clone(&store), SystemTime::now()).unwrap();
    let ca_pem = made.ca_pem().to_owned();
    let readiness = Readiness::new();
    let bound = bind(store, Arc::clone(&metrics), readiness.clone(), |_| {}).await;
    run(bound.traced(tracer), handler, metrics, readiness, ca_pem)
}

fn run(
    bound: Bound,
    handler: impl Handler,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    ca_pem: String,
) -> Running {
    let (address, admin) = (bound.address(), bound.admin_address());
    let (stopper, shutdown) = Shutdown::new();
    let ended = tokio::spawn(bound.serve(handler, shutdown));
    Running {
        address,
        admin,
        ca_pem,
        metrics,
        readiness,
        stopper,
        ended,
    }
}

async fn bind(
    certs: Arc<CertStore>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    adapt: impl FnOnce(&mut ServerArgs),
) -> Bound {
    let mut args = ServerArgs::default();
    adapt(&mut args);
    let server = Server {
        args,
        certs,
        metrics,
        readiness,
    };
    server.bind().await.unwrap()
}

impl Running {
    /// The value of a metric's series, named as a scrape shows it.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.encode().unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no {series} in\n{text}"))
            .parse()
            .unwrap()
    }

    pub async fn tls(&self) -> TlsStream<TcpStream> {
        self.tls_with(
            &[&rustls::version::TLS13, &rustls::version::TLS12],
            &[b"http/1.1"],
        )
        .await
        .unwrap()
    }

    pub async fn tls_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = within(TcpStream::connect(self.address)).await?;
        self.tls_over(tcp, versions, alpn).await
    }

    pub async fn tls_over(
        &self,
        tcp: TcpStream,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(self.ca_pem.as_bytes()) {
            roots.add(ca.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        within(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
    }

    pub async fn client(&self) -> Client {
        Client::over(self.tls().await).await
    }

    /// A plain GET on the admin port.
    pub async fn admin_get(&self, path: &str) -> Answer {
        let tcp = within(TcpStream::connect(self.admin)).await.unwrap();
        let mut client = Client::over(tcp).await;
        client
            .send(Method::GET, path, None, Bytes::new())
            .await
            .unwrap()
    }

    /// Waits until the server takes no new connections.
    pub async fn refuses_connections(&self) {
        within(async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// One kept-alive connection, used as the API server does.
pub struct Client(SendRequest<Full<Bytes>>);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub async fn over<S>(stream: S) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (send, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(send)
    }

    pub async fn review(&mut self, body: impl Into<Bytes>) -> Answer {
        self.try_review(body).await.unwrap()
    }

    pub async fn try_review(&mut self, body: impl Into<Bytes>) -> hyper::Result<Answer> {
        self.send(
            Method::POST,
            "/mutate",
            Some("application/json"),
            body.into(),
        )
        .await
    }

    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> hyper::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if let Some(kind) = content_type {
            request = request.header("content-type", kind);
        }
        self.request(request.body(Full::new(body)).unwrap()).await
    }

    pub async fn request(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Answer> {
        within(async {
            self.0.ready().await?;
            let (head, body) = self.0.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        })
        .await
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The message of an error, after a check of its shape.
    pub fn error(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let object = value.as_object().unwrap();
        assert_eq!(object.len(), 1, "{value}");
        object["error"].as_str().unwrap().to_owned()
    }
}

/// The head of a review of `length` bytes, for clients that write by hand.
pub fn head(length: usize) -> String {
    format!(
        "POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Writes and flushes.
pub async fn write(stream: &mut TlsStream<TcpStream>, text: impl AsRef<[u8]>) {
    within(async {
        stream.write_all(text.as_ref()).await.unwrap();
        stream.flush().await.unwrap();
    })
    .await;
}

/// Reads one answer's head and what came with it.
pub async fn read_some(stream: &mut TlsStream<TcpStream>) -> String {
    let mut buffer = vec![0; 16 << 10];
    let mut have = 0;
    within(async {
        while !buffer[..have].windows(4).any(|four| four == b"\r\n\r\n") {
            let read = stream.read(&mut buffer[have..]).await.unwrap();
            assert_ne!(read, 0, "the connection closed without an answer");
            have += read;
        }
    })
    .await;
    String::from_utf8_lossy(&buffer[..have]).into_owned()
}

/// Waits until the other side has closed, in whatever way.
pub async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; 64 << 10];
    within(async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} }).await;
}
