//! A Pod whose path is filled in from another file: the answer is never "none reaches, complete".

use crate::scan_command::Dir;

/// A Pod that mounts `path` where no socket is expected.
fn pod(path: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: build}}\nspec:\n  containers:\n    - name: build\n      \
         image: docker:28-cli\n      volumeMounts: [{{name: s, mountPath: /engine}}]\n  volumes:\n    - name: s\n      \
         hostPath: {{path: \"{path}\"}}\n"
    )
}

#[test]
fn a_path_that_another_file_gives_is_a_gap_with_both_places() {
    for (path, file, name, text, line) in [
        (
            "__DIR__",
            "pod.yaml",
            "deploy.sh",
            "#!/bin/sh\nsed 's#__DIR__#/var/run#' pod.yaml\n",
            2,
        ),
        (
            "${DIR}",
            "pod.yaml",
            "flux.yaml",
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec:\n  \
             postBuild:\n    substitute:\n      DIR: /var/run\n",
            7,
        ),
        ("${DIR}", "pod.yaml", "build.env", "DIR=/run\n", 1),
        (
            "${dir}",
            "pod.yaml.tftpl",
            "main.tf",
            "resource \"kubectl_manifest\" \"build\" {\n  yaml_body = templatefile(\"pod.yaml.tftpl\", {\n    dir = \
             \"/run/containerd\"\n  })\n}\n",
            3,
        ),
        (
            "@@dir@@",
            "pod.yaml",
            "settings.yaml",
            "- name: dir\n  value: /var/run\n",
            2,
        ),
    ] {
        let dir = Dir::new().with(file, &pod(path)).with(name, text);
        let ended = dir.scan(&["."]);
        assert_eq!(ended.status, 2, "{name}: {}{}", ended.out, ended.err);
        let told = format!(
            "./{file}:11: Pod build: a hostPath is filled in later, and ./{name}:{line} gives "
        );
        assert!(ended.out.contains(&told), "{told}:\n{}", ended.out);
        let converted = dir.convert(&["-f", "."]);
        assert_eq!(converted.status, 1, "{name}: {}", converted.err);
        assert!(converted.err.contains(&told), "{told}:\n{}", converted.err);
    }
}

#[test]
fn a_path_that_nothing_leads_to_a_runtime_is_none() {
    for text in [
        "DIR=/data\n",
        "OTHER_DIR=/var/run\n",
        "mkdir -p /var/run\n\ncp x $DIR\n",
    ] {
        let ended = Dir::new()
            .with("pod.yaml", &pod("${DIR}"))
            .with("build.env", text)
            .scan(&["."]);
        assert_eq!(ended.status, 0, "{text}: {}", ended.out);
    }
}
