//! Directories of a node that are bound into a container, and have a runtime's socket or its data somewhere below:
//! `-v /:/host`, `source: /var/lib/docker`. They are short, and so stand for other things too: only as all of a volume
//! do they count, and only those that a container is given for the whole node's sake. Pure.

use crate::scan::chars::is_path_char;
use crate::text::{beginning, ending};

/// Bytes around a source in which its type is looked for.
const NEAR: usize = 120;

/// What stands before the path of the node where it is written alone.
const SOURCES: [&str; 3] = ["source", "src", "device"];

/// The directories, without a slash at their end. Others that have one below (`/run/user/1000`, `/var/lib`) are bound
/// for other ends as often as not.
const DIRECTORIES: [&str; 6] = [
    "",
    "/proc",
    "/proc/1",
    "/proc/1/root",
    "/var",
    "/var/lib/docker",
];

/// Every place of `text` at which one is bound.
pub(super) fn all(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text.as_bytes(), ":/") {
        // `"/":"/host"` of a shell.
        let source = text[..at].strip_suffix(['"', '\'']).unwrap_or(&text[..at]);
        let (before, path) = source.split_at(source.trim_end_matches(is_path_char).len());
        let (before, path) = match path.strip_prefix("-v") {
            Some(path) => ("-v ", path),
            None => (before, path),
        };
        let target = &text[at + 2..];
        let is_target =
            target.starts_with(|c: char| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if is_target && is_volume(before) && is_above(path) {
            found.push(at - path.len().min(at));
        }
    }
    if text.contains("bind") {
        for word in SOURCES {
            for at in memchr::memmem::find_iter(text.as_bytes(), word) {
                let given = value_behind(&text[at + word.len()..]);
                let given = given.filter(|_| !text[..at].ends_with(is_path_char));
                let Some((path, rest)) = given else {
                    continue;
                };
                let is_ended =
                    rest.is_empty() || rest.starts_with(['\n', '\r', ',', '"', '\'', '}', ' ']);
                if is_ended && is_above(path) && is_bind(text, at) {
                    found.push(at);
                }
            }
        }
    }
    found
}

/// Every place of `text` at which a task of ECS has a directory of its host that `leads` to a runtime:
/// `"host": {"sourcePath": "/run"}`.
pub(super) fn of_tasks(text: &str, leads: impl Fn(&str) -> bool) -> Vec<usize> {
    const WORD: &str = "ourcePath";
    let found = memchr::memmem::find_iter(text.as_bytes(), WORD).filter(|at| {
        let given = value_behind(&text[at + WORD.len()..]);
        given.is_some_and(|(path, _)| leads(path) || is_above(path))
    });
    found.collect()
}

/// The path that the word before `rest` is given, and what stands behind it.
fn value_behind(rest: &str) -> Option<(&str, &str)> {
    let value = rest.trim_start_matches([' ', '=', ':', '"', '\'']);
    // What goes on is another word, and may be as long as the text.
    if value.len() == rest.len() || !value.starts_with('/') {
        return None;
    }
    Some(value.split_at(value.find(|c| !is_path_char(c)).unwrap_or(value.len())))
}

fn is_above(path: &str) -> bool {
    path.starts_with('/') && DIRECTORIES.contains(&path.trim_end_matches('/'))
}

/// Whether a volume begins behind this: behind its flag, or as an item of a list.
fn is_volume(before: &str) -> bool {
    let is_flag = |text: &str| {
        ["-v", "--volume", "-v=", "--volume="]
            .iter()
            .any(|flag| text.ends_with(flag))
    };
    let open = before.trim_end_matches(['"', '\'', '\\']);
    let is_quoted = open.len() < before.len();
    let bare = open.trim_end_matches([' ', '\t', '\n', ',', '"', '\'']);
    if is_flag(bare) {
        return true;
    }
    let item = open
        .strip_suffix("- ")
        .map(|head| head.trim_end_matches([' ', '\t']));
    let is_item = item.is_some_and(|head| head.is_empty() || head.ends_with('\n'));
    is_item || is_quoted && open.trim_end_matches([' ', '\n']).ends_with(['[', ','])
}

/// Whether what is around a source says that it is bound.
fn is_bind(text: &str, at: usize) -> bool {
    let around = [ending(&text[..at], NEAR), beginning(&text[at..], NEAR)];
    around.iter().any(|part| part.contains("bind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_above_a_runtime_is_bound_as_a_volume_only() {
        for text in [
            "volumes: [\"/:/rootfs:ro\"]",
            "volumes:\n  - /:/rootfs",
            "volumes:\n  - \"/var/lib/docker/:/d:ro\"",
            "- {type: bind, source: /, target: /rootfs}",
            "- type: bind\n  source: /proc\n  target: /p",
            "docker run --mount type=bind,source=/,target=/host x",
            "docker run -v /:/host x",
            "docker run -v/:/host x",
            "docker run --volume=/var:/host x",
            "docker run -v \"/\":/host x",
            "[\"docker\", \"run\", \"-v\", \"/:/host\"]",
        ] {
            assert_eq!(all(text).len(), 1, "{text}");
        }
        for text in [
            "sed 's/ /:/g'; docker ps",
            "PATH=/:/usr/bin docker ps",
            "docker run -v $PWD/:/app x",
            "docker run -v ./:/app x",
            "docker run -v /data/var:/app x",
            "volumes: [\"./:/app\", \"data:/var\"]",
            "http://x/:/y",
            "source /var; bind x",
            "bind 0.0.0.0; src: /data",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
    }
}
