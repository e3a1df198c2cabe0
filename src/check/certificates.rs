//! Certificates: whether the API server trusts what the replicas serve, and for how long.

use std::time::{Duration, SystemTime};

use crate::check::installed::Installed;
use crate::check::outcome::{Check, counted};
use crate::check::questions::{CA_BUNDLE, CA_LIFETIME, CERTIFICATE};
use crate::check::read::Unread;
use crate::check::replicas::ADMIN_PORT;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A self-managed leaf lives for a week and is renewed at two thirds; mounted ones for longer.
const SHORT_LEAF: Duration = DAY;
/// A CA is renewed months before.
const SHORT_CA: Duration = Duration::from_secs(30 * 24 * 3600);

/// The caBundle of one webhook.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The webhook's name.
    pub webhook: String,
    /// What is in it.
    pub content: BundleContent,
}

/// What is in a caBundle.
#[derive(Clone, Debug)]
pub enum BundleContent {
    /// Nothing.
    Empty,
    /// No certificate of a CA; why, for people.
    Unreadable(String),
    /// CAs, by their last moments.
    Cas(Vec<SystemTime>),
}

/// What a replica serves.
#[derive(Clone, Debug)]
pub struct Served {
    /// The certificate's last moment.
    pub not_after: SystemTime,
    /// Whether a client that trusts a webhook's caBundle, by the webhook's name, takes it for the Service.
    pub trusted: Vec<(String, Result<(), String>)>,
}

/// Every check of certificates.
pub fn checks(installed: &Installed) -> Vec<Check> {
    let mut checks = Vec::new();
    // Where there is no webhook, its own check says so.
    if !installed.bundles.is_empty() {
        checks.push(ca_bundle(installed));
        checks.extend(ca_lifetime(installed));
    }
    if !installed.replicas.is_empty() {
        checks.push(certificate(installed));
    }
    checks
}

fn ca_bundle(installed: &Installed) -> Check {
    let home = &installed.home;
    let fix = format!(
        "self-managed: kubectl -n {home} logs deployment/{} says why it is not put right; \
         files: set certificates.files.caBundle; cert-manager: does its cainjector run?",
        installed.name
    );
    for Bundle { webhook, content } in &installed.bundles {
        match content {
            BundleContent::Empty => {
                return CA_BUNDLE.fails(
                    format!("{webhook} has no caBundle: the API server trusts no replica"),
                    fix,
                );
            }
            BundleContent::Unreadable(why) => {
                return CA_BUNDLE.fails(format!("the caBundle of {webhook} is no CA: {why}"), fix);
            }
            BundleContent::Cas(ends) => {
                if ends.iter().all(|end| *end <= installed.now) {
                    let found = format!("every CA in the caBundle of {webhook} has expired");
                    return CA_BUNDLE.fails(found, fix);
                }
            }
        }
    }
    for replica in &installed.replicas {
        let Ok(served) = &replica.certificate else {
            continue;
        };
        for (webhook, trusted) in &served.trusted {
            if let Err(why) = trusted {
                return CA_BUNDLE.fails(
                    format!(
                        "the caBundle of {webhook} is not that of what {} serves: {why}",
                        replica.pod
                    ),
                    fix,
                );
            }
        }
    }
    let count = installed.bundles.len();
    let unread = installed
        .replicas
        .iter()
        .find_map(|replica| replica.certificate.as_ref().err());
    match unread {
        Some(unread) => CA_BUNDLE.could_not_ask_but(
            format!(
                "valid; whether it is that of what is served: {}",
                told(unread)
            ),
            fix_of(unread),
        ),
        None if installed.replicas.is_empty() => CA_BUNDLE.ok(format!(
            "valid for {}; no replica serves anything",
            counted(count, "webhook")
        )),
        None => CA_BUNDLE.ok(format!(
            "what {} serve is trusted for {}",
            counted(installed.replicas.len(), "replica"),
            counted(count, "webhook")
        )),
    }
}

/// Of the CA that is valid for the longest: renewal adds one before the other ends.
fn ca_lifetime(installed: &Installed) -> Option<Check> {
    let newest = installed
        .bundles
        .iter()
        .filter_map(|bundle| match &bundle.content {
            BundleContent::Cas(ends) => ends.iter().max().copied(),
            BundleContent::Empty | BundleContent::Unreadable(_) => None,
        });
    let end = newest.min()?;
    let left = end.duration_since(installed.now).ok()?;
    let found = format!("valid for {} more", days(left));
    Some(match left < SHORT_CA {
        true => CA_LIFETIME.warns(
            found,
            "self-managed CAs are renewed at two thirds of their year: the log says why not; replace another",
        ),
        false => CA_LIFETIME.ok(found),
    })
}

fn certificate(installed: &Installed) -> Check {
    let mut soonest: Option<(SystemTime, &str)> = None;
    for replica in &installed.replicas {
        match &replica.certificate {
            Ok(served) => {
                if soonest.is_none_or(|(end, _)| served.not_after < end) {
                    soonest = Some((served.not_after, &replica.pod));
                }
            }
            Err(unread) => return CERTIFICATE.could_not_ask_but(told(unread), fix_of(unread)),
        }
    }
    let Some((end, pod)) = soonest else {
        return CERTIFICATE.could_not_ask_but("no replica was asked", ADMIN_PORT);
    };
    let fix = format!(
        "kubectl -n {} logs {pod} says why it is not renewed",
        installed.home
    );
    match end.duration_since(installed.now) {
        Err(_) => CERTIFICATE.fails(format!("that of {pod} has expired"), fix),
        Ok(left) if left < SHORT_LEAF => CERTIFICATE.warns(
            format!("that of {pod} is valid for {} more", days(left)),
            fix,
        ),
        Ok(left) => CERTIFICATE.ok(format!("each is valid for {} more", days(left))),
    }
}

fn told(unread: &Unread) -> String {
    match unread {
        Unread::Missing => "the replica is of a version that does not say".to_owned(),
        Unread::Forbidden(_) | Unread::Failed(_) => unread.to_string(),
    }
}

fn fix_of(unread: &Unread) -> &'static str {
    match unread {
        Unread::Missing => "upgrade it: the port 9090 must have /certificate",
        Unread::Forbidden(_) | Unread::Failed(_) => ADMIN_PORT,
    }
}

/// A time in days, or in hours where it is less than two days.
pub fn days(time: Duration) -> String {
    match time.as_secs() / DAY.as_secs() {
        0 | 1 => format!("{} hours", time.as_secs() / 3600),
        days => format!("{days} days"),
    }
}
