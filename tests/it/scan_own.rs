//! Sockets that are a Pod's own: the annotation that `convert` writes, and a daemon that shares its socket in a volume.

use crate::scan_command::Dir;

const TOML: &str = "\
[[runners]]
  name = \"a\"
  executor = \"kubernetes\"
  [runners.kubernetes]
    image = \"docker\"
    [[runners.kubernetes.volumes.host_path]]
      name = \"run\"
      mount_path = \"/var/run\"
      host_path = \"/var/run\"
";

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[test]
fn what_convert_writes_is_clean() {
    let toml = indented(TOML);
    let encoded = base64_simd::STANDARD.encode_to_string(TOML);
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: d\n    image: docker\n    volumeMounts: \
               [{name: r, mountPath: /var/run}]\n  volumes: [{name: r, hostPath: {path: /var/run}}]\n";
    let step = "name: d, image: docker, volumeMounts: [{name: r, mountPath: /sock/docker.sock}]";
    let volumes = "volumes: [{name: r, hostPath: {path: /var/run/docker.sock}}]";
    for (name, text) in [
        (
            "Jenkinsfile",
            "podTemplate(volumes: [hostPathVolume(mountPath: '/var/run', hostPath: '/var/run')], containers: \
             [containerTemplate(name: 'd', image: 'docker')]) { node(POD_LABEL) { sh 'x' } }\n"
                .to_owned(),
        ),
        ("config.toml", TOML.to_owned()),
        ("values.yaml", format!("runners:\n  config: |\n{toml}")),
        (
            "secret.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  config.toml: |\n{toml}"),
        ),
        (
            "encoded.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata:\n  config.toml: {encoded}\n"),
        ),
        (
            "casc.yaml",
            format!(
                "jenkins:\n  clouds:\n  - kubernetes:\n      templates:\n      - name: b\n        yaml: |\n{}",
                indented(&indented(&indented(pod)))
            ),
        ),
        (
            "pod.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers: [{{{step}, command: [docker, \
                 -H, \"unix:///sock/docker.sock\", ps]}}]\n  {volumes}\n"
            ),
        ),
        (
            "task.yaml",
            format!(
                "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {{name: t}}\nspec:\n  steps: [{{{step}, script: \
                 \"docker -H unix:///sock/docker.sock ps\"}}]\n  {volumes}\n"
            ),
        ),
    ] {
        let dir = Dir::new().with(name, &text);
        let before = dir.scan(&[name]);
        assert_eq!(before.status, 1, "{name}: {}", before.out);
        let converted = dir.convert(&["-f", name, "--write"]);
        assert_eq!(converted.status, 0, "{name}: {}", converted.err);
        let after = dir.scan(&[name]);
        assert_eq!(after.status, 0, "{name}: {}", after.out);
    }
}

#[test]
fn a_socket_in_a_volume_of_the_pod_is_its_own() {
    let pod = |socket: &str, volume: &str| {
        format!(
            "apiVersion: actions.github.com/v1alpha1\nkind: AutoscalingRunnerSet\nmetadata: {{name: r}}\nspec:\n  \
             template:\n    spec:\n      initContainers:\n      - name: dind\n        image: docker:dind\n        \
             restartPolicy: Always\n        args: [dockerd, \"--host=unix:///var/run/docker.sock\"]\n        \
             volumeMounts: [{{name: s, mountPath: /var/run}}]\n      containers:\n      - name: runner\n        \
             image: runner\n        env: [{{name: DOCKER_HOST, value: \"unix://{socket}\"}}]\n        volumeMounts: \
             [{{name: s, mountPath: /var/run}}]\n      volumes: [{{name: s, {volume}}}]\n"
        )
    };
    for (socket, volume, status) in [
        ("/var/run/docker.sock", "emptyDir: {}", 0),
        ("/run/docker.sock", "emptyDir: {}", 0),
        ("/sock/docker.sock", "emptyDir: {}", 2),
        (
            "/var/run/docker.sock",
            "persistentVolumeClaim: {claimName: c}",
            2,
        ),
    ] {
        let ended = Dir::new()
            .with("r.yaml", &pod(socket, volume))
            .scan(&["r.yaml"]);
        assert_eq!(ended.status, status, "{socket} {volume}: {}", ended.out);
    }
}

#[test]
fn what_is_no_pod_names_a_line_of_its_own() {
    let pod = |labels: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, labels: {{x: {labels}}}}}\nspec:\n  volumes: [{{name: r, \
             hostPath: {{path: /var/run/docker.sock}}}}]\n  containers: [{{name: a, image: x, volumeMounts: [{{name: \
             r, mountPath: /var/run/docker.sock}}]}}]\n"
        )
    };
    let text = format!("{}---\n{}", pod("a"), pod("1"));
    let ended = Dir::new().with("two.yaml", &text).scan(&["two.yaml"]);
    let told = "(line 12 names a runtime's socket)";
    assert!(ended.out.contains(told), "{}", ended.out);
}

#[test]
fn the_docker_host_of_an_agents_own_form_goes_with_what_it_mounts() {
    const GIVEN: &str = "unix:///var/run/docker.sock";
    let jenkins = format!(
        "podTemplate(containers: [containerTemplate(name: 'd', image: 'docker', envVars: [containerEnvVar(key: \
         'DOCKER_HOST', value: '{GIVEN}')])],\n  volumes: [hostPathVolume(mountPath: '/var/run/docker.sock', hostPath: \
         '/var/run/docker.sock')]) {{ node(POD_LABEL) {{ sh 'x' }} }}\n"
    );
    let casc = format!(
        "jenkins:\n  clouds:\n  - kubernetes:\n      templates:\n      - name: d\n        containers:\n        - name: \
         jnlp\n          image: x\n          envVars:\n          - envVar: {{key: DOCKER_HOST, value: \"{GIVEN}\"}}\n        \
         volumes:\n        - hostPathVolume: {{hostPath: /var/run/docker.sock, mountPath: /var/run/docker.sock}}\n"
    );
    let toml = TOML.replace(
        "  executor",
        &format!("  environment = [\"DOCKER_HOST={GIVEN}\"]\n  executor"),
    );
    for (name, text) in [
        ("Jenkinsfile", &jenkins),
        ("casc.yaml", &casc),
        ("config.toml", &toml),
    ] {
        let dir = Dir::new().with(name, text);
        let before = dir.scan(&[name]);
        assert_eq!(before.status, 1, "{name}: {}", before.out);
        // Of a socket that it does not mount, that is not said.
        let other = text.replacen(GIVEN, "unix:///run/podman/podman.sock", 1);
        let ended = Dir::new().with(name, &other).scan(&[name]);
        assert_eq!(ended.status, 2, "{name}: {}", ended.out);
        let converted = dir.convert(&["-f", name, "--write"]);
        assert_eq!(converted.status, 0, "{name}: {}", converted.err);
        let after = dir.scan(&[name]);
        assert_eq!(after.status, 0, "{name}: {}", after.out);
    }
}
