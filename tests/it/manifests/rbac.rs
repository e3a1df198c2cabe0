//! What the service account may do: by name, and nothing that could be turned against a cluster.

use serde_json::Value;

use super::rendered::{Rendered, all, list, reporters, strings};

/// The most that any rendering may ask for; the name of a resource where it must be given.
const ALLOWED: [(&str, &str, &[&str], bool); 7] = [
    ("", "namespaces", &["list", "watch"], false),
    ("", "nodes", &["list", "watch"], false),
    ("node.k8s.io", "runtimeclasses", &["list", "watch"], false),
    ("", "events", &["create"], false),
    ("", "secrets", &["list", "watch", "update"], true),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &["list", "watch", "patch"],
        true,
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        &["list", "watch", "patch"],
        true,
    ),
];

fn rules(rendered: &Rendered) -> impl Iterator<Item = (&Value, &Value)> {
    let roles = rendered.kind("ClusterRole").chain(rendered.kind("Role"));
    roles.flat_map(|role| list(&role["rules"]).iter().map(move |rule| (role, rule)))
}

#[test]
fn nothing_is_allowed_but_what_is_listed_and_that_by_name() {
    for rendered in all() {
        for (role, rule) in rules(&rendered) {
            let at = format!("{}: {rule}", rendered.file);
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    let known = ALLOWED.iter().find(|a| (a.0, a.1) == (group, resource));
                    let (_, _, verbs, by_name) = known.unwrap_or_else(|| panic!("{at}"));
                    assert!(
                        strings(&rule["verbs"]).iter().all(|v| verbs.contains(v)),
                        "{at}"
                    );
                    assert_eq!(!list(&rule["resourceNames"]).is_empty(), *by_name, "{at}");
                    if resource == "secrets" {
                        assert_eq!(role["kind"], "Role", "{at}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_names_are_of_objects_that_are_installed() {
    for rendered in all() {
        for (_, rule) in rules(&rendered) {
            let kind = match &*strings(&rule["resources"]) {
                ["secrets"] => "Secret",
                ["mutatingwebhookconfigurations"] => "MutatingWebhookConfiguration",
                ["validatingwebhookconfigurations"] => "ValidatingWebhookConfiguration",
                _ => continue,
            };
            for name in strings(&rule["resourceNames"]) {
                let mut objects = rendered.kind(kind);
                assert!(
                    objects.any(|object| object["metadata"]["name"] == name),
                    "{}: no {kind} {name}",
                    rendered.file
                );
            }
        }
    }
}

#[test]
fn who_keeps_no_certificates_may_write_no_configuration() {
    let mut others = 0;
    for rendered in all().iter().filter(|r| !r.is_self_managed()) {
        others += 1;
        for (_, rule) in rules(rendered) {
            let verbs = strings(&rule["verbs"]);
            let writes = verbs
                .iter()
                .any(|v| ["update", "patch", "delete"].contains(v));
            assert!(!writes, "{}: {rule}", rendered.file);
        }
    }
    assert!(others >= 2);
}

#[test]
fn roles_are_bound_to_the_deployments_account_alone() {
    for rendered in all().into_iter().chain(reporters()) {
        let account = rendered.one("ServiceAccount")["metadata"].clone();
        let bindings = rendered
            .kind("ClusterRoleBinding")
            .chain(rendered.kind("RoleBinding"));
        for binding in bindings {
            let [subject] = list(&binding["subjects"]) else {
                panic!("{}: {binding}", rendered.file);
            };
            assert_eq!(subject["kind"], "ServiceAccount");
            assert_eq!(subject["name"], account["name"]);
            assert_eq!(subject["namespace"], account["namespace"]);
        }
    }
}

#[test]
fn traffic_is_reviews_and_scrapes_inwards_and_the_api_server_outwards() {
    // One in the node's network has no policy, which would hold nothing.
    let pods = all()
        .into_iter()
        .filter(|rendered| !rendered.is_on_host_network());
    for rendered in pods {
        let spec = &rendered.one("NetworkPolicy")["spec"];
        assert_eq!(strings(&spec["policyTypes"]), ["Ingress", "Egress"]);
        let ports: Vec<&Value> = list(&spec["ingress"])
            .iter()
            .flat_map(|rule| list(&rule["ports"]))
            .map(|port| &port["port"])
            .collect();
        assert_eq!(ports, ["https", "admin"]);
        for rule in list(&spec["egress"]) {
            assert!(!list(&rule["ports"]).is_empty(), "{}", rendered.file);
        }
    }
}
