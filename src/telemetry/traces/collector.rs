//! The OpenTelemetry collector's address, and the connection to it.
//!
//! With https, it is verified by `--otlp-ca-file` or by the system's CAs. The program's own image is made
//! from scratch and has none.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A collector that takes longer is overloaded.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const ANSWER: usize = 64 << 10;

/// The URL to which traces are posted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Collector(Uri);

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The address is not http or https.
    #[error("expected http://HOST:PORT or https://HOST:PORT, with a path or without")]
    NotHttp,
    #[error("--otlp-ca-file {}: {reason}", path.display())]
    CaFile { path: PathBuf, reason: String },
    #[error("--otlp-endpoint: no CA to trust for https ({0}); name one with --otlp-ca-file")]
    NoCa(String),
    /// A fault of the environment, such as `OTEL_EXPORTER_OTLP_HEADERS`.
    #[error("--otlp-endpoint: {0}")]
    Exporter(String),
}

impl FromStr for Collector {
    type Err = CollectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || CollectorError::NotHttp;
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme @ ("http" | "https")), Some(authority), None) =
            (uri.scheme_str(), uri.authority(), uri.query())
        else {
            return Err(wrong());
        };
        let path = uri.path().trim_end_matches('/');
        let traces = format!("{scheme}://{authority}{path}/v1/traces");
        traces.parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(uri) = self;
        uri.fmt(f)
    }
}

/// The last failure below HTTP, which the exporter does not report.
pub(super) type LastFailure = Arc<Mutex<Option<String>>>;

impl Collector {
    /// # Errors
    /// If there are no CAs to trust.
    pub(super) fn exporter(
        &self,
        ca_file: Option<&Path>,
    ) -> Result<(SpanExporter, LastFailure), CollectorError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls(ca_file)?)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client {
            http: Connections::builder(TokioExecutor::new()).build(connector),
            failure: LastFailure::default(),
        };
        let failure = Arc::clone(&client.failure);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(self.to_string())
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| CollectorError::Exporter(error.to_string()))?;
        Ok((exporter, failure))
    }

    fn tls(&self, ca_file: Option<&Path>) -> Result<ClientConfig, CollectorError> {
        let no_ca = |error: &dyn fmt::Display| CollectorError::NoCa(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| no_ca(&error))?;
        let Self(uri) = self;
        let builder = match ca_file {
            Some(path) => builder.with_root_certificates(roots(path)?),
            None if uri.scheme_str() == Some("https") => {
                builder.with_native_roots().map_err(|error| no_ca(&error))?
            }
            None => builder.with_root_certificates(RootCertStore::empty()),
        };
        Ok(builder.with_no_client_auth())
    }
}

/// The CAs in a PEM file.
fn roots(path: &Path) -> Result<RootCertStore, CollectorError> {
    let wrong = |reason: &dyn fmt::Display| CollectorError::CaFile {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"it has no certificate in PEM"));
    }
    Ok(roots)
}

/// Sends spans, and keeps the reason of a failure.
#[derive(Debug)]
struct Client {
    http: Connections<HttpsConnector<HttpConnector>, Full<Bytes>>,
    failure: LastFailure,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let answer = self.http.request(request.map(Full::from)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        let sent = tokio::time::timeout(PATIENCE, exchange).await;
        let sent = sent.unwrap_or_else(|_| Err("it did not answer in time".into()));
        let failure = sent
            .as_ref()
            .err()
            .map(|error: &HttpError| with_causes(&**error));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        sent
    }
}

/// An error with its causes: a client's own text only says that it could not connect.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_collector_is_reached_by_http_or_https() {
        for (text, url) in [
            ("http://a.b:4318", "http://a.b:4318/v1/traces"),
            ("http://a/otlp/", "http://a/otlp/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
            ("https://a.b:4318", "https://a.b:4318/v1/traces"),
            ("https://a", "https://a/v1/traces"),
        ] {
            assert_eq!(text.parse::<Collector>().unwrap().to_string(), url);
        }
        for wrong in ["", "a:4318", "ftp://a:4318", "/v1/traces", "http://a?b"] {
            assert!(wrong.parse::<Collector>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_without_a_ca_is_refused() {
        let collector: Collector = "https://a".parse().unwrap();
        for (path, reason) in [
            ("/no/such/file", "No such file"),
            (
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
                "no certificate",
            ),
        ] {
            let error = collector.exporter(Some(Path::new(path))).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("--otlp-ca-file /"), "{text}");
            assert!(text.contains(reason), "{text}");
        }
    }
}
