//! What must hold for every Pod, over Pods that nobody would write: generated from parts
//! that are each chosen to be awkward, and judged by models that do not call the code.

use crate::support::api_server::{self, Request};
use crate::support::invariants::{self, Passed, Statement, Verdict, is_sidecar};
use crate::support::model;
use crate::support::parts::*;
use dind_injector::decide::Policy;
use dind_injector::decide::rule::TcpAction;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::model::sidecar_mode::SidecarMode;
use dind_injector::review::pod::review;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

/// Enough for every pair of awkward parts to meet; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(400),
        failure_persistence: None,
        ..default
    }
}

/// Found by chance: the model took the first of two variables of one name, and the kubelet takes the last.
#[test]
fn of_two_variables_of_one_name_the_last_one_counts() {
    for (last, shown) in [("$(A)$(A)", 0), ("docker.sock", 1)] {
        let mount = json!({"name": "s", "mountPath": "/x", "subPathExpr": "$(A)"});
        let env = json!([{"name": "A", "value": "docker.sock"}, {"name": "A", "value": last}]);
        let pod = json!({"spec": {
            "volumes": [{"name": "s", "hostPath": {"path": "/var/run"}}],
            "containers": [{"name": "c", "image": "x", "env": env, "volumeMounts": [mount]}],
        }});
        assert_eq!(model::ways_to_the_node(&pod).len(), shown, "{last}");
        let policy = Policy::offline();
        held(&policy, &pod, invariants::no_socket_of_the_node_is_in_reach).unwrap();
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_patch_applies_and_a_second_pass_is_a_no_op((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::a_second_pass_is_a_no_op)?;
    }

    #[test]
    fn no_socket_of_the_node_is_in_reach((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::no_socket_of_the_node_is_in_reach)?;
    }

    #[test]
    fn no_link_of_its_own_is_in_silence((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::no_link_of_its_own_is_in_silence)?;
    }

    #[test]
    fn containers_that_need_nothing_are_unchanged((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::containers_that_need_nothing_are_unchanged)?;
    }

    #[test]
    fn nothing_else_of_the_pod_is_touched((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::nothing_else_of_the_pod_is_touched)?;
    }

    #[test]
    fn what_a_client_mounts_its_daemon_sees_or_a_warning_names((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::what_a_client_mounts_its_daemon_sees)?;
    }

    #[test]
    fn a_sidecar_that_starts_first_makes_nothing_for_others((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::a_sidecar_that_starts_first_makes_nothing_for_others)?;
    }

    #[test]
    fn the_sidecars_mounts_are_of_volumes_and_at_one_path_each((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::the_sidecars_mounts_are_sound)?;
    }

    #[test]
    fn a_daemon_that_is_not_root_on_the_node_gets_none_of_its_paths((policy, pod) in (policies(), pods())) {
        held(&policy, &pod, invariants::in_a_user_namespace_nothing_of_the_node_is_mounted)?;
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
        let Verdict::Changed(after) = pass(&Policy::offline(), &pod).verdict else { return Ok(()) };
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
        let answers = invariants::is_an_answer(&policy, body.as_bytes(), &reviewed);
        answers.map_err(TestCaseError::fail)?;
        let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        let response = &answer["response"];
        let Passed { verdict, warnings } = pass(&policy, &pod);
        prop_assert_eq!(response["allowed"] == false, matches!(verdict, Verdict::Denied(_)));
        prop_assert_eq!(response["patch"].is_string(), matches!(verdict, Verdict::Changed(_)));
        let told: Vec<_> = model::list(response, "warnings").map(|w| api_server::spoken(w.as_str().unwrap())).collect();
        prop_assert!(told.iter().all(|w| w.chars().count() < 120), "{told:?}");
        prop_assert_eq!(told, warnings);
    }
}

/// A statement about one pass, as proptest takes it.
fn held(policy: &Policy, pod: &Value, holds: Statement) -> Result<(), TestCaseError> {
    holds(policy, pod, &pass(policy, pod)).map_err(TestCaseError::fail)
}

/// One pass; what is wrong with its patch fails the test.
fn pass(policy: &Policy, pod: &Value) -> Passed {
    invariants::pass(policy, pod).unwrap()
}

fn is_no_denial(body: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(reviewed) = review(&Policy::offline(), &NoNamespaces, body) {
        let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        prop_assert_eq!(&answer["response"]["allowed"], &json!(true), "{}", answer);
    }
    Ok(())
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
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    flags.prop_map(|(replace, container_mode, userns)| {
        let mut policy = Policy::offline();
        if userns {
            policy.otherwise.profiles = invariants::not_root_first();
        }
        if replace {
            policy.otherwise.tcp_docker_host = TcpAction::Replace;
        }
        if container_mode {
            policy.sidecar_mode = SidecarMode::Container;
        }
        policy
    })
}

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
    let name = one_of(&VARIABLES);
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
            prop_oneof![6 => Just(None), 1 => maybe(any::<bool>().prop_map(|users| json!(users)))],
            maybe(text(&["Always", "Never"])),
            maybe(select(vec![0, 1, 30, i64::MIN, i64::MAX]).prop_map(|n| json!(n))),
        ),
    )
        .prop_map(
            |(metadata, init, main, ephemeral, volumes, security, flags)| {
                let (network, pid, ipc, users, restart, grace) = flags;
                let spec = object(vec![
                    ("initContainers", init),
                    ("containers", main),
                    ("ephemeralContainers", ephemeral),
                    ("volumes", volumes),
                    ("securityContext", security),
                    ("hostNetwork", network),
                    ("hostPID", pid),
                    ("hostIPC", ipc),
                    ("hostUsers", users),
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
