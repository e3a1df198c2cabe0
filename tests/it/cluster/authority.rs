//! Self-managed certificates against an API server: several replicas, one Secret, two
//! webhook configurations, and a TLS client that trusts what these say.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64_simd::STANDARD;
use dind_injector::cluster::Timing;
use dind_injector::names::ca_secret;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use dind_injector::tls::managed::{ManagedArgs, Settings};
use dind_injector::tls::{CertStore, SecretChange, Waits, read_bundle};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::Api;
use crate::support::patience::{settled, until};

const SECRETS: &str = "/api/v1/namespaces/dind-injector/secrets";
const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const NAME: &str = "dind-injector";

struct Replica {
    store: Arc<CertStore>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    tasks: JoinSet<()>,
}

fn hurried() -> Settings {
    let retry = Duration::from_millis(5);
    Settings {
        timing: Timing {
            first_retry: retry,
            last_retry: Duration::from_millis(50),
            ..Timing::default()
        },
        waits: Waits {
            settle: Duration::from_millis(40),
            ..Waits::default()
        },
        look: Duration::from_millis(10),
        first_retry: retry,
        last_retry: Duration::from_millis(50),
    }
}

fn start(api: &Api) -> Replica {
    start_with(api, hurried())
}

fn start_with(api: &Api, settings: Settings) -> Replica {
    let metrics = Arc::new(Metrics::new());
    let store = Arc::new(CertStore::new(Arc::clone(&metrics)));
    let readiness = Readiness::new();
    let args = ManagedArgs {
        ca_secret: "dind-injector-ca".to_owned(),
        service: NAME.to_owned(),
        mutating_configuration: NAME.to_owned(),
        validating_configuration: NAME.to_owned(),
        namespace: None,
    };
    let managed = args.open(
        &api.client(),
        &[],
        Arc::clone(&store),
        Arc::clone(&metrics),
        &readiness,
        settings,
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(managed.run());
    Replica {
        store,
        metrics,
        readiness,
        tasks,
    }
}

impl Replica {
    fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.encode().unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("no {series} in\n{text}"))
            .parse()
            .unwrap()
    }

    fn is_ready(&self) -> bool {
        self.readiness.report().ready
    }

    /// Whether a client that trusts this caBundle accepts the leaf for the Service's name.
    fn is_accepted_by(&self, bundle: &[u8]) -> bool {
        let Some(pair) = self.store.current() else {
            return false;
        };
        let mut roots = RootCertStore::empty();
        for ca in read_bundle(bundle) {
            roots.add(ca.der().clone()).unwrap();
        }
        if roots.is_empty() {
            return false;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let name = ServerName::try_from("dind-injector.dind-injector.svc").unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let leaf = &pair.key().cert[0];
        let now = UnixTime::since_unix_epoch(now);
        verifier
            .verify_server_cert(leaf, &[], &name, &[], now)
            .is_ok()
    }
}

/// Both configurations as the chart installs them: without a caBundle.
fn installed() -> Api {
    let api = Api::default();
    api.put(
        MUTATING,
        configuration("MutatingWebhookConfiguration", &["mutate"]),
    );
    api.put(
        VALIDATING,
        configuration("ValidatingWebhookConfiguration", &["warn", "more"]),
    );
    api
}

fn configuration(kind: &str, hooks: &[&str]) -> Value {
    let hook = |name: &&str| {
        json!({
            "name": format!("{name}.dind-injector.io"),
            "clientConfig": {"service": {"name": NAME, "namespace": NAME, "path": "/mutate"}},
            "failurePolicy": "Fail",
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
        "metadata": {"name": NAME},
        "webhooks": hooks.iter().map(hook).collect::<Vec<_>>(),
    })
}

fn bundles(api: &Api) -> Vec<Vec<u8>> {
    let hooks = [MUTATING, VALIDATING].map(|path| api.get(path, NAME));
    let hooks = hooks.iter().flatten();
    hooks
        .flat_map(|object| object["webhooks"].as_array().unwrap().clone())
        .map(|hook| {
            let encoded = hook["clientConfig"]["caBundle"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            STANDARD.decode_to_vec(&encoded).unwrap_or_default()
        })
        .collect()
}

fn all_trust(api: &Api, replica: &Replica) -> bool {
    let bundles = bundles(api);
    !bundles.is_empty() && bundles.iter().all(|bundle| replica.is_accepted_by(bundle))
}

fn secret(api: &Api) -> Option<Value> {
    api.get(SECRETS, "dind-injector-ca")
}

fn signer(api: &Api) -> Option<Value> {
    secret(api).map(|secret| secret["data"][ca_secret::CERT].clone())
}

#[tokio::test]
async fn from_nothing_to_certificates_that_the_configurations_trust() {
    let api = installed();
    let replicas = [start(&api), start(&api), start(&api)];
    for replica in &replicas {
        until(|| replica.is_ready() && all_trust(&api, replica)).await;
        until(|| replica.metric("dind_injector_ca_bundle_current") == 1.0).await;
        assert!(replica.metric("dind_injector_ca_expiry_timestamp_seconds") > 0.0);
        let report = replica.readiness.report().text;
        assert_eq!(report, "[+]authority ok\nreadyz check passed\n");
    }
    let writes = |result: &str| -> f64 {
        let series = format!("dind_injector_ca_secret_writes_total{{result=\"{result}\"}}");
        replicas.iter().map(|replica| replica.metric(&series)).sum()
    };
    assert_eq!(writes("ok"), 1.0, "one founded it");
    let service = &api.get(MUTATING, NAME).unwrap()["webhooks"][0]["clientConfig"]["service"];
    assert_eq!(
        service["path"], "/mutate",
        "what else is there is left alone"
    );
}

#[tokio::test]
async fn at_rest_nothing_is_written() {
    let api = installed();
    let replicas = [start(&api), start(&api)];
    for replica in &replicas {
        until(|| replica.is_ready() && all_trust(&api, replica)).await;
    }
    until(|| api.watches() == 6).await;
    let writes = || {
        let requests = api.requests();
        let writes = requests
            .iter()
            .filter(|request| !request.starts_with("GET"));
        writes.count()
    };
    let before = writes();
    // Each look and each event would be a chance to write.
    let lists = |api: &Api| api.count("GET", "/secrets");
    let seen = lists(&api);
    for _ in 0..3 {
        api.end_watches();
        until(|| api.watches() == 6).await;
    }
    until(|| lists(&api) >= seen + 6).await;
    assert_eq!(writes(), before);
}

#[tokio::test]
async fn an_overwritten_ca_bundle_is_put_right() {
    let api = installed();
    let replica = start(&api);
    until(|| replica.is_ready()).await;
    api.put(
        MUTATING,
        configuration("MutatingWebhookConfiguration", &["mutate", "second"]),
    );
    until(|| all_trust(&api, &replica)).await;
    let mut wrong = api.get(MUTATING, NAME).unwrap();
    wrong["webhooks"][1]["clientConfig"]["caBundle"] = json!("not base64!");
    api.put(MUTATING, wrong);
    until(|| all_trust(&api, &replica)).await;
}

#[tokio::test]
async fn a_configuration_that_comes_later_is_completed() {
    let api = Api::default();
    let replica = start(&api);
    until(|| replica.is_ready()).await;
    api.put(
        MUTATING,
        configuration("MutatingWebhookConfiguration", &["mutate"]),
    );
    until(|| all_trust(&api, &replica)).await;
}

#[tokio::test]
async fn a_deleted_secret_comes_back_with_the_ca_in_memory_and_then_a_new_one() {
    let api = installed();
    let replicas = [start(&api), start(&api)];
    for replica in &replicas {
        until(|| replica.is_ready() && all_trust(&api, replica)).await;
    }
    let lost = signer(&api);
    api.remove(SECRETS, "dind-injector-ca");
    until(|| signer(&api).is_some_and(|now| Some(now) != lost)).await;
    for replica in &replicas {
        assert!(all_trust(&api, replica), "old and new are both trusted");
        until(|| replica.metric("dind_injector_certificate_reloads_total") >= 2.0).await;
        assert!(all_trust(&api, replica));
    }
}

#[tokio::test]
async fn a_secret_that_is_there_empty_is_filled() {
    let api = installed();
    api.put(
        SECRETS,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "dind-injector-ca", "labels": {"app": "mine"}},
        }),
    );
    let replica = start(&api);
    until(|| replica.is_ready() && all_trust(&api, &replica)).await;
    assert_eq!(secret(&api).unwrap()["metadata"]["labels"]["app"], "mine");
    assert_eq!(api.count("POST ", "/secrets"), 0);
}

#[tokio::test]
async fn a_ca_that_is_due_is_renewed_under_way() {
    let api = installed();
    // 300 of its 365 days ago.
    let made = SystemTime::now() - Duration::from_secs(300 * 24 * 3600);
    let old = SecretChange::Found.apply(None, made).unwrap().unwrap();
    let mut data = std::collections::BTreeMap::new();
    old.write(&mut data);
    let data: serde_json::Map<String, Value> = data
        .into_iter()
        .map(|(key, value)| (key, json!(STANDARD.encode_to_string(value))))
        .collect();
    api.put(
        SECRETS,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "dind-injector-ca"}, "data": data,
        }),
    );
    let before = signer(&api);
    let replicas = [start(&api), start(&api)];
    until(|| signer(&api) != before).await;
    for replica in &replicas {
        until(|| {
            let reloads = replica.metric("dind_injector_certificate_reloads_total");
            replica.is_ready() && reloads >= 1.0 && all_trust(&api, replica)
        })
        .await;
    }
    let after = secret(&api).unwrap();
    let previous = after["data"][ca_secret::PREVIOUS_CERTS].as_str().unwrap();
    assert_eq!(
        read_bundle(&STANDARD.decode_to_vec(previous).unwrap()),
        [old.signer.cert().clone()]
    );
    assert!(after["data"].get(ca_secret::NEXT_KEY).is_none());
}

#[tokio::test]
async fn writes_that_fail_are_said_and_tried_again() {
    let api = installed();
    for code in [500, 403, 409, 409] {
        api.refuse_write(code);
    }
    let replica = start(&api);
    until(|| replica.is_ready() && all_trust(&api, &replica)).await;
    let series =
        |result: &str| format!("dind_injector_ca_secret_writes_total{{result=\"{result}\"}}");
    assert_eq!(replica.metric(&series("failed")), 2.0);
    assert_eq!(replica.metric(&series("conflict")), 2.0);
    assert_eq!(replica.metric(&series("ok")), 1.0);
}

#[tokio::test]
async fn an_api_server_that_is_away_takes_no_certificate_and_readiness_says_so() {
    let api = installed();
    let mut replica = start(&api);
    until(|| replica.is_ready() && all_trust(&api, &replica)).await;
    api.go_away(503, "etcd is away");
    until(|| {
        let report = replica.readiness.report();
        report.ready && report.text.contains("Secret: the watch is down")
    })
    .await;
    let newcomer = start(&api);
    until(|| {
        newcomer
            .readiness
            .report()
            .text
            .contains("not listed yet: etcd is away")
    })
    .await;
    assert!(!newcomer.is_ready());
    api.come_back();
    until(|| newcomer.is_ready() && all_trust(&api, &newcomer)).await;
    assert!(all_trust(&api, &replica));
    replica.tasks.shutdown().await;
}

/// A replica that is at rest, and does only once a minute what is undone.
async fn patient(api: &Api) -> Replica {
    let settings = Settings {
        first_retry: Duration::from_secs(60),
        last_retry: Duration::from_secs(60),
        ..hurried()
    };
    let replica = start_with(api, settings);
    until(|| replica.is_ready() && all_trust(api, &replica)).await;
    replica
}

#[tokio::test]
async fn two_that_undo_each_other_do_not_do_so_in_a_busy_loop() {
    let api = installed();
    let replica = patient(&api).await;
    let patched = || replica.metric(r#"dind_injector_ca_bundle_patches_total{result="ok"}"#);
    let before = patched();
    let other = |round: u32| {
        let mut other = configuration("MutatingWebhookConfiguration", &["mutate"]);
        other["metadata"]["labels"] = json!({"round": round.to_string()});
        api.put(MUTATING, other);
    };
    other(1);
    until(|| patched() == before + 1.0).await;
    // That was the second within a minute.
    for round in 2..5 {
        other(round);
        until(|| replica.metric("dind_injector_ca_bundle_current") == 0.0).await;
    }
    assert_eq!(patched(), before + 1.0);
}

#[tokio::test]
async fn a_secret_that_somebody_empties_is_not_filled_in_a_busy_loop() {
    let api = installed();
    let replica = patient(&api).await;
    let writes = || replica.metric(r#"dind_injector_ca_secret_writes_total{result="ok"}"#);
    let before = writes();
    let empty = |round: u32| {
        let labels = json!({"round": round.to_string()});
        api.put(
            SECRETS,
            json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "dind-injector-ca", "labels": labels},
            }),
        );
    };
    empty(1);
    until(|| writes() == before + 1.0).await;
    // That was the second within a minute: each of these would be answered by one more.
    for round in 2..20 {
        empty(round);
        settled().await;
    }
    assert_eq!(writes(), before + 1.0);
}
