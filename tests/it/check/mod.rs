//! `check`: every check against an API server of scripted answers, as it should be and as it should not.

mod api;
mod before;
mod command;
mod documented;
mod installed;
mod run;

use dind_injector::check::{Check, Outcome, Report};

pub use api::{Api, State};

fn check<'r>(report: &'r Report, name: &str) -> &'r Check {
    let mut checks = report.checks.iter();
    let check = checks.find(|check| check.question.name == name);
    check.unwrap_or_else(|| panic!("no {name} in {report:#?}"))
}

fn outcome(report: &Report, name: &str) -> Outcome {
    check(report, name).outcome
}

fn found<'r>(report: &'r Report, name: &str) -> &'r str {
    &check(report, name).found
}
