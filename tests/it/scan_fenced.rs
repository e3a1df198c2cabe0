//! Pods in blocks of texts that are none: Markdown, programs.

use crate::scan_command::Dir;

#[test]
fn a_pod_in_a_block_ends_with_it() {
    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: md}\nspec:\n  containers: [{name: a, image: a, \
                       volumeMounts: [{name: s, mountPath: /s}]}]\n  volumes: [{name: s, hostPath: {path: \
                       /var/run/docker.sock}}]\n";
    for (name, text, status) in [
        (
            "README.md",
            format!("# Use\n```yaml\n{POD}```\nand\n```sh\ndocker run -v /data:/data x\n```\n"),
            1,
        ),
        (
            "README.md",
            format!(
                "# Use\n```yaml\n{POD}```\nand\n```sh\ndocker run -v /run/docker.sock:/x x\n```\n"
            ),
            2,
        ),
        (
            "Tiltfile.star",
            format!("docker_compose('a')\nk8s_yaml(blob(\"\"\"\n{POD}\"\"\"))\n"),
            1,
        ),
        ("job.py", format!("POD = \"\"\"\n{POD}\"\"\"\n"), 1),
    ] {
        let ended = Dir::new().with(name, &text).scan(&[name]);
        assert_eq!(ended.status, status, "{text}{}", ended.out);
        assert!(!ended.out.contains("not valid YAML"), "{text}{}", ended.out);
        assert!(ended.out.contains("default/Pod/md"), "{text}{}", ended.out);
    }
}
