//! An HTTPS client for one server: what an API server is to the webhook, as small as it can
//! be.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// One kept-alive connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection.
    #[error("cannot reach the webhook at {0}: {1}")]
    Connect(SocketAddr, std::io::Error),
    /// The certificate.
    #[error("cannot check the webhook's certificate: {0}")]
    Tls(String),
    /// HTTP.
    #[error("the call to the webhook failed: {0}")]
    Http(#[from] hyper::Error),
    /// The request.
    #[error("the call to the webhook cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// A status that is no answer.
    #[error("the webhook answered {0}: {1}")]
    Status(StatusCode, String),
}

impl Client {
    /// Connects, and checks the server's certificate against `ca_pem`.
    ///
    /// # Errors
    /// Where the server is not there, or is another one.
    pub async fn connect(address: SocketAddr, ca_pem: &str) -> Result<Self, ClientError> {
        let tls = |error: &dyn std::fmt::Display| ClientError::Tls(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            let certificate = certificate.map_err(|e| tls(&e))?;
            roots.add(certificate).map_err(|e| tls(&e))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| tls(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let failed = |error| ClientError::Connect(address, error);
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let name = ServerName::from(address.ip());
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: address.to_string(),
        })
    }

    /// Posts JSON and gives the answer's body.
    ///
    /// # Errors
    /// Where there is no answer, or one with a status other than 200.
    pub async fn post(&mut self, path: &str, json: Vec<u8>) -> Result<Bytes, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Err(ClientError::Status(status, text))
    }
}
