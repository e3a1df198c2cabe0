//! `manifests/userns`: every node's configuration names the runtime that the RuntimeClass asks for, and the seccomp profile is
//! found where a sidecar is told to look for it.

use dind_injector::model::profile::Profile;
use dind_injector::names::USERNS_RUNTIME;

use crate::support::files;

#[test]
fn every_file_names_the_same_runtime() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/userns");
    let mut files = files::below(&folder);
    files.retain(|file| file.parent() == Some(&*folder));
    assert_eq!(files.len(), 7);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let expected = match name {
            "runtimeclass.yaml" => vec![
                format!("name: {USERNS_RUNTIME}"),
                format!("handler: {USERNS_RUNTIME}"),
            ],
            "crio.conf" => vec![format!("[crio.runtime.runtimes.{USERNS_RUNTIME}]")],
            "README.md" => vec![format!("runtimeClassName: {USERNS_RUNTIME}")],
            _ => {
                let table = format!(
                    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.{USERNS_RUNTIME}"
                );
                let lines = [format!("{table}]"), format!("{table}.options]")];
                let writable = ["cgroup_writable = true", "SystemdCgroup = "].map(str::to_owned);
                lines.into_iter().chain(writable).collect()
            }
        };
        for line in expected {
            let mut lines = text.lines().map(str::trim);
            assert!(
                lines.any(|found| found.starts_with(&line)),
                "{name}: {line}"
            );
        }
    }
}

const SECCOMP: &str = "dind-injector-userns.json";

#[test]
fn the_seccomp_profile_is_copied_to_where_the_documented_sidecar_looks_for_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    for (path, line) in [
        (
            "manifests/userns/seccomp/kustomization.yaml",
            format!("files: [{SECCOMP}]"),
        ),
        (
            "manifests/userns/seccomp/daemonset.yaml",
            format!("/node/{SECCOMP}"),
        ),
        (
            "manifests/userns/seccomp/daemonset.yaml",
            format!("image: {}\n", Profile::privileged().image),
        ),
        ("docs/policy.md", format!("localhostProfile: {SECCOMP}")),
        (
            "tests/e2e/policy.yaml",
            format!("localhostProfile: {SECCOMP}"),
        ),
    ] {
        assert!(read(path).contains(&line), "{path}: {line}");
    }
    let profile = read(&format!("manifests/userns/seccomp/{SECCOMP}"));
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let names = profile["syscalls"][0]["names"].as_array().unwrap();
    let names: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    // What runc and a daemon in a user namespace cannot do without.
    for needed in [
        "keyctl",
        "mount",
        "unshare",
        "setns",
        "clone3",
        "pivot_root",
        "ptrace",
    ] {
        assert!(!names.contains(&needed), "{needed}");
    }
}
