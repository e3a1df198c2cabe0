//! Any bytes as a review: an answer is one, its patch applies, a second review changes nothing,
//! and what was said of the Pod holds.
#![no_main]

mod support;

use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use support::{POLICIES, invariants};

fuzz_target!(|body: &[u8]| {
    // What is skipped of a review is not looked at, so that it need be no JSON.
    let asked: Option<Value> = serde_json::from_slice(body).ok();
    for policy in &*POLICIES {
        let (Ok(reviewed), Some(asked)) = (review(policy, &NoNamespaces, body), &asked) else {
            continue;
        };
        support::assert(invariants::is_an_answer(policy, body, &reviewed));
        if asked["request"]["operation"] == "CREATE" && asked["request"]["object"].is_object() {
            support::assert(invariants::of_a_pass(policy, &asked["request"]["object"]));
        }
    }
});
