//! The way back, step by step, each an operation on the Pod as it then is.
//!
//! First what the records hold, the last pass first; then what is ours by its structure;
//! the sidecar last. A list that is empty in the end goes, unless it was written so.

use serde_json::{Map, Value};

use crate::manifest::Operation;
use crate::model::path::CleanPath;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::names;
use crate::plan::original::is_addable;

use crate::detect::published;
use crate::uninject::UninjectError;
use crate::uninject::record::{
    INIT_CONTAINERS, Record, SECURITY_CONTEXT, VARIABLES, VOLUMES, is_map,
};
use crate::uninject::sidecar::{Sidecar, items, text};

/// The operations that take `sidecar`, and all that came with it, out of `pod`.
pub(super) fn undo(pod: &Value, sidecar: &Sidecar) -> Result<Vec<Operation>, UninjectError> {
    let mut undo = Undo {
        pod: pod.clone(),
        sidecar,
        done: Vec::new(),
    };
    for record in sidecar.records.iter().rev() {
        undo.restore(record)?;
    }
    for at in undo.containers() {
        undo.clean_container(&at)?;
    }
    undo.clean_security()?;
    undo.clean_volumes()?;
    undo.remove(format!("/spec/{}/{}", sidecar.list, sidecar.index))?;
    if sidecar.list == "initContainers" {
        undo.drop_if_empty(INIT_CONTAINERS, undo.field(INIT_CONTAINERS))?;
    }
    for record in sidecar.records.iter().rev() {
        undo.restore_fields(record)?;
    }
    Ok(undo.done)
}

struct Undo<'s> {
    pod: Value,
    sidecar: &'s Sidecar,
    done: Vec<Operation>,
}

impl<'s> Undo<'s> {
    fn act(&mut self, operation: Operation) -> Result<(), UninjectError> {
        operation.clone().apply(&mut self.pod)?;
        self.done.push(operation);
        Ok(())
    }

    fn add(&mut self, path: String, value: Value) -> Result<(), UninjectError> {
        self.act(Operation::Add { path, value })
    }

    fn replace(&mut self, path: String, value: Value) -> Result<(), UninjectError> {
        self.act(Operation::Replace { path, value })
    }

    fn remove(&mut self, path: String) -> Result<(), UninjectError> {
        self.act(Operation::Remove { path })
    }

    fn at(&self, pointer: &str) -> &Value {
        self.pod.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Pointers to the Pod's containers, the sidecar left out.
    fn containers(&self) -> Vec<String> {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let all = lists.into_iter().flat_map(|list| {
            let count = items(&self.pod["spec"], list).len();
            (0..count).map(move |index| (list, index))
        });
        let theirs = all.filter(|at| *at != (self.sidecar.list, self.sidecar.index));
        theirs
            .map(|(list, index)| format!("/spec/{list}/{index}"))
            .collect()
    }

    fn named(&self, name: &str) -> Vec<String> {
        let mut containers = self.containers();
        containers.retain(|at| text(self.at(at), "name") == name);
        containers
    }

    /// A recorded field of the Pod, as the author wrote it.
    fn field(&self, pointer: &str) -> Option<&'s Value> {
        let mut records = self.sidecar.records.iter();
        records.find_map(|record| record.fields.get(pointer))
    }

    fn restore(&mut self, record: &'s Record) -> Result<(), UninjectError> {
        for (container, mount) in &record.mounts {
            self.restore_mount(container, mount)?;
        }
        for (container, index, variable) in &record.env {
            self.restore_variable(container, *index, variable)?;
        }
        for (index, volume) in &record.volumes {
            let index = (*index).min(items(&self.pod["spec"], "volumes").len());
            self.add(format!("{VOLUMES}/{index}"), volume.clone())?;
        }
        Ok(())
    }

    fn restore_mount(
        &mut self,
        container: &str,
        mount: &Map<String, Value>,
    ) -> Result<(), UninjectError> {
        let path = mount.get("mountPath");
        let is_swapped = |now: &Value| {
            text(now, "name") == self.sidecar.socket_volume && now.get("mountPath") == path
        };
        let found = self.named(container).into_iter().find_map(|at| {
            let mut mounts = items(self.at(&at), "volumeMounts").iter();
            let index = mounts.position(is_swapped)?;
            Some(format!("{at}/volumeMounts/{index}"))
        });
        let Some(at) = found else {
            let path = path.and_then(Value::as_str).unwrap_or_default();
            return Err(UninjectError::Changed(format!(
                "a mount of {container} at {path}"
            )));
        };
        self.replace(at, Value::Object(mount.clone()))
    }

    fn restore_variable(
        &mut self,
        container: &str,
        index: usize,
        variable: &Map<String, Value>,
    ) -> Result<(), UninjectError> {
        let name = variable.get("name").and_then(Value::as_str);
        let name = name.filter(|name| VARIABLES.contains(name) || published::NAMES.contains(name));
        let found = name.and_then(|name| {
            self.named(container).into_iter().find_map(|at| {
                let env = items(self.at(&at), "env");
                let is_it = |var: &Value| text(var, "name") == name;
                // Another webhook may have put variables before it.
                let index = match env.get(index) {
                    Some(var) if is_it(var) => index,
                    Some(_) | None => env.iter().rposition(is_it)?,
                };
                Some(format!("{at}/env/{index}"))
            })
        });
        let Some(at) = found else {
            return Err(UninjectError::Changed(format!(
                "a variable {} of {container}",
                name.unwrap_or("of another name")
            )));
        };
        match (variable.get("value"), variable.get("valueFrom")) {
            (_, Some(source)) => {
                self.remove(format!("{at}/value"))?;
                self.add(format!("{at}/valueFrom"), source.clone())
            }
            (Some(value), None) => self.replace(format!("{at}/value"), value.clone()),
            (None, None) => self.remove(format!("{at}/value")),
        }
    }

    /// Takes what was added out of the container at `at`.
    fn clean_container(&mut self, at: &str) -> Result<(), UninjectError> {
        let container = self.at(at);
        let name = text(container, "name").to_owned();
        let mut added = Vec::new();
        let mut is_shared = false;
        for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
            let volume = Some(text(mount, "name"));
            if volume == self.sidecar.tmp_volume.as_deref() {
                added.push(index);
            } else if volume == Some(&self.sidecar.socket_volume) {
                let written = text(mount, "mountPath");
                let path = CleanPath::new(written);
                match text(mount, "subPath") {
                    "" if path.as_str() == self.sidecar.shared_dir => is_shared = true,
                    names::SOCKET_FILE
                        if path.as_str() == DEFAULT_SOCKET && self.sidecar.is_asked_for => {}
                    _ if self.sidecar.asked_paths.iter().any(|at| at == written) => {}
                    _ => {
                        let path = path.as_str().to_owned();
                        return Err(UninjectError::NoRecord {
                            container: name,
                            path,
                        });
                    }
                }
                added.push(index);
            }
        }
        let mut records = self.sidecar.records.iter();
        let is_restored = records.any(|record| {
            let mut variables = record.env.iter();
            variables.any(|(at, _, was)| {
                *at == name
                    && was
                        .get("name")
                        .is_some_and(|name| name == names::DOCKER_HOST)
            })
        });
        let host = format!("unix://{}/{}", self.sidecar.shared_dir, names::SOCKET_FILE);
        // The directory is mounted for the variable's sake, so one tells of the other.
        let variable = items(container, "env")
            .iter()
            .rposition(|var| text(var, "name") == names::DOCKER_HOST && text(var, "value") == host);
        let variable = variable.filter(|_| is_shared && !is_restored);
        for index in added.into_iter().rev() {
            self.remove(format!("{at}/volumeMounts/{index}"))?;
            self.drop_if_empty(
                &format!("{at}/volumeMounts"),
                self.list(&name, "volumeMounts"),
            )?;
        }
        if let Some(index) = variable {
            self.remove(format!("{at}/env/{index}"))?;
            self.drop_if_empty(&format!("{at}/env"), self.list(&name, "env"))?;
        }
        Ok(())
    }

    /// How a list of a container was written while it was empty.
    fn list(&self, container: &str, field: &str) -> Option<&'s Value> {
        let mut lists = self.sidecar.records.iter().flat_map(|record| &record.lists);
        let found = lists.find(|(name, list, _)| name == container && list == field);
        found.map(|(_, _, was)| was)
    }

    /// Takes the list at `path` away if nothing is left in it, or puts back what it was.
    fn drop_if_empty(&mut self, path: &str, was: Option<&Value>) -> Result<(), UninjectError> {
        if self.at(path).as_array().is_none_or(|list| !list.is_empty()) {
            return Ok(());
        }
        match was {
            Some(was) => self.replace(path.to_owned(), was.clone()),
            None => self.remove(path.to_owned()),
        }
    }

    fn clean_security(&mut self) -> Result<(), UninjectError> {
        let Some(group) = self.sidecar.group else {
            return Ok(());
        };
        let groups = format!("{SECURITY_CONTEXT}/supplementalGroups");
        let last = self.at(&groups).as_array().and_then(|list| {
            let last = list.last()?.as_i64()?;
            (last == group).then_some(list.len() - 1)
        });
        if self.field(SECURITY_CONTEXT).is_some() || !is_addable(group, self.sidecar.rootless) {
            return Ok(());
        }
        if let Some(index) = last {
            self.remove(format!("{groups}/{index}"))?;
            self.drop_if_empty(&groups, None)?;
            if self
                .at(SECURITY_CONTEXT)
                .as_object()
                .is_some_and(Map::is_empty)
            {
                self.remove(SECURITY_CONTEXT.to_owned())?;
            }
        }
        Ok(())
    }

    fn clean_volumes(&mut self) -> Result<(), UninjectError> {
        let volumes = items(&self.pod["spec"], "volumes").iter().enumerate();
        let ours = volumes.filter(|(_, volume)| {
            let name = text(volume, "name");
            self.sidecar.volumes.iter().any(|ours| ours == name)
        });
        let ours: Vec<usize> = ours.map(|(index, _)| index).collect();
        for index in ours.into_iter().rev() {
            self.remove(format!("{VOLUMES}/{index}"))?;
        }
        self.drop_if_empty(VOLUMES, self.field(VOLUMES))
    }

    fn restore_fields(&mut self, record: &'s Record) -> Result<(), UninjectError> {
        for pointer in &record.added {
            let now = self.pod.pointer(pointer);
            if now.is_some_and(|now| !is_map(pointer) || is_bare(now)) {
                self.remove(pointer.clone())?;
            }
        }
        for (pointer, was) in &record.fields {
            // Seen to when they became empty; something of another's may be in them now.
            if pointer == VOLUMES || pointer == INIT_CONTAINERS {
                continue;
            }
            if is_map(pointer) && self.pod.pointer(pointer).is_some_and(|now| !is_bare(now)) {
                continue;
            }
            if self.at(pointer) != was || self.pod.pointer(pointer).is_none() {
                self.add(pointer.clone(), was.clone())?;
            }
        }
        Ok(())
    }
}

fn is_bare(map: &Value) -> bool {
    map.is_null() || map.as_object().is_some_and(Map::is_empty)
}
