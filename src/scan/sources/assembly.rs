//! A Pod put together from parts that stand apart in a document.
//!
//! Each part keeps its place, so that what is found in the Pod is shown where its author
//! wrote it. A part of a wrong shape is taken as it is; the engine refuses it by name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::scan::candidate::{Candidate, Object, Pointers};
use crate::scan::sources::named::name;

/// What of a Pod's `spec` decides, beside its containers and volumes.
const PATCHED: [&str; 6] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "securityContext",
    "nodeSelector",
    "runtimeClassName",
];

/// A list of a Pod's containers.
#[derive(Clone, Copy, Debug)]
pub enum List {
    /// `containers`.
    Containers,
    /// `initContainers`.
    Init,
}

/// A Pod in the making.
#[derive(Debug)]
pub struct Assembly {
    containers: Vec<Value>,
    init: Vec<Value>,
    volumes: Vec<Value>,
    spec: Map<String, Value>,
    metadata: Option<Value>,
    pointers: Pointers,
}

impl Assembly {
    /// A Pod of what stands at `base`.
    pub fn at(base: &str) -> Self {
        let mut pointers = Pointers::at(base);
        pointers.part("/metadata", base);
        Self {
            containers: Vec::new(),
            init: Vec::new(),
            volumes: Vec::new(),
            spec: Map::new(),
            metadata: None,
            pointers,
        }
    }

    /// Adds a container; one without a name is called `name`. Returns its index.
    pub fn container(&mut self, container: &Value, name: &str, pointer: &str) -> usize {
        let index = self.containers.len();
        let inner = format!("/spec/containers/{index}");
        self.pointers.part(inner, pointer);
        self.containers.push(named(container, name));
        index
    }

    /// Adds `mounts`, which stand at `pointer`, to the container's own.
    pub fn mounts(&mut self, index: usize, mounts: Option<&Value>, pointer: &str) {
        if let Some(Value::Array(mounts)) = mounts {
            let written = mounts.iter().enumerate();
            let written = written.map(|(from, mount)| (mount.clone(), format!("{pointer}/{from}")));
            self.add_mounts(List::Containers, index, written);
        }
    }

    /// Adds one mount, which stands at `pointer`, to the container's own.
    pub fn mount(&mut self, index: usize, mount: &Value, pointer: &str) {
        self.add_mounts(
            List::Containers,
            index,
            [(mount.clone(), pointer.to_owned())],
        );
    }

    /// Adds mounts, each with where it stands, to those of the container at `index` of `list`.
    fn add_mounts(
        &mut self,
        list: List,
        index: usize,
        mounts: impl IntoIterator<Item = (Value, String)>,
    ) {
        let (containers, field) = match list {
            List::Containers => (&mut self.containers, "containers"),
            List::Init => (&mut self.init, "initContainers"),
        };
        let Some(Value::Object(container)) = containers.get_mut(index) else {
            return;
        };
        let own = container
            .entry("volumeMounts")
            .or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(own) = own else { return };
        for (mount, pointer) in mounts {
            let inner = format!("/spec/{field}/{index}/volumeMounts/{}", own.len());
            self.pointers.part(inner, pointer);
            own.push(mount);
        }
    }

    /// Adds an init container; one without a name is called `name`. Returns its index.
    pub fn init_container(&mut self, container: &Value, name: &str, pointer: &str) -> usize {
        let index = self.init.len();
        self.pointers
            .part(format!("/spec/initContainers/{index}"), pointer);
        self.init.push(named(container, name));
        index
    }

    /// Adds every container of a list as an init container.
    pub fn init(&mut self, list: Option<&Value>, pointer: &str) {
        for (from, container) in items(list).enumerate() {
            self.init_container(
                container,
                &format!("init-{from}"),
                &format!("{pointer}/{from}"),
            );
        }
    }

    /// The index of the container of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let mut all = self.containers.iter();
        all.position(|one| one.get("name").and_then(Value::as_str) == Some(name))
    }

    /// Gives the container at `index` of `list` the mounts of the container `from` as well, which stay where they are
    /// written.
    pub fn mirror(&mut self, from: usize, list: List, index: usize) {
        let mounts = self
            .containers
            .get(from)
            .and_then(|one| one.get("volumeMounts"));
        let mounts: Vec<(Value, String)> = items(mounts)
            .enumerate()
            .map(|(at, mount)| {
                let written = format!("/spec/containers/{from}/volumeMounts/{at}");
                (mount.clone(), self.pointers.outer(&written))
            })
            .collect();
        self.add_mounts(list, index, mounts);
    }

    /// Adds every container of a list.
    pub fn containers(&mut self, list: Option<&Value>, name: &str, pointer: &str) {
        for (from, container) in items(list).enumerate() {
            let name = format!("{name}-{from}");
            self.container(container, &name, &format!("{pointer}/{from}"));
        }
    }

    /// Adds volumes.
    pub fn volumes(&mut self, list: Option<&Value>, pointer: &str) {
        for (from, volume) in items(list).enumerate() {
            let inner = format!("/spec/volumes/{}", self.volumes.len());
            self.pointers.part(inner, format!("{pointer}/{from}"));
            self.volumes.push(volume.clone());
        }
    }

    /// Adds one volume, which stands at `pointer`.
    pub fn volume(&mut self, volume: &Value, pointer: &str) {
        let inner = format!("/spec/volumes/{}", self.volumes.len());
        self.pointers.part(inner, pointer);
        self.volumes.push(volume.clone());
    }

    /// The names of the volumes that it has.
    pub fn volume_names(&self) -> impl Iterator<Item = &str> {
        self.volumes.iter().map(name)
    }

    /// The names of the volumes that its containers mount, some of them often.
    pub fn mounted_names(&self) -> impl Iterator<Item = &str> {
        let containers = self.containers.iter().chain(&self.init);
        containers
            .flat_map(|container| items(container.get("volumeMounts")))
            .map(name)
    }

    /// Lays a strategic merge patch of a Pod's `spec`, which is the text at `at`, over the Pod: what stands in the text
    /// has its own pointer behind that of the text. Containers and volumes are matched by name, mounts by their path,
    /// variables by name, as the API has it.
    pub fn patch(&mut self, patch: &Value, at: &str) {
        self.text(at);
        for (list, field) in [
            (&mut self.containers, "containers"),
            (&mut self.init, "initContainers"),
        ] {
            for (from, container) in items(patch.get(field)).enumerate() {
                let at = &format!("{at}/{field}/{from}");
                let name = container.get("name");
                let known = list.iter().position(|one| one.get("name") == name);
                let index = known.unwrap_or(list.len());
                let place = format!("/spec/{field}/{index}");
                if let Some(Value::Object(own)) = list.get_mut(index) {
                    lay_over(own, container, &place, at, &mut self.pointers);
                } else {
                    self.pointers.part(place, at);
                    list.push(named(container, &format!("{field}-{index}")));
                }
            }
        }
        for (from, volume) in items(patch.get("volumes")).enumerate() {
            let at = &format!("{at}/volumes/{from}");
            let name = volume.get("name");
            let known = self.volumes.iter().position(|one| one.get("name") == name);
            match known.filter(|_| name.is_some()) {
                Some(index) => {
                    self.pointers.part(format!("/spec/volumes/{index}"), at);
                    self.volumes[index] = volume.clone();
                }
                None => self.volume(volume, at),
            }
        }
        self.fields(Some(patch), &PATCHED);
    }

    /// Takes the text at `at` for a part of the Pod as a whole.
    pub fn text(&mut self, at: &str) {
        self.pointers.part("/text", at);
    }

    /// Takes fields of the Pod's `spec` over, where `from` has them.
    pub fn fields(&mut self, from: Option<&Value>, names: &[&str]) {
        for name in names {
            if let Some(value) = from.and_then(|from| from.get(name)) {
                self.spec.insert((*name).to_owned(), value.clone());
            }
        }
    }

    /// Gives the Pod its `metadata`.
    pub fn metadata(&mut self, metadata: Option<&Value>) {
        self.metadata = metadata.cloned();
    }

    /// The Pod as a candidate; none without a container.
    pub fn finish<'d>(
        self,
        head: Object<'d>,
        maker: &'d str,
        part: Option<&str>,
        scripts: Cow<'d, str>,
    ) -> Option<Candidate<'d>> {
        if self.containers.is_empty() {
            return None;
        }
        let mut spec = self.spec;
        if !self.init.is_empty() {
            spec.insert("initContainers".to_owned(), Value::Array(self.init));
        }
        spec.insert("containers".to_owned(), Value::Array(self.containers));
        spec.insert("volumes".to_owned(), Value::Array(self.volumes));
        let mut pod = Map::new();
        if let Some(metadata) = self.metadata {
            pod.insert("metadata".to_owned(), metadata);
        }
        pod.insert("spec".to_owned(), Value::Object(spec));
        let name = match part {
            Some(part) => Cow::Owned(format!("{}/{part}", head.name)),
            None => Cow::Borrowed(head.name),
        };
        Some(Candidate {
            kind: head.kind,
            maker,
            name,
            namespace: head.namespace,
            pod: Ok(Cow::Owned(pod)),
            pointers: self.pointers,
            extent: Vec::new(),
            scripts,
            others: Vec::new(),
            annotations: None,
        })
    }
}

/// The items of a list that may be missing, or no list.
pub fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// Lays `patch`, which stands at `at`, over the container `own` at `place` of the Pod.
fn lay_over(
    own: &mut Map<String, Value>,
    patch: &Value,
    place: &str,
    at: &str,
    pointers: &mut Pointers,
) {
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value {
            Value::Array(added) if matches!(key.as_str(), "volumeMounts" | "env") => {
                let list = own
                    .entry(key.as_str())
                    .or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(list) = list else { continue };
                let merged_by = if key == "env" { "name" } else { "mountPath" };
                for (from, one) in added.iter().enumerate() {
                    let at = format!("{at}/{key}/{from}");
                    let own = one.get(merged_by);
                    let known = list.iter().position(|known| known.get(merged_by) == own);
                    let index = known.filter(|_| own.is_some()).unwrap_or(list.len());
                    pointers.part(format!("{place}/{key}/{index}"), at);
                    match list.get_mut(index) {
                        Some(known) => *known = one.clone(),
                        None => list.push(one.clone()),
                    }
                }
            }
            _ => {
                pointers.part(format!("{place}/{key}"), format!("{at}/{key}"));
                own.insert(key.clone(), value.clone());
            }
        }
    }
}

fn named(container: &Value, name: &str) -> Value {
    let mut container = container.clone();
    if let Value::Object(fields) = &mut container {
        let has = fields.get("name").and_then(Value::as_str);
        if has.is_none_or(str::is_empty) {
            fields.insert("name".to_owned(), name.into());
        }
    }
    container
}
