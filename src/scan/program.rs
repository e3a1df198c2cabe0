//! Programs on `PATH` that make of a folder what its files alone do not say: helm, kustomize, kubectl.

use std::io;
use std::path::Path;
use std::process::Command;

/// What a program prints; `None` if it is not on `PATH`.
///
/// # Errors
/// What it says if it fails, in a line; comments (`#`) are none.
pub fn printed(command: &mut Command) -> Result<Option<String>, String> {
    match command.output() {
        Ok(output) if output.status.success() => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(reason(&said).unwrap_or_else(|| "it failed".to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Why a program failed, in a line of what it said. kubectl writes it behind the head of a log line, or in the lines
/// below that; kustomize has the text that it could not use between the two parts of the reason.
fn reason(said: &str) -> Option<String> {
    let mut lines = said.lines().filter(|line| !line.starts_with('#'));
    let plain = |line: &str| {
        let said = match is_log(line) {
            true => line.split_once("err=").map_or(line, |(_, said)| said),
            false => line,
        };
        let said = said.trim().trim_matches(['"', '<', '>']);
        (!said.is_empty()).then(|| said.to_owned())
    };
    let first = lines.find_map(plain)?;
    let Some(head) = first.strip_suffix('`') else {
        return Some(first);
    };
    let rest = lines.find_map(|line| line.trim().strip_prefix('`'));
    Some(rest.map_or_else(|| first.clone(), |rest| format!("{head}…{rest}")))
}

/// Whether a line has the head that Kubernetes' programs give to a log: `E1130 15:50:27.240784   28753 run.go:72] `.
fn is_log(line: &str) -> bool {
    let mut chars = line.chars();
    let is_level = chars.next().is_some_and(|c| "IWEF".contains(c));
    is_level && chars.by_ref().take(4).all(|c| c.is_ascii_digit()) && line.contains("] ")
}

/// A folder as an argument, and for people; the working directory is `.`.
pub fn folder_name(folder: &Path) -> String {
    match folder.to_string_lossy() {
        name if name.is_empty() => ".".to_owned(),
        name => name.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_by_its_reason() {
        for (said, expected) in [
            (
                "# Warning: old\nError: no such file\n",
                "Error: no such file",
            ),
            (
                "E1130 15:50:27.240784   28753 run.go:72] \"command failed\" err=\"no such file\"\n",
                "no such file",
            ),
            (
                "E1130 15:50:27.240784   28753 run.go:72] \"command failed\" err=<\n\ttrouble with config: `\n\tname: \
                 x\n\t`: must specify --enable-helm\n >\n",
                "trouble with config: …: must specify --enable-helm",
            ),
        ] {
            assert_eq!(reason(said).as_deref(), Some(expected), "{said}");
        }
        assert_eq!(reason(""), None);
    }
}
