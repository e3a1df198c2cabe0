//! Pods in kinds that this program does not know: whatever holds `containers` as a Pod does.
//!
//! Runner sets, rollouts, Prow jobs, operators' resources: each hands a Pod template or a
//! Pod's spec on. Objects inside of objects (a trigger's, a template's) count as if they
//! stood alone.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::manifest::{below, tokens};
use crate::names::NO_NAME;

use crate::scan::candidate::{Candidate, Object, Pointers, candidates as of_document};
use crate::scan::sources::assembly::Assembly;
use crate::scan::sources::pod_fields;
use crate::scan::sources::tekton::Beside;

/// Nothing that people write nests its Pod templates deeper.
const MAX_DEPTH: usize = 24;

/// The Pods that stand anywhere in `object`.
pub fn candidates<'d>(object: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let mut search = Search {
        head,
        beside: Beside::default(),
        root: pointer.to_owned(),
        found: Vec::new(),
    };
    search.value(object, pointer, 0);
    search.found
}

struct Search<'d> {
    head: Object<'d>,
    /// An object inside of another has none beside it.
    beside: Beside<'d>,
    root: String,
    found: Vec<Candidate<'d>>,
}

impl<'d> Search<'d> {
    fn value(&mut self, value: &'d Value, at: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if item.is_object() || item.is_array() {
                        self.value(item, &format!("{at}/{index}"), depth + 1);
                    }
                }
            }
            Value::Object(map) => self.object(value, map, at, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, value: &'d Value, map: &'d Map<String, Value>, at: &str, depth: usize) {
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        if depth > 0 && text("apiVersion").is_some() && text("kind").is_some() {
            // An owner or the target of a scaler is named by these, and is not there.
            if !["spec", "template", "items"]
                .iter()
                .any(|key| map.contains_key(*key))
            {
                return;
            }
            let inner = of_document(value, &self.beside);
            self.found
                .extend(inner.into_iter().map(|candidate| Candidate {
                    pointers: candidate.pointers.moved(at),
                    ..candidate
                }));
            return;
        }
        if let Some(Value::Object(spec)) = map.get("spec").filter(|spec| is_pod_spec(spec)) {
            let inner = below(at, "spec");
            // The metadata of a whole object is not its Pods'.
            if at == self.root && map.contains_key("kind") {
                self.spec(spec, &inner);
            } else {
                let mut pointers = Pointers::at(at);
                let others = map
                    .keys()
                    .filter(|key| !matches!(key.as_str(), "metadata" | "spec"));
                others.for_each(|key| pointers.beside(below(at, key)));
                self.push(Cow::Borrowed(map), beside(pointers, spec, &inner));
            }
            self.others(map, at, depth, |key| {
                matches!(key, "kind" | "apiVersion" | "metadata" | "spec")
            });
            self.others(spec, &inner, depth + 1, pod_fields::is_of_spec);
            return;
        }
        if let Some(runner) = map
            .get("spec")
            .filter(|_| self.head.group == Some(SUMMERWIND))
            && at.ends_with("/template")
        {
            self.summerwind(runner, &below(at, "spec"));
            return;
        }
        if is_pod_spec(value) {
            self.spec(map, at);
            self.others(map, at, depth, pod_fields::is_of_spec);
            return;
        }
        self.others(map, at, depth, |_| false);
    }

    /// What of a mapping is not below one of its keys that is known.
    fn others(
        &mut self,
        map: &'d Map<String, Value>,
        at: &str,
        depth: usize,
        is_known: impl Fn(&str) -> bool,
    ) {
        for (key, value) in map {
            if !is_known(key) && (value.is_object() || value.is_array()) {
                self.value(value, &below(at, key), depth + 1);
            }
        }
    }

    /// A bare spec, in a Pod of its own.
    fn spec(&mut self, spec: &'d Map<String, Value>, at: &str) {
        let mut pod = Map::new();
        pod.insert("spec".to_owned(), Value::Object(spec.clone()));
        let mut pointers = Pointers::at(at);
        pointers.part("/spec", at);
        self.push(Cow::Owned(pod), beside(pointers, spec, at));
    }

    /// A RunnerDeployment of the older actions-runner-controller: its own fields beside a Pod's.
    /// Source: `actions-runner-controller/apis/actions.summerwind.net/v1alpha1/runner_types.go`.
    fn summerwind(&mut self, runner: &'d Value, at: &str) {
        let mut pod = Assembly::at(at);
        pod.container(runner, "runner", at);
        for key in ["containers", "sidecarContainers"] {
            pod.containers(runner.get(key), key, &below(at, key));
        }
        pod.init(runner.get("initContainers"), &below(at, "initContainers"));
        pod.volumes(runner.get("volumes"), &below(at, "volumes"));
        pod.fields(
            Some(runner),
            &["hostNetwork", "securityContext", "serviceAccountName"],
        );
        self.found
            .extend(pod.finish(self.head, "Runner", None, Cow::Borrowed("")));
    }

    fn push(&mut self, pod: Cow<'d, Map<String, Value>>, pointers: Pointers) {
        let is_hook = self.head.kind.is_empty() && pointers.base() == self.root;
        let pod = match is_hook.then(|| hooked(&pod)).flatten() {
            Some(pod) => Cow::Owned(pod),
            None => pod,
        };
        let named = |pod: &Map<String, Value>| {
            let metadata = pod.get("metadata").and_then(|all| all.get("name"));
            let name = metadata.or_else(|| pod.get("name"))?;
            Some(name.as_str()?.to_owned())
        };
        let own = named(&pod);
        let name = match (self.head.kind, own) {
            ("", Some(own)) => Cow::Owned(own),
            // A chart's value is known by its key.
            ("", None) => Cow::Owned(last_key(pointers.base())),
            (_, Some(own)) if own != self.head.name => {
                Cow::Owned(format!("{}/{own}", self.head.name))
            }
            (_, Some(_) | None) => Cow::Borrowed(self.head.name),
        };
        self.found.push(Candidate {
            kind: match self.head.kind {
                "" => "PodTemplate",
                kind => kind,
            },
            maker: match self.head.kind {
                "" => "Pod",
                "AutoscalingRunnerSet" | "EphemeralRunnerSet" => "EphemeralRunner",
                "DeploymentConfig" => "ReplicationController",
                "Rollout" => "ReplicaSet",
                kind => kind,
            },
            name,
            namespace: self.head.namespace,
            pod: Ok(pod),
            pointers,
            extent: Vec::new(),
            scripts: Cow::Borrowed(""),
            others: Vec::new(),
            annotations: None,
        });
    }
}

/// The template of a runner's container hooks with the names that its containers will have: `$job` stands for what the
/// hook calls `job`. Source: actions/runner-container-hooks, `packages/k8s/src/k8s/utils.ts`.
fn hooked(template: &Map<String, Value>) -> Option<Map<String, Value>> {
    let own = |container: &Value| {
        let name = container.get("name")?.as_str()?.strip_prefix('$')?;
        // A variable of a shell has capitals, and is filled in as a whole.
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (!name.is_empty() && name.chars().all(is_name)).then(|| name.to_owned())
    };
    let list = template.get("spec")?.get("containers")?.as_array()?;
    list.iter().find_map(own)?;
    let mut template = template.clone();
    let list = template.get_mut("spec")?.get_mut("containers")?;
    for container in list.as_array_mut()? {
        if let (Some(name), Some(fields)) = (own(container), container.as_object_mut()) {
            fields.insert("name".to_owned(), name.into());
        }
    }
    Some(template)
}

/// `pointers` without what is none of the Pod's in its `spec`, which stands at `at`.
fn beside(mut pointers: Pointers, spec: &Map<String, Value>, at: &str) -> Pointers {
    let all = pod_fields::beside(spec, at).into_iter();
    all.for_each(|outer| pointers.beside(outer));
    pointers
}

const SUMMERWIND: &str = "actions.summerwind.dev";

/// The last key of a pointer that is no index.
fn last_key(pointer: &str) -> String {
    let keys = tokens(pointer).filter(|key| key.parse::<usize>().is_err() && !key.is_empty());
    keys.last()
        .map_or_else(|| NO_NAME.to_owned(), Cow::into_owned)
}

/// Whether `value` has containers as a Pod's spec has them. Jenkins' own templates have
/// `containers` too, with commands of one line.
pub fn is_pod_spec(value: &Value) -> bool {
    let Some(Value::Array(containers)) = value.get("containers") else {
        return false;
    };
    let is_container = |container: &Value| {
        let known = ["image", "command", "args", "volumeMounts", "env"];
        container.is_object() && known.iter().any(|key| container.get(key).is_some())
    };
    let is_line = |container: &Value| {
        let mut words = ["command", "args"]
            .iter()
            .filter_map(|key| container.get(key));
        words.any(Value::is_string)
    };
    containers.iter().any(is_container) && !containers.iter().any(is_line)
}
