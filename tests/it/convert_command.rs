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
    let output = command(&["convert", "-f", &folder.path("comments.yaml")], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let diff = stdout(&output);
    assert!(diff.contains("comments.yaml (converted)"), "{diff}");
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
    let args = ["convert", "-f", &yaml, &json, &yaml, "--write"];
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
    let output = command(&["convert", "-f", &file, "--write"], "");
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
            &["convert", "-f", &file, "-f", &other, "--write", "--diff"],
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
         is named above{}\n",
        if what == "nothing" {
            ", or use --keep-going to have the rest"
        } else {
            ""
        }
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
        let output = command(&["convert", "-f", &file, &path, "--write"], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(other), "{}", stderr(&output));
        assert_eq!(folder.text("comments.yaml"), case_text("comments.yaml"));
    }
}

#[test]
fn standard_input_is_shown_and_not_written() {
    let text = case_text("four-spaces.yaml");
    let output = command(&["convert", "-f", "-"], &text);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("+                -   name: dind\n"));
    let output = command(&["convert", "-f", "-", "--write"], &text);
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
