//! Pods made of awkward parts, as the fuzzer chooses: every statement about a pass holds, and
//! the answer to a review of it is one.
#![no_main]

mod support;

use dind_injector::decode::creation::{From, creation};
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use support::pods::{Source, pod};
use support::{POLICIES, invariants};

/// The fuzzer's bytes choose.
struct Fuzzed<'b>(Unstructured<'b>);

impl Source for Fuzzed<'_> {
    fn below(&mut self, bound: usize) -> usize {
        // Where there are no bytes any more, the first of everything.
        self.0.int_in_range(0..=bound - 1).unwrap_or(0)
    }

    fn text(&mut self) -> String {
        self.0.arbitrary::<&str>().unwrap_or_default().chars().take(40).collect()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut source = Fuzzed(Unstructured::new(bytes));
    let policy = &POLICIES[source.below(POLICIES.len())];
    let pod = pod(&mut source);
    support::assert(invariants::of_a_pass(policy, &pod));
    let from = From {
        uid: "u",
        namespace: "ci",
        owner: None,
    };
    let body = creation(pod.as_object().expect("a Pod is an object"), from).to_string();
    let reviewed = review(policy, &NoNamespaces, body.as_bytes());
    let reviewed = reviewed.unwrap_or_else(|error| panic!("{error}\n{body}"));
    support::assert(invariants::is_an_answer(policy, body.as_bytes(), &reviewed));
});
