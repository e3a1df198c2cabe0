//! Argo Workflows: each template with a container makes a Pod of its own.
//!
//! The Pod is put together as Argo's controller does it: the workflow's volumes and the
//! template's, the template's main container with its sidecars and init containers, which may mirror its
//! mounts, `templateDefaults` below them and `podSpecPatch` over them.
//! Sources: `argo-workflows/workflow/controller/workflowpod.go`, `workflow/util/merge.go`.

use std::borrow::Cow;

use serde_json::Value;

use crate::manifest;
use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::{Assembly, List, items};
use crate::scan::sources::named;
use crate::scan::sources::named::Volumes;

const POD_FIELDS: [&str; 6] = [
    "hostNetwork",
    "serviceAccountName",
    "securityContext",
    "nodeSelector",
    "restartPolicy",
    "hostAliases",
];

/// The Pods of a workflow; none for any other object.
pub fn candidates<'d>(
    object: &'d Value,
    head: Object<'d>,
    pointer: &str,
) -> Option<Vec<Candidate<'d>>> {
    let path: &[&str] = match head.kind {
        "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" => &["spec"],
        "CronWorkflow" => &["spec", "workflowSpec"],
        _ => return None,
    };
    if !head.is_of("argoproj.io") {
        return None;
    }
    let mut spec = Some(object);
    let mut at = pointer.to_owned();
    for key in path {
        spec = spec.and_then(|value| value.get(key));
        at = format!("{at}/{key}");
    }
    let mut found = Vec::new();
    let Some(spec) = spec else {
        return Some(found);
    };
    let defaults = spec.get("templateDefaults");
    let defaults_at = format!("{at}/templateDefaults");
    let workflow = Workflow {
        spec,
        head,
        at: &at,
        volumes: Volumes::of(spec.get("volumes"), format!("{at}/volumes")),
        default_volumes: Volumes::of(
            defaults.and_then(|all| all.get("volumes")),
            format!("{defaults_at}/volumes"),
        ),
        patches: [patches(defaults, &defaults_at), patches(Some(spec), &at)].concat(),
    };
    for (index, template) in items(spec.get("templates")).enumerate() {
        workflow.template(template, &format!("{at}/templates/{index}"), 0, &mut found);
    }
    Some(found)
}

struct Workflow<'d, 'p> {
    spec: &'d Value,
    head: Object<'d>,
    at: &'p str,
    /// Those of all templates, and of `templateDefaults`.
    volumes: Volumes<'d>,
    default_volumes: Volumes<'d>,
    /// What is laid over the Pod of every template, and where it stands.
    patches: Vec<(Value, String)>,
}

/// The documents of the `podSpecPatch` in `from`, which stands at `at`.
fn patches(from: Option<&Value>, at: &str) -> Vec<(Value, String)> {
    let key = "podSpecPatch";
    let text = from.and_then(|from| from.get(key)).and_then(Value::as_str);
    let documents = text.and_then(|text| manifest::read(text).ok());
    let documents = documents.unwrap_or_default().into_iter();
    documents
        .map(|document| (document.value, format!("{at}/{key}")))
        .collect()
}

/// Inline templates in inline templates end here.
const MAX_INLINE: usize = 4;

impl<'d> Workflow<'d, '_> {
    fn template(
        &self,
        template: &'d Value,
        at: &str,
        depth: usize,
        found: &mut Vec<Candidate<'d>>,
    ) {
        let text = |key: &str| template.get(key).and_then(Value::as_str);
        let mut pod = Assembly::at(at);
        let mut scripts = Cow::Borrowed("");
        let defaults = self.spec.get("templateDefaults");
        let defaults_at = format!("{}/templateDefaults", self.at);
        for key in ["container", "script"] {
            if let Some(container) = template.get(key) {
                let index = pod.container(container, "main", &format!("{at}/{key}"));
                let default = defaults.and_then(|all| all.get(key));
                let mounts = default.and_then(|all| all.get("volumeMounts"));
                pod.mounts(index, mounts, &format!("{defaults_at}/{key}/volumeMounts"));
                if let Some(source) = container.get("source").and_then(Value::as_str) {
                    scripts = Cow::Borrowed(source);
                }
            }
        }
        let set = template.get("containerSet");
        let set_containers = set.and_then(|set| set.get("containers"));
        pod.containers(
            set_containers,
            "main",
            &format!("{at}/containerSet/containers"),
        );
        if let Some(Value::Array(containers)) = set_containers {
            let mounts = set.and_then(|set| set.get("volumeMounts"));
            for index in 0..containers.len() {
                pod.mounts(index, mounts, &format!("{at}/containerSet/volumeMounts"));
            }
        }
        let sidecars = template.get("sidecars");
        helpers(
            &mut pod,
            sidecars,
            &format!("{at}/sidecars"),
            List::Containers,
        );
        let init = template.get("initContainers");
        helpers(&mut pod, init, &format!("{at}/initContainers"), List::Init);
        let of_all = ["sidecars", "initContainers"].map(|key| {
            let list = defaults.and_then(|all| all.get(key));
            (list, format!("{defaults_at}/{key}"))
        });
        let [(sidecars, sidecars_at), (init, init_at)] = of_all;
        helpers(&mut pod, sidecars, &sidecars_at, List::Containers);
        helpers(&mut pod, init, &init_at, List::Init);
        pod.fields(Some(self.spec), &POD_FIELDS);
        pod.fields(Some(template), &POD_FIELDS);
        for (patch, at) in self.patches.iter().chain(&patches(Some(template), at)) {
            pod.patch(patch, at);
        }
        let own = Volumes::of(template.get("volumes"), format!("{at}/volumes"));
        named::mounted(&mut pod, &[&own, &self.default_volumes, &self.volumes]);
        pod.metadata(
            template
                .get("metadata")
                .or_else(|| self.spec.get("podMetadata")),
        );
        found.extend(pod.finish(self.head, "Workflow", text("name"), scripts));
        if depth < MAX_INLINE {
            self.inline(template, at, depth, found);
        }
    }

    fn inline(&self, template: &'d Value, at: &str, depth: usize, found: &mut Vec<Candidate<'d>>) {
        let mut step = |step: &'d Value, at: String| {
            if let Some(inline) = step.get("inline") {
                self.template(inline, &format!("{at}/inline"), depth + 1, found);
            }
        };
        let tasks = template.get("dag").and_then(|dag| dag.get("tasks"));
        for (index, task) in items(tasks).enumerate() {
            step(task, format!("{at}/dag/tasks/{index}"));
        }
        for (outer, group) in items(template.get("steps")).enumerate() {
            for (inner, one) in items(Some(group)).enumerate() {
                step(one, format!("{at}/steps/{outer}/{inner}"));
            }
        }
    }
}

/// Adds sidecars or init containers. One with `mirrorVolumeMounts` gets the mounts of `main`, if there is one.
fn helpers(pod: &mut Assembly, list: Option<&Value>, at: &str, kind: List) {
    let main = pod.position("main");
    for (index, helper) in items(list).enumerate() {
        let at = format!("{at}/{index}");
        let added = match kind {
            List::Containers => pod.container(helper, &format!("sidecar-{index}"), &at),
            List::Init => pod.init_container(helper, &format!("init-{index}"), &at),
        };
        let is_mirror = helper.get("mirrorVolumeMounts") == Some(&Value::Bool(true));
        if let Some(main) = main.filter(|_| is_mirror) {
            pod.mirror(main, kind, added);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_template_has_only_the_volumes_that_it_mounts() {
        const TEMPLATES: usize = 50;
        let volume = |index| json!({"name": format!("r{index}"), "hostPath": {"path": "/run"}});
        let template = |index| {
            json!({"name": "t", "container": {"volumeMounts": [
                {"name": format!("r{index}"), "mountPath": "/x"}]}})
        };
        let workflow = json!({"kind": "Workflow", "spec": {
            "volumes": (0..TEMPLATES).map(volume).collect::<Vec<_>>(),
            "templates": (0..TEMPLATES).map(template).collect::<Vec<_>>()}});
        let found = candidates(&workflow, Object::of(&workflow), "").unwrap_or_default();
        assert_eq!(found.len(), TEMPLATES);
        let pods = found.iter().filter_map(|one| one.pod.as_ref().ok());
        let volumes = pods.map(|pod| items(pod["spec"].get("volumes")).count());
        assert_eq!(volumes.sum::<usize>(), TEMPLATES);
    }
}
