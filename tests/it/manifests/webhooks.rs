//! The webhook configurations: what the API server is told.

use serde_json::json;

use super::rendered::{all, install, list, strings};

#[test]
fn pods_are_reviewed_at_creation_and_debugging() {
    for rendered in all() {
        let configuration = rendered.one("MutatingWebhookConfiguration");
        let [webhook] = list(&configuration["webhooks"]) else {
            panic!("{}: {configuration}", rendered.file);
        };
        assert_eq!(webhook["clientConfig"]["service"]["path"], "/mutate");
        assert_eq!(webhook["reinvocationPolicy"], "IfNeeded");
        let rule = |operation: &str, resource: &str| {
            json!({
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": [operation],
                "resources": [resource],
                "scope": "Namespaced",
            })
        };
        let expected = [
            rule("CREATE", "pods"),
            rule("UPDATE", "pods/ephemeralcontainers"),
        ];
        assert_eq!(list(&webhook["rules"]), expected, "{}", rendered.file);
    }
}

#[test]
fn workloads_are_warned_about_and_never_held_up() {
    let mut seen = 0;
    for rendered in all() {
        for configuration in rendered.kind("ValidatingWebhookConfiguration") {
            for webhook in list(&configuration["webhooks"]) {
                if webhook["clientConfig"]["service"]["path"] == "/warn" {
                    seen += 1;
                    assert_eq!(webhook["failurePolicy"], "Ignore");
                }
            }
        }
    }
    assert!(seen > 0);
}

/// Of the Pods that the mutating one is called for, and of their updates.
#[test]
fn pods_are_verified_after_every_webhook() {
    let mut seen = 0;
    for rendered in all() {
        let pods = &rendered.one("MutatingWebhookConfiguration")["webhooks"][0];
        for configuration in rendered.kind("ValidatingWebhookConfiguration") {
            for webhook in list(&configuration["webhooks"]) {
                if webhook["clientConfig"]["service"]["path"] != "/verify" {
                    continue;
                }
                seen += 1;
                let mut rules = pods["rules"].clone();
                rules[0]["operations"] = json!(["CREATE", "UPDATE"]);
                assert_eq!(webhook["rules"], rules, "{}", rendered.file);
                for same in ["namespaceSelector", "timeoutSeconds", "sideEffects"] {
                    assert_eq!(webhook[same], pods[same], "{}: {same}", rendered.file);
                }
                let more =
                    |webhook: &serde_json::Value| list(&webhook["matchConditions"])[1..].to_vec();
                assert_eq!(more(webhook), more(pods), "{}", rendered.file);
            }
        }
    }
    assert!(seen >= 3, "{seen}");
    let files = all()
        .into_iter()
        .find(|rendered| rendered.file.ends_with("files.yaml"));
    let files = files.unwrap();
    let mut policies: Vec<_> = files
        .webhooks()
        .iter()
        .map(|w| w["failurePolicy"].clone())
        .collect();
    policies.sort_by_key(ToString::to_string);
    assert_eq!(
        policies,
        ["Fail", "Ignore"],
        "verify.failurePolicy is its own"
    );
}

#[test]
fn the_api_server_is_told_what_the_program_speaks() {
    for rendered in all() {
        let service = &rendered.one("Service")["metadata"];
        for webhook in rendered.webhooks() {
            assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
            assert_eq!(webhook["matchPolicy"], "Equivalent");
            let seconds = webhook["timeoutSeconds"].as_u64().unwrap();
            assert!((2..=5).contains(&seconds), "{}", rendered.file);
            // Events are the only side effect, and none is written for a dry run.
            let effects = webhook["sideEffects"].as_str().unwrap();
            assert!(["None", "NoneOnDryRun"].contains(&effects));
            let called = &webhook["clientConfig"]["service"];
            assert_eq!(called["name"], service["name"]);
            assert_eq!(called["namespace"], service["namespace"]);
            assert_eq!(called["port"], 443);
        }
    }
}

/// Its own Pods must be able to start without it, and the cluster's own too.
#[test]
fn the_webhook_does_not_stand_in_its_own_way() {
    for rendered in all() {
        let own = rendered.one("Deployment")["metadata"]["namespace"]
            .as_str()
            .unwrap();
        for webhook in rendered.webhooks() {
            let selector = list(&webhook["namespaceSelector"]["matchExpressions"]);
            let by_name = selector
                .iter()
                .find(|e| e["key"] == "kubernetes.io/metadata.name" && e["operator"] == "NotIn");
            let excluded = strings(&by_name.unwrap()["values"]);
            for name in [own, "kube-system"] {
                assert!(excluded.contains(&name), "{}: {excluded:?}", rendered.file);
            }
        }
    }
}

#[test]
fn by_default_a_lost_webhook_holds_up_no_pod() {
    for webhook in install().webhooks() {
        assert_eq!(webhook["failurePolicy"], "Ignore");
    }
}

#[test]
fn each_way_to_a_certificate_brings_its_ca_bundle() {
    for rendered in all() {
        let secrets = rendered.kind("Secret").count();
        for configuration in rendered
            .kind("MutatingWebhookConfiguration")
            .chain(rendered.kind("ValidatingWebhookConfiguration"))
        {
            let injected =
                configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"].as_str();
            for webhook in list(&configuration["webhooks"]) {
                let given = webhook["clientConfig"].get("caBundle").is_some();
                let ways = [secrets == 1, injected.is_some(), given];
                let ways = ways.iter().filter(|way| **way).count();
                assert_eq!(ways, 1, "{}", rendered.file);
            }
            if let Some(from) = injected {
                let mut certificates = rendered.kind("Certificate");
                assert!(certificates.any(|c| {
                    let metadata = &c["metadata"];
                    let name = |field: &str| metadata[field].as_str().unwrap().to_owned();
                    from == format!("{}/{}", name("namespace"), name("name"))
                }));
            }
        }
    }
}
