//! What must hold for every Pod, over Pods that nobody would write: generated from parts
//! that are each chosen to be awkward, and judged by models that do not call the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use dind_injector::admission::reviewer::{NoNamespaces, review};
use dind_injector::engine::{self, Action};
use dind_injector::pod::view::Pod;
use dind_injector::policy::Policy;
use dind_injector::policy::decide::Scope;
use dind_injector::policy::reason::Reason;
use dind_injector::policy::rule::TcpAction;
use dind_injector::policy::subject::{Requester, Subject};
use dind_injector::sidecar::container::{START_SCRIPT, SidecarMode};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};
use support::api_server::{self, Request};
use support::model::{self, Shows};
use support::rfc6902;

/// Enough for every pair of awkward parts to meet; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(400),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_patch_applies_and_a_second_pass_is_a_no_op((policy, pod) in (policies(), pods())) {
        if let (Verdict::Changed(after), _) = pass(&policy, &pod) {
            let (second, _) = pass(&policy, &after);
            prop_assert!(matches!(second, Verdict::Left(_)), "{second:?} over\n{after:#}");
        }
    }

    #[test]
    fn no_socket_of_the_node_is_in_reach((policy, pod) in (policies(), pods())) {
        let (verdict, warnings) = pass(&policy, &pod);
        let after = match verdict {
            Verdict::Denied(_) => return Ok(()),
            Verdict::Left(Reason::OptedOut | Reason::MirrorPod | Reason::WindowsPod) => return Ok(()),
            Verdict::Left(_) => pod.clone(),
            Verdict::Changed(after) => after,
        };
        let is_agent = ["hostNetwork", "hostPID", "hostIPC"].iter().any(|f| pod["spec"][f] == true);
        for (container, path, shows) in model::ways_to_the_node(&after) {
            let expected = match shows {
                Shows::Socket => false,
                Shows::Directory => is_agent,
                Shows::Ancestor => true,
            };
            prop_assert!(expected, "{container}: {path} {shows:?} in\n{after:#}");
            prop_assert!(!warnings.is_empty(), "{container}: {path} {shows:?} in silence");
        }
    }

    #[test]
    fn containers_that_need_nothing_are_unchanged((policy, pod) in (policies(), pods())) {
        let (Verdict::Changed(after), _) = pass(&policy, &pod) else { return Ok(()) };
        for list in model::LISTS {
            let before: Vec<_> = model::list(&pod["spec"], list).collect();
            let others: Vec<_> = model::list(&after["spec"], list).filter(|c| !is_sidecar(c)).collect();
            prop_assert_eq!(before.len(), others.len());
            for (before, after) in before.iter().zip(others) {
                if needs_nothing(&pod, before) {
                    prop_assert_eq!(*before, after);
                }
            }
        }
    }

    #[test]
    fn nothing_else_of_the_pod_is_touched((policy, pod) in (policies(), pods())) {
        let (Verdict::Changed(mut after), _) = pass(&policy, &pod) else { return Ok(()) };
        let mut before = pod;
        for field in ["initContainers", "containers", "ephemeralContainers", "volumes"] {
            before["spec"].as_object_mut().unwrap().shift_remove(field);
            after["spec"].as_object_mut().unwrap().shift_remove(field);
        }
        for pod in [&mut before, &mut after] {
            if let Some(security) = pod["spec"]["securityContext"].as_object_mut() {
                security.shift_remove("supplementalGroups");
            }
            let spec = pod["spec"].as_object_mut().unwrap();
            spec.retain(|_, value| !value.is_null() && *value != json!({}));
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn what_a_client_mounts_its_daemon_sees_or_a_warning_names((policy, pod) in (policies(), pods())) {
        let (Verdict::Changed(after), warnings) = pass(&policy, &pod) else { return Ok(()) };
        let Some(sidecar) = model::containers(&after).find(|c| is_sidecar(c)) else { return Ok(()) };
        let own: Vec<_> = model::list(sidecar, "volumeMounts").take(1).map(model::name).collect();
        // A mount of a volume that the Pod does not have, by the name that ours gets: no valid Pod.
        let borrowed = |mount: &Value| own.contains(&model::name(mount));
        if model::containers(&pod).any(|c| model::list(c, "volumeMounts").any(borrowed)) {
            let known = model::list(&pod["spec"], "volumes").any(|v| own.contains(&model::name(v)));
            prop_assume!(known);
        }
        let place = |mount: &Value| {
            let path = mount["mountPath"].as_str().unwrap_or_default();
            let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let parts = parts.strip_prefix(&["var"]).filter(|rest| rest.first() == Some(&"run")).unwrap_or(&parts);
            (model::name(mount).to_owned(), parts.join("/"))
        };
        let seen: Vec<_> = model::list(sidecar, "volumeMounts").map(place).collect();
        let is_client = |c: &&Value| !is_sidecar(c) && model::list(c, "volumeMounts").any(|m| {
            own.contains(&model::name(m)) && m["subPath"].as_str() != Some("bin/docker")
        });
        for container in model::containers(&after).filter(is_client) {
            for mount in model::list(container, "volumeMounts") {
                let path = mount["mountPath"].as_str().unwrap_or_default();
                if path.is_empty() || path.contains("..") || own.contains(&model::name(mount)) {
                    continue;
                }
                let told = warnings.iter().any(|warning| warning.contains("is not visible"));
                prop_assert!(told || seen.contains(&place(mount)), "{mount} in\n{after:#}");
            }
        }
    }

    #[test]
    fn the_sidecars_mounts_are_of_volumes_and_at_one_path_each((policy, pod) in (policies(), pods())) {
        let (Verdict::Changed(after), _) = pass(&policy, &pod) else { return Ok(()) };
        let known: Vec<_> = model::list(&after["spec"], "volumes").map(model::name).collect();
        for sidecar in model::containers(&after).filter(|c| is_sidecar(c)) {
            let mut at: Vec<String> = Vec::new();
            for mount in model::list(sidecar, "volumeMounts") {
                let is_mirrored_from_nowhere = !known.contains(&model::name(mount));
                if is_mirrored_from_nowhere {
                    let same = |m: &Value| model::name(m) == model::name(mount);
                    let theirs = model::containers(&pod).any(|c| model::list(c, "volumeMounts").any(same));
                    prop_assert!(theirs, "a mount of no volume: {mount}");
                }
                let path = mount["mountPath"].as_str().unwrap();
                let path = path.split('/').filter(|p| !matches!(*p, "" | ".")).collect::<Vec<_>>().join("/");
                prop_assert!(!at.contains(&path), "twice at {path}");
                at.push(path);
            }
            for stands_on in ["usr/local/bin", "etc/docker", "var/lib/docker", "run/docker.sock", "proc"] {
                let covered = |path: &&String| {
                    path.is_empty() || stands_on == **path || stands_on.starts_with(&format!("{path}/"))
                };
                let own = at.iter().filter(covered).count();
                let expected = usize::from(stands_on == "var/lib/docker" && !is_rootless(sidecar));
                prop_assert_eq!(own, expected, "{} is covered: {:?}", stands_on, at);
            }
        }
    }

    #[test]
    fn no_annotation_gets_more_than_the_maximum(
        key in select(vec!["cpu", "memory", "storage"]),
        value in prop_oneof![
            "[0-9]{1,18}(\\.[0-9]{0,18})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]{1,2})?",
            "[+-]?[0-9]{0,3}\\.?[0-9]{0,3}[a-zA-Z]{0,2}(/[0-9]{0,3}(Mi|Gi|m)?)?",
            "\\PC{0,12}",
            select(vec!["0", "0Gi", "0.0", ".0", "0e9", "0/0", "1/0", "9223372036854775807", "9Ei",
                "340282366920938463.463374607431768212T", "340282366920938463.999999999999999999e12"])
                .prop_map(str::to_owned),
        ],
    ) {
        let annotation = format!("dind-injector.io/{key}");
        let pod = json!({"metadata": {"annotations": {"dind-injector.io/inject": "true", annotation: value}},
            "spec": {"containers": [{"name": "c", "image": "docker:28-cli"}]}});
        let (Verdict::Changed(after), _) = pass(&Policy::offline(), &pod) else { return Ok(()) };
        let sidecar = model::containers(&after).find(|c| is_sidecar(c)).unwrap();
        let storage = model::list(&after["spec"], "volumes").find(|v| model::name(v) == "dind-storage").unwrap();
        let (amount, maximum) = match key {
            "cpu" => (&sidecar["resources"]["limits"]["cpu"], 16.0),
            "memory" => (&sidecar["resources"]["limits"]["memory"], 64.0 * 1024f64.powi(3)),
            _ => (&storage["emptyDir"]["sizeLimit"], 500.0 * 1024f64.powi(3)),
        };
        let amount = as_number(amount.as_str().unwrap());
        // Kubernetes reads a limit of zero as none.
        prop_assert!(amount > 0.0 && amount <= maximum * 1.000_001, "{value:?} is {amount}");
    }

    #[test]
    fn arbitrary_bytes_are_never_a_denial(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        is_no_denial(&bytes)?;
    }

    #[test]
    fn a_damaged_review_is_never_a_denial(
        cut in any::<Index>(),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        truncate in any::<bool>(),
    ) {
        let pod = json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "c", "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}]}],
            "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]}});
        let mut bytes = api_server::review("u", &pod, Request::Create).to_string().into_bytes();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        is_no_denial(&bytes)?;
    }

    #[test]
    fn any_json_in_place_of_a_pod_is_never_a_denial(object in any_json()) {
        let body = api_server::review("u", &object, Request::Create).to_string();
        is_no_denial(body.as_bytes())?;
    }

    #[test]
    fn an_answer_says_what_a_pass_says(pod in pods()) {
        let body = api_server::review("u", &pod, Request::Create).to_string();
        let policy = Policy::offline();
        let reviewed = review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
        let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        let response = &answer["response"];
        let (verdict, warnings) = pass(&policy, &pod);
        prop_assert_eq!(response["allowed"] == false, matches!(verdict, Verdict::Denied(_)));
        prop_assert_eq!(response["patch"].is_string(), matches!(verdict, Verdict::Changed(_)));
        let told: Vec<_> = model::list(response, "warnings").map(|w| w.as_str().unwrap().to_owned()).collect();
        prop_assert!(told.iter().all(|w| w.chars().count() < 120), "{told:?}");
        prop_assert_eq!(told, warnings);
    }
}

/// What became of a Pod.
#[derive(Debug)]
enum Verdict {
    Left(Reason),
    Denied(#[allow(dead_code, reason = "shown by Debug")] String),
    Changed(Value),
}

/// One pass; a patch is applied by the strict reading and by the crate, with equal results.
fn pass(policy: &Policy, pod: &Value) -> (Verdict, Vec<String>) {
    let json = pod.to_string();
    let view: Pod<'_> = serde_json::from_str(&json).unwrap();
    let subject = Subject::new(&view, "ci", None, Requester::default(), None);
    let outcome = engine::pass(policy, &subject, &view, Scope::Creation).unwrap();
    let warnings = outcome.notices.iter().map(ToString::to_string).collect();
    let verdict = match outcome.action {
        Action::Left(reason) => Verdict::Left(reason),
        Action::Denied(denial) => Verdict::Denied(denial.to_string()),
        Action::Changed(change) => {
            let patch: Value = serde_json::from_slice(change.patch.as_bytes()).unwrap();
            let strict = rfc6902::apply(pod, &patch).unwrap_or_else(|e| panic!("{e}\n{pod:#}"));
            let mut by_crate = pod.clone();
            let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
            json_patch::patch(&mut by_crate, &patch).unwrap();
            assert_eq!(strict, by_crate);
            Verdict::Changed(strict)
        }
    };
    (verdict, warnings)
}

fn is_no_denial(body: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(reviewed) = review(&Policy::offline(), &NoNamespaces, body) {
        let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        prop_assert_eq!(&answer["response"]["allowed"], &json!(true), "{}", answer);
    }
    Ok(())
}

fn is_sidecar(container: &Value) -> bool {
    model::list(container, "command").any(|word| word == START_SCRIPT)
}

fn is_rootless(sidecar: &Value) -> bool {
    model::list(sidecar, "env").any(|var| model::name(var) == "DIND_ROOTLESS")
}

/// Whether nothing in `container` has to do with Docker, by a generous guess.
fn needs_nothing(pod: &Value, container: &Value) -> bool {
    let asks = pod["metadata"]["annotations"].as_object().is_some_and(|a| {
        a.contains_key("dind-injector.io/inject") || a.contains_key("ax_ea_docker_enable")
    });
    let of_node = |mount: &Value| {
        let mut volumes = model::list(&pod["spec"], "volumes");
        volumes.any(|v| model::name(v) == model::name(mount) && v["hostPath"].is_object())
    };
    !asks
        && !model::list(container, "volumeMounts").any(of_node)
        && !model::list(container, "env").any(|var| model::name(var) == "DOCKER_HOST")
}

/// A quantity as a number, by a reading of its own.
fn as_number(text: &str) -> f64 {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !"+.".contains(c))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let scale = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024f64,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent[1..].parse().unwrap()),
    };
    number.parse::<f64>().unwrap() * scale
}

// Generators.

fn policies() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>()).prop_map(|(replace, container_mode)| {
        let mut policy = Policy::offline();
        if replace {
            policy.otherwise.tcp_docker_host = TcpAction::Replace;
        }
        if container_mode {
            policy.sidecar_mode = SidecarMode::Container;
        }
        policy
    })
}

const VOLUMES: [&str; 10] = [
    "a",
    "b",
    "sock",
    "run",
    "dind-socket",
    "dind-socket-2",
    "dind-storage",
    "dind-tmp",
    "",
    "z~/\"",
];
const SOCKETS: [&str; 3] = ["/var/run/docker.sock", "/run/docker.sock", "/var/run"];
const NODE_PATHS: [&str; 30] = [
    "/proc/1/cwd/run/docker.sock",
    "/proc/1/task/1/root/run",
    "/var/run/docker.sock",
    "/run/docker.sock",
    "//var//run/docker.sock/",
    "/var/run/./docker.sock",
    "/var/run",
    "/run/",
    "/var",
    "/",
    "",
    "/var/run/docker",
    "/run/docker.sock.bak",
    "/data",
    "/dind",
    "/usr/bin/docker",
    "/usr/local/bin/docker",
    "/usr/local/bin",
    "/proc/1/root",
    "/proc",
    "/proc/1/root/run",
    "/run/containerd/containerd.sock",
    "/var/lib/docker",
    "/tmp",
    "/var/lib",
    "run/docker.sock",
    "/var/run/..",
    "/run/docker.sock/x",
    "/srv/a~b",
    "/proc/self/root/var",
];
const MOUNT_PATHS: [&str; 26] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/docker.sock",
    "/var/run",
    "/run",
    "/",
    "",
    "/dind",
    "/dind/x",
    "/dind-2",
    "/tmp",
    "/tmp/x",
    "/work",
    "/work/",
    "//work",
    "work",
    "/var/lib/docker",
    "/usr/local/bin",
    "/etc/docker/daemon.json",
    "/etc",
    "/data",
    "/proc",
    "/dev/shm",
    "/var",
    "/a/../b",
    "/x~1y\"\\\u{e9}",
];
const SUB_PATHS: [&str; 12] = [
    "",
    "docker.sock",
    "run/docker.sock",
    "var/run/docker.sock",
    "run",
    "docker",
    ".",
    "./docker.sock",
    "x",
    "1/root/run/docker.sock",
    "docker.sock/",
    "$(A)",
];
const EXPRESSIONS: [&str; 10] = [
    "",
    "$(A)",
    "$(A).sock",
    "$(A)$(B)",
    "x/$(B)",
    "$$(A)",
    "$(MISSING)",
    "docker.sock",
    "$",
    "$(B)/docker.sock",
];
const VALUES: [&str; 12] = [
    "",
    "docker",
    "docker.sock",
    "$(A)",
    "$(A)$(A)",
    "tcp://$(B):2375",
    "unix:///var/run/docker.sock",
    "tcp://dind:2375",
    "$(",
    "$$",
    "run",
    "/dind/docker.sock",
];

fn one_of(list: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    select(list)
}

/// The field is missing, null, or there.
fn maybe(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 8 => value.prop_map(Some)].boxed()
}

fn text(list: &'static [&'static str]) -> impl Strategy<Value = Value> {
    one_of(list).prop_map(|text| json!(text))
}

fn list_of(
    item: impl Strategy<Value = Value> + 'static,
    most: usize,
) -> BoxedStrategy<Option<Value>> {
    maybe(prop::collection::vec(item, 0..=most).prop_map(Value::Array))
}

fn object(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let there = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

fn sources() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        5 => (prop_oneof![1 => one_of(&SOCKETS), 2 => one_of(&NODE_PATHS)], maybe(text(&["", "Socket", "File", "Directory"])))
            .prop_map(|(path, kind)| ("hostPath", object(vec![("path", Some(json!(path))), ("type", kind)]))),
        2 => Just(("emptyDir", json!({}))),
        1 => Just(("emptyDir", Value::Null)),
        1 => Just(("configMap", json!({"name": "files"}))),
        1 => Just(("persistentVolumeClaim", json!({"claimName": "data"}))),
    ]
}

fn volumes() -> BoxedStrategy<Option<Value>> {
    let names = subsequence(VOLUMES.to_vec(), 2..=8).prop_shuffle();
    let volumes = (names, prop::collection::vec(sources(), 8)).prop_map(|(names, sources)| {
        let volumes = names.into_iter().zip(sources);
        volumes
            .map(|(name, (kind, source))| {
                object(vec![
                    ("name", named(name, kind == "hostPath")),
                    (kind, Some(source)),
                ])
            })
            .collect()
    });
    maybe(volumes)
}

/// A name; an empty one may be missing just as well.
fn named(name: &str, missing: bool) -> Option<Value> {
    (!(name.is_empty() && missing)).then(|| json!(name))
}

fn mounts() -> impl Strategy<Value = Value> {
    (
        one_of(&VOLUMES),
        one_of(&MOUNT_PATHS),
        prop_oneof![3 => Just(None), 2 => maybe(text(&SUB_PATHS))],
        prop_oneof![5 => Just(None), 1 => maybe(text(&EXPRESSIONS))],
        maybe(any::<bool>().prop_map(|b| json!(b))),
        maybe(text(&["None", "HostToContainer", "Bidirectional"])),
    )
        .prop_map(
            |(name, path, sub_path, expression, read_only, propagation)| {
                object(vec![
                    ("name", named(name, read_only.is_some())),
                    ("mountPath", Some(json!(path))),
                    ("subPath", sub_path),
                    ("subPathExpr", expression),
                    ("readOnly", read_only),
                    ("mountPropagation", propagation),
                ])
            },
        )
}

fn variables() -> impl Strategy<Value = Value> {
    let name = one_of(&[
        "A",
        "B",
        "C",
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "PATH",
        "HTTP_PROXY",
    ]);
    let source = one_of(&["metadata.name", "status.hostIP", "spec.nodeName"])
        .prop_map(|path| json!({"fieldRef": {"fieldPath": path}}));
    let value = prop_oneof![
        3 => one_of(&VALUES).prop_map(|value| (Some(json!(value)), None)),
        1 => source.prop_map(|source| (None, Some(source))),
        1 => Just((None, None)),
        1 => Just((Some(Value::Null), Some(Value::Null))),
    ];
    (name, value).prop_map(|(name, (value, from))| {
        object(vec![
            ("name", Some(json!(name))),
            ("value", value),
            ("valueFrom", from),
        ])
    })
}

fn ids() -> BoxedStrategy<Option<Value>> {
    maybe(select(vec![0, 7, 1000]).prop_map(|id| json!(id)))
}

fn containers() -> impl Strategy<Value = Value> {
    (
        one_of(&["build", "test", "dind", "dind-2", "", "x/y~z"]),
        one_of(&["docker:28-cli", "docker:dind", "nginx"]),
        maybe(select(vec![
            json!([]),
            json!(["cat"]),
            json!(["sh", "-c", "dockerd & sleep 1"]),
        ])),
        list_of(variables(), 4),
        list_of(mounts(), 5),
        (ids(), ids(), maybe(text(&["Always"]))),
    )
        .prop_map(
            |(name, image, command, env, mounts, (user, group, restart))| {
                object(vec![
                    ("name", Some(json!(name))),
                    ("image", Some(json!(image))),
                    ("command", command),
                    ("env", env),
                    ("volumeMounts", mounts),
                    (
                        "securityContext",
                        Some(object(vec![("runAsUser", user), ("runAsGroup", group)])),
                    ),
                    ("restartPolicy", restart),
                ])
            },
        )
}

fn annotations() -> impl Strategy<Value = Value> {
    let annotation = |key: &'static str, in_a_hundred: u32, values: &'static [&'static str]| {
        let there = one_of(values).prop_map(move |value| Some((key, value)));
        prop_oneof![100 - in_a_hundred => Just(None), in_a_hundred => there].boxed()
    };
    let pairs = [
        annotation("dind-injector.io/inject", 30, &["true"]),
        annotation("dind-injector.io/inject", 2, &["false", "yes"]),
        annotation(
            "dind-injector.io/containers",
            10,
            &["build", "build,test", "", "dind , build"],
        ),
        annotation(
            "dind-injector.io/profile",
            30,
            &["privileged", "rootless", "rootless"],
        ),
        annotation("dind-injector.io/profile", 1, &["other"]),
        annotation("dind-injector.io/memory", 10, &["1Gi", "1Mi/2Mi"]),
        annotation("dind-injector.io/memory", 1, &["nonsense"]),
        annotation("kubernetes.io/config.mirror", 2, &["x"]),
        annotation("other.example/x", 30, &["y"]),
    ];
    pairs.prop_map(|pairs| {
        let pairs = pairs.into_iter().flatten();
        pairs
            .map(|(key, value)| (key.to_owned(), json!(value)))
            .collect()
    })
}

fn flags() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![30 => Just(None), 1 => Just(Some(Value::Null)), 1 => Just(Some(json!(true)))]
}

fn pods() -> impl Strategy<Value = Value> {
    let security = (
        ids(),
        ids(),
        ids(),
        list_of(select(vec![json!(5), json!(998)]), 2),
        any::<bool>(),
    )
        .prop_map(|(user, group, fs, more, empty)| {
            object(if empty {
                vec![]
            } else {
                vec![
                    ("runAsUser", user),
                    ("runAsGroup", group),
                    ("fsGroup", fs),
                    ("supplementalGroups", more),
                ]
            })
        });
    let metadata = maybe(
        (maybe(annotations()), maybe(Just(json!({"app": "x"})))).prop_map(
            |(annotations, labels)| object(vec![("annotations", annotations), ("labels", labels)]),
        ),
    );
    (
        metadata,
        list_of(containers(), 3),
        list_of(containers(), 3),
        prop_oneof![4 => Just(None), 1 => list_of(containers(), 1)],
        volumes(),
        maybe(security),
        (
            flags(),
            flags(),
            flags(),
            maybe(text(&["Always", "Never"])),
            maybe(select(vec![0, 1, 30, i64::MIN, i64::MAX]).prop_map(|n| json!(n))),
        ),
    )
        .prop_map(
            |(metadata, init, main, ephemeral, volumes, security, flags)| {
                let (network, pid, ipc, restart, grace) = flags;
                let spec = object(vec![
                    ("initContainers", init),
                    ("containers", main),
                    ("ephemeralContainers", ephemeral),
                    ("volumes", volumes),
                    ("securityContext", security),
                    ("hostNetwork", network),
                    ("hostPID", pid),
                    ("hostIPC", ipc),
                    ("restartPolicy", restart),
                    ("terminationGracePeriodSeconds", grace),
                ]);
                object(vec![("metadata", metadata), ("spec", Some(spec))])
            },
        )
}

/// Any JSON, with the names of a Pod's fields for keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        one_of(&NODE_PATHS).prop_map(|text| json!(text)),
        "\\PC{0,6}".prop_map(|text| json!(text)),
    ];
    let keys = one_of(&[
        "metadata",
        "spec",
        "containers",
        "initContainers",
        "volumes",
        "volumeMounts",
        "name",
        "env",
        "hostPath",
        "path",
        "mountPath",
        "subPath",
        "securityContext",
        "resources",
        "limits",
        "value",
        "valueFrom",
        "labels",
    ])
    .boxed();
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((keys.clone(), inner), 0..5).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}
