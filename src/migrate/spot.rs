//! Where the annotations of a Pod are written, for each system that makes Pods in a way of its own, and
//! how its containers will be called.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::manifest::kinds;
use crate::model::place::Place;

use crate::scan::candidate::Candidate;
use crate::scan::sources::jenkins::JENKINS_AGENT;

/// The mapping or list that holds a Pod's annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// A mapping at this pointer, which may have to be made.
    Map(String),
    /// A list of `{key, value}` at this pointer, as Jenkins' Configuration as Code has it.
    List(String),
}

/// How the annotation names a Pod's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By the names in the text.
    Own,
    /// Tekton's: `step-` or `sidecar-` before them.
    Tekton,
    /// Prow's: the one container of a job is called `test`.
    Prow,
    /// Buildkite's: a container of a step without a name is called `container-0`, by its place.
    Buildkite,
    /// They get their names later: only a Pod whose containers all have the same can be annotated.
    Every,
}

impl Naming {
    /// The Pod with the names that its containers will have, where they have none yet.
    pub(super) fn called(self, candidate: &Candidate<'_>) -> Option<Map<String, Value>> {
        let mut pod = candidate.pod.as_ref().ok()?.as_ref().clone();
        let containers = pod.get_mut("spec")?.get_mut("containers")?.as_array_mut()?;
        match (self, containers.as_mut_slice()) {
            // Source: test-infra, `prow/pod-utils/decorate/podspec.go`.
            (Self::Prow, [only]) => {
                only.as_object_mut()?
                    .insert("name".to_owned(), "test".into());
                Some(pod)
            }
            // Source: buildkite/agent-stack-k8s, `internal/controller/scheduler`.
            (Self::Buildkite, containers) => {
                for (index, container) in containers.iter_mut().enumerate() {
                    let container = container.as_object_mut()?;
                    let name = container.entry("name").or_insert_with(|| "".into());
                    if name.as_str().is_some_and(str::is_empty) {
                        *name = format!("container-{index}").into();
                    }
                }
                Some(pod)
            }
            (Self::Prow | Self::Own | Self::Tekton | Self::Every, _) => None,
        }
    }

    /// The name that the container at `place` will have; none where that is not known.
    pub(super) fn name<'n>(
        self,
        candidate: &Candidate<'_>,
        place: Place,
        name: &'n str,
    ) -> Option<Cow<'n, str>> {
        match self {
            Self::Own | Self::Prow | Self::Buildkite => {
                (!name.is_empty()).then_some(Cow::Borrowed(name))
            }
            Self::Tekton => {
                let at = candidate.pointers.outer(&place.to_string());
                let prefix = if at.contains("/sidecars/") {
                    "sidecar"
                } else {
                    "step"
                };
                Some(Cow::Owned(format!("{prefix}-{name}")))
            }
            Self::Every => None,
        }
    }
}

/// Where the annotations of a candidate's Pods go. An error says where a person would put them.
pub(super) fn of(candidate: &Candidate<'_>, item: &Value) -> Result<(Spot, Naming), &'static str> {
    let base = candidate.pointers.base();
    let map = |at: String| Spot::Map(format!("{at}/annotations"));
    let template = || map(format!("{base}/metadata"));
    match candidate.kind {
        JENKINS_AGENT => {
            let template = item.pointer(base);
            let volumes = template.and_then(|template| template.get("volumes"));
            let mut volumes = volumes.and_then(Value::as_array).into_iter().flatten();
            let at = format!("{base}/annotations");
            let is_code = volumes.any(|volume| volume.get("hostPathVolume").is_some());
            return Ok((
                if is_code {
                    Spot::List(at)
                } else {
                    Spot::Map(at)
                },
                Naming::Every,
            ));
        }
        "Task" | "ClusterTask" | "TaskRun" | "Pipeline" | "PipelineRun" => {
            let object = base
                .strip_suffix("/taskSpec")
                .and_then(|base| base.strip_suffix("/spec"))
                .or_else(|| base.strip_suffix("/spec"));
            return Ok((
                match object {
                    Some(object) => map(format!("{object}/metadata")),
                    // A task in a pipeline has metadata of its own.
                    None => template(),
                },
                Naming::Tekton,
            ));
        }
        "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow" => {
            return Ok((template(), Naming::Own));
        }
        // The runner's own fields are in the place of a Pod's spec.
        "RunnerDeployment" | "RunnerReplicaSet" => {
            let template = base.strip_suffix("/spec").unwrap_or(base);
            return Ok((map(format!("{template}/metadata")), Naming::Own));
        }
        "Drone pipeline" => return Ok((template(), Naming::Every)),
        "StepAction" => return Err("on each Task that uses the step"),
        _ => {}
    }
    // A job of Prow has its Pods' annotations beside the spec.
    if PROW.iter().any(|key| base.starts_with(key)) {
        let job = base.strip_suffix("/spec").unwrap_or(base);
        return Ok((map(job.to_owned()), Naming::Prow));
    }
    if candidate.pointers.is_whole() && is_template(candidate) {
        return Ok((template(), Naming::Own));
    }
    // Buildkite's Kubernetes plugin has the Pod's metadata beside its spec.
    if let Some(plugin) = base.strip_suffix("/podSpec") {
        return Ok((map(format!("{plugin}/metadata")), Naming::Buildkite));
    }
    Err("where this file's system takes the annotations of its Pods")
}

/// The lists of jobs of a Prow configuration.
const PROW: [&str; 3] = ["/presubmits/", "/postsubmits/", "/periodics/"];

/// Whether what has a Pod's spec is a Pod or a template of one, and so has a Pod's metadata.
fn is_template(candidate: &Candidate<'_>) -> bool {
    let base = candidate.pointers.base();
    let has = |key: &str| {
        candidate
            .pod
            .as_ref()
            .is_ok_and(|pod| pod.contains_key(key))
    };
    let is_known = kinds::kind(None, candidate.kind).is_some();
    is_known || base.is_empty() || base.ends_with("/template") || has("metadata") || has("kind")
}
