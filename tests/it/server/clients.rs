//! The optional check of the API server's own certificate.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dind_injector::server::ClientArgs;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::*;
use crate::support::scratch;

const REFUSED: &str = r#"dind_injector_tls_handshake_failures_total{reason="client_certificate"}"#;

struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn client(&self, common_name: &str, dns: &[&str]) -> Identity {
        let names: Vec<String> = dns.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        (certificate.der().clone(), key.into())
    }
}

/// A CA file of a test, removed at the end.
struct CaFile(PathBuf);

impl CaFile {
    fn new(name: &str, ca: &Ca) -> Self {
        let path = scratch::folder(name).join("ca.crt");
        fs::write(&path, ca.0.pem()).unwrap();
        Self(path)
    }

    fn args(&self, names: &[&str]) -> ClientArgs {
        ClientArgs {
            client_ca_file: Some(self.0.clone()),
            client_name: names.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

async fn guarded(file: &CaFile, names: &[&str]) -> Running {
    start(|args| args.clients = file.args(names)).await
}

/// Whether a review from this client is answered.
async fn is_answered(
    server: &Running,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> bool {
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(server.ca_pem.as_bytes()) {
        roots.add(ca.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
            .unwrap(),
    };
    let tcp = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    // In TLS 1.3 a client learns of its refusal only when it reads.
    let Ok(stream) = within(connected).await else {
        return false;
    };
    match Client::over(stream).await.try_review("{}").await {
        Ok(answer) => answer.status == 200,
        Err(_) => false,
    }
}

#[tokio::test]
async fn only_a_certificate_of_the_ca_is_let_in() {
    let ca = Ca::new();
    let file = CaFile::new("only", &ca);
    let server = guarded(&file, &[]).await;
    let good = ca.client("kube-apiserver", &[]);
    let other = Ca::new().client("kube-apiserver", &[]);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        assert!(is_answered(&server, Some(&good), version).await);
        let before = server.metric(REFUSED);
        assert!(!is_answered(&server, Some(&other), version).await);
        assert!(!is_answered(&server, None, version).await);
        until(|| server.metric(REFUSED) == before + 2.0).await;
    }
}

#[tokio::test]
async fn the_name_counts_where_names_are_given() {
    let ca = Ca::new();
    let file = CaFile::new("names", &ca);
    let server = guarded(&file, &["kube-apiserver", "api.internal"]).await;
    let version = &rustls::version::TLS13;
    let by_common_name = ca.client("kube-apiserver", &[]);
    let by_dns_name = ca.client("someone", &["api.internal"]);
    let nobody = ca.client("kubelet", &["node-1"]);
    assert!(is_answered(&server, Some(&by_common_name), version).await);
    assert!(is_answered(&server, Some(&by_dns_name), version).await);
    assert!(!is_answered(&server, Some(&nobody), version).await);
    until(|| server.metric(REFUSED) == 1.0).await;
}

#[tokio::test]
async fn the_ca_is_followed_and_a_bad_one_refused() {
    let (old, new) = (Ca::new(), Ca::new());
    let file = CaFile::new("followed", &old);
    let server = guarded(&file, &[]).await;
    let version = &rustls::version::TLS13;
    let (old, renewed) = (old.client("a", &[]), new.client("a", &[]));
    assert!(is_answered(&server, Some(&old), version).await);
    let reloads = |result: &str| {
        let series = r#"dind_injector_file_reloads_total{file="client_ca",result="#;
        server.metric(&format!("{series}\"{result}\"}}"))
    };
    fs::write(&file.0, "no certificate").unwrap();
    until(|| reloads("failed") == 1.0).await;
    assert!(is_answered(&server, Some(&old), version).await);
    fs::write(&file.0, new.0.pem()).unwrap();
    until(|| reloads("ok") == 2.0).await;
    assert!(is_answered(&server, Some(&renewed), version).await);
    assert!(!is_answered(&server, Some(&old), version).await);
}
