//! Where a container's `DOCKER_HOST` leads.
//!
//! A socket is not the only way to the node's daemon: `DOCKER_HOST=tcp://$(NODE_IP):2375` with the node's
//! address from the downward API is Docker-outside-of-Docker over TCP, and so is `localhost` in a Pod on the
//! node's network. An address that only the kubelet knows is reported as unknown, and never taken for a
//! harmless one.
//!
//! The forms are those of docker/cli, `opts/hosts.go`, and of docker-py, `utils.parse_host`.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::names;

use crate::detect::machine::{is_loopback, is_machine, may_be_loopback, may_be_machine};
use crate::detect::value_from::{FromPod, LONGEST_NAME, from_pod};
use crate::model::expand::{Environment, Expanded, Piece};
use crate::model::view::{Container, EnvVar, Pod};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerHost {
    /// The variable is not in `env`.
    Unset,
    /// A socket or a port of the Pod's own: what listens there may pass on what it is asked.
    InPod,
    /// An address that is not known to be the node's.
    Elsewhere,
    /// The node's daemon over TCP, with the variable's index in `env`.
    Node(usize),
    /// An address that only the kubelet knows, such as a Secret's, with the variable's index in `env`.
    Unknown(usize),
}

/// Where the containers of one Pod find their daemon.
pub struct DockerHosts<'p, 'a> {
    pod: &'p Pod<'a>,
    /// Read once: names of hosts and containers can both be many.
    aliases: OnceCell<Aliases>,
}

/// Names, in lower case, of the Pod's `hostAliases`.
#[derive(Default)]
struct Aliases {
    /// Of the node.
    node: BTreeSet<String>,
    /// Of the Pod itself. GitLab Runner gives such to its services.
    pod: BTreeSet<String>,
}

impl<'p, 'a> DockerHosts<'p, 'a> {
    pub fn new(pod: &'p Pod<'a>) -> Self {
        Self {
            pod,
            aliases: OnceCell::new(),
        }
    }

    /// `container` must be one of the Pod.
    pub fn of(&self, container: &Container<'_>) -> DockerHost {
        let named = |(_, var): &(usize, &EnvVar<'_>)| &*var.name == names::DOCKER_HOST;
        let Some((index, var)) = container.env.iter().enumerate().rev().find(named) else {
            return DockerHost::Unset;
        };
        let Some(text) = text_of(self.pod, container, var) else {
            return DockerHost::Unknown(index);
        };
        match self.leads(&text) {
            Leads::Node => DockerHost::Node(index),
            Leads::InPod => DockerHost::InPod,
            Leads::Elsewhere => DockerHost::Elsewhere,
            Leads::Unknown => DockerHost::Unknown(index),
        }
    }

    fn leads(&self, text: &str) -> Leads {
        let text = text.trim();
        // Docker takes it for unset.
        if text.is_empty() {
            return Leads::Elsewhere;
        }
        if text.starts_with('/') {
            return Leads::InPod;
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => match text.split_once(':') {
                // Docker does not accept "unix:/path", and it is not a host either.
                Some((scheme, _)) if is_local(&scheme.to_ascii_lowercase()) => {
                    return Leads::InPod;
                }
                // Docker takes an address without a scheme for TCP.
                _ => (String::new(), text),
            },
        };
        if is_local(&scheme) {
            return Leads::InPod;
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host_port = authority.rsplit('@').next().unwrap_or_default();
        let host = host_of(host_port);
        if host.contains(NODE) {
            return Leads::Node;
        }
        if host.contains(UNKNOWN) || host.contains('%') && !host.contains(':') {
            return Leads::Unknown;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if self.is_node(&host) {
            return Leads::Node;
        }
        if let Some((start, rest)) = host.split_once(OTHER)
            && !(start.is_empty() && rest.is_empty())
        {
            let end = rest.rsplit(OTHER).next().unwrap_or_default();
            return match self.may_be_node(&host, start, end) {
                true => Leads::Unknown,
                false => Leads::Elsewhere,
            };
        }
        // Only on a network of the Pod's own: the node's was told above.
        match is_loopback(&host) || self.aliases().pod.contains(&host) {
            true => Leads::InPod,
            false => Leads::Elsewhere,
        }
    }

    /// `host` is in lower case.
    fn is_node(&self, host: &str) -> bool {
        is_node_name(self.pod, host)
            || self.is_node_address(host)
            || self.aliases().node.contains(host)
    }

    /// Whether `host`, of which something between `start` and `end` is not known, may be the node's name or address. 172.17.0
    /// and a number is.
    fn may_be_node(&self, host: &str, start: &str, end: &str) -> bool {
        let is_of_address = |c: char| matches!(c, '0'..='9' | 'a'..='f' | 'x' | '.' | ':' | OTHER);
        let is = |name: &str| {
            let rest = name.strip_prefix(start);
            rest.is_some_and(|rest| rest.ends_with(end))
        };
        host.chars().all(is_of_address)
            || may_be_machine(is)
            || self.pod.spec.host_network && may_be_loopback(is)
            || node_names(self.pod).any(|name| is(&name.to_ascii_lowercase()))
            // Such a name may be any, and there may be many.
            || !self.aliases().node.is_empty()
    }

    fn is_node_address(&self, host: &str) -> bool {
        // On another network than the node's, the loopback address is the Pod's own.
        is_machine(host) || self.pod.spec.host_network && is_loopback(host)
    }

    fn aliases(&self) -> &Aliases {
        self.aliases.get_or_init(|| {
            let mut aliases = Aliases::default();
            for alias in self.pod.spec.host_aliases.iter() {
                let names = match &*alias.ip {
                    ip if self.is_node_address(ip) => &mut aliases.node,
                    ip if is_loopback(ip) => &mut aliases.pod,
                    _ => continue,
                };
                let written = alias.hostnames.iter();
                names.extend(written.map(|name| name.to_ascii_lowercase()));
            }
            aliases
        })
    }
}

/// Whether the Pod itself says that `host`, in lower case, is its node's name.
pub(super) fn is_node_name(pod: &Pod<'_>, host: &str) -> bool {
    node_names(pod).any(|name| name.eq_ignore_ascii_case(host))
}

/// What the Pod itself says that its node is called.
fn node_names<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = &'p str> {
    let spec = &pod.spec;
    let names = [
        Some(&*spec.node_name),
        spec.node_selector.get("kubernetes.io/hostname"),
    ];
    let names = names.into_iter().flatten();
    names.filter(|name| (1..=LONGEST_NAME).contains(&name.len()))
}

/// Replaces the node's address in a text. No variable contains this character.
const NODE: char = '\u{1}';
/// Replaces a value that only the kubelet knows.
const UNKNOWN: char = '\u{2}';
/// Replaces a value that is no address of the node by itself.
const OTHER: char = '\u{3}';

/// The variable's value, with [`NODE`], [`UNKNOWN`] or [`OTHER`] for each part that is not known here; `None`
/// if it would grow too long.
fn text_of(pod: &Pod<'_>, container: &Container<'_>, var: &EnvVar<'_>) -> Option<String> {
    let known = |text: &str| text.replace([NODE, UNKNOWN, OTHER], " ");
    let of_source = |source: &RawValue| match from_pod(pod, source) {
        FromPod::Node => NODE.to_string(),
        FromPod::Text(text) => known(text),
        FromPod::Other => OTHER.to_string(),
        FromPod::Unknown => UNKNOWN.to_string(),
    };
    if let Some(source) = var.value_from {
        return Some(of_source(source));
    }
    if !var.value.contains('$') {
        return Some(known(&var.value));
    }
    let Expanded::Pieces(pieces) = Environment::of(container).expand(&var.value) else {
        return None;
    };
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Known(part) => text.push_str(&known(&part)),
            Piece::From(source) => text.push_str(&of_source(source)),
            // It may come from a ConfigMap or Secret of `envFrom`, whose keys are not known here.
            Piece::Unset(_) if container.env_from.is_some() => text.push(UNKNOWN),
            // A Service's address, or not set at all.
            Piece::Unset(_) => text.push(OTHER),
        }
    }
    Some(text)
}

enum Leads {
    Node,
    InPod,
    Elsewhere,
    Unknown,
}

/// Schemes of addresses inside the Pod.
fn is_local(scheme: &str) -> bool {
    matches!(scheme, "unix" | "http+unix" | "npipe" | "fd")
}

/// The host of `host:port`, `[::1]:port` or `::1`.
fn host_of(host_port: &str) -> &str {
    if let Some(rest) = host_port.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match host_port.match_indices(':').count() {
        0 => host_port,
        1 => host_port.split(':').next().unwrap_or_default(),
        _ => host_port,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::json::from_str;

    fn host_of_pod(spec: &str, more: &str, env: &str) -> DockerHost {
        let json = format!(r#"{{"spec":{{{spec}"containers":[{{{more}"env":{env}}}]}}}}"#);
        let pod: Pod<'_> = from_str(&json).unwrap();
        DockerHosts::new(&pod).of(&pod.spec.containers[0])
    }

    fn host(env: &str) -> DockerHost {
        host_of_pod("", "", env)
    }

    fn var(value: &str) -> String {
        format!(r#"{{"name":"DOCKER_HOST","value":"{value}"}}"#)
    }

    const NODE_IP: &str = r#"{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.hostIP"}}}"#;
    const SECRET: &str =
        r#"{"name":"S","valueFrom":{"secretKeyRef":{"name":"docker","key":"host"}}}"#;
    const HOST_NETWORK: &str = r#""hostNetwork":true,"#;

    #[test]
    fn tells_the_nodes_address_from_others() {
        assert_eq!(host("[]"), DockerHost::Unset);
        for value in [
            "tcp://$(IP):2375",
            "$(IP):2375",
            "$(IP)",
            "ssh://root@$(IP)",
            "https://[$(IP)]:2376/",
            "TCP://$(IP):2375",
            " http://$(IP):2375",
        ] {
            let env = format!("[{NODE_IP},{}]", var(value));
            assert_eq!(host(&env), DockerHost::Node(1), "{value}");
        }
        for value in [
            "tcp://localhost:2375",
            "tcp://127.0.0.1:2375",
            "tcp://LocalHost.",
            "unix:///var/run/docker.sock",
            "http+unix://%2Frun%2Fpodman%2Fpodman.sock",
            "unix:///$(IP)/docker.sock",
            "npipe:////./pipe/docker_engine",
            "fd://",
            "/var/run/docker.sock",
        ] {
            let env = format!("[{NODE_IP},{}]", var(value));
            assert_eq!(host(&env), DockerHost::InPod, "{value}");
        }
        for value in [
            "tcp://$(X):1",
            "tcp://$(DIND_SERVICE_HOST):2376",
            "tcp://dind:2375/$(IP)",
            "tcp://10.0.0.7:2375",
            "",
        ] {
            let env = format!("[{NODE_IP},{}]", var(value));
            assert_eq!(host(&env), DockerHost::Elsewhere, "{value}");
        }
    }

    #[test]
    fn a_name_that_the_pod_gives_to_the_node_is_the_nodes() {
        let aliases = |ip: &str| {
            format!(r#""hostAliases":[{{"ip":"{ip}","hostnames":["a","Docker.local"]}}],"#)
        };
        for value in ["tcp://docker.local:2375", "http://DOCKER.LOCAL./", "a"] {
            let env = format!("[{}]", var(value));
            let of = |spec: &str| host_of_pod(spec, "", &env);
            assert_eq!(of(&aliases("172.17.0.1")), DockerHost::Node(0), "{value}");
            assert_eq!(of(&aliases("127.0.0.1")), DockerHost::InPod, "{value}");
            let of_node = aliases("127.0.0.1") + HOST_NETWORK;
            assert_eq!(of(&of_node), DockerHost::Node(0), "{value}");
            assert_eq!(of(&aliases("10.0.0.7")), DockerHost::Elsewhere, "{value}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_told_apart() {
        for value in ["tcp://$(S):2375", "$(S)", "$(S)://x$(S)"] {
            let env = format!("[{SECRET},{}]", var(value));
            assert_eq!(host(&env), DockerHost::Unknown(1), "{value}");
        }
        let port = format!("[{SECRET},{}]", var("tcp://dind:$(S)"));
        assert_eq!(host(&port), DockerHost::Elsewhere);
        for source in [
            r#"{"secretKeyRef":{"name":"a","key":"b"}}"#,
            r#"{"configMapKeyRef":{"name":"a","key":"b"}}"#,
            r#"{"fieldRef":{"fieldPath":"metadata.annotations['x']"}}"#,
            r#"{"fileKeyRef":{"path":"x"}}"#,
            r#"{}"#,
        ] {
            let env = format!(r#"[{{"name":"DOCKER_HOST","valueFrom":{source}}}]"#);
            assert_eq!(host(&env), DockerHost::Unknown(0), "{source}");
        }
        // What envFrom has cannot be told.
        let more = r#""envFrom":[{"secretRef":{"name":"x"}}],"#;
        let env = format!("[{}]", var("tcp://$(X):2375"));
        assert_eq!(host_of_pod("", more, &env), DockerHost::Unknown(0));
        // Nor what grows too long.
        let long = format!(
            r#"[{{"name":"A","value":"{}"}},{}]"#,
            "x".repeat(3000),
            var("tcp://$(A)$(A)")
        );
        assert_eq!(host(&long), DockerHost::Unknown(1));
    }

    #[test]
    fn in_the_nodes_network_the_loopback_is_the_nodes() {
        for value in [
            "tcp://localhost:2375",
            "tcp://LOCALHOST.:2375",
            "localhost",
            "tcp://127.0.0.1:2375",
            "tcp://127.255.0.9:2375",
            "tcp://127.1:2375",
            "tcp://0x7f000001:2375",
            "tcp://2130706433",
            "tcp://0177.0.0.1",
            "tcp://0.0.0.0:2375",
            "tcp://0:2375",
            "tcp://:2375",
            "tcp://",
            "tcp://[::1]:2375",
            "tcp://::1",
            "tcp://[::]:2375",
            "tcp://[::ffff:127.0.0.1]:2375",
            "tcp://[::1%lo]:2375",
            "tcp://[0:0:0:0:0:0:0:1]:2375",
            "tcp://localhost6:2375",
            "ssh://root@localhost",
            "http://127.0.0.1:2375/v1.43",
        ] {
            let env = format!("[{}]", var(value));
            let found = host_of_pod(HOST_NETWORK, "", &env);
            assert_eq!(found, DockerHost::Node(0), "{value}");
        }
        for value in [
            "tcp://dind:2375",
            "tcp://128.0.0.1",
            "tcp://[fd00::1]:2375",
            "tcp://1270.0.0.1",
        ] {
            let env = format!("[{}]", var(value));
            let found = host_of_pod(HOST_NETWORK, "", &env);
            assert_eq!(found, DockerHost::Elsewhere, "{value}");
        }
        let socket = format!("[{}]", var("unix:///run/x.sock"));
        assert_eq!(host_of_pod(HOST_NETWORK, "", &socket), DockerHost::InPod);
    }

    #[test]
    fn dockers_bridge_on_the_node_is_known_however_it_is_written() {
        for value in [
            "tcp://172.17.0.1:2375",
            "tcp://[::ffff:172.17.0.1]:2375",
            "tcp://[::ffff:ac11:1]:2375",
            "tcp://2886795265:2375",
            "tcp://172.17.1:2375",
            "tcp://0xac110001",
            "tcp://0254.021.0.1",
        ] {
            let env = format!("[{}]", var(value));
            assert_eq!(host(&env), DockerHost::Node(0), "{value}");
        }
        for value in [
            "tcp://172.17.0.2:2375",
            "tcp://172.18.0.1",
            "tcp://[fd00::172]",
        ] {
            let env = format!("[{}]", var(value));
            assert_eq!(host(&env), DockerHost::Elsewhere, "{value}");
        }
    }

    #[test]
    fn a_part_that_is_not_known_never_hides_the_node() {
        let cpu = r#"{"name":"N","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}}"#;
        let uid = r#"{"name":"U","valueFrom":{"fieldRef":{"fieldPath":"metadata.uid"}}}"#;
        let of = |spec: &str, value: &str| {
            host_of_pod(spec, "", &format!("[{cpu},{uid},{}]", var(value)))
        };
        for value in [
            "tcp://172.17.0.$(N):2375",
            "tcp://$(N):2375",
            "tcp://$(N).17.0.1",
            "tcp://172.17.0.$(FOO_SERVICE_PORT):2375",
            "tcp://$(A)$(B):2375",
            "tcp://[::ffff:ac11:$(FOO_SERVICE_PORT)]:2375",
            "tcp://host.docker.$(WHAT):2375",
        ] {
            assert_eq!(of("", value), DockerHost::Unknown(2), "{value}");
        }
        for value in ["tcp://$(N).0.0.1:2375", "tcp://local$(X)"] {
            assert_eq!(of(HOST_NETWORK, value), DockerHost::Unknown(2), "{value}");
        }
        let by_name = r#""nodeName":"Node-1","#;
        assert_eq!(of(by_name, "tcp://node$(X)"), DockerHost::Unknown(2));
        let alias = r#""hostAliases":[{"ip":"172.17.0.1","hostnames":["d"]}],"#;
        assert_eq!(of(alias, "tcp://dind-$(U)"), DockerHost::Unknown(2));
        for value in [
            "tcp://dind-$(U):2375",
            "tcp://$(U).dind.svc:2375",
            "tcp://$(DIND_SERVICE_HOST).:2375",
            "tcp://dind:$(N)",
            "$(DIND_PORT)",
        ] {
            assert_eq!(of("", value), DockerHost::Elsewhere, "{value}");
        }
    }

    #[test]
    fn the_pods_address_is_the_nodes_in_the_nodes_network_only() {
        let source = r#"{"fieldRef":{"fieldPath":"status.podIP"}}"#;
        let env = format!(
            r#"[{{"name":"P","valueFrom":{source}}},{}]"#,
            var("tcp://$(P):2375")
        );
        assert_eq!(host(&env), DockerHost::Elsewhere);
        assert_eq!(host_of_pod(HOST_NETWORK, "", &env), DockerHost::Node(1));
    }

    #[test]
    fn a_node_is_known_by_its_name_in_the_pod() {
        let env = format!("[{}]", var("tcp://Node-1.:2375"));
        let by_name = r#""nodeName":"node-1","#;
        let by_label = r#""nodeSelector":{"kubernetes.io/hostname":"node-1"},"#;
        assert_eq!(host_of_pod(by_name, "", &env), DockerHost::Node(0));
        assert_eq!(host_of_pod(by_label, "", &env), DockerHost::Node(0));
        assert_eq!(host(&env), DockerHost::Elsewhere);
        let env = format!("[{}]", var("tcp://host.docker.internal:2375"));
        assert_eq!(host(&env), DockerHost::Node(0));
    }
}
