//! Other names of a directory on some nodes.
//!
//! Where a node's system is an image, what can be written is below `/var`, and `/home` or `/opt` are links there; `/var`
//! itself is mounted from somewhere else. A path by one of these names leads to what is known by another.

use crate::model::path::CleanPath;

/// Links, and where they lead. Sources: ostree, "Adapting existing mainstream distributions"; systemd, `file-hierarchy(7)`.
pub(super) const LINKS_TO_VAR: [(&str, &str); 5] = [
    ("/home", "/var/home"),
    ("/root", "/var/roothome"),
    ("/opt", "/var/opt"),
    ("/srv", "/var/srv"),
    ("/mnt", "/var/mnt"),
];

/// What `/var` is mounted from. Sources: Container-Optimized OS; bottlerocket-os/bottlerocket; kubernetes/minikube.
const SOURCES_OF_VAR: [&str; 3] = ["/mnt/stateful_partition/var", "/local/var", "/mnt/vda1/var"];

/// Where ostree has the directories of each deployment, with its `/var`.
const DEPLOYMENTS: [&str; 2] = ["/ostree/deploy/", "/sysroot/ostree/deploy/"];

/// The other names of a clean path.
pub(super) fn other_names(
    path: &CleanPath<'_>,
) -> impl Iterator<Item = CleanPath<'static>> + use<> {
    let text = path.as_str();
    let renamed = |from: &str, to: &str| Some(format!("{to}{}", below(text, from)?));
    let links = LINKS_TO_VAR.iter();
    let mut links =
        links.flat_map(move |(link, target)| [renamed(link, target), renamed(target, link)]);
    let link = links.find_map(|name| name);
    let mut sources = SOURCES_OF_VAR.iter();
    let source = sources.find_map(|source| below(text, source));
    let source = source.or_else(|| of_a_deployment(text));
    // It holds `/var`, and no other node has it.
    let holder = (text == "/mnt/stateful_partition").then(|| "/".to_owned());
    let names = [link, source.map(|rest| format!("/var{rest}")), holder];
    let names = names.into_iter().flatten();
    names.map(CleanPath::of)
}

/// What is below `/var` of a deployment.
fn of_a_deployment(path: &str) -> Option<&str> {
    let mut all = DEPLOYMENTS.iter();
    let name = all.find_map(|deployments| path.strip_prefix(deployments))?;
    let (_, rest) = name.split_once('/')?;
    below(rest, "var")
}

/// What follows `above` in a clean path that is it, or is below it.
pub(super) fn below<'p>(path: &'p str, above: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(above);
    rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        let names = other_names(&CleanPath::new(path)).map(|name| name.to_string());
        names.collect()
    }

    #[test]
    fn a_path_has_the_names_that_nodes_give_it() {
        for (path, others) in [
            ("/home/ci/x", &["/var/home/ci/x"][..]),
            ("/var/home/ci/x", &["/home/ci/x"]),
            ("/root", &["/var/roothome"]),
            ("/var/roothome/x", &["/root/x"]),
            ("/local/var/lib/x", &["/var/lib/x"]),
            (
                "/mnt/stateful_partition/var/lib",
                &["/var/mnt/stateful_partition/var/lib", "/var/lib"],
            ),
            ("/sysroot/ostree/deploy/fcos/var/lib/x", &["/var/lib/x"]),
            ("/ostree/deploy/fcos/var/x", &["/var/x"]),
            ("/local/var", &["/var"]),
            (
                "/mnt/stateful_partition",
                &["/var/mnt/stateful_partition", "/"],
            ),
        ] {
            assert_eq!(names(path), others, "{path}");
        }
        for path in [
            "/",
            "/var",
            "/homes",
            "/run/x",
            "/local",
            "/ostree/deploy/x/etc",
            "/var/lib/home",
        ] {
            assert_eq!(names(path), [""; 0], "{path}");
        }
    }
}
