//! Hints from what else of the node a container mounts.

use crate::model::path::CleanPath;

use crate::scan::risk::{Rule, Weight};

pub(super) static NODE_DOCKER_FILES: Rule = Rule {
    id: "node-docker-files",
    weight: Weight::Caution,
    title: "it reads the files of the node's Docker daemon",
    help: "The node's files and the Pod's own daemon do not belong together: logs, layers and \
           settings below that path are the node's. Read /var/log/pods, or drop the mount.",
    holds: |evidence| {
        let mounts = evidence.container.volume_mounts.iter();
        mounts
            .filter_map(|mount| {
                let mut volumes = evidence.pod.spec.volumes.iter();
                let volume = volumes.find(|volume| volume.name == mount.name)?;
                volume.host_path.as_ref()
            })
            .find(|source| {
                let path = CleanPath::on_node(&source.path);
                ["/var/lib/docker", "/etc/docker"]
                    .iter()
                    .any(|docker| CleanPath::new(docker).holds(&path))
            })
            .map(|source| source.path.to_string())
    },
};
