//! Which lines are logged is changed in a file, under a process that runs on.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::program::Program;
use crate::support::scratch;

struct Logging {
    program: Program,
    directory: PathBuf,
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Logging {
    fn start(name: &str, filter: &str) -> Self {
        let directory = scratch::folder(name);
        let file = directory.join("filter");
        fs::write(&file, filter).unwrap();
        let program = Program::start([
            "serve",
            "--no-cluster",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--log-filter-file",
            file.to_str().unwrap(),
        ]);
        Self { program, directory }
    }

    fn set(&self, filter: &str) {
        fs::write(self.directory.join("filter.new"), filter).unwrap();
        fs::rename(
            self.directory.join("filter.new"),
            self.directory.join("filter"),
        )
        .unwrap();
    }

    fn next(&self) -> Value {
        let line = self.program.line();
        serde_json::from_str(&line).expect(&line)
    }
}

#[test]
fn a_running_webhook_logs_more_or_less_when_its_file_says_so() {
    // It says "serving" at level info, and has read the file by then.
    let logging = Logging::start("logs", "info\n");
    logging.program.event("serving");
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
    let line = logging.program.line();
    assert!(
        line.starts_with("error: cannot use --log-filter-file"),
        "{line}"
    );
    assert_eq!(logging.program.ended().code(), Some(2));
}
