//! `manifests/userns`: every node's configuration names the runtime that the RuntimeClass asks for.

use dind_injector::names::USERNS_RUNTIME;

use crate::support::files;

#[test]
fn every_file_names_the_same_runtime() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/userns");
    let files = files::below(&folder);
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
