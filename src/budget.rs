//! How much one review may cost, and why a Pod that would cost more is refused.
//!
//! Pods are written by careless and by hostile people, and a slow review fails open: with `failurePolicy:
//! Ignore` the API server stores the Pod without it. Each part of a Pod is read once, so most work grows with
//! the body. Where long meets many (a path and the mounts, an expression and the variables, a text and the
//! globs of the rules), every comparison is charged here, and lists have a maximum length. A Pod beyond it is
//! denied with its own reason. Steps are counted, not timed: the same Pod costs the same on every machine.

use std::cell::Cell;

use crate::model::view::Pod;
use crate::text::beginning;

/// Steps of one review. A step is about ten bytes read once more, or one more visit to an item: some ten
/// nanoseconds.
pub const MOST_STEPS: usize = 1_000_000;
/// JSON values of a whole AdmissionReview: objects, lists, strings, numbers. Each takes up to 300 bytes.
pub const MOST_VALUES: usize = 200_000;
pub use crate::model::view::MOST_CONTAINERS;
/// Mounts of a Pod that reach a runtime of the node, or that a rule looks at for another reason.
pub const MOST_FINDINGS: usize = 1_000;
/// Mounts that a sidecar gets from a Pod's containers.
pub const MOST_MIRRORED: usize = 1_000;
/// Bytes of a JSON Patch. etcd stores no object above 1.5 MiB.
pub const LARGEST_PATCH: usize = 1 << 20;
/// Bytes of a path. Linux accepts no longer one (`PATH_MAX`), so a kubelet cannot mount it.
pub const LONGEST_PATH: usize = 4096;

/// The longest name, in bytes. A mutating webhook sees a Pod before the API server validates its names, so a
/// name may have any length.
/// Source: `apimachinery/pkg/util/validation`, `DNS1123SubdomainMaxLength`.
pub const LONGEST_NAME: usize = 253;

/// What a Pod has too much of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    #[error(
        "the AdmissionReview of the Pod has more than {MOST_VALUES} JSON values, the most that one review reads. \
         Make the Pod smaller"
    )]
    Values,
    #[error(
        "the Pod has more than {MOST_CONTAINERS} containers, the most that one review looks at. Use fewer"
    )]
    Containers,
    #[error(
        "the Pod has more than {MOST_FINDINGS} mounts of paths of the node that have to be looked at, the most that \
         one review looks at. Remove some"
    )]
    Findings,
    #[error(
        "the containers that use Docker have more than {MOST_MIRRORED} mounts, the most that a Docker sidecar is \
         given. Remove some, or use Docker in fewer containers"
    )]
    Mirrored,
    #[error(
        "the Pod would need a patch of more than {LARGEST_PATCH} bytes, which etcd could not store. Make its \
         mounts and environment smaller"
    )]
    Patch,
    #[error(
        "the Pod takes more than {MOST_STEPS} steps, the most that one review takes, because a long path, label or \
         variable is compared with many mounts, variables or rules. Shorten it, or remove some of them"
    )]
    Steps,
    #[error(
        "{field} of {holder:?} has {length} bytes; Linux takes no path of more than {LONGEST_PATH}, so no node \
         could mount it"
    )]
    Path {
        field: &'static str,
        holder: String,
        /// In bytes.
        length: usize,
    },
}

/// The steps that a review has left.
#[derive(Debug)]
pub struct Budget {
    left: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

impl Budget {
    pub fn new() -> Self {
        Self {
            left: Cell::new(MOST_STEPS),
        }
    }

    /// Takes a step for an item, and one more for each ten bytes of it.
    ///
    /// # Errors
    /// If no steps are left.
    pub fn spend(&self, bytes: usize) -> Result<(), Excess> {
        let steps = 1 + bytes / 10;
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(Excess::Steps)
            }
        }
    }

    pub fn spent(&self) -> usize {
        MOST_STEPS - self.left.get()
    }
}

/// Checks everything that needs no look into the containers.
///
/// # Errors
/// If it has too many containers, or a `hostPath` that is too long.
pub fn check(pod: &Pod<'_>) -> Result<(), Excess> {
    let spec = &pod.spec;
    let containers =
        spec.init_containers.len() + spec.containers.len() + spec.ephemeral_containers.len();
    if containers > MOST_CONTAINERS {
        return Err(Excess::Containers);
    }
    for volume in &spec.volumes {
        if let Some(source) = &volume.host_path {
            check_path("hostPath.path", &volume.name, &source.path)?;
        }
    }
    Ok(())
}

/// Checks a path's length; `volume` is the name of its volume.
///
/// # Errors
/// If it is longer than any path of a node.
pub fn check_path(field: &'static str, volume: &str, path: &str) -> Result<(), Excess> {
    match path.len() {
        0..=LONGEST_PATH => Ok(()),
        length => Err(Excess::Path {
            field,
            holder: beginning(volume, 63).to_owned(),
            length,
        }),
    }
}

/// Whether `body`, which is JSON, has more than [`MOST_VALUES`] values.
///
/// Each value but the first follows a comma or an opening bracket outside of a string. Only a long body is
/// counted: a short one cannot have that many.
pub fn has_too_many_values(body: &[u8]) -> bool {
    body.len() > MOST_VALUES && has_more_values(body, MOST_VALUES)
}

fn has_more_values(body: &[u8], most: usize) -> bool {
    let mut values = 1_usize;
    let mut rest = body;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        let (outside, string) = rest.split_at(quote);
        values += starts(outside);
        if values > most {
            return true;
        }
        rest = behind_string(&string[1..]);
    }
    values + starts(rest) > most
}

fn starts(outside: &[u8]) -> usize {
    let starts = outside
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    starts.count()
}

/// What follows the closing quote of a string.
fn behind_string(mut string: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', string) {
        let (_, found) = string.split_at(at);
        match found {
            [b'"', behind @ ..] => return behind,
            [_, _, behind @ ..] => string = behind,
            _ => break,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_strings() {
        for (json, values) in [
            ("1", 1),
            (r#"[1,{"a":"x,[{","b":[]}]"#, 6),
            (r#"{"a\"[,":"\\","b":"\\\","}"#, 3),
            (r#"["unclosed,,,"#, 2),
        ] {
            assert!(!has_more_values(json.as_bytes(), values), "{json}");
            assert!(has_more_values(json.as_bytes(), values - 1), "{json}");
        }
    }

    #[test]
    fn a_budget_ends_and_does_not_come_back() {
        let budget = Budget::new();
        assert_eq!(budget.spend(25), Ok(()));
        assert_eq!(budget.spent(), 3);
        assert_eq!(budget.spend(usize::MAX), Err(Excess::Steps));
        assert_eq!(budget.spend(0), Err(Excess::Steps));
        assert_eq!(budget.spent(), MOST_STEPS);
    }
}
