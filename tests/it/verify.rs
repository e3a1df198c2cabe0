//! The review after every mutating webhook, over HTTPS: what was added last, and the images of
//! Pods that run.

use std::sync::Arc;

use base64_simd::STANDARD;
use dind_injector::decide::Policy;
use dind_injector::policy_file::Config;
use serde_json::{Value, json};

use crate::support::api_server::{self, Request};
use crate::support::https::Webhook;
use crate::support::invariants::applied;

const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

fn policy(default: &str) -> Arc<Policy> {
    let text =
        format!("apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {{{default}}}\n");
    Arc::new(Config::from_yaml(&text).unwrap().policy().clone())
}

/// Asks for a daemon by annotation; mounts nothing of the node.
fn asking() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ci", "annotations": {"dind-injector.io/inject": "true"}},
        "spec": {"containers": [{"name": "app", "image": "docker:28-cli"}, {"name": "web", "image": "nginx"}]},
    })
}

/// As a webhook that sorts behind ours would.
fn with_socket(pod: Value, path: &str) -> Value {
    with_path(pod, "late", path, "/late.sock")
}

/// The same with a volume of this name.
fn with_path(mut pod: Value, name: &str, path: &str, at: &str) -> Value {
    let spec = &mut pod["spec"];
    let volume = json!({"name": name, "hostPath": {"path": path}});
    match spec["volumes"].as_array_mut() {
        Some(volumes) => volumes.push(volume),
        None => spec["volumes"] = json!([volume]),
    }
    let container = spec["containers"]
        .as_array_mut()
        .unwrap()
        .last_mut()
        .unwrap();
    let mount = json!({"name": name, "mountPath": at});
    match container["volumeMounts"].as_array_mut() {
        Some(mounts) => mounts.push(mount),
        None => container["volumeMounts"] = json!([mount]),
    }
    pod
}

fn injected(webhook: &mut Webhook, policy: &Arc<Policy>) -> Value {
    let pod = asking();
    let response = webhook.review(policy, &api_server::review(UID, &pod, Request::Create));
    let patch = STANDARD.decode_to_vec(response["patch"].as_str().unwrap());
    applied(&pod, &patch.unwrap()).unwrap()
}

/// `allowed`, the reason and the message.
fn said(response: &Value) -> (bool, String, String) {
    let text = |at: &str| {
        response
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    (
        response["allowed"] == true,
        text("/auditAnnotations/reason").to_owned(),
        text("/status/message").to_owned(),
    )
}

fn update(old: &Value, new: &Value) -> Value {
    let mut review = api_server::review(UID, new, Request::Create);
    review["request"]["operation"] = json!("UPDATE");
    review["request"]["oldObject"] = old.clone();
    review
}

#[test]
fn what_another_webhook_adds_last_is_refused() {
    let mut webhook = Webhook::start();
    let swaps = policy("hostSockets: Swap, annotation: Honor");
    let mut verify = |policy: &Arc<Policy>, pod: &Value| {
        said(&webhook.verify(policy, &api_server::review(UID, pod, Request::Create)))
    };
    let plain = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ci"},
        "spec": {"containers": [{"name": "app", "image": "a"}]}});
    assert!(verify(&swaps, &plain).0);
    let (allowed, reason, message) =
        verify(&swaps, &with_socket(plain.clone(), "/run/docker.sock"));
    assert_eq!((allowed, &*reason), (false, "Unswapped"));
    assert_eq!(
        message,
        "dind-injector: container \"app\" reaches the node's Docker daemon (/run/docker.sock), which rule \
         \"default\" swaps, but another webhook added it after that, or dind-injector was not reached. \
         Create the Pod again; if it is refused again, name the configuration of that webhook so that \
         it sorts before dind-injector's"
    );
    for (says, path, denied) in [
        ("hostSockets: Deny", "/run/docker.sock", "HostSocket"),
        ("ancestors: Deny", "/", "AncestorMount"),
        (
            "otherRuntimes: Deny",
            "/run/containerd/containerd.sock",
            "OtherRuntimeSocket",
        ),
    ] {
        let (allowed, reason, _) = verify(&policy(says), &with_socket(plain.clone(), path));
        assert_eq!((allowed, &*reason), (false, denied), "{says}");
    }
    for says in ["hostSockets: Warn", "hostSockets: Allow"] {
        assert!(
            verify(
                &policy(says),
                &with_socket(plain.clone(), "/run/docker.sock")
            )
            .0,
            "{says}"
        );
    }
}

#[test]
fn a_pod_with_its_sidecar_is_let_through_and_what_was_added_to_it_is_not() {
    let mut webhook = Webhook::start();
    let swaps = policy("hostSockets: Swap, annotation: Honor");
    let after = injected(&mut webhook, &swaps);
    let mut verify =
        |pod: &Value| said(&webhook.verify(&swaps, &api_server::review(UID, pod, Request::Create)));
    assert_eq!(verify(&after).1, "AlreadyInjected");
    assert_eq!(
        verify(&with_socket(after.clone(), "/var/run/docker.sock")).1,
        "Unswapped"
    );
    // What it lacks is no gain: failurePolicy has decided about that.
    assert_eq!(
        verify(&asking()),
        (true, "NotReached".to_owned(), String::new())
    );
    // But a program of the node that it may write is one.
    let (allowed, reason, message) = verify(&with_socket(asking(), "/usr/bin/docker"));
    assert_eq!((allowed, &*reason), (false, "Unswapped"));
    assert!(
        message.contains("(its client /usr/bin/docker)"),
        "{message}"
    );
    let mut broken = after;
    broken["spec"]["initContainers"][0]
        .as_object_mut()
        .unwrap()
        .remove("restartPolicy");
    assert!(verify(&broken).0);
}

/// Root in a user namespace is root on a hostPath, and another webhook may add one after ours.
#[test]
fn a_path_of_the_node_that_is_added_to_a_pod_in_a_user_namespace_is_refused() {
    let mut webhook = Webhook::start();
    for (profile, refused) in [("userns", true), ("privileged", false)] {
        let policy = policy(&format!(
            "hostSockets: Swap, annotation: Honor, profiles: [{profile}]"
        ));
        let after = injected(&mut webhook, &policy);
        let review = |pod: &Value| api_server::review(UID, pod, Request::Create);
        assert_eq!(
            said(&webhook.verify(&policy, &review(&after))).1,
            "AlreadyInjected"
        );
        let late = with_path(after, "logs", "/var/log", "/logs");
        for response in [
            webhook.review(&policy, &review(&late)),
            webhook.verify(&policy, &review(&late)),
        ] {
            let (allowed, reason, message) = said(&response);
            assert_eq!(allowed, !refused, "{profile}: {message}");
            if refused {
                assert_eq!(reason, "UserNamespace");
                assert_eq!(
                    message,
                    "dind-injector: the Pod's Docker daemon is in a user namespace, which hostPath /var/log rules \
                     out. Root in such a Pod is root on that path of the node, and can make a read-only mount of it \
                     writable: use a volume of the Pod's own. If another webhook adds it, name the configuration of \
                     that webhook so that it sorts before dind-injector's"
                );
            }
        }
    }
}

#[test]
fn the_image_of_a_sidecar_stays_while_its_pod_runs() {
    let mut webhook = Webhook::start();
    for mode in ["Native", "Container"] {
        let text = format!(
            "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\nsidecarMode: {mode}\n\
             default: {{annotation: Honor}}\n"
        );
        let policy = Arc::new(Config::from_yaml(&text).unwrap().policy().clone());
        let old = injected(&mut webhook, &policy);
        let list = if mode == "Native" {
            "initContainers"
        } else {
            "containers"
        };
        let mut verify = |new: &Value| said(&webhook.verify(&policy, &update(&old, new)));
        assert_eq!(
            verify(&old),
            (true, "NotACreation".to_owned(), String::new())
        );

        let mut new = old.clone();
        assert_eq!(new["spec"][list][0]["name"], "dind");
        new["spec"][list][0]["image"] = json!("evil");
        let (allowed, reason, message) = verify(&new);
        assert_eq!((allowed, &*reason), (false, "SidecarImage"), "{mode}");
        assert!(
            message.starts_with("dind-injector: container \"dind\" is the Pod's Docker daemon"),
            "{message}"
        );

        let mut new = old.clone();
        let containers = new["spec"]["containers"].as_array_mut().unwrap();
        containers.last_mut().unwrap()["image"] = json!("nginx:2");
        new["metadata"]["labels"] = json!({"a": "b"});
        assert!(verify(&new).0, "{mode}: another container's image");
    }
}

#[test]
fn a_sidecar_of_another_version_keeps_its_image_too() {
    let mut webhook = Webhook::start();
    let policy = policy("annotation: Honor");
    let mut old = injected(&mut webhook, &policy);
    old["spec"]["initContainers"][0]["command"][2] = json!("# an older start script");
    let mut new = old.clone();
    new["spec"]["initContainers"][0]["image"] = json!("evil");
    let (allowed, reason, _) = said(&webhook.verify(&policy, &update(&old, &new)));
    assert_eq!((allowed, &*reason), (false, "SidecarImage"));
}

#[test]
fn an_ephemeral_container_is_looked_at_again_too() {
    let mut webhook = Webhook::start();
    let policy = policy("hostSockets: Swap");
    let mut pod = with_socket(asking(), "/run/docker.sock");
    let mount = json!([{"name": "late", "mountPath": "/late.sock"}]);
    pod["spec"]["ephemeralContainers"] =
        json!([{"name": "debug", "image": "busybox", "volumeMounts": mount}]);
    let review = api_server::review(UID, &pod, Request::EphemeralContainers);
    let (allowed, reason, _) = said(&webhook.verify(&policy, &review));
    assert_eq!((allowed, &*reason), (false, "EphemeralContainer"));
    pod["spec"]["ephemeralContainers"][0]["volumeMounts"] = json!([]);
    let review = api_server::review(UID, &pod, Request::EphemeralContainers);
    assert!(said(&webhook.verify(&policy, &review)).0);
}

/// Two profiles with storage of the node; the namespace is given the first.
fn with_node_storage() -> Arc<Policy> {
    let text = "apiVersion: dind-injector.io/v1alpha1\n\
                kind: Policy\n\
                profiles:\n\
                - {name: warm, storage: {node: {}}}\n\
                - {name: shared, storage: {node: {key: Profile}}}\n\
                default: {hostSockets: Deny, dataDirectories: Deny, hostPaths: Deny, profiles: [shared]}\n\
                rules:\n\
                - {name: ci, match: {namespaces: [ci]}, hostSockets: Swap, annotation: Honor, profiles: [warm]}\n";
    Arc::new(Config::from_yaml(text).unwrap().policy().clone())
}

#[test]
fn the_sidecars_own_storage_of_the_node_is_never_judged_again() {
    let mut webhook = Webhook::start();
    let policy = with_node_storage();
    let pod = injected(&mut webhook, &policy);
    let path = "/spec/volumes/2/hostPath/path";
    assert_eq!(
        pod.pointer(path).unwrap(),
        "/var/lib/dind-injector/namespace/ci"
    );
    let review = api_server::review(UID, &pod, Request::Create);
    let second = webhook.review(&policy, &review);
    assert_eq!(second["allowed"], true, "{second}");
    assert!(second["patch"].is_null(), "{second}");
    assert!(second["warnings"].is_null(), "{second}");
    let verified = webhook.verify(&policy, &review);
    assert_eq!(verified["allowed"], true, "{verified}");
    // With a socket that another webhook adds, too: only that is swapped.
    let late = api_server::review(UID, &with_socket(pod, "/run/docker.sock"), Request::Create);
    let third = webhook.review(&policy, &late);
    assert_eq!(third["allowed"], true, "{third}");
    assert!(third["patch"].is_string(), "{third}");
}

/// Its author could have written the sidecar himself.
#[test]
fn a_forged_sidecar_has_no_storage_but_what_a_rule_gives_it() {
    let mut webhook = Webhook::start();
    let policy = with_node_storage();
    let pod = injected(&mut webhook, &policy);
    let with_path = |path: &str| {
        let mut pod = pod.clone();
        pod["spec"]["volumes"][2]["hostPath"]["path"] = json!(path);
        pod
    };
    let mut forged = vec![
        with_path("/var/lib/dind-injector"),
        with_path("/var/lib/dind-injector/namespace"),
        with_path("/var/lib/dind-injector/namespace/other"),
        with_path("/var/lib/dind-injector/namespace/ci/../other"),
        with_path("/var/lib/dind-injector/profile/shared"),
    ];
    let mounts = "/spec/initContainers/0/volumeMounts";
    let at = |pod: &Value| {
        let mounts = pod.pointer(mounts).unwrap().as_array().unwrap();
        mounts
            .iter()
            .position(|mount| mount["mountPath"] == "/dind-slots")
            .unwrap()
    };
    // Elsewhere in the sidecar, a part of it, and in another container.
    let mut elsewhere = pod.clone();
    let index = at(&pod);
    elsewhere.pointer_mut(mounts).unwrap()[index]["mountPath"] = json!("/theirs");
    let mut part = pod.clone();
    part.pointer_mut(mounts).unwrap()[index]["subPath"] = json!("0");
    let mut app = pod.clone();
    let mount = json!({"name": "dind-slots", "mountPath": "/dind-slots", "readOnly": true});
    let app_mounts = app["spec"]["containers"][0]["volumeMounts"].as_array_mut();
    app_mounts.unwrap().push(mount);
    forged.extend([elsewhere, part, app]);
    for pod in forged {
        let review = api_server::review(UID, &pod, Request::Create);
        for response in [
            webhook.review(&policy, &review),
            webhook.verify(&policy, &review),
        ] {
            assert_eq!(response["allowed"], false, "{}", pod["spec"]["volumes"]);
            assert_eq!(response["auditAnnotations"]["reason"], "NodeStorage");
        }
    }
}

/// The sidecar of an earlier pass has a folder of the node only by a rule that gives such a Pod its daemon.
#[test]
fn a_forged_sidecar_has_no_storage_of_a_rule_that_gives_its_pod_no_daemon() {
    let mut webhook = Webhook::start();
    let pod = injected(&mut webhook, &with_node_storage());
    let policy = |rules: &str| {
        let text = format!(
            "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\n\
             profiles: [{{name: plain}}, {{name: warm, storage: {{node: {{}}}}}}]\n{rules}"
        );
        Arc::new(Config::from_yaml(&text).unwrap().policy().clone())
    };
    for rules in [
        "default: {hostSockets: Deny, nodeAgents: {sockets: Swap}, annotation: Ignore, profiles: [warm]}\n",
        "default: {hostSockets: Deny, annotation: Honor, profiles: [plain]}\n\
         rules: [{name: r, match: {detections: [Socket]}, hostSockets: Deny, profiles: [warm]}]\n",
    ] {
        let policy = policy(rules);
        let review = api_server::review(UID, &pod, Request::Create);
        for response in [
            webhook.review(&policy, &review),
            webhook.verify(&policy, &review),
        ] {
            assert_eq!(response["allowed"], false, "{rules}");
            assert_eq!(response["auditAnnotations"]["reason"], "NodeStorage");
        }
    }
}

/// Who writes above the storage can put a link in its place.
#[test]
fn storage_below_a_directory_that_the_pod_writes_is_refused_whoever_mounts_it() {
    let mut webhook = Webhook::start();
    let text = "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\n\
                profiles: [{name: warm, storage: {node: {path: /mnt/disk/dind}}}]\n\
                default: {annotation: Honor, ancestors: Allow, dataDirectories: Allow, profiles: [warm]}\n";
    let policy = Arc::new(Config::from_yaml(text).unwrap().policy().clone());
    let above = |mut pod: Value| {
        let list = |pod: &mut Value, at: &str, item: Value| {
            pod.pointer_mut(at)
                .unwrap()
                .as_array_mut()
                .unwrap()
                .push(item);
        };
        let volume = json!({"name": "mnt", "hostPath": {"path": "/mnt"}});
        list(&mut pod, "/spec/volumes", volume);
        let mount = json!({"name": "mnt", "mountPath": "/mnt"});
        list(&mut pod, "/spec/containers/0/volumeMounts", mount);
        pod
    };
    let own = above(injected(&mut webhook, &policy));
    let mut other = own.clone();
    let volumes = other["spec"]["volumes"].as_array_mut().unwrap();
    let storage = volumes
        .iter_mut()
        .find(|volume| volume["name"] == "dind-slots");
    storage.unwrap()["name"] = json!("theirs");
    let mounts = other["spec"]["initContainers"][0]["volumeMounts"]
        .as_array_mut()
        .unwrap();
    mounts.retain(|mount| mount["name"] != "dind-slots");
    let app = other["spec"]["containers"][0]["volumeMounts"]
        .as_array_mut()
        .unwrap();
    app.push(json!({"name": "theirs", "mountPath": "/theirs"}));
    for pod in [own, other] {
        let review = api_server::review(UID, &pod, Request::Create);
        let response = webhook.verify(&policy, &review);
        assert_eq!(response["allowed"], false, "{}", pod["spec"]["volumes"]);
        assert_eq!(response["auditAnnotations"]["reason"], "LinkedHostPath");
    }
}
