//! Optional: only an API server with a certificate of a given CA may send reviews.
//!
//! A NetworkPolicy excludes other clients by address; this excludes them by key. The CA file is followed like
//! other files. Sessions are never resumed under this check, so that every connection is verified with the CA
//! in force.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;

use crate::reload::{Followed, ReloadError, Source};
use crate::telemetry::metrics::{FollowedFile, Metrics};

/// Who may send reviews.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct ClientArgs {
    /// CA certificates in PEM; clients must show a certificate from one of them. Read again when its content
    /// changes
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_CLIENT_CA_FILE")]
    pub client_ca_file: Option<PathBuf>,
    /// Common name or DNS name that the client's certificate must have; repeatable. If omitted, any name is
    /// accepted
    #[arg(
        long,
        value_name = "NAME",
        env = "DIND_INJECTOR_CLIENT_NAME",
        value_delimiter = ',',
        requires = "client_ca_file"
    )]
    pub client_name: Vec<String>,
}

pub(crate) type FollowedCa = Followed<Trusted>;

/// The verifier for one version of the CA file.
pub(crate) struct Trusted(Arc<dyn ClientCertVerifier>);

#[derive(Debug, thiserror::Error)]
enum CaError {
    #[error("it is not PEM with BEGIN CERTIFICATE sections: {0}")]
    Pem(String),
    #[error("it holds no certificate")]
    Empty,
    #[error("a certificate in it cannot be a CA: {0}")]
    NotACa(Error),
    #[error("it cannot be trusted: {0}")]
    Verifier(String),
}

impl ClientArgs {
    /// Reads the CA file, if there is one.
    pub(crate) async fn open(
        &self,
        metrics: Arc<Metrics>,
    ) -> Result<Option<(Arc<Verifier>, FollowedCa)>, ReloadError> {
        let Self {
            client_ca_file,
            client_name,
        } = self;
        let Some(path) = client_ca_file else {
            return Ok(None);
        };
        let source = Source {
            flag: "--client-ca-file",
            path: path.clone(),
            file: FollowedFile::ClientCa,
        };
        let followed = Followed::open(source, trusted, metrics).await?;
        let verifier = Verifier {
            current: followed.current(),
            names: client_name.clone(),
        };
        Ok(Some((Arc::new(verifier), followed)))
    }
}

fn trusted(pem: &str) -> Result<Trusted, CaError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| CaError::Pem(error.to_string()))?;
        roots.add(certificate).map_err(CaError::NotACa)?;
    }
    if roots.is_empty() {
        return Err(CaError::Empty);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map(Trusted)
        .map_err(|error| CaError::Verifier(error.to_string()))
}

/// Requires a certificate from every client, and verifies it with the CA in force and the names.
pub(crate) struct Verifier {
    current: Arc<ArcSwap<Trusted>>,
    /// Empty means any name.
    names: Vec<String>,
}

impl Verifier {
    fn names_it(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.names.is_empty() {
            return true;
        }
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
            return false;
        };
        let known = |name: &str| self.names.iter().any(|known| known == name);
        let common = parsed
            .subject()
            .iter_common_name()
            .any(|name| name.as_str().is_ok_and(known));
        let alternative = parsed.subject_alternative_name().ok().flatten();
        let alternative = alternative.is_some_and(|names| {
            names.value.general_names.iter().any(|name| match name {
                GeneralName::DNSName(name) => known(name),
                _ => false,
            })
        });
        common || alternative
    }
}

impl ClientCertVerifier for Verifier {
    /// No hints: they could not change with the file, and a client with only one certificate for this
    /// webhook, like the API server, sends it anyway.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let current = self.current.load();
        let verified = current
            .0
            .verify_client_cert(end_entity, intermediates, now)?;
        if self.names_it(end_entity) {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let current = self.current.load();
        current
            .0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let current = self.current.load();
        current
            .0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current.load().0.supported_verify_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
