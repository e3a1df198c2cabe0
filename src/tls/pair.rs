//! A certificate chain with its key, checked before it is served.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use crate::tls::CertError;
use crate::tls::bundle::pem;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

/// A chain and its key, with the leaf's validity.
#[derive(Clone, Debug)]
pub struct ServingPair {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

impl ServingPair {
    /// Reads a pair from PEM.
    ///
    /// # Errors
    /// If either is not PEM, they do not match, the leaf has no names, or `now` is outside of its validity.
    pub fn from_pem(cert: &[u8], key: &[u8], now: SystemTime) -> Result<Self, CertError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert)
            .collect::<Result<_, _>>()
            .map_err(|error| CertError::CertificatePem(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| CertError::KeyPem(error.to_string()))?;
        Self::from_der(chain, key, now)
    }

    /// Checks that the leaf is for each of these names, as a client does.
    ///
    /// # Errors
    /// For the first name that it lacks.
    pub fn is_for(&self, names: &[String]) -> Result<(), CertError> {
        let parsed = self
            .key
            .end_entity_cert()
            .and_then(ParsedCertificate::try_from)
            .map_err(|error| CertError::Parse(error.to_string()))?;
        names.iter().try_for_each(|name| {
            let is_for = match ServerName::try_from(name.as_str()) {
                Ok(known) => verify_server_name(&parsed, &known).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            is_for.map_err(|problem| CertError::OtherName {
                name: name.clone(),
                problem,
            })
        })
    }

    /// Takes a chain, the leaf first, with the leaf's key.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        now: SystemTime,
    ) -> Result<Self, CertError> {
        let leaf = chain
            .first()
            .ok_or_else(|| CertError::CertificatePem("no certificate in it".to_owned()))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
            .map_err(|error| CertError::Parse(error.to_string()))?;
        let named = parsed
            .subject_alternative_name()
            .map_err(|error| CertError::Parse(error.to_string()))?
            .is_some_and(|names| !names.value.general_names.is_empty());
        if !named {
            return Err(CertError::NoName);
        }
        let validity = Validity::of(&parsed)?;
        validity.holds(now)?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(CertError::Mismatch)?;
        Ok(Self {
            key: Arc::new(key),
            validity,
        })
    }

    #[must_use]
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// The chain in PEM, the leaf first: what every client is shown.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.key.cert.iter().map(pem).collect()
    }

    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

impl Validity {
    /// That of a certificate in DER.
    ///
    /// # Errors
    /// Where it is none.
    pub fn of_der(certificate: &CertificateDer<'_>) -> Result<Self, CertError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| CertError::Parse(error.to_string()))?;
        Self::of(&parsed)
    }

    pub(super) fn of(certificate: &X509Certificate<'_>) -> Result<Self, CertError> {
        Ok(Self {
            not_before: moment(certificate.validity().not_before)?,
            not_after: moment(certificate.validity().not_after)?,
        })
    }

    /// # Errors
    /// [`CertError::Expired`] or [`CertError::NotYet`].
    pub fn holds(&self, now: SystemTime) -> Result<(), CertError> {
        if let Ok(ago) = now.duration_since(self.not_after)
            && !ago.is_zero()
        {
            return Err(CertError::Expired { ago: roughly(ago) });
        }
        if let Ok(wait) = self.not_before.duration_since(now)
            && !wait.is_zero()
        {
            return Err(CertError::NotYet { in_: roughly(wait) });
        }
        Ok(())
    }

    /// When to renew: after two thirds of the lifetime, which leaves a third to notice that renewal fails.
    #[must_use]
    pub fn renew_at(&self) -> SystemTime {
        let life = self
            .not_after
            .duration_since(self.not_before)
            .unwrap_or_default();
        self.not_before + life / 3 * 2
    }
}

fn moment(time: ASN1Time) -> Result<SystemTime, CertError> {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    let moment = if time.timestamp() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    moment.ok_or(CertError::Clock)
}

/// A duration in its largest unit, in words.
fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
