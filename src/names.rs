//! Every name that an operator sees, spelled once.
//!
//! Code, manifests, dashboards and documents are held to this file, so that a renamed
//! metric cannot leave an alert watching nothing.

/// Metric names, as a scrape shows them (histograms add `_bucket`, `_sum` and `_count`).
pub mod metric {
    /// Reviews answered, by `outcome`, `reason`, `rule` and `profile`.
    pub const REVIEWS: &str = "dind_injector_reviews_total";
    /// HTTP requests answered, by `route` and `code`.
    pub const REQUESTS: &str = "dind_injector_requests_total";
    /// Seconds from a request's complete head to its answer, by `route`.
    pub const REQUEST_DURATION: &str = "dind_injector_request_duration_seconds";
    /// Requests answered 503 to protect the rest, by `reason`.
    pub const SHEDS: &str = "dind_injector_requests_shed_total";
    /// Panics caught while a review was handled; each was answered 500.
    pub const PANICS: &str = "dind_injector_handler_panics_total";
    /// TLS connections open now.
    pub const CONNECTIONS: &str = "dind_injector_connections_open";
    /// Connections that the server closed on purpose, by `reason`.
    pub const CONNECTIONS_DROPPED: &str = "dind_injector_connections_dropped_total";
    /// Times that accepting a connection failed, for want of file descriptors, say.
    pub const ACCEPT_ERRORS: &str = "dind_injector_accept_errors_total";
    /// TLS handshakes that failed, by `reason`.
    pub const HANDSHAKE_FAILURES: &str = "dind_injector_tls_handshake_failures_total";
    /// When the serving certificate expires, in seconds since 1970; 0 without one.
    pub const CERTIFICATE_EXPIRY: &str = "dind_injector_certificate_expiry_timestamp_seconds";
    /// Serving certificates taken into use.
    pub const CERTIFICATE_RELOADS: &str = "dind_injector_certificate_reloads_total";
    /// New certificates that were refused; the old one stayed in use.
    pub const CERTIFICATE_RELOAD_FAILURES: &str = "dind_injector_certificate_reload_failures_total";
    /// Always 1; the label `version` is the program's.
    pub const BUILD_INFO: &str = "dind_injector_build_info";
}
