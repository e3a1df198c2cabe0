#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_scrape_shows_every_declared_name() {
    let metrics = Metrics::new();
    metrics.review(&ReviewLabels {
        outcome: "inject",
        reason: "socket",
        rule: "default".into(),
        profile: "standard".into(),
    });
    metrics.request(
        &RequestLabels {
            route: RouteLabel::Mutate,
            code: 200,
        },
        Duration::from_micros(40),
    );
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
