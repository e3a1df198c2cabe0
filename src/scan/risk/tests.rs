#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::BTreeSet;

use crate::scan::finding::{How, Verdict};

use crate::scan::risk::*;

/// One container that reaches the node's daemon: its image, its shell script, more of its Pod.
struct Case {
    image: &'static str,
    script: &'static str,
    maker: &'static str,
    mounts: &'static str,
    volumes: &'static str,
    env: &'static str,
}

const PLAIN: Case = Case {
    image: "registry.example/tool:1",
    script: "true",
    maker: "Deployment",
    mounts: "[]",
    volumes: "[]",
    env: "[]",
};

fn script(script: &'static str) -> Case {
    Case { script, ..PLAIN }
}

fn image(image: &'static str) -> Case {
    Case { image, ..PLAIN }
}

fn holding(case: &Case) -> Vec<&'static str> {
    let script = serde_json::to_string(case.script).unwrap();
    let pod = format!(
        r#"{{"spec":{{"volumes":{},"containers":[{{"name":"c","image":"{}",
            "command":["sh","-c",{script}],"env":{},"volumeMounts":{}}}]}}}}"#,
        case.volumes, case.image, case.env, case.mounts
    );
    let pod: Pod<'_> = crate::json::from_str(&pod).unwrap();
    let finding = Finding {
        container: Some("c".to_owned()),
        how: How::Socket,
        target: "/var/run/docker.sock".to_owned(),
        mount_path: None,
        pointer: String::new(),
        spot: None,
        verdict: Verdict::Swapped,
        manual_work: None,
    };
    let risks = of(&pod, case.maker, &[finding], "");
    risks.into_iter().map(|risk| risk.rule.id).collect()
}

/// For each rule, what it sees and what it leaves.
fn cases() -> Vec<(&'static str, Vec<Case>, Vec<Case>)> {
    let env = |env| Case { env, ..PLAIN };
    vec![
        (
            "pod-collector",
            vec![env(
                r#"[{"name":"ARGO_CONTAINER_RUNTIME_EXECUTOR","value":"docker"}]"#,
            )],
            vec![env(
                r#"[{"name":"ARGO_CONTAINER_RUNTIME_EXECUTOR","value":"emissary"}]"#,
            )],
        ),
        (
            "node-as-host",
            vec![env(
                r#"[{"name":"TESTCONTAINERS_HOST_OVERRIDE","valueFrom":{"fieldRef":{"fieldPath":"status.hostIP"}}}]"#,
            )],
            vec![env(
                r#"[{"name":"TESTCONTAINERS_HOST_OVERRIDE","value":"localhost"}]"#,
            )],
        ),
        (
            "socket-relay",
            vec![
                script("socat TCP-LISTEN:2375,fork UNIX-CONNECT:/var/run/docker.sock"),
                image("alpine/socat"),
            ],
            vec![script("echo socatlike")],
        ),
        (
            "node-observer",
            vec![
                image("gcr.io/cadvisor/cadvisor:v0.49"),
                image("datadog/agent:7"),
                image("grafana/promtail@sha256:00"),
            ],
            vec![image("docker:28"), image("example/myfluentdtest:1")],
        ),
        (
            "node-manager",
            vec![
                image("portainer/portainer-ce"),
                image("containrrr/watchtower:1.7.1"),
                image("traefik:v3"),
            ],
            vec![image("nginx:1")],
        ),
        (
            "node-auditor",
            vec![
                image("docker/docker-bench-security"),
                image("aquasec/kube-bench:0.8"),
            ],
            vec![image("docker:28")],
        ),
        (
            "image-cleaner",
            vec![
                image("spotify/docker-gc"),
                image("example/docker-cleanup:2"),
            ],
            vec![image("docker:28")],
        ),
        (
            "ci-runner",
            vec![
                image("jenkins/inbound-agent"),
                image("ghcr.io/actions/actions-runner:2"),
                image("gitlab/gitlab-runner:v17"),
            ],
            vec![image("docker:28")],
        ),
        (
            "node-cleanup",
            vec![
                script("docker system prune -af"),
                script("docker rmi $(docker images -q)"),
            ],
            vec![script(
                "docker build -t x . && docker push x && docker rmi x",
            )],
        ),
        (
            "other-containers",
            vec![
                script("docker ps"),
                script("docker exec web nginx -s reload"),
            ],
            vec![script("docker run -d --name web x; docker logs web")],
        ),
        (
            "swarm",
            vec![
                script("docker service update web"),
                script("docker stack deploy -c a.yml x"),
            ],
            vec![script("docker compose up")],
        ),
        (
            "node-image-cache",
            vec![
                script("docker build -t web:dev ."),
                script("docker load -i image.tar"),
            ],
            vec![
                script("docker build -t r/web . && docker push r/web"),
                script("docker buildx build --push -t r/web ."),
                script("docker run x"),
            ],
        ),
        (
            "published-port",
            vec![
                script("docker run -p 8080:80 web"),
                script("docker run -P web"),
                script("docker run --publish=1:1 web"),
            ],
            vec![script("docker run --pull always web")],
        ),
        (
            "host-namespace",
            vec![
                script("docker run --network host x"),
                script("docker run --pid=host x"),
            ],
            vec![script("docker run --network ci x")],
        ),
        (
            "own-container",
            vec![
                script("docker run --volumes-from $HOSTNAME x"),
                script("docker run --volumes-from=$ID:ro x"),
                script("docker create --network container:$ID x"),
            ],
            vec![
                script("docker run --name data x; docker run --volumes-from data x"),
                script("docker run --network ci x"),
            ],
        ),
        (
            "another-daemon",
            vec![script("dockerd & docker ps")],
            vec![image("docker:dind")],
        ),
        (
            "node-path",
            vec![
                script("docker run -v /data:/data x"),
                script("docker run --mount type=bind,source=/data,target=/d x"),
            ],
            vec![
                script("docker run -v $PWD:/src x"),
                script("docker run -v /var/run/docker.sock:/var/run/docker.sock x"),
                script("docker run -v cache:/cache x"),
                Case {
                    mounts: r#"[{"name":"w","mountPath":"/work"}]"#,
                    ..script("docker run -v /work/src:/src x")
                },
            ],
        ),
        (
            "outlives-pod",
            vec![
                script("docker run -d redis"),
                script("docker run --restart=always redis"),
                script("docker compose up -d"),
            ],
            vec![
                script("docker run redis"),
                script("docker run -d --name r redis && ./test && docker rm -f r"),
                script("docker compose up -d && ./test; docker compose down"),
            ],
        ),
        (
            "named-volume",
            vec![
                script("docker volume create m2"),
                script("docker run -v m2:/root/.m2 maven"),
            ],
            vec![script("docker run -v /root/.m2:/root/.m2 maven")],
        ),
        (
            "local-registry",
            vec![
                script("docker push localhost:5000/web"),
                Case {
                    env: r#"[{"name":"REGISTRY","value":"localhost:5000"}]"#,
                    ..script("docker push $REGISTRY/web")
                },
            ],
            vec![
                script("docker push registry:5000/web"),
                Case {
                    env: r#"[{"name":"DATABASE","value":"localhost:5432"}]"#,
                    ..script("docker push r/web")
                },
            ],
        ),
        (
            "gpu",
            vec![script("docker run --gpus all x")],
            vec![script("docker run --group-add 1 x")],
        ),
        (
            "node-docker-files",
            vec![Case {
                mounts: r#"[{"name":"v","mountPath":"/c"}]"#,
                volumes: r#"[{"name":"v","hostPath":{"path":"/var/lib/docker/containers"}}]"#,
                ..PLAIN
            }],
            vec![Case {
                mounts: r#"[{"name":"v","mountPath":"/c"}]"#,
                volumes: r#"[{"name":"v","hostPath":{"path":"/var/log"}}]"#,
                ..PLAIN
            }],
        ),
        (
            "cold-cache",
            vec![Case {
                maker: "Job",
                ..script("docker pull x")
            }],
            vec![
                script("docker pull x"),
                Case {
                    maker: "Job",
                    ..PLAIN
                },
            ],
        ),
    ]
}

#[test]
fn each_rule_sees_what_it_is_for_and_leaves_what_only_looks_alike() {
    for (rule, seen, left) in cases() {
        for case in seen {
            let risks = holding(&case);
            assert!(
                risks.contains(&rule),
                "{rule}: {} {}: {risks:?}",
                case.image,
                case.script
            );
        }
        for case in left {
            let risks = holding(&case);
            assert!(
                !risks.contains(&rule),
                "{rule}: {} {}: {risks:?}",
                case.image,
                case.script
            );
        }
    }
}

#[test]
fn every_rule_has_cases_and_words_for_people() {
    let tried: BTreeSet<_> = cases().into_iter().map(|(rule, ..)| rule).collect();
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, all);
    for rule in RULES {
        assert!(
            !rule.title.ends_with('.') && rule.title.len() < 80,
            "{}",
            rule.id
        );
        assert!(rule.help.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn a_container_that_reaches_nothing_gives_no_hint() {
    let pod = r#"{"spec":{"containers":[{"name":"c","image":"traefik"}]}}"#;
    let pod: Pod<'_> = crate::json::from_str(pod).unwrap();
    assert!(of(&pod, "Deployment", &[], "docker ps").is_empty());
}
