//! dind-injector

pub mod manifest;
pub mod report;
