//! Tekton: each task becomes a Pod whose containers are the task's steps and sidecars.
//!
//! A run's `podTemplate` goes with the task that it runs: the one in the run, or the one of that name
//! in the same text. Source: `tektoncd/pipeline/pkg/pod/pod.go`; `stepTemplate` and `podTemplate` are
//! laid over as there.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::Value;

use crate::scan::candidate::{Candidate, Object, each_item};
use crate::scan::sources::assembly::{Assembly, items};
use crate::scan::sources::named;
use crate::scan::sources::named::Volumes;

pub(super) const GROUP: &str = "tekton.dev";

const POD_FIELDS: [&str; 5] = [
    "hostNetwork",
    "securityContext",
    "nodeSelector",
    "runtimeClassName",
    "hostAliases",
];

/// The tasks and pipelines of a text, that a run in it may name.
#[derive(Debug, Default)]
pub struct Beside<'d>(Vec<Named<'d>>);

#[derive(Clone, Copy, Debug)]
struct Named<'d> {
    document: usize,
    head: Object<'d>,
    spec: &'d Value,
}

impl<'d> Beside<'d> {
    /// Of a text's documents.
    pub fn of(documents: impl Iterator<Item = &'d Value>) -> Self {
        let mut found = Vec::new();
        for (document, value) in documents.enumerate() {
            each_item(value, &mut |item, _| {
                let head = Object::of(item);
                let is_named = matches!(head.kind, "Task" | "ClusterTask" | "Pipeline");
                if is_named
                    && head.is_of(GROUP)
                    && let Some(spec) = item.get("spec")
                {
                    found.push(Named {
                        document,
                        head,
                        spec,
                    });
                }
            });
        }
        Self(found)
    }

    /// The one that `reference` (a `taskRef`, a `pipelineRef`) names.
    fn named(&self, reference: Option<&Value>, is_task: bool) -> Option<Named<'d>> {
        let name = reference?.get("name")?.as_str()?;
        let mut all = self.0.iter();
        let found =
            all.find(|one| one.head.name == name && one.head.kind.ends_with("Task") == is_task);
        found.copied()
    }
}

/// The Pods of a task, a pipeline or a run of one; none for any other object.
pub fn candidates<'d>(
    object: &'d Value,
    head: Object<'d>,
    pointer: &str,
    beside: &Beside<'d>,
) -> Option<Vec<Candidate<'d>>> {
    if !head.is_of(GROUP) {
        return None;
    }
    let spec = object.get("spec")?;
    let at = format!("{pointer}/spec");
    let mut tasks = Tasks {
        head,
        beside,
        template: None,
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
            tasks.referred(spec.get("taskRef"), None, &format!("{at}/taskRef"));
        }
        "Pipeline" => tasks.pipeline(spec, &at, None),
        "PipelineRun" => {
            tasks.run(spec, &at, "podTemplate");
            if let Some(run) = spec.get("taskRunTemplate") {
                tasks.run(run, &format!("{at}/taskRunTemplate"), "podTemplate");
            }
            let run = Run { spec, at: &at };
            if let Some(pipeline) = spec.get("pipelineSpec") {
                tasks.pipeline(pipeline, &format!("{at}/pipelineSpec"), Some(run));
            }
            if let Some(pipeline) = beside.named(spec.get("pipelineRef"), false) {
                tasks.elsewhere(pipeline, run);
            }
        }
        _ => return None,
    }
    Some(tasks.found)
}

/// A PipelineRun.
#[derive(Clone, Copy)]
struct Run<'d, 'p> {
    spec: &'d Value,
    at: &'p str,
}

/// A `podTemplate`, and its volumes.
type Template<'d> = (&'d Value, Rc<Volumes<'d>>);

fn template_at<'d>(template: &'d Value, at: &str) -> Template<'d> {
    let volumes = Volumes::of(template.get("volumes"), format!("{at}/volumes"));
    (template, Rc::new(volumes))
}

struct Tasks<'d, 'b> {
    head: Object<'d>,
    beside: &'b Beside<'d>,
    /// The run's `podTemplate`.
    template: Option<Template<'d>>,
    /// What holds the run's `serviceAccountName`.
    account: Option<&'d Value>,
    found: Vec<Candidate<'d>>,
}

impl<'d> Tasks<'d, '_> {
    fn run(&mut self, run: &'d Value, at: &str, key: &str) {
        self.account = Some(run);
        if let Some(template) = run.get(key) {
            self.template = Some(template_at(template, &format!("{at}/{key}")));
        }
    }

    /// The `podTemplate` of one task of a pipeline that is run.
    fn template_of(&self, task: &Value, run: Option<Run<'d, '_>>) -> Option<Template<'d>> {
        let name = task.get("name");
        let own = run.and_then(|run| {
            let mut specs = items(run.spec.get("taskRunSpecs")).enumerate();
            let (index, spec) = specs.find(|(_, spec)| spec.get("pipelineTaskName") == name)?;
            ["podTemplate", "taskPodTemplate"]
                .into_iter()
                .find_map(|key| {
                    let at = format!("{}/taskRunSpecs/{index}/{key}", run.at);
                    Some(template_at(spec.get(key)?, &at))
                })
        });
        own.or_else(|| self.template.clone())
    }

    fn pipeline(&mut self, pipeline: &'d Value, at: &str, run: Option<Run<'d, '_>>) {
        let of_run = self.template.clone();
        for key in ["tasks", "finally"] {
            for (index, task) in items(pipeline.get(key)).enumerate() {
                self.template = self.template_of(task, run);
                let name = task.get("name").and_then(Value::as_str);
                let at = format!("{at}/{key}/{index}");
                if let Some(spec) = task.get("taskSpec") {
                    self.task(spec, name, &format!("{at}/taskSpec"));
                }
                if run.is_some() {
                    self.referred(task.get("taskRef"), name, &format!("{at}/taskRef"));
                }
                self.template.clone_from(&of_run);
            }
        }
    }

    /// The tasks of a pipeline in another document, as the run at hand runs them.
    fn elsewhere(&mut self, pipeline: Named<'d>, run: Run<'d, '_>) {
        let of_run = self.template.clone();
        let at = format!("{}/pipelineRef", run.at);
        let tasks = ["tasks", "finally"].map(|key| items(pipeline.spec.get(key)));
        for task in tasks.into_iter().flatten() {
            self.template = self.template_of(task, Some(run));
            let name = task.get("name").and_then(Value::as_str);
            self.referred(task.get("taskRef"), name, &at);
            if let Some(spec) = task.get("taskSpec") {
                self.with_volumes(spec, name, &at, pipeline.document);
            }
            self.template.clone_from(&of_run);
        }
    }

    /// The task that is named, as the run at hand runs it.
    fn referred(&mut self, reference: Option<&'d Value>, name: Option<&'d str>, at: &str) {
        if let Some(task) = self.beside.named(reference, true) {
            self.with_volumes(task.spec, name, at, task.document);
        }
    }

    /// A task of another document, where the run adds volumes to it; else it is told where it is.
    fn with_volumes(&mut self, task: &'d Value, name: Option<&'d str>, at: &str, document: usize) {
        let template = self.template.as_ref();
        if template.is_none_or(|(template, _)| template.get("volumes").is_none()) {
            return;
        }
        let found = self.assembled(task, name, at, |_| at.to_owned());
        self.found.extend(found.map(|candidate| Candidate {
            others: vec![document],
            ..candidate
        }));
    }

    fn task(&mut self, task: &'d Value, name: Option<&'d str>, at: &str) {
        let found = self.assembled(task, name, at, |part| format!("{at}/{part}"));
        self.found.extend(found);
    }

    /// The Pod of a task, each part of which stands at `place`.
    fn assembled(
        &self,
        task: &'d Value,
        name: Option<&'d str>,
        at: &str,
        place: impl Fn(&str) -> String,
    ) -> Option<Candidate<'d>> {
        let mut pod = Assembly::at(at);
        let mut scripts = String::new();
        let template = task.get("stepTemplate");
        for (index, step) in items(task.get("steps")).enumerate() {
            let name = format!("unnamed-{index}");
            let container = pod.container(step, &name, &place(&format!("steps/{index}")));
            let mounts = template.and_then(|template| template.get("volumeMounts"));
            pod.mounts(container, mounts, &place("stepTemplate/volumeMounts"));
            if let Some(script) = step.get("script").and_then(Value::as_str) {
                scripts.push_str(script);
                scripts.push('\n');
            }
        }
        pod.containers(task.get("sidecars"), "sidecar", &place("sidecars"));
        pod.volumes(task.get("volumes"), &place("volumes"));
        if let Some((template, volumes)) = &self.template {
            named::mounted(&mut pod, &[volumes]);
            pod.fields(Some(template), &POD_FIELDS);
        }
        pod.fields(self.account, &["serviceAccountName"]);
        pod.finish(self.head, "TaskRun", name, Cow::Owned(scripts))
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
