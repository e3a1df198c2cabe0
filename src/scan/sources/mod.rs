//! The systems whose files make Pods, one file each, and how each writes a Pod.
//!
//! A reader puts what it knows into a Pod's form; the engine judges it as any other. What no
//! reader places is told by [`crate::scan::account`], so a missing reader is a gap, never silence.

use std::ops::Range;

pub mod argo;
pub mod assembly;
pub mod drone;
pub mod embedded;
pub mod fenced;
pub mod gitlab;
pub mod groovy;
pub mod halves;
pub mod heredoc;
pub mod jenkins;
pub mod json_patch;
pub mod kustomization;
pub mod named;
pub mod nearest;
pub mod openshift;
pub mod packed;
pub mod pod_fields;
pub mod pod_spec;
pub mod tekton;
pub mod terraform;
pub mod toml_document;
pub mod values;
pub mod volume;

/// A volume of the node in a text that is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVolume {
    /// The path of the node.
    pub host_path: String,
    /// Where the containers see it.
    pub mount_path: String,
    /// The line of the node's path.
    pub line: u32,
    /// All its lines.
    pub lines: Range<u32>,
}
