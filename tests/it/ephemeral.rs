//! `kubectl debug` into a Pod that has a daemon of its own: a container that mounts the socket gets the
//! Pod's, by its directory, since an ephemeral container may have no `subPath`.

use crate::policy::preset_text;
use crate::support::invariants::applied;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::model::scope::Scope;
use dind_injector::model::subject::{Requester, Subject};
use dind_injector::model::view::Pod;
use dind_injector::policy_file::Config;
use dind_injector::review::{self, Action};
use serde_json::{Value, json};

struct Passed {
    after: Result<Value, String>,
    warnings: Vec<String>,
}

fn pass(pod: &Value, scope: Scope) -> Passed {
    pass_under(&Policy::offline(), pod, scope)
}

fn pass_under(policy: &Policy, pod: &Value, scope: Scope) -> Passed {
    let text = pod.to_string();
    let view: Pod<'_> = dind_injector::json::from_str(&text).unwrap();
    let subject = Subject::new(&view, "ci", None, Requester::default(), None);
    let outcome = review::pass(policy, &subject, &view, scope).unwrap();
    let warnings = outcome.notices.iter().map(ToString::to_string).collect();
    let after = match outcome.action {
        Action::Left(reason) => Err(reason.name().to_owned()),
        Action::Denied(denial) => Err(denial.reason().to_owned()),
        Action::Changed(change) => Ok(applied(pod, change.patch.as_json()).unwrap()),
    };
    Passed { after, warnings }
}

/// A Pod with a daemon of its own. A volume stays where something else of it is mounted.
fn injected() -> Value {
    let pod = json!({"metadata": {"name": "build"}, "spec": {
        "containers": [{"name": "build", "image": "docker:28-cli", "volumeMounts": [
            {"name": "sock", "mountPath": "/var/run/docker.sock"},
            {"name": "run", "mountPath": "/run/lock", "subPath": "lock"},
        ]}],
        "volumes": [
            {"name": "sock", "hostPath": {"path": "/var/run/docker.sock"}},
            {"name": "run", "hostPath": {"path": "/run"}},
        ],
    }});
    pass(&pod, Scope::Creation).after.unwrap()
}

fn debugged(mounts: &Value, env: &Value) -> Passed {
    let mut pod = injected();
    pod["spec"]["ephemeralContainers"] =
        json!([{"name": "debug", "image": "docker:28-cli", "volumeMounts": mounts, "env": env}]);
    let passed = pass(&pod, Scope::EphemeralContainers);
    if let Ok(after) = &passed.after {
        let without = |pod: &Value| {
            let mut pod = pod.clone();
            pod["spec"]["ephemeralContainers"] = Value::Null;
            pod
        };
        assert_eq!(without(&pod), without(after), "nothing else can be changed");
        let second = pass(after, Scope::EphemeralContainers);
        assert_eq!(second.after, Err("AlreadyInjected".to_owned()));
    }
    passed
}

#[test]
fn a_socket_is_had_by_its_directory() {
    for mount in [
        // The volume of the Pod's author, which is gone.
        json!({"name": "sock", "mountPath": "/var/run/docker.sock"}),
        // As the Pod's own container has it, which the API server refuses here.
        json!({"name": "dind-socket", "mountPath": "/var/run/docker.sock", "subPath": "docker.sock"}),
        // One that is still there, and leads to the node.
        json!({"name": "run", "mountPath": "/var/run/docker.sock", "subPath": "docker.sock"}),
    ] {
        let passed = debugged(&json!([mount]), &json!([]));
        let after = passed.after.unwrap();
        let debug = &after["spec"]["ephemeralContainers"][0];
        assert_eq!(
            debug["volumeMounts"],
            json!([{"name": "dind-socket", "mountPath": "/dind"}]),
            "{mount}"
        );
        assert_eq!(
            debug["env"],
            json!([{"name": "DOCKER_HOST", "value": "unix:///dind/docker.sock"}])
        );
        assert_eq!(
            passed.warnings,
            [
                "debug: a single file cannot be mounted here; this Pod's Docker is at \
              DOCKER_HOST=unix:///dind/docker.sock"
            ]
        );
    }
}

#[test]
fn a_directory_stays_where_it_is_and_a_host_of_the_authors_is_kept() {
    let mounts = json!([{"name": "run", "mountPath": "/host/run"}]);
    let after = debugged(&mounts, &json!([])).after.unwrap();
    let debug = &after["spec"]["ephemeralContainers"][0];
    assert_eq!(
        debug["volumeMounts"],
        json!([{"name": "dind-socket", "mountPath": "/host/run"}])
    );
    let mounts = json!([{"name": "sock", "mountPath": "/var/run/docker.sock"}]);
    let host = |value: &str| json!([{"name": "DOCKER_HOST", "value": value}]);
    for (written, expected) in [
        ("unix:///var/run/docker.sock", "unix:///dind/docker.sock"),
        ("tcp://docker.example:2376", "tcp://docker.example:2376"),
    ] {
        let after = debugged(&mounts, &host(written)).after.unwrap();
        assert_eq!(
            after["spec"]["ephemeralContainers"][0]["env"],
            host(expected)
        );
    }
}

#[test]
fn a_docker_host_at_the_node_leads_to_the_pods_daemon_or_is_refused() {
    let config = Config::from_yaml(&preset_text("enforce")).unwrap();
    let policy = config.policy();
    let ip = json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}});
    let host = json!({"name": "DOCKER_HOST", "value": "tcp://$(IP):2375"});
    let tls = json!({"name": "DOCKER_TLS_VERIFY", "value": "1"});
    let debug = json!([{"name": "debug", "image": "docker:28-cli", "env": [ip, tls, host]}]);
    let mut pod = injected();
    pod["spec"]["ephemeralContainers"] = debug.clone();
    // As its Pod's volumes are under this preset.
    pod["spec"]["volumes"]
        .as_array_mut()
        .unwrap()
        .retain(|volume| volume["hostPath"].is_null());
    pod["spec"]["containers"][0]["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .retain(|mount| mount["name"] != "run");
    let passed = pass_under(policy, &pod, Scope::EphemeralContainers);
    let after = passed.after.unwrap();
    let container = &after["spec"]["ephemeralContainers"][0];
    let values: Vec<&Value> = (1..3)
        .map(|index| &container["env"][index]["value"])
        .collect();
    assert_eq!(values, [&json!(""), &json!("unix:///dind/docker.sock")]);
    assert_eq!(
        container["volumeMounts"],
        json!([{"name": "dind-socket", "mountPath": "/dind"}])
    );
    assert_eq!(passed.warnings.len(), 1, "{:?}", passed.warnings);
    let second = pass_under(policy, &after, Scope::EphemeralContainers);
    assert_eq!(second.after, Err("AlreadyInjected".to_owned()));

    let plain = json!({"metadata": {"name": "plain"}, "spec": {
        "containers": [{"name": "app", "image": "app:1"}], "ephemeralContainers": debug}});
    let passed = pass_under(policy, &plain, Scope::EphemeralContainers);
    assert_eq!(passed.after, Err("EphemeralContainer".to_owned()));
}

#[test]
fn what_has_nothing_to_do_with_docker_is_left_and_a_pod_without_a_daemon_gets_none() {
    let mounts = json!([{"name": "run", "mountPath": "/lock", "subPath": "lock"}]);
    assert_eq!(
        debugged(&mounts, &json!([])).after,
        Err("AlreadyInjected".to_owned())
    );
    let pod = json!({"metadata": {"name": "plain"}, "spec": {
        "containers": [{"name": "app", "image": "app:1"}],
        "ephemeralContainers": [{"name": "debug", "image": "docker:28-cli", "volumeMounts": [
            {"name": "sock", "mountPath": "/var/run/docker.sock"}]}],
        "volumes": [{"name": "sock", "hostPath": {"path": "/var/run/docker.sock"}}],
    }});
    let passed = pass(&pod, Scope::EphemeralContainers);
    assert_eq!(passed.after, Err("EphemeralContainer".to_owned()));
}

#[test]
fn the_nodes_client_is_a_path_of_the_node_also_beside_what_is_swapped() {
    let policy = Config::from_yaml(&preset_text("enforce")).unwrap();
    let policy = policy.policy();
    let pod = json!({"metadata": {"name": "build"}, "spec": {
        "containers": [{"name": "build", "image": "docker:28-cli", "volumeMounts": [
            {"name": "sock", "mountPath": "/var/run/docker.sock"}]}],
        "volumes": [
            {"name": "sock", "hostPath": {"path": "/var/run/docker.sock"}},
            {"name": "client", "hostPath": {"path": "/usr/bin/docker"}},
        ],
    }});
    let mut pod = pass_under(policy, &pod, Scope::Creation).after.unwrap();
    for env in [
        json!([{"name": "DOCKER_HOST", "value": "tcp://172.17.0.1:2375"}]),
        json!([]),
    ] {
        pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "a", "env": env, "volumeMounts": [
            {"name": "client", "mountPath": "/x"}]}]);
        let passed = pass_under(policy, &pod, Scope::EphemeralContainers);
        assert_eq!(passed.after, Err("HostPath".to_owned()), "{env}");
    }
}

/// The registry drops what else such an update says, but the mutating webhooks are asked before.
#[test]
fn an_update_cannot_forge_the_pod_that_it_is_of() {
    let stored = json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "containers": [{"name": "a", "image": "a"}],
        "volumes": [{"name": "h", "hostPath": {"path": "/run/containerd"}}],
    }});
    let asked = |change: &dyn Fn(&mut Value)| {
        let mut sent = stored.clone();
        sent["spec"]["ephemeralContainers"] =
            json!([{"name": "d", "volumeMounts": [{"name": "h", "mountPath": "/c"}]}]);
        change(&mut sent);
        let body = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "subResource": "ephemeralcontainers",
            "namespace": "ci", "operation": "UPDATE", "object": sent, "oldObject": stored,
        }})
        .to_string();
        let policy = Config::from_yaml(&preset_text("enforce")).unwrap();
        let policy = policy.policy().clone();
        let reviewed = review::pod::review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
        reviewed.record.outcome
    };
    assert_eq!(asked(&|_| {}), "denied");
    assert_eq!(
        asked(&|pod| pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"})),
        "denied"
    );
    assert_eq!(
        asked(&|pod| pod["spec"]["os"] = json!({"name": "windows"})),
        "denied"
    );
    assert_eq!(
        asked(&|pod| pod["spec"]["volumes"][0] = json!({"name": "h", "emptyDir": {}})),
        "denied"
    );
    assert_eq!(
        asked(&|pod| pod["spec"]["ephemeralContainers"] = json!([])),
        "left"
    );
}
