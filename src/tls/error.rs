//! What can be wrong with a certificate, worded so that an operator knows what to change.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertError {
    #[error("cannot read {flag} {}: {source}", path.display())]
    Read {
        /// The flag that sets its path.
        flag: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The files are readable, but their content cannot be served.
    #[error("--tls-cert {} with --tls-key {}: {source}", cert.display(), key.display())]
    Files {
        cert: PathBuf,
        key: PathBuf,
        source: Box<CertError>,
    },
    /// Broken PEM, or none.
    #[error("the certificate is not usable PEM (expected BEGIN CERTIFICATE sections): {0}")]
    CertificatePem(String),
    /// Broken PEM, or none.
    #[error("the key is not usable PEM (expected one unencrypted BEGIN PRIVATE KEY section): {0}")]
    KeyPem(String),
    #[error("the certificate cannot be parsed: {0}")]
    Parse(String),
    /// Key and certificate do not match, or are of an unsupported kind.
    #[error("certificate and key do not go together: {0}")]
    Mismatch(#[source] rustls::Error),
    /// Go's TLS, and so the API server, ignores the common name.
    #[error(
        "the certificate has no subject alternative name; the API server looks for \
         <service>.<namespace>.svc there and nowhere else"
    )]
    NoName,
    /// It is for other names than the server's.
    #[error("the certificate is not what --tls-dns-name {name} asks for: {problem}")]
    OtherName {
        /// The name that is missing.
        name: String,
        problem: String,
    },
    #[error("the certificate expired {ago} ago")]
    Expired {
        /// The duration in words.
        ago: String,
    },
    #[error("the certificate is valid only in {in_} from now: is this machine's clock right?")]
    NotYet {
        /// The duration in words.
        in_: String,
    },
    /// Only one of the two flags is set.
    #[error("--tls-cert and --tls-key belong together: give both or neither")]
    HalfAPair,
    /// A certificate that is not a CA's, where a CA is needed.
    #[error("the certificate is not a CA's (basicConstraints CA:TRUE is missing)")]
    NotACa,
    /// The key does not belong to the certificate.
    #[error("the CA's certificate and key do not go together")]
    CaMismatch,
    /// A key that the CA's Secret lacks.
    #[error("the Secret has no {0}")]
    Missing(&'static str),
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A date that a certificate cannot contain.
    #[error("this machine's clock is out of a certificate's range")]
    Clock,
}
