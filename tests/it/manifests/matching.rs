//! The match conditions send every Pod that the engine acts on or speaks of.
//!
//! Evaluated by a CEL interpreter of its own; the end-to-end tests see the API server's.

use std::collections::BTreeSet;

use cel::{Context, Program};
use dind_injector::decide::Policy;
use dind_injector::decide::matcher::Detection;
use dind_injector::manifest::{PodRef, pods};
use dind_injector::names;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, evaluate};
use serde_json::{Value, json};

use super::examples::examples;
use super::rendered::{all, documents, files_below, install, list, root, strings, text};

struct Conditions(Vec<Program>);

impl Conditions {
    fn installed() -> Self {
        Self::at("MutatingWebhookConfiguration", 0)
    }

    /// Of the review after every webhook.
    fn of_verify() -> Self {
        Self::at("ValidatingWebhookConfiguration", 0)
    }

    /// Of the review of workloads.
    fn of_warn() -> Self {
        Self::at("ValidatingWebhookConfiguration", 1)
    }

    fn at(kind: &str, index: usize) -> Self {
        let install = install();
        let webhooks = &install.one(kind)["webhooks"];
        let conditions = list(&webhooks[index]["matchConditions"]);
        assert!(!conditions.is_empty());
        Self(conditions.iter().map(compile).collect())
    }

    /// As the API server: all must hold, and an error is a failure of the test.
    fn send(&self, pod: &Value) -> bool {
        self.send_of(&json!({"operation": "CREATE"}), None, pod)
    }

    fn send_of(&self, request: &Value, old: Option<&Value>, pod: &Value) -> bool {
        let mut context = Context::default();
        context.add_variable("object", as_stored(pod)).unwrap();
        context.add_variable("request", request.clone()).unwrap();
        let old = old.map_or(Value::Null, as_stored);
        context.add_variable("oldObject", old).unwrap();
        self.0.iter().all(|program| {
            let value = program.execute(&context);
            match value.unwrap_or_else(|error| panic!("{error}: {pod}")) {
                cel::Value::Bool(sent) => sent,
                other => panic!("{other:?}: {pod}"),
            }
        })
    }
}

fn compile(condition: &Value) -> Program {
    let expression = condition["expression"].as_str().unwrap();
    Program::compile(expression).unwrap_or_else(|error| panic!("{condition}: {error}"))
}

/// The API server decodes a Pod into a struct first, so both of these are always there, and a
/// null is nothing.
fn as_stored(pod: &Value) -> Value {
    fn without_nulls(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(_, value)| !value.is_null());
                fields.map(|(k, v)| (k.clone(), without_nulls(v))).collect()
            }
            Value::Array(items) => items.iter().map(without_nulls).collect(),
            other => other.clone(),
        }
    }
    let mut pod = without_nulls(pod);
    for field in ["metadata", "spec"] {
        if pod.get(field).is_none() {
            pod[field] = json!({});
        }
    }
    // The only list of a Pod's that Go writes also where there is none.
    if pod["spec"].get("containers").is_none() {
        pod["spec"]["containers"] = Value::Null;
    }
    pod
}

/// Whether any policy would have a word on the Pod: there is a way to a daemon in it, or a
/// wish for one.
fn matters(pod: &PodRef<'_>) -> bool {
    let policies = [Policy::offline(), Policy::builtin()];
    policies.iter().any(|policy| {
        let Ok(outcome) = evaluate(policy, &Setting::default(), pod) else {
            // Not of a Pod's shape: the API server would not have decoded it.
            return false;
        };
        let left = matches!(outcome.action, Action::Left(_));
        !left || !outcome.findings.is_empty() || !outcome.notices.is_empty()
    })
}

#[test]
fn every_pod_that_the_engine_acts_on_is_sent() {
    let conditions = Conditions::installed();
    let (mut sent, mut missed) = (0, Vec::new());
    for (file, document) in &inputs() {
        for pod in pods(document) {
            let Ok(object) = &pod.pod else { continue };
            let object = Value::Object((*object).clone());
            if !matters(&pod) {
                continue;
            }
            if conditions.send(&object) {
                sent += 1;
            } else {
                missed.push(file.clone());
            }
        }
    }
    assert!(missed.is_empty(), "not sent: {missed:?}");
    assert!(sent > 100, "only {sent} Pods mattered");
}

/// Those that a pass would take a way to a daemon from, or refuse for one.
#[test]
fn every_pod_that_could_be_refused_at_the_end_is_verified() {
    let (conditions, policy) = (Conditions::of_verify(), Policy::offline());
    let (mut sent, mut kept) = (0, 0);
    for (file, document) in &inputs() {
        for pod in pods(document) {
            let Ok(object) = &pod.pod else { continue };
            let object = Value::Object((*object).clone());
            let ways = evaluate(&policy, &Setting::default(), &pod);
            let has_way = ways.is_ok_and(|outcome| {
                let mut judged = outcome.rule_matches.iter();
                judged.any(|rule_match| rule_match.detection != Detection::Annotation)
            });
            match conditions.send(&object) {
                true => sent += 1,
                false if has_way => panic!("{file} is not sent"),
                false => kept += 1,
            }
        }
    }
    assert!(sent > 50 && kept > 50, "{sent} sent, {kept} kept");
}

#[test]
fn a_pod_that_only_has_its_sidecar_is_not_verified_at_its_creation() {
    let conditions = Conditions::of_verify();
    let daemon = json!([{"name": "dind", "env": [{"name": names::env::SOCKETS, "value": "/dind/docker.sock"}]}]);
    let client =
        |value: &str| json!([{"name": "a", "env": [{"name": names::DOCKER_HOST, "value": value}]}]);
    let injected =
        |value: &str| pod(json!({"initContainers": daemon, "containers": client(value)}));
    assert!(!conditions.send(&injected("unix:///dind/docker.sock")));
    assert!(conditions.send(&injected("tcp://10.0.0.1:2375")));
    assert!(conditions.send(&injected("unix://")));
}

#[test]
fn of_updates_only_the_images_of_pods_with_a_sidecar_are_verified() {
    let conditions = Conditions::of_verify();
    let update = json!({"operation": "UPDATE"});
    let with = |daemon: &str, image: &str, env: &str, list: &str| {
        let mut spec = json!({"containers": [{"name": "app", "image": image}],
            "volumes": [{"name": "h", "hostPath": {"path": "/run"}}]});
        let daemon = json!({"name": "dind", "image": daemon, "env": [{"name": env, "value": "x"}]});
        match spec[list].as_array_mut() {
            Some(containers) => containers.insert(0, daemon),
            None => spec[list] = json!([daemon]),
        }
        pod(spec)
    };
    for list in ["initContainers", "containers"] {
        let old = with("docker:dind", "app:1", names::env::SOCKETS, list);
        let sent = |new: &Value| conditions.send_of(&update, Some(&old), new);
        assert!(!sent(&old), "{list}: nothing changed");
        let mut labeled = old.clone();
        labeled["metadata"]["labels"] = json!({"a": "b"});
        assert!(!sent(&labeled), "{list}: a label");
        assert!(
            sent(&with("evil", "app:1", names::env::SOCKETS, list)),
            "{list}"
        );
    }
    let old = with("docker:dind", "app:1", "OTHER", "initContainers");
    let new = with("evil", "app:2", "OTHER", "initContainers");
    assert!(
        !conditions.send_of(&update, Some(&old), &new),
        "no sidecar of ours"
    );
    let plain = pod(json!({"containers": [{"name": "app", "image": "a"}]}));
    let other = pod(json!({"containers": [{"name": "app", "image": "b"}]}));
    assert!(!conditions.send_of(&update, Some(&plain), &other));
    let debug = json!({"operation": "UPDATE", "subResource": "ephemeralcontainers"});
    assert!(
        conditions.send_of(&debug, Some(&old), &old),
        "it has a hostPath"
    );
    assert!(!conditions.send_of(&debug, Some(&plain), &plain));
}

#[test]
fn every_workload_whose_pods_matter_is_sent_to_be_warned_about() {
    let conditions = Conditions::of_warn();
    let install = install();
    let webhook = &install.one("ValidatingWebhookConfiguration")["webhooks"][1];
    let resources = list(&webhook["rules"])
        .iter()
        .flat_map(|rule| strings(&rule["resources"]));
    let resources: Vec<_> = resources.collect();
    let mut seen = BTreeSet::new();
    for (file, document) in &inputs() {
        let kind = document["kind"].as_str().unwrap_or_default();
        let resource = format!("{}s", kind.to_lowercase());
        if !resources.contains(&&*resource) {
            continue;
        }
        let mut workload = document.clone();
        let Some(template) = workload.pointer_mut(match kind {
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        }) else {
            continue;
        };
        *template = as_stored(template);
        let wanted = pods(document).iter().any(matters);
        assert!(conditions.send(&workload) || !wanted, "{file}: {kind}");
        if wanted {
            seen.insert(kind.to_owned());
        }
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn what_a_controller_makes_is_not_warned_about_again() {
    let conditions = Conditions::of_warn();
    let with_owner = |owner: Value| {
        json!({
            "metadata": {"ownerReferences": [owner]},
            "spec": {"template": {
                "metadata": {"annotations": {names::INJECT: "true"}},
                "spec": {"containers": [{"name": "a"}]},
            }},
        })
    };
    assert!(!conditions.send(&with_owner(
        json!({"kind": "Deployment", "controller": true})
    )));
    assert!(conditions.send(&with_owner(json!({"kind": "Application"}))));
}

/// The examples, and every golden: inputs, and what became of them, since a second pass must
/// see its own work.
fn inputs() -> Vec<(String, Value)> {
    let mut inputs = examples();
    for path in files_below("tests/golden", ".yaml") {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        inputs.extend(documents(&file).into_iter().map(|d| (file.clone(), d)));
    }
    inputs
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "p"}, "spec": spec})
}

#[test]
fn each_reason_to_look_at_a_pod_is_reason_enough() {
    let conditions = Conditions::installed();
    let host_env = json!([{"name": "a"}, {"name": "b", "env": [
        {"name": "X", "value": "1"},
        {"name": names::DOCKER_HOST, "value": "tcp://$(NODE):2375"},
    ]}]);
    let sidecar = json!([{"name": "dind", "env": [{"name": names::env::SOCKETS}]}]);
    let annotated = |key: &str| json!({"metadata": {"annotations": {"a": "b", key: "true"}}});
    for sent in [
        pod(
            json!({"volumes": [{"name": "e", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/"}}]}),
        ),
        annotated(names::INJECT),
        annotated(names::STORAGE),
        annotated("dind-injector.io/mistyped"),
        annotated(names::APPLATIX),
        pod(json!({"containers": host_env})),
        pod(json!({"initContainers": host_env})),
        pod(json!({"ephemeralContainers": host_env})),
        pod(json!({"initContainers": sidecar})),
        pod(json!({"containers": sidecar})),
    ] {
        assert!(conditions.send(&sent), "{sent}");
    }
}

/// The API server stops an expression that costs too much, and then decides by failurePolicy; one loop takes the
/// square of its list's length there.
#[test]
fn what_is_too_long_to_look_at_is_sent_unseen() {
    let many = |count: usize, item: fn(usize) -> Value| -> Value { (0..count).map(item).collect() };
    let names = |count| many(count, |index| json!({"name": format!("n{index}")}));
    let with_env = |count| json!([{"name": "c", "env": names(count)}]);
    let annotations = |count: usize| {
        let all = (0..count).map(|index| (format!("a{index}"), json!("")));
        let all: serde_json::Map<_, _> = all.collect();
        json!({"metadata": {"annotations": all}, "spec": {}})
    };
    let create = json!({"operation": "CREATE"});
    for conditions in [Conditions::installed(), Conditions::of_verify()] {
        let sent = |pod: &Value| conditions.send_of(&create, None, pod);
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            assert!(!sent(&pod(json!({list: names(50)}))), "{list}");
            assert!(sent(&pod(json!({list: names(51)}))), "{list}");
            assert!(!sent(&pod(json!({list: with_env(200)}))), "{list}");
            assert!(sent(&pod(json!({list: with_env(201)}))), "{list}");
        }
        assert!(!sent(&pod(json!({"volumes": names(100)}))));
        assert!(sent(&pod(json!({"volumes": names(101)}))));
    }
    let conditions = Conditions::installed();
    assert!(!conditions.send(&annotations(200)));
    assert!(conditions.send(&annotations(201)));
    // Changes of images, in a Pod in which nobody looks for the sidecar.
    let (conditions, update) = (Conditions::of_verify(), json!({"operation": "UPDATE"}));
    for long in [names(51), with_env(201)] {
        let old = pod(json!({"initContainers": long, "containers": names(1)}));
        let mut new = old.clone();
        new["spec"]["initContainers"][0]["image"] = json!("evil");
        assert!(conditions.send_of(&update, Some(&old), &new));
    }
}

/// The registry takes nothing of such an update but the ephemeral containers, after the mutating webhooks were asked.
#[test]
fn an_update_that_forges_the_volumes_of_its_pod_is_sent() {
    let conditions = Conditions::installed();
    let debug = json!({"operation": "UPDATE", "subResource": "ephemeralcontainers"});
    let stored = pod(json!({"volumes": [{"name": "v", "hostPath": {"path": "/run"}}]}));
    let forged = pod(json!({"volumes": [{"name": "v", "emptyDir": {}}]}));
    assert!(conditions.send_of(&debug, Some(&stored), &forged));
    assert!(!conditions.send_of(&debug, Some(&forged), &forged));
}

#[test]
fn pods_that_cannot_matter_are_not_sent() {
    let conditions = Conditions::installed();
    for kept in [
        json!({}),
        json!({"metadata": {"annotations": {}}, "spec": {"containers": []}}),
        json!({"metadata": {"annotations": {"dind-injector.iox/inject": "true"}}}),
        pod(json!({
            "containers": [{"name": "a", "env": [{"name": "HOST", "value": "DOCKER_HOST"}]}],
            "initContainers": [{"name": "i"}],
            "ephemeralContainers": [{"name": "e"}],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "hostPath"}}],
        })),
    ] {
        assert!(!conditions.send(&kept), "{kept}");
    }
}

#[test]
fn the_conditions_spell_names_as_the_program_does() {
    let expression = text("manifests/chart/files/could-need-docker.cel");
    for name in [
        names::PREFIX,
        names::APPLATIX,
        names::DOCKER_HOST,
        names::env::SOCKETS,
    ] {
        assert!(expression.contains(&format!("{name:?}")), "{name}");
    }
}

#[test]
fn every_rendered_condition_is_cel() {
    for rendered in all() {
        for webhook in rendered.webhooks() {
            for condition in list(&webhook["matchConditions"]) {
                compile(condition);
            }
        }
    }
}
