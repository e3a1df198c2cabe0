//! caBundles, and what replicas serve, as the API server would look at them.

use std::sync::Arc;
use std::time::SystemTime;

use base64_simd::STANDARD;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::check::certificates::{Bundle, BundleContent, Served};
use crate::check::objects::Webhook;
use crate::check::{Read, Unread};
use crate::tls::{CaCert, Validity, read_bundle};

/// The caBundle of a webhook, with the CAs in it.
pub fn bundle(webhook: &Webhook) -> (Bundle, Vec<CaCert>) {
    let encoded = webhook
        .client_config
        .ca_bundle
        .as_deref()
        .unwrap_or_default();
    let (content, cas) = match STANDARD.decode_to_vec(encoded) {
        _ if encoded.is_empty() => (BundleContent::Empty, Vec::new()),
        Err(_) => (
            BundleContent::Unreadable("it is not base64".to_owned()),
            Vec::new(),
        ),
        Ok(pem) => {
            let cas = read_bundle(&pem);
            match cas.is_empty() {
                true => (
                    BundleContent::Unreadable("there is none in its PEM".to_owned()),
                    cas,
                ),
                false => {
                    let ends = cas.iter().map(|ca| ca.validity().not_after);
                    (BundleContent::Cas(ends.collect()), cas)
                }
            }
        }
    };
    let webhook = webhook.name.clone();
    (Bundle { webhook, content }, cas)
}

/// What a replica serves (its chain in PEM, the leaf first), before clients that trust these bundles.
///
/// # Errors
/// Where it is no chain.
pub fn served(
    pem: &str,
    name: &str,
    bundles: &[(Bundle, Vec<CaCert>)],
    now: SystemTime,
) -> Read<Served> {
    let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| Unread::Failed(format!("/certificate holds no PEM: {error}")))?;
    let (leaf, intermediates) = chain
        .split_first()
        .ok_or_else(|| Unread::Failed("/certificate holds no certificate".to_owned()))?;
    let validity = Validity::of_der(leaf);
    let validity = validity.map_err(|error| Unread::Failed(error.to_string()))?;
    let trusted = bundles.iter().filter(|(_, cas)| !cas.is_empty());
    let trusted = trusted.map(|(bundle, cas)| {
        let trusted = is_trusted(leaf, intermediates, name, cas, now);
        (bundle.webhook.clone(), trusted)
    });
    Ok(Served {
        not_after: validity.not_after,
        trusted: trusted.collect(),
    })
}

fn is_trusted(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: &str,
    cas: &[CaCert],
    now: SystemTime,
) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(ca.der().clone()).map_err(|e| told(&e))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|e| told(&e))?;
    let name = ServerName::try_from(name.to_owned()).map_err(|e| told(&e))?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(now.map_err(|e| told(&e))?);
    let verified = verifier.verify_server_cert(leaf, intermediates, &name, &[], now);
    verified.map(drop).map_err(|e| told(&e))
}
