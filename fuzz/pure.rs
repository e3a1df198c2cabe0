//! The pure rooms of `dind-injector`, compiled alone under its name: what is fuzzed.

#[path = "../src/budget.rs"]
pub mod budget;
#[path = "../src/convert/mod.rs"]
pub mod convert;
#[path = "../src/decide/mod.rs"]
pub mod decide;
#[path = "../src/decode/mod.rs"]
pub mod decode;
#[path = "../src/detect/mod.rs"]
pub mod detect;
#[path = "../src/json/mod.rs"]
pub mod json;
#[path = "../src/manifest/mod.rs"]
pub mod manifest;
#[path = "../src/model/mod.rs"]
pub mod model;
#[path = "../src/names.rs"]
pub mod names;
#[path = "../src/patch/mod.rs"]
pub mod patch;
#[path = "../src/plan/mod.rs"]
pub mod plan;
#[path = "../src/policy_file/mod.rs"]
pub mod policy_file;
#[path = "../src/respond/mod.rs"]
pub mod respond;
#[path = "../src/review/mod.rs"]
pub mod review;
#[path = "../src/text.rs"]
#[allow(dead_code, reason = "terminals are outside")]
pub mod text;
#[path = "../src/uninject/mod.rs"]
pub mod uninject;
