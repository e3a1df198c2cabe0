//! Hints from a container's variables: what takes the node for the place of published ports.

use crate::scan::risk::{Rule, Weight};

/// Variables that name the host at which published ports are. Sources: testcontainers-java and
/// -go, `docs/features/configuration`.
const HOSTS: [&str; 4] = [
    "TESTCONTAINERS_HOST_OVERRIDE",
    "TESTCONTAINERS_HOST",
    "TC_HOST",
    "DOCKER_HOST_IP",
];

pub(super) static NODE_AS_HOST: Rule = Rule {
    id: "node-as-host",
    weight: Weight::Caution,
    title: "it looks for published ports at an address of its own choice",
    help: "With a daemon of the Pod's own, published ports are at the Pod's own localhost, not at the \
           node. Remove the variable, or set it to localhost.",
    holds: |evidence| {
        let mut variables = evidence.container.env.iter();
        let set = variables.find(|variable| HOSTS.contains(&&*variable.name))?;
        let is_own = matches!(&*set.value, "localhost" | "127.0.0.1" | "::1");
        (!is_own).then(|| set.name.to_string())
    },
};
