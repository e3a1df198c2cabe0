//! The `inject`, `convert` and `uninject` commands as one types them: what is written, and when nothing is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("convert-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With copies of cases of `tests/convert`.
    fn with(name: &str, cases: &[&str]) -> Self {
        let folder = Self::new(name);
        for case in cases {
            fs::write(folder.0.join(case), case_text(case)).unwrap();
        }
        folder
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn case_text(case: &str) -> String {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert");
    fs::read_to_string(cases.join(case)).unwrap()
}

fn command(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its flags does not read.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const AGENT: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      hostPID: true
      containers:
      - name: agent
        image: datadog/agent
        volumeMounts: [{name: sock, mountPath: /var/run/docker.sock}]
      volumes: [{name: sock, hostPath: {path: /var/run/docker.sock}}]
";

#[test]
fn without_write_it_only_shows() {
    let folder = Folder::with("shows", &["comments.yaml"]);
    let output = command(
        &[
            "convert",
            "--to",
            "sidecar",
            "-f",
            &folder.path("comments.yaml"),
        ],
        "",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let diff = stdout(&output);
    assert!(diff.contains("comments.yaml\n+++ b/"), "{diff}");
    assert!(
        diff.contains("\n-              name: docker-sock   # see below\n"),
        "{diff}"
    );
    assert!(
        diff.contains("\n+              name: dind-socket   # see below\n"),
        "{diff}"
    );
    assert_eq!(folder.text("comments.yaml"), case_text("comments.yaml"));
}

#[test]
fn with_write_the_files_are_converted_once() {
    let folder = Folder::with("writes", &["comments.yaml", "pretty.json"]);
    let (yaml, json) = (folder.path("comments.yaml"), folder.path("pretty.json"));
    let args = [
        "convert", "--to", "sidecar", "-f", &yaml, &json, &yaml, "--write",
    ];
    let output = command(&args, "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("comments.yaml: 1 Pod converted"));
    let (first_yaml, first_json) = (folder.text("comments.yaml"), folder.text("pretty.json"));
    assert!(first_yaml.contains("- name: dind\n"));
    assert!(first_json.contains("\"name\": \"dind\""));
    let again = command(&args, "");
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(stdout(&again) + &stderr(&again), "");
    assert_eq!(folder.text("comments.yaml"), first_yaml);
    assert_eq!(folder.text("pretty.json"), first_json);
}

#[test]
fn what_convert_wrote_uninject_takes_back() {
    let folder = Folder::with("back", &["comments.yaml"]);
    let file = folder.path("comments.yaml");
    let before = command(&["uninject", "-f", &file], "");
    let output = command(&["convert", "--to", "sidecar", "-f", &file, "--write"], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let back = command(&["uninject", "-f", &file], "");
    assert_eq!(back.status.code(), Some(0), "{}", stderr(&back));
    // Nothing was injected before, so that was the file itself, without its comments.
    assert_eq!(stdout(&back), stdout(&before));
    let diff = stdout(&command(&["uninject", "-f", &file, "--diff"], ""));
    assert!(diff.contains("\n+      - name: docker-sock\n"), "{diff}");
}

#[test]
fn one_refusal_and_no_file_is_written() {
    let folder = Folder::with("refused", &["comments.yaml", "shared-unlike.yaml"]);
    fs::write(folder.0.join("agent.yaml"), AGENT).unwrap();
    for (other, word) in [
        ("agent.yaml", "denied"),
        ("shared-unlike.yaml", "shared-unlike.yaml:9: "),
    ] {
        let (file, other) = (folder.path("comments.yaml"), folder.path(other));
        let output = command(
            &[
                "convert", "--to", "sidecar", "-f", &file, "-f", &other, "--write", "--diff",
            ],
            "",
        );
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
        assert!(stderr(&output).ends_with(&withheld("no file")));
        assert_eq!(stdout(&output), "");
        assert_eq!(folder.text("comments.yaml"), case_text("comments.yaml"));
    }
}

/// The last words of a command that refuses one Pod of many.
fn withheld(what: &str) -> String {
    format!(
        "error: {what} is written, so that no half of a release goes out: mend or leave out what \
         is named above, or use --keep-going to have the rest\n"
    )
}

#[test]
fn inject_keeps_going_and_says_which_document_is_left_out() {
    let fine = case_text("comments.yaml");
    let stream = format!("{fine}---\n{AGENT}---\n{fine}");
    let line = stream
        .lines()
        .position(|line| line == "kind: DaemonSet")
        .unwrap();
    let output = command(&["inject", "-f", "-", "--keep-going"], &stream);
    assert_eq!(
        output.status.code(),
        Some(1),
        "a Pod is refused all the same"
    );
    let told = stderr(&output);
    assert!(
        told.contains(&format!("error: stdin:{line}: DaemonSet/agent: denied: ")),
        "{told}"
    );
    assert!(
        told.ends_with(&format!("error: stdin:{line}: the document is left out\n")),
        "{told}"
    );
    let written = stdout(&output);
    assert_eq!(written.matches("name: dind\n").count(), 2);
    assert!(!written.contains("kind: DaemonSet"));
    let rest = command(&["inject", "-f", "-"], &format!("{fine}---\n{fine}"));
    assert_eq!(stdout(&rest), written);
    let patches = command(
        &["inject", "-f", "-", "--keep-going", "-o", "patch"],
        &stream,
    );
    let patches: serde_json::Value = serde_json::from_str(&stdout(&patches)).unwrap();
    assert_eq!(patches.as_array().map(Vec::len), Some(2));
}

#[test]
fn nothing_is_written_of_a_text_that_is_no_manifest() {
    let terraform = "resource \"kubernetes_pod\" \"a\" {\n  spec {\n  }\n}\n";
    for name in ["inject", "uninject"] {
        let output = command(&[name, "-f", "-"], terraform);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert_eq!(stdout(&output), "", "{name}");
        let told = stderr(&output);
        assert!(
            told.contains("stdin:1: this is no manifest, but a text"),
            "{told}"
        );
    }
}

#[test]
fn inject_names_the_document_that_is_refused_and_says_what_to_do() {
    let fine = case_text("comments.yaml");
    let stream = format!("{fine}---\n{AGENT}");
    let line = stream.lines().position(|line| line == "kind: DaemonSet");
    let output = command(&["inject", "-f", "-"], &stream);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let told = stderr(&output);
    let refused = format!("error: stdin:{}: DaemonSet/agent: denied: ", line.unwrap());
    assert!(told.contains(&refused), "{told}");
    assert!(told.ends_with(&withheld("nothing")), "{told}");
    let rest = command(&["inject", "-f", "-"], &fine);
    assert_eq!(rest.status.code(), Some(0));
    assert!(stdout(&rest).contains("name: dind\n"));
}

#[test]
fn inject_writes_a_patch_for_each_pod_that_changes() {
    let stream = format!("{}---\nkind: Pod\nspec: {{}}\n", case_text("comments.yaml"));
    let output = command(&["inject", "-f", "-", "-o", "patch"], &stream);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let patches: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let [only] = patches.as_array().unwrap().as_slice() else {
        panic!("{patches:#}");
    };
    let operations = only["patch"].as_array().unwrap();
    let below_the_template = |operation: &serde_json::Value| {
        let path = operation["path"].as_str().unwrap();
        path.starts_with("/spec/template/") && operation["op"].is_string()
    };
    assert!(operations.iter().all(below_the_template), "{only:#}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::with("unreadable", &["comments.yaml"]);
    fs::write(folder.0.join("broken.yaml"), "a: [\n").unwrap();
    fs::write(folder.0.join("binary.yaml"), [0xff, 0xfe, 0]).unwrap();
    for other in ["broken.yaml", "binary.yaml", "missing.yaml"] {
        let (file, path) = (folder.path("comments.yaml"), folder.path(other));
        let output = command(
            &["convert", "--to", "sidecar", "-f", &file, &path, "--write"],
            "",
        );
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(other), "{}", stderr(&output));
        assert_eq!(folder.text("comments.yaml"), case_text("comments.yaml"));
    }
}

#[test]
fn standard_input_is_shown_and_not_written() {
    let text = case_text("four-spaces.yaml");
    let output = command(&["convert", "--to", "sidecar", "-f", "-"], &text);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("+                -   name: dind\n"));
    let output = command(&["convert", "--to", "sidecar", "-f", "-", "--write"], &text);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--write"), "{}", stderr(&output));
}

#[test]
fn a_pod_that_cannot_be_taken_back_leaves_no_output() {
    let injected = command(&["inject", "-f", "-"], &case_text("comments.yaml"));
    let injected = stdout(&injected);
    let good = command(&["uninject", "-f", "-", "-o", "json"], &injected);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert!(stdout(&good).contains("\"docker-sock\""));
    let bad = injected.replace("DIND_ORIGINAL", "DIND_ORIGIN");
    let output = command(&["uninject", "-f", "-"], &bad);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let told = stderr(&output);
    assert!(told.contains("no record"), "{told}");
    assert!(told.ends_with(&withheld("nothing")), "{told}");
}

#[test]
fn uninject_writes_the_files_and_keeps_their_comments() {
    let folder = Folder::with("taken-back", &["comments.yaml", "pretty.json"]);
    let (yaml, json) = (folder.path("comments.yaml"), folder.path("pretty.json"));
    let convert = ["convert", "--to", "sidecar", "-f", &yaml, &json, "--write"];
    assert_eq!(command(&convert, "").status.code(), Some(0));
    assert!(folder.text("comments.yaml").contains("- name: dind\n"));
    let args = ["uninject", "-f", &yaml, "-f", &json, "--write"];
    let output = command(&args, "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("comments.yaml: 1 Pod taken back\n"));
    let read = |text: &str| -> Vec<serde_json::Value> {
        let read = dind_injector::manifest::read(text).unwrap();
        read.into_iter().map(|document| document.value).collect()
    };
    for case in ["comments.yaml", "pretty.json"] {
        let (now, was) = (folder.text(case), case_text(case));
        assert_eq!(read(&now), read(&was), "{case}");
        for line in was
            .lines()
            .filter(|line| line.trim_start().starts_with('#'))
        {
            assert!(now.lines().any(|now| now == line), "{case}: {line}");
        }
    }
    // Nothing is left to take back.
    let again = command(&args, "");
    assert_eq!(
        (again.status.code(), stderr(&again)),
        (Some(0), String::new())
    );
    let stdin = command(&["uninject", "-f", "-", "--write"], "");
    assert_eq!(stdin.status.code(), Some(2));
}

/// A folder with files of a CI, each of another system.
fn ci(name: &str, files: &[&str]) -> Folder {
    let folder = Folder::new(name);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for file in files {
        let name = Path::new(file).file_name().unwrap();
        fs::copy(corpus.join(file), folder.0.join(name)).unwrap();
    }
    folder
}

fn within(folder: &Folder, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .args(args)
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_directory_is_converted_to_annotations_and_its_patch_is_exact() {
    let files = [
        "jenkins/Jenkinsfile",
        "ci/config.toml",
        "ci/tekton-task.yaml",
    ];
    let folder = ci("directory", &files);
    let before: Vec<String> = ["Jenkinsfile", "config.toml", "tekton-task.yaml"]
        .map(|file| folder.text(file))
        .to_vec();
    let shown = within(&folder, &["convert", "-f", "."]);
    let diff = stdout(&shown);
    let written = within(&folder, &["convert", "-f", ".", "--write"]);
    assert_eq!(stdout(&written), "");
    for (file, before) in ["Jenkinsfile", "config.toml", "tekton-task.yaml"]
        .into_iter()
        .zip(before)
    {
        let own = diff
            .split("--- a/")
            .find(|part| part.starts_with(&format!("{file}\n")));
        let own = own.unwrap_or_else(|| panic!("{file} is not in {diff}"));
        assert_eq!(
            crate::migrate::applied(&before, own),
            folder.text(file),
            "{file}"
        );
        assert!(stderr(&written).contains(&format!("{file}: 1 Pod converted\n")));
    }
    // The Jenkinsfile names the socket in its first line, too: a comment.
    assert_eq!(written.status.code(), Some(1), "{}", stderr(&written));
    assert!(
        stderr(&written).contains("Jenkinsfile:1: "),
        "{}",
        stderr(&written)
    );
}

#[test]
fn a_pod_that_is_not_converted_is_named_and_nothing_is_written() {
    let folder = ci(
        "by-hand",
        &["ci/drone-pipelines.yaml", "ci/arc-runner-set.yaml"],
    );
    fs::write(folder.0.join("agent.yaml"), AGENT).unwrap();
    let before = folder.text("arc-runner-set.yaml");
    let args = ["convert", "-f", ".", "--write"];
    let output = within(&folder, &args);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for named in [
        "agent.yaml:2: DaemonSet/agent: denied: ",
        "drone-pipelines.yaml:3: Drone pipeline/in-a-pod: ",
    ] {
        assert!(told.contains(&format!("error: ./{named}")), "{told}");
    }
    assert!(
        told.contains("drone-pipelines.yaml:42: Drone pipeline/beside-the-runner still reaches"),
        "{told}"
    );
    assert!(told.ends_with(&withheld("no file")), "{told}");
    assert_eq!(folder.text("arc-runner-set.yaml"), before);
    let output = within(&folder, &[&args[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        folder
            .text("arc-runner-set.yaml")
            .contains("dind-injector.io/inject: \"true\"\n")
    );
    assert!(stderr(&output).ends_with("./arc-runner-set.yaml: 1 Pod converted\n"));
}

#[test]
fn an_annotation_that_the_policy_would_ignore_is_an_error() {
    let folder = ci("ignored", &["ci/arc-runner-set.yaml"]);
    let preset = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/presets/migrate.yaml");
    let preset = preset.to_str().unwrap();
    let args = ["convert", "-f", "arc-runner-set.yaml", "--config", preset];
    let output = within(&folder, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(
        told.contains("the policy ignores the annotation here (rule "),
        "{told}"
    );
    assert!(told.contains("label namespace arc-runners"), "{told}");
    assert_eq!(stdout(&output), "");
    let label = ["--namespace-label", "dind-injector.io/injection=enabled"];
    let output = within(&folder, &[&args[..], &label].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).contains("+        dind-injector.io/containers: runner\n"));
    // A Namespace among the files is as good as the flag.
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: arc-runners\n  labels:\n    dind-injector.io/injection: enabled\n";
    fs::write(folder.0.join("namespace.yaml"), namespace).unwrap();
    let output = within(&folder, &["convert", "-f", ".", "--config", preset]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_a_namespace_needs_is_said() {
    let folder = ci(
        "needs",
        &["ci/arc-runner-set.yaml", "ci/arc-runner-deployment.yaml"],
    );
    let output = within(&folder, &["convert", "-f", "."]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stderr(&output);
    let label = "kubectl label namespace arc-legacy arc-runners dind-injector.io/injection=enabled";
    assert!(told.contains(label), "{told}");
}

#[test]
fn comments_that_lose_their_line_are_listed() {
    let folder = Folder::new("comments");
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - name: c\n    image: i\n    volumeMounts:\n    # the node's docker\n    - name: s # sock\n      mountPath: /var/run/docker.sock\n    - {name: o, mountPath: /o}\n  volumes:\n  - {name: o, emptyDir: {}}\n  - name: s\n    hostPath: {path: /var/run/docker.sock}\n";
    fs::write(folder.0.join("pod.yaml"), text).unwrap();
    let output = within(&folder, &["convert", "-f", "pod.yaml"]);
    let told = stderr(&output);
    assert!(told.contains("note: pod.yaml:10: this comment is kept, and may speak of what is gone: # the node's docker\n"), "{told}");
    assert!(
        told.contains("note: pod.yaml:11: this comment went with its line: # sock\n"),
        "{told}"
    );
}

/// A Pod with one mount of a path of the node, over lines of its own.
fn pod(name: &str, path: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  containers:\n  - name: main\n    image: docker:cli\n    \
         volumeMounts:\n    - name: s\n      mountPath: /mounted\n  volumes:\n  - name: s\n    hostPath:\n      path: '{path}'\n"
    )
}

#[test]
fn what_is_left_reaching_the_runtime_is_named_in_both_forms_with_status_1() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      \
                 volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n";
    let mut texts = vec![("names a container runtime's socket", 7, patch.to_owned())];
    for path in [
        "/var/run/containerd/containerd.sock",
        r"\\.\pipe\docker_engine",
        "/",
        "${DOCKER_SOCK:-/var/run/docker.sock}",
        "__SOCK__/docker.sock",
    ] {
        let at_socket = pod("left", path).replace("/mounted", "/var/run/docker.sock");
        texts.push((path, 10, at_socket));
    }
    let folder = Folder::new("left");
    for (word, at, text) in texts {
        fs::write(folder.0.join("left.yaml"), &text).unwrap();
        for form in ["annotation", "sidecar"] {
            let output = within(&folder, &["convert", "-f", "left.yaml", "--to", form]);
            let told = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{form} {word}: {told}");
            let mut lines = told.lines();
            let start = format!("warning: left.yaml:{at}: ");
            assert!(
                lines.any(|line| line.starts_with(&start) && line.contains(word)),
                "{form} {word}: {told}"
            );
        }
    }
}

#[test]
fn a_pod_with_a_sidecar_that_reaches_another_runtime_too_is_named() {
    let folder = Folder::new("left-beside");
    let text = pod("both", "/var/run/docker.sock")
        .replace("  volumes:\n", "    - name: c\n      mountPath: /c\n  volumes:\n  - name: c\n    hostPath:\n      path: /run/containerd/containerd.sock\n");
    fs::write(folder.0.join("pod.yaml"), text).unwrap();
    let args = ["convert", "-f", "pod.yaml", "--to", "sidecar"];
    let shown = within(&folder, &args);
    assert_eq!(shown.status.code(), Some(1), "{}", stderr(&shown));
    let warning =
        "Pod/both still reaches the node's runtime (/run/containerd/containerd.sock). by hand: ";
    assert!(stderr(&shown).contains(warning), "{}", stderr(&shown));
    let written = within(&folder, &[&args[..], &["--write"]].concat());
    assert!(folder.text("pod.yaml").contains("- name: dind\n"));
    assert_eq!(written.status.code(), Some(1), "{}", stderr(&written));
}

#[test]
fn what_is_left_is_told_at_the_lines_of_the_file_that_is_there() {
    let folder = Folder::new("left-lines");
    let second = pod("second", "/run/containerd/containerd.sock");
    let text = format!("{}---\n{second}", pod("first", "/var/run/docker.sock"));
    for form in ["annotation", "sidecar"] {
        fs::write(folder.0.join("pods.yaml"), &text).unwrap();
        fs::write(folder.0.join("agent.yaml"), AGENT).unwrap();
        let args = ["convert", "--to", form, "-f", "pods.yaml"];
        let warning = |text: &str| {
            let after = text.split_once("name: second\n").unwrap().0.lines().count();
            let rest = text
                .lines()
                .skip(after)
                .position(|line| line == "    - name: s")
                .unwrap();
            format!("warning: pods.yaml:{}: Pod/second still ", after + rest + 1)
        };
        let was = warning(&text);
        for more in [&[][..], &["-f", "agent.yaml", "--write"][..]] {
            let told = stderr(&within(&folder, &[&args[..], more].concat()));
            assert!(told.contains(&was), "{form} {more:?}: {told}");
            assert_eq!(folder.text("pods.yaml"), text);
        }
        let told = stderr(&within(&folder, &[&args[..], &["--write"]].concat()));
        let now = warning(&folder.text("pods.yaml"));
        assert_ne!(was, now);
        assert!(told.contains(&now), "{form}: {told}");
    }
}

#[test]
fn the_other_form_is_named_only_where_it_changes_something() {
    let folder = ci("hint", &["jenkins/Jenkinsfile", "ci/config.toml"]);
    let socket = pod("a", "/var/run/docker.sock");
    let script = format!("#!/bin/sh\nkubectl apply -f - <<EOF\n{socket}EOF\n");
    fs::write(folder.0.join("apply.sh"), script).unwrap();
    let terraform = "resource \"kubernetes_pod\" \"a\" {\n  metadata {\n    name = \"a\"\n  }\n  spec {\n    container {\n      \
                     name = \"main\"\n      image = \"x\"\n      volume_mount {\n        name = \"s\"\n        mount_path = \
                     \"/var/run/docker.sock\"\n      }\n    }\n    volume {\n      name = \"s\"\n      host_path {\n        path = \
                     \"/var/run/docker.sock\"\n      }\n    }\n  }\n}\n";
    fs::write(folder.0.join("main.tf"), terraform).unwrap();
    for (file, is_named) in [
        ("Jenkinsfile", true),
        ("config.toml", true),
        ("apply.sh", false),
        ("main.tf", false),
    ] {
        let output = within(&folder, &["convert", "-f", file, "--to", "sidecar"]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("no whole Pod stands there. "), "{told}");
        assert_eq!(told.contains("--to annotation"), is_named, "{told}");
    }
}

#[test]
fn a_sidecar_that_uninject_could_not_take_back_is_refused() {
    let folder = Folder::with("irreversible", &["merged.yaml", "shared-alike.yaml"]);
    let convert = |file| {
        let args = ["convert", "-f", file, "--to", "sidecar", "--write"];
        within(&folder, &args)
    };
    // The sidecar's variable goes where an alias brings it to another container, too.
    let output = convert("merged.yaml");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = stderr(&output);
    let error = "error: merged.yaml:7: what would have to change here is shared through an anchor";
    assert!(told.contains(error), "{told}");
    assert!(told.ends_with(&withheld("no file")), "{told}");
    assert_eq!(folder.text("merged.yaml"), case_text("merged.yaml"));
    // What all that share it want can be taken back.
    let output = convert("shared-alike.yaml");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let back = within(&folder, &["uninject", "-f", "shared-alike.yaml", "--write"]);
    assert_eq!(back.status.code(), Some(0), "{}", stderr(&back));
}

#[test]
fn the_advice_names_no_container_that_the_text_does_not_name() {
    let mounts = "[{name: s, mountPath: /var/run/docker.sock}]";
    let volumes = "[{name: s, hostPath: {path: /var/run/docker.sock}}]";
    let patch = format!(
        "- op: add\n  path: /spec/template/spec/volumes\n  value: {volumes}\n- op: add\n  \
         path: /spec/template/spec/containers/0/volumeMounts\n  value: {mounts}\n"
    );
    let values = format!("portainer:\n  extraVolumes: {volumes}\n  extraVolumeMounts: {mounts}\n");
    let indented = values.replace('\n', "\n        ");
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec:\n  source:\n    helm:\n      \
         valuesObject:\n        {indented}\n"
    );
    let flat = application
        .replace("        portainer:\n", "")
        .replace("          extra", "        extra");
    let beside = format!(
        "extraContainers:\n- name: real\n  volumeMounts: {mounts}\nextraVolumes: {volumes}\n"
    );
    let folder = Folder::new("names");
    for (text, named) in [
        (&patch, None),
        (&values, None),
        (
            &format!("extraVolumes: {volumes}\nextraVolumeMounts: {mounts}\n"),
            None,
        ),
        (&application, None),
        (&flat, None),
        (
            &format!("#!/bin/sh\nhelm upgrade x y -f - <<EOF\n{values}EOF\n"),
            None,
        ),
        (&beside, Some("real")),
    ] {
        let file = if text.starts_with("#!") {
            "a.sh"
        } else {
            "a.yaml"
        };
        fs::write(folder.0.join(file), text).unwrap();
        let told = stderr(&within(&folder, &["convert", "-f", file]));
        assert!(told.contains("by hand: "), "{text}{told}");
        let written = told
            .split_once("dind-injector.io/containers: \"")
            .map(|(_, rest)| rest);
        let written = written
            .and_then(|rest| rest.split_once('"'))
            .map(|(name, _)| name);
        assert_eq!(written, named, "{text}{told}");
        let asked =
            told.contains("; name the containers with these mounts in dind-injector.io/containers");
        assert_eq!(asked, named.is_none(), "{text}{told}");
    }
}

#[test]
fn a_text_that_is_not_in_utf8_is_named_and_never_rewritten() {
    let text = pod("web", "/var/run/docker.sock");
    let wide = |mark: &[u8]| -> Vec<u8> {
        let text = text.encode_utf16().flat_map(u16::to_le_bytes);
        mark.iter().copied().chain(text).collect()
    };
    let latin = [text.as_bytes(), b"# caf\xe9\n"].concat();
    for (file, bytes, told) in [
        (
            "marked.yaml",
            wide(&[0xFF, 0xFE]),
            "it is in UTF-16, and is not rewritten",
        ),
        (
            "unmarked.yaml",
            wide(&[]),
            "it is in UTF-16, and is not rewritten",
        ),
        (
            "latin.yaml",
            latin,
            "it is not in UTF-8, and is not rewritten",
        ),
    ] {
        let folder = Folder::new("utf16");
        fs::write(folder.0.join(file), &bytes).unwrap();
        for form in ["annotation", "sidecar"] {
            // A file that was asked for by name has to be one.
            for (path, status) in [(".", 1), (file, 2)] {
                let output = within(&folder, &["convert", "-f", path, "--to", form, "--write"]);
                assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
                let place = format!("{file}:15: {told}");
                assert!(stderr(&output).contains(&place), "{}", stderr(&output));
                assert_eq!(fs::read(folder.0.join(file)).unwrap(), bytes);
            }
        }
    }
}

#[test]
fn a_text_whose_lines_end_in_cr_is_named_and_never_rewritten() {
    let jenkinsfile = "// builds\npodTemplate(volumes: [hostPathVolume(hostPath: '/var/run/docker.sock', mountPath: \
                       '/var/run/docker.sock')]) { }\n";
    for (file, text, line) in [
        ("pod.yaml", pod("web", "/var/run/docker.sock"), 1),
        ("Jenkinsfile", jenkinsfile.to_owned(), 2),
    ] {
        let folder = Folder::new("returns");
        let text = text.replace('\n', "\r");
        fs::write(folder.0.join(file), &text).unwrap();
        let output = within(&folder, &["convert", "-f", file, "--write"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let told = stderr(&output);
        assert!(
            told.contains("lines of this file end in CR alone"),
            "{told}"
        );
        assert!(told.contains(&format!("error: {file}:{line}: ")), "{told}");
        assert_eq!(folder.text(file), text);
    }
    let folder = Folder::new("returns-sidecar");
    let text = pod("web", "/var/run/docker.sock").replace('\n', "\r");
    fs::write(folder.0.join("pod.yaml"), &text).unwrap();
    let args = ["convert", "-f", "pod.yaml", "--to", "sidecar", "--write"];
    let output = within(&folder, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("CR alone"), "{}", stderr(&output));
    assert_eq!(folder.text("pod.yaml"), text);
}

#[test]
fn no_sidecar_is_written_into_a_patch_of_a_kustomization() {
    let folder = Folder::new("patch");
    let patch = pod("web", "/var/run/docker.sock").replace("    image: docker:cli\n", "");
    fs::write(folder.0.join("patch.yaml"), &patch).unwrap();
    let args = ["convert", "-f", "patch.yaml", "--to", "sidecar"];
    let output = within(&folder, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no whole Pod stands there. --to annotation changes it"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn inject_names_what_no_daemon_takes_the_place_of() {
    let containerd = "/run/containerd/containerd.sock";
    let output = command(&["inject", "-f", "-"], &pod("web", containerd));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let told = format!(
        "warning: stdin:10: Pod/web still reaches the node's runtime ({containerd}). by hand: "
    );
    assert!(stderr(&output).contains(&told), "{}", stderr(&output));
    assert!(stdout(&output).contains(containerd));
    // A rule that lets it is a decision.
    let folder = Folder::new("exempt");
    let policy = "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\nrules:\n- name: ours\n  match: {namespaces: \
                  [default]}\n  otherRuntimes: Allow\ndefault: {hostSockets: Swap}\n";
    fs::write(folder.0.join("policy.yaml"), policy).unwrap();
    fs::write(folder.0.join("pod.yaml"), pod("web", containerd)).unwrap();
    let args = ["inject", "-f", "pod.yaml", "--config", "policy.yaml"];
    let output = within(&folder, &args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn inject_ends_with_1_where_a_pod_is_left_or_only_warned() {
    let spec = |container: &str, volume: &str| {
        format!(
            "spec:\n  containers: [{{name: a, image: d, {container}}}]\n  volumes: [{{name: s, hostPath: {{path: {volume}}}}}]\n"
        )
    };
    let mount = "volumeMounts: [{name: s, mountPath: /x/docker.sock}]";
    let host = "env: [{name: DOCKER_HOST, value: \"tcp://172.17.0.1:2375\"}]";
    let opted_out = "metadata: {name: p, annotations: {dind-injector.io/inject: \"false\"}}\n";
    let plain = "metadata: {name: p}\n";
    for (metadata, spec, still) in [
        (
            opted_out,
            spec(mount, "/var/run/docker.sock"),
            "(/var/run/docker.sock). OptedOut: ",
        ),
        (plain, spec(mount, "/"), "(/). by hand: "),
        (
            plain,
            spec(host, "/data"),
            "(tcp://172.17.0.1:2375). by hand: ",
        ),
    ] {
        let text = format!("apiVersion: v1\nkind: Pod\n{metadata}{spec}");
        let output = command(&["inject", "-f", "-"], &text);
        let told = format!("Pod/p still reaches the node's runtime {still}");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(&told), "{}", stderr(&output));
        assert!(stdout(&output).contains("kind: Pod"));
    }
}

#[test]
fn a_task_and_its_run_in_two_files_are_both_named_with_what_to_do() {
    let folder = Folder::new("tekton");
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: image}\nspec:\n  steps:\n    - name: build\n      \
                image: docker:28-cli\n      volumeMounts:\n        - name: s\n          mountPath: /var/run/docker.sock\n";
    let run = "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {generateName: image-}\nspec:\n  taskRef: {name: image}\n  \
               podTemplate:\n    volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n";
    fs::write(folder.0.join("task.yaml"), task).unwrap();
    fs::write(folder.0.join("run.yaml"), run).unwrap();
    let output = within(&folder, &["convert", "-f", "."]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for (place, advice) in [
        (
            "task.yaml:10: ",
            "dind-injector.io/containers: step-build as annotations",
        ),
        (
            "run.yaml:7: ",
            "give the Task dind-injector.io/inject: \"true\"",
        ),
    ] {
        let named = told.lines().find(|line| line.contains(place)).unwrap();
        assert!(named.contains(advice), "{named}");
    }
    assert_eq!(stdout(&output), "");
}

#[test]
fn what_a_scan_tells_of_a_file_that_is_named_is_told_by_convert_too() {
    let folder = Folder::new("other-names");
    for (name, text, told) in [
        (
            "op.py",
            "V1HostPathVolumeSource(path=\"/var/run\")\n",
            "has a hostPath",
        ),
        (
            "pod.rb",
            "volume \"s\", host_path: \"/var/run\"\n",
            "has a hostPath",
        ),
        (
            "Jenkinsfile",
            "pipeline { agent { kubernetes { yaml libraryResource('pod.yaml') } } }\n",
            "pod.yaml",
        ),
    ] {
        fs::write(folder.0.join(name), text).unwrap();
        let output = within(&folder, &["convert", "-f", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let place = format!("warning: {name}:1: ");
        let said = stderr(&output);
        assert!(said.contains(&place) && said.contains(told), "{said}");
    }
    // Where the other file is read, too, nothing is missing.
    fs::create_dir(folder.0.join("resources")).unwrap();
    fs::write(folder.0.join("resources/pod.yaml"), "spec: {}\n").unwrap();
    let output = within(&folder, &["convert", "-f", "Jenkinsfile", "resources"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn what_a_comment_says_is_to_stay_is_left_with_its_reason() {
    let folder = Folder::new("ignored-by-a-comment");
    let other = pod("other", "/var/run/docker.sock");
    let own = pod("web", "/var/run/docker.sock");
    let mount = own.lines().find(|line| line.contains("- name: s")).unwrap();
    let indent = &mount[..mount.find('-').unwrap()];
    let comment = "# dind-injector:ignore SEC-123";
    let above = own.replacen(mount, &format!("{indent}{comment}\n{mount}"), 1);
    let behind = own.replacen(mount, &format!("{mount} {comment}"), 1);
    for kept in [above, behind] {
        for form in ["annotation", "sidecar"] {
            fs::write(folder.0.join("web.yaml"), format!("{kept}---\n{other}")).unwrap();
            let args = ["convert", "-f", "web.yaml", "--to", form, "--write"];
            let output = within(&folder, &args);
            let told = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{form}: {told}");
            let left = "Pod/web: left: ignored by a comment (SEC-123)\n";
            assert!(told.contains(left), "{form}: {told}");
            assert!(told.contains("warning: web.yaml:1: "), "{form}: {told}");
            let text = folder.text("web.yaml");
            assert!(text.starts_with(&kept), "{form}: {text}");
            assert!(!text.ends_with(&other), "{form}: {text}");
        }
    }
    let pipeline = "podTemplate(yaml: '''\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    image: i\n    volumeMounts:\n    # dind-injector:ignore SEC-7\n    - {name: d, mountPath: /var/run/docker.sock}\n  volumes:\n  - {name: d, hostPath: {path: /var/run/docker.sock}}\n''') { node(POD_LABEL) { sh 'docker ps' } }\n";
    let runner = "[[runners]]\nexecutor = \"kubernetes\"\n[[runners.kubernetes.volumes.host_path]]\nname = \"d\"\n# dind-injector:ignore SEC-7\nmount_path = \"/var/run/docker.sock\"\n";
    let nested = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: files}}\ndata:\n  pod.yaml: |\n    {}\n",
        kept_text(&own, mount, indent)
            .trim_end()
            .replace('\n', "\n    ")
    );
    for (name, text) in [
        ("Jenkinsfile", pipeline),
        ("config.toml", runner),
        ("map.yaml", &nested),
    ] {
        fs::write(folder.0.join(name), text).unwrap();
        let output = within(&folder, &["convert", "-f", name, "--write"]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        let left = "left: ignored by a comment (SEC-7)\n";
        assert!(told.contains(left), "{name}: {told}");
        assert_eq!(folder.text(name), text);
    }
}

fn kept_text(pod: &str, mount: &str, indent: &str) -> String {
    let comment = "# dind-injector:ignore SEC-7";
    pod.replacen(mount, &format!("{indent}{comment}\n{mount}"), 1)
}

/// A base with one Deployment, which has the socket and a volume of its own, and an overlay of it.
fn overlaid(name: &str, overlay: &str) -> Folder {
    let folder = Folder::new(name);
    for inner in ["base", "prod"] {
        fs::create_dir(folder.0.join(inner)).unwrap();
    }
    fs::write(folder.0.join("base/d.yaml"), BASE).unwrap();
    let base = "resources: [d.yaml]\n";
    fs::write(folder.0.join("base/kustomization.yaml"), base).unwrap();
    let prod = format!("resources: [../base]\n{overlay}");
    fs::write(folder.0.join("prod/kustomization.yaml"), prod).unwrap();
    folder
}

const BASE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
        - name: web
          image: docker
          volumeMounts:
            - name: sock
              mountPath: /var/run/docker.sock
            - name: data
              mountPath: /data
      volumes:
        - name: sock
          hostPath: {path: /var/run/docker.sock}
        - name: data
          emptyDir: {}
";

/// An entry of `patches` for the Deployment, with these lines.
fn operations(lines: &str) -> String {
    let lines = lines.replace('\n', "\n      ");
    format!("patches:\n  - target: {{kind: Deployment, name: web}}\n    patch: |-\n      {lines}\n")
}

#[test]
fn what_an_overlay_patches_by_index_or_by_a_name_that_goes_is_refused() {
    let spec = "/spec/template/spec";
    for (name, overlay, said) in [
        (
            "index",
            operations(&format!("- {{op: remove, path: {spec}/volumes/0}}")),
            "prod/kustomization.yaml:5 counts on what is at /spec/template/spec/volumes/0,",
        ),
        (
            "index-of-a-mount",
            operations(&format!(
                "- {{op: add, path: /spec/replicas, value: 2}}\n- op: replace\n  path: \
                 {spec}/containers/0/volumeMounts/1/mountPath\n  value: /srv"
            )),
            "prod/kustomization.yaml:6 counts on what is at",
        ),
        (
            "metadata",
            operations("- {op: replace, path: /spec/template/metadata, value: {labels: {a: b}}}"),
            "prod/kustomization.yaml:5 has /spec/template/metadata for itself,",
        ),
        (
            "mount",
            operations(&format!(
                "- op: add\n  path: {spec}/containers/0/volumeMounts/-\n  value: {{name: sock, mountPath: /x}}"
            )),
            "prod/kustomization.yaml:5 counts on \"sock\",",
        ),
        (
            "merge",
            "patches:\n  - path: side.yaml\n".to_owned(),
            "prod/side.yaml:1 counts on \"sock\",",
        ),
        (
            "merge-of-old",
            "patchesStrategicMerge: [side.yaml]\n".to_owned(),
            "prod/side.yaml:1 counts on \"sock\",",
        ),
        (
            "renamed",
            "namePrefix: a-\npatchesJson6902:\n  - target: {kind: Deployment, name: a-web}\n    path: by-index.json\n"
                .to_owned(),
            "prod/by-index.json:1 counts on what is at",
        ),
    ] {
        let folder = overlaid(&format!("overlay-{name}"), &overlay);
        let side = "kind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: helper, \
                    volumeMounts: [{name: sock, mountPath: /var/run/docker.sock}]}]}}}\n";
        fs::write(folder.0.join("prod/side.yaml"), side).unwrap();
        let by_index = format!("[{{\"op\": \"remove\", \"path\": \"{spec}/volumes/0\"}}]");
        fs::write(folder.0.join("prod/by-index.json"), by_index).unwrap();
        // The overlay is found where the base alone is named, too.
        for files in [&["base", "prod"][..], &["base"], &["base/d.yaml"], &["."]] {
            let mut args = vec!["convert", "--write", "--keep-going", "-f"];
            args.extend(files);
            let output = within(&folder, &args);
            let told = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{name} {files:?}: {told}");
            assert!(told.contains("base/d.yaml:2: Deployment/web: the patch at "), "{name}: {told}");
            assert!(told.contains(said), "{name} {files:?}: {told}");
            assert_eq!(folder.text("base/d.yaml"), BASE, "{name}");
        }
    }
}

#[test]
fn an_overlay_that_counts_on_nothing_that_goes_keeps_no_base_from_being_converted() {
    let spec = "/spec/template/spec";
    for (name, overlay) in [
        (
            "image",
            operations(&format!("- {{op: replace, path: {spec}/containers/0/image, value: x}}")),
        ),
        (
            "end",
            operations(&format!("- {{op: add, path: {spec}/volumes/-, value: {{name: x, emptyDir: {{}}}}}}")),
        ),
        (
            "other",
            operations(&format!("- {{op: remove, path: {spec}/volumes/0}}")).replace("web", "other"),
        ),
        (
            "merge",
            "patchesStrategicMerge:\n  - |-\n    kind: Deployment\n    metadata: {name: web}\n    spec: {replicas: 2}\n"
                .to_owned(),
        ),
    ] {
        let folder = overlaid(&format!("overlay-alike-{name}"), &overlay);
        let output = within(&folder, &["convert", "--write", "-f", "base", "prod"]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        let base = folder.text("base/d.yaml");
        assert!(!base.contains("docker.sock"), "{name}: {base}");
    }
}

#[test]
fn an_overlay_of_another_base_counts_for_nothing() {
    let patch = operations("- {op: remove, path: /spec/template/spec/volumes/0}");
    let folder = overlaid("overlay-of-another", &patch);
    fs::create_dir(folder.0.join("alone")).unwrap();
    fs::write(folder.0.join("alone/d.yaml"), BASE).unwrap();
    let output = within(&folder, &["convert", "--write", "--keep-going", "-f", "."]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(folder.text("base/d.yaml"), BASE);
    assert!(!folder.text("alone/d.yaml").contains("docker.sock"));
}

#[test]
fn the_first_volume_outside_of_a_pod_template_is_the_line_that_is_named() {
    let folder = Folder::new("line-of-a-volume");
    let text = "import a.b\n\ndef call() {\n  def vols = [hostPathVolume(hostPath: '/var/run/docker.sock', \
                mountPath: '/var/run/docker.sock')]\n  podTemplate(volumes: vols) { node(POD_LABEL) { } }\n}\n";
    fs::write(folder.0.join("agent.groovy"), text).unwrap();
    let output = within(&folder, &["convert", "-f", "agent.groovy"]);
    let told = stderr(&output);
    assert!(told.starts_with("error: agent.groovy:4: "), "{told}");
}
