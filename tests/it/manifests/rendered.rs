//! The committed renderings, parsed.

use std::fs;
use std::path::{Path, PathBuf};

use dind_injector::manifest;
use serde_json::Value;

use crate::support::files;

/// One rendering of the chart.
pub struct Rendered {
    /// Its file, below the repository.
    pub file: String,
    /// Its objects, in order: the webhook's, or the reporter's.
    pub objects: Vec<Value>,
}

/// What only the reporter's objects are called.
const REPORTER: &str = "dind-injector-reporter";
/// The label of the mirrors' objects.
const MIRROR: &str = "dind-injector-mirror";

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file's text.
pub fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A file's YAML documents.
pub fn documents(file: &str) -> Vec<Value> {
    documents_of(&text(file))
}

/// A text's YAML documents.
pub fn documents_of(text: &str) -> Vec<Value> {
    let read = manifest::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    read.into_iter().map(|document| document.value).collect()
}

/// Every file below a directory with an ending, in order; none is a failure.
pub fn files_below(directory: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = files::below(&root().join(directory));
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    assert!(!found.is_empty(), "no {ending} file below {directory}");
    found
}

/// `manifests/install.yaml`.
pub fn install() -> Rendered {
    read("manifests/install.yaml".to_owned()).webhook
}

/// A rendering's objects, by what they belong to.
struct Parts {
    webhook: Rendered,
    reporter: Rendered,
    mirror: Rendered,
}

fn read(file: String) -> Parts {
    let mut objects = documents(&file);
    let mut of = |part: &str, name: Option<&str>| Rendered {
        file: format!("{file}{part}"),
        objects: objects
            .extract_if(.., |object| {
                let label = &object["metadata"]["labels"]["app.kubernetes.io/name"];
                name.is_none_or(|name| label == name)
            })
            .collect(),
    };
    Parts {
        reporter: of(", the reporter", Some(REPORTER)),
        mirror: of(", the mirrors", Some(MIRROR)),
        webhook: of("", None),
    }
}

fn variants() -> impl Iterator<Item = Parts> {
    let variants = files_below("tests/manifests/rendered", ".yaml").into_iter();
    variants.map(|path| read(path.strip_prefix(root()).unwrap().display().to_string()))
}

/// `manifests/install.yaml` and every variant.
pub fn all() -> Vec<Rendered> {
    let webhooks = variants().map(|parts| parts.webhook);
    std::iter::once(install()).chain(webhooks).collect()
}

/// The reporter, in the variants that have one.
pub fn reporters() -> Vec<Rendered> {
    let mut found: Vec<_> = variants().map(|parts| parts.reporter).collect();
    found.retain(|reporter| !reporter.objects.is_empty());
    assert!(!found.is_empty());
    found
}

/// Every variant's webhook, and its mirrors, of which there may be none.
pub fn with_mirrors() -> Vec<(Rendered, Rendered)> {
    let variants = variants().map(|parts| (parts.webhook, parts.mirror));
    variants.collect()
}

impl Rendered {
    /// The objects of a kind.
    pub fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |o| o["kind"] == kind)
    }

    /// The only object of a kind.
    pub fn one<'a>(&'a self, kind: &'a str) -> &'a Value {
        let found: Vec<_> = self.kind(kind).collect();
        assert_eq!(found.len(), 1, "{}: {kind}", self.file);
        found[0]
    }

    /// The Deployment's Pod.
    pub fn pod_spec(&self) -> &Value {
        &self.one("Deployment")["spec"]["template"]["spec"]
    }

    /// The Deployment's only container.
    pub fn container(&self) -> &Value {
        let containers = list(&self.pod_spec()["containers"]);
        assert_eq!(containers.len(), 1, "{}", self.file);
        &containers[0]
    }

    /// The arguments of `dind-injector`.
    pub fn args(&self) -> Vec<&str> {
        let args = list(&self.container()["args"]).iter();
        args.map(|arg| arg.as_str().unwrap()).collect()
    }

    /// The value of `--flag=value`.
    pub fn arg(&self, flag: &str) -> Option<&str> {
        let mut args = self.args().into_iter();
        args.find_map(|arg| arg.strip_prefix(flag)?.strip_prefix('='))
    }

    /// Every webhook of both configurations.
    pub fn webhooks(&self) -> Vec<&Value> {
        let configurations = self
            .kind("MutatingWebhookConfiguration")
            .chain(self.kind("ValidatingWebhookConfiguration"));
        configurations.flat_map(|c| list(&c["webhooks"])).collect()
    }

    /// Whether the replicas are in their node's network: only where the values say so.
    pub fn is_on_host_network(&self) -> bool {
        self.file.ends_with("/host-network.yaml")
    }

    /// Whether the program keeps its own certificates here.
    pub fn is_self_managed(&self) -> bool {
        self.arg("--tls-cert").is_none()
    }
}

/// A list; empty where it is missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A list of strings.
pub fn strings(value: &Value) -> Vec<&str> {
    list(value).iter().map(|s| s.as_str().unwrap()).collect()
}
