//! What one review costs, from bytes to bytes: `cargo bench --bench review`.
//!
//! Two sizes that clusters really send (3 KB: a small Pod; 17 KB: sidecars, probes, env and
//! managedFields), each as a Pod that needs nothing and as one whose socket is swapped.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dind_injector::admission::request::{From, creation};
use dind_injector::admission::reviewer::{NoNamespaces, review};
use dind_injector::policy::Policy;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn container(index: usize, env: usize, docker: bool) -> Value {
    let env: Vec<Value> = (0..env)
        .map(|n| json!({"name": format!("SETTING_{n}"), "value": format!("some value of setting {n}")}))
        .collect();
    let mut mounts = vec![
        json!({"name": "workspace", "mountPath": "/home/jenkins/agent"}),
        json!({"name": "kube-api-access-x7k2p", "readOnly": true,
               "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}),
    ];
    if docker {
        mounts.push(json!({"name": "docker", "mountPath": "/var/run/docker.sock"}));
    }
    json!({
        "name": format!("container-{index}"),
        "image": "registry.example/team/application:1.24.3",
        "args": ["--listen=:8080", "--log-level=info"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": env,
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": mounts,
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent"
    })
}

fn body(size: usize, docker: bool) -> Vec<u8> {
    let mut pod = json!({
        "metadata": {
            "generateName": "application-6d4cf56db6-",
            "labels": {"app.kubernetes.io/name": "application", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"prometheus.io/scrape": "true"}
        },
        "spec": {
            "volumes": [
                {"name": "workspace", "emptyDir": {}},
                {"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
                ]}}
            ],
            "containers": [container(0, 2, docker)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": 300}],
            "priority": 0,
            "enableServiceLinks": true
        }
    });
    if docker {
        let volume =
            json!({"name": "docker", "hostPath": {"path": "/var/run/docker.sock", "type": ""}});
        pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    }
    let from = From {
        uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
        namespace: "team-a",
        owner: Some(("ReplicaSet", "application-6d4cf56db6")),
    };
    let mut index = 1;
    loop {
        let bytes = creation(pod.as_object().unwrap(), from)
            .to_string()
            .into_bytes();
        if bytes.len() >= size {
            return bytes;
        }
        let more = if size > 10_000 {
            container(index, 12, false)
        } else {
            container(index, 0, false)
        };
        pod["spec"]["containers"].as_array_mut().unwrap().push(more);
        index += 1;
    }
}

fn reviews(c: &mut Criterion) {
    let policy = Policy::offline();
    let mut group = c.benchmark_group("review");
    for (name, size, docker) in [
        ("skip/3KB", 2_600, false),
        ("skip/17KB", 16_500, false),
        ("inject/3KB", 2_600, true),
        ("inject/17KB", 16_500, true),
    ] {
        let body = body(size, docker);
        let answer = review(&policy, &NoNamespaces, &body).unwrap();
        assert_eq!(
            answer.record.outcome,
            if docker { "changed" } else { "left" }
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        // The least that any reader of the whole body must do, for a ratio in the same run.
        group.bench_function(format!("floor/{name}"), |b| {
            b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).unwrap());
        });
        group.bench_function(name, |b| {
            b.iter(|| review(&policy, &NoNamespaces, black_box(&body)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, reviews);
criterion_main!(benches);
