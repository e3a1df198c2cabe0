//! The sidecar's start script, run under each shell it must work in, against a made-up node.
//!
//! `cargo test` runs it under this machine's `sh`. `tests/start-script/run` runs it under the shells of
//! the images, and shellcheck over it.
//!
//! The script has no test seam: a test runs its text with every absolute path moved below a folder
//! of its own, and a `PATH` that holds nothing but the tools named here. What the image would run
//! (the entrypoint, dockerd, mount) are stand-ins that write down how they were called; nothing of
//! the machine that runs the tests is changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::scratch;
use crate::userns_script::{CONFIG, CREATE, told_to_runc};

const SCRIPT: &str = include_str!("../../src/plan/start.sh");

/// The absolute paths that the script may name, all of which move below the made-up root.
const MOVED: [&str; 11] = [
    "/tmp",
    "/etc/$file",
    "/proc/",
    "/sys/",
    "/etc/docker/",
    "/var/run/",
    "/run/",
    "/usr/local/bin/",
    "/sys/fs/cgroup",
    "/dind-slots",
    "/var/lib/docker",
];

/// The only tools, besides the shell's own, that the script may count on in the image.
const TOOLS: [&str; 20] = [
    "cat", "chmod", "cp", "date", "find", "flock", "grep", "head", "ln", "mkdir", "mktemp", "mv",
    "readlink", "rm", "rmdir", "sed", "sort", "timeout", "touch", "tr",
];

/// Stand-ins whose names BusyBox has commands of its own for. Debian's build prefers those to what
/// `PATH` finds (Alpine's does not), so there a function leads to the stand-in.
const SHADOWED: [&str; 5] = ["df", "id", "mount", "sleep", "umount"];

const SCOPE: &str = "/kubepods.slice/kubepods-burstable.slice/\
                     kubepods-burstable-pod79227834_afc5_4f67_bf05_594a0d4d36bb.slice/\
                     cri-containerd-0f1e2d3c.scope";
const SLICE: &str = "/kubepods.slice/kubepods-burstable.slice/\
                     kubepods-burstable-pod79227834_afc5_4f67_bf05_594a0d4d36bb.slice";

/// A shell of the images, dash of Debian's and ash of Alpine's, which is BusyBox; or this machine's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shell {
    Sh,
    Dash,
    BusyBox,
}

impl Shell {
    /// Those that the variable names, or else what every machine has.
    pub(super) fn all() -> Vec<Self> {
        let Ok(names) = std::env::var("START_SCRIPT_SHELLS") else {
            return vec![Self::Sh];
        };
        let named = |name| match name {
            "sh" => Self::Sh,
            "dash" => Self::Dash,
            "busybox" => Self::BusyBox,
            _ => panic!("START_SCRIPT_SHELLS: {name:?} is not sh, dash or busybox"),
        };
        let shells: Vec<_> = names.split_whitespace().map(named).collect();
        assert!(!shells.is_empty(), "START_SCRIPT_SHELLS names no shell");
        shells
    }

    pub(super) fn command(self) -> Command {
        match self {
            Self::Sh => Command::new(found("sh")),
            Self::Dash => Command::new(found("dash")),
            Self::BusyBox => {
                let mut command = Command::new(found("busybox"));
                command.arg("sh");
                command
            }
        }
    }
}

/// The program on this machine's `PATH`, or a failed test that names it.
fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH is set");
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("this test needs the program {program}"))
}

/// A made-up sidecar: its root folder, its tools and its environment.
pub(super) struct Sidecar {
    shell: Shell,
    root: PathBuf,
    env: BTreeMap<&'static str, String>,
    args: Vec<&'static str>,
}

/// What came of running the script.
pub(super) struct Outcome {
    /// The process that was started, which must have become the entrypoint.
    pid: u32,
    pub(super) success: bool,
    pub(super) stderr: String,
    /// What the entrypoint was called with; empty where the script ended before it.
    pub(super) argv: Vec<String>,
    /// What else the entrypoint saw, `NAME=value`.
    pub(super) env: BTreeMap<String, String>,
}

impl Sidecar {
    /// Lets the script find a program of this machine.
    pub(super) fn tool(&self, tool: &str) {
        // BusyBox's own, so that no option of the GNU tools slips in. Alpine's BusyBox has a flock,
        // Debian's has none.
        let program = match self.shell {
            Shell::BusyBox if tool != "flock" => found("busybox"),
            Shell::Sh | Shell::Dash | Shell::BusyBox => found(tool),
        };
        symlink(program, self.path("/tools").join(tool)).unwrap();
    }

    /// Root in a private cgroup namespace, an IPv4 default route over `eth0` of MTU 1450, Docker 28.
    pub(super) fn new(shell: Shell) -> Self {
        let root = scratch::folder("start-script");
        let sidecar = Self {
            shell,
            root,
            env: BTreeMap::new(),
            args: Vec::new(),
        };
        let tools = sidecar.path("/tools");
        fs::create_dir_all(&tools).unwrap();
        for tool in TOOLS {
            sidecar.tool(tool);
        }
        let calls = sidecar.path("/calls");
        let calls = calls.display();
        sidecar.program("docker", "echo client");
        sidecar.program(
            "dockerd",
            "echo '      --default-network-opt mapmap   Default network options'",
        );
        sidecar.program("id", "echo 0");
        sidecar.program("mount", &format!("echo \"$@\" >>{calls}.mount"));
        sidecar.program("umount", &format!("echo \"$@\" >>{calls}.umount"));
        // No rule is there before.
        sidecar.program(
            "iptables",
            &format!("case \" $* \" in *' -C '*) exit 1 ;; esac; echo \"$@\" >>{calls}.iptables"),
        );
        sidecar.program("unshare", "exit 0");
        sidecar.program("df", "echo; echo /dev/sda 100 50 50 50% /");
        sidecar.program("sleep", "exit 1");
        sidecar.program("runc", &format!("echo \"$@\" >>{calls}.runc"));
        sidecar.program(
            "dockerd-entrypoint.sh",
            &format!(
                "printf '%s\\0' \"$@\" >{calls}.argv\n\
                 {{ echo \"PID=$$\"; unshare --cgroup true && echo UNSHARE=works\n\
                 /usr/bin/env; }} >{calls}.env"
            ),
        );
        sidecar.file("/usr/local/bin/dind", "");
        sidecar.mode("/usr/local/bin/dind", 0o755);
        sidecar.file("/run/docker/containerd/containerd.pid", "31");
        sidecar.file(
            "/sys/fs/cgroup/cgroup.controllers",
            "cpuset cpu io memory pids",
        );
        sidecar.file("/proc/self/cgroup", "0::/\n");
        sidecar.file(
            "/proc/net/route",
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t0000F40A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
             eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
        );
        sidecar.file("/sys/class/net/eth0/mtu", "1450\n");
        let sockets = sidecar.path("/dind/docker.sock").display().to_string();
        sidecar.env("DIND_SOCKETS", &sockets)
    }

    /// The same in the node's cgroup namespace, as a privileged container is, at the cgroup `own`.
    fn at_cgroup(shell: Shell, own: &str) -> Self {
        let sidecar = Self::new(shell);
        sidecar.file("/proc/self/cgroup", &format!("0::{own}\n"));
        fs::create_dir_all(sidecar.path(&format!("/sys/fs/cgroup{own}"))).unwrap();
        sidecar
    }

    pub(super) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    pub(super) fn file(&self, absolute: &str, text: &str) {
        let path = self.path(absolute);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, absolute: &str) -> String {
        fs::read_to_string(self.path(absolute))
            .unwrap_or_else(|error| panic!("{absolute}: {error}"))
    }

    fn mode(&self, absolute: &str, mode: u32) {
        fs::set_permissions(self.path(absolute), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn program(&self, name: &str, body: &str) {
        let path = format!("/tools/{name}");
        self.file(&path, &format!("#!/bin/sh\n{body}\n"));
        self.mode(&path, 0o755);
    }

    pub(super) fn without(self, tool: &str) -> Self {
        fs::remove_file(self.path(&format!("/tools/{tool}"))).unwrap();
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.to_owned());
        self
    }

    pub(super) fn args(mut self, args: &[&'static str]) -> Self {
        self.args = args.to_vec();
        self
    }

    /// `DIND_SOCKETS` as these paths of the made-up root.
    fn sockets(self, absolute: &[&str]) -> Self {
        let paths: Vec<_> = absolute
            .iter()
            .map(|path| self.path(path).display().to_string())
            .collect();
        self.env("DIND_SOCKETS", &paths.join(" "))
    }

    /// What the shell runs: the script, in the made-up root.
    fn text(&self) -> String {
        let mut text = String::new();
        if self.shell == Shell::BusyBox {
            for name in SHADOWED {
                let stand_in = self.path(&format!("/tools/{name}"));
                text += &format!("{name}() {{ {} \"$@\"; }}\n", stand_in.display());
            }
        }
        text + &moved(SCRIPT, &self.root)
    }

    pub(super) fn run(&self) -> Outcome {
        let child = self
            .shell
            .command()
            .args(["-c", &self.text(), "dind-injector"])
            .args(&self.args)
            .env_clear()
            .env("PATH", self.path("/tools"))
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let argv = fs::read_to_string(self.path("/calls.argv")).unwrap_or_default();
        let env = fs::read_to_string(self.path("/calls.env")).unwrap_or_default();
        // A second run must not be taken for the first.
        let _ = fs::remove_file(self.path("/calls.argv"));
        let _ = fs::remove_file(self.path("/calls.env"));
        Outcome {
            pid,
            success: status.success(),
            stderr: String::from_utf8(stderr)
                .unwrap()
                .replace(self.root.to_str().unwrap(), ""),
            argv: argv
                .split_terminator('\0')
                .map(|argument| argument.replace(self.root.to_str().unwrap(), ""))
                .collect(),
            env: env
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// The arguments of dockerd, where the script must get that far.
    fn flags(&self) -> Vec<String> {
        let outcome = self.run();
        assert!(outcome.success, "{:?}: {}", self.shell, outcome.stderr);
        assert_eq!(
            outcome.argv.first().map(String::as_str),
            Some("dockerd"),
            "{}",
            outcome.stderr
        );
        outcome.argv[1..].to_vec()
    }

    /// The line it ends with, where the script must not get that far.
    pub(super) fn refusal(&self) -> String {
        let outcome = self.run();
        assert!(
            !outcome.success,
            "{:?} succeeded: {:?}",
            self.shell, outcome.argv
        );
        assert!(
            outcome.argv.is_empty(),
            "{:?} started the daemon: {:?}",
            self.shell,
            outcome.argv
        );
        let last = outcome.stderr.lines().last().unwrap_or_default();
        last.strip_prefix("dind-injector: ")
            .unwrap_or_else(|| panic!("{}", outcome.stderr))
            .to_owned()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// `script` with its absolute paths below `root`. A path starts where no path goes on.
pub(super) fn moved(script: &str, root: &Path) -> String {
    let root = root.to_str().unwrap();
    let mut text = String::new();
    for (at, letter) in script.char_indices() {
        let goes_on =
            script[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "}_.*/".contains(c));
        if !goes_on && MOVED.iter().any(|path| script[at..].starts_with(path)) {
            text.push_str(root);
        }
        text.push(letter);
    }
    text
}

fn value<'a>(flags: &'a [String], name: &str) -> Option<&'a str> {
    flags
        .iter()
        .find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='))
}

// ---- the daemon's flags

#[test]
fn the_daemon_listens_on_the_sockets_and_takes_further_flags_last() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell)
            .sockets(&["/dind/docker.sock", "/var/run/docker.sock"])
            .env("DIND_GROUP", "2375")
            .args(&[
                "--registry-mirror=https://mirror.example",
                "--label",
                "two words $HOME *",
            ]);
        assert_eq!(
            sidecar.flags(),
            [
                "--host=unix:///var/run/docker.sock",
                "--host=unix:///dind/docker.sock",
                "--group=2375",
                "--mtu=1450",
                "--default-network-opt=bridge=com.docker.network.driver.mtu=1450",
                "--registry-mirror=https://mirror.example",
                "--label",
                "two words $HOME *",
            ],
            "{shell:?}"
        );
        assert!(sidecar.path("/dind").is_dir());
        assert!(sidecar.path("/var/run").is_dir());
    }
}

#[test]
fn the_entrypoint_takes_the_shells_place_and_reaps() {
    for shell in Shell::all() {
        let outcome = Sidecar::new(shell).run();
        assert_eq!(outcome.env["PID"], outcome.pid.to_string(), "{shell:?}");
        assert_eq!(outcome.env["TINI_SUBREAPER"], "1");
        assert_eq!(outcome.stderr, "", "{shell:?}");
    }
}

#[test]
fn nothing_in_the_environment_adds_certificates_or_another_socket() {
    for shell in Shell::all() {
        let outcome = Sidecar::new(shell)
            .env("DOCKER_HOST", "tcp://0.0.0.0:2375")
            .env("DOCKER_TLS_CERTDIR", "/certs")
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", "/certs/client")
            .env("DOCKER_MIN_API_VERSION", "1.24")
            .run();
        let docker: Vec<_> = outcome
            .env
            .keys()
            .filter(|name| name.starts_with("DOCKER_"))
            .collect();
        assert_eq!(docker, ["DOCKER_MIN_API_VERSION"], "{shell:?}");
        assert_eq!(
            outcome
                .argv
                .iter()
                .filter(|flag| flag.starts_with("--host"))
                .count(),
            1
        );
    }
}

#[test]
fn a_further_flag_cannot_add_a_listener() {
    for shell in Shell::all() {
        for flags in [
            &["--host=tcp://0.0.0.0:2375"][..],
            &["--host", "tcp://0.0.0.0:2375"],
            &["-H", "tcp://0.0.0.0:2375"],
            &["-Htcp://0.0.0.0:2375"],
            &["--debug", "-DH", "tcp://0.0.0.0:2375"],
        ] {
            let refusal = Sidecar::new(shell).args(flags).refusal();
            assert!(
                refusal.starts_with("the sockets are those of DIND_SOCKETS: remove -"),
                "{refusal}"
            );
        }
    }
}

#[test]
fn hosts_in_daemon_json_are_refused_and_other_settings_are_not() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        sidecar.file(
            "/etc/docker/daemon.json",
            "{\n  \"hosts\": [\"tcp://0.0.0.0:2375\"]\n}\n",
        );
        assert!(
            sidecar
                .refusal()
                .ends_with("remove \"hosts\" from daemon.json"),
            "{shell:?}"
        );
        sidecar.file(
            "/etc/docker/daemon.json",
            "{ \"registry-mirrors\": [\"https://hosts.example\"] }",
        );
        sidecar.flags();
    }
}

// ---- the network

#[test]
fn the_mtu_is_that_of_the_default_routes_interface() {
    const HEADER: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n";
    const LO6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                       00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
    const NET1: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                        fe800000000000000000000000000001 00000400 00000001 00000000 00000003     net1\n";
    const LOCAL: &str = "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
                         00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
    let half = "eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000080\t0\n";
    let net1 = "net1\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000\t0\n";
    let eth0 = "eth0\t00000000\t0100F40A\t0003\t0\t0\t9\t00000000\t0\n";
    // IPv4 routes, IPv6 routes where there is IPv6, the MTU.
    for (v4, v6, mtu) in [
        (format!("{half}{net1}{eth0}"), None, Some("1280")),
        (format!("{eth0}{net1}"), Some(NET1.to_owned()), Some("1450")),
        (
            String::new(),
            Some(format!("{LOCAL}{LO6}{NET1}")),
            Some("1280"),
        ),
        (half.to_owned(), Some(format!("{LOCAL}{LO6}")), None),
        (String::new(), None, None),
    ] {
        for shell in Shell::all() {
            let sidecar = Sidecar::new(shell);
            sidecar.file("/sys/class/net/net1/mtu", "1280\n");
            sidecar.file("/proc/net/route", &format!("{HEADER}{v4}"));
            if let Some(v6) = &v6 {
                sidecar.file("/proc/net/ipv6_route", v6);
            }
            let flags = sidecar.flags();
            assert_eq!(value(&flags, "--mtu"), mtu, "{shell:?}: {v4}{v6:?}");
            let networks = mtu.map(|mtu| format!("bridge=com.docker.network.driver.mtu={mtu}"));
            assert_eq!(value(&flags, "--default-network-opt"), networks.as_deref());
            assert!(
                !flags.contains(&"--ipv6".to_owned()),
                "this Docker is too old"
            );
            let said = sidecar.run().stderr;
            assert_eq!(said.contains("no default route"), mtu.is_none(), "{said}");
        }
    }
}

/// Its daemon's networks would have IPv4 alone, which leads nowhere there.
#[test]
fn containers_have_ipv6_where_their_pod_has_nothing_else() {
    const NETWORKS: &str = "--default-network-opt=bridge=com.docker.network.enable_ipv6=true";
    const SAID: &str =
        "dind-injector: this Pod has IPv6 alone, which containers get from Docker 27 on\n";
    const ROUTE6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                          fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n";
    let help = |rules: &str| {
        format!(
            "echo '      --default-network-opt mapmap   Default network options'\n\
             echo '      --ip6tables                    Enable addition of'\n\
             echo '                                     ip6tables rules ({rules})'"
        )
    };
    // Whether there is an IPv4 route too, what dockerd's help says, what else is set, whether containers get IPv6, what is
    // said.
    for (both, rules, setting, given, said) in [
        (false, "default true", None, true, ""),
        (true, "default true", None, false, ""),
        (false, "experimental", None, false, SAID),
        (false, "default true", Some("DIND_MTU"), true, ""),
        (false, "default true", Some("DIND_HOST_NETWORK"), false, ""),
        (false, "default true", Some("DIND_ROOTLESS"), false, ""),
        (false, "default true", Some("daemon.json"), false, ""),
    ] {
        for shell in Shell::all() {
            let mut sidecar = Sidecar::new(shell);
            sidecar.program("dockerd", &help(rules));
            let tables = sidecar.path("/calls.ip6tables");
            sidecar.program("ip6tables", &format!("echo \"$@\" >>{}", tables.display()));
            sidecar.file("/proc/net/ipv6_route", ROUTE6);
            if !both {
                sidecar.file("/proc/net/route", "Iface\tDestination\n");
            }
            match setting {
                Some("daemon.json") => {
                    sidecar.file("/etc/docker/daemon.json", r#"{"ipv6": false}"#)
                }
                Some("DIND_MTU") => sidecar = sidecar.env("DIND_MTU", "1400"),
                Some(name) => sidecar = sidecar.env(name, "1"),
                None => {}
            }
            if setting == Some("DIND_ROOTLESS") {
                sidecar.program("id", "echo 1000");
            }
            let outcome = sidecar.run();
            assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
            let has = |flag: &str| outcome.argv.iter().any(|it| it == flag);
            let why = format!("{shell:?}: {both} {rules} {setting:?}: {:?}", outcome.argv);
            assert_eq!((has("--ipv6"), has(NETWORKS)), (given, given), "{why}");
            assert!(
                outcome.stderr.contains(said)
                    && outcome.stderr.contains("Docker 27") != said.is_empty(),
                "{why}"
            );
            let is_old = !said.is_empty();
            assert_eq!(tables.exists(), given || is_old, "{why}");
        }
    }
}

#[test]
fn a_given_mtu_is_taken_as_it_is() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell).env("DIND_MTU", "1380");
        fs::remove_dir_all(sidecar.path("/proc/net")).unwrap();
        let flags = sidecar.flags();
        assert_eq!(value(&flags, "--mtu"), Some("1380"), "{shell:?}");
    }
}

#[test]
fn an_mtu_that_cannot_be_read_names_the_way_out() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        fs::remove_file(sidecar.path("/sys/class/net/eth0/mtu")).unwrap();
        assert_eq!(
            sidecar.refusal(),
            "cannot read the MTU of eth0: set DIND_MTU",
            "{shell:?}"
        );
    }
}

/// Its packets have the MTU of its own networks, and their size is agreed on when a connection begins.
#[test]
fn what_a_daemon_in_a_container_forwards_asks_for_no_more_than_the_pod_carries() {
    const RULE: &str =
        "-w -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n";
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        sidecar.flags();
        assert_eq!(sidecar.read("/calls.iptables"), RULE, "{shell:?}");

        let restarted = Sidecar::new(shell);
        restarted.program(
            "iptables",
            &format!(
                "echo \"$@\" >>{}",
                restarted.path("/calls.iptables").display()
            ),
        );
        restarted.flags();
        assert_eq!(
            restarted.read("/calls.iptables"),
            RULE.replace("-A", "-C"),
            "{shell:?}"
        );

        let unsupported = Sidecar::new(shell);
        unsupported.program("iptables", "exit 4");
        let outcome = unsupported.run();
        assert!(outcome.success, "{shell:?}");
        assert!(outcome.stderr.contains("--mtu"), "{}", outcome.stderr);

        let not_needed = Sidecar::new(shell);
        not_needed.file("/sys/class/net/eth0/mtu", "1500\n");
        let on_the_node = Sidecar::new(shell).env("DIND_HOST_NETWORK", "1");
        let rootless = Sidecar::new(shell).env("DIND_ROOTLESS", "1");
        rootless.program("id", "echo 1000");
        for sidecar in [not_needed, on_the_node, rootless] {
            sidecar.flags();
            assert!(!sidecar.path("/calls.iptables").exists(), "{shell:?}");
        }
    }
}

#[test]
fn a_docker_that_is_too_old_for_network_options_starts_without_and_says_so() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        sidecar.program(
            "dockerd",
            "echo '      --mtu int   Set the containers network MTU'",
        );
        let outcome = sidecar.run();
        assert_eq!(value(&outcome.argv, "--mtu"), Some("1450"), "{shell:?}");
        assert_eq!(value(&outcome.argv, "--default-network-opt"), None);
        let said = "dind-injector: networks that users create have MTU 1500, not 1450: that takes Docker 24\n";
        assert_eq!(outcome.stderr, said);
    }
}

#[test]
fn on_the_nodes_network_the_daemon_makes_no_bridge_and_no_rules() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell)
            .env("DIND_HOST_NETWORK", "1")
            .env("DIND_MTU", "1380");
        assert_eq!(
            sidecar.flags(),
            [
                "--host=unix:///dind/docker.sock",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ],
            "{shell:?}"
        );
    }
}

// ---- the Pod's cgroup

#[test]
fn containers_get_a_cgroup_in_the_pods_with_the_sidecars_limits() {
    // The sidecar's own cgroup, and the Pod's.
    for (own, pod) in [
        (SCOPE.to_owned(), SLICE.to_owned()),
        (format!("{SCOPE}/container"), SLICE.to_owned()),
        (
            "/kubepods/burstable/pod79227834-afc5-4f67-bf05-594a0d4d36bb/0f1e2d3c".to_owned(),
            "/kubepods/burstable/pod79227834-afc5-4f67-bf05-594a0d4d36bb".to_owned(),
        ),
        (
            "/kubepods/pod79227834-afc5-4f67-bf05-594a0d4d36bb/0f1e2d3c".to_owned(),
            "/kubepods/pod79227834-afc5-4f67-bf05-594a0d4d36bb".to_owned(),
        ),
        // kind in Docker and in Podman.
        (
            "/system.slice/docker-9a.scope/kubelet.slice/kubelet-kubepods.slice/\
             kubelet-kubepods-pod79227834_afc5_4f67_bf05_594a0d4d36bb.slice/cri-containerd-0f.scope"
                .to_owned(),
            "/system.slice/docker-9a.scope/kubelet.slice/kubelet-kubepods.slice/\
             kubelet-kubepods-pod79227834_afc5_4f67_bf05_594a0d4d36bb.slice"
                .to_owned(),
        ),
        (
            "/machine.slice/libpod-aabbccdd.scope/container/kubelet/kubepods/besteffort/\
             pod79227834-afc5-4f67-bf05-594a0d4d36bb/0f1e2d3c"
                .to_owned(),
            "/machine.slice/libpod-aabbccdd.scope/container/kubelet/kubepods/besteffort/\
             pod79227834-afc5-4f67-bf05-594a0d4d36bb"
                .to_owned(),
        ),
        // A cluster in a Pod of a cluster: the inner Pod.
        (
            format!("{SCOPE}/kubelet/kubepods/podaabbccdd-afc5-4f67-bf05-594a0d4d36bb/0f1e2d3c"),
            format!("{SCOPE}/kubelet/kubepods/podaabbccdd-afc5-4f67-bf05-594a0d4d36bb"),
        ),
    ] {
        for shell in Shell::all() {
            let sidecar = Sidecar::at_cgroup(shell, &own).env("DIND_CGROUP", "required");
            // CRI-O and crun start the process one level below the container's cgroup.
            let container = format!("/sys/fs/cgroup{}", own.trim_end_matches("/container"));
            for (limit, text) in [
                ("memory.max", "536870912\n"),
                ("memory.swap.max", "0\n"),
                ("cpu.max", "50000 100000\n"),
                ("cpu.weight", "20\n"),
                ("cpuset.cpus", "2-3\n"),
                ("cpuset.mems", "0\n"),
                ("pids.max", "max\n"),
            ] {
                sidecar.file(&format!("{container}/{limit}"), text);
            }
            let flags = sidecar.flags();
            let parent = format!("{pod}/docker");
            assert_eq!(
                value(&flags, "--cgroup-parent"),
                Some(parent.as_str()),
                "{shell:?}"
            );
            assert_eq!(
                value(&flags, "--exec-opt"),
                Some("native.cgroupdriver=cgroupfs")
            );
            let parent = format!("/sys/fs/cgroup{parent}");
            assert_eq!(sidecar.read(&format!("{parent}/memory.max")), "536870912\n");
            assert_eq!(sidecar.read(&format!("{parent}/memory.swap.max")), "0\n");
            assert_eq!(sidecar.read(&format!("{parent}/cpu.max")), "50000 100000\n");
            assert_eq!(sidecar.read(&format!("{parent}/cpu.weight")), "20\n");
            assert_eq!(sidecar.read(&format!("{parent}/cpuset.cpus")), "2-3\n");
            assert_eq!(sidecar.read(&format!("{parent}/cpuset.mems")), "0\n");
            assert_eq!(sidecar.read(&format!("{parent}/pids.max")), "max\n");
        }
    }
}

/// As seen on CRI-O 1.34 with crun 1.21 under systemd, whose scope has the sum of memory and swap.
#[test]
fn a_limit_that_crun_sets_below_the_containers_cgroup_comes_first() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, &format!("{SCOPE}/container"));
        let scope = format!("/sys/fs/cgroup{SCOPE}");
        sidecar.file(&format!("{scope}/memory.swap.max"), "402653184\n");
        sidecar.file(&format!("{scope}/container/memory.swap.max"), "0\n");
        sidecar.file(&format!("{scope}/cpu.max"), "50000 100000\n");
        sidecar.file(&format!("{scope}/container/cpu.max"), "max 100000\n");
        sidecar.flags();
        let parent = format!("/sys/fs/cgroup{SLICE}/docker");
        assert_eq!(
            sidecar.read(&format!("{parent}/memory.swap.max")),
            "0\n",
            "{shell:?}"
        );
        assert_eq!(
            sidecar.read(&format!("{parent}/cpu.max")),
            "50000 100000\n",
            "{shell:?}"
        );
    }
}

#[test]
fn a_restart_takes_over_the_cgroup_with_the_limits_of_now_and_ends_what_ran_there() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, SCOPE);
        let own = format!("/sys/fs/cgroup{SCOPE}/memory.max");
        let parent = format!("/sys/fs/cgroup{SLICE}/docker");
        sidecar.file(&own, "1048576\n");
        let first = sidecar.flags();
        assert_eq!(sidecar.read(&format!("{parent}/memory.max")), "1048576\n");

        sidecar.file(&own, "2097152\n");
        sidecar.file(&format!("{parent}/cgroup.kill"), "");
        sidecar.file("/run/docker/containerd/containerd.pid", "31");
        let socket = sidecar.path("/dind/docker.sock");
        drop(UnixListener::bind(&socket).unwrap());
        assert_eq!(sidecar.flags(), first, "{shell:?}");
        assert_eq!(sidecar.read(&format!("{parent}/memory.max")), "2097152\n");
        assert_eq!(sidecar.read(&format!("{parent}/cgroup.kill")), "1\n");
        assert!(
            !sidecar
                .path("/run/docker/containerd/containerd.pid")
                .exists()
        );
    }
}

#[test]
fn the_image_is_kept_from_the_nodes_root_cgroup_and_from_another_namespace() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, SCOPE);
        let outcome = sidecar.run();
        assert_eq!(outcome.env.get("UNSHARE"), None, "{shell:?}");
        assert_eq!(outcome.env["container"], "docker");
        assert_eq!(
            outcome.stderr,
            format!("dind-injector: containers run in {SLICE}/docker\n")
        );
        let dind = fs::metadata(sidecar.path("/usr/local/bin/dind")).unwrap();
        assert_eq!(dind.permissions().mode() & 0o111, 0);
        let mounts = sidecar
            .read("/calls.mount")
            .replace(sidecar.root.to_str().unwrap(), "");
        assert_eq!(
            mounts,
            "-t securityfs none /sys/kernel/security\n--make-rshared /\n"
        );
    }
}

/// Found by `check --run` on cgroup v1, and on v2 by limits of the Pod as a whole (`19-limits-of-the-pod`): the kubelet has
/// a burstable container's processes killed first, and dockerd has what it runs spared.
#[test]
fn the_kernel_ends_what_the_daemon_runs_before_the_daemon_and_the_pods_others() {
    for shell in Shell::all() {
        let v1 = Sidecar::at_cgroup(shell, SCOPE);
        fs::remove_file(v1.path("/sys/fs/cgroup/cgroup.controllers")).unwrap();
        let namespace = Sidecar::new(shell);
        for sidecar in [v1, namespace, Sidecar::at_cgroup(shell, SCOPE)] {
            let outcome = sidecar.run();
            assert!(outcome.success, "{}", outcome.stderr);
            let config = told_to_runc(shell, &sidecar, &outcome, &CREATE);
            let expected = CONFIG.replace(r#""oomScoreAdj":935"#, r#""oomScoreAdj":1000"#);
            assert_eq!(config, expected, "{shell:?}");
        }
    }
}

#[test]
fn where_containers_are_in_the_pod_already_the_image_does_its_own_work() {
    for shell in Shell::all() {
        let namespace = Sidecar::new(shell);
        let v1 = Sidecar::at_cgroup(shell, SCOPE);
        fs::remove_file(v1.path("/sys/fs/cgroup/cgroup.controllers")).unwrap();
        let off = Sidecar::at_cgroup(shell, SCOPE).env("DIND_CGROUP", "off");
        for sidecar in [
            namespace.env("DIND_CGROUP", "required"),
            v1.env("DIND_CGROUP", "required"),
            off,
        ] {
            let outcome = sidecar.run();
            assert!(outcome.success, "{}", outcome.stderr);
            assert_eq!(value(&outcome.argv, "--cgroup-parent"), None, "{shell:?}");
            assert_eq!(outcome.env["UNSHARE"], "works");
            let dind = fs::metadata(sidecar.path("/usr/local/bin/dind")).unwrap();
            assert_eq!(dind.permissions().mode() & 0o111, 0o111);
            assert!(!sidecar.path("/calls.mount").exists());
        }
    }
}

#[test]
fn what_cannot_be_contained_is_said_and_refused_where_that_is_required() {
    for shell in Shell::all() {
        let no_pod = Sidecar::at_cgroup(shell, "/system.slice/kubepods/podman-agent.scope");
        let said = "no Pod in the cgroup path /system.slice/kubepods/podman-agent.scope";
        uncontained(no_pod, said);

        // The Pod's cgroup cannot be written: here because it is a file, for a container that is
        // not privileged because the mount is read-only.
        let read_only = Sidecar::new(shell);
        read_only.file("/proc/self/cgroup", &format!("0::{SCOPE}\n"));
        read_only.file(&format!("/sys/fs/cgroup{SLICE}"), "");
        uncontained(
            read_only,
            &format!("cannot make /sys/fs/cgroup{SLICE}/docker"),
        );
    }
}

fn uncontained(sidecar: Sidecar, said: &str) {
    let outcome = sidecar.run();
    assert!(outcome.success, "{}", outcome.stderr);
    assert_eq!(value(&outcome.argv, "--cgroup-parent"), None);
    let line = format!("dind-injector: {said}: containers may not be held to this Pod's limits\n");
    assert_eq!(outcome.stderr, line);
    let sidecar = sidecar.env("DIND_CGROUP", "required");
    assert_eq!(sidecar.refusal(), said);
    assert_eq!(sidecar.env("DIND_CGROUP", "together").refusal(), said);
}

#[test]
fn a_limit_that_cannot_be_set_is_said_and_refused_where_that_is_required() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, SCOPE);
        sidecar.file(&format!("/sys/fs/cgroup{SCOPE}/memory.max"), "1048576\n");
        // As where the controller is not on: nothing can be written at the name.
        fs::create_dir_all(sidecar.path(&format!("/sys/fs/cgroup{SLICE}/docker/memory.max")))
            .unwrap();
        let outcome = sidecar.run();
        assert!(
            value(&outcome.argv, "--cgroup-parent").is_some(),
            "{shell:?}"
        );
        let said = "dind-injector: cannot set memory.max: containers may not be held to this Pod's limits\n";
        assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
        assert_eq!(
            sidecar.env("DIND_CGROUP", "required").refusal(),
            "cannot set memory.max"
        );
    }
}

#[test]
fn an_unknown_containment_is_refused() {
    for shell in Shell::all() {
        let refusal = Sidecar::new(shell).env("DIND_CGROUP", "on").refusal();
        assert_eq!(refusal, "unknown DIND_CGROUP: on", "{shell:?}");
    }
}

// ---- the rootless image

#[test]
fn rootless_has_no_group_and_no_cgroup_and_tells_rootlesskit_the_mtu() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, SCOPE)
            .env("DIND_ROOTLESS", "1")
            .env("DIND_GROUP", "2375")
            .sockets(&["/dind/docker.sock", "/var/run/docker.sock"]);
        sidecar.program("id", "echo 1000");
        let outcome = sidecar.run();
        assert_eq!(
            outcome.argv,
            [
                "dockerd",
                "--host=unix:///var/run/docker.sock",
                "--host=unix:///dind/docker.sock",
                "--mtu=1450",
                "--default-network-opt=bridge=com.docker.network.driver.mtu=1450",
            ],
            "{shell:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.env["DOCKERD_ROOTLESS_ROOTLESSKIT_MTU"], "1450");
        assert!(
            !sidecar
                .path(&format!("/sys/fs/cgroup{SLICE}/docker"))
                .exists()
        );
    }
}

#[test]
fn rootless_refuses_a_shared_socket_that_rootlesskit_would_hide() {
    for shell in Shell::all() {
        for hidden in ["/run/dind/docker.sock", "/var/run/docker.sock"] {
            let sidecar = Sidecar::new(shell)
                .env("DIND_ROOTLESS", "1")
                .sockets(&[hidden]);
            sidecar.program("id", "echo 1000");
            assert_eq!(
                sidecar.refusal(),
                format!("rootlesskit hides what is below /run: {hidden}")
            );
        }
    }
}

#[test]
fn the_user_must_be_the_one_that_the_profile_says() {
    for shell in Shell::all() {
        let refusal = Sidecar::new(shell).env("DIND_ROOTLESS", "1").refusal();
        assert!(
            refusal.starts_with("DIND_ROOTLESS=1, and the user is root"),
            "{refusal}"
        );
        let sidecar = Sidecar::new(shell);
        sidecar.program("id", "echo 1000");
        assert!(
            sidecar.refusal().starts_with("the user is not root"),
            "{shell:?}"
        );
    }
}

// ---- files

#[test]
fn an_empty_directory_that_the_kubelet_made_is_removed_and_another_is_not() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell)
            .sockets(&["/dind/docker.sock"])
            .env("DIND_CLIENT", "")
            .args(&["--debug"]);
        fs::create_dir_all(sidecar.path("/dind/docker.sock")).unwrap();
        sidecar.flags();
        assert!(!sidecar.path("/dind/docker.sock").exists(), "{shell:?}");

        sidecar.file("/dind/docker.sock/data", "");
        assert_eq!(
            sidecar.refusal(),
            "a directory is in the way: /dind/docker.sock",
            "{shell:?}"
        );
        assert!(sidecar.path("/dind/docker.sock/data").exists());
    }
}

#[test]
fn a_socket_path_is_no_pattern() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell).sockets(&["/dind/*;$HOME.sock"]);
        sidecar.file("/dind/other;$HOME.sock", "");
        let flags = sidecar.flags();
        assert_eq!(flags[0], "--host=unix:///dind/*;$HOME.sock", "{shell:?}");
    }
}

#[test]
fn a_failed_step_never_goes_on_to_the_daemon() {
    for shell in Shell::all() {
        let sidecar = Sidecar::at_cgroup(shell, SCOPE);
        fs::remove_dir_all(sidecar.path("/run")).unwrap();
        sidecar.file("/run", "a file where the script needs a directory");
        let outcome = sidecar.run();
        assert!(!outcome.success && outcome.argv.is_empty(), "{shell:?}");
    }
}

#[test]
fn the_client_is_put_in_place_whole_and_executable() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        let client = sidecar.path("/dind/bin/docker");
        let sidecar = sidecar.env("DIND_CLIENT", client.to_str().unwrap());
        fs::create_dir_all(&client).unwrap();
        sidecar.flags();
        assert_eq!(
            sidecar.read("/dind/bin/docker"),
            sidecar.read("/tools/docker"),
            "{shell:?}"
        );
        assert_eq!(
            fs::metadata(&client).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(fs::read_dir(client.parent().unwrap()).unwrap().count(), 1);

        // Whoever runs the file of before keeps it: a restart puts a new file in its place.
        let before = fs::File::open(&client).unwrap();
        sidecar.program("docker", "echo newer");
        sidecar.flags();
        assert!(sidecar.read("/dind/bin/docker").contains("newer"));
        assert!(std::io::read_to_string(before).unwrap().contains("client"));
    }
}

#[test]
fn a_client_that_cannot_be_written_ends_it() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        let client = sidecar.path("/dind/docker");
        fs::create_dir_all(sidecar.path("/dind/docker.new")).unwrap();
        sidecar.file("/dind/docker.new/docker/x", "");
        let sidecar = sidecar.env("DIND_CLIENT", client.to_str().unwrap());
        assert_eq!(sidecar.refusal(), "cannot write /dind/docker", "{shell:?}");
    }
}

#[test]
fn what_the_image_lacks_is_named() {
    for shell in Shell::all() {
        for tool in ["dockerd", "dockerd-entrypoint.sh", "docker"] {
            let sidecar = Sidecar::new(shell).without(tool);
            let client = sidecar.path("/dind/docker");
            let refusal = sidecar
                .env("DIND_CLIENT", client.to_str().unwrap())
                .refusal();
            let expected = format!("no {tool} in this image: use docker:dind or one built on it");
            assert_eq!(refusal, expected, "{shell:?}");
        }
        // Nobody asked for the client, so its absence is no fault.
        Sidecar::new(shell).without("docker").flags();

        let sidecar = Sidecar::at_cgroup(shell, SCOPE).without("mount");
        assert_eq!(
            sidecar.refusal(),
            "cannot make / a shared mount",
            "{shell:?}"
        );
        assert_eq!(
            Sidecar::new(shell).env("DIND_SOCKETS", "").refusal(),
            "DIND_SOCKETS is not set"
        );
    }
}

// ---- what is there later

#[test]
fn a_link_leads_to_what_is_made_later() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        let at = |path: &str| sidecar.path(path).display().to_string();
        let (file, to) = (at("/cfg/deep/a file"), at("/dind-volumes/0/a file"));
        let (empty, full) = (at("/empty"), at("/full"));
        fs::create_dir_all(&empty).unwrap();
        sidecar.file("/full/x", "");
        fs::create_dir_all(sidecar.path("/dind-volumes/0")).unwrap();
        let sidecar = sidecar
            .env("DIND_LINK_0", &file)
            .env("DIND_LINK_0_TO", &to)
            .env("DIND_LINK_1", &empty)
            .env("DIND_LINK_1_TO", &to)
            .env("DIND_LINK_2", &full)
            .env("DIND_LINK_2_TO", &to)
            .env("DIND_LINK_3", "/nowhere")
            .env("DIND_LINK_3_TO", "/dind-volumes/0/a/../../..");
        let outcome = sidecar.run();
        assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
        assert!(
            fs::metadata(&file).is_err(),
            "{shell:?}: it is not made yet"
        );
        sidecar.file("/dind-volumes/0/a file", "later");
        assert_eq!(fs::read_to_string(&file).unwrap(), "later", "{shell:?}");
        assert_eq!(fs::read_link(&empty).unwrap(), Path::new(&to));
        assert!(Path::new(&full).join("x").exists(), "{shell:?}");
        for said in ["no link at /full: it is there", "no link at /nowhere"] {
            assert!(
                outcome.stderr.contains(said),
                "{shell:?}: {}",
                outcome.stderr
            );
        }
        // A container that is started anew finds its links as they are.
        sidecar.flags();
        assert_eq!(fs::read_to_string(&file).unwrap(), "later", "{shell:?}");
    }
}

#[test]
fn a_volume_is_bound_in_another_before_a_container_is_made() {
    for shell in Shell::all() {
        let sidecar = Sidecar::new(shell);
        let at = |path: &str| sidecar.path(path).display().to_string();
        let (place, forged, to) = (at("/work/cache"), at("/work/forged"), at("/dind-volumes/1"));
        for directory in ["/work", "/dind-volumes/1", "/elsewhere"] {
            fs::create_dir_all(sidecar.path(directory)).unwrap();
        }
        symlink(sidecar.path("/elsewhere"), &forged).unwrap();
        let sidecar = sidecar
            .env("DIND_BIND_0", &place)
            .env("DIND_BIND_0_TO", &to)
            .env("DIND_BIND_1", &forged)
            .env("DIND_BIND_1_TO", &to);
        let outcome = sidecar.run();
        assert!(outcome.success, "{shell:?}: {}", outcome.stderr);
        let path = &outcome.env["PATH"];
        let runs = |argument: &str| {
            let first = path.split(':').next().unwrap();
            let wrapper = fs::read_to_string(Path::new(first).join("runc")).unwrap();
            let mount = format!(
                "mount() {{ {} \"$@\"; }}\n",
                sidecar.path("/tools/mount").display()
            );
            let mut command = shell.command();
            command.args(["-c", &(mount + &wrapper), "runc", argument]);
            let status = command.env_clear().env("PATH", path).status().unwrap();
            assert!(status.success(), "{shell:?}");
        };
        let mounted = || fs::read_to_string(sidecar.path("/calls.mount")).unwrap_or_default();
        runs("create");
        assert_eq!(mounted(), "", "{shell:?}: there is no place yet");
        fs::create_dir(&place).unwrap();
        runs("create");
        let once = format!(
            "--rbind {to_at} {place}\n",
            to_at = mounted_from(&sidecar, 1)
        );
        assert_eq!(mounted(), once);
        // As a mount is: the same directory at both places.
        fs::remove_dir(&place).unwrap();
        symlink(&to, &place).unwrap();
        runs("start");
        assert_eq!(mounted(), once, "{shell:?}: it is bound");
        // Wiped away by a container, with the mount on it, and made again.
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        runs("create");
        assert_eq!(mounted(), once.repeat(2), "{shell:?}: it is bound no more");
        assert_eq!(
            sidecar.read("/calls.runc"),
            "create\ncreate\nstart\ncreate\n",
            "{shell:?}"
        );
    }
}

/// What the wrapper calls the source of the bind with this number.
fn mounted_from(sidecar: &Sidecar, number: usize) -> String {
    let late = sidecar.path("/run/dind-injector/late");
    late.join(format!("{}.to", 10000 + number))
        .display()
        .to_string()
}

// ---- the text

/// Kubernetes expands `$(NAME)` and `$$` in a container's command.
#[test]
fn kubernetes_finds_nothing_to_expand() {
    assert!(!SCRIPT.contains("$$"));
    for reference in SCRIPT.split("$(").skip(1) {
        let name = reference.split(')').next().unwrap();
        let letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        assert!(
            !name.chars().all(letter),
            "Kubernetes could take $({name}) for a variable"
        );
    }
}

/// Anything else, and `kubectl get pod -o yaml` shows one long quoted line.
#[test]
fn the_text_stays_readable_in_a_pods_yaml() {
    assert!(SCRIPT.starts_with("#!/bin/sh\n"));
    stays_readable(SCRIPT, 9 * 1024 + 512);
}

/// Holds a script that is in every Pod to plain lines, and to `most` bytes.
pub fn stays_readable(script: &str, most: usize) {
    assert!(script.ends_with('\n') && !script.ends_with("\n\n"));
    for line in script.lines() {
        let is_plain = line.chars().all(|c| (' '..='~').contains(&c));
        assert!(is_plain, "not plain ASCII: {line}");
        assert_eq!(line.trim_end(), line, "a space at the end of: {line}");
        assert!(line.len() <= 125, "too long: {line}");
    }
    // The kubelet would make one dollar of two.
    assert!(!script.contains("$$"));
    let len = script.len();
    assert!(len <= most, "{len} bytes in every Pod are too many");
}

/// What these tests run is the script itself, but for where its paths start.
#[test]
fn every_path_of_the_script_is_moved_below_the_made_up_root() {
    let code: String = SCRIPT
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| format!("{}\n", line.split(" # ").next().unwrap()))
        .collect();
    let text = moved(&code, Path::new("/ROOT"));
    assert_eq!(text.replace("/ROOT", ""), code);
    for path in [
        "/proc/", "/sys/", "/etc/", "/run/", "/var/", "/usr/", "/lib", "/home", "/tmp", "/dind",
    ] {
        for (at, _) in text.match_indices(path) {
            let before = &text[..at];
            let inside =
                before.ends_with(|c: char| c.is_ascii_alphanumeric() || "}_.*/".contains(c));
            assert!(inside, "not moved: {}", text[at..].lines().next().unwrap());
        }
    }
    assert!(
        text.contains("/ROOT/proc/self/cgroup") && text.contains("cgroups=/ROOT/sys/fs/cgroup")
    );
}
