//! The pure rooms of `dind-injector`, compiled alone under its name: what is fuzzed.

#[path = "../src/admission/mod.rs"]
pub mod admission;
#[path = "../src/budget.rs"]
pub mod budget;
#[path = "../src/convert/mod.rs"]
pub mod convert;
#[path = "../src/engine.rs"]
pub mod engine;
#[path = "../src/json/mod.rs"]
pub mod json;
#[path = "../src/manifest/mod.rs"]
pub mod manifest;
#[path = "../src/names.rs"]
pub mod names;
#[path = "../src/offline.rs"]
pub mod offline;
#[path = "../src/pod/mod.rs"]
pub mod pod;
#[path = "../src/policy/mod.rs"]
pub mod policy;
#[path = "../src/sidecar/mod.rs"]
pub mod sidecar;
#[path = "../src/uninject/mod.rs"]
pub mod uninject;
