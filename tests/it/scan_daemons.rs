//! Docker daemons by their address: which of them may be a node's.

use crate::scan_command::Dir;

#[test]
fn a_daemon_at_the_loopback_address_is_the_nodes_in_the_nodes_network() {
    for (network, address, image, status) in [
        ("hostNetwork: true", "tcp://127.0.0.1:2375", "docker:cli", 2),
        ("hostNetwork: true", "localhost:2376", "docker:cli", 2),
        (
            "hostNetwork: false",
            "tcp://127.0.0.1:2375",
            "docker:cli",
            0,
        ),
        (
            "hostNetwork: true",
            "tcp://127.0.0.1:2375",
            "docker:dind",
            0,
        ),
        ("hostNetwork: true", "tcp://127.0.0.1:8080", "docker:cli", 0),
    ] {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  {network}\n  containers:\n  - name: a\n    image: \
             {image}\n    command: [docker, -H, \"{address}\", ps]\n"
        );
        let ended = Dir::new().with("a.yaml", &pod).scan(&["a.yaml"]);
        assert_eq!(ended.status, status, "{pod}{}", ended.out);
        let told = "a.yaml:9: Pod x: names a Docker daemon on its own machine";
        assert_eq!(ended.out.contains(told), status == 2, "{}", ended.out);
    }
}

#[test]
fn a_daemon_by_a_hosts_full_name_may_be_a_nodes() {
    for (host, status) in [
        ("ip-10-0-0-5.ec2.internal", 2),
        ("worker-1.example.org", 2),
        ("docker.ci.svc.cluster.local", 0),
        ("docker", 0),
    ] {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n  - name: a\n    image: docker\n    \
             env: [{{name: DOCKER_HOST, value: \"tcp://{host}:2375\"}}]\n"
        );
        let script = format!("export DOCKER_HOST=tcp://{host}:2375\n");
        for (name, text) in [("a.yaml", &pod), ("a.sh", &script)] {
            let ended = Dir::new().with(name, text).scan(&[name]);
            assert_eq!(ended.status, status, "{text}{}", ended.out);
        }
    }
}
