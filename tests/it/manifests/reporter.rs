//! The reporter: it may list what it reads and nothing else, and nothing of the webhook's ever
//! finds it.

use std::collections::BTreeSet;

use dind_injector::scan::live::reads;
use serde_json::{Value, json};

use super::rendered::{Rendered, all, install, list, reporters, strings};

#[test]
fn it_is_off_unless_it_is_asked_for() {
    let with = reporters().len();
    assert!(with < all().len());
    assert_eq!(install().kind("Deployment").count(), 1);
}

#[test]
fn it_may_list_what_a_scan_reads_by_name_and_nothing_else() {
    let mut read: BTreeSet<(String, String)> = BTreeSet::new();
    read.extend(reads().map(|(group, plural)| (group.to_owned(), plural.to_owned())));
    for reporter in reporters() {
        assert_eq!(reporter.kind("Role").count(), 0);
        let mut granted = BTreeSet::new();
        for rule in list(&reporter.one("ClusterRole")["rules"]) {
            assert_eq!(rule["verbs"], json!(["list"]), "{rule}");
            let [group] = *strings(&rule["apiGroups"]) else {
                panic!("{rule}");
            };
            for resource in strings(&rule["resources"]) {
                granted.insert((group.to_owned(), resource.to_owned()));
            }
        }
        assert_eq!(granted, read);
    }
}

#[test]
fn it_is_one_small_pod_with_a_page() {
    for reporter in reporters() {
        assert_eq!(reporter.one("Deployment")["spec"]["replicas"], 1);
        assert_eq!(reporter.args()[..2], ["scan", "--watch"]);
        assert_eq!(
            reporter.container()["ports"],
            json!([{"name": "http", "containerPort": 8080}])
        );
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let get = &reporter.container()[probe]["httpGet"];
            assert_eq!(*get, json!({"path": path, "port": "http"}));
        }
        let ports = &reporter.one("Service")["spec"]["ports"];
        assert_eq!(
            *ports,
            json!([{"name": "http", "port": 80, "targetPort": "http"}])
        );
    }
}

/// Each reporter, and the webhook of the same rendering.
fn pairs() -> impl Iterator<Item = (Rendered, Rendered)> {
    reporters().into_iter().map(|reporter| {
        let mut of = all().into_iter();
        let webhook = of.find(|webhook| reporter.file.starts_with(&webhook.file));
        (reporter, webhook.unwrap())
    })
}

#[test]
fn its_policy_is_the_webhooks_own() {
    let mut with = 0;
    for (reporter, webhook) in pairs() {
        assert_eq!(reporter.arg("--config"), webhook.arg("--config"));
        let policy = |pod: &Value| {
            let mut volumes = list(&pod["volumes"]).iter();
            volumes.find(|volume| volume["name"] == "policy").cloned()
        };
        assert_eq!(policy(reporter.pod_spec()), policy(webhook.pod_spec()));
        with += usize::from(reporter.arg("--config").is_some());
    }
    assert!(with > 0);
}

/// A review that came to the reporter would fail, and its scrape would be the webhook's.
#[test]
fn no_selector_of_one_finds_the_other() {
    for (reporter, webhook) in pairs() {
        for (own, other) in [(&reporter, &webhook), (&webhook, &reporter)] {
            let labels = &own.one("Deployment")["spec"]["template"]["metadata"]["labels"];
            let service = &own.one("Service")["metadata"]["labels"];
            let spec = |kind: &str| own.one(kind)["spec"].clone();
            let selectors = [
                (spec("Service")["selector"].clone(), labels),
                (
                    spec("Deployment")["selector"]["matchLabels"].clone(),
                    labels,
                ),
                (
                    spec("NetworkPolicy")["podSelector"]["matchLabels"].clone(),
                    labels,
                ),
                (
                    spec("ServiceMonitor")["selector"]["matchLabels"].clone(),
                    service,
                ),
            ];
            let other_labels = &other.one("Deployment")["spec"]["template"]["metadata"]["labels"];
            let other_service = &other.one("Service")["metadata"]["labels"];
            for (selector, labels) in selectors {
                assert!(selects(&selector, labels), "{}: {selector}", own.file);
                assert!(
                    !selects(&selector, other_labels),
                    "{}: {selector}",
                    own.file
                );
                assert!(
                    !selects(&selector, other_service),
                    "{}: {selector}",
                    own.file
                );
            }
        }
    }
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let mut wanted = selector.as_object().unwrap().iter();
    assert!(wanted.len() > 0);
    wanted.all(|(key, value)| labels[key] == *value)
}

/// Prometheus would call the workloads' namespace `exported_namespace`.
#[test]
fn the_workloads_namespace_is_kept_in_a_scrape() {
    for reporter in reporters() {
        let endpoints = &reporter.one("ServiceMonitor")["spec"]["endpoints"];
        assert_eq!(endpoints[0]["honorLabels"], true);
        assert_eq!(endpoints[0]["port"], "http");
    }
}

#[test]
fn traffic_is_scrapes_and_readers_inwards_and_the_api_server_outwards() {
    for reporter in reporters() {
        let spec = &reporter.one("NetworkPolicy")["spec"];
        assert_eq!(strings(&spec["policyTypes"]), ["Ingress", "Egress"]);
        let [ingress] = list(&spec["ingress"]) else {
            panic!("{spec}");
        };
        assert_eq!(ingress["ports"], json!([{"port": "http"}]));
        assert!(!list(&ingress["from"]).is_empty(), "nobody is everybody");
        for rule in list(&spec["egress"]) {
            assert!(!list(&rule["ports"]).is_empty());
        }
    }
}
