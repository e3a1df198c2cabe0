//! Reviews of two sizes that clusters really send (3 KB: a small Pod; 17 KB: sidecars, probes,
//! env and managedFields), each as a Pod that needs nothing and as one whose socket is swapped.

use dind_injector::decode::creation::{From, creation};
use serde_json::{Value, json};

/// Sizes to ask [`body`] for.
pub const SMALL: usize = 2_600;
pub const LARGE: usize = 16_500;
/// The uid in every body.
pub const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

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

/// A review of at least `size` bytes, of a Pod that mounts the node's socket or none.
pub fn body(size: usize, docker: bool) -> Vec<u8> {
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
        uid: UID,
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
