//! The Deployment: what it runs, and with how little.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _, Parser as _};
use dind_injector::cli::Cli;
use dind_injector::names;
use dind_injector::server::{ServerArgs, duration};
use serde_json::{Value, json};

use super::rendered::{all, install, list, reporters};

#[test]
fn the_program_takes_the_arguments_that_it_is_given() {
    for rendered in all().into_iter().chain(reporters()) {
        let line = std::iter::once("dind-injector").chain(rendered.args());
        if let Err(error) = Cli::try_parse_from(line) {
            panic!("{}: {error}", rendered.file);
        }
    }
}

/// The filter is in a file, which can change under the Pods.
#[test]
fn the_program_takes_the_log_filter_that_is_mounted() {
    for rendered in all() {
        let file = rendered.arg("--log-filter-file").unwrap();
        let (directory, key) = file.rsplit_once('/').unwrap();
        let mounts = list(&rendered.container()["volumeMounts"]);
        let mount = mounts.iter().find(|m| m["mountPath"] == directory).unwrap();
        let volumes = list(&rendered.pod_spec()["volumes"]);
        let volume = volumes.iter().find(|v| v["name"] == mount["name"]).unwrap();
        let name = &volume["configMap"]["name"];
        let mut maps = rendered.kind("ConfigMap");
        let map = maps.find(|m| m["metadata"]["name"] == *name).unwrap();
        let filter = map["data"][key].as_str().unwrap();
        let line = ["dind-injector", "serve", "--log", filter];
        if let Err(error) = Cli::try_parse_from(line) {
            panic!("{}: {error}", rendered.file);
        }
    }
}

/// Level `restricted` of the Pod Security Standards, and a root that cannot be written.
#[test]
fn the_pod_has_no_rights_on_its_node() {
    for rendered in all().into_iter().chain(reporters()) {
        let pod = rendered.pod_spec();
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(security["runAsUser"], 65532);
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        let own = &rendered.container()["securityContext"];
        let expected = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        });
        assert_eq!(*own, expected, "{}", rendered.file);
        for field in ["hostPID", "hostIPC", "initContainers"] {
            assert!(pod.get(field).is_none(), "{}: {field}", rendered.file);
        }
        assert_eq!(
            rendered.is_on_host_network(),
            pod.get("hostNetwork").is_some()
        );
        for volume in list(&pod["volumes"]) {
            let harmless = ["configMap", "secret"]
                .iter()
                .any(|s| volume.get(s).is_some());
            assert!(harmless, "{}: {volume}", rendered.file);
        }
    }
}

/// A node has each port once, a policy holds no Pod of its network, and no lower level admits one.
#[test]
fn on_the_nodes_network_ports_level_and_rollout_are_others() {
    let all = all();
    let rendered = all.iter().find(|rendered| rendered.is_on_host_network());
    let rendered = rendered.unwrap();
    assert_eq!(rendered.pod_spec()["hostNetwork"], true);
    assert_eq!(rendered.pod_spec()["dnsPolicy"], "ClusterFirstWithHostNet");
    let rollout = &rendered.one("Deployment")["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(*rollout, json!({"maxUnavailable": 1, "maxSurge": 0}));
    assert_eq!(rendered.kind("NetworkPolicy").count(), 0);
    let labels = &rendered.one("Namespace")["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "privileged");
}

#[test]
fn the_namespace_holds_its_pods_to_the_restricted_level() {
    let namespace = install();
    let labels = &namespace.one("Namespace")["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
}

#[test]
fn the_token_is_for_this_pod_alone() {
    for rendered in all().into_iter().chain(reporters()) {
        let account = rendered.one("ServiceAccount");
        assert_eq!(account["automountServiceAccountToken"], false);
        assert_eq!(rendered.pod_spec()["automountServiceAccountToken"], true);
        assert_eq!(
            rendered.pod_spec()["serviceAccountName"],
            account["metadata"]["name"]
        );
    }
}

#[test]
fn the_kubelet_waits_for_the_whole_shutdown() {
    for rendered in all() {
        let time = |flag: &str| duration(rendered.arg(flag).unwrap()).unwrap();
        // The last answers, and the last log lines.
        let words = Duration::from_secs(2);
        let longest = time("--shutdown-delay") + time("--drain-timeout") + words;
        let patience = rendered.pod_spec()["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap();
        assert!(
            Duration::from_secs(patience) >= longest,
            "{}",
            rendered.file
        );
    }
}

#[test]
fn ports_are_those_that_the_program_listens_on() {
    let defaults = ServerArgs::augment_args(clap::Command::new("serve"));
    let defaults = defaults.get_matches_from(["serve"]);
    let defaults = ServerArgs::from_arg_matches(&defaults).unwrap();
    for rendered in all() {
        let port = |flag: &str, default: SocketAddr| {
            let said = rendered.arg(flag).map(|said| said.parse().unwrap());
            assert_eq!(said.is_some(), rendered.is_on_host_network(), "{flag}");
            said.unwrap_or(default).port()
        };
        let expected = json!([
            {"name": "https", "containerPort": port("--listen", defaults.listen)},
            {"name": "admin", "containerPort": port("--admin-listen", defaults.admin_listen)},
        ]);
        assert_eq!(rendered.container()["ports"], expected);
        for port in list(&rendered.one("Service")["spec"]["ports"]) {
            assert_eq!(port["targetPort"], port["name"], "{}", rendered.file);
        }
    }
}

#[test]
fn the_kubelet_asks_the_admin_port() {
    for rendered in all() {
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            let get = &rendered.container()[probe]["httpGet"];
            assert_eq!(*get, json!({"path": path, "port": "admin"}));
        }
    }
}

#[test]
fn selectors_find_the_pods() {
    for rendered in all() {
        let labels = &rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"];
        let selects = |selector: &Value| {
            let wanted = selector.as_object().unwrap();
            assert!(!wanted.is_empty());
            for (key, value) in wanted {
                assert_eq!(labels[key], *value, "{}: {selector}", rendered.file);
            }
        };
        selects(&rendered.one("Service")["spec"]["selector"]);
        selects(&rendered.one("Deployment")["spec"]["selector"]["matchLabels"]);
        selects(&rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]);
        for policy in rendered.kind("NetworkPolicy") {
            selects(&policy["spec"]["podSelector"]["matchLabels"]);
        }
        for spread in list(&rendered.pod_spec()["topologySpreadConstraints"]) {
            selects(&spread["labelSelector"]["matchLabels"]);
        }
    }
}

#[test]
fn one_replica_serves_while_another_is_replaced() {
    let install = install();
    let spec = &install.one("Deployment")["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert_eq!(
        install.one("PodDisruptionBudget")["spec"]["maxUnavailable"],
        1
    );
    let pod = install.pod_spec();
    let spread = list(&pod["topologySpreadConstraints"]);
    let keys: Vec<_> = spread.iter().map(|spread| &spread["topologyKey"]).collect();
    assert_eq!(
        keys,
        ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    );
    let class = install.one("PriorityClass");
    assert_eq!(pod["priorityClassName"], class["metadata"]["name"]);
    assert_ne!(class["globalDefault"], true);
}

#[test]
fn a_horizontal_autoscaler_has_the_replicas_to_itself() {
    for rendered in all() {
        let scaled = rendered.kind("HorizontalPodAutoscaler").count() == 1;
        let fixed = rendered.one("Deployment")["spec"].get("replicas").is_some();
        assert!(scaled != fixed, "{}", rendered.file);
    }
}

/// What the program takes by name is what is installed under that name.
#[test]
fn certificates_are_for_the_service_and_kept_where_the_manifests_say() {
    let dns = format!("{}.{}.svc", names::SERVICE, names::NAMESPACE);
    assert_eq!(names::SERVICE_DNS, dns);
    for rendered in all() {
        let service = &rendered.one("Service")["metadata"];
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        if rendered.is_self_managed() {
            assert_eq!(rendered.arg("--tls-dns-name"), None);
            let argument = |flag: &str| rendered.arg(flag).unwrap().to_owned();
            assert_eq!(argument("--service"), name(rendered.one("Service")));
            assert_eq!(argument("--ca-secret"), name(rendered.one("Secret")));
            let mutating = name(rendered.one("MutatingWebhookConfiguration"));
            assert_eq!(argument("--mutating-configuration"), mutating);
            let validating = rendered.kind("ValidatingWebhookConfiguration").next();
            let validating = validating.map(name).unwrap_or_default();
            assert_eq!(argument("--validating-configuration"), validating);
        }
        for certificate in rendered.kind("Certificate") {
            if certificate["spec"]["isCA"] != true {
                let text = |field: &str| service[field].as_str().unwrap();
                let dns = format!("{}.{}.svc", text("name"), text("namespace"));
                assert_eq!(certificate["spec"]["dnsNames"], json!([dns]));
            }
        }
    }
}

#[test]
fn events_are_written_only_where_that_is_allowed() {
    for rendered in all() {
        let cluster_role = rendered.one("ClusterRole");
        let mut rules = list(&cluster_role["rules"]).iter();
        let allowed = rules.any(|rule| rule["resources"] == json!(["events"]));
        let written = rendered.arg("--events").unwrap() == "true";
        assert_eq!(written, allowed, "{}", rendered.file);
        let webhook = &rendered.one("MutatingWebhookConfiguration")["webhooks"][0];
        let effects = if written { "NoneOnDryRun" } else { "None" };
        assert_eq!(webhook["sideEffects"], effects, "{}", rendered.file);
    }
}

#[test]
fn mounted_directories_hold_what_the_arguments_name() {
    for rendered in all() {
        let mounts = list(&rendered.container()["volumeMounts"]);
        for flag in ["--tls-cert", "--tls-key", "--config", "--client-ca-file"] {
            let Some(file) = rendered.arg(flag) else {
                continue;
            };
            let directory = file.rsplit_once('/').unwrap().0;
            let mount = mounts.iter().find(|m| m["mountPath"] == directory);
            let mount = mount.unwrap_or_else(|| panic!("{}: {file}", rendered.file));
            // A subPath is never updated.
            assert!(mount.get("subPath").is_none());
            let mut volumes = list(&rendered.pod_spec()["volumes"]).iter();
            assert!(
                volumes.any(|v| v["name"] == mount["name"]),
                "{}",
                rendered.file
            );
        }
    }
}
