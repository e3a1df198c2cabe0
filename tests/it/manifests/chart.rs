//! The chart itself: what can be said of it without helm.

use std::fmt::Write as _;
use std::fs;

use dind_injector::policy_file;
use dind_injector::policy_file::Config;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::rendered::{all, documents, documents_of, files_below, reporters, root, strings, text};

#[test]
fn chart_and_program_have_one_version() {
    let chart = &documents("manifests/chart/Chart.yaml")[0];
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}

/// Cargo.toml is the one place; `scripts/release/repository` writes the others.
#[test]
fn chart_and_program_live_in_one_place() {
    let chart = &documents("manifests/chart/Chart.yaml")[0];
    let repository = env!("CARGO_PKG_REPOSITORY");
    assert!(repository.starts_with("https://"), "{repository}");
    let home = format!("{repository}#readme");
    assert_eq!(env!("CARGO_PKG_HOMEPAGE"), home);
    assert_eq!(chart["home"], home);
    assert_eq!(strings(&chart["sources"]), [repository]);
    let icon = format!("{repository}/raw/main/manifests/chart/icon.svg");
    assert_eq!(chart["icon"], icon);
    assert!(root().join("manifests/chart/icon.svg").is_file());
}

/// `manifests/render` writes both digests at the top of what it renders.
#[test]
fn renderings_are_of_the_chart_as_it_is_now_and_as_they_came() {
    for rendered in all() {
        let file = &rendered.file;
        let text = text(file);
        let (header, body) = text.split_once("\n---\n").unwrap();
        let values = file.replace("/rendered/", "/values/");
        let more = ["manifests/render", &values];
        let more = &more[..if values == *file { 1 } else { 2 }];
        for (line, digest) in [
            ("# sources-sha256: ", sources(more)),
            (
                "# rendering-sha256: ",
                hex(format!("---\n{body}").as_bytes()),
            ),
        ] {
            let found = header.lines().find_map(|l| l.strip_prefix(line));
            assert_eq!(found, Some(&*digest), "{file}: run manifests/render");
        }
    }
}

/// As `sources` of `manifests/render`.
fn sources(more: &[&str]) -> String {
    let chart = root().join("manifests/chart");
    let mut sums = String::new();
    for path in files_below("manifests/chart", "") {
        let name = path.strip_prefix(&chart).unwrap();
        let sum = hex(&fs::read(&path).unwrap());
        writeln!(sums, "{sum}  ./{}", name.display()).unwrap();
    }
    for file in more {
        writeln!(sums, "{}  {file}", hex(text(file).as_bytes())).unwrap();
    }
    hex(sums.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_schema_knows_each_value_and_no_other() {
    let values = &documents("manifests/chart/values.yaml")[0];
    let schema: Value = serde_json::from_str(&text("manifests/chart/values.schema.json")).unwrap();
    same_keys("values", values, &schema);
}

/// A policy in the values is held to the schema that a policy file is held to.
#[test]
fn an_inline_policy_has_the_schema_of_a_policy_file() {
    const FILE: &str = "manifests/chart/values.schema.json";
    let mut policy = policy_file::schema();
    policy.as_object_mut().unwrap().remove("$schema");
    let mut schema: Value = serde_json::from_str(&text(FILE)).unwrap();
    schema["definitions"]["policy"] = policy;
    let made = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(root().join(FILE), &made).unwrap();
    }
    assert!(
        text(FILE) == made,
        "{FILE}: UPDATE_GOLDENS=1 cargo test --test it manifests"
    );
    let inline = &schema["properties"]["policy"]["then"]["properties"]["inline"];
    assert_eq!(inline["$ref"], "#/definitions/policy");
}

/// helm prints a line of each link that it finds.
#[test]
fn the_chart_has_no_links() {
    for path in files_below("manifests/chart", "") {
        assert!(!path.is_symlink(), "{}", path.display());
    }
    assert!(!root().join("manifests/chart/presets").is_symlink());
}

/// Every value that the chart's README names, with its default.
#[test]
fn the_readme_of_the_chart_names_values_and_their_defaults() {
    let readme = text("manifests/chart/README.md");
    let values = &documents("manifests/chart/values.yaml")[0];
    let mut seen = 0;
    for line in readme.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let pointer = format!("/{}", cells[1].trim_matches('`').replace('.', "/"));
        let value = values.pointer(&pointer);
        let value = value.unwrap_or_else(|| panic!("{pointer} is no value"));
        let written = &documents_of(&format!("a: {}", cells[2].trim_matches('`')))[0]["a"];
        assert_eq!(written, value, "{pointer}");
        seen += 1;
    }
    assert!(seen > 10);
}

fn same_keys(at: &str, value: &Value, schema: &Value) {
    let Some(known) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{at} may hold more");
    let value = value
        .as_object()
        .unwrap_or_else(|| panic!("{at} is no object"));
    for key in value.keys() {
        assert!(known.contains_key(key), "{at}.{key} is not in the schema");
    }
    for (key, schema) in known {
        match value.get(key) {
            Some(value) => same_keys(&format!("{at}.{key}"), value, schema),
            // Helm's own, and what has no default by design.
            None => assert!(
                key == "global" || at.ends_with("issuerRef"),
                "{at}.{key} is not in values.yaml"
            ),
        }
    }
}

#[test]
fn objects_are_in_the_release_namespace_and_labeled() {
    const CLUSTER_WIDE: [&str; 8] = [
        "Namespace",
        "PriorityClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    for rendered in all().into_iter().chain(reporters()) {
        for object in &rendered.objects {
            let kind = object["kind"].as_str().unwrap();
            let at = format!("{}: {kind} {}", rendered.file, object["metadata"]["name"]);
            let namespace = object["metadata"]["namespace"].as_str();
            let expected = (!CLUSTER_WIDE.contains(&kind)).then_some("dind-injector");
            assert_eq!(namespace, expected, "{at}");
            let labels = &object["metadata"]["labels"];
            let name = labels["app.kubernetes.io/name"].as_str().unwrap();
            assert!(name.starts_with("dind-injector"), "{at}");
        }
    }
}

#[test]
fn no_secret_has_contents() {
    for rendered in all() {
        for secret in rendered.kind("Secret") {
            assert!(secret.get("data").is_none() && secret.get("stringData").is_none());
        }
    }
}

#[test]
fn policies_are_read_by_the_program_and_presets_are_whole() {
    let presets: Vec<_> = files_below("manifests/presets", ".yaml")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let (mut inline, mut preset) = (0, 0);
    for rendered in all() {
        let mounted = rendered.arg("--config");
        let maps = rendered.kind("ConfigMap");
        let policies: Vec<_> = maps
            .filter_map(|m| m["data"]["policy.yaml"].as_str())
            .collect();
        assert_eq!(mounted.is_some(), policies.len() == 1, "{}", rendered.file);
        for policy in policies {
            Config::from_yaml(policy).unwrap_or_else(|e| panic!("{}: {e}", rendered.file));
            let whole = presets
                .iter()
                .any(|text| text.trim_end() == policy.trim_end());
            *(if whole { &mut preset } else { &mut inline }) += 1;
        }
    }
    // Inline, and the built-in one and a preset to each of which a mirror was added.
    assert_eq!((inline, preset), (3, 1));
}

#[test]
fn the_chart_offers_each_preset() {
    let schema: Value = serde_json::from_str(&text("manifests/chart/values.schema.json")).unwrap();
    let offered = &schema["properties"]["policy"]["properties"]["preset"]["enum"];
    let mut expected = vec!["builtin".to_owned(), "inline".to_owned()];
    for path in files_below("manifests/presets", ".yaml") {
        expected.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    let mut offered: Vec<_> = strings(offered).into_iter().map(str::to_owned).collect();
    offered.sort();
    expected.sort();
    assert_eq!(offered, expected);
}
