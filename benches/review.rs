//! What one review costs, from bytes to bytes: `cargo bench --bench review`.
//!
//! The sizes and kinds are those of tests/support/reviews.rs.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use reviews::{LARGE, SMALL, body};
use serde::de::IgnoredAny;

#[path = "../tests/support/reviews.rs"]
mod reviews;

fn measure(c: &mut Criterion) {
    let policy = Policy::offline();
    let mut group = c.benchmark_group("review");
    for (name, size, docker) in [
        ("skip/3KB", SMALL, false),
        ("skip/17KB", LARGE, false),
        ("inject/3KB", SMALL, true),
        ("inject/17KB", LARGE, true),
    ] {
        let body = body(size, docker);
        let answer = review(&policy, &NoNamespaces, &body).unwrap();
        assert_eq!(
            answer.record.outcome,
            if docker { "changed" } else { "left" }
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        // The least that any reader of the whole body must do, for a ratio in the same run.
        group.bench_function(format!("floor/{name}"), |b| {
            b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).unwrap());
        });
        group.bench_function(name, |b| {
            b.iter(|| review(&policy, &NoNamespaces, black_box(&body)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, measure);
criterion_main!(benches);
