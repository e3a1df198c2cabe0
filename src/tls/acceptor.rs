//! TLS as the API server needs it: 1.2 and 1.3, with HTTP/1.1 only.

use std::io;
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{AlertDescription, Error, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::telemetry::metrics::HandshakeFailure;

/// If there is a verifier, it checks every client.
pub(crate) fn acceptor(
    certs: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let mut config = match clients {
        None => builder.with_no_client_auth().with_cert_resolver(certs),
        Some(verifier) => {
            let builder = builder.with_client_cert_verifier(verifier);
            let mut config = builder.with_cert_resolver(certs);
            // A resumed session would not be verified again, even if the CA was replaced.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
    };
    // The API server uses only HTTP/1.1 for webhooks. HTTP/2 would only add attack surface.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The metric label of a handshake's error.
pub(crate) fn failure_reason(error: &io::Error) -> HandshakeFailure {
    let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => HandshakeFailure::Eof,
            _ => HandshakeFailure::Other,
        };
    };
    match tls {
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            // A client sends this if its caBundle has another CA with the same name.
            | AlertDescription::DecryptError,
        ) => HandshakeFailure::CertificateRefused,
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => HandshakeFailure::NotTls,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => HandshakeFailure::Incompatible,
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
            HandshakeFailure::ClientCertificate
        }
        // rustls says this if the resolver has no certificate.
        Error::General(text) if text.contains("no server certificate chain resolved") => {
            HandshakeFailure::NoCertificate
        }
        _ => HandshakeFailure::Other,
    }
}
