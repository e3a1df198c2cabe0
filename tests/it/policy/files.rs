//! Policy files: the presets are sound, and every fault of a file is found and explained.

use dind_injector::decide::Policy;
use dind_injector::policy_file::{Config, Version};

use super::cases::preset_text;

const HEAD: &str = "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\n";

#[test]
fn the_presets_are_policies() {
    for name in ["audit", "migrate", "enforce"] {
        if let Err(errors) = Config::from_yaml(&preset_text(name)) {
            panic!("{name}: {errors}");
        }
    }
}

#[test]
fn a_file_that_says_nothing_only_warns() {
    let config = Config::from_yaml(HEAD).unwrap();
    let builtin = Policy::builtin();
    assert_eq!(config.policy().otherwise, builtin.otherwise);
    assert!(config.policy().rules.is_empty());
}

#[test]
fn mirrors_of_the_file_are_those_of_each_profile_that_names_none() {
    let text = format!(
        "{HEAD}registryMirrors: [http://mirror.example]\nprofiles:\n- {{name: own, registryMirrors: \
         [https://own.example]}}\n- {{name: without, registryMirrors: []}}\n- {{name: below, extends: \
         own}}\ndefault: {{profiles: [privileged, own, without, below]}}\n"
    );
    let config = Config::from_yaml(&text).unwrap();
    let profiles = &config.policy().otherwise.profiles;
    let others = profiles.others.iter();
    let mirrors: Vec<_> = std::iter::once(&profiles.default)
        .chain(others)
        .map(|profile| profile.registry_mirrors.clone().unwrap())
        .collect();
    let own = vec!["https://own.example".to_owned()];
    let file = vec!["http://mirror.example".to_owned()];
    assert_eq!(mirrors, [file, own.clone(), Vec::new(), own]);
}

#[test]
fn a_file_is_known_by_its_content() {
    let (a, b) = (Config::from_yaml(HEAD), Config::from_yaml(HEAD));
    assert_eq!(a.unwrap().version(), b.unwrap().version());
    let other = Config::from_yaml(&format!("{HEAD}# edited\n")).unwrap();
    assert_ne!(other.version(), Version::of(HEAD));
    // The same in every release, so that a rollout shows no change where there is none.
    assert_eq!(Version::of("").to_string(), "cbf29ce484222325");
    assert_eq!(Version::of("a").to_string(), "af63dc4c8601ec8c");
}

/// Each file of `tests/policy/bad` ends with the faults that it has, as comments.
#[test]
fn every_fault_of_a_file_is_found_and_explained() {
    let folder = format!("{}/tests/policy/bad", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 10);
    let mut failed = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# error: "))
            .collect();
        let found = match Config::from_yaml(&text) {
            Ok(_) => String::new(),
            Err(errors) => errors.to_string(),
        };
        if expected.is_empty() || found.lines().collect::<Vec<_>>() != expected {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let found: Vec<String> = found.lines().map(|l| format!("# error: {l}")).collect();
            failed.push(format!("{name}:\n{}", found.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn a_file_of_faults_is_told_up_to_a_bound() {
    let rule = "  - {name: r, match: {namespaces: [NS]}, hostSocket: Swap}\n";
    let text = format!("{HEAD}rules:\n{}", rule.repeat(1000));
    let errors = Config::from_yaml(&text).unwrap_err();
    assert!(errors.iter().count() <= 257);
    let last = errors.iter().last().unwrap().to_string();
    // Each rule has three: the namespace, the field, and from the second on the name.
    assert_eq!(
        last,
        format!("1004:1: {} more faults; mend those above first", 2999 - 256)
    );
}
