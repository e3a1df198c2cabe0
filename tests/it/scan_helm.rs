//! A chart beside what helm makes of it by its own values: others may make a Pod that reaches the node.

use crate::scan_command::{Dir, Ended, program, scan_with_path};

const CHART: &str = "apiVersion: v2\nname: x\nversion: 1.0.0\n";
const HELM: &str = "#!/bin/sh\nwhile read -r line; do echo \"$line\"; done < rendered.json\n";

/// A template with a Pod whose volume stands between `before` and `after`.
fn template(before: &str, path: &str, after: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers: [{{name: a, image: docker, volumeMounts: \
         [{{name: s, mountPath: /s}}]}}]\n{before}  volumes:\n  - name: s\n    hostPath: {{path: {path}}}\n{after}"
    )
}

/// What helm makes of it.
fn rendered(path: &str) -> String {
    let volumes = format!("[{{name: s, hostPath: {{path: {path}}}}}]");
    format!(
        "---\n# Source: x/templates/p.yaml\n{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{containers: [{{name: a, \
         image: docker, volumeMounts: [{{name: s, mountPath: /s}}]}}], volumes: {volumes}}}}}\n"
    )
}

fn scanned(template: &str, rendered: &str, others: &[(&str, &str)]) -> Ended {
    let dir = Dir::new()
        .with("chart/Chart.yaml", CHART)
        .with("chart/templates/p.yaml", template)
        .with("rendered.json", rendered);
    let dir = program(dir, "helm", HELM);
    let dir = others
        .iter()
        .fold(dir, |dir, (name, text)| dir.with(name, text));
    let bin = dir.path().join("bin");
    scan_with_path(&dir, &bin, &["chart", "env"])
}

const ON: (&str, &str) = ("{{- if .Values.on }}\n", "{{- end }}\n");

#[test]
fn what_a_chart_has_only_under_other_values_is_a_gap() {
    let socket = template(ON.0, "/var/run/docker.sock", ON.1);
    let env = ("env/prod.yaml", "on: true\n");
    let ended = scanned(&socket, &rendered("/data"), &[env]);
    assert_eq!(ended.status, 2, "{}", ended.out);
    let told = "chart: a chart that was rendered with one set of values: with others it may have more; \
                chart/templates/p.yaml:9 leads to a container runtime";
    assert!(ended.out.contains(told), "{}", ended.out);
}

#[test]
fn what_a_chart_was_rendered_with_is_told_once() {
    for (path, now, values) in [
        ("/var/run/docker.sock", "/var/run/docker.sock", "on: true\n"),
        ("{{ .Values.dir }}", "/var/run/docker.sock", "on: true\n"),
        ("{{ .Values.dir }}", "/run", "dir: /run\n"),
    ] {
        let others = [("chart/values.yaml", values), ("env/x.yaml", "a: b\n")];
        let ended = scanned(&template("", path, ""), &rendered(now), &others);
        assert_eq!(ended.status, 1, "{path}: {}", ended.out);
    }
}

#[test]
fn a_value_of_another_file_fills_in_a_rendered_chart() {
    for (path, value) in [
        ("{{ .Values.dir }}", "dir: /run\n"),
        ("{{ include \"x.dir\" . }}", "dir: /var/run\n"),
    ] {
        for (name, given, status) in [
            ("env/prod.yaml", value, 2),
            ("chart/values-prod.yaml", value, 2),
            ("env/prod.yaml", "dir: /data\n", 0),
        ] {
            let others = [
                ("chart/values.yaml", "dir: /data\n"),
                ("env/x.yaml", "a: b\n"),
                (
                    "chart/templates/_h.tpl",
                    "{{ define \"x.dir\" }}{{ .Values.dir }}{{ end }}\n",
                ),
                (name, given),
            ];
            let ended = scanned(&template("", path, ""), &rendered("/data"), &others);
            assert_eq!(ended.status, status, "{path}: {name}: {}", ended.out);
        }
    }
}

#[test]
fn a_named_template_is_filled_in_by_its_values_without_helm() {
    let text = template("", "{{ include \"x.dir\" . }}", "");
    for (given, status) in [("hostDir=/var/run", 2), ("hostDir=/data", 0)] {
        let dir = Dir::new()
            .with("chart/Chart.yaml", CHART)
            .with("chart/values.yaml", "hostDir: /data\nrunDir: /run\n")
            .with("chart/templates/p.yaml", &text)
            .with(
                "chart/templates/_h.tpl",
                "{{ define \"x.dir\" }}{{ .Values.hostDir }}{{ end }}\n",
            )
            .with(
                "deploy.sh",
                &format!("helm upgrade -i x chart --set {given}\n"),
            );
        let ended = scan_with_path(&dir, dir.path(), &["."]);
        assert_eq!(ended.status, status, "{given}: {}", ended.out);
    }
}

#[test]
fn another_value_of_a_chart_is_none_of_a_hostpath() {
    let text = template("", "{{ .Values.persistence.hostPath }}", "")
        .replace("mountPath: /s", "mountPath: {{ .Values.runDir }}");
    let dir = Dir::new()
        .with("chart/Chart.yaml", CHART)
        .with(
            "chart/values.yaml",
            "persistence: {hostPath: /data}\nrunDir: /run\n",
        )
        .with("chart/templates/p.yaml", &text);
    let ended = scan_with_path(&dir, dir.path(), &["."]);
    assert_eq!(ended.status, 0, "{}", ended.out);
}
