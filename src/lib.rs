//! dind-injector

pub mod manifest;
