//! A file followed by its content, changed as a kubelet changes a mounted ConfigMap.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dind_injector::follow::Looked;
use dind_injector::reload::{Followed, ReloadError, Source};
use dind_injector::telemetry::metrics::{FollowedFile, Metrics};

use crate::support::patience::until;
use crate::support::scratch;

/// A directory with the `..data` symlink of a ConfigMap mount, removed at the end.
struct Mount(PathBuf);

impl Mount {
    fn new(name: &str, content: &[u8]) -> Self {
        let directory = scratch::folder(name);
        let mount = Self(directory);
        mount.project("..first", content);
        symlink("..data/policy.yaml", mount.0.join("policy.yaml")).unwrap();
        mount
    }

    /// Projects new content as the kubelet does: a new directory, then one rename.
    fn project(&self, version: &str, content: &[u8]) {
        fs::create_dir_all(self.0.join(version)).unwrap();
        fs::write(self.0.join(version).join("policy.yaml"), content).unwrap();
        symlink(version, self.0.join("..data_tmp")).unwrap();
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
    }

    fn source(&self) -> Source {
        Source {
            flag: "--config",
            path: self.0.join("policy.yaml"),
            file: FollowedFile::Policy,
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn number(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.trim().parse()
}

fn shows(metrics: &Metrics, series: &str) -> bool {
    let text = metrics.encode().unwrap();
    text.lines().any(|line| line == series)
}

#[tokio::test]
async fn a_bad_version_is_refused_and_the_old_one_stays_in_force() {
    let mount = Mount::new("reload", b"1\n");
    let metrics = Arc::new(Metrics::new());
    let mut followed = Followed::open(mount.source(), number, Arc::clone(&metrics))
        .await
        .unwrap();
    let current = followed.current();
    assert_eq!(**current.load(), 1);
    // printf '1\n' | sha256sum
    let first = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865";
    assert_eq!(followed.sha256(), first);
    assert!(matches!(followed.look().await, Looked::Unchanged));
    let report = followed.report();
    assert_eq!(report(), format!("sha256 {first}"));

    mount.project("..second", b"two\n");
    let Looked::Refused(error) = followed.look().await else {
        panic!("a bad version was taken");
    };
    let text = error.to_string();
    assert!(
        text.starts_with("cannot use --config") && text.ends_with("invalid digit found in string"),
        "{text}"
    );
    assert!(
        matches!(followed.look().await, Looked::Unchanged),
        "said once"
    );
    assert_eq!(**current.load(), 1);
    assert_eq!(followed.sha256(), first);
    assert_eq!(
        report(),
        format!("sha256 {first} stays in force: {text}"),
        "whoever asks is told"
    );
    assert!(shows(
        &metrics,
        r#"dind_injector_file_refused{file="policy"} 1"#
    ));
    assert!(shows(
        &metrics,
        r#"dind_injector_file_reloads_total{file="policy",result="failed"} 1"#
    ));

    mount.project("..third", b"3\n");
    assert!(matches!(followed.look().await, Looked::Taken));
    assert_eq!(**current.load(), 3);
    assert_eq!(report(), format!("sha256 {}", followed.sha256()));
    assert!(shows(
        &metrics,
        r#"dind_injector_file_refused{file="policy"} 0"#
    ));
    let info = format!(
        r#"dind_injector_policy_info{{sha256="{}"}} 1"#,
        followed.sha256()
    );
    assert!(shows(&metrics, &info), "{info}");
}

#[tokio::test]
async fn a_parser_that_panics_refuses_the_content() {
    let mount = Mount::new("panics", b"1");
    let parse = |text: &str| match text {
        "panic" => panic!("told to"),
        text => number(text),
    };
    let metrics = Arc::new(Metrics::new());
    let mut followed = Followed::open(mount.source(), parse, metrics)
        .await
        .unwrap();
    mount.project("..second", b"panic");
    assert!(matches!(followed.look().await, Looked::Refused(_)));
    assert_eq!(**followed.current().load(), 1);
    mount.project("..third", b"3");
    assert!(matches!(followed.look().await, Looked::Taken));
}

#[tokio::test]
async fn a_file_that_is_away_for_a_while_changes_nothing() {
    let mount = Mount::new("away", b"1");
    let metrics = Arc::new(Metrics::new());
    let mut followed = Followed::open(mount.source(), number, Arc::clone(&metrics))
        .await
        .unwrap();
    fs::remove_file(mount.0.join("..data")).unwrap();
    assert!(matches!(
        followed.look().await,
        Looked::Refused(ReloadError::Read { .. })
    ));
    assert!(
        matches!(followed.look().await, Looked::Unchanged),
        "said once"
    );
    assert!(shows(
        &metrics,
        r#"dind_injector_file_refused{file="policy"} 1"#
    ));
    symlink("..first", mount.0.join("..data")).unwrap();
    assert!(matches!(followed.look().await, Looked::Unchanged));
    assert!(shows(
        &metrics,
        r#"dind_injector_file_refused{file="policy"} 0"#
    ));
    assert_eq!(**followed.current().load(), 1);
}

#[tokio::test]
async fn what_is_no_text_or_too_much_is_refused() {
    let mount = Mount::new("broken", b"1");
    let metrics = Arc::new(Metrics::new());
    let mut followed = Followed::open(mount.source(), number, metrics)
        .await
        .unwrap();
    mount.project("..binary", b"\xff\xfe");
    assert!(matches!(
        followed.look().await,
        Looked::Refused(ReloadError::Refused { .. })
    ));
    mount.project("..huge", &vec![b'1'; 5 << 20]);
    let Looked::Refused(error) = followed.look().await else {
        panic!("a huge file was taken");
    };
    assert!(error.to_string().contains("5242880 bytes"), "{error}");
}

#[tokio::test]
async fn a_first_version_must_be_good() {
    let mount = Mount::new("first", b"one");
    let metrics = Arc::new(Metrics::new());
    let error = Followed::open(mount.source(), number, Arc::clone(&metrics))
        .await
        .unwrap_err();
    assert!(matches!(error, ReloadError::Refused { .. }), "{error}");
    let missing = Source {
        path: mount.0.join("nothing"),
        ..mount.source()
    };
    let error = Followed::open(missing, number, metrics).await.unwrap_err();
    assert!(matches!(error, ReloadError::Read { .. }), "{error}");
}

#[tokio::test]
async fn readers_see_a_change_while_it_runs() {
    let mount = Mount::new("runs", b"1");
    let metrics = Arc::new(Metrics::new());
    let followed = Followed::open(mount.source(), number, metrics)
        .await
        .unwrap()
        .every(Duration::from_millis(2));
    let current = followed.current();
    let running = tokio::spawn(followed.run());
    mount.project("..second", b"2");
    until(|| **current.load() == 2).await;
    running.abort();
}
