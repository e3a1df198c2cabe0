//! The certificates that the webhook serves, and how they are renewed.
//!
//! An expired or untrusted certificate stops every Pod creation or lets every Pod through, whichever
//! `failurePolicy` says. Whatever the source (memory, mounted files, a Secret), the TLS listener reads one
//! [`CertStore`], which is swapped atomically: a connection sees either the old pair or the new one. A new
//! pair that could not work is refused and counted, and the old one stays in use.

pub mod acceptor;
pub mod authority;
pub mod bundle;
pub mod ca_secret;
pub mod client_auth;
pub mod contents;
pub mod development;
pub mod error;
pub mod files;
pub mod managed;
pub mod pair;
pub mod rotation;
pub mod self_signed;
pub mod store;
pub mod webhook_configuration;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::names::SERVICE_DNS;
use crate::telemetry::metrics::Metrics;

pub use crate::tls::authority::{Authority, CA_LIFETIME, LEAF_LIFETIME, PemPair};
pub use crate::tls::bundle::{CaCert, is_ours, read_bundle, write_bundle};
pub use crate::tls::contents::{Contents, SecretChange};
pub use crate::tls::development::{DevelopmentError, Written, write_development};
pub use crate::tls::error::CertError;
pub use crate::tls::files::FilePair;
pub use crate::tls::pair::{ServingPair, Validity};
pub use crate::tls::rotation::{BundleSeen, Moment, Plan, Rotation, SecretSeen, Waits};
pub use crate::tls::self_signed::SelfSigned;
pub use crate::tls::store::CertStore;

/// Default names of a certificate: the webhook's Service, and this machine.
pub const DEFAULT_DNS_NAMES: [&str; 4] = [SERVICE_DNS, "localhost", "127.0.0.1", "::1"];

/// Where the serving certificate comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct CertArgs {
    /// Certificate chain in PEM, the server's own first; read again when its content changes
    #[arg(
        long,
        value_name = "FILE",
        env = "DIND_INJECTOR_TLS_CERT",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM that belongs to --tls-cert
    #[arg(
        long,
        value_name = "FILE",
        env = "DIND_INJECTOR_TLS_KEY",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// Name or address that the certificate is for; repeatable. Generated certificates get these names, and
    /// one in --tls-cert without them is refused
    #[arg(
        long,
        value_name = "NAME",
        env = "DIND_INJECTOR_TLS_DNS_NAME",
        value_delimiter = ','
    )]
    pub tls_dns_name: Vec<String>,
}

/// A store with a certificate, and the task that renews it.
#[derive(Debug)]
pub struct Opened {
    pub store: Arc<CertStore>,
    /// The CA to trust, in PEM, if this process made it. Its base64 is a caBundle.
    pub ca_pem: Option<String>,
    /// Runs beside the server.
    pub keeper: Keeper,
}

/// Renews the store's certificate.
#[derive(Debug)]
pub enum Keeper {
    Files(FilePair),
    /// Renews a leaf in memory.
    SelfSigned(Box<SelfSigned>),
}

impl CertArgs {
    /// Reads or makes the first certificate.
    ///
    /// # Errors
    /// If the files cannot be read or are not a usable pair, or only one flag is set.
    pub async fn open(&self, metrics: Arc<Metrics>) -> Result<Opened, CertError> {
        let Self {
            tls_cert,
            tls_key,
            tls_dns_name,
        } = self;
        let store = Arc::new(CertStore::new(metrics));
        match (tls_cert, tls_key) {
            (Some(cert), Some(key)) => {
                let mut files = FilePair::new(cert.clone(), key.clone(), Arc::clone(&store))
                    .named(tls_dns_name.clone());
                files.load(SystemTime::now()).await?;
                Ok(Opened {
                    store,
                    ca_pem: None,
                    keeper: Keeper::Files(files),
                })
            }
            (None, None) => {
                let names = if tls_dns_name.is_empty() {
                    DEFAULT_DNS_NAMES.map(String::from).to_vec()
                } else {
                    tls_dns_name.clone()
                };
                let made = SelfSigned::generate(names, Arc::clone(&store), SystemTime::now())?;
                let ca_pem = Some(made.ca_pem().to_owned());
                Ok(Opened {
                    store,
                    ca_pem,
                    keeper: Keeper::SelfSigned(Box::new(made)),
                })
            }
            (Some(_), None) | (None, Some(_)) => Err(CertError::HalfAPair),
        }
    }
}

impl Keeper {
    /// Runs until it is dropped.
    pub async fn run(self) {
        match self {
            Self::Files(files) => files.run().await,
            Self::SelfSigned(made) => made.run().await,
        }
    }
}
