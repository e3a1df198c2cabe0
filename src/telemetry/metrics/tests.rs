#![allow(clippy::unwrap_used)]

use crate::telemetry::metrics::*;

#[test]
fn a_scrape_shows_every_declared_name() {
    let metrics = Metrics::new();
    metrics.review(&ReviewLabels {
        outcome: "changed",
        reason: "Injected",
        rule: "default".into(),
        profile: "privileged".into(),
    });
    metrics.request(
        &RequestLabels {
            route: RouteLabel::Mutate,
            code: 200,
        },
        Duration::from_micros(40),
    );
    let gauges = metrics.gauges();
    gauges.watch_alive(Watch::Namespaces);
    gauges.policy_in_force("builtin", SystemTime::UNIX_EPOCH);
    gauges.file_refused(FollowedFile::Policy);
    gauges.ca_in_use(SystemTime::UNIX_EPOCH);
    gauges.ca_bundle_is_current(false);
    let text = metrics.encode().unwrap();
    for name in [
        metric::REVIEWS,
        metric::REQUESTS,
        metric::REQUEST_DURATION,
        metric::SHEDS,
        metric::PANICS,
        metric::CONNECTIONS,
        metric::CONNECTIONS_DROPPED,
        metric::ACCEPT_ERRORS,
        metric::HANDSHAKE_FAILURES,
        metric::CERTIFICATE_EXPIRY,
        metric::CERTIFICATE_RELOADS,
        metric::CERTIFICATE_RELOAD_FAILURES,
        metric::BUILD_INFO,
        metric::WATCH_AGE,
        metric::WATCH_ERRORS,
        metric::FILE_RELOADS,
        metric::FILE_REFUSED,
        metric::POLICY_INFO,
        metric::POLICY_LOADED,
        metric::CA_EXPIRY,
        metric::CA_SECRET_WRITES,
        metric::CA_BUNDLE_PATCHES,
        metric::CA_BUNDLE_CURRENT,
        metric::EVENTS,
        metric::SPANS,
    ] {
        let shown = text.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '{']) || rest.starts_with("_bucket{"))
        });
        assert!(shown, "{name} is missing from:\n{text}");
    }
}

#[test]
fn known_reasons_start_at_zero() {
    let text = Metrics::new().encode().unwrap();
    assert!(
        text.contains(r#"dind_injector_requests_shed_total{reason="memory"} 0"#),
        "{text}"
    );
}

#[test]
fn an_open_connection_counts_until_it_is_dropped() {
    let metrics = Metrics::new();
    let open = metrics.connection();
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains("dind_injector_connections_open 1\n")
    );
    drop(open);
    assert!(
        metrics
            .encode()
            .unwrap()
            .contains("dind_injector_connections_open 0\n")
    );
}

#[test]
fn the_latency_histogram_counts_up_to_infinity() {
    let metrics = Metrics::new();
    metrics.request(
        &RequestLabels {
            route: RouteLabel::Warn,
            code: 200,
        },
        Duration::from_secs(2),
    );
    let text = metrics.encode().unwrap();
    let bucket = |le: &str| {
        format!(r#"dind_injector_request_duration_seconds_bucket{{le="{le}",route="warn"}}"#)
    };
    assert!(text.contains(&format!("{} 0\n", bucket("1.0"))), "{text}");
    assert!(text.contains(&format!("{} 1\n", bucket("+Inf"))), "{text}");
}

#[test]
fn only_the_policy_in_force_is_shown() {
    let metrics = Metrics::new();
    metrics
        .gauges()
        .policy_in_force("first", SystemTime::UNIX_EPOCH);
    metrics
        .gauges()
        .policy_in_force("second", SystemTime::UNIX_EPOCH + Duration::from_secs(7));
    let text = metrics.encode().unwrap();
    assert!(
        text.contains("dind_injector_policy_info{sha256=\"second\"} 1\n"),
        "{text}"
    );
    assert!(!text.contains("first"), "{text}");
    assert!(
        text.contains("dind_injector_policy_loaded_timestamp_seconds 7\n"),
        "{text}"
    );
}

#[test]
fn a_watch_grows_old_until_it_shows_life() {
    let metrics = Metrics::new();
    let age = || {
        let text = metrics.encode().unwrap();
        let series = r#"dind_injector_watch_age_seconds{watch="namespaces"} "#;
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        value.map(|value| value.parse::<f64>().unwrap())
    };
    assert_eq!(age(), None, "a watch that is not used has no age");
    metrics.gauges().watch_begun(Watch::Namespaces);
    let first = age().unwrap();
    let later = age().unwrap();
    assert!(later > first && first > 0.0, "{first} {later}");
}

#[test]
fn who_does_not_keep_the_ca_shows_nothing_that_alerts_read_as_trouble() {
    let metrics = Metrics::new();
    let text = metrics.encode().unwrap();
    for name in [metric::CA_EXPIRY, metric::CA_BUNDLE_CURRENT] {
        assert!(!text.contains(name), "{text}");
    }
}

#[test]
fn the_reporters_scrape_shows_its_names_and_zero_for_what_is_gone() {
    let metrics = Metrics::for_reporter();
    let scans = metrics.scans();
    let one = Remaining {
        namespace: "ci".to_owned(),
        kind: "Pod",
        verdict: "swapped",
    };
    let pods = [("ci".to_owned(), 2)].into();
    scans.remaining([(one, 1)].into(), &pods, |_| Standing::Seen);
    scans.gaps(0);
    let took = Duration::from_millis(1500);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    scans.scanned(ScanResult::Incomplete, took, now);
    scans.scanned(ScanResult::Failed, took, now + took);
    let shows = |line: &str| {
        let text = metrics.encode().unwrap();
        assert!(text.lines().any(|l| l == line), "{line}:\n{text}");
    };
    shows(r#"dind_injector_remaining{namespace="ci",kind="Pod",verdict="swapped"} 1"#);
    shows(r#"dind_injector_remaining_pods{namespace="ci"} 2"#);
    shows(r#"dind_injector_scans_total{result="failed"} 1"#);
    shows("dind_injector_scan_last_success_timestamp_seconds 7");
    shows("dind_injector_scan_gaps 0");
    shows("dind_injector_scan_duration_seconds 1.5");

    let none = std::collections::BTreeMap::new();
    scans.remaining([].into(), &none, |_| Standing::Unseen);
    shows(r#"dind_injector_remaining_pods{namespace="ci"} 2"#);
    scans.remaining([].into(), &none, |_| Standing::Gone);
    shows(r#"dind_injector_remaining_pods{namespace="ci"} 0"#);
    scans.remaining([].into(), &none, |_| Standing::Seen);
    shows(r#"dind_injector_remaining{namespace="ci",kind="Pod",verdict="swapped"} 0"#);
    scans.remaining([].into(), &none, |_| Standing::Gone);
    assert!(!metrics.encode().unwrap().contains("\"ci\""));
}
