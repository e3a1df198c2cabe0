//! What a daemon that is not root on the node does about cgroups and about what runc is told.
//!
//! The start script runs as in `start_script`, with `src/plan/userns.sh` as a Pod in a user namespace has it. What
//! kernel and runc make of it is seen on a real node (`tests/e2e`, scenarios `userns`).

use std::path::Path;

use dind_injector::model::start::USERNS_SCRIPT;

use crate::start_script::{Outcome, Shell, Sidecar, moved, stays_readable};

/// As Docker 28 writes it for `docker run --privileged`; the sysfs of other containers is read-only. Its containerd puts the
/// daemon's own `oomScoreAdj` there, since it may set none below.
pub(super) const CONFIG: &str = r#"{"ociVersion":"1.2.0","process":{"args":["sh","\"resources\":{"],"oomScoreAdj":935},"mounts":[{"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev"]}],"annotations":{"cgroupsPath":"x"},"linux":{"resources":{"memory":{"limit":1}},"cgroupsPath":"/docker/1"}}"#;

const SYSFS: &str = r#""type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]"#;

/// A sidecar in a user namespace, in a cgroup namespace of its own, with a sysfs that is read-only.
fn sidecar(shell: Shell) -> Sidecar {
    let sidecar = Sidecar::new(shell);
    sidecar.file("/proc/self/uid_map", "         0 2163998720      65536\n");
    let settings = sidecar.path("/proc/sys").display().to_string();
    sidecar.file(
        "/proc/mounts",
        &format!(
            "overlay / overlay rw 0 0\nsysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0\n\
             proc {settings} proc ro,nosuid,nodev,noexec,relatime 0 0\n"
        ),
    );
    // `moved` takes a root without a slash at its end.
    let root = sidecar.path("/").display().to_string();
    let script = moved(USERNS_SCRIPT, Path::new(root.trim_end_matches('/')));
    sidecar.env("DIND_USERNS_SCRIPT", &script)
}

/// The same where nothing can be made in the cgroup.
fn not_delegated(shell: Shell) -> Sidecar {
    let sidecar = sidecar(shell);
    sidecar.file("/sys/fs/cgroup/init", "");
    sidecar
}

fn succeeded(sidecar: &Sidecar) -> Outcome {
    let outcome = sidecar.run();
    assert!(outcome.success, "{}", outcome.stderr);
    outcome
}

/// What the real runc would read, where the one before it in the PATH is called like this.
pub(super) fn told_to_runc(
    shell: Shell,
    sidecar: &Sidecar,
    outcome: &Outcome,
    words: &[&str],
) -> String {
    let path = &outcome.env["PATH"];
    let first = path.split(':').next().unwrap();
    let wrapper = Path::new(first).join("runc");
    sidecar.file("/bundle/config.json", CONFIG);
    let bundle = sidecar.path("/bundle").display().to_string();
    let words = words.iter().map(|word| word.replace("BUNDLE", &bundle));
    let status = shell
        .command()
        .arg(wrapper)
        .args(words.clone())
        .env_clear()
        .env("PATH", path)
        .status()
        .unwrap();
    assert!(status.success(), "{shell:?}");
    let called: Vec<String> = words.collect();
    let calls = sidecar.read("/calls.runc");
    assert_eq!(calls.lines().last(), Some(called.join(" ").as_str()));
    sidecar.read("/bundle/config.json")
}

pub(super) const CREATE: [&str; 6] = ["--root", "/r", "create", "--bundle", "BUNDLE", "1"];

#[test]
fn in_a_cgroup_of_its_own_containers_keep_theirs_and_die_before_the_daemon() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell).env("DIND_CGROUP", "required");
        sidecar.file("/sys/fs/cgroup/memory.oom.group", "1\n");
        let outcome = succeeded(&sidecar);
        assert_eq!(
            outcome.stderr,
            "dind-injector: the limits of each container are kept, and this one's hold for all of them\n",
            "{shell:?}"
        );
        assert_eq!(sidecar.read("/sys/fs/cgroup/memory.oom.group"), "0\n");
        let config = told_to_runc(shell, &sidecar, &outcome, &CREATE);
        let expected = CONFIG
            .replace(r#""oomScoreAdj":935"#, r#""oomScoreAdj":1000"#)
            .replace(&SYSFS.replace(r#","ro""#, ""), SYSFS);
        assert_eq!(config, expected, "{shell:?}");
        assert!(!outcome.env.contains_key("DIND_USERNS_SCRIPT"));
        // The image's own script hands the controllers down.
        assert!(!outcome.env.contains_key("container"));
    }
}

#[test]
fn without_one_containers_get_none_and_no_limits() {
    for shell in Shell::all() {
        let sidecar = not_delegated(shell);
        let outcome = succeeded(&sidecar);
        assert_eq!(
            outcome.stderr,
            "dind-injector: this cgroup is not writable: this container's limits hold for all of them together, \
             and docker run -m and --cpus do nothing\n",
            "{shell:?}"
        );
        let config = told_to_runc(shell, &sidecar, &outcome, &CREATE);
        let expected = CONFIG
            .replace(r#""oomScoreAdj":935"#, r#""oomScoreAdj":1000"#)
            .replace(r#""cgroupsPath":"#, r#""x-cgroupsPath":"#)
            .replace(r#""resources":{"memory"#, r#""x-resources":{"memory"#)
            .replace(&SYSFS.replace(r#","ro""#, ""), SYSFS);
        assert_eq!(config, expected, "{shell:?}");
        assert_eq!(outcome.env["container"], "docker");
        assert_eq!(sidecar.read("/calls.mount"), "--make-rshared /\n");
    }
}

/// `privileged: true` with `hostUsers: false`: the node's cgroup namespace, in which nothing is the Pod's.
#[test]
fn in_the_nodes_cgroup_namespace_that_is_so_too_and_sysfs_stays_as_it_is() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        let slice = "/kubepods.slice/kubepods-pod79227834_afc5_4f67_bf05_594a0d4d36bb.slice";
        sidecar.file(
            "/proc/self/cgroup",
            &format!("0::{slice}/cri-containerd-0f.scope\n"),
        );
        sidecar.file(&format!("/sys/fs/cgroup{slice}"), "");
        sidecar.file("/proc/mounts", "sysfs /sys sysfs rw,nosuid 0 0\n");
        let outcome = succeeded(&sidecar);
        let said = format!("cannot make /sys/fs/cgroup{slice}/docker: this container's limits");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        let config = told_to_runc(shell, &sidecar, &outcome, &CREATE);
        assert!(config.contains(r#""x-cgroupsPath":"/docker/1""#));
        assert!(!config.contains(SYSFS));
    }
}

#[test]
fn limits_that_cannot_be_kept_end_it_where_they_are_required_and_not_where_together_is_enough() {
    for shell in Shell::all() {
        let refusal = not_delegated(shell)
            .env("DIND_CGROUP", "required")
            .refusal();
        assert_eq!(
            refusal,
            "this cgroup is not writable, so the limits of single containers are not kept: it takes a runtime with \
             cgroup_writable (runtimeClassName), or DIND_CGROUP=together",
            "{shell:?}"
        );
        let together = not_delegated(shell).env("DIND_CGROUP", "together");
        assert!(succeeded(&together).stderr.contains("together"));
    }
}

#[test]
fn the_networks_settings_are_made_writable_where_they_are_not() {
    for shell in Shell::all() {
        let masked = sidecar(shell);
        succeeded(&masked);
        let at = masked.path("/proc/sys").display().to_string();
        assert_eq!(masked.read("/calls.umount").trim_end(), at, "{shell:?}");

        let locked = sidecar(shell);
        locked.program("umount", "exit 1");
        assert_eq!(
            locked.refusal(),
            "cannot make /proc/sys writable: set procMount: Unmasked in the securityContext of the profile"
        );

        let unmasked = sidecar(shell);
        unmasked.file("/proc/mounts", "proc /proc proc rw,nosuid 0 0\n");
        succeeded(&unmasked);
        assert!(!unmasked.path("/calls.umount").exists(), "{shell:?}");
    }
}

#[test]
fn a_node_without_user_namespaces_is_not_given_a_daemon_that_is_root_there() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        sidecar.file("/proc/self/uid_map", "         0          0 4294967295\n");
        let refusal = sidecar.refusal();
        assert!(
            refusal.starts_with("hostUsers: false had no effect here"),
            "{refusal}"
        );
    }
}

#[test]
fn runc_is_left_alone_where_it_makes_no_container() {
    for shell in Shell::all() {
        let sidecar = not_delegated(shell);
        let outcome = succeeded(&sidecar);
        let exec = ["exec", "--process", "/p", "1"];
        assert_eq!(told_to_runc(shell, &sidecar, &outcome, &exec), CONFIG);
    }
}

#[test]
fn a_daemon_that_starts_again_tells_runc_the_same() {
    for shell in Shell::all() {
        let sidecar = not_delegated(shell);
        let first = succeeded(&sidecar);
        let first = told_to_runc(shell, &sidecar, &first, &CREATE);
        let second = succeeded(&sidecar);
        assert_eq!(told_to_runc(shell, &sidecar, &second, &CREATE), first);
        let edits = sidecar.read("/run/dind-injector/edits");
        assert_eq!(edits.lines().count(), 4, "{edits}");
    }
}

#[test]
fn the_text_stays_readable_in_a_pods_yaml() {
    stays_readable(USERNS_SCRIPT, 4 * 1024);
}
