//! Any bytes to the decoders of both paths: no panic, errors that are short, and what is read of a
//! review is what stands in it as a document.
#![no_main]

use dind_injector::decode::admission::{Object, PodReview, decode};
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::model::place::List;
use dind_injector::review::workload::warn;
use dind_injector::decide::Policy;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::builtin);

fuzz_target!(|body: &[u8]| {
    let decoded = decode(body);
    if let (Ok(review), Ok(document)) = (&decoded, serde_json::from_slice(body)) {
        is_read_alike(review, &document);
    }
    let decoded = decoded.map(drop).map_err(|error| error.to_string());
    let warned = warn(&POLICY, &NoNamespaces, body);
    let warned = warned.map(drop).map_err(|error| error.to_string());
    for error in [decoded.err(), warned.err()].into_iter().flatten() {
        assert!(error.len() < 4096, "an error of {} bytes", error.len());
    }
});

/// `null` and nothing are the same.
fn is_read_alike(review: &PodReview<'_>, document: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let request = &document["request"];
    for (ours, field) in [(&review.uid, "uid"), (&review.namespace, "namespace"), (&review.name, "name")] {
        assert_eq!(**ours, text(&request[field]), "{field}");
    }
    let Object::Pod(pod) = &review.pod else { return };
    let named = |list: &Value| -> Vec<String> {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().map(|item| text(&item["name"])).collect()
    };
    let spec = &request["object"]["spec"];
    for list in List::ALL {
        let ours: Vec<&str> = pod.list(list).iter().map(|container| &*container.name).collect();
        assert_eq!(ours, named(&spec[list.field()]), "{list:?}");
    }
    let volumes: Vec<&str> = pod.spec.volumes.iter().map(|volume| &*volume.name).collect();
    assert_eq!(volumes, named(&spec["volumes"]));
}
