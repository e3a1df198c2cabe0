//! One kept-alive HTTP/1.1 connection over TLS, used as the API server uses it.
//!
//! Written by hand, so that a driver on one core keeps a server on another core busy. Like Go's
//! transport it notices a connection that was closed while idle, and never sends a POST twice.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The largest `timeoutSeconds` that a webhook should have, and the manifests' two times over.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The name that the API server asks for.
pub const SERVER_NAME: &str = "dind-injector.dind-injector.svc";

/// Who is trusted to be the webhook.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the CA certificates of a caBundle, in PEM.
    pub fn pem(pem: impl AsRef<[u8]>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(pem.as_ref()) {
            let ca = ca.map_err(|error| format!("caBundle: {error:?}"))?;
            roots
                .add(ca)
                .map_err(|error| format!("caBundle: {error}"))?;
        }
        let mut provider = rustls::crypto::ring::default_provider();
        // Go's order on a machine with AES instructions.
        let rank = |suite: CipherSuite| suite != CipherSuite::TLS13_AES_128_GCM_SHA256;
        provider
            .cipher_suites
            .sort_by_key(|suite| rank(suite.suite()));
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// A connection, and the answer that was read from it last.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer's head; its body is read with [`Connection::body`].
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The server said that this answer is the connection's last.
    pub close: bool,
    body: Range<usize>,
}

impl Connection {
    pub async fn open(address: SocketAddr, trust: &Trust) -> Result<Self, String> {
        let open = async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from(SERVER_NAME).map_err(std::io::Error::other)?;
            TlsConnector::from(Arc::clone(&trust.0))
                .connect(name, tcp)
                .await
        };
        match tokio::time::timeout(PATIENCE, open).await {
            Ok(Ok(stream)) => Ok(Self {
                stream,
                buffer: Vec::with_capacity(32 << 10),
            }),
            Ok(Err(error)) => Err(format!("connecting: {error}")),
            Err(_) => Err("connecting: took too long".to_owned()),
        }
    }

    /// Whether the other side has ended an idle connection.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0; 1];
        poll_fn(|cx| {
            let mut byte = ReadBuf::new(&mut byte);
            match Pin::new(&mut self.stream).poll_read(cx, &mut byte) {
                Poll::Pending => Poll::Ready(false),
                Poll::Ready(_) => Poll::Ready(true),
            }
        })
        .await
    }

    /// Writes without waiting for an answer.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        write.await.map_err(|error| format!("writing: {error}"))
    }

    /// Ends this side's half; the answer can still be read.
    pub async fn finish(&mut self) -> Result<(), String> {
        self.stream
            .shutdown()
            .await
            .map_err(|error| format!("closing: {error}"))
    }

    /// Writes a request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer, String> {
        let exchange = async {
            self.write(request).await?;
            self.read().await
        };
        within(exchange).await
    }

    /// Reads one answer to its end.
    pub async fn read(&mut self) -> Result<Answer, String> {
        self.buffer.clear();
        let head = loop {
            self.more().await?;
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]);
        let wrong = || format!("not an answer: {text}");
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let status = status
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(wrong)?;
        let mut length = None;
        let mut close = false;
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                close |= value.eq_ignore_ascii_case("close");
            }
        }
        let end = head + length.ok_or_else(wrong)?;
        while self.buffer.len() < end {
            self.more().await?;
        }
        if self.buffer.len() > end {
            return Err("more than one answer".to_owned());
        }
        let body = head..end;
        Ok(Answer {
            status,
            close,
            body,
        })
    }

    pub fn body(&self, answer: &Answer) -> &[u8] {
        &self.buffer[answer.body.clone()]
    }

    async fn more(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the connection closed without an answer".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("reading: {error}")),
        }
    }
}

/// Gives up after the API server's patience.
pub async fn within<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let ended = tokio::time::timeout(PATIENCE, work).await;
    ended.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}
