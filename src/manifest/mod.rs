//! Kubernetes manifests as people write them: YAML or JSON, one document or many, into
//! [`serde_json::Value`] and back to YAML.
//!
//! A text means here what it means to `kubectl apply -f`: the same scalars, merges and streams. What
//! `kubectl` would silently guess at, two equal keys in one mapping, is an error. Input may be
//! hostile: depth and alias expansion are bounded, and every error says line and column.

mod anchors;
mod error;
mod flow;
mod json;
pub mod kinds;
mod operation;
mod pointer;
mod position;
mod quote;
mod resolve;
mod source;
mod workload;
mod write;
mod yaml;

use serde_json::Value;

pub use crate::manifest::error::{Problem, ReadError};
pub use crate::manifest::flow::{Flow, Spacing, to_flow, to_flow_entry};
pub(crate) use crate::manifest::operation::index;
pub use crate::manifest::operation::{Operation, OperationError, operations};
pub(crate) use crate::manifest::pointer::{below, push_token, rest_below, tokens};
pub use crate::manifest::position::{Origin, Position, Positions};
pub use crate::manifest::workload::{PodRef, ShapeError, pods};
pub use crate::manifest::write::{Layout, to_block, to_yaml};

/// How deep mappings and lists may nest; serde_json's own bound, so that what is read here can be
/// read again as JSON.
pub const MAX_DEPTH: usize = 127;

/// One document of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says. Keys keep their order.
    pub value: Value,
    /// The line of its first node, from 1.
    pub line: u32,
    /// Where its nodes stand, if [`read_with_positions`] was asked.
    pub positions: Option<Positions>,
}

/// Reads every document of a text. Empty documents (comments only, or `null`) are left out, as
/// `kubectl` does.
///
/// A text that starts with `{` is read as JSON values one after the other; if the first or the
/// second is not JSON, the rest is read as YAML, as the YAML-or-JSON decoder of k8s.io/apimachinery
/// does. Every other text is YAML.
///
/// # Errors
/// The first place that cannot be read; see [`Problem`].
pub fn read(text: &str) -> Result<Vec<Document>, ReadError> {
    read_text(text, false)
}

/// As [`read`], and keeps where each node stands.
///
/// # Errors
/// As [`read`].
pub fn read_with_positions(text: &str) -> Result<Vec<Document>, ReadError> {
    read_text(text, true)
}

fn read_text(text: &str, positions: bool) -> Result<Vec<Document>, ReadError> {
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut documents = Vec::new();
    if !text[start..].trim_start().starts_with('{') {
        yaml::read(text, start, positions, &mut documents)?;
    } else if let Err(stop) = json::read(text, start, positions, &mut documents) {
        // More than one JSON value: the stream is JSON, and so is the error. A key that stands
        // twice is no reason to doubt that either.
        if documents.len() > 1 || matches!(stop.error.problem, Problem::DuplicateKey(_)) {
            return Err(stop.error);
        }
        let looks_like_json = text[stop.offset..].trim_start().starts_with('{');
        yaml::read(text, stop.offset, positions, &mut documents).map_err(|yaml| {
            if looks_like_json && matches!(yaml.problem, Problem::Yaml(_)) {
                stop.error
            } else {
                yaml
            }
        })?;
    }
    documents.retain(|document| !document.value.is_null());
    Ok(documents)
}

#[cfg(test)]
mod tests;
