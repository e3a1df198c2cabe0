//! A GitLab Runner's `config.toml`, wherever that text stands: the Pods of its Kubernetes executor,
//! and the containers of its Docker executor, which are no Pods.
//!
//! The runner mounts its volumes of the node in every container of a job, and lays each `pod_spec`
//! over the Pod. Sources: gitlab-runner, `docs/executors/kubernetes`, `common/config.go`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::manifest;
use crate::model::sockets::Sockets;
use crate::names::NO_NAME;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::finding::{Finding, How, ManualWork, Verdict, Workload};
use crate::scan::sources::assembly::{Assembly, items};
use crate::scan::sources::json_patch;

/// What its runners are shown as.
const KIND: &str = "GitLab runner";

/// Whether `text` may be such a file.
pub fn looks_like(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        line.strip_prefix("[[")
            .is_some_and(|rest| rest.trim_start().starts_with("runners"))
    })
}

/// The runners of a document.
fn runners<'d>(document: &'d Value, pointer: &str) -> impl Iterator<Item = (&'d Value, String)> {
    let at = format!("{pointer}/runners");
    let list = items(document.get("runners")).enumerate();
    list.map(move |(index, runner)| (runner, format!("{at}/{index}")))
}

fn text<'d>(value: &'d Value, key: &str) -> Option<&'d str> {
    let text = value.get(key).and_then(Value::as_str);
    // What a chart fills in later says nothing.
    text.filter(|text| !text.contains("{{"))
}

/// The Pods of the runners with a Kubernetes executor.
pub fn candidates<'d>(document: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let mut found = Vec::new();
    if !head.kind.is_empty() {
        return found;
    }
    for (runner, at) in runners(document, pointer) {
        let Some(settings) = runner.get("kubernetes") else {
            continue;
        };
        let at = format!("{at}/kubernetes");
        let mut pod = Assembly::at(&at);
        let image = text(settings, "image").unwrap_or("the job's image");
        pod.container(&json!({"name": "build", "image": image}), "build", &at);
        let helper = json!({"name": "helper", "image": "gitlab/gitlab-runner-helper"});
        pod.container(&helper, "helper", &at);
        let volumes = settings.pointer("/volumes/host_path");
        for (index, volume) in items(volumes).enumerate() {
            let at = format!("{at}/volumes/host_path/{index}");
            // The runner mounts a path at itself where only one of the two is given.
            // One that is filled in later is there all the same, and is not the other one.
            let path = |key: &str| volume.get(key).and_then(Value::as_str);
            let (host, mount) = (path("host_path"), path("mount_path"));
            let (Some(host), Some(mount)) = (host.or(mount), mount.or(host)) else {
                continue;
            };
            let name = format!("volume-{index}");
            pod.volume(&json!({"name": name, "hostPath": {"path": host}}), &at);
            // The line that matters is the one with the node's path.
            let has_path = volume.get("host_path").is_some();
            let at = format!("{at}/{}", if has_path { "host_path" } else { "mount_path" });
            for container in 0..2 {
                let mut mounted = json!({"name": name, "mountPath": mount});
                if let Some(below) = text(volume, "sub_path") {
                    mounted["subPath"] = below.into();
                }
                pod.mount(container, &mounted, &at);
            }
        }
        for (index, spec) in items(settings.get("pod_spec")).enumerate() {
            let at = format!("{at}/pod_spec/{index}/patch");
            let patch = text(spec, "patch").and_then(|patch| manifest::read(patch).ok());
            for document in patch.unwrap_or_default() {
                match text(spec, "patch_type") {
                    Some("json") => json_patch::onto(&mut pod, &document.value, &at),
                    Some(_) | None => pod.patch(&document.value, &at),
                }
            }
        }
        let shown = Object {
            kind: KIND,
            name: text(runner, "name").unwrap_or(NO_NAME),
            namespace: text(settings, "namespace"),
            ..head
        };
        found.extend(pod.finish(shown, "Pod", None, Cow::Borrowed("")));
    }
    found
}

/// The volumes of runners with a Docker executor that hold a socket: no Pod is made of them, so the
/// webhook does not see them.
pub fn volumes(document: &Value, pointer: &str, sockets: &Sockets) -> Vec<Workload> {
    let mut found = Vec::new();
    for (runner, at) in runners(document, pointer) {
        let list = runner.pointer("/docker/volumes");
        let mut findings = Vec::new();
        for (index, volume) in items(list).enumerate() {
            let Some((host, mount)) = volume.as_str().and_then(|volume| volume.split_once(':'))
            else {
                continue;
            };
            let Some(how) = How::of_volume(sockets, host) else {
                continue;
            };
            findings.push(Finding {
                container: None,
                how,
                target: host.to_owned(),
                mount_path: Some(mount.split(':').next().unwrap_or(mount).to_owned()),
                pointer: format!("{at}/docker/volumes/{index}"),
                spot: None,
                verdict: Verdict::Unseen,
                manual_work: Some(ManualWork::DockerRunner),
            });
        }
        if findings.is_empty() {
            continue;
        }
        found.push(Workload {
            namespace: String::new(),
            kind: KIND.to_owned(),
            name: text(runner, "name").unwrap_or(NO_NAME).to_owned(),
            base: format!("{at}/docker/volumes"),
            spot: None,
            verdict: Verdict::Unseen,
            reason: ManualWork::DockerRunner.name(),
            message: "its containers are made by the runner's Docker daemon, and no Pod".to_owned(),
            rule: None,
            manual_work: Some(ManualWork::DockerRunner),
            findings,
            notices: Vec::new(),
            risks: Vec::new(),
            change: None,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_alone_is_mounted_at_itself_in_each_container() {
        let document = json!({"runners": [{"name": "a", "kubernetes": {
            "namespace": "{{.Release.Namespace}}",
            "volumes": {"host_path": [{"name": "d", "mount_path": "/run/docker.sock"}]},
        }}, {"name": "b"}]});
        let found = candidates(&document, Object::of(&document), "");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_ref(), found[0].namespace), ("a", None));
        let pod = found[0].pod.as_ref().unwrap();
        let spec = &pod["spec"];
        assert_eq!(spec["volumes"][0]["hostPath"]["path"], "/run/docker.sock");
        for container in 0..2 {
            let mount = &spec["containers"][container]["volumeMounts"][0];
            assert_eq!(mount["mountPath"], "/run/docker.sock");
        }
        let at = "/runners/0/kubernetes/volumes/host_path/0/mount_path";
        assert_eq!(
            found[0].pointers.outer("/spec/containers/1/volumeMounts/0"),
            at
        );
    }

    #[test]
    fn a_path_that_is_filled_in_later_is_not_the_other_one() {
        let volume = json!({"host_path": "/run/docker.sock", "mount_path": "{{ .Values.sock }}"});
        let document = json!({"runners": [{"kubernetes": {"volumes": {"host_path": [volume]}}}]});
        let found = candidates(&document, Object::of(&document), "");
        let spec = &found[0].pod.as_ref().unwrap()["spec"];
        let mount = &spec["containers"][0]["volumeMounts"][0]["mountPath"];
        assert_eq!(mount, "{{ .Values.sock }}");
    }

    #[test]
    fn a_pod_spec_is_laid_over_the_pod() {
        let patch = "containers: [{name: build, volumeMounts: [{name: s, mountPath: /run/docker.sock}]}]\n\
                     volumes: [{name: s, hostPath: {path: /run/docker.sock}}]";
        let document = json!({"runners": [{"kubernetes": {"pod_spec": [{"patch": patch}]}}]});
        let found = candidates(&document, Object::of(&document), "");
        let pod = found[0].pod.as_ref().unwrap();
        let mount = pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"].as_str();
        assert_eq!(mount, Some("/run/docker.sock"));
        assert_eq!(
            pod["spec"]["volumes"][0]["hostPath"]["path"],
            "/run/docker.sock"
        );
    }

    #[test]
    fn the_containers_of_a_docker_executor_are_no_pods() {
        let document = json!({"runners": [{"name": "d", "docker": {
            "volumes": ["/cache", "/var/run/docker.sock:/var/run/docker.sock:ro"],
        }}]});
        assert!(candidates(&document, Object::of(&document), "").is_empty());
        let found = volumes(&document, "", &Sockets::default());
        assert_eq!(
            found[0].findings[0].mount_path.as_deref(),
            Some("/var/run/docker.sock")
        );
        assert_eq!(found[0].verdict, Verdict::Unseen);
    }
}
