//! What stands beside a Pod's fields in one mapping: `containers` make no other path of the node vanish.

use crate::scan_command::Dir;

const CONTAINERS: &str =
    "containers: [{name: app, image: docker, volumeMounts: [{name: run, mountPath: /host/run}]}]";

#[test]
fn a_path_of_the_node_beside_containers_is_told() {
    for (beside, line) in [
        ("extraVolumes: [{name: run, hostPath: {path: /var/run}}]", 2),
        ("podVolumes: [{name: run, hostPath: {path: /}}]", 2),
        ("volumeSources: [{hostPath: {path: /var/run}}]", 2),
        ("options: -v /var/run:/var/run # volume", 2),
    ] {
        let text = format!("{CONTAINERS}\n{beside}\n");
        let below = text.replace('\n', "\n  ");
        let inner = format!("worker:\n  {}\n", below.trim_end());
        let resource = format!(
            "apiVersion: example.com/v1\nkind: Builder\nmetadata: {{name: b}}\nspec:\n  {}\n",
            below.trim_end()
        );
        for (text, before) in [(text, 0), (inner, 1), (resource, 4)] {
            let ended = Dir::new().with("a.yaml", &text).scan(&["a.yaml"]);
            assert_eq!(ended.status, 2, "{text}{}", ended.out);
            let told = format!("a.yaml:{}: ", line + before);
            assert!(ended.out.contains(&told), "{text}{}", ended.out);
        }
    }
}

#[test]
fn the_volumes_of_a_pipelines_container_are_told_and_its_command_is_not() {
    for (field, status) in [
        ("volumes: [\"/var/run:/var/run\"]", 2),
        ("options: -v /var/run:/var/run", 2),
        ("command: [docker, run, -v, \"/var/run:/var/run\", x]", 0),
    ] {
        let text = format!(
            "resources:\n  containers:\n    - container: b\n      image: docker\n      {field}\n"
        );
        let ended = Dir::new()
            .with("azure-pipelines.yml", &text)
            .scan(&["azure-pipelines.yml"]);
        assert_eq!(ended.status, status, "{text}{}", ended.out);
        assert_eq!(
            ended
                .out
                .contains("azure-pipelines.yml:5: binds a directory"),
            status == 2,
            "{}",
            ended.out
        );
    }
}

#[test]
fn a_charts_own_mounts_beside_containers_are_a_pods() {
    let text = "app:\n  containers: [{name: app, image: docker}]\n  extraVolumeMounts: [{name: run, mountPath: \
                /var/run/docker.sock}]\n  extraVolumes: [{name: run, hostPath: {path: /var/run/docker.sock}}]\n";
    let ended = Dir::new().with("values.yaml", text).scan(&["values.yaml"]);
    assert_eq!(ended.status, 1, "{}", ended.out);
}
