//! Directories of a node that are bound into a container, and have a runtime's socket or its data somewhere below:
//! `-v /:/host`, `source: /var/lib/docker`. They are short, and so stand for other things too: only as all of a volume
//! do they count, and only those that a container is given for the whole node's sake. Pure.

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
        let (before, path) = source.split_at(source.trim_end_matches(is_part).len());
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
                let from = at + word.len();
                let value = text[from..].trim_start_matches([' ', '=', ':', '"', '\'']);
                let is_given = text[from..].len() > value.len() && !text[..at].ends_with(is_part);
                // What goes on is another word, and may be as long as the text.
                if !is_given || !value.starts_with('/') {
                    continue;
                }
                let path = &value[..value.find(|c| !is_part(c)).unwrap_or(value.len())];
                let rest = &value[path.len()..];
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
        let rest = &text[at + WORD.len()..];
        let value = rest.trim_start_matches([' ', '=', ':', '"', '\'']);
        if value.len() == rest.len() || !value.starts_with('/') {
            return false;
        }
        let path = &value[..value.find(|c| !is_part(c)).unwrap_or(value.len())];
        leads(path) || is_above(path)
    });
    found.collect()
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._-".contains(c)
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
    let (mut from, mut to) = (at.saturating_sub(NEAR), text.len().min(at + NEAR));
    while !text.is_char_boundary(from) {
        from += 1;
    }
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    text[from..to].contains("bind")
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
