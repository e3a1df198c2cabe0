//! The binary as people meet it beside its commands: a kubectl plugin, completions, man pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BINARY: &str = env!("CARGO_BIN_EXE_dind-injector");

/// A folder of this test's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plugin-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(output: &Output) -> String {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    stdout + &String::from_utf8(output.stderr.clone()).unwrap()
}

fn run(binary: impl AsRef<Path>, args: &[&str]) -> String {
    let output = Command::new(binary.as_ref()).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output));
    text(&output)
}

/// The names of the commands, from the help.
fn commands() -> Vec<String> {
    let help = run(BINARY, &["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let named = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.lines().filter(named);
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    let names: Vec<_> = names.filter(|name| name != "help").collect();
    assert!(names.len() > 8, "{help}");
    names
}

fn plugin(folder: &Folder) -> PathBuf {
    let plugin = folder.0.join("kubectl-dind");
    fs::hard_link(BINARY, &plugin)
        .or_else(|_| fs::copy(BINARY, &plugin).map(|_| ()))
        .unwrap();
    plugin
}

#[test]
fn as_a_plugin_its_help_speaks_of_kubectl_dind() {
    let folder = Folder::new("help");
    let plugin = plugin(&folder);
    let help = run(&plugin, &["--help"]);
    assert!(help.contains("Usage: kubectl dind <COMMAND>"), "{help}");
    for command in commands() {
        let help = run(&plugin, &[&command, "--help"]);
        let usage = format!("Usage: kubectl dind {command}");
        assert!(help.contains(&usage), "{help}");
        assert!(
            !help.contains(&format!("dind-injector {command}")),
            "{help}"
        );
    }
    let output = Command::new(&plugin).arg("inject").output().unwrap();
    assert!(text(&output).contains("Usage: kubectl dind inject"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn as_a_plugin_it_works_as_it_does_otherwise() {
    let folder = Folder::new("works");
    let pod = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert/annotated.yaml");
    let args = ["inject", "-f", pod.to_str().unwrap()];
    let injected = run(plugin(&folder), &args);
    assert!(injected.contains("restartPolicy: Always"), "{injected}");
    assert_eq!(injected, run(BINARY, &args));
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(BINARY, &["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let folder = Folder::new("bash");
    for (binary, name) in [
        (PathBuf::from(BINARY), "dind-injector"),
        (plugin(&folder), "kubectl-dind"),
    ] {
        let script = folder.0.join(name).with_extension("bash");
        fs::write(&script, run(&binary, &["completions", "bash"])).unwrap();
        let complete = |words: &[&str]| {
            let (last, before) = (words.len(), words.last().unwrap());
            let function = "$(complete -p $1 | sed 's/.*-F \\([^ ]*\\) .*/\\1/')";
            let program = format!(
                "source {}; COMP_WORDS=(\"$@\"); COMP_CWORD={}; f={function}; \
                 $f \"$1\" {before:?} x; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                script.display(),
                last - 1
            );
            let mut args = vec!["--norc", "-c", &program, "bash"];
            args.extend(words);
            run("/bin/bash", &args)
        };
        assert_eq!(complete(&[name, "conv"]), "convert\n");
        assert_eq!(complete(&[name, "convert", "--wr"]), "--write\n");
        let shells = complete(&[name, "completions", ""]);
        assert!(shells.contains("fish"), "{shells}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new("man");
    let dir = folder.0.join("share/man1");
    run(BINARY, &["man", "--dir", dir.to_str().unwrap()]);
    let mut pages: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected: Vec<String> = commands()
        .iter()
        .map(|command| format!("dind-injector-{command}.1"))
        .chain(["dind-injector.1".to_owned()])
        .collect();
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages {
        let text = fs::read_to_string(dir.join(&page)).unwrap();
        for section in [".TH ", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(text.contains(section), "{page}: {section}");
        }
        assert!(text.contains(env!("CARGO_PKG_VERSION")), "{page}");
        if page.ends_with("-convert.1") {
            assert!(
                text.contains(".SH EXAMPLES\n  dind\\-injector convert"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_manual_that_cannot_be_written_names_the_flag() {
    let folder = Folder::new("man-fails");
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let dir = file.join("man1");
    let args = ["man", "--dir", dir.to_str().unwrap()];
    let output = Command::new(BINARY).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("--dir"), "{}", text(&output));
}
