//! Pods made of awkward parts, one for each run of choices: the fuzzer's bytes choose in
//! `fuzz/`, a seeded generator in the end-to-end tests.
//!
//! Sound Pods are such as an API server takes; the others are also what it never would.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::parts::{EXPRESSIONS, MOUNT_PATHS, NODE_PATHS, SUB_PATHS, VALUES, VARIABLES, VOLUMES};

/// What chooses.
pub trait Source {
    /// A number below `bound`, which is above zero.
    fn below(&mut self, bound: usize) -> usize;

    /// A short text.
    fn text(&mut self) -> String;

    /// One of `list`.
    fn of<'l>(&mut self, list: &[&'l str]) -> &'l str {
        list[self.below(list.len())]
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }
}

/// A Pod such as nobody would write.
pub fn pod(source: &mut impl Source) -> Value {
    Maker {
        source,
        sound: false,
    }
    .pod()
}

/// A Pod such as somebody might, and that an API server takes.
pub fn sound_pod(source: &mut impl Source) -> Value {
    Maker {
        source,
        sound: true,
    }
    .pod()
}

struct Maker<'s, S> {
    source: &'s mut S,
    sound: bool,
}

impl<S: Source> Maker<'_, S> {
    fn pod(&mut self) -> Value {
        let mut metadata = Map::new();
        if let Some(annotations) = self.rarely(2, Self::annotations) {
            metadata.insert("annotations".to_owned(), annotations);
        }
        if self.source.once_in(2) {
            metadata.insert("labels".to_owned(), json!({"app": "x"}));
        }
        let volumes = self.volumes();
        let names: Vec<String> = volumes
            .iter()
            .filter_map(|volume| volume["name"].as_str().map(str::to_owned))
            .collect();
        let mut spec = Map::new();
        let mut taken = BTreeSet::new();
        let some = 1 + self.source.below(3);
        let containers = self.containers(some, &names, &mut taken);
        spec.insert("containers".to_owned(), containers);
        if self.source.once_in(3) {
            let some = 1 + self.source.below(2);
            let containers = self.containers(some, &names, &mut taken);
            spec.insert("initContainers".to_owned(), containers);
        }
        if !self.sound && self.source.once_in(8) {
            let containers = self.containers(1, &names, &mut taken);
            spec.insert("ephemeralContainers".to_owned(), containers);
        }
        self.put(&mut spec, "volumes", Value::Array(volumes));
        if let Some(security) = self.rarely(2, Self::pod_security) {
            spec.insert("securityContext".to_owned(), security);
        }
        for flag in ["hostNetwork", "hostPID", "hostIPC"] {
            if self.source.once_in(30) {
                self.put(&mut spec, flag, json!(true));
            }
        }
        if self.source.once_in(20) {
            let host_users = json!(self.source.once_in(2));
            self.put(&mut spec, "hostUsers", host_users);
        }
        if self.source.once_in(3) {
            spec.insert("restartPolicy".to_owned(), json!("Never"));
        }
        if self.source.once_in(6) {
            let seconds: [i64; 5] = [0, 1, 30, i64::MAX, i64::MIN];
            let at = self.source.below(if self.sound { 3 } else { 5 });
            let field = "terminationGracePeriodSeconds".to_owned();
            spec.insert(field, json!(seconds[at]));
        }
        json!({"metadata": metadata, "spec": spec})
    }

    fn rarely(&mut self, times: usize, make: fn(&mut Self) -> Value) -> Option<Value> {
        self.source.once_in(times).then(|| make(self))
    }

    /// Sets a field, or, of a Pod that need not be sound, sets it to null or not at all.
    fn put(&mut self, object: &mut Map<String, Value>, field: &str, value: Value) {
        match self.source.below(if self.sound { 1 } else { 12 }) {
            11 => {}
            10 => drop(object.insert(field.to_owned(), Value::Null)),
            _ => drop(object.insert(field.to_owned(), value)),
        }
    }

    /// One of `list`; now and then any text at all.
    fn word(&mut self, list: &[&str]) -> String {
        if !self.sound && self.source.once_in(24) {
            return self.source.text();
        }
        self.source.of(list).to_owned()
    }

    fn annotations(&mut self) -> Value {
        let mut annotations = Map::new();
        let inject: &[&str] = if self.sound {
            &["true"]
        } else {
            &["true", "true", "false", "yes"]
        };
        for (key, times, values) in [
            ("dind-injector.io/inject", 2, inject),
            (
                "dind-injector.io/containers",
                8,
                &["build", "build,test", "", "dind , build"],
            ),
            (
                "dind-injector.io/profile",
                4,
                &["privileged", "rootless", "other"],
            ),
            (
                "dind-injector.io/memory",
                6,
                &["1Gi", "1Mi/2Mi", "nonsense"],
            ),
            ("kubernetes.io/config.mirror", 40, &["x"]),
            ("other.example/x", 3, &["y"]),
        ] {
            if self.source.once_in(times) && !(self.sound && key.contains("mirror")) {
                let value = self.word(values);
                annotations.insert(key.to_owned(), json!(value));
            }
        }
        Value::Object(annotations)
    }

    fn volumes(&mut self) -> Vec<Value> {
        let count = self.source.below(6);
        let mut taken = BTreeSet::new();
        let mut volumes = Vec::new();
        for _ in 0..count {
            let name = self.word(if self.sound { &VOLUMES[..8] } else { &VOLUMES });
            if !taken.insert(name.clone()) && self.sound {
                continue;
            }
            let mut volume = Map::new();
            self.put(&mut volume, "name", json!(name));
            let (kind, value) = self.volume_source();
            self.put(&mut volume, kind, value);
            volumes.push(Value::Object(volume));
        }
        volumes
    }

    fn volume_source(&mut self) -> (&'static str, Value) {
        match self.source.below(8) {
            0..4 => {
                let mut host = Map::new();
                let path = self.word(&NODE_PATHS);
                let path = match path.strip_suffix("..") {
                    Some(_) if self.sound => "/var/run".to_owned(),
                    _ => path,
                };
                let path = if self.sound && path.is_empty() {
                    "/run".to_owned()
                } else {
                    path
                };
                self.put(&mut host, "path", json!(path));
                if self.source.once_in(3) {
                    let kind = self.word(&["", "Socket", "File", "Directory"]);
                    self.put(&mut host, "type", json!(kind));
                }
                ("hostPath", Value::Object(host))
            }
            4 | 5 => ("emptyDir", json!({})),
            6 => ("configMap", json!({"name": "files"})),
            _ => ("persistentVolumeClaim", json!({"claimName": "data"})),
        }
    }

    fn containers(
        &mut self,
        count: usize,
        volumes: &[String],
        taken: &mut BTreeSet<String>,
    ) -> Value {
        let names = ["build", "test", "dind", "dind-2", "main", "", "x/y~z"];
        let mut containers = Vec::new();
        for _ in 0..count {
            let mut name = self.word(if self.sound { &names[..5] } else { &names });
            while self.sound && taken.contains(&name) {
                name.push_str("-a");
            }
            taken.insert(name.clone());
            let container = self.container(name, volumes);
            containers.push(container);
        }
        Value::Array(containers)
    }

    fn container(&mut self, name: String, volumes: &[String]) -> Value {
        let mut container = Map::new();
        self.put(&mut container, "name", json!(name));
        let image = self.word(&["docker:28-cli", "docker:dind", "nginx"]);
        self.put(&mut container, "image", json!(image));
        if self.source.once_in(3) {
            let script = self.word(&["dockerd & sleep 1", "docker ps", "true"]);
            let command = json!(["sh", "-c", script]);
            self.put(&mut container, "command", command);
        }
        let env = self.env();
        self.put(&mut container, "env", env);
        let mounts = self.mounts(volumes);
        self.put(&mut container, "volumeMounts", mounts);
        if self.source.once_in(3) {
            let user = [0, 7, 1000][self.source.below(3)];
            self.put(
                &mut container,
                "securityContext",
                json!({"runAsUser": user}),
            );
        }
        if !self.sound && self.source.once_in(8) {
            container.insert("restartPolicy".to_owned(), json!("Always"));
        }
        Value::Object(container)
    }

    fn env(&mut self) -> Value {
        let count = self.source.below(4);
        let mut env = Vec::new();
        for _ in 0..count {
            let mut var = Map::new();
            let name = self.word(&VARIABLES);
            self.put(&mut var, "name", json!(name));
            if self.source.once_in(5) {
                let path = self
                    .source
                    .of(&["metadata.name", "status.hostIP", "spec.nodeName"]);
                let from = json!({"fieldRef": {"fieldPath": path}});
                self.put(&mut var, "valueFrom", from);
            } else {
                let value = self.word(&VALUES);
                self.put(&mut var, "value", json!(value));
            }
            env.push(Value::Object(var));
        }
        Value::Array(env)
    }

    fn mounts(&mut self, volumes: &[String]) -> Value {
        let count = self.source.below(5);
        let mut at = BTreeSet::new();
        let mut mounts = Vec::new();
        for _ in 0..count {
            let names: Vec<&str> = volumes.iter().map(String::as_str).collect();
            let name = match (self.sound, names.is_empty()) {
                (true, true) => break,
                (true, false) => self.source.of(&names).to_owned(),
                (false, false) if !self.source.once_in(6) => self.source.of(&names).to_owned(),
                (false, _) => self.word(&VOLUMES),
            };
            let path = self.word(&MOUNT_PATHS);
            if self.sound && (path.is_empty() || path == "/" || !at.insert(path.clone())) {
                continue;
            }
            let mut mount = Map::new();
            self.put(&mut mount, "name", json!(name));
            self.put(&mut mount, "mountPath", json!(path));
            if self.source.once_in(3) {
                let sub = self.word(&SUB_PATHS);
                self.put(&mut mount, "subPath", json!(sub));
            } else if self.source.once_in(6) {
                let expression = self.word(&EXPRESSIONS);
                self.put(&mut mount, "subPathExpr", json!(expression));
            }
            if self.source.once_in(5) {
                self.put(&mut mount, "readOnly", json!(true));
            }
            if self.source.once_in(8) {
                let propagation = self.word(&["None", "HostToContainer"]);
                self.put(&mut mount, "mountPropagation", json!(propagation));
            }
            mounts.push(Value::Object(mount));
        }
        Value::Array(mounts)
    }

    fn pod_security(&mut self) -> Value {
        let mut security = Map::new();
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            if self.source.once_in(3) {
                let id = [0, 7, 1000][self.source.below(3)];
                self.put(&mut security, field, json!(id));
            }
        }
        if self.source.once_in(4) {
            self.put(&mut security, "supplementalGroups", json!([5, 998]));
        }
        Value::Object(security)
    }
}
