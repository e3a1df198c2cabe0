//! What `helm test` applies: the rendering is of the chart as it is, and its Pod runs a command of the program.

use clap::Parser as _;
use dind_injector::cli::Cli;

use super::rendered::{documents, install, list, text};

const FILE: &str = "tests/manifests/helm-test.yaml";

/// Its header's digest of the sources is that of `install.yaml`, which a test of its own holds to the chart.
#[test]
fn it_is_rendered_from_the_chart_as_it_is() {
    let digest = |file: &str| {
        let text = text(file);
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("# sources-sha256: "));
        line.unwrap().to_owned()
    };
    assert_eq!(
        digest(FILE),
        digest(&install().file),
        "run manifests/render"
    );
}

#[test]
fn it_runs_check_and_leaves_nothing() {
    let objects = documents(FILE);
    for object in &objects {
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(annotations["helm.sh/hook"], "test", "{object}");
        let policy = annotations["helm.sh/hook-delete-policy"].as_str().unwrap();
        assert!(policy.contains("hook-succeeded"), "{object}");
        // The Service and the NetworkPolicy are of the replicas.
        assert_eq!(
            object["metadata"]["labels"]["app.kubernetes.io/name"],
            "dind-injector-test"
        );
    }
    let pod = objects
        .iter()
        .find(|object| object["kind"] == "Pod")
        .unwrap();
    let args = list(&pod["spec"]["containers"][0]["args"]).iter();
    let args = args.map(|arg| arg.as_str().unwrap());
    let line: Vec<&str> = std::iter::once("dind-injector").chain(args).collect();
    assert_eq!(line[1], "check");
    if let Err(error) = Cli::try_parse_from(&line) {
        panic!("{line:?}: {error}");
    }
}

#[test]
fn install_yaml_is_without_it() {
    assert!(!text("manifests/install.yaml").contains("helm.sh/hook"));
}
