//! Whether a Pod can be of any concern to this program, told by its words.
//!
//! Most Pods have nothing to do with Docker. A spec without any of a few words is not even read:
//! a pass over it would find nothing, and leave the Pod as it is.

use std::sync::LazyLock;

use crate::json::Word;
use crate::names;

use crate::detect::docker_host;
use crate::model::view::Pod;

/// A mount of the node's, by far the most frequent, and a Pod for Windows.
static WORDS: LazyLock<[Word<'static>; 2]> =
    LazyLock::new(|| ["hostPath", "windows"].map(Word::new));

/// What every name of ours has, and the sidecar's command.
pub static SIDECAR: LazyLock<[Word<'static>; 1]> = LazyLock::new(|| [Word::new(names::SIDECAR)]);

/// Whether a pass over `pod` can come to anything but that there is nothing to do.
pub fn may_concern(pod: &Pod<'_>) -> bool {
    let is_told = !pod.metadata().annotations.is_empty();
    let mut words = WORDS.iter().chain(&*docker_host::WORD).chain(&*SIDECAR);
    is_told || words.any(|word| pod.spec.may_have(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::json::from_str;

    fn concerns(pod: &str) -> bool {
        may_concern(&from_str::<Pod<'_>>(pod).unwrap())
    }

    #[test]
    fn a_pod_that_has_nothing_of_it_concerns_nobody() {
        for pod in [
            "{}",
            r#"{"metadata":{"annotations":{"a":"hostPath"}},"spec":null}"#,
            r#"{"spec":{"containers":[{"name":"c","env":[{"name":"HOST","value":"docker"}]}]}}"#,
        ] {
            assert!(!concerns(pod), "{pod}");
        }
    }

    #[test]
    fn a_pod_that_may_have_something_of_it_is_looked_at() {
        for pod in [
            r#"{"spec":{"volumes":[{"hostPath":{"path":"/run"}}]}}"#,
            r#"{"spec":{"volumes":[{"host\u0050ath":{"path":"/run"}}]}}"#,
            r#"{"spec":{"containers":[{"env":[{"name":"DOCKER_HOST"}]}]}}"#,
            r#"{"spec":{"initContainers":[{"name":"dind"}]}}"#,
            r#"{"spec":{"os":{"name":"windows"}}}"#,
            r#"{"metadata":{"annotations":{"dind-injector.io/inject":"true"}}}"#,
        ] {
            let pod = pod.replace("dind-injector.io/", names::PREFIX);
            assert!(concerns(&pod), "{pod}");
        }
    }
}
