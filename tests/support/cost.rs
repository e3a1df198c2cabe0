//! What one review costs, counted: allocations of this thread, and the steps of its budget.

use allocation_counter::{AllocationInfo, measure};
use dind_injector::budget::MOST_STEPS;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::{Reviewed, review};
use dind_injector::review::workload::warn;

/// What one review cost.
#[derive(Debug)]
pub struct Cost {
    pub bytes: usize,
    pub allocations: AllocationInfo,
    pub steps: usize,
    pub answer: usize,
    pub record: usize,
}

/// Reviews `body`, and counts.
pub fn cost(policy: &Policy, is_workload: bool, body: &[u8]) -> Cost {
    let mut seen = None;
    let allocations = measure(|| {
        let reviewed = match is_workload {
            false => review(policy, &NoNamespaces, body),
            true => warn(policy, &NoNamespaces, body),
        };
        seen = Some(match reviewed {
            Ok(Reviewed {
                json,
                record,
                steps,
            }) => (json.len(), format!("{record:?}").len(), steps),
            // A workload that is nested deeper than anybody reads: nothing is told of it.
            Err(_) if is_workload => (0, 0, 0),
            Err(error) => panic!("{error}"),
        });
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
    pub fn faults(&self) -> Vec<String> {
        let AllocationInfo {
            count_total,
            bytes_total,
            bytes_max,
            ..
        } = self.allocations;
        let bytes = self.bytes as u64;
        let held = [
            ("allocations", count_total, 15_000 + bytes / 3),
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
