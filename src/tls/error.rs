//! What can be wrong with a certificate, said so that an operator knows what to change.

use std::io;
use std::path::PathBuf;

/// Why a certificate could not be read, made or taken into use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertError {
    /// A file could not be read.
    #[error("cannot read {flag} {}: {source}", path.display())]
    Read {
        /// The flag that names the file.
        flag: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The files are read, and what is in them cannot be served.
    #[error("--tls-cert {} with --tls-key {}: {source}", cert.display(), key.display())]
    Files {
        cert: PathBuf,
        key: PathBuf,
        source: Box<CertError>,
    },
    /// The certificate's PEM is broken or holds none.
    #[error("the certificate is not usable PEM (expected BEGIN CERTIFICATE sections): {0}")]
    CertificatePem(String),
    /// The key's PEM is broken or holds none.
    #[error("the key is not usable PEM (expected one unencrypted BEGIN PRIVATE KEY section): {0}")]
    KeyPem(String),
    /// The certificate is no X.509.
    #[error("the certificate cannot be parsed: {0}")]
    Parse(String),
    /// Key and certificate are no pair, or of a kind that TLS here does not take.
    #[error("certificate and key do not go together: {0}")]
    Mismatch(#[source] rustls::Error),
    /// Go's TLS, and so the API server, ignores the common name.
    #[error(
        "the certificate has no subject alternative name; the API server looks for \
         <service>.<namespace>.svc there and nowhere else"
    )]
    NoName,
    /// It is for others than those it is called by.
    #[error("the certificate is not what --tls-dns-name {name} asks for: {problem}")]
    OtherName {
        /// The name that is asked for.
        name: String,
        problem: String,
    },
    #[error("the certificate expired {ago} ago")]
    Expired {
        /// How long, for people.
        ago: String,
    },
    #[error("the certificate is valid only in {in_} from now: is this machine's clock right?")]
    NotYet {
        /// How long, for people.
        in_: String,
    },
    /// Only one of the two flags was given.
    #[error("--tls-cert and --tls-key belong together: give both or neither")]
    HalfAPair,
    /// A certificate that is no CA's where one is needed.
    #[error("the certificate is not a CA's (basicConstraints CA:TRUE is missing)")]
    NotACa,
    /// A CA's key that is not its certificate's.
    #[error("the CA's certificate and key do not go together")]
    CaMismatch,
    /// A part of the CA's Secret that is missing.
    #[error("the Secret has no {0}")]
    Missing(&'static str),
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A moment that a certificate cannot hold.
    #[error("this machine's clock is out of a certificate's range")]
    Clock,
}
