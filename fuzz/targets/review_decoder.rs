//! Any bytes to the decoders of both paths: no panic, errors that are short, and a document that
//! is what `serde_json` reads.
#![no_main]

use dind_injector::decode::admission::decode;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::workload::warn;
use dind_injector::json;
use dind_injector::decide::Policy;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::builtin);

fuzz_target!(|body: &[u8]| {
    let decoded = decode(body).map(drop).map_err(|error| error.to_string());
    let warned = warn(&POLICY, &NoNamespaces, body);
    let warned = warned.map(drop).map_err(|error| error.to_string());
    for error in [decoded.err(), warned.err()].into_iter().flatten() {
        assert!(error.len() < 4096, "an error of {} bytes", error.len());
    }
    let ours: Option<Value> = json::from_slice(body).ok();
    assert_eq!(ours, serde_json::from_slice(body).ok());
});
