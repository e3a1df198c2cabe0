//! Which of the volumes of one name a list of mounts means, where several sections of a document have one: that of its
//! own section, or of the nearest section that holds it, whatever kind it is. A volume in a section beside counts only
//! where none of these has one; of those that are equally near, each may be meant. Pure.

use std::collections::HashMap;

use serde_json::Value;

use crate::scan::sources::named::name;

/// So many different volumes are looked at that are equally near; the paths of more are told as what no Pod mounts.
const MOST: usize = 8;

/// What a volume is, but for a path of the node.
const SOURCES: [&str; 12] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "gitRepo",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Volumes of a document.
#[derive(Debug, Default)]
pub struct Nearest<'d> {
    hosts: Vec<(&'d Value, String)>,
    /// By the pointer of a section, and by name.
    sections: HashMap<String, HashMap<&'d str, Section>>,
}

/// The volumes of one name of a section: its own, and those of the sections in it.
#[derive(Debug, Default)]
struct Section {
    own: Choice,
    inner: Choice,
}

/// Volumes of one name that are equally near.
#[derive(Debug, Default)]
struct Choice {
    /// By index in the hosts: those that are the same volume, written again, are one.
    hosts: Vec<Vec<usize>>,
    /// Whether one is no path of the node.
    has_other: bool,
}

/// A volume with a path of the node.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The volume.
    pub value: &'a Value,
    /// Where it stands.
    pub pointer: &'a str,
    /// The indices of all places at which it is written, this one first.
    pub same: &'a [usize],
}

impl<'d> Nearest<'d> {
    /// Adds the item `index` of the list at `list`, if it is a volume.
    pub fn add(&mut self, volume: &'d Value, list: &str, index: usize) {
        let is_host = volume.pointer("/hostPath/path").is_some();
        if !is_host && !SOURCES.iter().any(|kind| volume.get(kind).is_some()) {
            return;
        }
        let host = is_host.then(|| {
            self.hosts.push((volume, format!("{list}/{index}")));
            self.hosts.len() - 1
        });
        for (depth, section) in above(list).enumerate() {
            let all = self.sections.entry(section.to_owned()).or_default();
            let section = all.entry(name(volume)).or_default();
            let choice = match depth {
                0 => &mut section.own,
                _ => &mut section.inner,
            };
            match host {
                Some(host) => choice.add(host, &self.hosts),
                None => choice.has_other = true,
            }
        }
    }

    /// Whether no volume has a path of the node.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Those that the mounts at `mounts` mean by `name`: each of the nearest that has a path of the node.
    pub fn of(&self, mounts: &str, name: &str) -> Vec<Host<'_>> {
        let mut sections =
            above(mounts).filter_map(|section| self.sections.get(section)?.get(name));
        let nearest = sections.find_map(|section| {
            let mut all = [&section.own, &section.inner].into_iter();
            all.find(|choice| choice.has_other || !choice.hosts.is_empty())
        });
        let hosts = nearest.map_or(&[][..], |choice| &choice.hosts);
        let host = |same: &Vec<usize>| self.hosts.get(*same.first()?);
        let hosts = hosts.iter().filter_map(|same| {
            let (value, pointer) = host(same)?;
            Some(Host {
                value,
                pointer,
                same,
            })
        });
        hosts.collect()
    }

    /// Where the volume of an index stands.
    pub fn pointer(&self, index: usize) -> Option<&str> {
        let (_, pointer) = self.hosts.get(index)?;
        Some(pointer)
    }
}

impl Choice {
    fn add(&mut self, host: usize, hosts: &[(&Value, String)]) {
        let value = |index: &usize| hosts.get(*index).map(|(value, _)| *value);
        let is_same = |same: &&mut Vec<usize>| same.first().and_then(value) == value(&host);
        if let Some(same) = self.hosts.iter_mut().find(is_same) {
            same.push(host);
        } else if self.hosts.len() < MOST {
            self.hosts.push(vec![host]);
        }
    }
}

/// The pointers of the sections that hold what stands at `pointer`, the innermost first.
fn above(pointer: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memrchr_iter(b'/', pointer.as_bytes());
    ends.filter_map(|end| pointer.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(volumes: &[(&str, Value)], mounts: &str) -> Vec<String> {
        let mut nearest = Nearest::default();
        for (list, volume) in volumes {
            nearest.add(volume, list, 0);
        }
        let found = nearest.of(mounts, "v").into_iter();
        let paths = found.filter_map(|one| one.value["hostPath"]["path"].as_str());
        paths.map(str::to_owned).collect()
    }

    #[test]
    fn the_nearest_volume_counts_whatever_its_kind() {
        let host = |path: &str| json!({"name": "v", "hostPath": {"path": path}});
        let empty = json!({"name": "v", "emptyDir": {}});
        for (volumes, mounts, expected) in [
            (
                vec![("/a/volumes", host("/srv")), ("/b/volumes", host("/run"))],
                "/b/mounts",
                vec!["/run"],
            ),
            (
                vec![("/a/volumes", empty.clone()), ("/b/volumes", host("/run"))],
                "/a/mounts",
                vec![],
            ),
            // Up comes before beside.
            (
                vec![("/volumes", empty.clone()), ("/b/volumes", host("/run"))],
                "/a/mounts",
                vec![],
            ),
            (
                vec![("/volumes", host("/run")), ("/b/volumes", empty.clone())],
                "/a/x/mounts",
                vec!["/run"],
            ),
            // Equally near.
            (
                vec![("/a/volumes", host("/srv")), ("/b/volumes", host("/run"))],
                "/c/mounts",
                vec!["/srv", "/run"],
            ),
            (
                vec![("/a/volumes", empty), ("/a/extraVolumes", host("/run"))],
                "/a/mounts",
                vec!["/run"],
            ),
            // What is no volume hides none.
            (
                vec![
                    ("/a/volumes", json!({"name": "v", "path": "/x"})),
                    ("/volumes", host("/run")),
                ],
                "/a/mounts",
                vec!["/run"],
            ),
        ] {
            assert_eq!(paths(&volumes, mounts), expected, "{volumes:?} {mounts}");
        }
    }

    #[test]
    fn the_same_volume_written_again_is_one() {
        let volumes = json!([{"name": "v", "hostPath": {"path": "/run"}}]);
        let mut nearest = Nearest::default();
        for list in ["/a/volumes", "/b/volumes"] {
            nearest.add(&volumes[0], list, 0);
        }
        let found = nearest.of("/c/mounts", "v");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/a/volumes/0");
        assert_eq!(found[0].same, [0, 1]);
    }
}
