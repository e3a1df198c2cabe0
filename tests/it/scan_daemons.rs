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

/// A Pod with a socket in one container, and another container.
fn beside_a_socket(network: &str, other: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  {network}\n  containers:\n  - name: a\n    image: \
         docker\n    volumeMounts: [{{name: s, mountPath: /var/run/docker.sock}}]\n  - name: b\n    image: docker\n    \
         {other}\n  volumes: [{{name: s, hostPath: {{path: /var/run/docker.sock}}}}]\n"
    )
}

#[test]
fn an_address_is_told_beside_a_socket_of_the_same_pod() {
    const FALSE: &str = "hostNetwork: false";
    const TRUE: &str = "hostNetwork: true";
    const OWN: &str = "a.yaml:12: Pod x: names a Docker daemon on its own machine";
    const NAMED: &str = "a.yaml:12: Pod x, container b: names a Docker daemon by its address";
    for (network, other, told) in [
        (
            FALSE,
            "env: [{name: DOCKER_HOST, value: \"tcp://10.0.0.9:2375\"}]",
            NAMED,
        ),
        (
            FALSE,
            "command: [docker, -H, \"tcp://10.0.0.9:2375\", ps]",
            NAMED,
        ),
        (
            FALSE,
            "command: [sh, -c, \"docker -H ssh://core@10.0.0.9 ps\"]",
            NAMED,
        ),
        (
            TRUE,
            "command: [docker, -H, \"tcp://127.0.0.1:2375\", ps]",
            OWN,
        ),
    ] {
        let pod = beside_a_socket(network, other);
        let ended = Dir::new().with("a.yaml", &pod).scan(&["a.yaml"]);
        assert_eq!(ended.status, 2, "{pod}{}", ended.out);
        assert!(ended.out.contains(told), "{pod}{}", ended.out);
    }
    // A daemon of the Pod's own, a Service's, and what has a row already.
    for (network, other) in [
        (
            FALSE,
            "env: [{name: DOCKER_HOST, value: \"tcp://localhost:2375\"}]",
        ),
        (
            FALSE,
            "env: [{name: DOCKER_HOST, value: \"tcp://docker:2375\"}]",
        ),
        (
            FALSE,
            "env: [{name: DOCKER_HOST, value: \"tcp://172.17.0.1:2375\"}]",
        ),
        (
            FALSE,
            "env: [{name: H, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}, {name: DOCKER_HOST, value: \
             \"tcp://$(H):2375\"}]",
        ),
        (
            TRUE,
            "env: [{name: DOCKER_HOST, value: \"tcp://localhost:2375\"}]",
        ),
    ] {
        let pod = beside_a_socket(network, other);
        let ended = Dir::new().with("a.yaml", &pod).scan(&["a.yaml"]);
        assert_eq!(ended.status, 1, "{pod}{}", ended.out);
    }
}

#[test]
fn an_address_in_a_script_of_a_pod_is_told_beside_its_socket() {
    let block = "spec:\n  containers:\n  - name: a\n    image: docker\n    volumeMounts: [{name: s, mountPath: \
                 /var/run/docker.sock}]\n  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n";
    let pipeline = format!(
        "podTemplate(yaml: '''\n{block}''') {{ node(POD_LABEL) {{\n  sh 'docker -H tcp://10.0.0.9:2375 ps'\n}} }}\n"
    );
    let script = beside_a_socket(
        "hostNetwork: false",
        "args:\n    - |\n      docker -H tcp://10.0.0.9:2375 ps",
    );
    for (name, text, line) in [("Jenkinsfile", &pipeline, 9), ("a.yaml", &script, 14)] {
        let ended = Dir::new().with(name, text).scan(&[name]);
        assert_eq!(ended.status, 2, "{text}{}", ended.out);
        let told = format!("{name}:{line}: ");
        assert!(ended.out.contains(&told), "{text}{}", ended.out);
    }
}

#[test]
fn an_address_in_a_pod_that_was_read_is_told_as_the_pods() {
    let pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n      \
               containers:\n      - name: a\n        image: docker\n        env: [{name: DOCKER_HOST, value: \
               \"tcp://10.0.0.5:2375\"}]\n";
    let ended = Dir::new().with("a.yaml", pod).scan(&["a.yaml"]);
    assert_eq!(ended.status, 2, "{}", ended.out);
    let told = "a.yaml:10: Deployment x, container a: names a Docker daemon by its address; it may be a node's";
    assert!(ended.out.contains(told), "{}", ended.out);
    assert!(!ended.out.contains("not read as a Pod"), "{}", ended.out);
}

#[test]
fn an_address_that_a_program_puts_together_is_told() {
    for (name, text) in [
        (
            "a.py",
            "c = docker.DockerClient(base_url=f\"tcp://{os.environ['HOST_IP']}:2375\")\n",
        ),
        (
            "a.go",
            "var c = WithHost(fmt.Sprintf(\"tcp://%s:2375\", os.Getenv(\"HOST_IP\")))\n",
        ),
        (
            "A.java",
            "class A { String h = \"tcp://\" + System.getenv(\"HOST_IP\") + \":2375\"; }\n",
        ),
    ] {
        let ended = Dir::new().with(name, text).scan(&[name]);
        assert_eq!(ended.status, 2, "{text}{}", ended.out);
    }
}
