//! OpenShift's builds: a custom strategy with `exposeDockerSocket` is a build Pod with the node's
//! socket, that no template shows.
//!
//! Source: `openshift-controller-manager/pkg/build/controller/strategy/custom.go`, `setupDockerSocket`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::model::sockets::DEFAULT_SOCKET;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::Assembly;

/// The Pod of a build, where it is given the socket; none for any other object.
pub fn candidates<'d>(
    object: &'d Value,
    head: Object<'d>,
    pointer: &str,
) -> Option<Vec<Candidate<'d>>> {
    let is_build = matches!(head.kind, "BuildConfig" | "Build");
    if !is_build
        || head
            .group
            .is_some_and(|group| !matches!(group, "" | "build.openshift.io"))
    {
        return None;
    }
    let strategy = object.pointer("/spec/strategy/customStrategy")?;
    if strategy.get("exposeDockerSocket") != Some(&Value::Bool(true)) {
        return None;
    }
    let at = format!("{pointer}/spec/strategy/customStrategy");
    let exposed = format!("{at}/exposeDockerSocket");
    let mut pod = Assembly::at(&at);
    let image = strategy.pointer("/from/name");
    let container = json!({"name": "custom-build", "image": image, "env": strategy.get("env")});
    let index = pod.container(&container, "custom-build", &at);
    let mount = json!({"name": "docker-socket", "mountPath": DEFAULT_SOCKET});
    pod.mount(index, &mount, &exposed);
    let volume = json!({"name": "docker-socket", "hostPath": {"path": DEFAULT_SOCKET}});
    pod.volume(&volume, &exposed);
    let build = pod.finish(head, "Build", None, Cow::Borrowed(""));
    Some(build.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exposed_socket_makes_a_pod_of_it() {
        let build = |exposed: bool| {
            json!({"apiVersion": "build.openshift.io/v1", "kind": "BuildConfig", "spec": {"strategy": {
                "customStrategy": {"from": {"name": "b"}, "exposeDockerSocket": exposed}}}})
        };
        for (exposed, count) in [(true, Some(1)), (false, None)] {
            let object = build(exposed);
            let found = candidates(&object, Object::of(&object), "");
            assert_eq!(found.map(|all| all.len()), count);
        }
    }
}
