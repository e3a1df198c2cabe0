//! The wire: AdmissionReview bytes in, AdmissionReview bytes out.
//!
//! Knows the API server's shapes and nothing of HTTP, TLS or clusters.

pub mod request;
pub mod response;
pub mod review;
pub mod reviewer;
pub mod workload;
