//! Named checks that must pass before reviews are sent here, each with the reason why it fails.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A shared list of checks. Ready if all pass.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    name: &'static str,
    probe: Probe,
}

/// The text of a passing check is shown, and changes nothing.
type Probe = Box<dyn Fn() -> Result<Option<String>, String> + Send>;

/// A check that code sets. It fails with "starting" until it is set.
#[derive(Clone, Debug)]
pub struct Check(Arc<Mutex<Option<String>>>);

/// The results of all checks at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    pub ready: bool,
    /// One line for each check, as in Kubernetes' own components.
    pub text: String,
}

impl Readiness {
    /// Without checks, it is ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that runs at every probe. It must be fast and must not block.
    pub fn probe(
        &self,
        name: &'static str,
        probe: impl Fn() -> Result<(), String> + Send + 'static,
    ) {
        self.probe_in_detail(name, move || probe().map(|()| None));
    }

    /// As [`Self::probe`], but the check may have a text when it passes.
    pub fn probe_in_detail(
        &self,
        name: &'static str,
        probe: impl Fn() -> Result<Option<String>, String> + Send + 'static,
    ) {
        lock(&self.0).push(Entry {
            name,
            probe: Box::new(probe),
        });
    }

    /// Adds a check that code sets.
    #[must_use]
    pub fn check(&self, name: &'static str) -> Check {
        let check = Check(Arc::new(Mutex::new(Some("starting".to_owned()))));
        let asked = check.clone();
        self.probe(name, move || lock(&asked.0).clone().map_or(Ok(()), Err));
        check
    }

    #[must_use]
    pub fn report(&self) -> Report {
        let mut ready = true;
        let mut text = String::new();
        for Entry { name, probe } in lock(&self.0).iter() {
            // Writing to a string does not fail.
            let _ = match probe() {
                Ok(None) => writeln!(text, "[+]{name} ok"),
                Ok(Some(detail)) => writeln!(text, "[+]{name} ok: {detail}"),
                Err(reason) => {
                    ready = false;
                    writeln!(text, "[-]{name} failed: {reason}")
                }
            };
        }
        text.push_str(if ready {
            "readyz check passed\n"
        } else {
            "readyz check failed\n"
        });
        Report { ready, text }
    }
}

impl Check {
    pub fn pass(&self) {
        *lock(&self.0) = None;
    }

    /// The check fails for this reason.
    pub fn fail(&self, reason: impl Into<String>) {
        *lock(&self.0) = Some(reason.into());
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&self.report()).finish()
    }
}

/// These values are consistent even after a panic elsewhere: each is written in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ready_when_every_check_passes() {
        let readiness = Readiness::new();
        let policy = readiness.check("policy");
        readiness.probe("certificate", || Ok(()));
        assert_eq!(
            readiness.report().text,
            "[-]policy failed: starting\n[+]certificate ok\nreadyz check failed\n"
        );
        policy.pass();
        let report = readiness.report();
        assert!(report.ready);
        assert_eq!(
            report.text,
            "[+]policy ok\n[+]certificate ok\nreadyz check passed\n"
        );
        policy.fail("line 3: unknown field");
        assert!(!readiness.report().ready);
    }

    #[test]
    fn a_check_that_holds_may_say_more() {
        let readiness = Readiness::new();
        readiness.probe_in_detail("namespaces", || Ok(Some("the watch is down".to_owned())));
        let report = readiness.report();
        assert!(report.ready);
        assert_eq!(
            report.text,
            "[+]namespaces ok: the watch is down\nreadyz check passed\n"
        );
    }
}
