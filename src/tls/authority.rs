//! A certificate authority, and the leaf certificates that it signs.
//!
//! Pure: the time goes in, certificates come out. Other files store and publish them.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::calendar::calendar;
use crate::names;
use crate::tls::{CaCert, CertError, ServingPair};

/// A year: rarely any work, and often enough that renewal is exercised.
pub const CA_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// A week. A leaf only exists in one process's memory, so renewing it costs nothing.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Certificates start in the past, since the API server's clock may be behind ours.
const BACKDATE: Duration = Duration::from_secs(3600);

/// A certificate and its key in PEM. Not `Debug`: the key is a secret.
pub struct PemPair {
    pub certificate: String,
    pub key: String,
}

pub struct Authority {
    cert: CaCert,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a CA that is valid from about `now`.
    ///
    /// # Errors
    /// If there is no randomness, or `now` is out of range.
    pub fn generate(now: SystemTime) -> Result<Self, CertError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(names::CA_COMMON_NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let end = now.checked_add(CA_LIFETIME).ok_or(CertError::Clock)?;
        set_life(&mut params, now, end)?;
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            cert: CaCert::from_der(certificate.der().clone())?,
            key_pem: key.serialize_pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads a CA and its key from PEM. It may be expired or not valid yet.
    ///
    /// # Errors
    /// If either is not PEM, the certificate is not a CA's, or they do not belong together.
    pub fn from_pem(cert: &[u8], key: &[u8]) -> Result<Self, CertError> {
        let der = CertificateDer::from_pem_slice(cert)
            .map_err(|error| CertError::CertificatePem(error.to_string()))?;
        let key_pem =
            std::str::from_utf8(key).map_err(|error| CertError::KeyPem(error.to_string()))?;
        let key =
            KeyPair::from_pem(key_pem).map_err(|error| CertError::KeyPem(error.to_string()))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| CertError::Parse(error.to_string()))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(CertError::CaMismatch);
        }
        Ok(Self {
            cert: CaCert::from_der(der.clone())?,
            key_pem: key_pem.to_owned(),
            issuer: Issuer::from_ca_cert_der(&der, key)?,
        })
    }

    #[must_use]
    pub fn cert(&self) -> &CaCert {
        &self.cert
    }

    #[must_use]
    pub fn pem(&self) -> String {
        self.cert.pem()
    }

    /// In PEM. Only for the Secret.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Makes a serving pair for `names`, DNS names or IP addresses. It expires no later than the CA.
    ///
    /// # Errors
    /// If a name cannot be in a certificate, there is no randomness, or `now` is out of range or outside of
    /// the CA's validity.
    pub fn leaf(&self, names: &[String], now: SystemTime) -> Result<ServingPair, CertError> {
        let (leaf, key) = self.sign(names, now, LEAF_LIFETIME)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        ServingPair::from_der(vec![leaf.der().clone()], key.into(), now)
    }

    /// Makes a PEM pair for `names` that is valid as long as the CA: for files that are not renewed.
    ///
    /// # Errors
    /// As [`Self::leaf`].
    pub fn long_pair(&self, names: &[String], now: SystemTime) -> Result<PemPair, CertError> {
        let (leaf, key) = self.sign(names, now, CA_LIFETIME)?;
        Ok(PemPair {
            certificate: leaf.pem(),
            key: key.serialize_pem(),
        })
    }

    fn sign(
        &self,
        names: &[String],
        now: SystemTime,
        life: Duration,
    ) -> Result<(Certificate, KeyPair), CertError> {
        let ca = self.cert.validity();
        ca.holds(now)?;
        let end = now.checked_add(life).ok_or(CertError::Clock)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name(names::PROGRAM);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, end.min(ca.not_after))?;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok((leaf, key))
    }
}

/// Without the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("validity", &self.cert.validity())
            .finish_non_exhaustive()
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn set_life(
    params: &mut CertificateParams,
    now: SystemTime,
    end: SystemTime,
) -> Result<(), CertError> {
    let start = now.checked_sub(BACKDATE).ok_or(CertError::Clock)?;
    params.not_before = calendar(start).ok_or(CertError::Clock)?;
    params.not_after = calendar(end).ok_or(CertError::Clock)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_clock_that_no_certificate_can_hold_is_an_error() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for clock in [hours(24 * 365 * 9000), Duration::from_secs(1 << 62)] {
            let made = Authority::generate(UNIX_EPOCH + clock);
            assert!(matches!(made, Err(CertError::Clock)), "{clock:?}: {made:?}");
        }
        let unset = Authority::generate(UNIX_EPOCH);
        assert!(
            unset.is_ok(),
            "a machine that starts in 1970 gets one: {unset:?}"
        );
    }
}
