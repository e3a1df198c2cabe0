//! What a `valueFrom` gives, as far as it is known before the Pod runs.
//!
//! A Pod is named by its author, and 172.17.0.1 is a valid name: a field that the Pod has is read, and not taken
//! for something that cannot be an address.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Text, from_str, object};
use crate::model::view::Pod;

/// The longest name of an object, in bytes. A longer one is refused later.
pub(super) const LONGEST_NAME: usize = 253;

/// The account of a Pod that names none.
const DEFAULT_ACCOUNT: &str = "default";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum FromPod<'p> {
    /// The node's address or name.
    Node,
    /// This text, which the Pod has.
    Text(&'p str),
    /// Something that is no address of the node by itself.
    Other,
    /// Anything.
    Unknown,
}

#[derive(Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
struct Source<'a> {
    field_ref: Option<FieldRef<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
struct FieldRef<'a> {
    field_path: Text<'a>,
}

object!(Source<'a>, FieldRef<'a>);

/// The field of the Pod that a `valueFrom` gives.
fn field(source: &RawValue) -> Option<Text<'_>> {
    let source: Source<'_> = from_str(source.get()).ok()?;
    Some(source.field_ref?.field_path)
}

fn is_of_node(field: &str) -> bool {
    matches!(field, "status.hostIP" | "status.hostIPs" | "spec.nodeName")
}

/// Whether a `valueFrom` gives the node's address or name.
pub(super) fn is_node_address(source: &RawValue) -> bool {
    field(source).is_some_and(|field| is_of_node(&field))
}

/// What `source` gives a container of `pod`.
pub(super) fn from_pod<'p>(pod: &'p Pod<'_>, source: &RawValue) -> FromPod<'p> {
    let Some(field) = field(source) else {
        // A key of a ConfigMap or Secret; or a number of bytes, and 2886795265 is 172.17.0.1.
        return FromPod::Unknown;
    };
    let name = |name: &'p str| match name.len() {
        // The API server makes one up.
        0 => FromPod::Other,
        1..=LONGEST_NAME => FromPod::Text(name),
        _ => FromPod::Unknown,
    };
    match &*field {
        field if is_of_node(field) => FromPod::Node,
        "status.podIP" | "status.podIPs" if pod.spec.host_network => FromPod::Node,
        "status.podIP" | "status.podIPs" | "metadata.uid" => FromPod::Other,
        "metadata.name" => name(&pod.metadata().name),
        "metadata.namespace" => name(&pod.metadata().namespace),
        "spec.serviceAccountName" => match &*pod.spec.service_account_name {
            "" => FromPod::Text(DEFAULT_ACCOUNT),
            account => name(account),
        },
        // The value of a label or annotation can be anything.
        _ => FromPod::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::detect::docker_host::{DockerHost, DockerHosts};

    fn docker_host(value: &str) -> String {
        format!(r#"{{"name":"DOCKER_HOST","value":"{value}"}}"#)
    }

    #[test]
    fn a_pod_that_is_named_as_the_node_is_found_by_its_own_name() {
        let named = |name: &str, more: &str, field: &str, value: &str| {
            let source = format!(r#""valueFrom":{{"fieldRef":{{"fieldPath":"{field}"}}}}"#);
            let env = match value {
                "" => format!(r#"[{{"name":"A"}},{{"name":"DOCKER_HOST",{source}}}]"#),
                value => format!(r#"[{{"name":"N",{source}}},{}]"#, docker_host(value)),
            };
            let json = format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"{name}"}},
                    "spec":{{{more}"serviceAccountName":"{name}","containers":[{{"env":{env}}}]}}}}"#
            );
            let pod: Pod<'_> = from_str(&json).unwrap();
            DockerHosts::new(&pod).of(&pod.spec.containers[0])
        };
        for field in [
            "metadata.name",
            "metadata.namespace",
            "spec.serviceAccountName",
        ] {
            for value in ["", "$(N)", "tcp://$(N):2375"] {
                let found = named("172.17.0.1", "", field, value);
                assert_eq!(found, DockerHost::Node(1), "{field} {value}");
            }
            assert_eq!(
                named("dind", "", field, "tcp://$(N):2375"),
                DockerHost::Elsewhere
            );
            let on_node = named(
                "localhost",
                r#""hostNetwork":true,"#,
                field,
                "tcp://$(N):2375",
            );
            assert_eq!(on_node, DockerHost::Node(1));
            let by_name = named("node1", r#""nodeName":"node1","#, field, "tcp://$(N)");
            assert_eq!(by_name, DockerHost::Node(1));
        }
        let long = "1".repeat(300);
        let found = named(&long, "", "metadata.name", "tcp://$(N):2375");
        assert_eq!(found, DockerHost::Unknown(1));
        let nameless = named("", "", "metadata.name", "tcp://$(N):2375");
        assert_eq!(nameless, DockerHost::Elsewhere);
    }
}
