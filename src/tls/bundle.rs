//! CA certificates without their keys, and the caBundle made from them.
//!
//! Replicas that trust the same CAs must write the same bytes, or they would undo each other's writes
//! forever. So there is only one way to write a bundle.

use std::fmt;

use base64_simd::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;

use crate::names;
use crate::tls::{CertError, Validity};

/// Two are equal if their bytes are.
#[derive(Clone, Eq)]
pub struct CaCert {
    der: CertificateDer<'static>,
    validity: Validity,
    common_name: String,
}

impl PartialEq for CaCert {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl fmt::Debug for CaCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.der);
        f.write_str("CaCert(")?;
        for byte in digest.as_ref().iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        write!(f, ", {:?})", self.common_name)
    }
}

impl CaCert {
    /// # Errors
    /// If it is not a certificate, or not a CA's.
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, CertError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| CertError::Parse(error.to_string()))?;
        if !parsed.is_ca() {
            return Err(CertError::NotACa);
        }
        let validity = Validity::of(&parsed)?;
        let common_name = common_name(&parsed);
        Ok(Self {
            der,
            validity,
            common_name,
        })
    }

    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    #[must_use]
    pub fn pem(&self) -> String {
        pem(&self.der)
    }
}

/// A certificate in PEM.
pub(crate) fn pem(der: &CertificateDer<'_>) -> String {
    let base64 = STANDARD.encode_to_string(der);
    let mut pem = String::with_capacity(base64.len() + base64.len() / 64 + 64);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every place is a boundary.
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    let mut names = certificate.subject().iter_common_name();
    let name = names.next().and_then(|name| name.as_str().ok());
    name.unwrap_or_default().to_owned()
}

/// Whether a CA has the name that this program gives its own.
#[must_use]
pub fn is_ours(ca: &CaCert) -> bool {
    ca.common_name == names::CA_COMMON_NAME
}

/// The CAs in a PEM text. Anything else is skipped: other programs may have written the caBundle.
#[must_use]
pub fn read_bundle(pem: &[u8]) -> Vec<CaCert> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .filter_map(|der| CaCert::from_der(der).ok())
        .collect()
}

/// The one PEM text that trusts exactly these CAs.
#[must_use]
pub fn write_bundle(cas: &[CaCert]) -> String {
    let mut sorted: Vec<&CaCert> = cas.iter().collect();
    sorted.sort_by(|one, other| one.der.as_ref().cmp(other.der.as_ref()));
    sorted.dedup();
    sorted.into_iter().map(CaCert::pem).collect()
}
