//! What docs/migration.md shows of this program is what the program says: of the cluster in `tests/docs`, step
//! by step, from an API server of scripted lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use dind_injector::decide::Policy;
use dind_injector::manifest;
use dind_injector::manifest::{pods, to_yaml};
use dind_injector::migrate::{Context, migrate};
use dind_injector::names;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, apply, evaluate};
use dind_injector::scan::result::Namespaces;
use dind_injector::scan::text::Syntax;
use serde_json::{Value, json};

use crate::docs::{blocks, commands};
use crate::support::lists::{Api, listen};
use crate::support::scratch;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    fs::read_to_string(root().join("docs/migration.md")).unwrap()
}

fn objects() -> Vec<Value> {
    let text = fs::read_to_string(root().join("tests/docs/cluster.yaml")).unwrap();
    let documents = manifest::read(&text).unwrap();
    documents.into_iter().map(|one| one.value).collect()
}

/// How far the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Nothing is installed.
    Audit,
    /// The webhook is there, `traefik` was restarted and is warned of, and `ci` was labeled and restarted.
    OneNamespace,
    /// What needed manual work is done.
    Enforced,
}

impl Step {
    /// The cluster's objects then, and what makes Pods with the Pods.
    fn cluster(self) -> Api {
        let mut api = Api::new(&["ci", "edge", "monitoring", "dind-injector"]);
        for mut object in objects() {
            let text = |pointer: &str| {
                let text = object.pointer(pointer).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            let (kind, name) = (text("/kind"), text("/metadata/name"));
            let namespace = text("/metadata/namespace");
            let is_there = match (&*namespace, &*kind) {
                ("dind-injector", _) => self >= Self::OneNamespace,
                ("monitoring", _) | (_, "PersistentVolume") => self < Self::Enforced,
                _ => true,
            };
            if !is_there {
                continue;
            }
            object["metadata"]["uid"] = json!(format!("{namespace}-{name}"));
            if name == "traefik" && self == Self::Enforced {
                let spec = object["spec"]["template"]["spec"].as_object_mut().unwrap();
                spec.remove("volumes");
                let container = spec["containers"][0].as_object_mut().unwrap();
                container.remove("volumeMounts");
            }
            let mut pods = Vec::new();
            if kind == "Pod" {
                pods.push(object.clone());
            } else if kind == "Deployment" {
                let replicas = object["spec"]["replicas"].as_u64().unwrap();
                let set = self.set(&object, &name, "1", replicas);
                pods.extend((0..replicas).map(|_| owned(&set, "ReplicaSet")));
                api = api.with("/apis/apps/v1/replicasets", [set]);
                if self >= Self::OneNamespace && namespace != "dind-injector" {
                    // The revision before, kept for a rollback.
                    let old = self.set(&object, &name, "0", 0);
                    api = api.with("/apis/apps/v1/replicasets", [old]);
                }
            } else if kind == "DaemonSet" {
                pods.push(owned(&object, &kind));
            }
            if namespace == "ci" && self >= Self::OneNamespace {
                pods.iter_mut().for_each(inject);
            }
            api = api.with("/api/v1/pods", pods);
            let list = match &*kind {
                "Deployment" => "/apis/apps/v1/deployments",
                "DaemonSet" => "/apis/apps/v1/daemonsets",
                "CronJob" => "/apis/batch/v1/cronjobs",
                "PersistentVolume" => "/api/v1/persistentvolumes",
                "Pod" => continue,
                other => panic!("{other}"),
            };
            api = api.with(list, [object]);
        }
        api
    }

    fn set(self, deployment: &Value, name: &str, revision: &str, replicas: u64) -> Value {
        let mut set = owned(deployment, "Deployment");
        set["kind"] = json!("ReplicaSet");
        set["apiVersion"] = json!("apps/v1");
        set["metadata"]["name"] = json!(format!("{name}-{revision}"));
        set["metadata"]["uid"] = json!(format!("{name}-{revision}"));
        set["spec"] = json!({"replicas": replicas, "template": deployment["spec"]["template"]});
        set
    }
}

/// A Pod of what `owner` makes, or anything else that it owns.
fn owned(owner: &Value, kind: &str) -> Value {
    let metadata = &owner["metadata"];
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{}-x", metadata["name"].as_str().unwrap()),
            "namespace": metadata["namespace"], "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": kind, "name": metadata["name"],
                "uid": metadata["uid"], "controller": true}]},
        "spec": owner["spec"]["template"]["spec"],
        "status": {"phase": "Running"},
    })
}

/// Makes of a Pod what the webhook stores.
fn inject(pod: &mut Value) {
    let mut changed = pod.clone();
    let policy = Policy::offline();
    let outcome = evaluate(&policy, &Setting::default(), &pods(pod)[0]).unwrap();
    apply(&mut changed, "", &outcome).unwrap();
    *pod = changed;
}

/// A folder in which the document's commands run: the presets, and the two files that step 7 converts.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = scratch::folder("docs-migration");
        std::os::unix::fs::symlink(root().join("manifests"), folder.join("manifests")).unwrap();
        let is_nightly = |object: &Value| object["metadata"]["name"] == "nightly-images";
        let nightly = objects().into_iter().find(is_nightly).unwrap();
        let blocks = blocks(&document());
        let mut sources = blocks.iter().map(|(_, block)| block);
        let builder = sources
            .find(|block| block.contains("  name: builder\n"))
            .unwrap();
        for (file, text) in [
            ("builder.yaml", builder),
            ("nightly.yaml", &to_yaml(&nightly)),
        ] {
            let done = migrate(
                &Context {
                    policy: &Policy::offline(),
                    setting: &Setting::default(),
                    namespaces: &Namespaces::new(),
                    patches: &[],
                },
                text,
                Syntax::Manifest,
            );
            assert_eq!(done.changed.len(), 1, "{file}");
            fs::write(folder.join(file), done.text).unwrap();
        }
        Self(folder)
    }

    /// What a command prints, with `api` as the cluster of the context `prod`.
    async fn printed(&self, words: &[String], api: Api) -> String {
        let address = listen(&Arc::new(Mutex::new(api))).await;
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "prod",
            "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
            "contexts": [{"name": "prod", "context": {"cluster": "here", "user": "me"}}],
            "users": [{"name": "me", "user": {}}],
        });
        fs::write(self.0.join("kubeconfig"), kubeconfig.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dind-injector"));
        command
            .args(&words[1..])
            .current_dir(&self.0)
            .env("KUBECONFIG", "kubeconfig")
            .env_remove("DIND_INJECTOR_CONFIG")
            .env_remove("DIND_INJECTOR_KUBECONFIG")
            .env_remove("COLUMNS");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A line without its time, of which only the form is fixed.
fn timeless(line: &str) -> String {
    match line.split_once(" at 20") {
        Some((before, time)) if line.starts_with("Scanned: ") => {
            assert_eq!(time.len(), "26-11-29T21:58:00Z".len(), "{line}");
            format!("{before} at TIME")
        }
        _ => line.to_owned(),
    }
}

#[tokio::test]
async fn every_output_of_a_scan_is_what_it_prints() {
    let folder = Folder::new();
    let mut steps = vec![
        Step::Audit,
        Step::OneNamespace,
        Step::OneNamespace,
        Step::Enforced,
    ];
    steps.push(Step::Enforced);
    let mut steps = steps.into_iter();
    for (language, block) in blocks(&document()) {
        let typed = block.lines().next().unwrap_or_default();
        if language != "console" || !typed.starts_with("$ dind-injector scan") {
            continue;
        }
        let words = commands(&typed[2..]).remove(0);
        let printed = folder
            .printed(&words, steps.next().unwrap().cluster())
            .await;
        let mut printed: Vec<String> = printed.lines().map(timeless).collect();
        if let Some((_, count)) = typed.split_once("| head -n ") {
            printed.truncate(count.parse().unwrap());
        }
        let mut shown: Vec<String> = block.lines().skip(1).map(timeless).collect();
        if shown.last().is_some_and(|line| line == "…") {
            shown.pop();
            printed.truncate(shown.len());
        }
        assert_eq!(shown.join("\n"), printed.join("\n"), "{typed}");
    }
    assert_eq!(steps.next(), None, "a scan of the document is gone");
}

/// What is said to authors, without the program's name before it: of Pods, and of what makes them.
fn said(policy: &Policy, labels: &[&str], object: &Value) -> Vec<String> {
    let label = |label: &&str| ((*label).to_owned(), "enabled".to_owned());
    let setting = Setting {
        namespace: "ci".to_owned(),
        namespace_labels: labels.iter().map(label).collect(),
        user: "kubernetes-admin".to_owned(),
        ..Setting::default()
    };
    let found = pods(object);
    let outcome = evaluate(policy, &setting, &found[0]).unwrap();
    let place = match object["kind"] == "Pod" {
        true => "",
        false => "in its Pods: ",
    };
    let notices = outcome.notices.texts().into_iter();
    let mut said: Vec<String> = notices.map(|notice| format!("{place}{notice}")).collect();
    if let Action::Denied(denial) = &outcome.action {
        said.push(denial.to_string());
    }
    said
}

#[test]
fn every_word_of_the_webhook_is_what_it_says() {
    let enforce = fs::read_to_string(root().join("manifests/presets/enforce.yaml")).unwrap();
    let enforce = dind_injector::policy_file::Config::from_yaml(&enforce).unwrap();
    let enforce = enforce.policy();
    let shell = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node-shell", "namespace": "ci"},
        "spec": {
            "containers": [{"name": "shell", "image": "alpine",
                "volumeMounts": [{"name": "root", "mountPath": "/host"}]}],
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        },
    });
    let label = [names::INJECTION_LABEL];
    let mut said_by_it = said(enforce, &[], &shell);
    for object in objects()
        .iter()
        .filter(|object| object["kind"] != "PersistentVolume")
    {
        said_by_it.extend(said(&Policy::builtin(), &label, object));
        said_by_it.extend(said(&Policy::builtin(), &[], object));
    }
    let (mut count, mark) = (0, "dind-injector: ");
    for (_, block) in blocks(&document()) {
        for line in block.lines().filter(|line| !line.starts_with('$')) {
            let is_said = line.starts_with("Warning: ") || line.contains("denied the request: ");
            if let Some((_, text)) = line.split_once(mark).filter(|_| is_said) {
                count += 1;
                assert!(
                    said_by_it.iter().any(|one| one == text),
                    "{text}\n{said_by_it:#?}"
                );
            }
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn every_word_of_the_backstop_is_in_its_manifest() {
    let manifest = fs::read_to_string(root().join("manifests/backstop.yaml")).unwrap();
    // A message is one text in parts, each on a line of its own.
    let parts: Vec<&str> = manifest.lines().map(str::trim).collect();
    let manifest = parts.join("").replace("'+ '", "");
    let blocks = blocks(&document());
    let mut lines = blocks.iter().flat_map(|(_, block)| block.lines());
    let line = lines
        .find(|line| line.contains("denied request: "))
        .unwrap();
    let text = line.split_once("denied request: ").unwrap().1;
    for part in text.split("\"build\"") {
        assert!(manifest.contains(part.trim()), "{part}");
    }
}
