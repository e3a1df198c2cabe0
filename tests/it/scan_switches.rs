//! Switches of tools that mount the node's socket without its name.

use crate::scan_command::Dir;

#[test]
fn a_switch_that_mounts_the_nodes_socket_is_told() {
    for (name, text, line) in [
        (
            "devcontainer.json",
            "{\n  // No YAML.\n  \"features\": {\n    \"ghcr.io/devcontainers/features/docker-outside-of-docker:1\": {}\n  }\n}\n",
            4,
        ),
        (
            "feature.json",
            "{\"features\": {\"ghcr.io/devcontainers/features/docker-outside-of-docker:1\": {}}}\n",
            1,
        ),
        (
            "azure-pipelines.yml",
            "resources:\n  containers:\n  - container: c\n    mapDockerSocket: true\n",
            4,
        ),
        (
            "pipeline.yml",
            "steps:\n- plugins:\n  - docker#v5.0.0:\n      mount-docker-socket: true\n",
            4,
        ),
    ] {
        let ended = Dir::new().with(name, text).scan(&[name]);
        assert_eq!(ended.status, 2, "{text}{}", ended.out);
        assert!(
            ended.out.contains(&format!("line {line} names"))
                || ended
                    .out
                    .contains(&format!("{name}:{line}: turns on a switch")),
            "{text}{}",
            ended.out
        );
        let off = text.replace("true", "false").replace("outside-of", "in");
        let ended = Dir::new().with(name, &off).scan(&[name]);
        assert_eq!(ended.status, 0, "{off}{}", ended.out);
    }
}
