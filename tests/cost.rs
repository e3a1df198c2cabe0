//! What a Pod can make one review cost: work and memory in proportion to its bytes, whatever is long and
//! whatever is many in it.
//!
//! Counted are allocations, their bytes and the steps of the budget; no time. The Pods are made of every pair
//! of something long and something many.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use allocation_counter::{AllocationInfo, measure};
use dind_injector::admission::request::{From, creation};
use dind_injector::admission::reviewer::{NoNamespaces, Reviewed, review};
use dind_injector::admission::workload::warn;
use dind_injector::budget::{MOST_STEPS, MOST_VALUES};
use dind_injector::manifest;
use dind_injector::policy::Policy;
use dind_injector::policy::config::Config;
use hostile::{Hostile, all};
use serde_json::{Value, json};

#[path = "support/hostile.rs"]
mod hostile;

/// The body of most Pods here; the known worst ones are as large as the server takes, too.
const BODY: usize = 1 << 20;
const LARGEST_BODY: usize = 24 << 20;

/// A policy that looks at all that a rule can look at, and swaps.
fn curious() -> Policy {
    let text = r#"
apiVersion: dind-injector.io/v1alpha1
kind: Policy
rules:
  - {name: labels, match: {podLabels: {team: ["*a*b*c*d", "x*"], l1: "*-*-*z"}}, hostSockets: Deny}
  - {name: accounts, match: {serviceAccounts: ["*a*a*a*a*b", "ci/*x*x*x*y"]}, hostSockets: Deny}
  - {name: groups, match: {groups: ["*a*a*a*a*b", "nobody"]}, hostSockets: Deny}
  - {name: users, match: {users: ["*a*a*a*a*b"]}, hostSockets: Deny}
  - {name: owners, match: {owners: [Ghost]}, hostSockets: Deny}
default: {hostSockets: Swap, annotation: Honor, tcpDockerHost: Replace, otherRuntimes: Warn, ancestors: Warn}
"#;
    Config::from_yaml(text).unwrap().policy().clone()
}

/// The same, but that everything is told and nothing is done.
fn talkative() -> Policy {
    let text = "
apiVersion: dind-injector.io/v1alpha1
kind: Policy
default: {hostSockets: Warn, tcpDockerHost: Warn, otherRuntimes: Warn, ancestors: Warn}
";
    Config::from_yaml(text).unwrap().policy().clone()
}

/// What one review cost.
#[derive(Debug)]
struct Cost {
    bytes: usize,
    allocations: AllocationInfo,
    steps: usize,
    answer: usize,
    record: usize,
}

fn cost(policy: &Policy, is_workload: bool, body: &[u8]) -> Cost {
    let mut seen = None;
    let allocations = measure(|| {
        let reviewed = match is_workload {
            false => review(policy, &NoNamespaces, body),
            true => warn(policy, &NoNamespaces, body),
        };
        let Reviewed {
            json,
            record,
            steps,
        } = reviewed.unwrap_or_else(|error| panic!("{error}"));
        seen = Some((json.len(), format!("{record:?}").len(), steps));
    });
    let (answer, record, steps) = seen.unwrap();
    Cost {
        bytes: body.len(),
        allocations,
        steps,
        answer,
        record,
    }
}

/// The most of each that a review may cost, a byte of its body. A Pod without a socket costs under one
/// allocated byte and next to no steps; the constants are the price of what is kept of each value.
impl Cost {
    fn faults(&self) -> Vec<String> {
        let AllocationInfo {
            count_total,
            bytes_total,
            bytes_max,
            ..
        } = self.allocations;
        let bytes = self.bytes as u64;
        let held = [
            ("allocations", count_total, 2_000 + bytes / 8),
            ("bytes allocated", bytes_total, (16 << 20) + 40 * bytes),
            ("bytes at one time", bytes_max, (16 << 20) + 12 * bytes),
            ("steps", self.steps as u64, MOST_STEPS as u64),
            ("bytes of the answer", self.answer as u64, 2 << 20),
            ("bytes of the record", self.record as u64, 64 << 10),
        ];
        let above = held.into_iter().filter(|(_, is, most)| is > most);
        above
            .map(|(what, is, most)| format!("{is} {what}, above {most}"))
            .collect()
    }
}

#[test]
fn a_hostile_pod_costs_in_proportion_to_its_bytes() {
    let policies = [("curious", curious()), ("talkative", talkative())];
    let mut faults = Vec::new();
    for (name, policy) in &policies {
        for Hostile {
            name: pod,
            body,
            is_workload,
        } in all(BODY)
        {
            let cost = cost(policy, is_workload, body.as_bytes());
            if std::env::var_os("SHOW_COSTS").is_some() {
                println!("{name} {pod}: {cost:?}");
            }
            let of_pod = cost.faults().into_iter();
            faults.extend(of_pod.map(|fault| format!("{name}, {pod}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_worst_pods_cost_no_more_at_the_limit() {
    let policy = curious();
    let names = hostile::WORST;
    let mut tried = 0;
    for pod in all(LARGEST_BODY).filter(|pod| names.contains(&pod.name.as_str())) {
        let cost = cost(&policy, pod.is_workload, pod.body.as_bytes());
        assert_eq!(cost.faults(), Vec::<String>::new(), "{}", pod.name);
        tried += 1;
    }
    assert_eq!(tried, names.len());
}
