//! Certificates from memory and from files, and their change under a live server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dind_injector::follow::Looked;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::tls::{
    CertArgs, CertError, CertStore, FilePair, LEAF_LIFETIME, SelfSigned, ServingPair,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::support::*;
use crate::support::scratch;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A self-signed pair in PEM, valid from and to so many days from now.
fn pem(name: &str, from: i64, to: i64) -> (String, String) {
    let names = if name.is_empty() {
        vec![]
    } else {
        vec![name.to_owned()]
    };
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = OffsetDateTime::now_utc() + time::Duration::days(from);
    params.not_after = OffsetDateTime::now_utc() + time::Duration::days(to);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn read(cert: &str, key: &str) -> Result<ServingPair, CertError> {
    ServingPair::from_pem(cert.as_bytes(), key.as_bytes(), SystemTime::now())
}

fn store() -> Arc<CertStore> {
    Arc::new(CertStore::new(Arc::new(Metrics::new())))
}

/// A directory of its own for a test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = scratch::folder(name);
        Self(path)
    }

    fn write(&self, (cert, key): &(String, String)) {
        write_pair(&self.0, cert, key);
    }

    fn files(&self, store: &Arc<CertStore>) -> FilePair {
        FilePair::new(
            self.0.join("tls.crt"),
            self.0.join("tls.key"),
            Arc::clone(store),
        )
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_pair(directory: &Path, cert: &str, key: &str) {
    fs::write(directory.join("tls.key"), key).unwrap();
    fs::write(directory.join("tls.crt"), cert).unwrap();
}

fn leaf(store: &CertStore) -> CertificateDer<'static> {
    store.current().unwrap().key().cert[0].clone()
}

#[test]
fn a_usable_pair_is_read_with_its_validity() {
    let (cert, key) = pem("localhost", -1, 30);
    let validity = read(&cert, &key).unwrap().validity();
    let left = validity
        .not_after
        .duration_since(SystemTime::now())
        .unwrap();
    assert!(left > DAY * 29 && left <= DAY * 30, "{left:?}");
}

#[test]
fn an_unusable_pair_is_refused_for_what_is_wrong_with_it() {
    let (cert, key) = pem("localhost", -1, 30);
    let (_, other) = pem("localhost", -1, 30);
    assert!(matches!(read(&cert, &other), Err(CertError::Mismatch(_))));
    assert!(matches!(read("", &key), Err(CertError::CertificatePem(_))));
    assert!(matches!(
        read(&key, &key),
        Err(CertError::CertificatePem(_))
    ));
    assert!(matches!(read(&cert, &cert), Err(CertError::KeyPem(_))));
    assert!(matches!(
        read(&cert[..cert.len() / 2], &key),
        Err(CertError::CertificatePem(_))
    ));
    let (cert, key) = pem("", -1, 30);
    assert!(matches!(read(&cert, &key), Err(CertError::NoName)));
    let (cert, key) = pem("localhost", -3, -2);
    let error = read(&cert, &key).unwrap_err();
    assert_eq!(error.to_string(), "the certificate expired 2 days ago");
    let (cert, key) = pem("localhost", 3, 5);
    assert!(matches!(read(&cert, &key), Err(CertError::NotYet { .. })));
}

#[test]
fn a_leaf_in_memory_is_renewed_at_two_thirds_of_its_life() {
    let (store, now) = (store(), SystemTime::now());
    let made = SelfSigned::generate(vec!["localhost".into()], Arc::clone(&store), now).unwrap();
    let first = leaf(&store);
    assert!(!made.renew(now + LEAF_LIFETIME / 2).unwrap());
    assert_eq!(leaf(&store), first);
    let due = now + LEAF_LIFETIME / 3 * 2;
    assert!(made.renew(due).unwrap());
    assert_ne!(leaf(&store), first);
    assert!(store.current().unwrap().validity().not_after > now + LEAF_LIFETIME + DAY);
    assert!(!made.renew(due).unwrap());
}

#[test]
fn readiness_follows_the_certificates_validity() {
    let (store, now) = (store(), SystemTime::now());
    assert_eq!(store.ready(now), Err("no certificate yet".to_owned()));
    SelfSigned::generate(vec!["localhost".into()], Arc::clone(&store), now).unwrap();
    assert_eq!(store.ready(now), Ok(()));
    assert!(
        store
            .ready(now + LEAF_LIFETIME + DAY)
            .unwrap_err()
            .contains("expired")
    );
}

#[tokio::test]
async fn the_first_pair_must_be_usable_and_the_error_names_the_flag() {
    let scratch = Scratch::new("first");
    let args = CertArgs {
        tls_cert: Some(scratch.0.join("tls.crt")),
        tls_key: Some(scratch.0.join("tls.key")),
        tls_dns_name: vec![],
    };
    let metrics = Arc::new(Metrics::new());
    let error = args
        .open(Arc::clone(&metrics))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("--tls-cert") && error.contains("tls.crt"),
        "{error}"
    );
    scratch.write(&pem("localhost", -30, -2));
    let error = args.open(Arc::clone(&metrics)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "--tls-cert {0}/tls.crt with --tls-key {0}/tls.key: the certificate expired 2 days ago",
            scratch.0.display()
        )
    );
    scratch.write(&pem("localhost", -1, 30));
    let opened = args.open(Arc::clone(&metrics)).await.unwrap();
    assert!(opened.ca_pem.is_none() && opened.store.current().is_some());
    let half = CertArgs {
        tls_key: None,
        ..args
    };
    assert!(matches!(
        half.open(metrics).await,
        Err(CertError::HalfAPair)
    ));
}

#[tokio::test]
async fn without_files_a_ca_is_made_and_given() {
    let opened = CertArgs::default()
        .open(Arc::new(Metrics::new()))
        .await
        .unwrap();
    let ca = opened.ca_pem.unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    assert_eq!(
        ca.matches("BEGIN").count(),
        1,
        "a CA's certificate and nothing secret"
    );
}

#[tokio::test]
async fn a_bad_pair_is_refused_once_and_the_old_one_kept() {
    let (scratch, store, now) = (Scratch::new("refuse"), store(), SystemTime::now());
    let good = pem("localhost", -1, 30);
    scratch.write(&good);
    let mut files = scratch.files(&store);
    files.load(now).await.unwrap();
    let first = leaf(&store);
    assert!(matches!(files.poll(now).await, Looked::Unchanged));

    scratch.write(&(good.0.clone(), pem("localhost", -1, 30).1));
    let Looked::Refused(CertError::Files { cert, source, .. }) = files.poll(now).await else {
        panic!("the key is another's")
    };
    assert_eq!(cert, scratch.0.join("tls.crt"));
    assert!(matches!(*source, CertError::Mismatch(_)));
    assert!(matches!(files.poll(now).await, Looked::Unchanged));
    fs::remove_file(scratch.0.join("tls.key")).unwrap();
    assert!(matches!(
        files.poll(now).await,
        Looked::Refused(CertError::Read { .. })
    ));
    assert!(matches!(files.poll(now).await, Looked::Unchanged));
    assert_eq!(leaf(&store), first);

    scratch.write(&pem("localhost", -1, 60));
    assert!(matches!(files.poll(now).await, Looked::Taken));
    assert_ne!(leaf(&store), first);
}

#[tokio::test]
async fn a_pair_for_another_name_than_is_called_is_refused() {
    let (scratch, store, now) = (Scratch::new("named"), store(), SystemTime::now());
    let name = "dind-injector.dind-injector.svc";
    scratch.write(&pem(name, -1, 30));
    let mut files = scratch.files(&store).named(vec![name.to_owned()]);
    files.load(now).await.unwrap();
    let first = leaf(&store);

    scratch.write(&pem("other.dind-injector.svc", -1, 60));
    let Looked::Refused(error) = files.poll(now).await else {
        panic!("the API server would not accept it")
    };
    let text = error.to_string();
    assert!(
        text.contains("--tls-dns-name dind-injector.dind-injector.svc")
            && text.contains("other.dind-injector.svc"),
        "{text}"
    );
    assert_eq!(leaf(&store), first);

    scratch.write(&pem("*.dind-injector.svc", -1, 60));
    assert!(matches!(files.poll(now).await, Looked::Taken));
}

#[tokio::test]
async fn a_pair_that_is_early_is_taken_when_its_time_comes() {
    let (scratch, store, now) = (Scratch::new("early"), store(), SystemTime::now());
    scratch.write(&pem("localhost", -1, 30));
    let mut files = scratch.files(&store);
    files.load(now).await.unwrap();
    scratch.write(&pem("localhost", 1, 30));
    let Looked::Refused(CertError::Files { source, .. }) = files.poll(now).await else {
        panic!("it is early")
    };
    assert!(matches!(*source, CertError::NotYet { .. }));
    assert!(matches!(files.poll(now).await, Looked::Unchanged));
    assert!(matches!(files.poll(now + DAY * 2).await, Looked::Taken));
    assert!(matches!(files.poll(now + DAY * 2).await, Looked::Unchanged));
}

#[tokio::test]
async fn a_live_server_takes_a_good_pair_and_refuses_a_bad_one() {
    let scratch = Scratch::new("live");
    let one = pem("localhost", -1, 30);
    let two = pem("localhost", -1, 30);
    scratch.write(&one);
    let metrics = Arc::new(Metrics::new());
    let store = Arc::new(CertStore::new(Arc::clone(&metrics)));
    let mut files = scratch.files(&store).every(Duration::from_millis(5));
    files.load(SystemTime::now()).await.unwrap();
    let keeper = tokio::spawn(files.run());
    let trusted = format!("{}{}", one.0, two.0);
    let server = start_with(Arc::clone(&store), metrics, trusted, |_| {}).await;

    let served = async || server.tls().await.get_ref().1.peer_certificates().unwrap()[0].clone();
    let first = served().await;
    let mut kept = server.client().await;
    assert_eq!(kept.review("{}").await.status, 200);

    scratch.write(&two);
    until(|| leaf(&store) != first).await;
    let second = served().await;
    assert_ne!(second, first);
    assert_eq!(kept.review("{}").await.status, 200);

    let refused = server.metric("dind_injector_certificate_reload_failures_total");
    scratch.write(&(two.0.clone(), one.1.clone()));
    until(|| server.metric("dind_injector_certificate_reload_failures_total") > refused).await;
    assert_eq!(served().await, second);
    assert_eq!(server.admin_get("/readyz").await.status, 200);
    keeper.abort();
}

/// The kubelet changes a mounted Secret by renaming a symlink to its directory.
#[tokio::test]
async fn a_secrets_symlink_swap_is_seen() {
    use std::os::unix::fs::symlink;
    let (scratch, store, now) = (Scratch::new("symlink"), store(), SystemTime::now());
    let (one, two) = (pem("localhost", -1, 30), pem("localhost", -1, 30));
    for (name, (cert, key)) in [("..one", &one), ("..two", &two)] {
        fs::create_dir(scratch.0.join(name)).unwrap();
        write_pair(&scratch.0.join(name), cert, key);
    }
    symlink("..one", scratch.0.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{file}"), scratch.0.join(file)).unwrap();
    }
    let mut files = scratch.files(&store);
    files.load(now).await.unwrap();
    let first = leaf(&store);
    symlink("..two", scratch.0.join("..data_tmp")).unwrap();
    fs::rename(scratch.0.join("..data_tmp"), scratch.0.join("..data")).unwrap();
    assert!(matches!(files.poll(now).await, Looked::Taken));
    assert_ne!(leaf(&store), first);
}
