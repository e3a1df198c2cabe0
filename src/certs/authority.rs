//! A certificate authority of the program's own, and the leaves it signs.
//!
//! Pure: takes the time, gives certificates. Who stores or publishes them is others' work.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;

use super::{CertError, ServingPair};

/// A year: long enough to be no work, short enough that renewal is exercised.
pub const CA_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// A week. A leaf lives in one process's memory, so renewing it costs nothing.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Certificates start in the past, since the API server's clock may be behind ours.
const BACKDATE: Duration = Duration::from_secs(3600);

/// A certificate and its key in PEM. Not `Debug`: the key is a secret.
pub struct PemPair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// A CA with its key.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a CA that is valid from about `now`.
    ///
    /// # Errors
    /// When there is no randomness, or `now` is out of range.
    pub fn generate(now: SystemTime) -> Result<Self, CertError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("dind-injector CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        set_life(&mut params, now, CA_LIFETIME)?;
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// The CA's certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Makes a serving pair for `names`, DNS names or IP addresses.
    ///
    /// # Errors
    /// When a name cannot be in a certificate, there is no randomness, or `now` is out of
    /// range.
    pub fn leaf(&self, names: &[String], now: SystemTime) -> Result<ServingPair, CertError> {
        let (leaf, key) = self.sign(names, now, LEAF_LIFETIME)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        ServingPair::from_der(vec![leaf.der().clone()], key.into(), now)
    }

    /// Makes a pair for `names` as PEM that lives as long as the CA: for files that nobody
    /// renews.
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
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name("dind-injector");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now, life)?;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok((leaf, key))
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
    life: Duration,
) -> Result<(), CertError> {
    let start = now.checked_sub(BACKDATE).ok_or(CertError::Clock)?;
    let end = now.checked_add(life).ok_or(CertError::Clock)?;
    params.not_before = OffsetDateTime::from(start);
    params.not_after = OffsetDateTime::from(end);
    Ok(())
}
