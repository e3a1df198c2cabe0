//! Tekton: each task becomes a Pod whose containers are the task's steps and sidecars.
//!
//! Source: `tektoncd/pipeline/pkg/pod/pod.go`; `stepTemplate` and a run's `podTemplate` are
//! laid over as there.

use std::borrow::Cow;

use serde_json::Value;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::{Assembly, items};

const POD_FIELDS: [&str; 5] = [
    "hostNetwork",
    "securityContext",
    "nodeSelector",
    "runtimeClassName",
    "hostAliases",
];

/// The Pods of a task, a pipeline or a run of one; none for any other object.
pub fn candidates<'d>(
    object: &'d Value,
    head: Object<'d>,
    pointer: &str,
) -> Option<Vec<Candidate<'d>>> {
    if !head.is_of("tekton.dev") {
        return None;
    }
    let spec = object.get("spec")?;
    let at = format!("{pointer}/spec");
    let mut tasks = Tasks {
        head,
        template: None,
        template_at: String::new(),
        account: None,
        found: Vec::new(),
    };
    match head.kind {
        "Task" | "ClusterTask" => tasks.task(spec, None, &at),
        "StepAction" => tasks.step_action(spec, &at),
        "TaskRun" => {
            tasks.run(spec, &at, "podTemplate");
            if let Some(task) = spec.get("taskSpec") {
                tasks.task(task, None, &format!("{at}/taskSpec"));
            }
        }
        "Pipeline" => tasks.pipeline(spec, &at),
        "PipelineRun" => {
            tasks.run(spec, &at, "podTemplate");
            if let Some(run) = spec.get("taskRunTemplate") {
                tasks.run(run, &format!("{at}/taskRunTemplate"), "podTemplate");
            }
            if let Some(pipeline) = spec.get("pipelineSpec") {
                tasks.pipeline(pipeline, &format!("{at}/pipelineSpec"));
            }
        }
        _ => return None,
    }
    Some(tasks.found)
}

struct Tasks<'d> {
    head: Object<'d>,
    /// The run's `podTemplate`.
    template: Option<&'d Value>,
    template_at: String,
    /// What holds the run's `serviceAccountName`.
    account: Option<&'d Value>,
    found: Vec<Candidate<'d>>,
}

impl<'d> Tasks<'d> {
    fn run(&mut self, run: &'d Value, at: &str, key: &str) {
        self.account = Some(run);
        if let Some(template) = run.get(key) {
            self.template = Some(template);
            self.template_at = format!("{at}/{key}");
        }
    }

    fn pipeline(&mut self, pipeline: &'d Value, at: &str) {
        for key in ["tasks", "finally"] {
            for (index, task) in items(pipeline.get(key)).enumerate() {
                if let Some(spec) = task.get("taskSpec") {
                    let name = task.get("name").and_then(Value::as_str);
                    self.task(spec, name, &format!("{at}/{key}/{index}/taskSpec"));
                }
            }
        }
    }

    fn task(&mut self, task: &'d Value, name: Option<&'d str>, at: &str) {
        let mut pod = Assembly::at(at);
        let mut scripts = String::new();
        let template = task.get("stepTemplate");
        for (index, step) in items(task.get("steps")).enumerate() {
            let name = format!("unnamed-{index}");
            let container = pod.container(step, &name, &format!("{at}/steps/{index}"));
            let mounts = template.and_then(|template| template.get("volumeMounts"));
            pod.mounts(
                container,
                mounts,
                &format!("{at}/stepTemplate/volumeMounts"),
            );
            if let Some(script) = step.get("script").and_then(Value::as_str) {
                scripts.push_str(script);
                scripts.push('\n');
            }
        }
        pod.containers(task.get("sidecars"), "sidecar", &format!("{at}/sidecars"));
        pod.volumes(task.get("volumes"), &format!("{at}/volumes"));
        let volumes = self.template.and_then(|template| template.get("volumes"));
        pod.volumes(volumes, &format!("{}/volumes", self.template_at));
        pod.fields(self.template, &POD_FIELDS);
        pod.fields(self.account, &["serviceAccountName"]);
        let scripts = Cow::Owned(scripts);
        self.found
            .extend(pod.finish(self.head, "TaskRun", name, scripts));
    }

    fn step_action(&mut self, step: &'d Value, at: &str) {
        let mut pod = Assembly::at(at);
        pod.container(step, "step", at);
        let script = step.get("script").and_then(Value::as_str);
        let script = Cow::Borrowed(script.unwrap_or_default());
        self.found
            .extend(pod.finish(self.head, "TaskRun", None, script));
    }
}
