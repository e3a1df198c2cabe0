//! Volumes by their names: of a list that many Pods share, each Pod takes those that it mounts. Pure.
//!
//! With the whole list in each of them, a file of as many Pods as volumes would take memory by the square.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::scan::sources::assembly::{Assembly, items};

/// A list of volumes, and where it stands.
#[derive(Debug, Default)]
pub struct Volumes<'d> {
    at: String,
    /// By name, each with its index in the list.
    named: HashMap<&'d str, Vec<(usize, &'d Value)>>,
}

impl<'d> Volumes<'d> {
    /// Of a list that stands at `at`, and may be missing.
    pub fn of(list: Option<&'d Value>, at: String) -> Self {
        let mut named: HashMap<&str, Vec<_>> = HashMap::new();
        for (index, volume) in items(list).enumerate() {
            named.entry(name(volume)).or_default().push((index, volume));
        }
        Self { at, named }
    }
}

/// Adds to a Pod the volumes that its containers mount, of the first of `lists` that has one of that name; those that
/// the Pod has already stay. Of the rest, the Pod has the place alone: what nobody mounts reaches nothing.
pub fn mounted(pod: &mut Assembly, lists: &[&Volumes<'_>]) {
    let own: HashSet<String> = pod.volume_names().map(str::to_owned).collect();
    let mut wanted: Vec<String> = pod.mounted_names().map(str::to_owned).collect();
    wanted.sort_unstable();
    wanted.dedup();
    for list in lists.iter().filter(|list| !list.named.is_empty()) {
        pod.text(&list.at);
    }
    for name in wanted.iter().filter(|name| !own.contains(*name)) {
        let mut having = lists
            .iter()
            .filter_map(|list| Some((list, list.named.get(name.as_str())?)));
        if let Some((list, volumes)) = having.next() {
            for (index, volume) in volumes {
                pod.volume(volume, &format!("{}/{index}", list.at));
            }
        }
    }
}

/// What a volume, or a mount of it, is called.
pub fn name(value: &Value) -> &str {
    let name = value.get("name").and_then(Value::as_str);
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_has_the_nearest_volume_of_each_name_that_it_mounts() {
        let near = json!([{"name": "a", "emptyDir": {}}]);
        let far =
            json!([{"name": "a", "hostPath": {"path": "/run"}}, {"name": "b"}, {"name": "c"}]);
        let lists = [
            Volumes::of(Some(&near), "/near".to_owned()),
            Volumes::of(Some(&far), "/far".to_owned()),
        ];
        let mut pod = Assembly::at("");
        let container = json!({"volumeMounts": [{"name": "a"}, {"name": "c"}, {"name": "a"}]});
        pod.container(&container, "x", "/x");
        mounted(&mut pod, &[&lists[0], &lists[1]]);
        let names: Vec<_> = pod.volume_names().collect();
        assert_eq!(names, ["a", "c"]);
    }
}
