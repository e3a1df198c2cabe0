//! `check`: every check of an installation that works, and of one that does not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64_simd::STANDARD;
use dind_injector::check::{Outcome, Report};
use dind_injector::decide::Policy;
use dind_injector::inspect::api::Api as Asker;
use dind_injector::inspect::{Asked, installed};
use dind_injector::manifest::pods;
use dind_injector::review::offline::{Setting, apply, evaluate};
use dind_injector::tls::Authority;
use serde_json::{Value, json};

use super::api::{Api, State, status};
use super::{found, outcome};

pub const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
pub const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/dind-injector/deployments/dind-injector";
const HOME: &str = "/api/v1/namespaces/dind-injector";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/dind-injector/endpointslices";
const OWN: &str = "/dind-injector";
pub const CI: &str = "/api/v1/namespaces/ci";
const NAME: &str = "dind-injector.dind-injector.svc";

fn authority(now: SystemTime) -> Arc<Authority> {
    Arc::new(Authority::generate(now).unwrap())
}

fn leaf(authority: &Authority, name: &str, now: SystemTime) -> String {
    authority.leaf(&[name.to_owned()], now).unwrap().chain_pem()
}

fn metrics(sha256: &str) -> String {
    format!(
        "dind_injector_build_info{{version=\"0.1.0\"}} 1\n\
         dind_injector_policy_info{{sha256=\"{sha256}\"}} 1\n\
         dind_injector_watch_age_seconds{{watch=\"namespaces\"}} 12.5\n"
    )
}

/// The Pod of the check as the webhook would have it stored.
pub fn swapped(pod: &Value) -> Value {
    let mut changed = pod.clone();
    let policy = Policy::offline();
    let found = pods(pod);
    let outcome = evaluate(&policy, &Setting::default(), &found[0]).unwrap();
    apply(&mut changed, "", &outcome).unwrap();
    changed
}

fn webhook(name: &str, path: &str, bundle: &str) -> Value {
    json!({
        "name": name,
        "clientConfig": {
            "service": {"name": "dind-injector", "namespace": "dind-injector", "port": 443, "path": path},
            "caBundle": bundle,
        },
        "rules": [{"apiGroups": [""], "operations": ["CREATE"], "resources": ["pods"]}],
        "failurePolicy": "Ignore", "timeoutSeconds": 5, "reinvocationPolicy": "IfNeeded",
        "namespaceSelector": {"matchExpressions": [{
            "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "dind-injector"],
        }]},
        "matchConditions": [{"name": "could-need-docker", "expression": "true"}],
    })
}

pub fn fine() -> State {
    let now = SystemTime::now();
    let authority = authority(now);
    let bundle = STANDARD.encode_to_string(authority.pem());
    let mut state = State::default();
    state.put(
        MUTATING,
        json!({
            "metadata": {"name": "dind-injector"},
            "webhooks": [webhook("pods.dind-injector.io", "/mutate", &bundle)],
        }),
    );
    state.put(
        VALIDATING,
        json!({
            "metadata": {"name": "dind-injector"},
            "webhooks": [webhook("verify.dind-injector.io", "/verify", &bundle)],
        }),
    );
    for name in [
        "dind-injector-mutating-guard",
        "dind-injector-validating-guard",
        "dind-injector-backstop",
    ] {
        state.put(POLICIES, json!({"metadata": {"name": name}}));
        let selector = match name.ends_with("guard") {
            true => json!({}),
            false => json!({"matchLabels": {"dind-injector.io/backstop": "enabled"}}),
        };
        state.put(BINDINGS, json!({"metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector},
        }}));
    }
    let labels = json!({
        "kubernetes.io/metadata.name": "ci",
        "dind-injector.io/injection": "enabled",
        "dind-injector.io/backstop": "enabled",
    });
    state.put(
        "/api/v1/namespaces",
        json!({"metadata": {"name": "ci", "labels": labels}}),
    );
    state.put(
        "/api/v1/namespaces",
        json!({"metadata": {"name": "dind-injector", "labels": {
            "kubernetes.io/metadata.name": "dind-injector",
        }}}),
    );
    state.put(
        &format!("{HOME}/services"),
        json!({
            "metadata": {"name": "dind-injector"}, "spec": {"ports": [{"port": 443}]},
        }),
    );
    state.put(
        SLICES,
        json!({
            "metadata": {"name": "dind-injector-1"},
            "endpoints": [{"conditions": {"ready": true}}, {"conditions": {"ready": true}}],
        }),
    );
    let selector = json!({"app.kubernetes.io/name": "dind-injector"});
    state.objects.insert(DEPLOYMENT.to_owned(), json!({
        "metadata": {"name": "dind-injector"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": selector},
            "template": {"spec": {
                "serviceAccountName": "dind-injector",
                "containers": [{"name": "webhook", "args": ["serve", "--ca-secret=dind-injector-ca"]}],
            }},
        },
    }));
    for name in ["one", "two"] {
        state.put(
            &format!("{HOME}/pods"),
            json!({
                "metadata": {"name": name, "labels": selector},
                "spec": {},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            }),
        );
        let port = port(name);
        state
            .texts
            .insert(format!("{port}/metrics"), metrics("builtin"));
        state
            .texts
            .insert(format!("{port}/certificate"), leaf(&authority, NAME, now));
    }
    state.created = Some((201, swapped(&dind_injector::check::trial::pod())));
    state
}

fn port(pod: &str) -> String {
    format!("{HOME}/pods/{pod}:9090/proxy")
}

async fn checked(namespace: &str, change: impl FnOnce(&mut State)) -> Report {
    let mut state = fine();
    change(&mut state);
    let asked = Asked {
        name: "dind-injector".to_owned(),
        namespace: Some(namespace.to_owned()),
    };
    let api = Asker::new(Api::of(state).client());
    installed(&api, &asked, SystemTime::now()).await.checks()
}

/// That this check is so; and no other but those of `also` is anything but ok.
async fn seen(
    name: &str,
    wanted: Outcome,
    text: &str,
    also: &[&str],
    change: impl FnOnce(&mut State),
) {
    let report = checked("ci", change).await;
    assert_eq!(outcome(&report, name), wanted, "{name}: {report:#?}");
    assert!(
        found(&report, name).contains(text),
        "{name}: {}",
        found(&report, name)
    );
    let is_other = |other: &&str| *other != name && !also.contains(other);
    for check in &report.checks {
        if Some(check.question.name).iter().any(is_other) {
            assert_eq!(check.outcome, Outcome::Ok, "beside {name}: {check:?}");
        }
    }
}

fn hook<'s>(state: &'s mut State, collection: &str) -> &'s mut Value {
    &mut state.object(&format!("{collection}{OWN}"))["webhooks"][0]
}

#[tokio::test]
async fn an_installation_that_works_is_all_green() {
    let report = checked("ci", |_| {}).await;
    assert_eq!(report.worst(), Outcome::Ok, "{report:#?}");
    assert_eq!(report.checks.len(), 18);
    assert_eq!(
        found(&report, "network-path"),
        "a Pod with docker.sock in ci is swapped, as the rule enabled says"
    );
}

#[tokio::test]
async fn webhook_configurations_that_are_wrong_are_told() {
    use Outcome::{Failed, Warning};
    let report = checked("ci", |state| {
        drop(state.objects.remove(&format!("{MUTATING}{OWN}")))
    })
    .await;
    assert_eq!(outcome(&report, "mutating-webhook"), Failed);
    let of_it = ["network-path"];
    seen(
        "mutating-webhook",
        Failed,
        "not sent the creation of Pods",
        &["validating-webhook"],
        |state| {
            hook(state, MUTATING)["rules"] = json!([]);
        },
    )
    .await;
    seen(
        "mutating-webhook",
        Failed,
        "called at https://else",
        &of_it,
        |state| {
            hook(state, MUTATING)["clientConfig"]["service"] = Value::Null;
            hook(state, MUTATING)["clientConfig"]["url"] = json!("https://else");
        },
    )
    .await;
    seen(
        "mutating-webhook",
        Warning,
        "no matchConditions",
        &of_it,
        |state| {
            hook(state, MUTATING)["matchConditions"] = json!([]);
        },
    )
    .await;
    let gone = |state: &mut State| drop(state.objects.remove(&format!("{VALIDATING}{OWN}")));
    let report = checked("ci", gone).await;
    assert_eq!(outcome(&report, "validating-webhook"), Warning);
    seen(
        "validating-webhook",
        Warning,
        "no webhook verify.dind-injector.io",
        &of_it,
        |state| {
            hook(state, VALIDATING)["name"] = json!("workloads.dind-injector.io");
        },
    )
    .await;
    seen(
        "namespace-selector",
        Failed,
        "wants kubernetes.io/metadata.name not in (ci)",
        &of_it,
        |state| {
            hook(state, MUTATING)["namespaceSelector"]["matchExpressions"][0]["values"] =
                json!(["ci"]);
        },
    )
    .await;
    let own = checked("dind-injector", |_| {}).await;
    assert!(
        found(&own, "namespace-selector").contains("own namespace"),
        "{own:#?}"
    );
    let absent = checked("absent", |_| {}).await;
    assert_eq!(outcome(&absent, "namespace-selector"), Failed);
    seen(
        "failure-policy",
        Failed,
        "waits for itself",
        &of_it,
        |state| {
            hook(state, MUTATING)["failurePolicy"] = json!("Fail");
            hook(state, MUTATING)["namespaceSelector"] = json!({});
        },
    )
    .await;
    seen(
        "failure-policy",
        Warning,
        "timeoutSeconds 30",
        &of_it,
        |state| {
            hook(state, MUTATING)["timeoutSeconds"] = json!(30);
        },
    )
    .await;
}

#[tokio::test]
async fn another_webhook_that_comes_later_must_be_followed_by_verification() {
    use Outcome::{Failed, Ok, Warning};
    let other = |name: &'static str, webhook_name: &'static str| {
        move |state: &mut State| {
            let webhook = webhook(webhook_name, "/", "");
            state.put(
                MUTATING,
                json!({"metadata": {"name": name}, "webhooks": [webhook]}),
            );
        }
    };
    seen(
        "webhook-order",
        Ok,
        "1 other configuration before this one",
        &[],
        other("aaa", "a.example"),
    )
    .await;
    seen(
        "webhook-order",
        Ok,
        "istio may change Pods after",
        &[],
        other("istio", "a.example"),
    )
    .await;
    seen(
        "webhook-order",
        Failed,
        "another installation",
        &[],
        other("second", "pods.dind-injector.io"),
    )
    .await;
    seen(
        "webhook-order",
        Warning,
        "nothing looks at them",
        &["validating-webhook"],
        |state| {
            other("istio", "a.example")(state);
            hook(state, VALIDATING)["name"] = json!("workloads.dind-injector.io");
        },
    )
    .await;
    seen("webhook-order", Warning, "not called again", &[], |state| {
        other("istio", "a.example")(state);
        hook(state, MUTATING)["reinvocationPolicy"] = json!("Never");
    })
    .await;
}

#[tokio::test]
async fn certificates_that_are_not_trusted_or_end_soon_are_told() {
    use Outcome::{CouldNotAsk, Failed, Warning};
    let bundle = |bundle: String| {
        move |state: &mut State| hook(state, MUTATING)["clientConfig"]["caBundle"] = json!(bundle)
    };
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    let pem = |made: SystemTime| STANDARD.encode_to_string(authority(made).pem());
    seen(
        "ca-bundle",
        Failed,
        "pods.dind-injector.io has no caBundle",
        &[],
        bundle(String::new()),
    )
    .await;
    seen(
        "ca-bundle",
        Failed,
        "not base64",
        &[],
        bundle("%%".to_owned()),
    )
    .await;
    seen(
        "ca-bundle",
        Failed,
        "is no CA",
        &[],
        bundle(STANDARD.encode_to_string("nothing")),
    )
    .await;
    seen(
        "ca-bundle",
        Failed,
        "has expired",
        &["ca-lifetime"],
        bundle(pem(now - 400 * day)),
    )
    .await;
    seen(
        "ca-bundle",
        Failed,
        "not that of what one serves",
        &[],
        bundle(pem(now)),
    )
    .await;
    seen("ca-bundle", Failed, "not valid for name", &[], |state| {
        let made = authority(now);
        bundle(STANDARD.encode_to_string(made.pem()))(state);
        hook(state, VALIDATING)["clientConfig"]["caBundle"] =
            json!(STANDARD.encode_to_string(made.pem()));
        for pod in ["one", "two"] {
            state.texts.insert(
                format!("{}/certificate", port(pod)),
                leaf(&made, "other.svc", now),
            );
        }
    })
    .await;
    // Of a CA that ends soon, leaves that were made when it was new, or just now.
    let old = |ago: Duration, leaf_ago: Duration| {
        move |state: &mut State| {
            let made = authority(now - ago);
            for collection in [MUTATING, VALIDATING] {
                hook(state, collection)["clientConfig"]["caBundle"] =
                    json!(STANDARD.encode_to_string(made.pem()));
            }
            for pod in ["one", "two"] {
                state.texts.insert(
                    format!("{}/certificate", port(pod)),
                    leaf(&made, NAME, now - leaf_ago),
                );
            }
        }
    };
    seen("ca-lifetime", Warning, "19 days", &[], old(345 * day, day)).await;
    seen(
        "certificate",
        Warning,
        "valid for 11 hours",
        &[],
        old(100 * day, 6 * day + day / 2),
    )
    .await;
    seen(
        "certificate",
        Failed,
        "has expired",
        &["ca-bundle"],
        old(100 * day, 8 * day),
    )
    .await;
    let path = format!("{}/certificate", port("two"));
    seen(
        "certificate",
        CouldNotAsk,
        "a version that does not say",
        &["ca-bundle"],
        |state| {
            state.texts.remove(&path);
        },
    )
    .await;
}

#[tokio::test]
async fn replicas_that_are_not_there_or_not_alike_are_told() {
    use Outcome::{Failed, Warning};
    let none = ["service", "policy", "ca-bundle"];
    seen("replicas", Failed, "scaled to 0", &none, |state| {
        state.object(DEPLOYMENT)["spec"]["replicas"] = json!(0);
        for pod in ["one", "two"] {
            state.objects.remove(&format!("{HOME}/pods/{pod}"));
        }
        state.empty.push(format!("{HOME}/pods"));
        state.object(&format!("{SLICES}/dind-injector-1"))["endpoints"] = json!([]);
    })
    .await;
    seen("service", Failed, "no ready endpoint", &[], |state| {
        let slice = state.object(&format!("{SLICES}/dind-injector-1"));
        slice["endpoints"] = json!([{"conditions": {"ready": false}}]);
    })
    .await;
    seen("service", Failed, "there is no Service", &[], |state| {
        state
            .objects
            .remove(&format!("{HOME}/services/dind-injector"));
    })
    .await;
    seen("replicas", Warning, "1 of 2 replicas are ready; two is not: ErrImagePull: away", &[], |state| {
        state.object(&format!("{HOME}/pods/two"))["status"] = json!({
            "phase": "Pending",
            "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "away"}}}],
        });
    })
    .await;
    seen(
        "replicas",
        Warning,
        "1 of 2 replicas are there",
        &[],
        |state| {
            state.objects.remove(&format!("{HOME}/pods/two"));
        },
    )
    .await;
    seen("replicas", Warning, "the one replica", &[], |state| {
        state.object(DEPLOYMENT)["spec"]["replicas"] = json!(1);
        state.objects.remove(&format!("{HOME}/pods/two"));
    })
    .await;
    let path = format!("{}/metrics", port("two"));
    seen("versions", Warning, "0.1.0 and 0.2.0", &[], |state| {
        state
            .texts
            .insert(path.clone(), metrics("builtin").replace("0.1.0", "0.2.0"));
    })
    .await;
    for (age, wanted) in [("130", Warning), ("400", Failed)] {
        seen("watches", wanted, "namespaces of two", &[], |state| {
            state
                .texts
                .insert(path.clone(), metrics("builtin").replace("12.5", age));
        })
        .await;
    }
    seen("watches", Warning, "no replica watches", &[], |state| {
        for pod in ["one", "two"] {
            let without = metrics("builtin").replace("watch_age", "other");
            state
                .texts
                .insert(format!("{}/metrics", port(pod)), without);
        }
    })
    .await;
}

/// A policy in a ConfigMap, as the chart mounts it.
fn with_policy(state: &mut State, text: &str) -> String {
    let spec = &mut state.object(DEPLOYMENT)["spec"]["template"]["spec"];
    spec["containers"][0]["args"] = json!(["serve", "--config=/policy/policy.yaml"]);
    spec["containers"][0]["volumeMounts"] = json!([{"name": "policy", "mountPath": "/policy"}]);
    spec["volumes"] = json!([{"name": "policy", "configMap": {"name": "its-policy"}}]);
    state.put(
        &format!("{HOME}/configmaps"),
        json!({
            "metadata": {"name": "its-policy"}, "data": {"policy.yaml": text},
        }),
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let hash: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for pod in ["one", "two"] {
        state
            .texts
            .insert(format!("{}/metrics", port(pod)), metrics(&hash));
    }
    hash
}

fn preset(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(format!("manifests/presets/{name}.yaml"))).unwrap()
}

#[tokio::test]
async fn a_policy_that_is_not_in_force_everywhere_is_told() {
    use Outcome::{CouldNotAsk, Failed, Ok, Warning};
    let text = preset("migrate");
    seen(
        "policy",
        Ok,
        "that of the ConfigMap its-policy",
        &[],
        |state| drop(with_policy(state, &text)),
    )
    .await;
    seen("policy", Failed, "different policies", &[], |state| {
        with_policy(state, &text);
        state
            .texts
            .insert(format!("{}/metrics", port("two")), metrics("builtin"));
    })
    .await;
    seen(
        "policy",
        Failed,
        "one refuses the newest policy",
        &[],
        |state| {
            with_policy(state, &text);
            let refused = metrics("builtin") + "dind_injector_file_refused{file=\"policy\"} 1\n";
            state
                .texts
                .insert(format!("{}/metrics", port("one")), refused);
        },
    )
    .await;
    seen(
        "policy",
        Warning,
        "is in force, and the newest is",
        &[],
        |state| {
            with_policy(state, &text);
            let newer = json!({"policy.yaml": format!("{text}\n# newer\n")});
            state.object(&format!("{HOME}/configmaps/its-policy"))["data"] = newer;
        },
    )
    .await;
    seen(
        "policy",
        Failed,
        "its-policy holds no policy",
        &["network-path"],
        |state| {
            with_policy(state, "kind: Nonsense\n");
        },
    )
    .await;
    seen(
        "policy",
        CouldNotAsk,
        "whether it is the newest",
        &["network-path"],
        |state| {
            with_policy(state, &text);
            state
                .refused
                .insert(format!("{HOME}/configmaps/its-policy"), 403);
        },
    )
    .await;
}

#[tokio::test]
async fn rights_guards_and_the_backstop_are_looked_at() {
    use Outcome::{CouldNotAsk, Failed, Ok, Warning};
    seen(
        "rights",
        Failed,
        "update secrets/dind-injector-ca -n dind-injector",
        &[],
        |state| {
            state.denied.push("update secrets".to_owned());
        },
    )
    .await;
    // Only where nodes are watched is the right to read them needed.
    for (arg, outcome) in [("--watch-nodes=true", Failed), ("--events=true", Ok)] {
        let found = match outcome {
            Failed => "watch runtimeclasses.node.k8s.io",
            Ok | Warning | CouldNotAsk => "of them",
        };
        seen("rights", outcome, found, &[], |state| {
            let deployment = state.object(DEPLOYMENT);
            let args = &mut deployment["spec"]["template"]["spec"]["containers"][0]["args"];
            args.as_array_mut().unwrap().push(json!(arg));
            state.denied.push("watch runtimeclasses".to_owned());
        })
        .await;
    }
    seen("rights", CouldNotAsk, "not allowed to ask", &[], |state| {
        state.refused.insert(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(),
            403,
        );
    })
    .await;
    seen(
        "guards",
        Warning,
        "no ValidatingAdmissionPolicy dind-injector-validating-guard",
        &[],
        |state| {
            state
                .objects
                .remove(&format!("{POLICIES}/dind-injector-validating-guard"));
        },
    )
    .await;
    seen("guards", Warning, "is bound to nothing", &[], |state| {
        state
            .objects
            .remove(&format!("{BINDINGS}/dind-injector-mutating-guard"));
    })
    .await;
    seen("backstop", Warning, "there is no backstop", &[], |state| {
        state
            .objects
            .remove(&format!("{POLICIES}/dind-injector-backstop"));
    })
    .await;
    seen("backstop", Failed, "bound to nothing", &[], |state| {
        state
            .objects
            .remove(&format!("{BINDINGS}/dind-injector-backstop"));
    })
    .await;
    seen("backstop", Failed, "bound to nothing", &[], |state| {
        let binding = state.object(&format!("{BINDINGS}/dind-injector-backstop"));
        binding["spec"]["validationActions"] = json!(["Audit"]);
    })
    .await;
    let unlabeled = |state: &mut State| {
        let labels = state.object(CI)["metadata"]["labels"]
            .as_object_mut()
            .unwrap();
        labels.remove("dind-injector.io/backstop");
    };
    seen(
        "backstop",
        Warning,
        "not in the namespace ci",
        &[],
        unlabeled,
    )
    .await;
    seen("backstop", Ok, "failurePolicy is Fail", &[], |state| {
        unlabeled(state);
        hook(state, MUTATING)["failurePolicy"] = json!("Fail");
    })
    .await;
    let old = checked("ci", |state| {
        state
            .objects
            .retain(|path, _| !path.contains("validatingadmission"));
    })
    .await;
    assert_eq!(outcome(&old, "guards"), Warning);
    assert_eq!(outcome(&old, "backstop"), Warning);
}

#[tokio::test]
async fn a_pod_must_come_back_as_the_policy_says() {
    use Outcome::{CouldNotAsk, Failed, Ok, Warning};
    let written = || Some((201, dind_injector::check::trial::pod()));
    let unlabeled = |state: &mut State| {
        let labels = state.object(CI)["metadata"]["labels"]
            .as_object_mut()
            .unwrap();
        labels.remove("dind-injector.io/injection");
        state.created = written();
    };
    let warning = "container check: docker.sock leads to the node's Docker daemon";
    seen(
        "network-path",
        Ok,
        "is warned about, as the rule default says",
        &[],
        |state| {
            unlabeled(state);
            state.warnings.push(warning.to_owned());
        },
    )
    .await;
    seen(
        "network-path",
        Failed,
        "left as it was written; the rule default says it is to be warned",
        &[],
        unlabeled,
    )
    .await;
    seen(
        "network-path",
        Failed,
        "left as it was written; the rule enabled says it is to be swapped",
        &[],
        |state| {
            state.created = written();
        },
    )
    .await;
    let refused = |code: u16, message: &'static str| {
        move |state: &mut State| state.created = Some((code, status(code, message)))
    };
    let denial = "admission webhook \"pods.dind-injector.io\" denied the request: no";
    seen(
        "network-path",
        Failed,
        "is denied; the rule enabled says it is to be swapped",
        &[],
        refused(403, denial),
    )
    .await;
    seen(
        "network-path",
        Ok,
        "is denied, as the rule",
        &["pod-security"],
        |state| {
            let level = json!("baseline");
            state.object(CI)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = level;
            refused(403, denial)(state);
        },
    )
    .await;
    let backstop =
        "ValidatingAdmissionPolicy 'dind-injector-backstop' with binding 'x' denied request: no";
    seen(
        "network-path",
        Failed,
        "is refused by the backstop; the rule enabled says it is to be swapped",
        &[],
        refused(422, backstop),
    )
    .await;
    let verify = "admission webhook \"verify.dind-injector.io\" denied the request: no";
    seen(
        "network-path",
        Failed,
        "is refused by verify.dind-injector.io; the rule enabled says it is to be swapped",
        &[],
        refused(403, verify),
    )
    .await;
    seen(
        "network-path",
        Ok,
        "refused by the backstop, as the rule default leaves it",
        &[],
        |state| {
            unlabeled(state);
            refused(422, backstop)(state);
        },
    )
    .await;
    for (why, fix) in [
        (
            "no endpoints available for service \"dind-injector\"",
            "no replica is ready",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "does not trust",
        ),
        ("context deadline exceeded", "port 8443"),
        (
            "dial tcp 10.0.0.1:443: connect: connection refused",
            "port 8443",
        ),
    ] {
        let report = checked("ci", |state| {
            let message = format!(
                "Internal error occurred: failed calling webhook \"pods.dind-injector.io\": {why}"
            );
            state.created = Some((500, status(500, &message)));
        })
        .await;
        assert_eq!(outcome(&report, "network-path"), Failed, "{why}");
        let told = super::check(&report, "network-path").fix.clone().unwrap();
        assert!(told.contains(fix), "{why}: {told}");
    }
    seen(
        "network-path",
        Warning,
        "something else refuses such a Pod: exceeded quota",
        &[],
        refused(403, "exceeded quota"),
    )
    .await;
    seen(
        "network-path",
        CouldNotAsk,
        "cannot create resource",
        &[],
        refused(403, "User \"x\" cannot create resource \"pods\""),
    )
    .await;
}

#[tokio::test]
async fn what_may_not_be_read_is_never_taken_for_good() {
    for (path, names) in [
        (
            MUTATING.to_owned(),
            &["mutating-webhook", "webhook-order"][..],
        ),
        (VALIDATING.to_owned(), &["validating-webhook"]),
        (DEPLOYMENT.to_owned(), &["replicas"]),
        (format!("{HOME}/pods"), &["replicas"]),
        (SLICES.to_owned(), &["service"]),
        (POLICIES.to_owned(), &["guards", "backstop"]),
        (BINDINGS.to_owned(), &["guards", "backstop"]),
        (CI.to_owned(), &["namespace-selector"]),
        (
            format!("{}/metrics", port("one")),
            &["versions", "watches", "policy"],
        ),
        (
            format!("{}/certificate", port("one")),
            &["certificate", "ca-bundle"],
        ),
        ("/version".to_owned(), &["api-server"]),
    ] {
        for code in [403, 500] {
            let report = checked("ci", |state| {
                state.refused.insert(path.clone(), code);
            })
            .await;
            for name in names {
                assert_eq!(
                    outcome(&report, name),
                    Outcome::CouldNotAsk,
                    "{path}: {name}"
                );
            }
        }
    }
}
