//! The program as a process that runs on, with the lines of its log.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::patience::PATIENCE;

/// Ended with the test.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    pub fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
            .args(args)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, lines) = sync_channel(1000);
        thread::spawn(move || {
            for line in log {
                // Read on, lest the program wait for its reader.
                let _ = sender.try_send(line.unwrap());
            }
        });
        Self { child, lines }
    }

    /// The next line, or none where it has ended.
    fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line of its log within {PATIENCE:?}"),
        }
    }

    /// The next line, which there must be.
    pub fn line(&self) -> String {
        self.next().expect("it has ended")
    }

    /// The next line that is an event of this message.
    pub fn event(&self, message: &str) -> Value {
        let mut before = String::new();
        while let Some(line) = self.next() {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if event["message"] == message {
                return event;
            }
            before += &(line + "\n");
        }
        panic!("it ended without {message:?}:\n{before}");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        // The log is closed with the process.
        while self.next().is_some() {}
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
