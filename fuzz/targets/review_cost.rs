//! Pods with what is long and what is many, as the fuzzer chooses: what one review costs stays in proportion
//! to its bytes. The fuzzer looks for more: each higher cost for a byte is an edge of its own, so that an input
//! which reaches it is kept, and changed further.
#![no_main]

#[path = "../../tests/support/cost.rs"]
mod cost;
#[path = "../../tests/support/hostile.rs"]
#[allow(dead_code, reason = "tests/cost.rs uses the rest")]
mod hostile;
mod support;

use std::hint::black_box;

use cost::cost;
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use support::POLICIES;

/// The longest text, and the most bytes of items.
const SIZE: usize = 64 << 10;
/// A body is at least so long where its cost for a byte is told: what each review costs anyway counts little.
const AT_LEAST: usize = 4 << 10;

/// Calls a function that no other level calls.
macro_rules! levels {
    ($at:expr; $($level:literal)*) => {
        match $at {
            $($level => {
                #[inline(never)]
                fn reached() {
                    black_box($level);
                }
                reached();
            })*
            _ => {}
        }
    };
}

fuzz_target!(|bytes: &[u8]| {
    let mut source = Unstructured::new(bytes);
    let mut below = |bound: usize| source.int_in_range(0..=bound - 1).unwrap_or(0);
    let policy = &POLICIES[below(POLICIES.len())];
    let pod = hostile::chosen(SIZE, below);
    let cost = cost(policy, pod.is_workload, pod.body.as_bytes());
    let faults = cost.faults();
    assert!(faults.is_empty(), "{faults:?}\n{cost:?}\n{}", pod.body);
    let work = cost.allocations.bytes_total + 10 * cost.steps as u64;
    let of_a_byte = work as f64 / cost.bytes.max(AT_LEAST) as f64;
    let level = (4.0 * of_a_byte.max(1.0).log2()) as u32;
    levels!(level; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
        35 36 37 38 39 40 41 42 43 44 45 46 47 48);
});
