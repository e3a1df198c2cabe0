//! Any bytes as a review: an answer is one, its patch applies, a second review changes nothing,
//! and what was said of the Pod holds.
#![no_main]

mod support;

use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use dind_injector::json;
use dind_injector::model::view::Pod;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use support::{POLICIES, invariants};

fuzz_target!(|body: &[u8]| {
    // None where what is skipped is no document: nesting too deep, a number too large.
    let asked: Option<Value> = serde_json::from_slice(body).ok();
    for policy in &*POLICIES {
        let (Ok(reviewed), Some(asked)) = (review(policy, &NoNamespaces, body), &asked) else {
            continue;
        };
        support::assert(invariants::is_an_answer(policy, body, &reviewed));
        let object = &asked["request"]["object"];
        // Of a Pod that is no concern, what is wrong with its spec is not seen.
        let is_pod = json::from_str::<Pod<'_>>(&object.to_string()).is_ok();
        if asked["request"]["operation"] == "CREATE" && object.is_object() && is_pod {
            support::assert(invariants::of_a_pass(policy, object));
        }
    }
});
