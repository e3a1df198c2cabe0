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
fn a_variable_of_a_compose_file_is_given_by_its_env_file() {
    let compose = "services:\n  a:\n    image: x\n    volumes: [\"${RUN_DIR:-/data}:/host\", \"${DATA}:/data\"]\n";
    for (given, status) in [("RUN_DIR=/var/run\n", 2), ("RUN_DIR=/data\n", 0)] {
        let dir = Dir::new().with("compose.yml", compose).with(".env", given);
        let ended = dir.scan(&["."]);
        assert_eq!(ended.status, status, "{given}: {}", ended.out);
        let told =
            "./compose.yml:4: service a: a hostPath is filled in later, and ./.env:1 gives RUN_DIR";
        assert_eq!(ended.out.contains(told), status == 2, "{}", ended.out);
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

/// A chart, without helm: `values` and a template whose Pod has `path`, between `before` and `after`.
fn chart(values: &str, before: &str, path: &str, after: &str) -> Dir {
    let pod = pod("X").replace(
        "hostPath: {path: \"X\"}",
        &format!("hostPath:\n        path: {path}"),
    );
    Dir::new()
        .with("Chart.yaml", "apiVersion: v2\nname: x\nversion: 1.0.0\n")
        .with("values.yaml", values)
        .with("templates/pod.yaml", &format!("{before}{pod}{after}"))
}

#[test]
fn a_charts_value_that_leads_to_a_runtime_is_told_without_helm() {
    for (values, before, path, after) in [
        ("runDir: /var/run\n", "", "{{ .Values.runDir }}", ""),
        (
            "global:\n  runDir: /var/run\n",
            "",
            "{{ .Values.global.runDir }}",
            "",
        ),
        ("runDir: /var/run\n", "", "{{ tpl .Values.runDir . }}", ""),
        ("runDir: /var/run\n", "", "{{ .Values.runDir | quote }}", ""),
        (
            "runDir: /var/run\n",
            "",
            "{{ required \"a path\" .Values.runDir }}",
            "",
        ),
        (
            "paths:\n  - /a\n  - /run\n",
            "",
            "{{ index .Values.paths 0 }}",
            "",
        ),
        (
            "runDir: /var/run\n",
            "{{- $d := .Values.runDir }}\n",
            "{{ $d }}",
            "",
        ),
        (
            "x: /var/run\n",
            "{{- with .Values.x }}\n",
            "{{ . }}",
            "{{- end }}\n",
        ),
        ("x: /var/run\n", "# {{ x }}\n", "\"{{ . }}\"", ""),
        ("x: /var/run\n", "", "{{ include \"x.dir\" . }}", ""),
        (
            "paths:\n  run: /var/run\n",
            "{{- range $name, $path := .Values.paths }}\n",
            "{{ $path }}",
            "{{- end }}\n",
        ),
    ] {
        let dir = chart(values, before, path, after);
        let ended = dir.scan(&["."]);
        assert_eq!(ended.status, 2, "{path}: {}", ended.out);
        // Where it can be read, the line is that of the path itself.
        let line = 11 + before.lines().count() + usize::from(path.starts_with('"'));
        let told = format!("./templates/pod.yaml:{line}: ");
        assert!(ended.out.contains(&told), "{told}: {path}: {}", ended.out);
    }
}

#[test]
fn a_chart_whose_values_have_no_path_of_a_runtime_is_clean() {
    for values in [
        "dataDir: /data\n",
        "# such as /var/run\ndataDir: /data\n",
        "dataDir: /data\nextraVolumeMounts: [{name: x, mountPath: /var/run}]\n",
    ] {
        let ended = chart(values, "", "{{ .Values.dataDir }}", "").scan(&["."]);
        assert_eq!(ended.status, 0, "{values}: {}", ended.out);
    }
}

#[test]
fn a_template_without_quotes_is_filled_in_as_one_with_them() {
    for (file, text, name, given) in [
        (
            "templates/pod.yaml.j2",
            pod("X").replace("\"X\"", " {{ run_dir }} "),
            "vars/main.yml",
            "run_dir: /var/run\n",
        ),
        (
            "values.yaml.gotmpl",
            "volumes:\n- name: r\n  hostPath:\n    path: {{ env \"RUN\" }}\n".to_owned(),
            "build.env",
            "RUN=/run\n",
        ),
    ] {
        let dir = Dir::new().with(file, &text).with(name, given);
        let ended = dir.scan(&["."]);
        assert_eq!(ended.status, 2, "{file}: {}", ended.out);
        assert!(
            ended.out.contains(&format!("{name}:1 gives")),
            "{}",
            ended.out
        );
        let ended = Dir::new()
            .with(file, &text)
            .with(name, &given.replace("/var", "").replace("/run", "/data"))
            .scan(&["."]);
        assert_eq!(ended.status, 0, "{file}: {}", ended.out);
    }
}

#[test]
fn a_variable_of_a_script_is_the_path_that_it_is_given() {
    for (name, text) in [
        (
            "a.sh",
            "D=/var/run\ndocker run -v \"$D\":/var/run docker ps\n",
        ),
        ("a.sh", "\nRUN=/var/run; docker run -v $RUN:$RUN x\n"),
        (
            "a.sh",
            "\nyq --arg p /run '.spec.volumes[0].hostPath.path = $p' pod.yaml\n",
        ),
        (
            "ci.yml",
            "script:\n- RUN=/var/run; docker run -v $RUN:$RUN x\n",
        ),
        (
            "a.ts",
            "const run = \"/var/run\";\nconst v = { hostPath: { path: run } };\n",
        ),
    ] {
        let ended = Dir::new().with(name, text).scan(&["."]);
        assert_eq!(ended.status, 2, "{text}: {}", ended.out);
        assert!(
            ended.out.contains(&format!("./{name}:2: ")),
            "{text}: {}",
            ended.out
        );
        let ended = Dir::new()
            .with(
                name,
                &text.replace("/var/run", "/data").replace("/run", "/data"),
            )
            .scan(&["."]);
        assert_eq!(ended.status, 0, "{text}: {}", ended.out);
    }
}

/// A Pod of Terraform whose volumes are made for each of a list, in a module.
fn module(volume: &str) -> String {
    format!(
        "variable \"dirs\" {{}}\nresource \"kubernetes_pod_v1\" \"a\" {{\n  metadata {{ name = \"a\" }}\n  spec {{\n    \
         container {{\n      name = \"a\"\n      image = \"docker\"\n    }}\n    {volume}\n  }}\n}}\n"
    )
}

#[test]
fn a_path_of_a_list_that_a_loop_goes_over_is_found_by_the_lists_name() {
    let dynamic = module(
        "dynamic \"volume\" {\n      for_each = var.dirs\n      content {\n        name = volume.key\n        \
         host_path { path = volume.value }\n      }\n    }",
    );
    let iterator = module(
        "dynamic \"volume\" {\n      for_each = var.dirs\n      iterator = v\n      content {\n        name = \
         v.value.name\n        host_path { path = v.value.path }\n      }\n    }",
    );
    let task = "- kubernetes.core.k8s:\n    definition:\n      apiVersion: v1\n      kind: Pod\n      metadata: {name: a}\n      \
                spec:\n        containers: [{name: a, image: a, volumeMounts: [{name: r, mountPath: /x}]}]\n        volumes: \
                [{name: r, hostPath: {path: \"{{ item.path }}\"}}]\n  loop: \"{{ dirs }}\"\n";
    let template = "volumes:\n{{- range .Values.dirs }}\n- name: {{ .name }}\n  hostPath:\n    path: {{ .path }}\n{{- end }}\n";
    for (file, text, name, given, line) in [
        (
            "m/pod.tf",
            dynamic.as_str(),
            "main.tf",
            "module \"a\" {\n  dirs = {\n    x = \"/var/run\"\n  }\n}\n",
            3,
        ),
        (
            "m/pod.tf",
            &iterator,
            "main.tf",
            "module \"a\" {\n  dirs = [\n    {\n      name = \"r\"\n      path = \"/var/run\"\n    },\n  ]\n}\n",
            5,
        ),
        (
            "tasks/main.yml",
            task,
            "defaults/main.yml",
            "dirs:\n  - name: r\n    path: /var/run\n",
            3,
        ),
        (
            "values.yaml.gotmpl",
            template,
            "prod.yaml",
            "dirs:\n- name: r\n  path: /var/run\n",
            3,
        ),
    ] {
        let dir = |given: &str| Dir::new().with(file, text).with(name, given);
        let ended = dir(given).scan(&["."]);
        assert_eq!(ended.status, 2, "{file}: {}", ended.out);
        let told = format!("./{name}:{line} gives ");
        assert!(ended.out.contains(&told), "{told}: {}", ended.out);
        let ended = dir(&given.replace("/var/run", "/data")).scan(&["."]);
        assert_eq!(ended.status, 0, "{file}: {}", ended.out);
    }
}

#[test]
fn a_path_that_is_filled_in_by_no_name_is_a_gap() {
    for path in ["{{ item.path }}", "${path}", "$(params.path)"] {
        let ended = Dir::new().with("pod.yaml", &pod(path)).scan(&["."]);
        assert_eq!(ended.status, 2, "{path}: {}", ended.out);
        let told = "./pod.yaml:11: Pod build: a hostPath is filled in later, and nothing says by what name";
        assert!(ended.out.contains(told), "{path}: {}", ended.out);
    }
    // What a chart has for it is in its values.
    let ended = chart("path: /data\n", "", "\"{{ .Values.path }}\"", "").scan(&["."]);
    assert_eq!(ended.status, 0, "{}", ended.out);
}

#[test]
fn the_name_of_a_value_may_be_a_letter_that_is_given_something() {
    let volume = "volume {\n      name = \"r\"\n      host_path { path = var.d }\n    }";
    for (given, status) in [
        ("module \"a\" {\n  d = \"/var/run\"\n}\n", 2),
        ("module \"a\" {\n  x = \"-d /var/run\"\n}\n", 0),
    ] {
        let dir = Dir::new().with("m/pod.tf", &module(volume));
        let ended = dir.with("main.tf", given).scan(&["."]);
        assert_eq!(ended.status, status, "{given}: {}", ended.out);
    }
}
