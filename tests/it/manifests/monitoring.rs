//! Dashboard, alerts and docs speak of metrics, words and labels that exist.

use std::collections::BTreeSet;

use dind_injector::decide::named::Named as _;
use dind_injector::decide::reason::Reason;
use dind_injector::telemetry::metrics::{
    DropReason, HandshakeFailure, Metrics, Remaining, RequestLabels, ReviewLabels, RouteLabel,
    ShedReason, Standing,
};
use regex_lite::Regex;
use serde_json::Value;

use super::rendered::{all, documents, list, text};

const ALERTS: &str = "manifests/chart/files/alerts.yaml";
const DASHBOARD: &str = "manifests/chart/files/dashboard.json";
const OPERATIONS: &str = "docs/operations.md";

/// The metrics that `src/names.rs` declares.
fn declared() -> BTreeSet<String> {
    let names = text("src/names.rs");
    let quoted = Regex::new(r#""(dind_injector_[a-z0-9_]+)""#).unwrap();
    let found: BTreeSet<String> = quoted
        .captures_iter(&names)
        .map(|c| c[1].to_owned())
        .collect();
    assert!(found.len() > 10);
    found
}

/// The metrics that a text speaks of, without a histogram's suffixes.
fn spoken(file: &str) -> BTreeSet<String> {
    let declared = declared();
    let name = Regex::new("dind_injector_[a-z0-9_]+").unwrap();
    let text = text(file);
    name.find_iter(&text)
        .map(|found| {
            let found = found.as_str();
            ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| found.strip_suffix(suffix))
                .find(|stem| declared.contains(*stem))
                .unwrap_or(found)
                .to_owned()
        })
        .collect()
}

#[test]
fn dashboard_alerts_and_docs_name_metrics_that_exist() {
    let declared = declared();
    for file in [ALERTS, DASHBOARD, OPERATIONS] {
        let spoken = spoken(file);
        assert!(!spoken.is_empty(), "{file}");
        let unknown: Vec<_> = spoken.difference(&declared).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn every_metric_is_on_the_dashboard_and_in_the_docs() {
    for file in [DASHBOARD, OPERATIONS] {
        let spoken = spoken(file);
        let declared = declared();
        let missing: Vec<_> = declared
            .difference(&spoken)
            // A moment that only makes sense beside the replica's name.
            .filter(|name| file != DASHBOARD || !name.ends_with("_loaded_timestamp_seconds"))
            .collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
}

/// Every expression of alerts and dashboard, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for group in list(&documents(ALERTS)[0]["groups"]) {
        for rule in list(&group["rules"]) {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            found.push((word(&rule["alert"]), word(&rule["expr"])));
        }
    }
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).unwrap();
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            let word = |value: &Value| value.as_str().unwrap().to_owned();
            found.push((word(&panel["title"]), word(&target["expr"])));
        }
    }
    assert!(found.len() > 20);
    found
}

/// A selector that names a value that no series has is an alert that never fires.
#[test]
fn selectors_name_values_that_exist() {
    let selector = Regex::new(r#"(reason|route|outcome)="([^"$]*)""#).unwrap();
    let reasons = HandshakeFailure::ALL.iter().map(|r| r.as_str());
    let reasons = reasons
        .chain(ShedReason::ALL.iter().map(|r| r.as_str()))
        .chain(DropReason::ALL.iter().map(|r| r.as_str()))
        .chain(Reason::ALL.iter().map(|(_, word, _)| *word));
    let reasons: Vec<_> = reasons.collect();
    let mut seen = 0;
    for (at, expression) in expressions() {
        for found in selector.captures_iter(&expression) {
            seen += 1;
            let value = &found[2];
            let exists = match &found[1] {
                "route" => RouteLabel::ALL.iter().any(|r| r.as_str() == value),
                "outcome" => ["left", "warned", "denied", "changed"].contains(&value),
                _ => reasons.contains(&value),
            };
            assert!(exists, "{at}: {}", &found[0]);
        }
    }
    assert!(seen > 3);
}

/// Sums over labels that a series does not have come out empty.
#[test]
fn expressions_group_by_labels_that_exist() {
    let metrics = Metrics::new();
    metrics.review(&ReviewLabels {
        outcome: "left",
        reason: "NothingToDo",
        rule: "default".into(),
        profile: "".into(),
    });
    metrics.request(
        &RequestLabels {
            route: RouteLabel::Mutate,
            code: 200,
        },
        std::time::Duration::from_micros(40),
    );
    let reporter = Metrics::for_reporter();
    let one = Remaining {
        namespace: "ci".to_owned(),
        kind: "Pod",
        verdict: "swapped",
    };
    let pods = [("ci".to_owned(), 1)].into();
    let scans = reporter.scans();
    scans.remaining([(one, 1)].into(), &pods, |_| Standing::Seen);
    let scrape = metrics.encode().unwrap() + &reporter.encode().unwrap();
    let label = Regex::new(r#"[{,]([a-z0-9_]+)=""#).unwrap();
    let known: BTreeSet<_> = label
        .captures_iter(&scrape)
        .map(|c| c[1].to_owned())
        // What Prometheus adds, and what exists once a file or watch is followed.
        .chain(["pod", "namespace", "watch", "file", "result", "sha256"].map(str::to_owned))
        // The API server's own.
        .chain(["name", "error_type"].map(str::to_owned))
        .collect();
    let by = Regex::new(r"by \(([^)]*)\)").unwrap();
    for (at, expression) in expressions() {
        for found in by.captures_iter(&expression) {
            for name in found[1].split(", ") {
                assert!(known.contains(name), "{at}: {name}");
            }
        }
    }
}

/// `runbook_url` is a path of this repository, before which the chart puts `docsUrl`.
#[test]
fn every_alert_has_a_runbook() {
    let operations = text(OPERATIONS);
    for group in list(&documents(ALERTS)[0]["groups"]) {
        for rule in list(&group["rules"]) {
            let alert = rule["alert"].as_str().unwrap();
            assert!(operations.contains(&format!("\n### {alert}\n")), "{alert}");
            let runbook = format!("{OPERATIONS}#{}", alert.to_lowercase());
            assert_eq!(rule["annotations"]["runbook_url"], runbook, "{alert}");
            assert!(rule["annotations"]["summary"].is_string(), "{alert}");
            assert!(rule["annotations"]["description"].is_string(), "{alert}");
            let severity = rule["labels"]["severity"].as_str();
            assert!(matches!(severity, Some("critical" | "warning")), "{alert}");
        }
    }
}

/// What operations.md says that no replica can see is on the dashboard.
#[test]
fn the_api_servers_own_metrics_are_on_the_dashboard() {
    let name = Regex::new("apiserver_admission_[a-z_]+").unwrap();
    let (operations, dashboard) = (text(OPERATIONS), text(DASHBOARD));
    let mut seen = 0;
    for metric in name.find_iter(&operations) {
        seen += 1;
        assert!(dashboard.contains(metric.as_str()), "{}", metric.as_str());
    }
    assert!(seen >= 5);
}

/// Where `docsUrl` is set, alerts and messages lead to it.
#[test]
fn links_lead_to_where_the_values_say() {
    const BASE: &str = "https://docs.example.com/dind-injector/";
    let all = all();
    let with: Vec<_> = all
        .iter()
        .filter(|r| r.arg("--docs-url").is_some())
        .collect();
    assert_eq!(with.len(), 1);
    for rendered in with {
        assert_eq!(rendered.arg("--docs-url"), Some(BASE));
        let rules = &rendered.one("PrometheusRule")["spec"]["groups"][0]["rules"];
        for rule in list(rules) {
            let runbook = rule["annotations"]["runbook_url"].as_str().unwrap();
            let page = runbook.strip_prefix(BASE).unwrap();
            assert!(page.starts_with("operations.md#dindinjector"), "{runbook}");
        }
    }
}
