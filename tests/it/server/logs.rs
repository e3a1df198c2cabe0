//! Which lines are logged is changed in a file, under a process that runs on.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::support::scratch;

struct Logging {
    child: Child,
    directory: PathBuf,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Logging {
    fn start(name: &str, filter: &str) -> Self {
        let directory = scratch::folder(name);
        let file = directory.join("filter");
        fs::write(&file, filter).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
            .args(["serve", "--no-cluster", "--listen=127.0.0.1:0"])
            .args(["--admin-listen=127.0.0.1:0", "--log-filter-file"])
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            directory,
            lines,
        }
    }

    fn set(&self, filter: &str) {
        fs::write(self.directory.join("filter.new"), filter).unwrap();
        fs::rename(
            self.directory.join("filter.new"),
            self.directory.join("filter"),
        )
        .unwrap();
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it has ended").unwrap();
        serde_json::from_str(&line).expect(&line)
    }
}

#[test]
fn a_running_webhook_logs_more_or_less_when_its_file_says_so() {
    // It says "serving" at level info, and has read the file by then.
    let mut logging = Logging::start("logs", "info\n");
    while logging.next()["message"] != "serving" {}
    logging.set("warn,dind_injector::reload=info\n");
    let taken = logging.next();
    assert_eq!(taken["message"], "took a file's new content", "{taken}");
    assert_eq!(taken["file"], "log_filter");

    logging.set("debgu\n");
    let refused = logging.next();
    assert_eq!(refused["level"], "ERROR", "{refused}");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("is no filter of log lines"), "{error}");

    logging.set("info\n");
    assert_eq!(logging.next()["level"], "INFO");
}

#[test]
fn it_does_not_start_by_a_filter_that_is_none() {
    let mut logging = Logging::start("wrong-logs", "loud\n");
    assert_eq!(logging.child.wait().unwrap().code(), Some(2));
    let line = logging.lines.next().unwrap().unwrap();
    assert!(
        line.starts_with("error: cannot use --log-filter-file"),
        "{line}"
    );
}
