//! The collector: where it is, and one delivery to it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A collector that takes longer has enough to do without us.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read of an answer.
const ANSWER: usize = 64 << 10;

/// A collector's address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Collector {
    host: String,
    port: u16,
    path: String,
}

/// Why spans are not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The address is of another kind.
    #[error(
        "expected http://HOST:PORT, with a path or without; a collector that wants https is best \
         reached by way of an agent in the cluster"
    )]
    NotHttp,
    /// It cannot be reached, or went away.
    #[error("{0}")]
    Connection(String),
    /// It does not want them.
    #[error("it answered {0}")]
    Refused(StatusCode),
    /// It takes too long.
    #[error("it did not answer in time")]
    Slow,
}

impl FromStr for Collector {
    type Err = CollectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| CollectorError::NotHttp)?;
        let (Some("http"), Some(host), None) = (uri.scheme_str(), uri.host(), uri.query()) else {
            return Err(CollectorError::NotHttp);
        };
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            path: format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        })
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, path } = self;
        write!(f, "http://{host}:{port}{path}")
    }
}

impl Collector {
    /// Delivers a request's body.
    pub(super) async fn send(&self, body: Vec<u8>) -> Result<(), CollectorError> {
        let sent = tokio::time::timeout(PATIENCE, self.try_send(body)).await;
        sent.unwrap_or(Err(CollectorError::Slow))
    }

    async fn try_send(&self, body: Vec<u8>) -> Result<(), CollectorError> {
        let failed = |error: &dyn fmt::Display| CollectorError::Connection(error.to_string());
        let Self { host, port, path } = self;
        // An address in brackets is looked up without them.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let tcp = TcpStream::connect((name, *port)).await;
        let tcp = tcp.map_err(|error| failed(&error))?;
        let (mut send, connection) = handshake(TokioIo::new(tcp))
            .await
            .map_err(|error| failed(&error))?;
        let request = Request::post(path)
            .header(HOST, format!("{host}:{port}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(&error))?;
        let exchange = async {
            let (head, body) = send.send_request(request).await?.into_parts();
            // To its end, so that the collector is not cut off; what it says changes nothing.
            drop(Limited::new(body, ANSWER).collect().await);
            Ok::<_, hyper::Error>(head.status)
        };
        tokio::pin!(connection);
        let status = tokio::select! {
            biased;
            status = exchange => status.map_err(|error| failed(&error))?,
            ended = &mut connection => {
                return Err(match ended {
                    Ok(()) => CollectorError::Connection("it closed the connection".to_owned()),
                    Err(error) => failed(&error),
                });
            }
        };
        if status.is_success() {
            Ok(())
        } else {
            Err(CollectorError::Refused(status))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_collector_is_reached_by_http() {
        for (text, url) in [
            ("http://a.b:4318", "http://a.b:4318/v1/traces"),
            ("http://a/otlp/", "http://a:80/otlp/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(text.parse::<Collector>().unwrap().to_string(), url);
        }
        for wrong in ["", "a:4318", "https://a:4318", "/v1/traces", "http://a?b"] {
            assert!(wrong.parse::<Collector>().is_err(), "{wrong}");
        }
    }
}
