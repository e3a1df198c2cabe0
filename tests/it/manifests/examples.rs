//! The examples do what they say.

use std::collections::BTreeMap;

use dind_injector::decide::Policy;
use dind_injector::manifest;
use dind_injector::manifest::pods;
use dind_injector::names;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, evaluate};
use serde_json::Value;

use super::rendered::{documents, files_below, list, root};

/// Every example's documents; of a Jenkins configuration, its Pod templates.
pub fn examples() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in files_below("manifests/examples", ".yaml") {
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        for document in documents(&file) {
            if document.get("jenkins").is_none() {
                found.push((file.clone(), document));
                continue;
            }
            for cloud in list(&document["jenkins"]["clouds"]) {
                for template in list(&cloud["kubernetes"]["templates"]) {
                    let yaml = template["yaml"].as_str().unwrap();
                    for document in manifest::read(yaml).unwrap() {
                        found.push((file.clone(), document.value));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn every_example_gets_a_daemon_in_a_namespace_that_allows_it() {
    let mut policies = BTreeMap::new();
    let label = (names::INJECTION_LABEL.to_owned(), "enabled".to_owned());
    policies.insert("offline", (Policy::offline(), Setting::default()));
    let enabled = Setting {
        namespace_labels: [label].into(),
        ..Setting::default()
    };
    policies.insert("builtin, labeled", (Policy::builtin(), enabled));
    for (file, document) in examples() {
        let found = pods(&document);
        assert!(!found.is_empty(), "{file} holds no Pod");
        for pod in found {
            for (name, (policy, setting)) in &policies {
                let outcome = evaluate(policy, setting, &pod).unwrap();
                let changed = matches!(outcome.action, Action::Changed(_));
                assert!(changed, "{file}, {name}: {:?}", outcome.action);
            }
        }
    }
}

#[test]
fn no_example_changes_where_nobody_allowed_it() {
    let policy = Policy::builtin();
    for (file, document) in examples() {
        for pod in pods(&document) {
            let outcome = evaluate(&policy, &Setting::default(), &pod).unwrap();
            let left = matches!(outcome.action, Action::Left(_));
            assert!(left, "{file}: {:?}", outcome.action);
        }
    }
}
