//! A value made from a text file, kept current while the file changes.
//!
//! The file may be wrong at any time, and what it configures must go on. If new content is invalid, it is refused,
//! logged once and counted, and the previous value stays in force.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;

use crate::follow::{Last, Looked, Reading};
use crate::telemetry::metrics::{FollowedFile, Metrics};

/// How often the file is read. The kubelet takes up to a minute to project a change.
const POLL: Duration = Duration::from_secs(5);
/// Bytes. A ConfigMap holds at most 1 MiB, so a larger file is a mistake.
const LARGEST: u64 = 4 << 20;

#[derive(Clone, Debug)]
pub struct Source {
    /// The flag that sets its path.
    pub flag: &'static str,
    pub path: PathBuf,
    /// The label in metrics.
    pub file: FollowedFile,
}

/// Why a file's content is not in force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("cannot read {flag} {}: {source}", path.display())]
    Read {
        /// The flag that sets its path.
        flag: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot use {flag} {}: {problem}", path.display())]
    Refused {
        /// The flag that sets its path.
        flag: &'static str,
        path: PathBuf,
        problem: String,
    },
}

#[derive(Debug, Default)]
struct Standing {
    /// SHA-256 of the content in force, in hexadecimal.
    in_force: String,
    /// Why the newest content is refused.
    refused: Option<String>,
}

type Parse<T> = Box<dyn Fn(&str) -> Result<T, String> + Send + Sync>;

pub struct Followed<T> {
    source: Source,
    parse: Parse<T>,
    metrics: Arc<Metrics>,
    poll: Duration,
    current: Arc<ArcSwap<T>>,
    standing: Arc<Mutex<Standing>>,
    last: Last<Vec<u8>>,
}

impl<T> Followed<T> {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// If it cannot be read or is invalid: there is no earlier content to fall back to.
    pub async fn open<E: fmt::Display>(
        source: Source,
        parse: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ReloadError> {
        let parse: Parse<T> =
            Box::new(move |text| parse(text).map_err(|problem| problem.to_string()));
        let content = read(&source).await?;
        let value = value_of(&source, &parse, &content)?;
        let sha256 = sha256(&content);
        let mut last = Last::NOTHING;
        last.next::<ReloadError>(Ok(content));
        let followed = Self {
            current: Arc::new(ArcSwap::from_pointee(value)),
            standing: Arc::default(),
            source,
            parse,
            metrics,
            poll: POLL,
            last,
        };
        followed.taken(sha256);
        Ok(followed)
    }

    /// Reads the file every `poll` instead of every five seconds.
    #[must_use]
    pub fn every(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// The value in force. Loading it takes no lock.
    #[must_use]
    pub fn current(&self) -> Arc<ArcSwap<T>> {
        Arc::clone(&self.current)
    }

    /// SHA-256 of the content in force, in hexadecimal, as `sha256sum` prints it.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.standing().in_force.clone()
    }

    /// For a readiness check: which content is in force, and why newer content is not.
    pub fn report(&self) -> impl Fn() -> String + Send + 'static {
        let standing = Arc::clone(&self.standing);
        move || {
            let Standing { in_force, refused } = &*lock(&standing);
            match refused {
                None => format!("sha256 {in_force}"),
                Some(refused) => format!("sha256 {in_force} stays in force: {refused}"),
            }
        }
    }

    pub async fn look(&mut self) -> Looked<ReloadError> {
        let reading = self.last.next(read(&self.source).await);
        let content = self.last.content().map_or(&[][..], Vec::as_slice);
        let sha256 = || sha256(content);
        match reading {
            Reading::Failed(error) => self.refused(error),
            Reading::FailedAgain
            | Reading::Same {
                after_failure: false,
            } => Looked::Unchanged,
            Reading::Same {
                after_failure: true,
            } => {
                if sha256() == self.sha256() {
                    self.standing().refused = None;
                    self.metrics.gauges().file_agrees(self.source.file);
                }
                Looked::Unchanged
            }
            Reading::New => match value_of(&self.source, &self.parse, content) {
                Ok(value) => {
                    self.current.store(Arc::new(value));
                    self.taken(sha256());
                    Looked::Taken
                }
                Err(error) => self.refused(error),
            },
        }
    }

    /// Reads the file again and again until it is dropped.
    pub async fn run(mut self) {
        let mut looks = tokio::time::interval(self.poll);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let looked = self.look().await;
            let file = self.source.file.as_str();
            match looked {
                Looked::Unchanged => {}
                Looked::Taken => {
                    tracing::info!(file, sha256 = self.sha256(), "took a file's new content");
                }
                Looked::Refused(error) => {
                    tracing::error!(
                        file,
                        %error,
                        in_force = self.sha256(),
                        "refused a file's new content, the old one stays in force"
                    );
                }
            }
        }
    }

    fn taken(&self, in_force: String) {
        let gauges = self.metrics.gauges();
        gauges.file_reloaded(self.source.file);
        match self.source.file {
            FollowedFile::Policy => gauges.policy_in_force(&in_force, SystemTime::now()),
            FollowedFile::ClientCa | FollowedFile::LogFilter => {}
        }
        *self.standing() = Standing {
            in_force,
            refused: None,
        };
    }

    fn refused(&self, error: ReloadError) -> Looked<ReloadError> {
        self.standing().refused = Some(error.to_string());
        self.metrics.gauges().file_refused(self.source.file);
        Looked::Refused(error)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        lock(&self.standing)
    }
}

impl<T> fmt::Debug for Followed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed")
            .field("source", &self.source)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

fn lock(standing: &Mutex<Standing>) -> MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(source: &Source) -> Result<Vec<u8>, ReloadError> {
    let failed = |error| ReloadError::Read {
        flag: source.flag,
        path: source.path.clone(),
        source: error,
    };
    let size = tokio::fs::metadata(&source.path)
        .await
        .map_err(failed)?
        .len();
    if size > LARGEST {
        return Err(failed(io::Error::other(format!(
            "it has {size} bytes, more than the {LARGEST} that a configuration may have"
        ))));
    }
    tokio::fs::read(&source.path).await.map_err(failed)
}

fn value_of<T>(source: &Source, parse: &Parse<T>, content: &[u8]) -> Result<T, ReloadError> {
    let value = match std::str::from_utf8(content) {
        // A panic of ours must not remove the value in force either.
        Ok(text) => catch_unwind(AssertUnwindSafe(|| parse(text)))
            .unwrap_or_else(|_| Err("dind-injector failed on it; its log says where".to_owned())),
        Err(error) => Err(error.to_string()),
    };
    value.map_err(|problem| ReloadError::Refused {
        flag: source.flag,
        path: source.path.clone(),
        problem,
    })
}

fn sha256(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
