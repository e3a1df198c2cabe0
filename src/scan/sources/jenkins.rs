//! Agent templates of Jenkins' Kubernetes plugin, as Configuration as Code and the Helm
//! chart's values have them.
//!
//! Jenkins mounts each volume of a template in all of its containers. The template's own
//! `yaml` is read as any other text inside a document. Sources: the plugin's
//! `PodTemplateBuilder.java`, the chart's `values.yaml`.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::manifest::below;
use crate::names::NO_NAME;

use crate::scan::candidate::{Candidate, Object, Pointers};
use crate::scan::nodes;

/// What such a template is shown as.
pub const JENKINS_AGENT: &str = "Jenkins agent";

/// As deep as any configuration is nested.
pub const MAX_DEPTH: usize = 24;

/// The templates of a document that is no Kubernetes object.
pub fn candidates<'d>(document: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let mut found = Vec::new();
    if head.kind.is_empty() {
        nodes::mappings(document, pointer, MAX_DEPTH, &mut |map, at| {
            found.extend(template(map, at));
            found.extend(heirs(map, at));
        });
    }
    found
}

/// The additional agents of the chart, which have what `agent` has and they do not say.
pub fn agents(values: &Map<String, Value>) -> Option<&Map<String, Value>> {
    values.get("agent")?.as_object()?;
    values.get("additionalAgents")?.as_object()
}

/// Whether an agent has volumes of its own, in place of those of `agent`; an empty list is none.
pub fn has_volumes(agent: &Value) -> bool {
    let own = agent.get("volumes").and_then(Value::as_array);
    own.is_some_and(|own| !own.is_empty())
}

/// The additional agents that have the volumes of `agent`.
fn heirs<'d>(values: &'d Map<String, Value>, at: &str) -> Vec<Candidate<'d>> {
    let agent = values.get("agent").and_then(Value::as_object);
    let all = agents(values).into_iter().flatten();
    let heirs = all.filter(|(_, heir)| !has_volumes(heir));
    let candidates = heirs.filter_map(|(key, heir)| {
        let name = heir.get("podName").and_then(Value::as_str);
        Some(Candidate {
            name: Cow::Borrowed(name.unwrap_or(key)),
            ..template(agent?, &below(at, "agent"))?
        })
    });
    candidates.collect()
}

/// A mount of the node's files, and where it stands.
pub struct HostPath {
    /// The path of the node.
    pub host_path: String,
    /// Where the containers see it.
    pub mount_path: String,
}

fn template<'d>(map: &'d Map<String, Value>, at: &str) -> Option<Candidate<'d>> {
    let volumes = map.get("volumes")?.as_array()?;
    let paths: Vec<(usize, HostPath)> = volumes
        .iter()
        .enumerate()
        .filter_map(|(index, volume)| Some((index, host_path(volume)?)))
        .collect();
    if paths.is_empty() {
        return None;
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let containers: Vec<Value> = match map.get("containers") {
        Some(Value::Array(containers)) => containers.iter().map(container).collect(),
        _ => Vec::new(),
    };
    let (mounts, sources): (Vec<HostPath>, Vec<usize>) =
        paths.into_iter().map(|(index, path)| (path, index)).unzip();
    let pod = pod_of(containers, &mounts);
    let mut pointers = Pointers::at(at);
    for place in places(&pod) {
        for (mount, source) in sources.iter().enumerate() {
            let inner = format!("{place}/volumeMounts/{mount}");
            pointers.part(inner, format!("{at}/volumes/{source}"));
        }
    }
    Some(Candidate {
        kind: JENKINS_AGENT,
        maker: "Pod",
        name: Cow::Borrowed(
            text("name")
                .or_else(|| text("podName"))
                .or_else(|| text("label"))
                .unwrap_or(NO_NAME),
        ),
        namespace: text("namespace"),
        pod: Ok(Cow::Owned(pod)),
        pointers,
        extent: Vec::new(),
        scripts: Cow::Borrowed(""),
        others: Vec::new(),
        annotations: None,
    })
}

/// `hostPathVolume: {hostPath, mountPath}` of Configuration as Code, or the chart's
/// `{type: HostPath, hostPath, mountPath}`.
fn host_path(volume: &Value) -> Option<HostPath> {
    let fields = match volume.get("hostPathVolume") {
        Some(fields) => fields,
        None if volume.get("type").and_then(Value::as_str) == Some("HostPath") => volume,
        None => return None,
    };
    Some(HostPath {
        host_path: fields.get("hostPath")?.as_str()?.to_owned(),
        mount_path: fields.get("mountPath")?.as_str()?.to_owned(),
    })
}

/// Jenkins writes `command` and `args` as one line each.
fn container(container: &Value) -> Value {
    let text = |key: &str| container.get(key).and_then(Value::as_str);
    let words = |key: &str| -> Vec<&str> {
        text(key).map_or_else(Vec::new, |line| line.split_whitespace().collect())
    };
    json!({
        "name": text("name").filter(|name| !name.is_empty()).unwrap_or("jnlp"),
        "image": text("image").unwrap_or_default(),
        "command": words("command"),
        "args": words("args"),
    })
}

/// A container of these four lines: name, image, command, arguments.
pub fn container_of(lines: &[String; 4]) -> Value {
    let [name, image, command, args] = lines;
    container(&json!({"name": name, "image": image, "command": command, "args": args}))
}

/// A Pod with `containers` and the plugin's own, each with all of `mounts`.
pub fn pod_of(mut containers: Vec<Value>, mounts: &[HostPath]) -> Map<String, Value> {
    // The plugin adds its agent to every Pod that has no container of this name.
    let is_agent = |container: &Value| container.get("name").is_some_and(|name| name == "jnlp");
    if !containers.iter().any(is_agent) {
        containers.push(json!({"name": "jnlp", "image": "jenkins/inbound-agent"}));
    }
    let volume_mounts: Vec<Value> = mounts
        .iter()
        .enumerate()
        .map(|(index, path)| json!({"name": format!("volume-{index}"), "mountPath": path.mount_path}))
        .collect();
    for container in &mut containers {
        container["volumeMounts"] = volume_mounts.clone().into();
    }
    let volumes: Vec<Value> = mounts
        .iter()
        .enumerate()
        .map(|(index, path)| {
            json!({"name": format!("volume-{index}"), "hostPath": {"path": path.host_path}})
        })
        .collect();
    let mut pod = Map::new();
    pod.insert(
        "spec".to_owned(),
        json!({"restartPolicy": "Never", "containers": containers, "volumes": volumes}),
    );
    pod
}

/// The pointers of the containers that [`pod_of`] made.
pub fn places(pod: &Map<String, Value>) -> Vec<String> {
    let containers = pod.get("spec").and_then(|spec| spec.get("containers"));
    let count = containers.and_then(Value::as_array).map_or(0, Vec::len);
    (0..count)
        .map(|index| format!("/spec/containers/{index}"))
        .collect()
}
