//! What mounting makes in a Pod's volumes, container after container, as the kubelet and the runtime
//! do it: a directory of a `subPath` that is not there, a place for a mount inside of another, a
//! hostPath that is missing. Simple, slow, and written without the code under test.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model;

/// Something made: in which volume, and where. What lies on the node is known by its path there.
type Made = (String, String);

/// Stands for the node among the names of volumes.
const NODE: &str = "\0";

/// For each of the `others`, what was made in its volumes before it runs: by them, or by all.
pub fn before_each(pod: &Value, others: impl Fn(&Value) -> bool, all: bool) -> Vec<BTreeSet<Made>> {
    let mut made = BTreeSet::new();
    let mut seen = Vec::new();
    for list in ["initContainers", "containers"] {
        for container in model::list(&pod["spec"], list) {
            let is_other = others(container);
            if all || is_other {
                make(pod, container, &mut made);
            }
            if is_other {
                seen.push(visible(pod, container, &made));
            }
        }
    }
    seen
}

/// Whether a container mounts two volumes at one path, of which nobody can say which one is seen.
pub fn is_ambiguous(pod: &Value) -> bool {
    model::containers(pod).any(|container| {
        let mut seen = BTreeSet::new();
        let mut mounts = model::list(container, "volumeMounts");
        mounts.any(|mount| !seen.insert(parts(text(mount, "mountPath"))))
    })
}

fn make(pod: &Value, container: &Value, made: &mut BTreeSet<Made>) {
    let mounts: Vec<&Value> = model::list(container, "volumeMounts").collect();
    for mount in &mounts {
        if let Some(volume) = volume(pod, mount) {
            if volume["hostPath"]["type"]
                .as_str()
                .unwrap_or_default()
                .is_empty()
            {
                put(volume, "", made);
            }
            put(volume, &sub_path(container, mount), made);
        }
        let at = parts(text(mount, "mountPath"));
        let mut around: Vec<_> = mounts
            .iter()
            .filter(|other| {
                let over = parts(text(other, "mountPath"));
                over.len() < at.len() && at.starts_with(&over)
            })
            .collect();
        around.sort_by_key(|other| parts(text(other, "mountPath")).len());
        if let Some(inner) = around.last()
            && let Some(volume) = volume(pod, inner)
        {
            let rest = &at[parts(text(inner, "mountPath")).len()..];
            let place = format!("{}/{}", sub_path(container, inner), rest.join("/"));
            put(volume, &place, made);
        }
    }
}

/// Makes `path` in a volume, and what it lies in.
fn put(volume: &Value, path: &str, made: &mut BTreeSet<Made>) {
    let host = volume["hostPath"]["path"].as_str();
    let root = parts(host.unwrap_or_default());
    let name = storage(volume);
    let below = parts(path);
    for depth in usize::from(host.is_none())..=below.len() {
        let path: Vec<_> = root.iter().chain(&below[..depth]).cloned().collect();
        made.insert((name.clone(), path.join("/")));
    }
}

fn visible(pod: &Value, container: &Value, made: &BTreeSet<Made>) -> BTreeSet<Made> {
    let mut seen = BTreeSet::new();
    for mount in model::list(container, "volumeMounts") {
        let Some(volume) = volume(pod, mount) else {
            continue;
        };
        // It sees what lies in the part that it mounts.
        let host = volume["hostPath"]["path"].as_str();
        let mut part = parts(host.unwrap_or_default());
        part.extend(parts(&sub_path(container, mount)));
        let own = storage(volume);
        if host.is_some() && mount["readOnly"] == true {
            continue;
        }
        let is_seen = |(name, path): &&Made| {
            let path = parts(path);
            *name == own && path.len() > part.len() && path.starts_with(&part)
        };
        seen.extend(made.iter().filter(is_seen).cloned());
    }
    seen
}

/// What a volume is a part of: two of one claim, or of the node, show the same.
fn storage(volume: &Value) -> String {
    if volume["hostPath"].is_object() {
        return NODE.to_owned();
    }
    match volume["persistentVolumeClaim"]["claimName"].as_str() {
        Some(claim) => format!("{NODE}{claim}"),
        None => model::name(volume).to_owned(),
    }
}

/// The volume of a mount, but for one that the kubelet writes and no container can.
fn volume<'v>(pod: &'v Value, mount: &Value) -> Option<&'v Value> {
    let mut volumes = model::list(&pod["spec"], "volumes");
    let volume = volumes.find(|volume| model::name(volume) == model::name(mount))?;
    let written = ["configMap", "secret", "projected", "downwardAPI", "image"];
    written
        .iter()
        .all(|kind| volume[*kind].is_null())
        .then_some(volume)
}

/// What only the kubelet knows is a text of its own, the same in every container.
fn sub_path(container: &Value, mount: &Value) -> String {
    let expression = match text(mount, "subPathExpr") {
        "" => return text(mount, "subPath").to_owned(),
        expression => expression,
    };
    let mut values: Vec<(&str, String)> = Vec::new();
    for var in model::list(container, "env") {
        let value = match &var["valueFrom"] {
            Value::Null => expanded(text(var, "value"), &values),
            source => source.to_string(),
        };
        values.push((model::name(var), value));
    }
    expanded(expression, &values)
}

/// `$(NAME)` with the last value of that name, `$$` as `$`; other references stay.
fn expanded(expression: &str, values: &[(&str, String)]) -> String {
    let mut out = String::new();
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let name = after
            .strip_prefix('(')
            .and_then(|name| name.split_once(')'));
        let known = name.and_then(|(name, behind)| {
            let (_, value) = values.iter().rev().find(|(known, _)| *known == name)?;
            Some((value, behind))
        });
        rest = match (letter, known) {
            ('$', _) if after.starts_with('$') => {
                out.push('$');
                &after[1..]
            }
            ('$', Some((value, behind))) => {
                out.push_str(value);
                behind
            }
            _ => {
                out.push(letter);
                after
            }
        };
        if out.len() > 1 << 16 {
            break;
        }
    }
    out
}

fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object[field].as_str().unwrap_or_default()
}

fn parts(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    match parts.as_slice() {
        [var, run, ..] if var == "var" && run == "run" => parts.split_off(1),
        _ => parts,
    }
}
