//! How many allocations one review makes, held exactly: a number that grows is a cost that
//! nobody decided on, and one that shrinks is written down here.
//!
//! Counted are those of this thread alone. Texts are borrowed from the body: one with no Docker
//! in it costs what its lists of containers, mounts and variables cost.
#![allow(clippy::unwrap_used, missing_docs)]

use allocation_counter::measure;
use dind_injector::admission::reviewer::{NoNamespaces, review};
use dind_injector::policy::Policy;
use reviews::{LARGE, SMALL, body};

#[path = "support/reviews.rs"]
#[allow(dead_code, reason = "the uid is for others")]
mod reviews;

#[test]
fn a_review_allocates_as_often_as_it_did() {
    let policy = Policy::offline();
    let held = [
        ("skip, 3 KB", SMALL, false, 22),
        ("skip, 17 KB", LARGE, false, 72),
        ("inject, 3 KB", SMALL, true, 182),
        ("inject, 17 KB", LARGE, true, 256),
    ];
    let counted = held.map(|(name, size, docker, _)| {
        let body = body(size, docker);
        let answer = || drop(review(&policy, &NoNamespaces, &body).unwrap());
        // What is made once for the process is made here.
        answer();
        (name, size, docker, measure(answer).count_total)
    });
    assert_eq!(counted, held, "counted, held");
}
