//! The pull-through cache of the chart, and the policy that leads daemons to it.

use dind_injector::decide::Policy;
use dind_injector::model::profile::Profile;
use dind_injector::policy_file::Config;

use crate::manifests::rendered::{Rendered, text, with_mirrors};

fn policy(webhook: &Rendered) -> Option<Policy> {
    let mut maps = webhook.kind("ConfigMap");
    let text = maps.find_map(|map| map["data"]["policy.yaml"].as_str())?;
    Some(Config::from_yaml(text).unwrap().policy().clone())
}

fn profiles(policy: &Policy) -> impl Iterator<Item = &Profile> {
    let rules = policy.rules.iter().chain([&policy.otherwise]);
    rules.flat_map(|rule| {
        let others = rule.profiles.others.iter();
        others.chain([&rule.profiles.default]).map(|p| &**p)
    })
}

#[test]
fn the_policy_names_the_mirror_of_docker_hub_to_every_profile_and_no_other() {
    let mut seen = 0;
    for (webhook, mirror) in with_mirrors() {
        let hubs: Vec<String> = mirror
            .kind("Service")
            .filter_map(|service| service["metadata"]["name"].as_str())
            .filter(|name| name.ends_with("-mirror-docker-hub"))
            .map(|name| format!("http://{name}.dind-injector.svc:5000"))
            .collect();
        let Some(policy) = policy(&webhook) else {
            assert!(hubs.is_empty(), "{}: nothing names them", webhook.file);
            continue;
        };
        for profile in profiles(&policy) {
            let mirrors = profile.registry_mirrors.clone().unwrap_or_default();
            assert_eq!(mirrors, hubs, "{}: {}", webhook.file, profile.name);
        }
        seen += hubs.len();
    }
    assert_eq!(seen, 2);
}

#[test]
fn the_file_of_the_built_in_policy_says_what_the_program_does_without_one() {
    let text = text("manifests/chart/files/builtin.yaml");
    let file = Config::from_yaml(&text).unwrap().policy().clone();
    assert_eq!(file, Policy::builtin());
}

#[test]
fn a_mirror_is_as_confined_as_the_webhook_and_never_behind_its_service() {
    let mut seen = 0;
    for (webhook, mirror) in with_mirrors() {
        let service = webhook.one("Service");
        let selector = service["spec"]["selector"].as_object().unwrap();
        for set in mirror.kind("StatefulSet") {
            let pod = &set["spec"]["template"];
            let labels = pod["metadata"]["labels"].as_object().unwrap();
            let is_selected = selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value));
            assert!(!is_selected, "{}", mirror.file);
            let spec = &pod["spec"];
            assert_eq!(
                spec["securityContext"],
                webhook.pod_spec()["securityContext"]
            );
            assert_eq!(spec["automountServiceAccountToken"], false);
            let container = &spec["containers"][0];
            let confined = &webhook.container()["securityContext"];
            assert_eq!(container["securityContext"], *confined);
            assert!(container["resources"]["limits"]["memory"].is_string());
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}
