//! How a sidecar takes a slot of the node's storage, and what it leaves of the Pod before it.
//!
//! The start script runs as in `start_script`, with `src/plan/slot.sh` as a profile with `storage.node`
//! gives it. What a daemon makes of the slot is seen on a real node (`tests/e2e`, `37-node-storage-policy`).

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use dind_injector::model::start::SLOT_SCRIPT;

use crate::start_script::{Outcome, Shell, Sidecar, moved, stays_readable};

const SLOT: &str = "/dind-slots/0";
const READY: &str = "/run/dind-injector/ready";

/// A sidecar of the Pod `pod-b`, with two slots.
fn sidecar(shell: Shell) -> Sidecar {
    let sidecar = Sidecar::new(shell);
    sidecar.tool("awk");
    fs::create_dir_all(sidecar.path("/dind-slots")).unwrap();
    fs::create_dir_all(sidecar.path("/var/lib/docker")).unwrap();
    sidecar.file("/proc/sys/kernel/random/boot_id", "boot-1\n");
    let script = moved(SLOT_SCRIPT, &sidecar.path("/"));
    // The root has no slash at its end elsewhere.
    let script = script.replace("//", "/").replace("unix:/", "unix://");
    sidecar
        .env("DIND_SLOT_SCRIPT", &script)
        .env("DIND_SLOTS", "2")
        .env("DIND_KEEP_MB", "1000")
        .env("DIND_KEEP_HOURS", "24")
        .env("DIND_POD_UID", "pod-b")
}

/// A slot that the daemon of the Pod `pod-a` left in an orderly way.
fn left_by_another(sidecar: &Sidecar) {
    assert!(sidecar.run().success);
    ended(sidecar);
    sidecar.file(&format!("{SLOT}/pod"), "pod-a\n");
    sidecar.file(&format!("{SLOT}/ended"), "");
    for file in [
        "engine-id",
        "image/overlay2/repositories.json",
        "image/overlay2/layerdb/sha256/aa/cache-id",
        "overlay2/layer1/diff/file",
        "buildkit/cache.db",
        "containers/c1/config.v2.json",
        "network/files/local-kv.db",
        "volumes/v/_data/file",
        "swarm/key",
        "never-heard-of/file",
    ] {
        sidecar.file(&format!("{SLOT}/root/{file}"), "of pod-a");
    }
    let mount = format!("{SLOT}/root/image/overlay2/layerdb/mounts/c1");
    sidecar.file(&format!("{mount}/mount-id"), "c1layer");
    sidecar.file(&format!("{mount}/init-id"), "c1layer-init");
    for layer in ["c1layer", "c1layer-init"] {
        sidecar.file(&format!("{SLOT}/root/overlay2/{layer}/diff/secret"), "s");
    }
    sidecar.file(&format!("{SLOT}/root/overlay2/c1layer/link"), "ABC");
    sidecar.file(&format!("{SLOT}/root/overlay2/l/ABC"), "");
    sidecar.file(&format!("{SLOT}/root/buildkit/history.db"), "logs");
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never {what}");
        std::thread::yield_now();
    }
}

/// Waits until clients may come.
fn ready(sidecar: &Sidecar) {
    until("ready", || sidecar.path(READY).exists());
}

/// Waits for the end of all that runs beside the daemon: until then it holds the slot.
fn ended(sidecar: &Sidecar) {
    ready(sidecar);
    let lock = sidecar.path(&format!("{SLOT}/lock"));
    until("free", || {
        File::open(&lock).is_ok_and(|lock| lock.try_lock().is_ok())
    });
}

fn names(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn root(sidecar: &Sidecar) -> Vec<String> {
    names(&sidecar.path(&format!("{SLOT}/root")))
}

fn says(outcome: &Outcome, text: &str) -> bool {
    outcome.stderr.lines().any(|line| line.contains(text))
}

/// Where the last mount came from.
fn bound(sidecar: &Sidecar) -> Option<String> {
    let calls = fs::read_to_string(sidecar.path("/calls.mount")).ok()?;
    let last = calls.lines().last()?;
    let from = last.strip_prefix("--bind ")?.split(' ').next()?;
    let root = sidecar.path("/");
    Some(format!(
        "/{}",
        from.strip_prefix(root.to_str().unwrap()).unwrap()
    ))
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn the_first_free_slot_is_bound_to_where_the_daemon_keeps_its_data() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        let outcome = sidecar.run();
        assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
        assert!(
            says(&outcome, "images are in /dind-slots/0"),
            "{}",
            outcome.stderr
        );
        assert_eq!(bound(&sidecar).as_deref(), Some("/dind-slots/0/root"));
        assert_eq!(sidecar.read("/dind-slots/0/pod"), "pod-b\n");
        assert!(!outcome.env.contains_key("DIND_SLOT_SCRIPT"));
        ready(&sidecar);
        assert!(!sidecar.path("/dind-slots/0/starts").exists());
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn the_daemon_itself_holds_the_lock_for_as_long_as_it_lives() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        let lock = sidecar.path("/dind-slots/0/lock");
        let held = sidecar.path("/held");
        sidecar.program(
            "dockerd-entrypoint.sh",
            &format!(
                "flock -n {} true && echo free >{held} || echo held >{held}",
                lock.display(),
                held = held.display()
            ),
        );
        assert!(sidecar.run().success);
        assert_eq!(sidecar.read("/held"), "held\n", "{shell:?}");
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn a_taken_slot_is_passed_over_and_where_all_are_taken_there_is_an_empty_dir() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        sidecar.file("/dind-slots/0/lock", "");
        let first = File::open(sidecar.path("/dind-slots/0/lock")).unwrap();
        first.lock().unwrap();
        assert!(says(&sidecar.run(), "images are in /dind-slots/1"));
        ready(&sidecar);

        let second = File::open(sidecar.path("/dind-slots/1/lock")).unwrap();
        // What readied it holds it for a moment longer.
        second.lock().unwrap();
        let _ = fs::remove_file(sidecar.path("/calls.mount"));
        sidecar.file("/dind-slots/1/pod", "pod-c\n");
        let outcome = sidecar.run();
        assert!(outcome.success);
        assert!(
            says(&outcome, "all 2 slots are taken"),
            "{}",
            outcome.stderr
        );
        assert_eq!(bound(&sidecar), None);
        assert!(sidecar.path(READY).exists(), "{shell:?}");
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn of_the_pod_before_only_images_and_build_cache_stay() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        left_by_another(&sidecar);
        let outcome = sidecar.run();
        assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
        assert_eq!(bound(&sidecar).as_deref(), Some("/dind-slots/0/root"));
        assert_eq!(
            root(&sidecar),
            ["buildkit", "engine-id", "image", "overlay2"],
            "{shell:?}"
        );
        let root = sidecar.path(&format!("{SLOT}/root"));
        assert_eq!(names(&root.join("buildkit")), ["cache.db"]);
        assert_eq!(names(&root.join("overlay2")), ["l", "layer1"]);
        assert!(names(&root.join("overlay2/l")).is_empty());
        assert_eq!(
            names(&root.join("image/overlay2/layerdb")),
            ["sha256"],
            "{shell:?}"
        );
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn a_daemon_that_comes_back_in_its_pod_finds_everything() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        left_by_another(&sidecar);
        sidecar.file(&format!("{SLOT}/pod"), "pod-b\n");
        let before = root(&sidecar);
        // Neither an upgrade of the node nor a restart of it is a reason.
        sidecar.file("/proc/sys/kernel/random/boot_id", "boot-2\n");
        let outcome = sidecar.run();
        assert!(says(&outcome, "images are in /dind-slots/0, as before"));
        assert_eq!(root(&sidecar), before, "{shell:?}");
        // The next Pod must know that the node was restarted.
        assert_eq!(sidecar.read(&format!("{SLOT}/boot")), "boot-1\n");
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn an_empty_dir_that_is_in_use_stays_in_use() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        sidecar.file("/var/lib/docker/containers/c/config.v2.json", "{}");
        assert!(sidecar.run().success);
        assert_eq!(bound(&sidecar), None, "{shell:?}");
        assert!(sidecar.path(READY).exists());
        assert!(names(&sidecar.path("/dind-slots")).is_empty());
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn a_slot_that_cannot_be_trusted_is_emptied_and_used() {
    type Spoil = fn(&Sidecar);
    let cases: [(&str, Spoil); 4] = [
        ("the node was started again since", |sidecar| {
            sidecar.file("/proc/sys/kernel/random/boot_id", "boot-2\n");
        }),
        ("it is of another Engine", |sidecar| {
            sidecar.file(&format!("{SLOT}/engine"), "Docker version 27.0.0\n");
            sidecar.file("/dind-slots/1/lock", "");
            sidecar.file("/dind-slots/1/root/x", "");
        }),
        ("the daemon did not get ready on it twice", |sidecar| {
            sidecar.file(&format!("{SLOT}/starts"), "2\n");
        }),
        ("the disk is full", |sidecar| {
            sidecar.program("df", "echo; echo /dev/sda 100 99 1 99% /");
        }),
    ];
    for shell in Shell::all() {
        for (why, spoil) in cases {
            let sidecar = sidecar(shell);
            left_by_another(&sidecar);
            spoil(&sidecar);
            let outcome = sidecar.run();
            assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
            let expected = format!("{SLOT} is emptied: {why}");
            assert!(says(&outcome, &expected), "{shell:?} {}", outcome.stderr);
            assert!(root(&sidecar).is_empty(), "{shell:?}: {why}");
            assert_eq!(bound(&sidecar).as_deref(), Some("/dind-slots/0/root"));
        }
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn a_daemon_that_does_not_start_twice_gets_an_empty_slot_in_the_same_pod_too() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        left_by_another(&sidecar);
        sidecar.file(&format!("{SLOT}/pod"), "pod-b\n");
        sidecar.file(&format!("{SLOT}/starts"), "1\n");
        assert!(says(&sidecar.run(), ", as before"), "{shell:?}");
        assert!(!root(&sidecar).is_empty());
        ended(&sidecar);

        sidecar.file(&format!("{SLOT}/starts"), "2\n");
        let outcome = sidecar.run();
        assert!(says(&outcome, "did not get ready on it twice"), "{shell:?}");
        assert!(root(&sidecar).is_empty());
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn a_slot_whose_daemon_was_killed_a_moment_ago_is_kept_for_it_while_another_is_free() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        left_by_another(&sidecar);
        fs::remove_file(sidecar.path(&format!("{SLOT}/ended"))).unwrap();
        assert!(
            says(&sidecar.run(), "images are in /dind-slots/1"),
            "{shell:?}"
        );
    }
}

/// Whoever had the slot before could write in it as root.
#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn links_in_a_slot_lead_nowhere() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        left_by_another(&sidecar);
        sidecar.file("/victim/l/ABC", "");
        sidecar.file("/victim/file", "");
        let (root, victim) = (
            sidecar.path(&format!("{SLOT}/root")),
            sidecar.path("/victim"),
        );
        fs::remove_dir_all(root.join("buildkit")).unwrap();
        symlink(&victim, root.join("buildkit")).unwrap();
        symlink(&victim, root.join("link")).unwrap();
        for name in ["used", "beat", "pruned"] {
            let at = sidecar.path(&format!("{SLOT}/{name}"));
            let _ = fs::remove_file(&at);
            symlink(victim.join("file"), at).unwrap();
        }
        let outcome = sidecar.run();
        assert!(outcome.success, "{}", outcome.stderr);
        ready(&sidecar);
        assert_eq!(
            names(&root),
            ["engine-id", "image", "overlay2"],
            "{shell:?}"
        );
        assert_eq!(names(&victim), ["file", "l"]);
        assert_eq!(sidecar.read("/victim/file"), "");

        // The slot itself.
        let sidecar = self::sidecar(shell);
        sidecar.file("/victim/root/containers/c", "");
        symlink(sidecar.path("/victim"), sidecar.path(SLOT)).unwrap();
        assert!(sidecar.run().success);
        assert!(sidecar.path("/victim/root/containers/c").exists());
        assert_eq!(names(&sidecar.path("/victim")), ["root"], "{shell:?}");
    }
}

#[test]
#[ignore = "needs awk, which no bare machine has to have: tests/start-script/run"]
fn where_nothing_can_be_bound_the_daemon_starts_on_its_empty_dir() {
    for shell in Shell::all() {
        let sidecar = sidecar(shell);
        sidecar.program("mount", "exit 1");
        let outcome = sidecar.run();
        assert!(outcome.success);
        assert!(says(&outcome, "cannot be used: this Pod has an emptyDir"));
        assert!(sidecar.path(READY).exists(), "{shell:?}");
        let lock = File::open(sidecar.path(&format!("{SLOT}/lock"))).unwrap();
        lock.try_lock().unwrap();
    }
}

#[test]
fn the_text_stays_readable_in_a_pods_yaml() {
    stays_readable(SLOT_SCRIPT, 16 * 1024);
}
