//! Volumes of the node in a GitLab Runner's `config.toml`, wherever that text stands.
//!
//! Only the few lines that decide are read: the tables
//! `[[runners.kubernetes.volumes.host_path]]` and their strings. Source: gitlab-runner,
//! `docs/executors/kubernetes`.

use crate::scan::sources::NodeVolume;

/// What one `[[runners]]` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Runner {
    /// Its name.
    pub name: Option<String>,
    /// The namespace of its jobs.
    pub namespace: Option<String>,
    /// The image of jobs that name none.
    pub image: Option<String>,
    /// Its volumes of the node.
    pub volumes: Vec<NodeVolume>,
}

/// Whether `text` may be such a file.
pub fn looks_like(text: &str) -> bool {
    text.contains("[[runners") && text.contains("host_path")
}

/// The runners of a `config.toml` that have volumes of the node.
pub fn read(text: &str) -> Vec<Runner> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        reader.line(line.trim(), number);
    }
    reader.end_runner();
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Runner>,
    runner: Runner,
    table: Table,
    host: Option<String>,
    mount: Option<String>,
    line: u32,
    start: u32,
    end: u32,
}

#[derive(Default, PartialEq, Eq)]
enum Table {
    #[default]
    Other,
    Runners,
    Kubernetes,
    HostPath,
}

impl Reader {
    fn line(&mut self, line: &str, number: u32) {
        if line.starts_with('[') {
            self.end_volume();
            (self.start, self.end) = (number, number);
            let name = line.split('#').next().unwrap_or_default().trim();
            let name = name.trim_matches(['[', ']']).trim();
            let name = name.replace(['"', '\'', ' '], "");
            self.table = match name.as_str() {
                "runners" => {
                    self.end_runner();
                    Table::Runners
                }
                "runners.kubernetes" => Table::Kubernetes,
                "runners.kubernetes.volumes.host_path" => Table::HostPath,
                _ => Table::Other,
            };
            return;
        }
        let Some((key, value)) = line.split_once('=') else {
            return;
        };
        self.end = number;
        let (key, value) = (key.trim(), string(value));
        match (&self.table, key) {
            (Table::Runners, "name") => self.runner.name = value,
            (Table::Kubernetes, "namespace") => self.runner.namespace = value,
            (Table::Kubernetes, "image") => self.runner.image = value,
            (Table::HostPath, "host_path") => {
                self.host = value;
                self.line = number;
            }
            (Table::HostPath, "mount_path") => {
                self.mount = value;
                if self.host.is_none() {
                    self.line = number;
                }
            }
            _ => {}
        }
    }

    fn end_volume(&mut self) {
        let (host, mount) = (self.host.take(), self.mount.take());
        // The runner mounts a path at itself where only one of the two is given.
        let both = match (host, mount) {
            (Some(host), Some(mount)) => Some((host, mount)),
            (Some(one), None) | (None, Some(one)) => Some((one.clone(), one)),
            (None, None) => None,
        };
        if let Some((host_path, mount_path)) = both {
            self.runner.volumes.push(NodeVolume {
                host_path,
                mount_path,
                line: self.line,
                lines: self.start..self.end.saturating_add(1),
            });
        }
    }

    fn end_runner(&mut self) {
        self.end_volume();
        let runner = std::mem::take(&mut self.runner);
        if !runner.volumes.is_empty() {
            self.found.push(runner);
        }
    }
}

/// A TOML string of one line; none for a template's placeholder.
fn string(value: &str) -> Option<String> {
    let value = value.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &value[1..];
    let end = inner.find(quote)?;
    let text = &inner[..end];
    (!text.contains("{{")).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[[runners]]
  name = "first"
  [runners.kubernetes]
    namespace = "{{.Release.Namespace}}"
    image = "docker:28"
    [[runners.kubernetes.volumes.empty_dir]]
      name = "cache"
      mount_path = "/cache"
    [[runners.kubernetes.volumes.host_path]]
      name = "docker"
      mount_path = "/var/run/docker.sock"
      read_only = false
      host_path = "/run/docker.sock"
[[runners]]
  name = "second"
  [[runners.kubernetes.volumes.host_path]]
      name = "docker"
      mount_path = "/var/run/docker.sock"
[[runners]]
  name = "third"
"#;

    #[test]
    fn reads_the_volumes_of_each_runner() {
        let runners = read(CONFIG);
        assert_eq!(runners.len(), 2);
        assert_eq!(runners[0].namespace, None);
        assert_eq!(runners[0].image.as_deref(), Some("docker:28"));
        let volume = |host_path: &str, line, lines| NodeVolume {
            host_path: host_path.to_owned(),
            mount_path: "/var/run/docker.sock".to_owned(),
            line,
            lines,
        };
        assert_eq!(runners[0].volumes, [volume("/run/docker.sock", 14, 10..15)]);
        assert_eq!(
            runners[1].volumes,
            [volume("/var/run/docker.sock", 19, 17..20)]
        );
    }
}
