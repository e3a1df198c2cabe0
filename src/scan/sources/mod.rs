//! The systems whose files make Pods, one file each, and how each writes a Pod.
//!
//! A reader puts what it knows into a Pod's form; the engine judges it as any other. What no
//! reader places is told by [`super::account`], so a missing reader is a gap, never silence.

pub mod argo;
pub mod assembly;
pub mod drone;
pub mod embedded;
pub mod gitlab;
pub mod groovy;
pub mod jenkins;
pub mod pod_spec;
pub mod tekton;
pub mod volume;
