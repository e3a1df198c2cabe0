//! `manifests/` held to the program: what is installed is what the program serves, may do no
//! more than it must, and sends it every Pod that could matter. No helm and no cluster: the
//! renderings are committed, with digests of the chart and of what came out of it. What needs
//! helm, `tests/manifests/run` does.

mod chart;
mod deployment;
mod examples;
mod guard;
mod helm_test;
mod matching;
mod mirror;
mod monitoring;
mod rbac;
mod rendered;
mod reporter;
mod userns;
mod webhooks;
