//! The policies that leave the service account nothing of a webhook configuration but its caBundle, and everybody
//! the limits of a sidecar as they are.
//!
//! Evaluated by a CEL interpreter of its own; the end-to-end tests see the API server's.

use cel::{Context, Program};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations,
    ServiceReference, ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use super::rendered::{Rendered, all, install, list, strings};

/// A policy, as the API server evaluates it.
struct Guard {
    conditions: Vec<Program>,
    validations: Vec<Program>,
}

fn programs(expressions: &Value) -> Vec<Program> {
    let compile = |entry: &Value| {
        let expression = entry["expression"].as_str().unwrap();
        Program::compile(expression).unwrap_or_else(|error| panic!("{entry}: {error}"))
    };
    list(expressions).iter().map(compile).collect()
}

impl Guard {
    fn of(rendered: &Rendered, kind: &str) -> Self {
        Self::on(rendered, &format!("{kind}webhookconfigurations"))
    }

    fn on(rendered: &Rendered, resource: &str) -> Self {
        let mut policies = rendered.kind("ValidatingAdmissionPolicy");
        let policy = policies.find(|policy| {
            let rule = &policy["spec"]["matchConstraints"]["resourceRules"][0];
            strings(&rule["resources"]) == [resource]
        });
        let spec = &policy.unwrap_or_else(|| panic!("{resource}"))["spec"];
        Self {
            conditions: spec
                .get("matchConditions")
                .map(programs)
                .unwrap_or_default(),
            validations: programs(&spec["validations"]),
        }
    }

    /// Whether the write is let through. An error refuses it, as failurePolicy Fail does.
    fn lets_through(&self, user: &str, write: [&Value; 2], operation: &str) -> bool {
        let [old, new] = write;
        let mut context = Context::default();
        let name = [new, old]
            .into_iter()
            .find_map(|o| o["metadata"]["name"].as_str());
        let request = json!({"operation": operation, "name": name, "userInfo": {"username": user}});
        for (variable, value) in [("request", &request), ("object", new), ("oldObject", old)] {
            context.add_variable(variable, value.clone()).unwrap();
        }
        let holds =
            |program: &Program| matches!(program.execute(&context), Ok(cel::Value::Bool(true)));
        let is_matched = self.conditions.iter().all(holds);
        !is_matched || self.validations.iter().all(holds)
    }
}

const ACCOUNT: &str = "system:serviceaccount:dind-injector:dind-injector";

fn metadata() -> ObjectMeta {
    let map = || Some([("a".to_owned(), "b".to_owned())].into());
    ObjectMeta {
        name: Some("dind-injector".to_owned()),
        resource_version: Some("1".to_owned()),
        generation: Some(1),
        labels: map(),
        annotations: map(),
        finalizers: Some(vec!["example.com/f".to_owned()]),
        owner_references: Some(vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            name: "n".to_owned(),
            uid: "u".to_owned(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

fn client_config() -> WebhookClientConfig {
    WebhookClientConfig {
        ca_bundle: Some(ByteString(b"ca".to_vec())),
        service: Some(ServiceReference {
            name: "dind-injector".to_owned(),
            namespace: "dind-injector".to_owned(),
            path: Some("/mutate".to_owned()),
            port: Some(443),
        }),
        url: Some("https://example.com".to_owned()),
    }
}

fn selector() -> LabelSelector {
    LabelSelector {
        match_labels: Some([("a".to_owned(), "b".to_owned())].into()),
        ..LabelSelector::default()
    }
}

fn rules() -> Vec<RuleWithOperations> {
    let words = |word: &str| Some(vec![word.to_owned()]);
    vec![RuleWithOperations {
        api_groups: words(""),
        api_versions: words("v1"),
        operations: words("CREATE"),
        resources: words("pods"),
        scope: Some("Namespaced".to_owned()),
    }]
}

fn conditions() -> Vec<MatchCondition> {
    vec![MatchCondition {
        expression: "true".to_owned(),
        name: "all".to_owned(),
    }]
}

/// Two webhooks, each with every field that Kubernetes knows: one that it adds fails to compile here.
fn configurations() -> [(&'static str, Value); 2] {
    let text = |text: &str| Some(text.to_owned());
    let mutating = |name: &str| MutatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: client_config(),
        failure_policy: text("Ignore"),
        match_conditions: Some(conditions()),
        match_policy: text("Equivalent"),
        name: name.to_owned(),
        namespace_selector: Some(selector()),
        object_selector: Some(selector()),
        reinvocation_policy: text("IfNeeded"),
        rules: Some(rules()),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(5),
    };
    let validating = |name: &str| ValidatingWebhook {
        admission_review_versions: vec!["v1".to_owned()],
        client_config: client_config(),
        failure_policy: text("Ignore"),
        match_conditions: Some(conditions()),
        match_policy: text("Equivalent"),
        name: name.to_owned(),
        namespace_selector: Some(selector()),
        object_selector: Some(selector()),
        rules: Some(rules()),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(5),
    };
    let mutating = MutatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(["a.example.com", "b.example.com"].map(mutating).to_vec()),
    };
    let validating = ValidatingWebhookConfiguration {
        metadata: metadata(),
        webhooks: Some(["a.example.com", "b.example.com"].map(validating).to_vec()),
    };
    [
        ("mutating", serde_json::to_value(mutating).unwrap()),
        ("validating", serde_json::to_value(validating).unwrap()),
    ]
}

/// Every object with one value changed, taken away or added, by the pointer to it.
fn changed(object: &Value) -> Vec<(String, Value)> {
    fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
        into.push(at.to_owned());
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                pointers(value, &format!("{at}/{}", key.replace('/', "~1")), into);
            }),
            Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
                pointers(value, &format!("{at}/{index}"), into);
            }),
            _ => {}
        }
    }
    let mut all = Vec::new();
    pointers(object, "", &mut all);
    let mut changed = Vec::new();
    for at in all {
        let mut one = object.clone();
        match one.pointer_mut(&at).unwrap() {
            Value::String(text) => text.push('x'),
            Value::Number(number) => *number = (number.as_i64().unwrap() + 1).into(),
            Value::Bool(flag) => *flag = !*flag,
            Value::Array(items) => {
                let first = items[0].clone();
                items.push(first);
            }
            Value::Object(_) | Value::Null => continue,
        }
        changed.push((at.clone(), one));
        let mut less = object.clone();
        let (parent, key) = at.rsplit_once('/').unwrap();
        match less.pointer_mut(parent).unwrap() {
            Value::Object(map) => drop(map.remove(&key.replace("~1", "/"))),
            Value::Array(items) => drop(items.remove(key.parse().unwrap())),
            _ => unreachable!(),
        }
        changed.push((format!("{at}, taken away"), less));
    }
    changed
}

#[test]
fn the_account_may_change_its_ca_bundle() {
    let install = install();
    for (kind, old) in configurations() {
        let guard = Guard::of(&install, kind);
        let mut new = old.clone();
        for index in [0, 1] {
            new["webhooks"][index]["clientConfig"]["caBundle"] = json!("bmV3");
            new["metadata"]["resourceVersion"] = json!("2");
            new["metadata"]["generation"] = json!(2);
            new["metadata"]["managedFields"] = json!([{"manager": "dind-injector"}]);
            assert!(
                guard.lets_through(ACCOUNT, [&old, &new], "UPDATE"),
                "{kind}"
            );
        }
        let client = old["webhooks"][0]["clientConfig"].as_object().unwrap();
        let mut without = old.clone();
        let mut client = client.clone();
        client.remove("caBundle");
        without["webhooks"][0]["clientConfig"] = Value::Object(client);
        assert!(
            guard.lets_through(ACCOUNT, [&without, &old], "UPDATE"),
            "{kind}"
        );
    }
    // What is installed has nothing that stands in the way.
    for (kind, object) in [
        ("mutating", install.one("MutatingWebhookConfiguration")),
        ("validating", install.one("ValidatingWebhookConfiguration")),
    ] {
        let mut new = object.clone();
        for webhook in new["webhooks"].as_array_mut().unwrap() {
            webhook["clientConfig"]["caBundle"] = json!("bmV3");
        }
        let guard = Guard::of(&install, kind);
        assert!(
            guard.lets_through(ACCOUNT, [object, &new], "UPDATE"),
            "{kind}"
        );
    }
}

#[test]
fn the_account_may_change_nothing_else() {
    let install = install();
    for (kind, old) in configurations() {
        let guard = Guard::of(&install, kind);
        let mut tried = 0;
        for (at, new) in changed(&old) {
            let own = ["/labels", "/annotations", "/ownerReferences", "/finalizers"];
            let is_metadata = at.starts_with("/metadata");
            if at.contains("/caBundle")
                || ["/apiVersion", "/kind"]
                    .iter()
                    .any(|field| at.starts_with(field))
                || is_metadata
                    && !own
                        .iter()
                        .any(|field| at.starts_with(&format!("/metadata{field}")))
            {
                continue;
            }
            tried += 1;
            assert!(
                !guard.lets_through(ACCOUNT, [&old, &new], "UPDATE"),
                "{kind}: {at}"
            );
            assert!(
                !guard.lets_through(ACCOUNT, [&new, &old], "UPDATE"),
                "{kind}: {at}, back"
            );
        }
        assert!(tried > 100, "{kind}: only {tried}");
        let mut other = old.clone();
        other["metadata"]["name"] = json!("another");
        assert!(
            !guard.lets_through(ACCOUNT, [&other, &other], "UPDATE"),
            "{kind}"
        );
        let none = Value::Null;
        assert!(
            !guard.lets_through(ACCOUNT, [&none, &old], "CREATE"),
            "{kind}"
        );
        assert!(
            !guard.lets_through(ACCOUNT, [&old, &none], "DELETE"),
            "{kind}"
        );
    }
}

#[test]
fn others_are_not_held_to_it() {
    let install = install();
    for (kind, old) in configurations() {
        let guard = Guard::of(&install, kind);
        let mut new = old.clone();
        new["webhooks"] = json!([]);
        for user in [
            "kubernetes-admin",
            "system:serviceaccount:dind-injector:default",
            "system:serviceaccount:other:dind-injector",
        ] {
            assert!(
                guard.lets_through(user, [&old, &new], "UPDATE"),
                "{kind}: {user}"
            );
        }
    }
}

#[test]
fn whoever_may_patch_a_configuration_is_held_to_it() {
    let mut held = 0;
    for rendered in all() {
        let account = &rendered.one("ServiceAccount")["metadata"];
        let user = format!(
            "'system:serviceaccount:{}:{}'",
            account["namespace"].as_str().unwrap(),
            account["name"].as_str().unwrap()
        );
        for kind in ["Mutating", "Validating"] {
            let resource = format!("{}webhookconfigurations", kind.to_lowercase());
            let may_patch = rendered.kind("ClusterRole").any(|role| {
                list(&role["rules"])
                    .iter()
                    .any(|rule| strings(&rule["resources"]).contains(&&*resource))
            });
            if !may_patch {
                continue;
            }
            held += 1;
            Guard::of(&rendered, &kind.to_lowercase());
            let configuration = format!("{kind}WebhookConfiguration");
            let name = &rendered.one(&configuration)["metadata"]["name"];
            let name = format!("{}-{}-guard", name.as_str().unwrap(), kind.to_lowercase());
            let find = |kind: &str| {
                let mut all = rendered.kind(kind);
                all.find(|object| object["metadata"]["name"] == *name)
                    .unwrap()["spec"]
                    .clone()
            };
            let policy = find("ValidatingAdmissionPolicy");
            assert_eq!(policy["failurePolicy"], "Fail");
            let by = policy["matchConditions"][0]["expression"].as_str().unwrap();
            assert!(by.ends_with(&user), "{by}");
            let binding = find("ValidatingAdmissionPolicyBinding");
            assert_eq!(binding["policyName"], *name);
            assert_eq!(binding["validationActions"], json!(["Deny", "Audit"]));
            assert!(binding.get("matchResources").is_none());
        }
    }
    assert!(held >= 3, "{held}");
}

#[test]
fn a_resize_leaves_the_limits_of_a_sidecar() {
    let guard = Guard::on(&install(), "pods/resize");
    let pod = |list: &str, env: Value, resources: Option<Value>| {
        let mut sidecar = json!({"name": "dind", "env": env});
        if let Some(resources) = resources {
            sidecar["resources"] = resources;
        }
        let others = json!([{"name": "a", "resources": {"limits": {"cpu": "1"}}}, {"name": "b"}]);
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": others}});
        match &mut pod["spec"][list] {
            Value::Array(containers) => containers.push(sidecar),
            none => *none = json!([sidecar]),
        }
        pod
    };
    let own = || json!([{"name": "A", "value": "b"}, {"name": "DIND_SOCKETS", "value": "/dind/docker.sock"}]);
    let of = |cpu: &str| Some(json!({"limits": {"cpu": cpu}, "requests": {"cpu": "1"}}));
    let may = |old: &Value, new: &Value| guard.lets_through("editor", [old, new], "UPDATE");
    for list in ["initContainers", "containers"] {
        let old = pod(list, own(), of("2"));
        assert!(may(&old, &old), "{list}");
        let mut other = old.clone();
        other["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("8");
        assert!(may(&old, &other), "{list}: another container's");
        for resources in [
            of("3"),
            Some(json!({"requests": {"cpu": "1"}})),
            Some(json!({})),
            None,
        ] {
            let new = pod(list, own(), resources);
            assert!(!may(&old, &new), "{list}: {new}");
            assert!(!may(&new, &old), "{list}: {new}, back");
        }
        let old = pod(list, json!([]), of("2"));
        assert!(
            may(&old, &pod(list, json!([]), of("3"))),
            "{list}: no sidecar"
        );
    }
}
