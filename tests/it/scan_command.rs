//! `dind-injector scan` as it is called: sources, outputs, what is missing, how it ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::scratch;

pub const SWAPPED: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: builder, namespace: ci}
spec:
  containers:
    - name: docker
      image: docker:28
      volumeMounts: [{name: s, mountPath: /var/run/docker.sock}]
  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]
";
const CLEAN: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: x}]}}\n";

fn denied() -> String {
    SWAPPED
        .replace("spec:\n", "spec:\n  hostNetwork: true\n")
        .replacen("builder", "proxy", 1)
}

fn warned() -> String {
    SWAPPED.replace("path: /var/run/docker.sock", "path: /")
}

/// A directory of its own, gone at the end.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        Self(scratch::folder("scan"))
    }

    pub fn with(self, name: &str, text: &str) -> Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn scan(&self, args: &[&str]) -> Ended {
        scan_in(&self.0, args, "")
    }

    pub fn convert(&self, args: &[&str]) -> Ended {
        run_in(&self.0, "convert", args, "")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Ended {
    pub status: i32,
    pub out: String,
    pub err: String,
}

fn scan_in(directory: &Path, args: &[&str], input: &str) -> Ended {
    run_in(directory, "scan", args, input)
}

fn run_in(directory: &Path, command: &str, args: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .arg(command)
        .args(args)
        .current_dir(directory)
        .env_remove("DIND_INJECTOR_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    Ended {
        status: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out))
}

fn reasons(document: &Value) -> Vec<(&str, &str)> {
    let gaps = document["incomplete"].as_array().unwrap();
    gaps.iter()
        .map(|gap| {
            (
                gap["place"].as_str().unwrap(),
                gap["reason"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_status_tells_clean_found_and_failed_apart() {
    let dir = Dir::new()
        .with("clean.yaml", CLEAN)
        .with("swapped.yaml", SWAPPED)
        .with("denied.yaml", &denied())
        .with("warned.yaml", &warned())
        .with("broken.yaml", "a: [");
    for (args, status) in [
        (&["clean.yaml"][..], 0),
        (&["swapped.yaml"], 1),
        (&["warned.yaml"], 1),
        (&["warned.yaml", "--fail-on", "swapped"], 0),
        (&["swapped.yaml", "--fail-on", "swapped"], 1),
        (&["swapped.yaml", "--fail-on", "denied"], 0),
        (&["denied.yaml", "--fail-on", "swapped"], 1),
        (&["denied.yaml", "--fail-on", "denied"], 1),
        (&["missing.yaml"], 2),
        (&["clean.yaml", "broken.yaml"], 2),
        // Not complete counts for more than found: it may hide something worse.
        (&["swapped.yaml", "broken.yaml"], 2),
        (&["swapped.yaml", "broken.yaml", "--allow-incomplete"], 1),
        (&["swapped.yaml", "broken.yaml", "--fail-on", "denied"], 2),
        (&["clean.yaml", "broken.yaml", "--allow-incomplete"], 0),
        (&["clean.yaml", "--fail-on", "nonsense"], 2),
        (&[], 2),
    ] {
        let ended = dir.scan(args);
        assert_eq!(ended.status, status, "{args:?}: {}{}", ended.out, ended.err);
    }
}

#[test]
fn a_missing_path_is_named() {
    let ended = Dir::new().scan(&["missing"]);
    assert!(ended.err.contains("cannot read missing"), "{}", ended.err);
    assert_eq!(ended.out, "");
}

#[test]
fn standard_input_is_read_with_its_lines() {
    let text = format!("---\n# Source: a.yaml\n{CLEAN}---\n{SWAPPED}");
    let ended = scan_in(Path::new("/"), &["-", "-o", "json"], &text);
    let document = json(&ended);
    let finding = &document["workloads"][0]["findings"][0];
    assert_eq!(finding["source"]["file"], "stdin");
    assert_eq!(finding["source"]["line"], 12);
    assert_eq!(document["summary"]["documents"], 2);
}

#[test]
fn directories_are_walked_in_order_whatever_their_depth() {
    let dir = Dir::new()
        .with("b/two.yml", SWAPPED)
        .with(
            "a/deep/er/one.json",
            &serde_json::to_string(&yaml(SWAPPED)).unwrap(),
        )
        .with("c/notes.txt", SWAPPED)
        .with(".git/x.yaml", SWAPPED)
        .with(".tekton/three.YAML", SWAPPED);
    let document = json(&dir.scan(&[".", "-o", "json"]));
    let files: Vec<_> = document["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|workload| workload["source"]["file"].as_str().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "./.tekton/three.YAML",
            "./a/deep/er/one.json",
            "./b/two.yml",
            "./c/notes.txt"
        ]
    );
    assert_eq!(document["complete"], true);
}

fn yaml(text: &str) -> Value {
    dind_injector::manifest::read(text).unwrap().remove(0).value
}

#[test]
fn any_text_that_names_a_socket_is_told_whatever_its_ending() {
    let dir = Dir::new()
        .with(
            "build.sh",
            "#!/bin/sh\nkubectl apply -f - <<EOF\npath: /var/run/docker.sock\nEOF\n",
        )
        .with("notes", "mounts containerd.sock\n")
        .with("pod.ini", "[pipe]\nx = \\\\.\\pipe\\docker_engine\n")
        .with("clean.md", "systemctl enable docker.socket\n");
    fs::write(dir.0.join("latin.txt"), b"caf\xe9 docker.sock\n").unwrap();
    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain("docker.sock".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    fs::write(dir.0.join("wide.ps1"), wide).unwrap();
    fs::write(dir.0.join("program"), b"\x7fELF\0\0docker.sock").unwrap();
    let ended = dir.scan(&[".", "-o", "json"]);
    let document = json(&ended);
    let told: Vec<_> = document["incomplete"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| {
            let text = |key: &str| gap[key].as_str().unwrap().to_owned();
            (text("place"), gap["line"].as_u64().unwrap(), text("reason"))
        })
        .collect();
    let expected = [
        ("./build.sh", 3, "names-socket"),
        ("./latin.txt", 1, "names-socket"),
        ("./notes", 1, "names-socket"),
        ("./pod.ini", 2, "names-pipe"),
        ("./wide.ps1", 1, "names-socket"),
    ];
    let expected = expected.map(|(place, line, why)| (place.to_owned(), line, why.to_owned()));
    assert_eq!(told, expected);
    assert_eq!(ended.status, 2);
    let table = dir.scan(&["."]).out;
    assert!(!table.contains("none reaches"), "{table}");
}

#[test]
fn what_gitignore_or_the_caller_leaves_out_is_not_looked_at() {
    let dir = Dir::new()
        .with(".gitignore", "/rendered/\n")
        .with("rendered/pod.yaml", SWAPPED)
        .with("testdata/pod.yaml", SWAPPED)
        .with("a/testdata/pod.yaml", SWAPPED)
        .with("docs/read.md", "docker.sock\n")
        .with("kept.yaml", SWAPPED);
    let found = |args: &[&str]| {
        let document = json(&dir.scan(args));
        let workloads = document["workloads"].as_array().unwrap().len();
        (workloads, document["complete"] == true)
    };
    assert_eq!(found(&[".", "-o", "json"]), (3, false));
    assert_eq!(found(&[".", "-o", "json", "--no-gitignore"]), (4, false));
    let excluded = [
        ".",
        "-o",
        "json",
        "--exclude",
        "testdata/",
        "--exclude",
        "*.md",
    ];
    assert_eq!(found(&excluded), (1, true));
    // What is named on the command line is wanted.
    assert_eq!(found(&["rendered", "-o", "json"]), (1, true));
    let wrong = dir.scan(&[".", "--exclude", "a[b"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.err.contains("--exclude a[b"), "{}", wrong.err);
}

#[test]
fn what_cannot_be_read_makes_the_result_incomplete() {
    let dir = Dir::new()
        .with("good.yaml", CLEAN)
        .with("latin.yaml", "")
        .with(
            "template.yaml",
            "a: {{ .Values.x }}\npath: /var/run/docker.sock\n",
        )
        .with("tree/inner.yaml", CLEAN);
    fs::write(dir.0.join("latin.yaml"), b"name: caf\xe9\n# docker.sock\n").unwrap();
    symlink("..", dir.0.join("tree/up")).unwrap();
    symlink("nowhere", dir.0.join("gone.yaml")).unwrap();
    let ended = dir.scan(&[".", "-o", "json"]);
    let document = json(&ended);
    assert_eq!(document["complete"], false);
    let found: BTreeSet<_> = reasons(&document).into_iter().collect();
    assert_eq!(
        found,
        BTreeSet::from([
            ("./gone.yaml", "unreadable"),
            ("./latin.yaml", "not-text"),
            ("./template.yaml", "template"),
            ("./tree/up", "link-loop"),
        ])
    );
    let mentions = |place: &str| {
        let gaps = document["incomplete"].as_array().unwrap();
        let gap = gaps.iter().find(|gap| gap["place"] == place).unwrap();
        gap["mentionsSocketOnLine"].as_u64()
    };
    assert_eq!(mentions("./latin.yaml"), Some(2));
    assert_eq!(mentions("./template.yaml"), Some(2));
    assert_eq!(ended.status, 2);
    for format in ["table", "yaml", "sarif", "html"] {
        let ended = dir.scan(&[".", "-o", format]);
        assert!(ended.out.contains("template.yaml"), "{format}");
        assert_eq!(ended.status, 2, "{format}");
    }
}

#[test]
fn a_file_that_the_system_refuses_is_listed() {
    let dir = Dir::new().with("open.yaml", CLEAN);
    // Its first page is mapped nowhere, so that reading it fails for root too.
    symlink("/proc/self/mem", dir.0.join("memory.yaml")).unwrap();
    let ended = dir.scan(&[".", "-o", "json"]);
    assert_eq!(reasons(&json(&ended)), [("./memory.yaml", "unreadable")]);
    assert_eq!(ended.status, 2);
}

#[test]
fn a_file_that_two_links_reach_is_counted_once() {
    let dir = Dir::new().with("real/pod.yaml", SWAPPED);
    symlink("real", dir.0.join("link")).unwrap();
    symlink("real/pod.yaml", dir.0.join("pod.yaml")).unwrap();
    let document = json(&dir.scan(&[".", "link", "real/pod.yaml", "-o", "json"]));
    assert_eq!(document["summary"]["workloads"], 1);
    assert_eq!(document["complete"], true);
}

#[test]
fn a_namespace_declared_in_a_later_file_decides_too() {
    let namespace = "\
apiVersion: v1
kind: Namespace
metadata:
  name: ci
  labels: {pod-security.kubernetes.io/enforce: restricted}
";
    let dir = Dir::new().with("a.yaml", SWAPPED).with("z.yaml", namespace);
    let document = json(&dir.scan(&[".", "-o", "json"]));
    assert_eq!(document["workloads"][0]["reason"], "PodSecurity");
    assert_eq!(
        document["workloads"][0]["needsHand"]["reason"],
        "PodSecurity"
    );
    assert_eq!(document["summary"]["files"], 2);
}

#[test]
fn json_and_yaml_say_the_same() {
    let dir = Dir::new()
        .with("a.yaml", SWAPPED)
        .with("b.yaml", &denied())
        .with("c.yaml", "a: [");
    let mut as_json = json(&dir.scan(&[".", "-o", "json"]));
    let mut as_yaml = yaml(&dir.scan(&[".", "-o", "yaml"]).out);
    for result in [&mut as_json, &mut as_yaml] {
        let made = result.as_object_mut().unwrap().remove("time").unwrap();
        assert!(made.as_str().unwrap().ends_with('Z'), "{made}");
    }
    assert_eq!(as_yaml, as_json);
    assert_eq!(as_json["policy"]["builtIn"], "offline");
    assert_eq!(as_json["scanned"], ".");
    assert_eq!(as_json["kind"], "ScanReport");
    assert_eq!(as_json["summary"]["verdicts"]["swapped"], 1);
    assert_eq!(as_json["summary"]["verdicts"]["denied"], 1);
    let swapped = &as_json["workloads"][0];
    assert_eq!(swapped["verdict"], "swapped");
    assert_eq!(swapped["namespace"], "ci");
    assert_eq!(swapped["findings"][0]["reach"], "socket");
    assert_eq!(swapped["findings"][0]["container"], "docker");
    assert_eq!(
        swapped["findings"][0]["pointer"],
        "/spec/containers/0/volumeMounts/0"
    );
    assert_eq!(swapped["findings"][0]["source"]["line"], 8);
}

#[test]
fn the_table_names_what_was_found_and_what_to_do() {
    let dir = Dir::new()
        .with("a.yaml", SWAPPED)
        .with("b.yaml", &denied())
        .with("c.yaml", "a: [");
    let Ended { out, .. } = dir.scan(&["."]);
    let rows: Vec<Vec<&str>> = out
        .lines()
        .skip_while(|line| !line.starts_with("WOULD BE"))
        .take(3)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["WOULD", "BE", "WORKLOAD", "CONTAINER", "REACHES", "WHERE"]
    );
    // The worst comes first.
    assert_eq!(rows[1][0], "denied");
    assert_eq!(
        rows[2],
        [
            "swapped",
            "ci/Pod/builder",
            "docker",
            "socket",
            "/var/run/docker.sock",
            "./a.yaml:8"
        ]
    );
    assert!(out.contains("HostNetwork: ci/Pod/proxy"), "{out}");
    assert!(
        out.contains(
            "2 workloads reach a node's container runtime: 1 would be swapped, 1 denied; 1 needs manual work."
        ),
        "{out}"
    );
    assert!(
        out.contains("Incomplete: 1 place could not be looked at."),
        "{out}"
    );
    assert!(!out.contains('\u{1b}'), "colors are for a terminal only");
}

#[test]
fn a_clean_table_says_what_was_judged_and_by_what() {
    let dir = Dir::new().with("a.yaml", CLEAN);
    let Ended { out, err, .. } = dir.scan(&["."]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "1 file with 1 Pod or Pod template looked at: none reaches a node's container runtime.",
            "Policy: built into the offline commands: swaps sockets, denies node agents",
        ]
    );
    assert!(
        lines[2].starts_with("Scanned: ., by dind-injector "),
        "{out}"
    );
    assert_eq!(lines.len(), 3);
    assert_eq!(err, "");
    let summary = dir.scan(&[".", "--summary"]).out;
    assert_eq!(summary.lines().take(2).collect::<Vec<_>>(), lines[..2]);
}

/// What SARIF 2.1.0 demands of what is written here: sections 3.13 to 3.58 of the standard.
#[test]
fn sarif_has_the_structure_that_the_standard_demands() {
    let ended = scan_in(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["tests/corpus", "--exclude", "*.expected", "-o", "sarif"],
        "",
    );
    let log = json(&ended);
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .ends_with("sarif-2.1.0.json")
    );
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "dind-injector");
    let rules = driver["rules"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for rule in rules {
        assert!(ids.insert(rule["id"].as_str().unwrap()), "{rule}");
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().unwrap().len() > 10, "{rule}");
        }
        is_level(&rule["defaultConfiguration"]["level"]);
    }
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 80);
    let mut used = BTreeSet::new();
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        used.insert(result["ruleId"].as_str().unwrap());
        is_level(&result["level"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let locations = result["locations"].as_array().unwrap();
        assert_eq!(locations.len(), 1);
        is_location(&locations[0]);
        assert!(locations[0]["logicalLocations"][0]["fullyQualifiedName"].is_string());
        let prints = result["partialFingerprints"].as_object().unwrap();
        fingerprints.extend(prints.values().map(Value::to_string));
    }
    assert!(used.len() > 20, "{used:?}");
    assert!(fingerprints.len() > 75, "{}", fingerprints.len());
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notifications = invocation["toolExecutionNotifications"].as_array().unwrap();
    let gaps = scan_in(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["tests/corpus", "--exclude", "*.expected", "-o", "json"],
        "",
    );
    let gaps = json(&gaps)["incomplete"].as_array().unwrap().len();
    assert_eq!(notifications.len(), gaps);
    assert!(gaps > 8, "{gaps}");
    for notification in notifications {
        is_level(&notification["level"]);
        assert!(
            notification["message"]["text"]
                .as_str()
                .unwrap()
                .starts_with("not looked at")
        );
        is_location(&notification["locations"][0]);
    }
}

fn is_level(level: &Value) {
    assert!(
        ["none", "note", "warning", "error"].contains(&level.as_str().unwrap()),
        "{level}"
    );
}

fn is_location(location: &Value) {
    let physical = &location["physicalLocation"];
    let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
    assert!(
        !uri.is_empty() && !uri.contains([' ', '\\', '"', '<']),
        "{uri}"
    );
    if let Some(region) = physical.get("region") {
        assert!(region["startLine"].as_u64().unwrap() >= 1);
        assert!(
            region
                .get("startColumn")
                .is_none_or(|column| column.as_u64().unwrap() >= 1)
        );
    }
}

#[test]
fn a_result_says_by_which_policy_file_it_was_judged() {
    let policy = "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\n";
    let dir = Dir::new()
        .with("a.yaml", SWAPPED)
        .with("policy.yaml", policy);
    let result = json(&dir.scan(&["a.yaml", "--config", "policy.yaml", "-o", "json"]));
    assert_eq!(result["policy"]["file"], "policy.yaml");
    let digest = ring::digest::digest(&ring::digest::SHA256, policy.as_bytes());
    let digits: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(result["policy"]["sha256"], digits);
}

#[test]
fn a_comparison_tells_what_another_policy_changes_for_whom() {
    let policy = |sockets: &str| {
        format!(
            "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {{hostSockets: {sockets}}}\n"
        )
    };
    let dir = Dir::new()
        .with("a.yaml", SWAPPED)
        .with("b.yaml", CLEAN)
        .with("now.yaml", &policy("Swap"))
        .with("then.yaml", &policy("Deny"));
    let compare = |then: &str, more: &[&str]| {
        let mut args = vec![
            "a.yaml",
            "b.yaml",
            "--config",
            "now.yaml",
            "--compare",
            then,
        ];
        args.extend(more);
        dir.scan(&args)
    };
    let same = compare("now.yaml", &[]);
    assert_eq!(same.status, 0, "{}", same.out);
    assert!(
        same.out.contains("none is treated differently"),
        "{}",
        same.out
    );
    let other = compare("then.yaml", &[]);
    assert_eq!(other.status, 1);
    let row: Vec<&str> = other
        .out
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        row[..3],
        ["ci/Pod/builder", "swapped", "denied"],
        "{}",
        other.out
    );
    let as_json = json(&compare("then.yaml", &["-o", "json"]));
    assert_eq!(as_json["kind"], "PolicyComparison");
    assert_eq!(as_json["changes"][0]["now"]["verdict"], "swapped");
    assert_eq!(as_json["changes"][0]["then"]["verdict"], "denied");
    let unknown = compare("then.yaml", &["-o", "sarif"]);
    assert_eq!(unknown.status, 2);
    assert!(
        unknown.err.contains("-o table, json or yaml"),
        "{}",
        unknown.err
    );
}

const CHART: &str = "apiVersion: v2\nname: agent\nversion: 1.0.0\n";
const TEMPLATE: &str =
    "kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n# mounts /var/run/docker.sock\n";

/// A scan with this folder as `PATH`.
pub fn scan_with_path(dir: &Dir, bin: &Path, args: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .arg("scan")
        .args(args)
        .current_dir(&dir.0)
        .env_remove("DIND_INJECTOR_CONFIG")
        .env("PATH", bin)
        .output()
        .unwrap();
    Ended {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_chart_that_is_not_rendered_is_one_gap_and_none_where_no_template_leads_to_a_runtime() {
    let dir = Dir::new()
        .with("agent/Chart.yaml", CHART)
        .with("agent/templates/a.yaml", TEMPLATE)
        .with("agent/templates/b.yaml", TEMPLATE)
        .with("web/Chart.yaml", CHART)
        .with(
            "web/templates/a.yaml",
            "kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n",
        );
    let nowhere = dir.0.join("web");
    let ended = scan_with_path(&dir, &nowhere, &[".", "-o", "json"]);
    assert_eq!(ended.status, 2);
    let result = json(&ended);
    assert_eq!(reasons(&result), [("./agent", "chart")], "{}", ended.out);
    let message = result["incomplete"][0]["message"].as_str().unwrap();
    assert!(message.contains("helm is not on PATH"), "{message}");
    assert!(
        message.contains("./agent/templates/a.yaml:4 (and 1 more)"),
        "{message}"
    );
}

#[test]
fn a_chart_is_rendered_where_helm_is_on_the_path() {
    use std::os::unix::fs::PermissionsExt as _;
    let helm = "#!/bin/sh\n[ \"$1 $2 $3 $4 $5\" = \"template release ./agent --values more.yaml\" ] || exit 1\n\
        while read -r line; do echo \"$line\"; done < rendered.json\n";
    let rendered = format!(
        "# Source: agent/templates/a.yaml\n# mounts /var/run/docker.sock\n{}\n",
        yaml(SWAPPED)
    );
    let dir = Dir::new()
        .with("agent/Chart.yaml", CHART)
        .with("agent/templates/a.yaml", TEMPLATE)
        .with("more.yaml", "a: 1\n")
        .with("rendered.json", &rendered)
        .with("bin/helm", helm);
    let program = dir.0.join("bin/helm");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["agent", "--values", "more.yaml", "-o", "json"];
    let args = args.map(|arg| if arg == "agent" { "./agent" } else { arg });
    let ended = scan_with_path(&dir, program.parent().unwrap(), &args);
    assert_eq!(ended.status, 1, "{}{}", ended.out, ended.err);
    let result = json(&ended);
    assert_eq!(result["complete"], true, "{}", ended.out);
    assert_eq!(
        result["workloads"][0]["source"]["file"],
        "./agent (helm template)"
    );
}

/// A kustomization whose two patches reach the socket only together, of a Pod in another folder.
fn kustomized() -> Dir {
    let base = "apiVersion: v1\nkind: Pod\nmetadata: {name: builder, namespace: ci}\n\
        spec:\n  containers: [{name: docker, image: docker:28}]\n";
    Dir::new()
        .with("base/kustomization.yaml", "resources: [d.yaml]\n")
        .with("base/d.yaml", base)
        .with(
            "overlay/kustomization.yaml",
            "kind: Kustomization\nresources: [../base]\npatches: [{path: volume.yaml}, {path: mount.yaml}]\n",
        )
        .with(
            "overlay/volume.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: builder, namespace: ci}\nspec:\n  \
             volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n",
        )
        .with(
            "overlay/mount.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: builder, namespace: ci}\nspec:\n  \
             containers: [{name: docker, volumeMounts: [{name: s, mountPath: /var/run/docker.sock}]}]\n",
        )
}

/// Makes `text` the program `name` in the folder `bin`.
pub fn program(dir: Dir, name: &str, text: &str) -> Dir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir.with(&format!("bin/{name}"), text);
    let program = dir.0.join("bin").join(name);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn a_kustomization_is_one_gap_where_no_program_builds_it() {
    let dir = kustomized();
    let nowhere = dir.0.join("base");
    let ended = scan_with_path(&dir, &nowhere, &[".", "-o", "json"]);
    assert_eq!(ended.status, 2, "{}{}", ended.out, ended.err);
    let result = json(&ended);
    assert_eq!(
        reasons(&result),
        [("./overlay", "kustomization")],
        "{}",
        ended.out
    );
    let message = result["incomplete"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("neither kustomize nor kubectl is on PATH"),
        "{message}"
    );
    assert!(
        message.contains("./overlay/mount.yaml:5 (and 1 more)"),
        "{message}"
    );
}

#[test]
fn a_kustomization_is_built_where_a_program_does_it() {
    let script = |folder: &str| {
        format!(
            "#!/bin/sh\n[ \"$2 $3\" = \"--load-restrictor=LoadRestrictionsNone {folder}\" ] || exit 1\n\
             while read -r line; do echo \"$line\"; done < built.json\n"
        )
    };
    for name in ["kustomize", "kubectl"] {
        let dir = kustomized().with("built.json", &(yaml(SWAPPED).to_string() + "\n"));
        let dir = program(dir, name, &script("./overlay"));
        let bin = dir.0.join("bin");
        let args = ["./base", "./overlay", "-o", "json"];
        let ended = scan_with_path(&dir, &bin, &args);
        assert_eq!(ended.status, 1, "{}{}", ended.out, ended.err);
        let result = json(&ended);
        assert_eq!(result["complete"], true, "{}", ended.out);
        let all = result["workloads"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{}", ended.out);
        let title = match name {
            "kustomize" => "./overlay (kustomize build)",
            _ => "./overlay (kubectl kustomize)",
        };
        assert_eq!(all[0]["source"]["file"], title);
        // A file that tells the same is told with its line, and once.
        let dir = dir.with("base/d.yaml", SWAPPED);
        let ended = scan_with_path(&dir, &bin, &args);
        let result = json(&ended);
        let all = result["workloads"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{}", ended.out);
        assert_eq!(all[0]["source"]["file"], "./base/d.yaml");
        // What a comment sets aside there stays so.
        let ignored = SWAPPED.replace(
            "mountPath: /var/run/docker.sock}]",
            "mountPath: /var/run/docker.sock}] # dind-injector:ignore moved in May",
        );
        let dir = dir.with("base/d.yaml", &ignored);
        let ended = scan_with_path(&dir, &bin, &args);
        assert_eq!(ended.status, 0, "{}{}", ended.out, ended.err);
    }
}

#[test]
fn what_a_build_says_is_the_reason_of_its_gap() {
    let dir = program(
        kustomized(),
        "kustomize",
        "#!/bin/sh\necho 'Error: no such target' >&2\nexit 1\n",
    );
    let bin = dir.0.join("bin");
    let ended = scan_with_path(&dir, &bin, &["base", "overlay", "-o", "json"]);
    let result = json(&ended);
    assert_eq!(
        reasons(&result),
        [("overlay", "kustomization")],
        "{}",
        ended.out
    );
    let message = result["incomplete"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("kustomize build: Error: no such target"),
        "{message}"
    );
}

#[test]
fn what_a_kustomization_has_of_another_host_is_a_gap_at_its_line_and_is_not_fetched() {
    let dir = Dir::new().with(
        "kustomization.yaml",
        "resources:\n  - https://example.com/all.yaml\n  - github.com/acme/base?ref=v1 # dind-injector:ignore ours, scanned there\n",
    );
    let dir = program(dir, "kustomize", "#!/bin/sh\necho > fetched\n");
    let ended = scan_with_path(
        &dir,
        &dir.0.join("bin"),
        &["kustomization.yaml", "-o", "json"],
    );
    assert_eq!(ended.status, 2);
    let result = json(&ended);
    assert_eq!(
        result["incomplete"].as_array().unwrap().len(),
        1,
        "{}",
        ended.out
    );
    assert_eq!(result["incomplete"][0]["line"], 2, "{}", ended.out);
    assert_eq!(
        result["ignored"].as_array().unwrap().len(),
        1,
        "{}",
        ended.out
    );
    assert!(!dir.0.join("fetched").exists());
}

#[test]
fn a_text_with_nuls_is_read_or_told_whatever_its_name() {
    let wide = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(u16::to_le_bytes).collect()
    };
    let dir = Dir::new();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.0.join(name), bytes).unwrap();
    put("pod.yaml", &wide(SWAPPED));
    put("notes", &wide("mount /var/run/docker.sock\n"));
    put("dump.txt", b"a\0b mount /var/run/docker.sock\n");
    put("dump.yaml", b"a: \0 /var/run/docker.sock\n");
    put(
        "docker",
        b"\x7fELF\x02\x01\0\0\0\0\0\0/var/run/docker.sock\0\0",
    );
    let ended = dir.scan(&[".", "-o", "json"]);
    assert_eq!(ended.status, 2);
    let result = json(&ended);
    let expected = [
        ("./dump.txt", "names-socket"),
        ("./dump.yaml", "not-yaml"),
        ("./notes", "names-socket"),
    ];
    assert_eq!(reasons(&result), expected, "{}", ended.out);
    assert_eq!(result["workloads"][0]["source"]["file"], "./pod.yaml");
    assert_eq!(result["workloads"][0]["source"]["line"], 1);
}

#[test]
fn an_archive_in_a_directory_is_a_gap_and_other_binaries_are_none() {
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0".as_slice();
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice();
    let tar = [b"pod.yaml".as_slice(), &[0; 249], b"ustar", &[0; 250]].concat();
    let dir = Dir::new();
    for (name, bytes) in [
        ("a.zip", zip),
        ("b.tgz", gzip),
        ("c.tar.gz", gzip),
        ("d.tar", &tar),
        ("e.yaml.gz", gzip),
        ("f.jar", zip),
        ("g.docx", zip),
        ("h.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"),
        ("i.pdf", b"%PDF-1.7\0\xff\xfe\xfd"),
        ("j", b"\x7fELF\x02\x01\0\0\0\0\0\0"),
    ] {
        fs::write(dir.0.join(name), bytes).unwrap();
    }
    let ended = dir.scan(&[".", "-o", "json"]);
    assert_eq!(ended.status, 2);
    let archives = ["a.zip", "b.tgz", "c.tar.gz", "d.tar", "e.yaml.gz"];
    let places = archives.map(|name| format!("./{name}"));
    let expected: Vec<_> = places.iter().map(|place| (&**place, "not-text")).collect();
    assert_eq!(reasons(&json(&ended)), expected, "{}", ended.out);
}

/// Files that lead to a runtime by a directory, without a socket's name in them.
#[test]
fn a_directory_that_is_given_in_parts_is_never_passed_in_silence() {
    let argo = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    helm:\n      \
                parameters:\n      - {name: 'volumes[0].hostPath.path', value: /var/run}\n";
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  params: [{name: dir, default: \
                /var/run}]\n  steps: [{name: b, image: x, volumeMounts: [{name: s, mountPath: /x}]}]\n  volumes: [{name: s, \
                hostPath: {path: $(params.dir)}}]\n";
    for (name, text, line) in [
        ("application.yaml", argo, 8),
        ("task.yaml", task, 7),
        (
            "patch.yaml",
            "- op: replace\n  path: /spec/template/spec/volumes/0/hostPath/path\n  value: /var/run\n",
            3,
        ),
        (
            "release.tf",
            "resource \"helm_release\" \"r\" {\n  set {\n    name  = \"volumes[0].hostPath.path\"\n    value = \"/run\"\n  }\n}\n",
            4,
        ),
        (
            "apply.sh",
            "cat <<EOF\nkind: Pod\nspec:\n  volumes: [{name: s, hostPath: {path: ${SOCK:-/var/run}}}]\nEOF\n",
            4,
        ),
        ("pod.rb", "volume \"s\", host_path: \"/var/run\"\n", 1),
    ] {
        let dir = Dir::new().with(name, text);
        for path in [".", name] {
            let ended = dir.scan(&[path, "-o", "json"]);
            let result = json(&ended);
            assert_eq!(ended.status, 2, "{name}: {}", ended.out);
            assert_eq!(
                result["incomplete"][0]["line"], line,
                "{name}: {}",
                ended.out
            );
        }
    }
}

#[test]
fn an_object_that_only_names_a_workload_is_complete() {
    let named = "{apiVersion: apps/v1, kind: Deployment, name: web}";
    let dir = Dir::new().with(
        "scaler.yaml",
        &format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web, ownerReferences: \
             [{named}]}}\nspec: {{scaleTargetRef: {named}}}\n"
        ),
    );
    let ended = dir.scan(&["."]);
    assert_eq!(ended.status, 0, "{}", ended.out);
}

#[test]
fn csv_has_a_row_for_each_way_and_each_gap() {
    let dir = Dir::new().with("a.yaml", SWAPPED).with("b.yaml", "a: [");
    let out = dir.scan(&[".", "-o", "csv"]).out;
    let rows: Vec<&str> = out.lines().collect();
    assert!(rows[0].starts_with("verdict,namespace,kind,name,container,reach,target,"));
    assert!(rows[1].starts_with("swapped,ci,Pod,builder,docker,socket,/var/run/docker.sock,"));
    assert!(
        rows[2].starts_with("incomplete,") && rows[2].contains("not-yaml"),
        "{out}"
    );
    assert_eq!(rows.len(), 3);
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let corpus = scan_in(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["tests/corpus", "--exclude", "*.expected", "-o", "html"],
        "",
    );
    let page = corpus.out;
    assert!(page.starts_with("<!doctype html>"));
    assert_eq!(page.matches("<script>").count(), 1);
    // And the details of the workloads, which are data and do not run.
    assert_eq!(page.matches("<script type=\"application/json\"").count(), 1);
    assert_eq!(page.matches("</script>").count(), 2);
    assert_eq!(page.matches("<style>").count(), 1);
    // The one hostile name in the corpus is there as text.
    assert_eq!(
        page.matches("&lt;img src=x").count(),
        page.matches(" src=").count()
    );
    for outside in [
        "<img",
        "<link",
        "<iframe",
        "<object",
        "<base",
        " style=",
        "javascript:",
    ] {
        assert_eq!(page.matches(outside).count(), 0, "{outside}");
    }
}

/// The verdicts of a policy file are those of the webhook with the same file, which `explain`
/// tells.
#[test]
fn with_a_policy_file_the_verdicts_are_those_of_that_policy() {
    let directory = Dir::new()
        .with("swapped.yaml", SWAPPED)
        .with("denied.yaml", &denied())
        .with("root.yaml", &warned());
    let preset = |name: &str| {
        let file = format!("manifests/presets/{name}.yaml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        path.to_str().unwrap().to_owned()
    };
    let verdicts = |policy: &str| {
        let scanned = directory.scan(&[".", "--config", policy, "-o", "json"]);
        let found = json(&scanned);
        let rows = found["workloads"].as_array().unwrap().iter();
        let rows = rows.map(|row| row["verdict"].as_str().unwrap().to_owned());
        (rows.collect::<Vec<_>>(), scanned.status)
    };
    // denied.yaml, root.yaml, swapped.yaml
    let expected = |of: [&str; 3]| (of.map(str::to_owned).to_vec(), 1);
    assert_eq!(verdicts(&preset("audit")), expected(["warned"; 3]));
    assert_eq!(
        verdicts(&preset("migrate")),
        expected(["warned", "warned", "swapped"])
    );
    assert_eq!(
        verdicts(&preset("enforce")),
        expected(["denied", "denied", "swapped"])
    );
    let fails = |policy: &str| {
        let policy = preset(policy);
        directory
            .scan(&[".", "--config", &policy, "--fail-on", "denied"])
            .status
    };
    assert_eq!((fails("migrate"), fails("enforce")), (0, 1));
    let broken = directory.scan(&[".", "--config", "swapped.yaml"]);
    assert_eq!(broken.status, 2, "{}", broken.err);
}

#[test]
fn a_reporter_takes_no_paths_no_format_and_no_short_interval() {
    let directory = Dir::new().with("a.yaml", CLEAN);
    for (args, says) in [
        (&["--watch", "a.yaml"][..], "cannot be used with"),
        (&["--watch", "-o", "html"], "cannot be used with"),
        (&["--watch", "--fail-on", "any"], "cannot be used with"),
        (
            &["--watch", "--interval", "1s"],
            "the shortest interval is 10s",
        ),
        (
            &["--watch", "--interval", "soon"],
            "expected a whole number",
        ),
        (&["--watch", "--kubeconfig", "none"], "none"),
    ] {
        let ended = directory.scan(args);
        assert_eq!(ended.status, 2, "{args:?}");
        assert!(ended.err.contains(says), "{args:?}: {}", ended.err);
    }
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_told_in_one_line() {
    let directory = Dir::new()
        .with("broken", "apiVersion: v1\nclusters: [\n")
        .with(
            "good",
            "{current-context: here, contexts: [{name: here, context: {cluster: gone, user: me}}]}",
        );
    for (args, says) in [
        (
            &["good"][..],
            "it has no cluster gone, which the context names",
        ),
        (&["good", "--context", "zz"], "it has no context zz"),
        (&["broken"], "line 2 column 11: unclosed bracket '['"),
    ] {
        let args = [&["--cluster", "--kubeconfig"], args].concat();
        let ended = directory.scan(&args);
        assert_eq!(ended.status, 2, "{args:?}");
        let told = ended.err.trim_end();
        assert!(told.ends_with(&format!(": {says}")), "{args:?}: {told}");
        assert!(!told.contains('\n'), "{args:?}: {told}");
    }
}

/// The other commands know the same kinds, and tell what they cannot place.
#[test]
fn no_command_passes_in_silence_what_the_scan_finds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let run = |command: &str, file: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
            .args(command.split(' '))
            .args(["-f", file])
            .current_dir(&corpus)
            .env_remove("DIND_INJECTOR_CONFIG")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    for command in ["inject", "convert --to sidecar", "explain"] {
        let (status, out, err) = run(command, "parts/deploymentconfig.yaml");
        assert_eq!(status, 0, "{command}: {err}");
        assert!(
            out.contains("docker:28.5.2-dind") || out.contains("Injected"),
            "{command}: {out}"
        );
        for file in [
            "ci/argo-workflow.yaml",
            "parts/json6902.yaml",
            "ci/tekton-task.yaml",
        ] {
            let (status, _, err) = run(command, file);
            assert_eq!(status, 1, "{command} {file}: {err}");
            assert!(
                err.contains("reaches the node's container runtime"),
                "{command} {file}: {err}"
            );
        }
    }
}

#[test]
fn a_comment_with_a_reason_sets_aside_and_is_told() {
    let ignored = SWAPPED.replace(
        "mountPath: /var/run/docker.sock}]",
        "mountPath: /var/run/docker.sock}] # dind-injector:ignore moved in May",
    );
    let dir = Dir::new()
        .with("a.yaml", &ignored)
        .with(
            "b.sh",
            "# dind-injector:ignore a message only\necho docker.sock\n",
        )
        .with("c.sh", "echo docker.sock # dind-injector:ignore\n");
    let ended = dir.scan(&["a.yaml", "b.sh", "-o", "json"]);
    let document = json(&ended);
    assert_eq!(ended.status, 0, "{}", ended.out);
    let told = document["ignored"].as_array().unwrap();
    assert_eq!(told.len(), 2, "{}", ended.out);
    assert_eq!(told[0]["reason"], "moved in May");
    assert_eq!(told[1]["line"], 2);
    // Without a reason nothing is set aside.
    let ended = dir.scan(&["c.sh", "-o", "json"]);
    let told = json(&ended);
    let reasons: BTreeSet<_> = reasons(&told)
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(reasons, BTreeSet::from(["ignore-comment", "names-socket"]));
    assert_eq!(ended.status, 2);
}

#[test]
fn only_what_the_baseline_does_not_have_fails() {
    for format in ["json", "sarif"] {
        let dir = Dir::new()
            .with("a.yaml", SWAPPED)
            .with("notes.md", "docker.sock\n");
        let known = dir.scan(&[".", "-o", format]);
        assert_eq!(known.status, 2);
        let dir = dir.with("known", &known.out);
        let scan = |dir: &Dir| dir.scan(&[".", "--baseline", "known"]);
        assert_eq!(scan(&dir).status, 0, "{format}");
        // Lines move.
        let dir = dir.with("a.yaml", &format!("# more\n{SWAPPED}"));
        assert_eq!(scan(&dir).status, 0, "{format}");
        let dir = dir.with("b.yaml", &SWAPPED.replace("builder", "another"));
        let ended = scan(&dir);
        assert_eq!(ended.status, 1, "{format}");
        let known = "The baseline has 1 way to a runtime and 1 gap of these, which are not listed.";
        assert!(ended.out.contains(known), "{}", ended.out);
        assert!(ended.out.contains("ci/Pod/another"), "{}", ended.out);
        assert!(!ended.out.contains("ci/Pod/builder"), "{}", ended.out);
        let dir = dir.with("more.md", "crio.sock\n");
        assert_eq!(scan(&dir).status, 2, "{format}");
    }
    let wrong = Dir::new().with("x.json", "{}");
    let ended = wrong.scan(&[".", "--baseline", "x.json"]);
    assert_eq!(ended.status, 2);
    assert!(
        ended
            .err
            .contains("--baseline x.json: neither a ScanReport"),
        "{}",
        ended.err
    );
}
