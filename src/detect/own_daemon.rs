//! Whether a container already runs a Docker daemon.
//!
//! The image's name says little: `docker:dind` with `command: [cat]` is a client, and any image can start
//! `dockerd`. So the command decides.

use memchr::memmem;

use crate::model::place::Place;
use crate::model::view::{Container, Pod};

/// Programs that are, or start, a Docker daemon.
const DAEMONS: [&str; 6] = [
    "dockerd",
    "dockerd-entrypoint.sh",
    "dockerd-rootless.sh",
    "dockerd-ce",
    "docker-daemon",
    "dind",
];
/// How every daemon's name starts, except `dind`, which scripts use as a name for other things too.
const STEM: &[u8] = b"docker";
/// Programs that run the program in their arguments.
const WRAPPERS: [&str; 12] = [
    "sh",
    "bash",
    "ash",
    "dash",
    "tini",
    "docker-init",
    "dumb-init",
    "env",
    "exec",
    "nohup",
    "sudo",
    "rootlesskit",
];

/// The first container of `pod` that runs a Docker daemon.
pub fn own_daemon<'p, 'a>(pod: &'p Pod<'a>) -> Option<(Place, &'p Container<'a>)> {
    pod.containers()
        .find(|(_, container)| runs_daemon(container))
}

pub fn runs_daemon(container: &Container<'_>) -> bool {
    let command = container.command.iter().map(|word| &**word);
    let args = container.args.iter().map(|word| &**word);
    if !container.command.is_empty() {
        return starts_daemon(command.chain(args));
    }
    if !is_dind_image(&container.image) {
        return starts_daemon(args);
    }
    // The image's entrypoint takes a first argument that starts with "-" as a flag of dockerd.
    // Source: docker-library/docker, `dockerd-entrypoint.sh`.
    match container.args.first() {
        None => true,
        Some(first) => first.starts_with('-') || starts_daemon(args),
    }
}

fn starts_daemon<'w>(words: impl Iterator<Item = &'w str>) -> bool {
    let mut wrapped = false;
    for word in words {
        let program = word.rsplit('/').next().unwrap_or(word);
        if DAEMONS.contains(&program) {
            return true;
        }
        if WRAPPERS.contains(&program) {
            wrapped = true;
        } else if word.contains(char::is_whitespace) {
            // The script of `sh -c`: it may start a daemon anywhere.
            return wrapped && mentions_daemon(word);
        } else if !wrapped || !(word.starts_with('-') || word.contains('=')) {
            return false;
        }
    }
    false
}

/// Searches only where a daemon's name can be: a script may have megabytes.
fn mentions_daemon(script: &str) -> bool {
    let is_end = |c: char| c.is_whitespace() || ";&|()\"'`".contains(c);
    let mut found = memmem::find_iter(script.as_bytes(), STEM);
    found.any(|at| {
        let (before, rest) = script.split_at(at);
        let begins = before.chars().next_back();
        let begins = begins.is_none_or(|c| c == '/' || is_end(c));
        let mut daemons = DAEMONS.iter().filter_map(|name| rest.strip_prefix(name));
        begins && daemons.any(|behind| behind.chars().next().is_none_or(is_end))
    })
}

/// `docker:dind`, `docker:28.5.2-dind-rootless`, `registry.example/ci/docker-dind:1`.
fn is_dind_image(image: &str) -> bool {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    let (repository, tag) = last.split_once(':').unwrap_or((last, ""));
    let is_dind = |word: &str| word.split(['-', '.', '_']).any(|part| part == "dind");
    is_dind(repository) || (repository == "docker" && is_dind(tag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn runs(image: &str, command: &[&str], args: &[&str]) -> bool {
        let json = serde_json::json!({"image": image, "command": command, "args": args});
        runs_daemon(&crate::json::from_str(&json.to_string()).unwrap())
    }

    #[test]
    fn a_daemon_is_what_the_container_runs() {
        assert!(runs("docker:dind", &[], &[]));
        assert!(runs("docker:28.5.2-dind-rootless", &[], &["--mtu=1450"]));
        assert!(runs(
            "registry.example:5000/x/docker:dind@sha256:00",
            &[],
            &[]
        ));
        assert!(runs("ci/docker-dind", &[], &["dockerd"]));
        assert!(runs("ubuntu", &["/usr/local/bin/dockerd"], &["-D"]));
        assert!(runs("ubuntu", &["sh", "-c", "dockerd & exec make"], &[]));
        assert!(runs(
            "ubuntu",
            &["/bin/sh", "-c"],
            &["dockerd-entrypoint.sh --debug"]
        ));
        assert!(runs("docker:dind", &["tini", "--"], &["dockerd"]));
    }

    #[test]
    fn a_script_mentions_a_daemon_as_a_whole_word() {
        for (script, mentions) in [
            ("dockerd", true),
            ("x;/usr/bin/dockerd&y", true),
            ("é`dockerd-rootless.sh`é", true),
            ("exec 'docker-daemon'", true),
            ("dockerdx dockerd/x xdockerd -dockerd", false),
            ("dockerd-entrypoint docker dind", false),
            ("dockerdockerd", false),
        ] {
            assert_eq!(mentions_daemon(script), mentions, "{script}");
        }
    }

    #[test]
    fn a_client_is_no_daemon() {
        assert!(!runs("docker:dind", &["cat"], &[]));
        assert!(!runs("docker:dind", &[], &["sleep", "1d"]));
        assert!(!runs("docker:28", &[], &[]));
        assert!(!runs("docker:28-cli", &["sh", "-c", "docker build ."], &[]));
        assert!(!runs(
            "docker:dind",
            &["sh", "-c", "docker -H tcp://dind:2375 ps"],
            &[]
        ));
        assert!(!runs("ubuntu", &["grep", "dockerd", "/etc/x"], &[]));
    }
}
